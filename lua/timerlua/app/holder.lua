-- The holder of the loop: the callback that runs, for the report of one that does not
-- return. Called in a copy of the process that was interrupted anywhere
-- (runtime/app/holder.c), so it only looks.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local anchors = require "timerlua.core.anchors"
local errors = require "timerlua.core.errors"
local later = require "timerlua.core.later"
local wait = require "timerlua.task.wait"

local shared = core.shared
local info = ffi.new("tl_handle_info")

local holder = {}

local function source()
  local co = core.dispatcher.owned()
  if co and wait.tasks[co] then return wait.tasks[co] end
  local slot, generation = shared.current_slot, shared.current_generation
  if not co or core.C.tl_handle_info_get(core.loop, slot, generation, info) ~= 0 then
    return nil
  end
  local _, object = anchors.get(slot)
  return object
end

--- The report that a signal ends the process, since a callback has not returned within
--- the stop grace.
function holder.report(signal)
  local signame, held_by = later.load "timerlua.system.signame", source()
  return ("timerlua: %s: %s has held the loop for more than %g s; ending at once\n"):format(
    signame.name(signal), held_by and errors.name(held_by) or "a callback",
    shared.stop_grace_s)
end

return holder
