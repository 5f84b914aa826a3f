-- Found by reading the library for other programs; each case of
-- tests/embed/edges.c failed then.
local hosts = require "tests.support.hosts"
local support = require "tests.support"

local folder, edges

setup(function()
  folder = hosts.make_folder()
  edges = hosts.build(folder, "edges")
end)

teardown(function() hosts.remove(folder) end)

local function passes(case, told)
  local r = support.shell(edges .. " " .. case, { timeout = 20 })
  assert.equal(told or "", r.err)
  assert.equal(0, r.code)
end

describe("a number that is no descriptor", function()
  it("took memory by its size before the kernel was asked", function() passes "numbers" end)
end)

describe("the limit of memory", function()
  it("did not hold in __tostring, finalizers and tl_free", function()
    passes("memory", "finalized\n")
  end)

  it("leaves room for tasks that come to wait", function() passes "tasks" end)
end)

describe("an I argument", function()
  it("was rounded before it was compared", function() passes "range" end)
end)

describe("tl_error", function()
  it("had the text of an earlier failure, and tl_stats(rt, NULL, n) crashed",
    function() passes "errors" end)
end)

describe("post_bytes", function()
  it("beyond what there can be was taken for less", function() passes "posts" end)
end)

describe("a host that did not say TL_SIGNALS", function()
  it("had its signals blocked by a script", function() passes "signals" end)
end)

describe("tl_stop", function()
  it("of several the last one's status counts", function() passes "stops" end)
end)

describe("TL_NO_FFI", function()
  it("left timerlua.embedding to be required", function() passes "inside" end)

  it("made debug.getinfo count a level too many", function() passes "levels" end)
end)

describe("TL_NO_EXEC", function()
  it("left installed modules that start programs to be required", function()
    passes "programs"
  end)
end)
