#!/usr/bin/env timerlua
-- A filter: it passes on the lines that match a pattern, while a status line
-- ticks on standard error. It waits for a slow reader.
-- Run: timerlua scripts/stdin_filter.lua pattern [period] <file; it ends with its
-- input, and Ctrl-C ends it before.
local tl = require "timerlua"

local pattern, period = arg[1] or "", arg[2] or "1s"
local read, passed, start = 0, 0, tl.now()

local function show_status(finish)
  tl.stderr:send(("\r%d lines, %d passed, %.1f s%s"):format(read, passed,
    tl.now() - start, finish == "\n" and finish or " "))
end

local ticker = tl.every(period, show_status)
for line in tl.stdin:lines() do
  read = read + 1
  if line:find(pattern) then
    passed = passed + 1
    assert(tl.stdout:send(line .. "\n"))
  end
end
ticker:cancel()
show_status("\n")
