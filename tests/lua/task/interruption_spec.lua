-- Interruptions of cancelled tasks and expired limits: raised in each wait until they
-- are left, while others go on.
local support = require "tests.support"

local assert_says, count = support.assert_says, support.count

-- The same with the clock of the machine, unless `option` says otherwise.
local function run_real(code, option)
  local arguments = { "-e", 'local tl = require "timerlua" local say = print ' .. code }
  if option then table.insert(arguments, 1, option) end
  return support.run(arguments)
end

describe("an interruption that is caught again and again", function()
  local CATCHERS = {
    { "of a timeout", "tl.timeout(0.25, function() while busy do pcall(tl.sleep, 0.05) end end)" },
    { "of a cancelled task", [[
        local t = tl.spawn(function() while busy do pcall(tl.sleep, 1) end end)
        tl.sleep(0.25)
        t:cancel()
        t:join()]] },
    { "of a scope", [[
        pcall(tl.scope, function(scope)
          scope:spawn(function() tl.sleep(0.25) error("broken", 0) end)
          while busy do pcall(tl.sleep, 1) end
        end)]] },
    { "of a scope's child", [[
        pcall(tl.scope, function(scope)
          scope:spawn(function() while busy do pcall(tl.sleep, 1) end end)
          tl.sleep(0.25)
          error("broken", 0)
        end)]] },
    { "of a timeout around a channel", [[
        local channel = tl.channel()
        tl.timeout(0.25, function() while busy do pcall(channel.receive, channel) end end)]] },
  }

  for _, catcher in ipairs(CATCHERS) do
    for _, option in ipairs { "--virtual-time", false } do
      it(catcher[1] .. (option and " in virtual time" or "") .. " lets others run, and is reported "
        .. "once", function()
        local r = run_real([[
          local busy, ticks = true, 0
          tl.every(0.05, function()
            ticks = ticks + 1
            if ticks == 30 then busy = false end
            if ticks == 31 then say("over") tl.stop(3) end
          end)]] .. catcher[2], option)
        assert.equal("over\n", r.out)
        assert.equal(3, r.code)
        assert.equal(1, count("the task goes on: 100 waits in a row", r))
        assert.equal(1, count("stack traceback:", r))
      end)
    end
  end

  it("lets a signal end the program", function()
    local r = support.shell("timeout -s TERM 0.5 " .. support.program .. " -e "
      .. support.quote [[
        local tl = require "timerlua"
        tl.timeout(0.1, function() while true do pcall(tl.sleep, 0.05) end end)]],
      { timeout = 10 })
    assert.equal(124, r.code)
  end)

  it("leaves the processor to others", function()
    assert_says({ "true" }, [[
      local t = tl.spawn(function() while true do pcall(tl.sleep, 1) end end)
      tl.on("error", function() end)
      tl.sleep(1)
      t:cancel()
      local turns = tl.stats().turns
      tl.sleep(10)
      say(tl.stats().turns - turns < 2000)
      tl.stop()]])
  end)
end)

describe("a cancelled task", function()
  it("has a scope end with the error of a sibling, though it catches the interruption",
    function()
    assert_says({ "false broken 1" }, [[
      local ok, err = pcall(tl.scope, function(scope)
        scope:spawn(function() for _ = 1, 50 do pcall(tl.sleep, 10) end end)
        tl.sleep(1)
        error("broken", 0)
      end)
      say(ok, err, clock())]])
  end)

  it("returns its results if it does not wait any more", function()
    assert_says({ "7", "done" }, [[
      local t = tl.spawn(function() pcall(tl.sleep, 9) return 7 end)
      tl.sleep(1)
      t:cancel()
      say(t:join())
      say(t.status)]])
  end)

  it("is interrupted from outside its limits", function()
    assert_says({ "true false ECANCELED", "cancelled" }, [[
      local t = tl.spawn(function()
        tl.timeout(1, function()
          pcall(tl.sleep, 5)
          tl.shield(function() tl.sleep(1) end)
          local _, err = pcall(tl.sleep, 1)
          say(tl.is_cancelled(err), tl.is_timeout(err), err.code)
          error(err, 0)
        end)
      end)
      tl.sleep(1.5)
      t:cancel()
      t:join()
      say(t.status)]])
  end)

  it("that cancels itself ends there, and in a shield at the next wait after it", function()
    assert_says({ "shielded", "cancelled" }, [[
      local t = tl.spawn(function()
        tl.shield(function() tl.current():cancel() tl.sleep(1) say("shielded") end)
        tl.sleep(1)
        say("never")
      end)
      t:join()
      say(t.status)]])
  end)
end)

describe("tl.is_cancelled and tl.is_timeout", function()
  it("tell interruptions from errors, and from each other", function()
    assert_says({ "true false ECANCELED", "false true ETIMEDOUT", "true false ECANCELED",
      "false false nil", "false false nil", "false false ECANCELED" }, [[
      local function tell(err)
        say(tl.is_cancelled(err), tl.is_timeout(err), type(err) == "table" and err.code or nil)
      end
      local t = tl.spawn(function() local _, err = pcall(tl.sleep, 9) tell(err) end)
      tl.sleep(1)
      t:cancel()
      t:join()
      tl.timeout(1, function() local _, err = pcall(tl.sleep, 9) tell(err) end)
      tl.scope(function(scope)
        scope:cancel()
        local _, err = pcall(tl.sleep, 9)
        tell(err)
      end)
      tell("timeout") tell(nil) tell({ code = "ECANCELED" })]])
  end)

  it("the text names the task, the timeout and the scope", function()
    local path = support.temporary [[
local tl = require "timerlua"
local function text() print(tostring(select(2, pcall(tl.sleep, 9)))) end
local t = tl.spawn(text)
t.name = "reader"
tl.sleep(0)
t:cancel()
t:join()
tl.timeout(0.25, function() text() end)
tl.timeout(250000000LL, function() text() end)
tl.scope(function(scope)
  scope:cancel()
  text()
end)]]
    local r = support.run { "--virtual-time", path }
    assert.equal("", r.err)
    assert.equal(([[
task cancelled: "reader" (FILE:2)
timeout of 0.25 s expired (FILE:8)
timeout of 0.25 s expired (FILE:9)
scope cancelled (FILE:10)
]]):gsub("FILE", path), r.out)
  end)
end)
