-- For the hosts beside it that have a main loop of their own: a timer on a grid,
-- a server, and its client. They run it as their first argument.
local tl = require "timerlua"

--- What a host read from its standard input.
function on_input(text) -- luacheck: globals on_input
  print("input: " .. text:match("[^\n]*"))
end

local ticks, early = 0, 0
local ticker = tl.every("10ms", function(timer)
  ticks = ticks + 1 + timer.missed
  if timer.late < 0 then early = early + 1 end
end)

local server = assert(tl.listen("127.0.0.1:0", function(conn)
  for line in conn:lines() do conn:send(line:upper() .. "\n") end
end))

local conn = assert(tl.connect(server:sock()))
local start = tl.now()
for i = 1, 5 do
  tl.sleep(start + i * 0.1 - tl.now())
  assert(conn:send("line " .. i .. "\n"))
  print(assert(conn:receive("*l")))
end
conn:close()
server:close()
ticker:cancel()
print(("%s ticks, %d early"):format(ticks >= 48 and "all" or ticks, early))
