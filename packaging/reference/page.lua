-- The page, in Markdown.
local sections = require "reference.sections"
local sources = require "reference.sources"

local page = {}

local INTRODUCTION = [[
# Reference

Every public function, method and field, made from the comments of the modules by
`make reference`. `tl` is `require "timerlua"`; arguments in brackets may be left out.

- Durations and instants are in seconds unless stated otherwise.
- A function that cannot do its work because of the system returns nil, a message, and
  a code such as `"ECONNREFUSED"`.
- A wrong argument raises an error at the caller's line that names the function, the
  rule and the value. This applies to every function and is not repeated below.
- The fields of a table of options may be left out, except those marked "needed".
- "Since" is the first release that has the function.
]]

local function fail(message, ...) error(message:format(...), 0) end

-- ---------------------------------------------------------------------------
-- words

-- Escape characters that Markdown would interpret, except inside backquotes.
local function escape(text)
  local parts, is_code = {}, false
  for part in (text:gsub("timerlua%.(%u)", "%1") .. "`"):gmatch "([^`]*)`" do
    parts[#parts + 1] = is_code and "`" .. part .. "`" or (part:gsub("[*<|]", "\\%0"))
    is_code = not is_code
  end
  return table.concat(parts)
end

local function anchor(heading)
  return "#" .. heading:lower():gsub("[^%w%- _]", ""):gsub(" ", "-")
end

local function short(name) return (name:gsub("timerlua%.", "")) end

-- One of the alternatives of a type, with a link if the page describes the type.
local function alternative(out, kind)
  local name, list = kind:match "^(timerlua%.%w+)([%[%]]*)$"
  if name then
    local heading = out.headings[name] or fail("no section has the type %s", name)
    return (list ~= "" and "list of " or "")
      .. ("[%s](%s)"):format(short(name), anchor(heading))
  end
  if kind == "ffi.cdata*" then return "cdata" end
  if kind:find '[(<"*%[]' then return "`" .. short(kind) .. "`" end
  return kind
end

-- A type in words: "number, string or nil".
local function type_text(out, kind)
  local whole, optional = kind:match "^(.-)(%??)$"
  if whole:find "^fun%(" then whole, optional = kind, "" end
  local list, from, depth = {}, 1, 0
  for i = 1, #whole + 1 do
    local c = whole:sub(i, i)
    if c:find "[(<{]" then depth = depth + 1 elseif c:find "[)>}]" then depth = depth - 1 end
    if (c == "|" or c == "") and depth == 0 then
      list[#list + 1] = alternative(out, whole:sub(from, i - 1))
      from = i + 1
    end
  end
  if optional == "?" then list[#list + 1] = "nil" end
  if #list == 1 then return list[1] end
  return table.concat(list, ", ", 1, #list - 1) .. " or " .. list[#list]
end

-- Lines of a comment as paragraphs; indented lines are items of a list.
local function prose(lines)
  local parts, in_list = {}, false
  for _, line in ipairs(lines) do
    local indent, text = line:match "^(%s*)(.*)$"
    local lead = #parts > 0 and " " or ""
    if #indent == 2 then
      lead, in_list = (in_list and "\n" or "\n\n") .. "- ", true
    elseif in_list and #indent == 0 then
      lead, in_list = "\n\n", false
    end
    parts[#parts + 1] = lead .. escape(text)
  end
  return table.concat(parts), in_list
end

local function with_since(lines, since)
  local text, ends_in_list = prose(lines)
  text = text:gsub("^%l", string.upper):gsub("([%w%)`\"])$", "%1.")
  return ("%s%s*Since %s.*\n"):format(text, ends_in_list and "\n\n" or text ~= "" and " " or "",
    since)
end

-- ---------------------------------------------------------------------------
-- functions

local function put(out, ...) table.insert(out, (...):format(select(2, ...))) end

local function is_receiver(entry, i)
  return i == 1 and not entry.definition.is_method and entry.class ~= nil
end

-- The arguments, without the object that a method is called on.
local function arguments_of(entry)
  local comment, params, list = entry.definition.comment, {}, {}
  for _, param in ipairs(comment.params) do params[param.name] = param end
  for i, name in ipairs(entry.definition.args) do
    if not is_receiver(entry, i) then
      local param = params[name]
      if not param and name ~= "..." then fail("%s has no @param %s", entry.name, name) end
      list[#list + 1] = param
    end
  end
  return list
end

local function signature(name, arguments)
  local words = {}
  for i, param in ipairs(arguments) do
    words[i] = param.optional and "[" .. param.name .. "]" or param.name
  end
  return ("%s(%s)"):format(name, table.concat(words, ", "))
end

local function put_item(out, lead, item)
  local text = escape(item.text)
  put(out, "%s", ("- %s%s%s"):format(lead, type_text(out, item.type),
    text ~= "" and ": " .. text or ""))
end

-- Whether the last two results only say why the first is nil.
local function tells_failure(returns)
  local message, code = returns[#returns - 1], returns[#returns]
  return #returns > 2 and code.name == "code" and code.type == "string?"
    and message.type == "string?" and (message.name == "message" or message.name == "err")
end

local function put_failure(out, message, code)
  local text = ("- or nil, `%s`"):format(message.name)
  if message.text ~= "" then text = text .. " (" .. escape(message.text) .. ")" end
  text = text .. ", `code`"
  if code.text ~= "" then text = text .. ": " .. escape(code.text) end
  put(out, "%s", text)
end

local function put_returns(out, returns)
  local fails = tells_failure(returns)
  for i = 1, #returns - (fails and 2 or 0) do
    local item = returns[i]
    local kind = fails and item.type:gsub("%?$", "") or item.type
    put_item(out, (i == 1 and "returns " or "and ")
      .. (item.name and "`" .. item.name .. "` " or ""), { type = kind, text = item.text })
  end
  if fails then put_failure(out, returns[#returns - 1], returns[#returns]) end
end

local function put_function(out, entry)
  local comment = entry.definition.comment or fail("%s has no comment", entry.name)
  if #comment.text == 0 then fail("the comment of %s says nothing", entry.name) end
  local arguments = arguments_of(entry)
  local since = comment.since or entry.since or fail("%s has no @since", entry.name)
  put(out, "#### `%s`\n", signature(entry.name, arguments))
  if entry.original then
    local text = { ("As `%s`."):format(entry.original) }
    if entry.comment ~= comment and entry.comment then text = entry.comment.text end
    return put(out, "%s", with_since(text, entry.since))
  end
  put(out, "%s", with_since(comment.text, since))
  local before = #out
  for _, param in ipairs(arguments) do put_item(out, "`" .. param.name .. "` ", param) end
  put_returns(out, comment.returns)
  for _, note in ipairs(comment.notes) do
    put(out, "- %s", (escape(note):gsub("^%u", string.lower):gsub("%.$", "")))
  end
  if #out > before then out[#out] = out[#out] .. "\n" end
end

local function put_field(out, entry)
  put(out, "#### `%s`\n", entry.name)
  put(out, "%s: %s. *Since %s.*\n", type_text(out, entry.field.type), escape(entry.field.text),
    entry.since)
end

local function put_entry(out, code, name)
  local entry = code.public[name] or fail("%s is not public", name)
  entry.is_told = true
  if entry.field then put_field(out, entry) else put_function(out, entry) end
end

-- ---------------------------------------------------------------------------
-- members of sections

-- The order of an object's methods: making, reading, writing, then all others in the
-- order of the files, in the place of "*", then ending.
local ORDER = [[
  create bind setsockname listen accept connect setpeername settime settime_ns
  receive receive_some receive_until receive_into receivefrom recv recvfrom lines
  values read
  send sendto sendall flush
  *
  shutdown detach kill stop cancel close abort
]]

local ranks = {}
for name in ORDER:gmatch "%S+" do
  ranks[#ranks + 1] = name
  ranks[name] = #ranks
end

local function rank_of(entry)
  return ranks[entry.name:match "[%w_]+$"] or ranks["*"]
end

-- Put the entries whose names begin with a prefix.
local function put_all(out, code, prefix)
  local found, positions = {}, {}
  for i, entry in ipairs(code.entries) do
    if entry.name:sub(1, #prefix) == prefix then
      found[#found + 1] = entry
      positions[entry] = i
    end
  end
  table.sort(found, function(a, b)
    local first, second = rank_of(a), rank_of(b)
    if first == second then return positions[a] < positions[b] end
    return first < second
  end)
  for _, entry in ipairs(found) do put_entry(out, code, entry.name) end
  return #found
end

local function put_constants(out, class)
  if #class.constants == 0 then return end
  put(out, "Constants: `%s`.\n", table.concat(class.constants, "` `"))
end

local function put_fields(out, class)
  if #class.fields == 0 then return end
  local has_optional = false
  for _, field in ipairs(class.fields) do has_optional = has_optional or field.optional end
  put(out, "| field | type | |\n| --- | --- | --- |")
  for _, field in ipairs(class.fields) do
    local kind = type_text(out, field.type):gsub("|", "\\|")
    put(out, "| `%s` | %s | %s |", field.name,
      has_optional and not field.optional and kind .. "; needed" or kind, escape(field.text))
  end
  out[#out] = out[#out] .. "\n"
end

local function put_class(out, code, name, receiver)
  local class = code.classes[name] or fail("there is no class %s", name)
  put(out, "### %s\n", out.headings[name])
  local text = class.text
  if class.parent then
    text = { ("Has the fields of %s, too."):format(short(class.parent)), unpack(text) }
    if text[2] then text[2] = text[2]:gsub("^%l", string.upper) end
  end
  put(out, "%s", with_since(text, class.since or fail("%s has no @since", name)))
  put_fields(out, class)
  if receiver then put_all(out, code, receiver .. ":") end
end

local function put_module(out, code, name)
  local class = code.classes["timerlua." .. name] or fail("there is no class timerlua.%s", name)
  put(out, "### `require \"timerlua.%s\"`\n", name)
  put(out, "%s", with_since(class.text, class.since or fail("timerlua.%s has no @since", name)))
  put_constants(out, class)
  put_all(out, code, name .. ".")
end

local function put_alias(out, code, name)
  local alias = code.aliases[name].alias
  put(out, "### %s\n", out.headings[name])
  put(out, "%s: %s.\n", type_text(out, alias.type), escape(alias.text))
end

local function put_member(out, code, member)
  local first, receiver = member:match "^([%w_.]+) ?([%l_]*)$"
  local name = "timerlua." .. first
  if member:find "^module " then
    put_module(out, code, receiver)
  elseif code.aliases[name] then
    put_alias(out, code, name)
  elseif first:find "^%u" then
    put_class(out, code, name, receiver ~= "" and receiver or nil)
  elseif code.public[first] then
    put_entry(out, code, first)
  elseif put_all(out, code, first .. ".") + put_all(out, code, first .. ":") == 0 then
    fail("%s is not public", first)
  end
end

-- ---------------------------------------------------------------------------
-- the page

-- Publish the modules and classes of the sections, and note the heading of each type.
local function prepare(out, code)
  for _, section in ipairs(sections) do
    for _, member in ipairs(section[3]) do
      local first, second = member:match "^([%w_.]+) ?([%l_]*)$"
      local name = "timerlua." .. first
      if first == "module" then
        sources.publish_module(code, "timerlua." .. second, second)
      elseif first:find "^%u" then
        out.headings[name] = second ~= "" and first .. " objects" or first
        if second ~= "" then sources.publish_class(code, name, second) end
      end
    end
  end
end

local function put_contents(out)
  for _, section in ipairs(sections) do
    local names = {}
    for i, member in ipairs(section[3]) do
      local first, second = member:match "^([%w_.]+) ?([%l_]*)$"
      names[i] = "`" .. (first == "module" and "timerlua." .. second or first) .. "`"
    end
    put(out, "- [%s](%s): %s", section[1], anchor(section[1]), table.concat(names, " "))
  end
  out[#out] = out[#out] .. "\n"
end

--- Make the page of everything public.
--- @param code table from sources.read
--- @return string markdown
function page.of(code)
  local out = { headings = {} }
  prepare(out, code)
  put(out, "%s", INTRODUCTION)
  put_contents(out)
  for _, section in ipairs(sections) do
    put(out, "## %s\n", section[1])
    if section[2] then put(out, "More: [%s](%s).\n", section[2], section[2]) end
    for _, member in ipairs(section[3]) do put_member(out, code, member) end
  end
  for _, entry in ipairs(code.entries) do
    if not entry.is_told then fail("no section has %s", entry.name) end
  end
  return (table.concat(out, "\n"):gsub("\n+$", "\n"))
end

return page
