-- Checks of the arguments of scripts. Each check raises at the line that called into
-- timerlua (misuse.lua) and names the public function (`where`) and the parameter (`what`);
-- no message is built unless the check fails.
local entries = require "timerlua.core.entries"
local misuse = require "timerlua.core.misuse"
local nearest = require "timerlua.core.nearest"

local check = {}

-- ---------------------------------------------------------------------------
-- objects

--- Raise: a method was called on a value that is not an object of its class.
--- @param method string "send"
--- @param class string the class in messages: "channel"
--- @param object string the expected object: "a channel"
--- @param variable string the name of such an object in the message
function check.wrong_self(value, method, class, object, variable)
  misuse.got(("%s:%s"):format(class, method), ("it must be called on %s, as %s:%s()")
    :format(object, variable, method), value)
end

--- A check for the methods of a class, called with `self` and the method's name.
--- @param metatable table of the class's objects
--- @param class string the class in messages: "channel"
--- @param object string "a channel"
--- @param variable? string default: the class
--- @return fun(self: any, method: string)
function check.self_of(metatable, class, object, variable)
  return function(self, method)
    if getmetatable(self) ~= metatable then
      check.wrong_self(self, method, class, object, variable or class)
    end
  end
end

-- ---------------------------------------------------------------------------
-- numbers

--- Whether a value is a whole number in this range, ends included; infinity and NaN never
--- are.
--- @param least number
--- @param most? number
function check.is_whole(value, least, most)
  return type(value) == "number" and value % 1 == 0 and value >= least
    and (most == nil or value <= most)
end

local is_whole = check.is_whole

local function refuse_number(where, what, noun, value, least, most)
  local range = most and ("from %.0f to %.0f"):format(least, most) or (">= %.0f"):format(least)
  misuse.got(where, ("%s must be %s %s"):format(what, noun, range), value)
end

--- Raise unless the value is a whole number in this range, ends included.
--- @param most? number
--- @return integer value
function check.whole(where, what, value, least, most)
  if is_whole(value, least, most) then return value end
  refuse_number(where, what, "a whole number", value, least, most)
end

--- The same; the message says "an integer".
--- @param most? number
--- @return integer value
function check.integer(where, what, value, least, most)
  if is_whole(value, least, most) then return value end
  refuse_number(where, what, "an integer", value, least, most)
end

--- Raise unless the value is true or false.
--- @return boolean value
function check.boolean(where, what, value)
  if type(value) == "boolean" then return value end
  misuse.got(where, what .. " must be true or false", value)
end

-- ---------------------------------------------------------------------------
-- options

--- A set of names for check.options, from lists of words.
--- @param ... string "after every at"
--- @return table<string, true> known
function check.names(...)
  local known = {}
  for _, list in ipairs { ... } do
    for name in list:gmatch("%S+") do known[name] = true end
  end
  return known
end

local function refuse_option(where, name, known)
  local names = {}
  for each in entries(known) do names[#names + 1] = each end
  table.sort(names)
  local meant = type(name) == "string" and nearest.of(name, names)
  misuse.raise(where, ("an option must be one of %s, got %s%s"):format(
    table.concat(names, ", "), misuse.show(name),
    meant and ("; did you mean %q?"):format(meant) or ""))
end

--- Raise unless the value is nil or a table of known options.
--- @param known table<string, any> from check.names
--- @param what? string the name of the table, default "opts"
--- @return table options the given ones, each read once: the caller's table may have
---   metamethods, which may raise or return another value the next time
function check.options(where, options, known, what)
  if options == nil then return {} end
  if type(options) ~= "table" then
    misuse.got(where, (what or "opts") .. " must be a table", options)
  end
  for name in entries(options) do
    if known[name] == nil then refuse_option(where, name, known) end
  end
  local read = {}
  for name in entries(known) do read[name] = options[name] end
  return read
end

return check
