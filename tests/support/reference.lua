-- The functions of docs/reference.md, as a spec that walks all of them needs them.
local support = require "tests.support"

local reference = {}

--- @class tests.Argument
--- @field name string
--- @field type string the text of its type, "" if the page refers to another function
--- @field optional boolean

local function arguments_of(list, body)
  local arguments = {}
  for optional, name in list:gmatch "(%[?)([%w_.]+)%]?" do
    if name == "..." then break end
    local kind = body:match("\n%- `" .. name .. "` ([^\n]*)") or ""
    arguments[#arguments + 1] = { name = name, optional = optional == "[",
      type = kind:match "^(.-): " or kind }
  end
  return arguments
end

-- The body of an entry, or that of the entry that it refers to.
local function body_of(entry, by_name)
  local other = entry.body:match "^\nAs `([%w_.:]+)`"
  return other and by_name[other] and by_name[other].body or entry.body
end

--- All functions and methods, in the order of the page.
--- @return { name: string, arguments: tests.Argument[] }[]
function reference.functions()
  local list, by_name, entry = {}, {}, nil
  for line in support.read "docs/reference.md":gmatch "([^\n]*)\n" do
    local name, given = line:match "^#### `([%w_.:]+)%((.*)%)`$"
    if name then
      entry = { name = name, given = given, body = "" }
      list[#list + 1], by_name[name] = entry, entry
    elseif line:find "^#" then
      entry = nil
    elseif entry then
      entry.body = entry.body .. "\n" .. line
    end
  end
  for _, each in ipairs(list) do
    each.arguments = arguments_of(each.given, body_of(each, by_name))
  end
  return list
end

return reference
