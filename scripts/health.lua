#!/usr/bin/env timerlua
-- Checks the health of HTTP servers: each target has its own timer, and a check
-- has a time limit and is tried again before it counts as failed. Jitter keeps
-- the checks from coming all at once.
-- Run: timerlua scripts/health.lua 127.0.0.1:8080 ...; Ctrl-C ends it.
local tl = require "timerlua"
io.stdout:setvbuf("line")

local PERIOD, LIMIT, TRIES = 2, 0.5, 3
local state = {}

local function ask(target)
  local conn = tl.connect(target)
  if not conn then return "down" end
  tl.defer(conn.close, conn) -- when the check ends
  conn:send("GET / HTTP/1.0\r\n\r\n")
  local answer = conn:receive()
  return answer and answer:find("^HTTP/1%.%d 200") and "up" or "sick"
end

local function check(_, target)
  local result
  for try = 1, TRIES do
    result = tl.timeout(LIMIT, ask, target) or "silent"
    if result == "up" then break end
    if try < TRIES then tl.sleep(0.1 * 2 ^ try * (0.5 + math.random())) end
  end
  if result ~= state[target] then print(target .. " is " .. result) end
  state[target] = result
end

for _, target in ipairs(arg) do
  tl.after(math.random() * PERIOD, function() tl.every(PERIOD, check, target) end)
end
