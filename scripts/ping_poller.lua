#!/usr/bin/env timerlua
-- Pings hosts, all at once: each by a command of its own, whose output is read
-- line by line with a deadline. A command that is late is ended and tried again.
-- Run: timerlua scripts/ping_poller.lua [host ...]; PING="fping -e" would use
-- another command that prints "time=".
local tl = require "timerlua"
io.stdout:setvbuf("line")

local DEADLINE, TRIES, PAUSE = 1, 3, 0.1
local command = os.getenv("PING") or "ping -n -c 1"

-- Whatever ends this early, the deadline too, ends the ping.
local function ask(host)
  local argv = {}
  for word in command:gmatch("%S+") do argv[#argv + 1] = word end
  argv[#argv + 1] = host
  local ping, message = tl.exec(argv, { stdout = "pipe", stderr = "null", kill_after = 0.2 })
  if not ping then return nil, message end
  for line in ping.stdout:lines() do
    local ms = line:match("time=([%d.]+)")
    if ms then return ms .. " ms" end
  end
  local status = ping:wait()
  return nil, "no answer (" .. (status.code or status.signal) .. ")"
end

local function poll(host)
  for try = 1, TRIES do
    local answer, why = tl.timeout(DEADLINE, ask, host)
    print(("%s, try %d: %s"):format(host, try, answer or why))
    if answer then return end
    if try < TRIES then tl.sleep(PAUSE * 2 ^ try) end
  end
end

for _, host in ipairs(arg[1] and arg or { "127.0.0.1" }) do
  tl.spawn(poll, host)
end
