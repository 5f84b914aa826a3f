local support = require "tests.support"
local ffi = require "ffi"
local duration = require "timerlua.core.duration"
local raised = support.raised

local function ns(value)
  return tostring(duration.to_ns("after", "delay", value))
end

-- The message for a refused value, wherever it points.
local function complaint(value)
  local ok, message = pcall(duration.to_ns, "after", "delay", value)
  assert.is_false(ok)
  return (message:gsub("^[^ ]+:%d+: ", ""))
end

describe("a duration as a number of seconds", function()
  local exact = {
    [0] = "0LL", [1] = "1000000000LL", [0.3] = "300000000LL", [4.35] = "4350000000LL",
    [0.1] = "100000000LL", [0.7] = "700000000LL", [1.1] = "1100000000LL",
    [2.675] = "2675000000LL", [1e-3] = "1000000LL", [1e-6] = "1000LL", [1e-9] = "1LL",
    [0.0101] = "10100000LL", [86400.001] = "86400001000000LL",
  }
  for seconds, expected in pairs(exact) do
    it(("is exact: %.17g s"):format(seconds), function()
      assert.equal(expected, ns(seconds))
    end)
  end

  it("is rounded up, so that no timer is early", function()
    assert.equal("1LL", ns(1e-10))
    assert.equal("1LL", ns(1e-300))
    assert.equal("1LL", ns(5e-324))
    assert.equal("2LL", ns(1.5e-9))
    assert.equal("2LL", ns(1.0000001e-9))
    assert.equal("1000000001LL", ns(1.0000000001))
  end)

  it("is exact in whole seconds, however many", function()
    assert.equal("10000000000000000LL", ns(1e7))
    assert.equal("3155760000000000000LL", ns(3155760000)) -- 100 years
    assert.equal("9223372036000000000LL", ns(9223372036))
  end)

  it("is never less than requested in 10,000 random numbers", function()
    local seed = require("tests.support").seeds(1)[1]
    math.randomseed(seed)
    for _ = 1, 10000 do
      local milliseconds = math.random(0, 2 ^ 31)
      local expected = ffi.cast("int64_t", milliseconds) * 1000000
      assert.equal(tostring(expected), ns(milliseconds / 1000), "TEST_SEED=" .. seed)
    end
  end)

  it("takes minus zero for zero", function()
    assert.equal("0LL", ns(-0.0))
  end)

  it("is at most 292 years", function()
    assert.equal("HERE: timerlua.after: delay must be at most 9223372036 s (292 years), "
      .. "got 9223372037", raised(function() duration.to_ns("after", "delay", 9223372037) end))
    assert.equal("HERE: timerlua.after: delay must be at most 9223372036 s (292 years), "
      .. "got inf", raised(function() duration.to_ns("after", "delay", math.huge) end))
    assert.is_false(pcall(duration.to_ns, "after", "delay", 2 ^ 53 / 1000))
  end)

  it("is not negative and not NaN", function()
    assert.equal("HERE: timerlua.after: delay must be a number >= 0, got -1e-10",
      raised(function() duration.to_ns("after", "delay", -1e-10) end))
    assert.equal("HERE: timerlua.after: delay must be a number >= 0, got "
      .. tostring(0 / 0), raised(function() duration.to_ns("after", "delay", 0 / 0) end))
  end)
end)

