-- A script that sent into a closed pipe by tl.stdout went on forever, and where print or
-- os.exit lost output there was no message, or one without the cause.
local support = require "tests.support"

local quote = support.quote
local LOST = "standard output cannot be written: "

-- Every way to write, and whether the script would go on forever.
local WAYS = {
  print = [[print "x"]],
  ["print without a buffer"] = [[io.stdout:setvbuf "no" print "x"]],
  ["much print"] = [[for i = 1, 1e5 do print(i) end]],
  ["print forever"] = [[tl.every(0.001, function() print(("x"):rep(10000)) end)]],
  ["io.write"] = [[io.write "x"]],
  ["io.write forever"] = [[tl.every(0.001, function() io.write(("x"):rep(10000)) end)]],
  ["io.stdout:write and flush"] = [[io.stdout:write "x" io.stdout:flush() tl.sleep(100)]],
  ["os.exit"] = [[print "x" os.exit(0)]],
  ["os.exit(true)"] = [[print "x" os.exit(true)]],
  ["os.exit after tl.stdout"] = [[tl.stdout:send "x" os.exit()]],
  ["tl.stdout:send"] = [[tl.stdout:send "x"]],
  ["tl.stdout:send forever"] = [[tl.every(0.001, function() tl.stdout:send "x" end)]],
  ["tl.stdout:send without a wait"] = [[while true do tl.stdout:send "x" tl.stdout:flush() end]],
  ["print after tl.stdout"] = [[tl.stdout:send "x" while true do print "y" end]],
  ["a finalizer"] = [[kept = newproxy(true) getmetatable(kept).__gc = function() io.write "x" end]],
}

local PLACES = {
  ["a full disk"] = { ">/dev/full", "no space left on device %(ENOSPC%)" },
  ["a closed descriptor"] = { ">&-", "bad file descriptor %(EBADF%)" },
  ["a pipe without a reader"] = { "| true", "broken pipe %(EPIPE%)" },
}

describe("lost output", function()
  for place, how in pairs(PLACES) do
    for way, code in pairs(WAYS) do
      it(("by %s to %s is told once with its cause, status 1"):format(way, place), function()
        local wait = place == "a pipe without a reader" and "sleep 0.1; " or ""
        local r = support.shell(("{ %s%s -e %s; echo status $? >&2; } %s"):format(wait,
          support.program, quote([[local tl = require "timerlua" ]] .. code), how[1]),
          { timeout = 20 })
        assert.equal(1, support.count(LOST, r), r.err)
        assert.truthy(r.err:find(LOST .. how[2] .. "\n"), r.err)
        assert.equal("status 1\n", r.err:match("status %d+\n$"), r.err)
      end)
    end
  end

  it("leaves another status as it is", function()
    for _, code in ipairs { [[print "x" os.exit(7)]], [[print "x" require("timerlua").stop(7)]] } do
      local r = support.run({ "-e", code .. " --" }, {})
      assert.equal(7, r.code)
      r = support.shell(("%s -e %s >/dev/full"):format(support.program, quote(code)))
      assert.equal(7, r.code)
      assert.equal(1, support.count(LOST, r))
    end
  end)

  it("is no matter of a stream that the script has closed", function()
    local r = support.run [[
      local tl = require "timerlua"
      tl.stdout:send "x"
      tl.stdout:close()
      io.stderr:write((select(2, tl.stdout:send "y")))]]
    assert.same({ "x", "closed", 0 }, { r.out, r.err, r.code })
  end)
end)
