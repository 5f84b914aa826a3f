-- A watched path that is a symbolic link was lost with the file that the link
-- named at first, and a link among its directories was not watched at all.
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"

-- Whether the watch reports exactly this for a command in a new folder.
local function check(path, before, ...)
  local place = support.shell("mktemp -d").out:match("[^\n]+")
  local function sh(command)
    local r = support.shell(("cd %s && %s"):format(place, command))
    assert.equal("", r.err)
  end
  sh(before)
  local steps = { ... }
  local ok, message = pcall(sockets.run, function()
    local told = {}
    local watch = assert(tl.on_file(place .. "/" .. path, function(_, event)
      told[#told + 1] = event
    end))
    for i = 1, #steps, 2 do
      local expected = steps[i + 1]
      told = {}
      sh(steps[i])
      local function so_far() return table.concat(told, " ") end
      pcall(sockets.till, function() return #so_far() >= #expected end)
      sockets.turns(10)
      assert.equal(expected, so_far(), steps[i])
    end
    watch:cancel()
  end)
  support.shell("rm -rf " .. place)
  if not ok then error(message, 0) end
end

describe("a watched symbolic link", function()
  it("was not followed when its target was replaced", function()
    check("link", "mkdir d; echo 1 >d/real; ln -s d/real link",
      "echo 2 >>link", "modify",
      "mv d/real d/r2", "move",
      "echo 3 >d/real", "create",
      "echo 4 >>d/real", "modify",
      "echo 5 >new; mv new d/real", "create",
      "echo 6 >>d/real", "modify",
      "rm d/real", "delete",
      "mv d e; mkdir d; echo 7 >d/real", "create",
      "ln -s e/r2 l2; mv l2 link", "create",
      "echo 8 >>e/r2", "modify",
      "rm link", "delete",
      "ln -s nowhere link", "",
      "touch nowhere", "create")
  end)

  it("was not seen among the directories, as when a version is published", function()
    check("file", "mkdir v1 v2; echo 1 >v1/file; echo 2 >v2/file; ln -s v1 data; "
        .. "ln -s data/file file",
      "ln -s v2 new; mv -T new data", "create",
      "echo 3 >>v2/file", "modify",
      "echo 4 >>v1/file; rm -r v1", "")
    check("now/sub/file", "mkdir -p v1/sub v2/sub; touch v1/sub/file v2/sub/file; ln -s v1 now",
      "ln -s v2 new; mv -T new now", "create",
      "echo 1 >>v2/sub/file", "modify")
  end)

  it("that leads in a circle is reported", function()
    local path = support.shell("mktemp -d").out:match("[^\n]+") .. "/circle"
    support.shell("ln -s circle " .. path)
    assert.equal("ELOOP", (select(3, tl.on_file(path, print))))
    support.shell("rm -r " .. path:match("^(.*)/"))
  end)
end)
