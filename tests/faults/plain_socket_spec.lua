-- Plain sockets under calls that fail: each failure is reported with its operation,
-- cause and code, calls are repeated where that helps, and no byte is lost silently.
local faults = require "tests.support.faults"
local support = require "tests.support"

setup(faults.setup)
teardown(faults.teardown)

-- One side sends 200,000 bytes, the other receives them in pieces; both in blocking
-- mode, in tasks. Ends with the first failure.
local SCRIPT = [[
  local tl, socket = require "timerlua", require "timerlua.socket"
  local function check(ok, message, code)
    if ok then return ok, message end
    print(("told %s %s"):format(code, message))
    os.exit(0)
  end
  local s, c = check(socket.socket()), check(socket.socket())
  check(s:setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1))
  check(s:bind("127.0.0.1:0"))
  check(s:listen())
  local address = check(s:getsockname())
  local conn
  local accepting = tl.spawn(function() conn = check(s:accept()) end)
  tl.sleep(0)
  check(c:connect(address))
  accepting:join()
  check(conn:getpeername())
  check(conn:getsockopt(socket.SOL_SOCKET, socket.SO_TYPE))
  local sent = ("0123456789abcdef"):rep(12500)
  tl.spawn(function()
    check(c:sendall(sent))
    check(c:shutdown(socket.SHUT_WR))
  end)
  local got = {}
  repeat got[#got + 1] = check(conn:recv(7000)) until got[#got] == ""
  print(table.concat(got) == sent and "all of it" or "something else")]]

local function play(call, n, code, options)
  local r = faults.run(SCRIPT, call, n, code, options)
  assert.equal("", r.err, call .. " " .. code)
  assert.equal(0, r.code, call .. " " .. code)
  return r.out, r.calls
end

-- Errors after which a call is repeated, and errors that are reported: one of the
-- manual page's for each call.
local TELLS = {
  socket = "EMFILE ENOBUFS", setsockopt = "ENOPROTOOPT", bind = "EADDRINUSE EACCES",
  listen = "EADDRINUSE", getsockname = "ENOBUFS", accept4 = "EMFILE ECONNABORTED",
  connect = "ECONNREFUSED ENETUNREACH EADDRNOTAVAIL", getpeername = "ENOTCONN",
  getsockopt = "ENOPROTOOPT", sendto = "EPIPE ECONNRESET ENOBUFS", shutdown = "ENOTCONN",
  recvfrom = "ECONNRESET ETIMEDOUT",
}
local AGAIN = { accept4 = "EINTR EAGAIN", connect = "EINTR", sendto = "EINTR EAGAIN",
  recvfrom = "EINTR EAGAIN" }
local METHODS = { socket = "socket.socket", accept4 = "socket:accept", sendto = "socket:sendall",
  recvfrom = "socket:recv", getsockopt = "socket:%a+" } -- connect asks for SO_ERROR

describe("a plain socket whose", function()
  for call, codes in pairs(TELLS) do
    it(call .. " fails, tells it", function()
      for code in codes:gmatch("%S+") do
        local _, calls = play(call, 0, code)
        assert.is_true(calls >= 1, call)
        for n = 1, math.min(calls, 3) do
          local out = play(call, n, code)
          local name, message = out:match("^told (E%u+) ([^\n]*)")
          assert.equal(code, name, out)
          assert.truthy(message:find("^" .. (METHODS[call] or "socket:" .. call)), out)
          assert.truthy(message:find(faults.text(code), 1, true), out)
        end
      end
    end)
  end

  for call, codes in pairs(AGAIN) do
    it(call .. " is to be tried again, does so", function()
      for code in codes:gmatch("%S+") do
        for n = 1, 3 do assert.equal("all of it\n", (play(call, n, code))) end
      end
    end)
  end

  it("calls move few bytes at once, loses no byte", function()
    if support.sanitized then return end -- 28,000 calls
    assert.equal("all of it\n", (play("none", 0, "EINTR", { most = 7, timeout = 30 })))
  end)
end)
