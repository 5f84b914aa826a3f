-- Idle connections of a listener: those on which no byte has moved for a time are closed.
-- One timer looks at all of them, and only while there are any.
local core = require "timerlua.core.ffi"
local ending = require "timerlua.net.connection.ending"
local object = require "timerlua.net.connection.object"
local timer = require "timerlua.loop.timer"

local C, loop = core.C, core.loop
local NONE, FOUND = C.TL_IDLE_NONE, C.TL_IDLE_FOUND
local found = core.new_id()

local LOOKS = 8 -- in the time of the limit: a connection is closed late by a quarter at most
local SHORTEST_PAUSE = 0.001 -- seconds between looks
local MOST_CLOSED = 64 -- in a turn

local idle = {}

-- Look at a part of the connections, so that no turn becomes long. Returns whether these
-- were the last.
local function look_on(count)
  found.slot = count.looked_at
  for _ = 1, MOST_CLOSED do
    local result = C.tl_stream_next_idle(loop, count.slot, count.generation,
      count.idle_timeout, found)
    if result == NONE then
      count.looked_at = 0
      return true
    elseif result ~= FOUND then
      break
    end
    count.idle = count.idle + 1
    local conn = object.all[found.slot] -- nil: garbage that still has to be finalized
    if conn then ending.expired(conn) end
  end
  count.looked_at = found.slot
  return false
end

local function look(_, count)
  local delay = look_on(count) and math.max(count.idle_timeout / LOOKS, SHORTEST_PAUSE) or 0
  count.is_watched = false
  if delay == 0 or count.open > 0 then idle.watch(count, delay) end
end

--- Close the connections of a listener when they are idle.
--- @param count table what the listener's connections share: slot, generation: the
---   listener; open: the number of connections; idle_timeout: seconds; looked_at: 0
--- @param delay? number seconds until the next look
function idle.watch(count, delay)
  if count.is_watched then return end
  local next_look = timer.after(delay or 0, look, count)
  if not next_look then return end -- ENOMEM: the next connection tries again
  next_look.name = "idle connections"
  next_look:unref()
  count.is_watched = true
end

return idle
