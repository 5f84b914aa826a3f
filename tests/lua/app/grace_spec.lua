-- The grace of a stop: for handlers that wait, and for a callback that does not return.
local support = require "tests.support"

local quote = support.quote

-- Run a script and send it a signal once it has printed its first line. Bounded from
-- outside, by a signal that it cannot catch.
local function signalled(name, code, options)
  return support.shell(([[
    exec 3>&2
    mkfifo "$0.fifo" && trap 'rm -f "$0.fifo"' EXIT
    timeout -s KILL 20 %s %s -e %s >"$0.fifo" 2>&3 & child=$!
    exec 4<"$0.fifo"
    read line <&4; echo "$line"
    kill -%s $(ps -o pid= --ppid $child) 2>/dev/null
    cat <&4
    exec 2>/dev/null
    wait $child]]):gsub("%$0", os.tmpname()):format(support.program, options or "",
      quote('local tl = require "timerlua" io.stdout:setvbuf("line")\n' .. code), name),
    { timeout = 30 })
end

-- Run a script that sends itself signals. What the shell says of its end is dropped.
local function raised(code)
  return support.shell(("exec 3>&2 2>/dev/null; (%s -e %s) 2>&3; exit $?"):format(support.program,
    quote([[local tl, ffi = require "timerlua", require "ffi" ffi.cdef "int raise(int);" ]]
      .. code)))
end

local function assert_held(text, r)
  assert.equal("begun\n", r.out)
  assert.equal(("timerlua: %s; ending at once\n"):format(text), r.err)
end

describe("a callback that does not return", function()
  it("is ended by SIGTERM after the grace, with its name and site", function()
    local r = signalled("TERM", [[
      tl.after(0, function(timer)
        timer.name = "spin"
        print "begun"
        while true do end
      end)]], "--stop-grace=100ms")
    assert_held('SIGTERM: timer "spin" ((command line):2) has held the loop for more than 0.1 s', r)
    assert.equal(128 + 15, r.code)
  end)

  it("is ended by SIGINT where the JIT does not compile it, too", function()
    local r = signalled("INT", [[
      require("jit").off()
      tl.spawn(function()
        tl.sleep(0)
        print "begun"
        while true do end
      end).name = "worker"]], "--stop-grace=100ms")
    assert_held('SIGINT: task "worker" ((command line):3) has held the loop for more than 0.1 s', r)
    assert.equal(128 + 2, r.code)
  end)

  it("is ended in the main chunk", function()
    local r = signalled("HUP", [[print "begun" repeat until false]], "--stop-grace=100ms")
    assert_held("SIGHUP: the main chunk ((command line)) has held the loop for more than 0.1 s", r)
    assert.equal(128 + 1, r.code)
  end)

  it("is ended inside a C function", function()
    local r = signalled("TERM", [[
      require("ffi").cdef "unsigned sleep(unsigned);"
      print "begun"
      while true do require("ffi").C.sleep(100) end]], "--stop-grace=100ms")
    assert.truthy(r.err:find("the main chunk", 1, true), r.err)
    assert.equal(128 + 15, r.code)
  end)

  it("is ended when it is a stop handler", function()
    local r = signalled("TERM", [[
      tl.on("stop", function() while true do end end)
      print "begun"
      tl.sleep(60)]], "--stop-grace=100ms")
    assert_held('SIGTERM: task "stop handler" ((command line):2) has held the loop for more '
      .. "than 0.1 s", r)
    assert.equal(128 + 15, r.code)
  end)

  it("is told of in short when its names cannot be read", function()
    local r = signalled("TERM", [[
      require("timerlua.core.errors").name = error
      print "begun"
      while true do end]], "--stop-grace=100ms")
    assert_held("SIGTERM: a callback does not return to the loop", r)
    assert.equal(128 + 15, r.code)
  end)

  it("is let go on when it returns in time", function()
    local r = raised [[
      tl.on("stop", function(reason) print(reason) end)
      ffi.C.raise(15)
      local ends = tl.now() + 0.2
      repeat until tl.now() >= ends
      print "returned"]]
    assert.same({ "returned\nSIGTERM\n", "", 128 + 15 }, { r.out, r.err, r.code })
  end)
end)

describe("a stop", function()
  it("keeps the rest of a batch from running after a signal", function()
    local r = raised [[
      tl.after(0, function() print "first" ffi.C.raise(15) end)
      tl.after(0, print, "second")]]
    assert.same({ "first\n", "", 128 + 15 }, { r.out, r.err, r.code })
  end)
end)

describe("tl.stop with a table", function()
  local function run(code, option)
    return support.run({ "--virtual-time", option or "--slack=0", "-e",
      'local tl = require "timerlua"\n' .. code })
  end

  it("takes a status and a grace", function()
    local r = run [[
      tl.on("stop", function(_, code) tl.sleep(29) print(code) end)
      tl.stop { code = 3, grace = "30s" }]]
    assert.same({ "3\n", "", 3 }, { r.out, r.err, r.code })
  end)

  it("gives a handler more time, from then on", function()
    local r = run [[
      tl.on("stop", function()
        tl.sleep(4)
        tl.stop { grace = 10 }
        tl.sleep(9)
        print "in time"
      end)]]
    assert.same({ "in time\n", "", 0 }, { r.out, r.err, r.code })
  end)

  it("that is cut does not end with 0", function()
    for code, status in pairs { ["tl.stop()"] = 1, ["tl.stop(0)"] = 1, ["tl.stop(7)"] = 7,
      [""] = 1 } do
      local r = run('tl.on("stop", function() tl.sleep(60) end) ' .. code, "--stop-grace=2s")
      assert.equal("timerlua: the stop handlers took more than 2 s; ending without them\n", r.err)
      assert.equal(status, r.code, code)
    end
  end)

  it("refuses what it does not know, at the caller's line", function()
    local tl = require "timerlua"
    local function message(options)
      return support.raised(function() tl.stop(options) end)
    end
    assert.equal('HERE: timerlua.stop: an option must be one of code, grace, got "gracee"; '
      .. 'did you mean "grace"?', message { gracee = 1 })
    assert.equal("HERE: timerlua.stop: grace must be more than 0, got 0", message { grace = 0 })
    assert.equal("HERE: timerlua.stop: code must be an integer from 0 to 255, got 256",
      message { code = 256 })
  end)
end)

describe("--stop-grace", function()
  it("refuses what is no duration", function()
    for value, rule in pairs { ["0"] = "must be more than 0, got 0",
      ["-1"] = "must be a number >= 0, got -1", soon = "must be a number of seconds or a text" } do
      local r = support.run { "--stop-grace=" .. value, "-e", "print 'ran'" }
      assert.equal("", r.out)
      assert.equal("timerlua: --stop-grace " .. rule, r.err:sub(1, #rule + 23))
      assert.equal(2, r.code)
    end
  end)
end)
