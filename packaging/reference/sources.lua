-- The modules as text: their definitions, which of these are public, and their comments.
-- A function is found by the table that it is put into, wherever its file is:
--
--   `@class` above a table names the table's class; in other files, a variable with a
--     class's name is that class: Connection is timerlua.Connection
--   `x = module.f` in a table, and A.x, A.y = B.x, B.y, make another name for a function
--   init.lua defines `tl`: by its table, and by LATER
local comments = require "reference.comments"

--- @class reference.Definition a function, or another name for one
--- @field variable string the table that the function is in
--- @field name string
--- @field args string[]
--- @field is_method boolean defined with a colon, so args do not name the object
--- @field comment reference.Comment?
--- @field alias string? the other name, such as "timer.after"
--- @field module reference.Module

--- @class reference.Module
--- @field name string as for require
--- @field path string
--- @field classes table<string, reference.Class> by variable
--- @field required table<string, string> modules by variable
--- @field definitions reference.Definition[] in the order of the file
--- @field defined table<string, reference.Definition> by "variable.name"
--- @field returned string? the variable that the file returns
--- @field text string

--- @class reference.Class
--- @field name string
--- @field text string[]
--- @field parent string?
--- @field since string?
--- @field fields table[]
--- @field constants string[]

local sources = {}

local function fail(message, ...) error(message:format(...), 0) end

