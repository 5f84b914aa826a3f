-- The system calls that connections make.
local support = require "tests.support"

describe("system calls", function()
  -- Trace a script, from its line MARK on.
  local function trace(code)
    local path, out = support.temporary(code), os.tmpname()
    local r = support.shell(("strace -o %s %s %s"):format(out, support.program, path),
      { timeout = 30 })
    local text = support.read(out)
    os.remove(path)
    os.remove(out)
    assert.equal("", r.err)
    assert.equal(0, r.code)
    return text:match('MARK.-\n(.*)MARK') or text, text
  end

  local function count(text, pattern)
    return select(2, text:gsub(pattern, ""))
  end

  local traced = support.sanitized and pending or it -- strace is slow there

  traced("for one request and its answer are recv and send, and the wait", function()
    local part = trace [[
      local tl = require "timerlua"
      local ends = {}
      local l = tl.listen("127.0.0.1:0", { data = function(c, bytes) c:send(bytes) end })
      local c = tl.connect(l:sock())
      for i = 1, 3 do c:send("warm") c:receive(4) end
      io.stderr:write() io.stdout:write("MARK\n") io.stdout:flush()
      for i = 1, 100 do c:send("ping") c:receive(4) end
      io.stdout:write("MARK\n") io.stdout:flush()
      c:close() l:close()]]
    assert.equal(200, count(part, "\nsendto%(") + count(part, "^sendto%("))
    assert.equal(0, count(part, "epoll_ctl"))
    assert.equal(0, count(part, "timerfd"))
    -- each end: one recv with bytes; the client asks once before it waits
    assert.is_true(count(part, "recvfrom%(") <= 300, count(part, "recvfrom%("))
    assert.is_true(count(part, "epoll_wait") <= 210, count(part, "epoll_wait"))
  end)

  traced("for 16 sends of one callback are one", function()
    local part = trace [[
      local tl = require "timerlua"
      local l = tl.listen("127.0.0.1:0", { data = function(c, bytes)
        for i = 1, 16 do c:send(bytes) end
      end })
      local c = tl.connect(l:sock())
      c:send("w") c:receive(16)
      io.stdout:write("MARK\n") io.stdout:flush()
      for i = 1, 16 do c:send("x") end
      c:receive(256)
      io.stdout:write("MARK\n") io.stdout:flush()
      c:close() l:close()]]
    assert.equal(2, count(part, "sendto%(") + count(part, "sendmsg%("))
  end)

  traced("set TCP_NODELAY once for all that a listener accepts", function()
    local _, text = trace [[
      local tl = require "timerlua"
      local l = tl.listen("127.0.0.1:0", function(c) assert(c:getoption("nodelay")) end)
      for i = 1, 10 do tl.connect(l:sock(), { nodelay = false }):receive("*a") end
      l:close()]]
    assert.equal(1, count(text, "setsockopt[^\n]*TCP_NODELAY, %[1%]"))
  end)

  traced("for edge-triggered connections never change what is watched", function()
    local _, text = trace [[
      local tl = require "timerlua"
      local l = tl.listen("127.0.0.1:0", function(c)
        for line in c:lines() do c:send(line:rep(2 ^ 20)) end
      end, { edge = true })
      for i = 1, 3 do
        local c = tl.connect(l:sock(), { edge = true })
        c:send("a\nb\n")
        assert(#c:receive(2 ^ 21) == 2 ^ 21)
        c:close()
      end
      l:close()]]
    assert.equal(0, count(text, "EPOLL_CTL_MOD"))
    assert.is_true(count(text, "EPOLL_CTL_ADD[^\n]*EPOLLET") >= 6)
  end)
end)
