-- For redis_module.c: timers that act on keys, and a server of its own inside
-- redis-server. SET limit:NAME sets how many a NAME may take; every 50 ms its
-- budget is full again; "take NAME" on the socket takes one of it.
local tl = require "timerlua"
local call = redis.call -- luacheck: globals redis

tl.every("50ms", function(timer)
  call("INCRBY", "refills", 1 + timer.missed)
  call("SET", "tokens:mail", call("GET", "limit:mail") or 0)
end)

local server = assert(tl.listen("127.0.0.1:0", function(conn)
  for line in conn:lines() do
    local name = line:match("^take (%w+)$")
    local left = name and call("DECR", "tokens:" .. name)
    conn:send((not left and "what?" or left >= 0 and "yes" or "no") .. "\n")
  end
end))
call("SET", "server", server:sock())

-- A key that is not a number: the error is a value, the server lives on.
tl.after("10ms", function()
  call("SET", "word", "hello")
  local _, message = call("INCR", "word")
  call("SET", "message", message)
end)
