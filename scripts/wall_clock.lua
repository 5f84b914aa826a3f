#!/usr/bin/env timerlua
-- Timers at instants of the wall clock; they follow the clock when it is set.
-- Run: timerlua scripts/wall_clock.lua; ends by itself within 3 s.
local tl = require "timerlua"

tl.on("clock_jump", function(seconds)
  print(("the wall clock was set %+.1f s"):format(seconds))
end)

local function show(timer, what)
  print(("%s  %s, %.0f us late"):format(
    os.date("%H:%M:%S", timer.due), what, timer.late * 1e6))
end

-- Seconds since 1970, as tl.time() and os.time() count them.
local second = math.ceil(tl.time())
tl.at(second, show, "the next full second")

-- The table that os.date makes.
tl.at(os.date("*t", second + 1), show, "one second after it")

-- ISO 8601: "Z" is UTC, "+01:00" an offset, neither is local time.
tl.at(os.date("!%Y-%m-%dT%H:%M:%S.5Z", second + 1), show, "and a half")

-- An instant in the past runs on the next turn.
tl.at("2000-01-01", function() print("2000-01-01 was a while ago") end)
