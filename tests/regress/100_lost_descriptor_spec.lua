-- A task went on waiting for a descriptor that had been closed behind its back
-- and whose number something else of the loop had got meanwhile.
local fds = require "tests.support.descriptors"
local socket = require "timerlua.socket"
local sockets = require "tests.support.sockets"
local tl = require "timerlua"

describe("a task that waits for a descriptor", function()
  it("goes on when the number is another descriptor's", function()
    sockets.run(function()
      local ours, theirs = assert(socket.socketpair())
      local fd = ours:fileno()
      local task = tl.spawn(function() return ours:recv(1) end)
      tl.sleep(0)
      fds.close(fd)
      local r, w = fds.pipe()
      assert.equal(fd, r)
      local watch = assert(tl.watch(r, "r", function() end))
      sockets.till(function() return task.status ~= "waiting" end, "the task")
      assert.equal("ENOTSOCK", select(3, task:join()))
      watch:cancel()
      ours:close()
      theirs:close()
      fds.close(w)
    end)
  end)
end)
