-- Suggestions for names that do not exist.
local support = require "tests.support"

local CASES = {
  ["tl.evry(1, print)"] = 'evry: no such function; did you mean "every"?',
  ["tl.setTimeout(print, 1)"] = 'setTimeout: no such function; did you mean "after"?',
  ["tl.setInterval(print, 1)"] = 'setInterval: no such function; did you mean "every"?',
  ["tl.on('SIGINT', print)"] = 'on: event must be "error", "stop", "clock_jump", "reload" or '
    .. '"post", got "SIGINT"; for a signal: tl.signal("INT", fn)',
  ["tl.on('eror', print)"] = 'on: event must be "error", "stop", "clock_jump", "reload" or '
    .. '"post", got "eror"; did you mean "error"?',
  ["tl.on('exit', print)"] = 'on: event must be "error", "stop", "clock_jump", "reload" or '
    .. '"post", got "exit"; did you mean "stop"?',
  ["tl.on(7, print)"] = 'on: event must be "error", "stop", "clock_jump", "reload" or '
    .. '"post", got 7',
  ["tl.after(0, print):stop()"] = 'timer: no field or method "stop"; did you mean "cancel"?',
  ["tl.after(0, print):close()"] = 'timer: no field or method "close"; did you mean "cancel"?',
  ["tl.after(0, print):rset(1)"] = 'timer: no field or method "rset"; did you mean "reset"?',
  ["tl.spawn(print):kill()"] = 'task: no method "kill"; did you mean task:cancel?',
  ["tl.socketpair():write('x')"] = 'connection: no method "write"; did you mean connection:send?',
  ["tl.socketpair():read()"] = 'connection: no method "read"; did you mean connection:receive?',
  ["tl.udp():read()"] = 'udp: no method "read"; did you mean udp:receive?',
  ["tl.listen('127.0.0.1:0', print):stop()"] =
    'listener: no method "stop"; did you mean listener:close?',
  ["tl.on('error', print):off()"] =
    'subscription: no method "off"; did you mean subscription:cancel?',
  ["tl.listen('127.0.0.1:0', 5)"] =
    "listen: handler must be a function or a table of callbacks, got 5",
}

describe("a name that does not exist", function()
  for call, message in pairs(CASES) do
    it("gets a suggestion: " .. call, function()
      support.says("x:1: timerlua." .. message .. "\n", ([[
        print((select(2, pcall(loadstring("local tl = require 'timerlua' %s", "=x")))))
        io.stdout:flush()
        tl.stop()]]):format(call:gsub('"', "'")))
    end)
  end

  it("is nil when no name is near, so that a script can ask", function()
    support.says("nil\tnil\tnil\tnil\n", [[
      print(tl.quic, tl.x509, tl[1], tl.socketpair().anything)]])
  end)
end)

describe("the text of an object", function()
  it("names signals, subscriptions and the site of print", function()
    support.says("timerlua.Signal: SIGUSR1 ([C])\ntimerlua.Subscription: stop ([C])\n", [[
      local signal, subscription = tl.signal("USR1", print), tl.on("stop", print)
      io.write(tostring(signal), "\n", tostring(subscription), "\n")
      signal:cancel()
      subscription:cancel()]])
  end)

  it("says what to do with a timer that has ended", function()
    support.says("timerlua.timer:reset: the timer has ended (it has run or was cancelled); "
      .. "make a new one if timer.active is false\n", [[
      local t = tl.after(1, print)
      t:cancel()
      print((select(2, pcall(t.reset, t)):gsub("^.-:%d+: ", "")))]])
  end)
end)
