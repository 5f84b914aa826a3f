-- Errors in callbacks.
local support = require "tests.support"
local tl = require "timerlua"
local virtual = require "tests.support.virtual"
local clock = tl.clock

local log, collecting_errors = virtual.log, virtual.collecting_errors

virtual.each(before_each, after_each)

describe("D11: an error in a callback", function()
  it("is reported with traceback and timer, and the others go on", function()
    local timers = {}
    local errors = collecting_errors(function()
      for i = 1, 5 do
        timers[i] = tl.every(1, function()
          if i == 3 then error("no " .. i, 0) end
          log[#log + 1] = i
        end)
      end
      clock:advance(2)
    end)
    local runs = timers[3].runs
    for _, timer in ipairs(timers) do timer:cancel() end
    assert.same({ 1, 2, 4, 5, 1, 2, 4, 5 }, log)
    assert.same({ 2, "no 3", 2 }, { #errors, errors[1].err, runs })
    assert.is_true(rawequal(timers[3], errors[1].source))
    assert.truthy(errors[1].traceback:find("errors_spec.lua", 1, true))
  end)

  it("may be any value, even nil", function()
    local object = {}
    local errors = collecting_errors(function()
      tl.after(1, function() error(object) end)
      tl.after(2, function() error() end)
      clock:advance(2)
    end)
    assert.equal(2, #errors)
    assert.is_true(rawequal(object, errors[1].err))
    assert.is_nil(errors[2].err)
  end)

  it("is reported on standard error and by exit status 1 when there is no handler", function()
    local r = support.run [[
      local tl = require "timerlua"
      for i = 1, 10 do
        tl.timer { after = i / 1000, name = "t" .. i, fn = function()
          if i == 4 then error("bad") end
          io.write(i, " ")
        end }
      end]]
    assert.same({ "1 2 3 5 6 7 8 9 10 ", 1 }, { r.out, r.code })
    assert.truthy(r.err:find('in timer "t4" ((command line):3): (command line):4: bad', 1, true))
    assert.truthy(r.err:find("stack traceback", 1, true))
  end)

  it("releases a one-shot and keeps a periodic timer", function()
    local timer, other
    collecting_errors(function()
      timer = tl.after(1, function() error("x") end)
      other = tl.every(1, function() error("x") end)
      clock:advance(3)
    end)
    local seen = { timer.active, other.active, other.runs }
    other:cancel()
    assert.same({ false, true, 3 }, seen)
  end)
end)
