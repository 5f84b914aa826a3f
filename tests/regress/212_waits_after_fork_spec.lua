-- In a forked child, the first wait ended the process with an error of the loop, which no
-- pcall caught and which had no line.
local support = require "tests.support"

describe("a wait in a forked child", function()
  it("raises an error at the caller's line", function()
    local r = support.run([[local tl, ffi = require "timerlua", require "ffi"
      ffi.cdef "int fork(void); int waitpid(int, int *, int); void _exit(int);"
      local channel = tl.channel(1)
      local a, b = tl.socketpair()
      tl.after(0, function()
        if ffi.C.fork() == 0 then
          local function try(...) io.stderr:write(tostring(select(2, pcall(...))), "\n") end
          try(function() tl.sleep(1) end)
          try(function() tl.sleep(0LL) end)
          try(function() tl.spawn(print) end)
          try(function() channel:receive() end)
          try(function() tl.timeout(1, tl.sleep, 2) end)
          try(function() return a:receive() end)
          ffi.C._exit(7)
        end
        local status = ffi.new("int[1]")
        ffi.C.waitpid(-1, status, 0)
        tl.sleep(0.001)
        print("parent", status[0])
        a:close() b:close()
      end)]])
    local rule = "called in a process forked from the one that the loop belongs to\n"
    assert.equal(("(command line):8: timerlua.sleep: %s(command line):9: timerlua.sleep: %s"
      .. "(command line):10: timerlua.spawn: %s(command line):11: timerlua.channel:receive: %s"
      .. "(command line):12: timerlua.timeout: %snil\n"):format(rule, rule, rule, rule, rule),
      r.err)
    assert.equal("parent\t1792\n", r.out)
    assert.equal(0, r.code)
  end)
end)

describe("whatever makes a handle in a forked child", function()
  it("answers ECHILD", function()
    support.assert_says({ "9 times ECHILD" }, [[
      local ffi = require "ffi"
      ffi.cdef "int fork(void); int waitpid(int, int *, int); void _exit(int);"
      if ffi.C.fork() == 0 then
        local count = 0
        local function code(timer, message, code)
          local told = message == nil or message:find("forked", 1, true)
          if timer == nil and told and code == "ECHILD" then count = count + 1 end
        end
        code(tl.after(1, print)) code(tl.every(1, print)) code(tl.at(tl.time(), print))
        code(tl.pipe()) code(tl.socketpair()) code(tl.listen("127.0.0.1:0", print))
        code(tl.udp("127.0.0.1:0")) code(tl.exec { "true" }) code(tl.watch(0, "r", print))
        ffi.C._exit(count)
      end
      local status = ffi.new("int[1]")
      ffi.C.waitpid(-1, status, 0)
      print(status[0] / 256 .. " times ECHILD")]])
  end)
end)
