-- The binary interface, seen from both of its sides.
local support = require "tests.support"
local ffi = require "ffi"

local HEADER = "runtime/timerlua_abi.h"

local function code_of(path)
  return (support.read(path):gsub("/%*.-%*/", " "))
end

-- { tl_id = { "slot", "generation" }, ... }
local function structs_of(code)
  local structs = {}
  for body, name in code:gmatch("typedef struct [%w_]+ (%b{}) ([%w_]+);") do
    local fields = {}
    for field in body:gmatch("([%w_]+)[%[%d%]]*;") do fields[#fields + 1] = field end
    structs[name] = fields
  end
  return structs
end

local function constants_of(code)
  local names = {}
  for body in code:gmatch("enum (%b{})") do
    for name in body:gmatch("TL_[%w_]+") do names[#names + 1] = name end
  end
  return names
end

local function functions_of(code)
  local names = {}
  for name in code:gmatch("[%s%*](tl_[%w_]+)%(") do names[#names + 1] = name end
  table.sort(names)
  return names
end

-- The values that the C compiler gives to expressions over the header.
local function ask_c(expressions)
  local lines = { '#include <stdio.h>', '#include "abi.h"', "int main(void)", "{" }
  for _, e in ipairs(expressions) do
    lines[#lines + 1] = ('printf("%%lld\\n", (long long)(%s));'):format(e)
  end
  lines[#lines + 1] = "return 0; }\n"
  local program = support.temporary()
  local source = support.temporary(table.concat(lines, "\n"))
  local r = support.shell(("cc -std=c11 -iquote runtime -x c %s -o %s && %s"):format(
    source, program, program))
  os.remove(source)
  os.remove(program)
  assert.equal("", r.err)
  local answers = {}
  for number in r.out:gmatch("%-?%d+") do
    answers[expressions[#answers + 1]] = tonumber(number)
    answers[#answers + 1] = tonumber(number)
  end
  assert.equal(#expressions, #answers)
  return answers
end

local function exports(path)
  local r = support.shell("nm -D --defined-only " .. path)
  assert.equal("", r.err)
  local names = {}
  for name in r.out:gmatch(" [A-Z] (tl_[%w_]+)") do names[#names + 1] = name end
  table.sort(names)
  return names
end

describe("the ABI header's text", function()
  it("has no preprocessor line, so both sides read the same bytes", function()
    for line in support.read(HEADER):gmatch("[^\n]*") do
      assert.is_nil(line:match("^%s*#.*"))
    end
  end)
end)

describe("the ABI header", function()
  local code = code_of(HEADER)

  local core = require "timerlua.core.ffi"

  it("reaches ffi.cdef without comments and functions, which make starts longer", function()
    local text = require("timerlua.core").abi
    assert.is_nil(text:find("[%(%*]/?tl_[%w_]+%(") or text:find("/*", 1, true))
    assert.is_true(#text < support.read(HEADER):len() / 5)
  end)

  it("gives structs the same size and offsets in C and in Lua", function()
    local structs, expressions, expected = structs_of(code), {}, {}
    for _, name in ipairs { "tl_id", "tl_handle_info", "tl_loop_stats", "tl_shared",
      "tl_address", "tl_endpoint" } do
      assert.truthy(structs[name], name .. " is not declared")
    end
    for name, fields in pairs(structs) do
      local key = ("sizeof(%s)"):format(name)
      expressions[#expressions + 1], expected[key] = key, ffi.sizeof(name)
      for _, field in ipairs(fields) do
        key = ("offsetof(%s, %s)"):format(name, field)
        expressions[#expressions + 1] = key
        expected[key] = assert(ffi.offsetof(name, field), key)
      end
    end
    assert.is_true(#expressions > 30)
    local seen = ask_c(expressions)
    for _, key in ipairs(expressions) do assert.equal(seen[key], expected[key], key) end
  end)

  it("gives constants the same value in C and in Lua", function()
    local names = constants_of(code)
    assert.is_true(#names >= 15)
    local seen = ask_c(names)
    for _, name in ipairs(names) do
      assert.equal(seen[name], tonumber(ffi.C[name]), name)
    end
  end)

  it("declares the functions that the core has, as ffi.cdef reads them", function()
    local declared = functions_of(code)
    assert.is_true(#declared >= 30)
    for _, name in ipairs(declared) do
      local type, address = require("timerlua.core").symbol(name)
      assert.equal("userdata", _G.type(address), name)
      -- a declaration of the same function type means the same
      assert.equal(tostring(ffi.typeof(type)), tostring(ffi.typeof(core.C[name])), name)
    end
    assert.is_nil((require("timerlua.core").symbol("tl_no_such_function")))
  end)

  it("is not a symbol of the program or a library", function()
    assert.same({}, exports(support.build .. "/timerlua"))
    assert.same({}, exports(support.build .. "/lib/timerlua/core.so"))
  end)
end)

describe("the Lua modules", function()
  setup(function() require "timerlua.core.ffi" end)

  it("refuse a core of another ABI version and name both", function()
    local r = support.shell([[luajit -e '
      package.preload["timerlua.core"] = function()
        return { abi_version = 77, abi = "", library = "/some/core.so" }
      end
      print(pcall(require, "timerlua"))']], { timeout = 10 })
    local version = tonumber(ffi.C.TL_ABI_VERSION)
    assert.equal("", r.err)
    assert.truthy(r.out:find("^false"), r.out)
    assert.truthy(r.out:find("ABI version " .. version, 1, true), r.out)
    assert.truthy(r.out:find("/some/core.so", 1, true), r.out)
    assert.truthy(r.out:find("77", 1, true), r.out)
  end)

  it("accept the core's own version", function()
    assert.equal(tonumber(ffi.C.TL_ABI_VERSION), require("timerlua.core").abi_version)
  end)
end)
