std = "luajit"
max_line_length = 100
files["tests"] = { std = "luajit+busted", globals = { "finally" } }
files["scripts"] = { std = "luajit" }