describe("a duration as a text", function()
  local texts = {
    ["250ms"] = "250000000LL", ["1h30m"] = "5400000000000LL", ["1.5s"] = "1500000000LL",
    ["1w"] = "604800000000000LL", ["2d"] = "172800000000000LL", ["0s"] = "0LL",
    ["10us"] = "10000LL", ["7ns"] = "7LL", ["0.3s"] = "300000000LL",
    ["4.35s"] = "4350000000LL", ["1w2d3h4m5s6ms7us8ns"] = "788645006007008LL",
    ["0.5d"] = "43200000000000LL", ["1h0.25s"] = "3600250000000LL",
    ["1 s"] = "1000000000LL", ["500 ms"] = "500000000LL", ["1 day"] = "86400000000000LL",
    ["2 hours 30 min"] = "9000000000000LL", ["1sec"] = "1000000000LL",
    ["1week 2days 3hr 4mins 5secs 6msec 7usec 8nsec"] = "788645006007008LL",
    ["2 weeks"] = "1209600000000000LL", ["1 hour"] = "3600000000000LL",
    ["1.5  minutes"] = "90000000000LL", ["1 minute"] = "60000000000LL",
    ["3 seconds"] = "3000000000LL", ["1 second"] = "1000000000LL",
    ["1 millisecond 2 microseconds 3 nanoseconds"] = "1002003LL", ["1 hrs"] = "3600000000000LL",
  }
  for text, expected in pairs(texts) do
    it("is read: " .. text, function() assert.equal(expected, ns(text)) end)
  end

  it("is rounded up to the nanosecond", function()
    assert.equal("1LL", ns("0.1ns"))
    assert.equal("2LL", ns("1.5ns"))
    assert.equal("1LL", ns("0.0000000001s"))
  end)

  it("may have more decimals than a nanosecond has", function()
    assert.equal("500000000LL", ns(("%.20fs"):format(0.5)))
    assert.equal("1LL", ns("0.000000000000000001w"))
  end)

  local wrong = { "", " ", "1", "s", ".", ".s", "soon", " 1s", "1s ", "1 s ", "-1s", "+1s",
    "1e3s", "1x", "1S", "1 Day", "1 fortnight", "1secsecs", "1 microsecondss",
    "1\ts", "1s1s",
    "1 s 1 s", "30 min 1 h", "1h and 30m", "1 min 30", "1 0 s",
    "30m1h", "1ms1s", "1h-30m", "1..5s", "1.5.5s",
    "0x10s", "1,5s", "inf", "nan", "1s\0", "1s\n" }
  for _, text in ipairs(wrong) do
    it(("is refused: %q"):format(text), function()
      assert.equal("timerlua.after: delay must be a number of seconds or a text like "
        .. '"250ms" or "1h30m" (units w d h m s ms us ns, largest first), got '
        .. ("%q"):format(text), complaint(text))
    end)
  end

  it("is refused at the caller's line", function()
    assert.equal("HERE: timerlua.after: delay must be a number of seconds or a text like "
      .. '"250ms" or "1h30m" (units w d h m s ms us ns, largest first), got "soon"',
      raised(function() duration.to_ns("after", "delay", "soon") end))
    assert.equal('HERE: timerlua.after: delay must be at most 292 years, got "15251w"',
      raised(function() duration.to_ns("after", "delay", "15251w") end))
  end)

  it("reaches to the last nanosecond of 292 years", function()
    assert.equal("9223372036854775807LL", ns("9223372036s854ms775us807ns"))
    assert.equal("9223372036854775807LL", ns("9223372036854775807ns"))
  end)

  for _, text in ipairs { "9223372036s854ms775us808ns", "9223372037s", "15251w",
    "99999999999999999999w" } do
    it("is refused beyond that: " .. text, function()
      assert.equal("timerlua.after: delay must be at most 292 years, got "
        .. ("%q"):format(text), complaint(text))
    end)
  end
end)

describe("a duration as int64 nanoseconds", function()
  it("is taken as it is", function()
    assert.equal("250000LL", ns(250000LL))
    assert.equal("250000LL", ns(250000ULL))
    assert.equal("9223372036854775807LL", ns(9223372036854775807LL))
  end)

  it("is not negative, nor beyond int64", function()
    assert.equal("HERE: timerlua.after: delay must be nanoseconds >= 0, got -1LL",
      raised(function() duration.to_ns("after", "delay", -1LL) end))
    assert.is_false(pcall(duration.to_ns, "after", "delay", 9223372036854775808ULL))
  end)
end)

describe("a duration of another kind", function()
  for _, value in ipairs { true, {}, print, ffi.new("int32_t[1]"), ffi.new("double", 1) } do
    it("is refused: " .. type(value), function()
      assert.equal('HERE: timerlua.after: delay must be a number of seconds, a text like "250ms" '
        .. "or int64 nanoseconds, got "
        .. tostring(value), raised(function() duration.to_ns("after", "delay", value) end))
    end)
  end

  it("is refused: nil", function()
    assert.equal('HERE: timerlua.after: delay must be a number of seconds, a text like "250ms" '
      .. "or int64 nanoseconds, got nil",
      raised(function() duration.to_ns("after", "delay", nil) end))
  end)
end)

describe("a period", function()
  it("is more than zero in every form", function()
    for _, zero in ipairs { 0, -0.0, "0s", 0LL } do
      assert.is_false(pcall(duration.to_positive_ns, "every", "period", zero))
    end
    assert.equal("1LL", tostring(duration.to_positive_ns("every", "period", 1e-10)))
  end)
end)
