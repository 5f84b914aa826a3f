-- A process that forks, and children that other code starts.
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"

local run = sockets.run

describe("D21: a fork", function()
  -- The child comes back to the loop it inherited; the parent waits for it.
  local FORK = [[local ffi = require "ffi"
    ffi.cdef "int fork(void); int waitpid(int, int *, int);"
    local tl = require "timerlua"
    local c, s
    local l = tl.listen("127.0.0.1:0", { data = function(conn, bytes) conn:send(bytes) end })
    c = tl.connect(l:sock())
    tl.sleep(0.01)
    io.stdout:flush()
    c:send("queued")
    local pid = ffi.C.fork()
    if pid == 0 then
      tl.after(0, function() print("a timer of the parent runs in the child") end)
      c:close()
      l:close()
      tl.sleep(1)
      print("not reached")
    end
    local status = ffi.new("int[1]")
    ffi.C.waitpid(pid, status, 0)
    print("child", status[0])
    print("parent", c:receive(6))
    tl.sleep(0.01)
    c:send("again") print("parent", c:receive(5))
    c:close() l:close()]]

  it("leaves the parent's loop and connections alone, and the child gets an error", function()
    local r = support.run(FORK)
    assert.equal("child\t256\nparent\tqueued\nparent\tagain\n", r.out)
    assert.equal("timerlua: (command line):15: timerlua.sleep: called in a process forked "
      .. "from the one that the loop belongs to\n", r.err:match("^[^\n]*\n"))
    assert.equal(0, r.code)
  end)
end)

describe("D21: a child process", function()
  it("inherits no socket", function()
    local r = support.run([[local tl = require "timerlua"
      local function count()
        local list = io.popen("ls /proc/self/fd | wc -l")
        local n = tonumber(list:read("*a"))
        list:close()
        return n
      end
      local before = count()
      local l = tl.listen("127.0.0.1:0", function(c) c:receive() end)
      local c = tl.connect(l:sock())
      tl.sleep(0.01)
      io.write(count() - before)
      os.exit(0)]], { timeout = 10 })
    assert.same({ 0, "0", "" }, { r.code, r.out, r.err })
  end)

  it("started in between does not disturb connections", function()
    run(function()
      local a, b = sockets.pair()
      for i = 1, 5 do
        local reader = tl.spawn(function() return b:receive() end)
        local child = io.popen("true")
        a:send(i .. "\n")
        assert.equal(tostring(i), reader:join())
        child:close()
      end
      a:close()
      b:close()
    end)
  end)
end)
