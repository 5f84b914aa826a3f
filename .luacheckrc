std = "luajit"
max_line_length = 100
files["tests"] = { std = "luajit+busted", globals = { "finally" } }
files["tests/embed"] = { globals = { "act", "by_hand", "seed", "stuck", "wakeups" } }
files["scripts"] = { std = "luajit" }
-- What a program that embeds the runtime takes from scripts, and gives them.
local taken = { "bit", "debug", "dofile", "io", "jit", "load", "loadfile", "loadstring",
  "os", "package", "print", "string" }
files["lua/timerlua/app/embedding.lua"] = { globals = taken }
files["lua/timerlua/app/restrict.lua"] = { globals = taken }
files["lua/timerlua/task/coroutines.lua"] = { globals = { "coroutine" } } -- replaces two functions
