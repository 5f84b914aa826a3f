-- What modules have to do when the script ends. They are loaded when they are needed, so
-- the end does not know which there are.
local closing = {}

local duties = { error = {}, exit = {} }
local owns_process = false -- see closing.own_process

--- Have `fn` called at the script's end.
--- @param moment "error"|"exit" after an error that ends the script, before the "stop"
---   handlers; or when the process ends
function closing.at(moment, fn)
  table.insert(duties[moment], fn)
end

function closing.run(moment)
  for _, fn in ipairs(duties[moment]) do fn() end
end

--- The process ends with the script, and its children are to end with this thread: for a
--- program whose only loop it runs. A host's threads may come and go.
function closing.own_process()
  owns_process = true
end

--- Whether the process ends with the script.
--- @return boolean
function closing.owns_process()
  return owns_process
end

return closing