local function words_of(text)
  local list = {}
  for word in text:gmatch "[%w_.]+" do list[#list + 1] = word end
  return list
end

-- ---------------------------------------------------------------------------
-- reading

local function class_of(code, module, variable)
  return module.classes[variable]
    or variable:find "^%u" and code.classes["timerlua." .. variable] or nil
end

local function add_class(code, module, comment, variable)
  local class = code.classes[comment.class]
  if not class then
    class = { name = comment.class, text = {}, fields = {}, constants = {} }
    code.classes[comment.class] = class
  end
  if variable then module.classes[variable] = class end
  class.since, class.parent = comment.since or class.since, comment.parent or class.parent
  if #comment.text > 0 then class.text = comment.text end
  for _, field in ipairs(comment.fields) do table.insert(class.fields, field) end
end

local function define(module, variable, name, definition)
  definition.module, definition.variable, definition.name = module, variable, name
  table.insert(module.definitions, definition)
  module.defined[variable .. "." .. name] = definition
end

-- A line in the constructor of a table that has a class.
local function read_entry(module, variable, class, line, comment, next_line)
  local name, value = line:match "^  ([%a_][%w_]*) = (.*)$"
  if not name then return end
  local args = value:match "^function%((.-)%)"
  local inner, target = value:match "^setmetatable%({ ([%w_]+) = ([%w_.]+) }, {$"
  if name:find "^%u[%u%d_]+$" then
    table.insert(class.constants, name)
  elseif args then
    define(module, variable, name, { args = words_of(args), comment = comment })
  elseif inner then -- can be called, and has a function
    define(module, variable, name, { alias = next_line:match "return ([%w_.]+)%(" })
    define(module, variable, name .. "." .. inner, { alias = target })
  elseif value:find "^[%w_.]+,?$" then
    define(module, variable, name, { alias = value:match "[%w_.]+", comment = comment })
  end
end

local function read_statement(module, line, comment)
  local variable, separator, name, args = line:match "^function ([%w_]+)([.:])([%w_]+)%((.-)%)"
  if variable then
    define(module, variable, name, { args = words_of(args), comment = comment,
      is_method = separator == ":" })
  end
  local bound, required = line:match '^local ([%w_]+) = require "([%w_.]+)"'
  if bound then module.required[bound] = required end
  local left, right = line:match "^([%w_.]+%.[%w_., ]+) = ([%w_.]+%.[%w_., ]+)$"
  if not left then return end
  local targets = words_of(right)
  for i, each in ipairs(words_of(left)) do
    local owner, key = each:match "^([%w_]+)%.([%w_]+)$"
    if owner then define(module, owner, key, { alias = targets[i], comment = comment }) end
  end
end

-- The lines of code in a file, each with the comment above it.
local function commented_lines(path)
  local list, above = {}, {}
  local number = 0
  for line in io.lines(path) do
    number = number + 1
    local text = line:match "^%s*%-%-%-(.*)$"
    if text then
      above[#above + 1] = text
    else
      list[#list + 1] = { text = line,
        comment = #above > 0 and comments.parse(above, path .. ":" .. number) or nil }
      above = {}
    end
  end
  return list
end

local function module_name(path)
  return (path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", "."))
end

-- Constants that a loop puts into the table that the file returns.
local function read_loop(code, module)
  local names = module.text:match "for name in %(%[%[(.-)%]%]%):gmatch"
  local class = names and class_of(code, module, module.returned)
  for _, name in ipairs(class and words_of(names) or {}) do
    table.insert(class.constants, name)
  end
end

local function read_module(code, path)
  local module = { name = module_name(path), path = path, classes = {}, required = {},
    definitions = {}, defined = {} }
  local lines, texts = commented_lines(path), {}
  local inside -- the variable of the table that is being read
  for i, line in ipairs(lines) do
    local text, comment = line.text, line.comment
    texts[i] = text
    local variable = text:match "^local ([%w_]+) ="
    if comment and comment.class then add_class(code, module, comment, variable) end
    if comment and comment.alias then code.aliases[comment.alias.name] = comment end
    local class = class_of(code, module, inside or variable or "")
    if inside and text:find "^}" then
      inside = nil
    elseif inside then
      read_entry(module, inside, class, text, comment, lines[i + 1].text)
    elseif class and text:find "= {$" then
      inside = variable
    else
      read_statement(module, text, comment)
    end
  end
  module.text = table.concat(texts, "\n")
  module.returned = module.text:match "\nreturn ([%w_]+)%s*$"
  code.modules[module.name] = module
  table.insert(code.ordered, module)
  read_loop(code, module)
end

-- ---------------------------------------------------------------------------
-- what is public

-- The definition of "variable.name" in a file, through any aliases; nil if it is not a
-- function.
local function resolve(code, module, expression)
  local variable, name = expression:match "^([%w_]+)%.(.+)$"
  if not variable then return nil end
  local theirs = code.modules[module.required[variable] or ""]
  local found
  if theirs then
    found = theirs.defined[(theirs.returned or "") .. "." .. name]
  else
    found = module.defined[expression]
  end
  if found and found.alias then return resolve(code, found.module, found.alias) end
  return found
end

--- @class reference.Entry
--- @field name string as scripts write it: "tl.after", "timer:cancel"
--- @field definition reference.Definition?
--- @field comment reference.Comment? the comment of this name
--- @field field table? for a field instead of a function
--- @field since string? the release of its table
--- @field original string? the function that this is another name for

local function publish(code, entry)
  table.insert(code.entries, entry)
  code.public[entry.name] = entry
  local first = entry.definition and code.names[entry.definition]
  if first then entry.original = first elseif entry.definition then
    code.names[entry.definition] = entry.name
  end
end

local function publish_table(code, module, variable, prefix)
  local class = class_of(code, module, variable)
    or fail("%s: %s has no @class", module.path, variable)
  local parts = {} -- tables of functions, as tl.clock: after all others
  for _, definition in ipairs(module.definitions) do
    if definition.variable == variable then
      local name = prefix .. (definition.is_method and ":" or ".") .. definition.name
      local part = code.modules[module.required[definition.alias or ""] or ""]
      local found = not definition.alias and definition
        or resolve(code, module, definition.alias)
      if part then
        parts[#parts + 1] = { part, name }
      elseif found then
        publish(code, { name = name, definition = found, since = class.since,
          comment = definition.comment })
      end
    end
  end
  for _, field in ipairs(class.fields) do
    publish(code, { name = prefix .. "." .. field.name, field = field, since = class.since })
  end
  for _, part in ipairs(parts) do
    publish_table(code, part[1], part[1].returned, part[2])
  end
end

-- Functions that init.lua loads on first use.
local function publish_later(code, init, since)
  local list = init.text:match "\nlocal LATER = (%b{})" or fail("%s has no LATER", init.path)
  for name, place in list:gmatch '([%w_]+) = "([%w_.]+)"' do
    local module = code.modules["timerlua." .. place]
    local found = module and module.defined[module.returned .. "." .. name]
      or fail("LATER: %s is not in %s", name, place)
    publish(code, { name = "tl." .. name, definition = found, since = since })
  end
end

local function publish_class(code, name, receiver)
  local class = code.classes[name] or fail("there is no class %s", name)
  for _, module in ipairs(code.ordered) do
    for _, definition in ipairs(module.definitions) do
      local internal = definition.name:find "^__"
        or definition.comment and definition.comment.internal
      if not internal and class_of(code, module, definition.variable) == class then
        local found = not definition.alias and definition
          or resolve(code, module, definition.alias)
        publish(code, { name = receiver .. ":" .. definition.name, definition = found,
          since = class.since, class = name })
      end
    end
  end
end

--- Read all modules below a folder.
--- @param folder string
--- @return table code modules, classes, aliases, entries (public, in order), public
---   (by name)
function sources.read(folder)
  local code = { modules = {}, ordered = {}, classes = {}, aliases = {}, entries = {},
    public = {}, names = {} }
  local pipe = assert(io.popen("find " .. folder .. " -name '*.lua' | LC_ALL=C sort"))
  for path in pipe:lines() do read_module(code, path) end
  pipe:close()
  local init = code.modules.timerlua
  publish_table(code, init, init.returned, "tl")
  publish_later(code, init, class_of(code, init, init.returned).since)
  return code
end

--- Publish a module that scripts require by itself.
--- @param prefix string its name in scripts
function sources.publish_module(code, name, prefix)
  local module = code.modules[name] or fail("there is no module %s", name)
  publish_table(code, module, module.returned, prefix)
end

sources.publish_class = publish_class

return sources
