-- The binary interface that compiled programs rely on: the positions of the fields in
-- the structs of timerlua.h, its numbers and its functions. tests/embed/layout.txt
-- lists them; a change there affects those programs.
local ffi = require "ffi"
local hosts = require "tests.support.hosts"
local support = require "tests.support"

local header = support.read("runtime/timerlua.h"):gsub("/%*.-%*/", " "):gsub("\n#[^\n]*", "\n")

-- Of each public struct: its name and its fields, in their order.
local function structs()
  local found = {}
  for body, name in header:gmatch("typedef struct [%w_]+ (%b{}) ([%w_]+);") do
    local fields = {}
    -- the arguments of a hook have no semicolon
    for declaration in body:sub(2, -2):gmatch("%s*(.-)%s*;") do
      fields[#fields + 1] = declaration:match("%(%*([%w_]+)%)") or declaration:match("([%w_]+)$")
    end
    found[#found + 1] = { name = name, fields = fields }
  end
  return found
end

local function numbers()
  local names = {}
  for body in header:gmatch("enum (%b{})") do
    for name in body:gmatch("(TL_[%u_%d]+) =") do names[#names + 1] = name end
  end
  return names
end

-- Functions, and the types of callback functions.
local function functions()
  local found = {}
  for _, pattern in ipairs { "typedef ([^;{}]+%b());", "TL_API ([^;]+);" } do
    for declaration in header:gmatch(pattern) do
      found[#found + 1] = declaration:gsub("%s+", " ")
    end
  end
  return found
end

-- A program that prints them as the compiler has them.
local function program()
  local lines = { "#include <stdio.h>", "#include <timerlua.h>", "int main(void)", "{" }
  for _, struct in ipairs(structs()) do
    lines[#lines + 1] = ('printf("%s %%zu\\n", sizeof(%s));'):format(struct.name, struct.name)
    for _, field in ipairs(struct.fields) do
      lines[#lines + 1] = ('printf("  %s %%zu %%zu\\n", offsetof(%s, %s), sizeof(((%s *)0)->%s));')
        :format(field, struct.name, field, struct.name, field)
    end
  end
  for _, name in ipairs(numbers()) do
    lines[#lines + 1] = ('printf("%s %%d\\n", %s);'):format(name, name)
  end
  lines[#lines + 1] = "return 0; }"
  return table.concat(lines, "\n")
end

describe("the binary interface of timerlua.h", function()
  local folder

  setup(function() folder = hosts.make_folder() end)

  teardown(function() hosts.remove(folder) end)

  -- the list is of 64-bit machines
  local test = ffi.abi("64bit") and it or pending

  test("is as it was", function()
    local path = support.write(folder .. "/layout.c", program())
    local r = support.shell(hosts.cc(folder .. "/layout", path, ""))
    assert.same({ "", 0 }, { r.err, r.code })
    local shown = r.out .. table.concat(functions(), "\n") .. "\n"
    assert.equal(support.read("tests/embed/layout.txt"), shown)
  end)
end)
