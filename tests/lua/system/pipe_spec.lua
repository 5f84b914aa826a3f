-- Connections on pipes, socket pairs and other descriptors that are not sockets.
local ffi = require "ffi"
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"
local C = require "timerlua.core.ffi".C
local connection = require "timerlua.net.connection.making"

ffi.cdef [[
int open(const char *path, int flags, ...);
]]
local O_RDONLY, O_WRONLY, O_RDWR = 0, 1, 2

local DIRECTION = { [O_RDONLY] = C.TL_STREAM_RECEIVE_ONLY, [O_WRONLY] = C.TL_STREAM_SEND_ONLY,
  [O_RDWR] = 0 }

-- The connection of a file.
local function connect(path, mode, opts)
  local fd = ffi.C.open(path, mode)
  assert.is_true(fd >= 0, path)
  return assert(connection.of_descriptor(fd, C.TL_STREAM_FILE + DIRECTION[mode],
    connection.settings("test", opts or {})))
end

describe("a pipe", function()
  it("carries bytes from its writer to its reader, and then the end", function()
    sockets.run(function()
      local reader, writer = assert(tl.pipe())
      tl.spawn(function()
        for i = 1, 3 do
          writer:send("line " .. i .. "\n")
          tl.sleep(0.001)
        end
        writer:close()
      end)
      local lines = {}
      for line in reader:lines() do lines[#lines + 1] = line end
      assert.same({ "line 1", "line 2", "line 3" }, lines)
      local data, err, partial, code = reader:receive()
      assert.same({ nil, "closed", "", "EOF" }, { data, err, partial, code })
      reader:close()
    end)
  end)

  it("gives all that it holds to one receive_some, in one call to the kernel", function()
    sockets.run(function()
      local reader, writer = assert(tl.pipe())
      local much = ("x"):rep(65536)
      for _ = 1, 3 do
        assert(writer:send(much))
        assert(writer:flush())
        local before = tl.stats().receives
        assert.equal(#much, #assert(reader:receive_some()))
        assert.equal(before + 1, tl.stats().receives)
      end
      writer:close()
      reader:close()
    end)
  end)

  for _, edge in ipairs { false, true } do
    it("carries much, while its writer waits for room" .. (edge and ", edge-triggered" or ""),
      function()
        sockets.run(function()
          local reader, writer = assert(tl.pipe { edge = edge })
          local text = ("0123456789abcdef"):rep(2 ^ 18)
          tl.spawn(function()
            assert.equal(#text, writer:send(text))
            writer:close()
          end)
          local got = reader:receive("*a")
          assert.equal(#text, #got)
          assert.is_true(got == text)
          reader:close()
        end)
      end)
  end

  it("has one direction: methods of the other return EBADF", function()
    sockets.run(function()
      local reader, writer = assert(tl.pipe())
      local function answer(_, message, ...) return { message, (select(select("#", ...), ...)) } end
      local receives = { "it is open for receiving only", "EBADF" }
      local sends = { "it is open for sending only", "EBADF" }
      assert.same(receives, answer(reader:send("x")))
      assert.same(receives, answer(reader:shutdown("send")))
      assert.same(sends, answer(writer:receive()))
      assert.same(sends, answer(writer:receive_some()))
      assert.same(sends, answer(writer:shutdown("receive")))
      assert.same({ "socket operation on non-socket", "ENOTSOCK" }, answer(reader:peer()))
      assert.same({ "socket operation on non-socket", "ENOTSOCK" }, answer(writer:sock()))
      assert.same({ "socket operation on non-socket", "ENOTSOCK" },
        answer(writer:setoption("nodelay", true)))
      assert.equal("timerlua.Connection: fd " .. reader:fileno(), tostring(reader))
      reader:close()
      writer:close()
      assert.equal("timerlua.Connection: closed", tostring(reader))
    end)
  end)

  it("ends for its reader when its writer is shut down, after all queued bytes", function()
    sockets.run(function()
      local reader, writer = assert(tl.pipe())
      local text = ("x"):rep(300000)
      local sender = tl.spawn(function()
        writer:send(text)
        return writer:shutdown("send"), writer:fileno(), writer:closed()
      end)
      assert.equal(#text, #reader:receive("*a"))
      assert.same({ true, nil, false }, { sender:join() })
      local _, err, _, code = writer:send("y")
      assert.same({ "closed", "EPIPE" }, { err, code })
      _, err, code = writer:shutdown()
      assert.same({ "shut down already", "EALREADY" }, { err, code })
      writer:close()
      assert.is_true(writer:closed())
      reader:close()
    end)
  end)

  it("returns EPIPE to its writer once its reader is closed", function()
    for _, how in ipairs { "close", "shutdown", "abort" } do
      sockets.run(function()
        local reader, writer = assert(tl.pipe())
        reader[how](reader)
        local _, err, code
        writer:send("x")
        _, err, code = writer:flush()
        assert.same({ "closed", "EPIPE" }, { err, code }, how)
        _, err, _, code = writer:send("x")
        assert.same({ "closed", "EPIPE" }, { err, code }, how)
        writer:close()
        reader:close()
      end)
    end
  end)

  it("wakes a writer that waits for room when its reader goes", function()
    sockets.run(function()
      local reader, writer = assert(tl.pipe())
      local sender = tl.spawn(function()
        local _, err, _, code = writer:send(("x"):rep(2 ^ 20))
        return err, code
      end)
      tl.sleep(0.001)
      reader:close()
      assert.same({ "closed", "EPIPE" }, { sender:join() })
      writer:close()
    end)
  end)

  it("ends a wait by its time, by a limit and by a cancel", function()
    sockets.run(function()
      local reader, writer = assert(tl.pipe { timeout = 0.001 })
      local _, err, _, code = reader:receive()
      assert.same({ "timeout", "ETIMEDOUT" }, { err, code })
      reader:settimeout(nil)
      assert.same({ nil, "timeout", "ETIMEDOUT" }, { tl.timeout(0.001, reader.receive, reader) })
      local waiting = tl.spawn(reader.receive, reader)
      tl.sleep(0.001)
      waiting:cancel()
      tl.sleep(0.001)
      writer:send("still there\n")
      assert.equal("still there", reader:receive())
      reader:close()
      writer:close()
    end)
  end)

  it("sends the queued bytes before it is closed, when it becomes garbage", function()
    sockets.run(function()
      local reader = assert(tl.pipe())
      do
        local another, writer = assert(tl.pipe())
        reader:close()
        reader = another
        writer:send("last words")
      end
      support.collect()
      assert.equal("last words", reader:receive("*a"))
      reader:close()
    end)
  end)

  it("reports that no descriptors are left", function()
    local r = support.run({ "-e", [[
      local tl = require "timerlua"
      for _, make in ipairs { tl.pipe, tl.socketpair } do
        local one, message, code = make()
        print(one, message, code)
      end]] }, { before = "ulimit -n 6; " })
    assert.equal("nil\tpipe: too many open files\tEMFILE\n"
      .. "nil\tsocketpair: too many open files\tEMFILE\n", r.out)
    assert.equal(0, r.code)
  end)

  it("refuses wrong options at the caller's line", function()
    assert.equal("HERE: timerlua.pipe: an option must be one of autoclose, close_timeout, "
      .. 'edge, high, limit, linger_input, linger_limit, low, receive_limit, timeout, got "size"',
      support.raised(function() tl.pipe { size = 1 } end))
    assert.equal("HERE: timerlua.socketpair: opts must be a table, got 1",
      support.raised(function() tl.socketpair(1) end))
  end)

  it("does not end a plain luajit by SIGPIPE, nor swallow that of others", function()
    local r = support.shell("LD_PRELOAD=$SANITIZER_PRELOAD luajit -e " .. support.quote [[
      local tl = require "timerlua"
      local r, w = tl.pipe()
      r:close()
      w:send("x")
      print(w:flush())
      io.stdout:flush()
      io.popen("exit 0", "w"):close()
      local ffi = require "ffi"
      ffi.cdef "int raise(int);"
      ffi.C.raise(13)
      print("not reached")]])
    assert.equal("nil\tclosed\tEPIPE\n", r.out)
    assert.equal(141, r.code)
  end)
end)

describe("a socket pair", function()
  it("carries bytes both ways, and each end apart", function()
    sockets.run(function()
      local a, b = assert(tl.socketpair())
      a:send("to b\n")
      b:send("to a\n")
      assert.equal("to b", b:receive())
      assert.equal("to a", a:receive())
      assert.is_true(a:shutdown("send"))
      assert.equal("EOF", select(4, b:receive()))
      b:send("still\n")
      assert.equal("still", a:receive())
      assert.equal("unix:", a:peer())
      a:close()
      b:close()
    end)
  end)
end)

describe("a connection of a regular file", function()
  local path

  before_each(function() path = os.tmpname() end)
  after_each(function() os.remove(path) end)

  for _, edge in ipairs { false, true } do
    it("reads all of it, while other work goes on" .. (edge and ", edge-triggered" or ""),
      function()
        local text = ("0123456789abcde\n"):rep(2 ^ 20)
        support.write(path, text)
        sockets.run(function()
          local turns = 0
          local ticker = tl.after(0, function(t)
            turns = turns + 1
            t:reset(0)
          end)
          local conn = connect(path, O_RDONLY, { edge = edge })
          local got = {}
          while true do
            local bytes = conn:receive_some(4096)
            if not bytes then break end
            got[#got + 1] = bytes
          end
          ticker:cancel()
          conn:close()
          assert.is_true(table.concat(got) == text)
          assert.is_true(turns > 100, turns)
        end)
      end)
  end

  it("writes all of it, while other work goes on", function()
    sockets.run(function()
      local text = ("0123456789abcde\n"):rep(2 ^ 20)
      local turns = 0
      local ticker = tl.after(0, function(t)
        turns = turns + 1
        t:reset(0)
      end)
      local conn = connect(path, O_WRONLY)
      assert.equal(#text, conn:send(text))
      assert.is_true(conn:flush())
      ticker:cancel()
      conn:close()
      assert.is_true(support.read(path) == text)
      assert.is_true(turns >= 10, turns)
    end)
  end)

  it("writes the queued bytes although it is closed at once", function()
    sockets.run(function()
      local conn = connect(path, O_WRONLY)
      conn:send(("x"):rep(2 ^ 22))
      conn:close()
      sockets.till(function() return #support.read(path) == 2 ^ 22 end, "the rest")
    end)
  end)

  it("has no end of sending in a file open in both directions", function()
    sockets.run(function()
      support.write(path, "text")
      local conn = connect(path, O_RDWR)
      local _, _, code = conn:shutdown("send")
      assert.equal("ENOTSOCK", code)
      assert.equal("text", conn:receive("*a"))
      conn:send(" and more")
      conn:flush()
      assert.equal("text and more", support.read(path))
      assert.is_true(conn:shutdown("receive"))
      conn:close()
    end)
  end)

  it("reports that a disk is full, and reads nothing from /dev/null", function()
    sockets.run(function()
      local full = connect("/dev/full", O_WRONLY)
      full:send("x")
      assert.same({ nil, "no space left on device", "ENOSPC" }, { full:flush() })
      full:close()
      local null = connect("/dev/null", O_RDWR)
      assert.equal(1000000, null:send(("x"):rep(1000000)))
      assert.is_true(null:flush())
      assert.equal("EOF", select(4, null:receive()))
      null:close()
    end)
  end)
end)
