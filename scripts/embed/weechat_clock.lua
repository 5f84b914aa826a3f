-- For weechat_plugin.c: a clock inside WeeChat, which a socket asks how often
-- it ticked, for how many seconds, and what /timerlua said last. What comes in
-- after a slash is a command for WeeChat.
local tl = require "timerlua"

local start, ticks, early, said = tl.now(), 0, 0, "nothing"
tl.every("10ms", function(timer)
  ticks = ticks + 1 + timer.missed
  if timer.late < 0 then early = early + 1 end
end)

local server = assert(tl.listen(os.getenv("CLOCK_ADDRESS") or "127.0.0.1:7070", function(conn)
  for line in conn:lines() do
    if line:sub(1, 1) == "/" then command(line) end -- luacheck: globals command
    conn:send(("%d ticks, %d early, %.3f s, said %s\n"):format(
      ticks, early, tl.now() - start, said))
  end
end))
print("the clock listens at " .. server:sock())

--- What was typed after /timerlua.
function on_command(text) -- luacheck: globals on_command
  said = text
end
