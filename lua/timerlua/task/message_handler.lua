-- Message handlers, the second argument of xpcall. A handler runs inside the error and
-- cannot wait. If it tries, Lua says "error in error handling" and forgets the error that
-- the handler was called for. So xpcall is replaced: it returns that error as it was
-- raised, and the wait is reported.
local errors = require "timerlua.core.errors"
local misuse = require "timerlua.core.misuse"
local xpcall = require "timerlua.core.native_xpcall"

local message_handler = {}

--- @class timerlua.Handling an error for which a handler runs
--- @field err any
--- @field refused string? why it could not wait
--- @field traceback string?
--- @field over true? its xpcall has returned

-- The innermost that may still run; one variable, since nothing else runs until a handler
-- returns. Lua may call a handler several times for one xpcall, or not at all, so each
-- xpcall puts back what it found.
local current

-- By handler. A stand-in refers to its handler, so the table must hold neither.
local stand_ins = setmetatable({}, { __mode = "kv" })

-- It ends by a tail call, so that the handler finds the levels of the stack unchanged.
local function stand_in_for(handler)
  local stand_in = stand_ins[handler]
  if not stand_in then
    stand_in = function(err)
      -- after a pcall in the handler, Lua calls it again for its own error
      if current and current.refused and rawequal(current.refused, err) then return err end
      current = { err = err }
      return handler(err)
    end
    stand_ins[handler] = stand_in
  end
  return stand_in
end

local function settle(outer, ok, ...)
  local handling = current
  -- a coroutine that a handler began may end its xpcall much later
  current = not (outer and outer.over) and outer or nil
  if handling and handling ~= outer then handling.over = true end
  if ok or handling == outer then return ok, ... end
  local refused, result = handling.refused, ...
  if refused and (result == "error in error handling" or rawequal(result, refused)) then
    errors.report(refused, handling.traceback, { kind = "message handler" })
    return false, handling.err
  end
  return false, ...
end

function _G.xpcall(fn, handler, ...)
  if type(handler) ~= "function" then
    error(("bad argument #2 to 'xpcall' (function expected, got %s)"):format(type(handler)), 2)
  end
  return settle(current, xpcall(fn, stand_in_for(handler), ...))
end

--- Raise if a message handler runs here.
--- @param where string the public function that would wait
function message_handler.refuse(where)
  if not current then return end
  current.refused = misuse.text(where, "called inside a message handler of xpcall, which "
    .. "cannot wait; wait when xpcall has returned")
  current.traceback = debug.traceback("", 2):sub(2)
  error(current.refused, 0)
end

return message_handler
