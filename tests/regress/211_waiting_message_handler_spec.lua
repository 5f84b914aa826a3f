-- A message handler of xpcall that waited lost both errors: xpcall returned "error in error
-- handling" alone.
local support = require "tests.support"

-- The reports of errors, one line each, without tracebacks.
local REPORTS = [[
  tl.on("error", function(err, traceback, source)
    say("report:", source.kind, err, traceback:find("(command line)", 1, true) ~= nil)
  end) ]]

local RULE = " called inside a message handler of xpcall, which cannot wait; wait when xpcall "
  .. "has returned true"

describe("a message handler", function()
  it("cannot wait, and the error that it was called for is kept", function()
    local line = "report: message handler (command line):%d: timerlua.%s:" .. RULE
    support.assert_says({
      line:format(12, "sleep"), "sleep false 1",
      line:format(15, "channel:receive"), "receive false true",
      line:format(19, "sleep"), "after a pcall false 3",
      line:format(21, "sleep"), "in a generator false 4",
    }, REPORTS .. [[
      local function waits() tl.sleep(1) end
      say("sleep", xpcall(error, function() tl.sleep(1) end, "1", 0))
      local channel, value = tl.channel(1), {}
      local _, err = xpcall(error, function()
        channel:receive() end, value)
      say("receive", false, err == value)
      say("after a pcall", xpcall(error, function()
        pcall(error, "inner")
        tl.sleep(1) end, "3", 0))
      say("in a generator", xpcall(error, function()
        coroutine.wrap(function() tl.sleep(1) end)() end, "4", 0)) ]])
  end)

  it("that catches the error of its wait returns what it likes", function()
    support.assert_says({ "false handled", "waited 1" }, REPORTS .. [[
      say(xpcall(error, function() pcall(tl.sleep, 1) return "handled" end, "x"))
      say("waited", select(2, xpcall(function() tl.sleep(1) return clock() end, print)))]])
  end)

  it("is called as without timerlua", function()
    support.assert_says({ "error", "false error in error handling", "false x",
      "bad argument #2 to 'xpcall' (function expected, got nil)", "true 1 nil 3" }, [[
      xpcall(error, function() say(debug.getinfo(2, "n").name or "error") end)
      say(xpcall(error, function() error("y") end, "x"))
      say(xpcall(error, function(e) return e end, "x", 0))
      say((select(2, pcall(xpcall, print)):gsub("^.-:%d+: ", "")))
      say(xpcall(function(...) return ... end, print, 1, nil, 3))]])
  end)

  it("that fails, overflows or has another xpcall inside leaves nothing behind", function()
    local in_c = "false (command line):%d: timerlua.sleep: called inside a C function (such as "
      .. "table.sort, string.gsub or require), which cannot wait"
    support.assert_says({ "failed false", in_c:format(15), "overflow false", in_c:format(15),
      "report: message handler (command line):22: timerlua.sleep:" .. RULE,
      "nested false orig", in_c:format(15), "late", "end" }, REPORTS .. [[
      say("failed", (xpcall(error, function()
        pcall(error, "inner") error("handler failed") end, "orig")))
      local function in_c()
        say(pcall(table.sort, { 3, 2, 1 }, function()
          tl.sleep(1) end)) end
      in_c()
      local function deep() return 1 + deep() end
      say("overflow", (xpcall(error, deep, "orig")))
      in_c()
      say("nested", xpcall(error, function()
        xpcall(error, function() end, "in", 0)
        tl.sleep(1) end, "orig", 0))
      in_c()
      local co
      xpcall(error, function()
        co = coroutine.create(function() xpcall(coroutine.yield, print) tl.sleep(0) say("late") end)
        coroutine.resume(co) end)
      coroutine.resume(co)
      tl.sleep(0.1) say("end")]])
  end)
end)
