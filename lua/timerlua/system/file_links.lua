-- Symbolic links on the way to a file, followed as the kernel follows them,
-- path_resolution(7). The entries that they lead through do not appear in the path as
-- written.
local link = require "timerlua.core.link"

local file_links = {}

--- Whether there is a link of this name, wherever it leads.
function file_links.is_link(path)
  return link.target(path) ~= nil
end

local function parent_of(directory)
  return directory:match("^(.*)/[^/]*$") or ""
end

-- The entries of a path followed by the rest, and how many of them are from the path.
local function names_of(path, rest)
  local names = {}
  for name in string.gmatch(path, "[^/]+") do names[#names + 1] = name end
  local count = #names
  for _, name in ipairs(rest) do names[#names + 1] = name end
  return names, count
end

-- The target of an entry if the entry is a link. An entry that a link leads through is
-- visited in any case.
local function look_up(directory, name, led, visit)
  local path = directory .. "/" .. name
  if not led and not file_links.is_link(path) then return nil end
  visit(directory == "" and "/" or directory, name)
  return link.target(path)
end

--- Call visit(directory, name) for every entry that is looked up on the way through links:
--- each link, and all entries that its target leads through. The call comes before the
--- entry is read, so that a watch that begins then misses nothing.
--- @param names string[] of an absolute path
function file_links.walk(names, visit)
  local directory, links = "", 0
  local led = 0 -- how many of the names come from a link; those come first
  names = names_of("", names)
  while names[1] do
    local name = table.remove(names, 1)
    local target
    if name == ".." then
      directory = parent_of(directory)
    elseif name ~= "." then
      target = look_up(directory, name, led > 0, visit)
      if not target then directory = directory .. "/" .. name end
    end
    led = math.max(led - 1, 0)
    if target then
      links = links + 1
      if links > link.MOST then return end
      local count
      names, count = names_of(target, names)
      led = led + count
      if target:sub(1, 1) == "/" then directory = "" end
    end
  end
end

return file_links
