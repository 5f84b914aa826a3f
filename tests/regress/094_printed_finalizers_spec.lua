-- LuaJIT of Debian 13 raises no errors of finalizers but prints each one, even into the
-- output of a host that wants none, and neither tl.on("error") nor the exit status
-- showed them. Now both releases report them alike.
local support = require "tests.support"

local PRELUDE = [[
  jit.off()
  local tl = require "timerlua"
  local function spoil(text)
    local object = newproxy(true)
    getmetatable(object).__gc = function() error(text, 0) end
    return object
  end
  -- the older LuaJIT raises one at a time in the code that collects
  local function collect() repeat until pcall(collectgarbage) end
]]

-- The newer LuaJIT's behavior, as a plain luajit shows.
local prints = support.shell([[luajit -e 'getmetatable(newproxy(true)).__gc = error
  pcall(collectgarbage)' 2>&1]]).out:find("ERROR in finalizer", 1, true) ~= nil

local function count(text, pattern) return select(2, text:gsub(pattern, "")) end

describe("an error of a finalizer", function()
  it("was printed by LuaJIT, and not reported otherwise", function()
    local r = support.run(PRELUDE .. [[
      tl.after(0, function()
        spoil "spoilt"
        local ok, err = pcall(collectgarbage)
        if not ok then error(err, 0) end
      end)
      tl.after(0.01, function() print "goes on" end)]])
    assert.equal("goes on\n", r.out)
    assert.truthy(r.err:find("^timerlua: error in %l+[^\n]*: spoilt\n"), r.err)
    assert.equal(1, count(r.err, "spoilt"))
    assert.equal(1, r.code)
  end)

  it("is reported to handlers, however many there are at once, in bounds", function()
    local r = support.run(PRELUDE .. [[
      local told, more = 0, 0
      tl.on("error", function(err, _, source)
        assert(source.kind == "finalizer")
        told = told + (err == "spoilt" and 1 or 0)
        more = more + (tonumber(err:match "^(%d+) more errors") or 0)
      end)
      tl.after(0, function()
        for _ = 1, 250 do spoil "spoilt" end
        collect()
      end)
      tl.after(0.01, function() print(told, more) end)]])
    assert.equal("", r.err)
    -- where they are raised, it is by collect, which catches them
    assert.equal(prints and "100\t150\n" or "0\t0\n", r.out)
    assert.equal(0, r.code)
  end)

  it("ends nothing else at the end of the state", function()
    local SCRIPT = PRELUDE .. [[
      kept = {}
      for i = 1, 250 do kept[i] = spoil "spoilt" end
      tl.after(0.01, function() print "ran" end)]]
    local r = support.run(SCRIPT)
    assert.equal("ran\n", r.out)
    assert.equal(0, r.code)
    -- the older LuaJIT drops them there
    assert.equal(prints and 100 or 0, count(r.err, "timerlua: error in finalizer: spoilt\n"))
    assert.equal(prints and 101 or 0, count(r.err, "\n"))
    assert.equal(prints and 1 or 0, count(r.err, "there are more, which are not reported\n"))
  end)
end)
