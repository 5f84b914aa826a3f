-- scripts/rebuild.lua: a command that runs when files change.
local server = require "tests.support.server"
local support = require "tests.support"

local folder, running

before_each(function()
  folder = support.shell("mktemp -d").out:match("[^\n]+")
end)

after_each(function()
  if running then running:stop("KILL") end
  running = nil
  support.shell("rm -rf " .. support.quote(folder))
end)

local function start(command)
  running = server.command(("%s scripts/rebuild.lua %s %s/src"):format(support.program,
    support.quote(command:gsub("FOLDER", folder)), folder))
  running:await("watching ")
end

local function stop()
  local result = running:stop()
  running = nil
  assert.equal("", result.err)
  assert.equal(143, result.code)
  return result.out
end

local function write(name) support.write(folder .. "/src/" .. name, "text") end

describe("scripts/rebuild.lua", function()
  before_each(function() support.shell("mkdir " .. folder .. "/src") end)

  -- The first run waits until it may go on, so all that changes meanwhile is left to the
  -- next one, or to the next two if the first of these comes before all changes are told.
  it("runs the command once for a burst, and again for changes during the run", function()
    start("test -e FOLDER/src/last && echo last; echo begun; "
      .. "until test -e FOLDER/go; do sleep 0.01; done; exit 3")
    for i = 1, 20 do write("file" .. i) end
    running:await("begun\n")
    for i = 21, 40 do write("file" .. i) end
    write("last")
    support.write(folder .. "/go", "")
    running:await("last\nbegun\nended by status 3\n")
    local changes, runs = 0, 0
    for count in stop():gmatch("(%d+) changes, the latest of [^\n]+/src/") do
      changes, runs = changes + count, runs + 1
    end
    assert.is_true(changes >= 41, changes)
    assert.is_true(runs == 2 or runs == 3, runs)
  end)

  it("runs nothing when nothing changes", function()
    start("echo built")
    assert.is_nil(stop():find("built", 1, true))
  end)

  it("says how to use it", function()
    for _, words in ipairs { {}, { "true" } } do
      local r = support.run { "scripts/rebuild.lua", unpack(words) }
      assert.equal("usage: timerlua scripts/rebuild.lua command path [path ...]\n", r.err)
      assert.equal(2, r.code)
    end
  end)

  it("says what cannot be watched", function()
    local r = support.run { "scripts/rebuild.lua", "true", ("x"):rep(300) }
    assert.truthy(r.err:find("on_file x+: file name too long\n"), r.err)
    assert.equal(1, r.code)
  end)
end)
