-- What timerlua.h has for hosts that call scripts, follow clocks and leave callbacks by
-- jumps: each program in C checks itself.
local hosts = require "tests.support.hosts"
local support = require "tests.support"

local folder

setup(function() folder = hosts.make_folder() end)

teardown(function() hosts.remove(folder) end)

local PROMISES = {
  outcomes = "tell the outcome of a call once, whatever becomes of it",
  times = "follow all clocks, and change timers and watches",
  time_limit = "end what runs too long, with its place",
  jumps = "release a runtime whose callback was left by a jump",
}

describe("functions for hosts", function()
  for name, promise in pairs(PROMISES) do
    it(promise, function()
      local program = hosts.build(folder, name)
      local r = support.shell(program, { timeout = 30 })
      assert.same({ "", 0 }, { r.err, r.code })
      if support.sanitized then return end
      r = support.shell("valgrind -q --error-exitcode=9 --leak-check=full "
        .. "--errors-for-leak-kinds=definite " .. program, { timeout = 120 })
      assert.same({ "", 0 }, { r.err, r.code })
    end)
  end
end)
