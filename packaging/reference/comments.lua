-- A comment of `---` lines: prose first, then LuaCATS tags, then prose again about the
-- errors that the function raises. A line that is indented by three spaces or more
-- continues the tag above it.
--
-- Two tags are our own; lua-language-server ignores unknown tags. `@since 0.1` is the
-- first release that has the function; without the tag, the release of the function's
-- table or class applies. `@internal` keeps a method that only timerlua itself may call
-- out of the page, as `@field package` does for a field.

--- @class reference.Comment
--- @field text string[] the lines before the tags
--- @field params table[] name, optional, type, text
--- @field returns table[] name, type, text
--- @field fields table[] name, optional, type, text
--- @field notes string[] the sentences after the tags
--- @field class string?
--- @field parent string? the class that the class extends
--- @field alias table? name, type, text
--- @field since string?
--- @field internal boolean?

local comments = {}

local function trim(text) return text:match "^%s*(.-)%s*$" end

-- A type is followed by text; the type of a function contains spaces itself.
local function split_type(text)
  local depth = 0
  for i = 1, #text do
    local c = text:sub(i, i)
    if c:find "[(<{]" then depth = depth + 1 elseif c:find "[)>}]" then depth = depth - 1 end
    if c == " " and depth == 0 and not text:sub(1, i - 1):find "[:,|]$" then
      return text:sub(1, i - 1), trim(text:sub(i))
    end
  end
  return text, ""
end

-- What each tag adds to a comment.
local add = {}

function add.class(comment, rest)
  local name, text = rest:match "^([%w_.]+)%s*(.*)$"
  if name:sub(-1) == ":" then name = name:sub(1, -2) end
  comment.class = name
  local parent, more = text:match "^:%s*([%w_.]+)%s*(.*)$"
  comment.parent, text = parent, more or text
  if text ~= "" then table.insert(comment.text, text) end
end

function add.alias(comment, rest)
  local name, definition = rest:match "^([%w_.]+)%s+(.*)$"
  local kind, text = split_type(definition)
  comment.alias = { name = name, type = kind, text = text }
end

function add.param(comment, rest)
  local name, optional, definition = rest:match "^([%w_.]+)(%??)%s+(.*)$"
  local kind, text = split_type(definition)
  local can_be_left_out = optional == "?" or kind:find "|nil$" ~= nil
  table.insert(comment.params, { name = name, optional = can_be_left_out, type = kind,
    text = text })
end

add["return"] = function(comment, rest)
  local kind, text = split_type(rest)
  local name, after = text:match "^([%a_][%w_]*)%s+(.*)$"
  name = name or text:match "^[%a_][%w_]*$"
  if text:find "^%.%.%." then name, after = "...", trim(text:sub(4)) end
  table.insert(comment.returns, { name = name, type = kind, text = after or name and "" or text })
end

function add.field(comment, rest)
  if rest:find "^package " then return end
  local name, optional, definition = rest:match "^([%w_]+)(%??)%s+(.*)$"
  local kind, text = split_type(definition)
  table.insert(comment.fields, { name = name, optional = optional == "?", type = kind,
    text = text })
end

function add.since(comment, rest) comment.since = rest end
function add.internal(comment) comment.internal = true end
function add.type() end

-- The lines joined: prose, and an item for each tag and for each note after the tags.
local function items_of(lines)
  local text, items, last = {}, {}, nil
  for _, line in ipairs(lines) do
    local tag, rest = line:match "^ ?@(%l+)%s*(.*)$"
    if tag then
      last = { tag = tag, text = rest }
      items[#items + 1] = last
    elseif last and (last.tag == "note" or line:find "^   ") then
      last.text = last.text .. " " .. trim(line)
    elseif last or line:find "^ Raises " then
      last = { tag = "note", text = trim(line) }
      items[#items + 1] = last
    else
      text[#text + 1] = line:gsub("^ ", "")
    end
  end
  return text, items
end

--- Parse the lines of a comment.
--- @param lines string[] without the dashes
--- @param where string "file:line", for errors
--- @return reference.Comment
function comments.parse(lines, where)
  local text, items = items_of(lines)
  local comment = { text = text, params = {}, returns = {}, fields = {}, notes = {} }
  for _, item in ipairs(items) do
    if item.tag == "note" then
      table.insert(comment.notes, item.text)
    else
      local put = add[item.tag] or error(("%s: unknown tag @%s"):format(where, item.tag), 0)
      put(comment, item.text)
    end
  end
  return comment
end

return comments
