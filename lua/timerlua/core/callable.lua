-- Callbacks: what may be called, and where a callback was defined.
local misuse = require "timerlua.core.misuse"

local getmetatable_of = debug.getmetatable -- a host may remove it for scripts

local callable = {}

-- A number, a timer or another cdata is none, although the FFI's metatable has a __call
-- for all of them.
local function is_callable(value)
  local kind = type(value)
  if kind == "function" then return true end
  if kind == "cdata" then return false end
  local meta = getmetatable_of(value)
  return type(meta) == "table" and type(meta.__call) == "function"
end

callable.is = is_callable

--- Raise unless the value can be called.
--- @param where string the public function
--- @param what string the parameter
--- @param rule? string the expected value, default "a function"
function callable.check(where, what, value, rule)
  if is_callable(value) then return end
  misuse.got(where, ("%s must be %s"):format(what, rule or "a function"), value)
end

--- The same as a function proper, which the core can call.
function callable.plain(value)
  if type(value) == "function" then return value end
  return callable.stand_in(function(...) return value(...) end, value)
end

-- Functions of ours that stand in for a script's functions.
local originals = setmetatable({}, { __mode = "k" })

--- Have `wrapper` count as `fn` where sites are reported.
function callable.stand_in(wrapper, fn)
  originals[wrapper] = fn
  return wrapper
end

-- Classes of ours whose objects stand in for a script's functions: the field with it.
local fields = {}

--- Have each object of a class count, where sites are reported, as the function in a field
--- of the object. Unlike `stand_in`, this lets a function be collected that refers to the
--- object.
--- @param class table the objects' metatable
--- @param field string
function callable.stand_ins(class, field)
  fields[class] = field
end

local function original(value)
  local field = type(value) == "table" and fields[getmetatable_of(value) or false]
  if field then value = rawget(value, field) end
  return originals[value or false] or value
end

--- Where a function was defined, "file:line"; "file" for a script's main chunk; for a
--- callable object, where its __call was defined. A script may have replaced the value.
--- @return string? site nil for anything else
function callable.site(value)
  value = original(value)
  if not is_callable(value) then return nil end -- a thread: a task has its own function
  if type(value) ~= "function" then value = getmetatable_of(value).__call end
  local info = debug.getinfo(value, "S")
  if info.what == "C" then return "[C]" end
  if info.what == "main" then return info.short_src end
  return info.short_src .. ":" .. info.linedefined
end

return callable
