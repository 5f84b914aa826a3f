local support = require "tests.support"
local instant = require "timerlua.core.instant"
local raised = support.raised

local function ns(value)
  return tostring(instant.to_ns("at", "when", value))
end

-- The message for a refused value, wherever it points.
local function complaint(value)
  local ok, message = pcall(instant.to_ns, "at", "when", value)
  assert.is_false(ok)
  return (message:gsub("^[^ ]+:%d+: ", ""))
end

-- The meaning of a text in another time zone.
local function ns_in(zone, text)
  local code = ('io.write(tostring(require("timerlua.core.instant").to_ns("at", "when", %q)))')
    :format(text)
  local r = support.run(code, { before = "TZ=" .. zone .. " " })
  assert.equal("", r.err)
  return r.out
end

local SECOND = "000000000LL"

describe("an instant as ISO 8601 text with a zone", function()
  local texts = {
    ["1970-01-01T00:00:00Z"] = "0LL",
    ["1970-01-01T00:00:01Z"] = "1" .. SECOND,
    ["2000-02-29T12:00:00Z"] = "951825600" .. SECOND,
    ["2000-03-01T00:00:00Z"] = "951868800" .. SECOND,
    ["2024-02-29T00:00:00Z"] = "1709164800" .. SECOND,
    ["2024-12-31T23:59:59Z"] = "1735689599" .. SECOND,
    ["2030-01-31T09:30:00Z"] = "1896082200" .. SECOND,
    ["2030-01-31t09:30:00z"] = "1896082200" .. SECOND,
    ["2030-01-31 09:30:00Z"] = "1896082200" .. SECOND,
    ["2030-01-31T09:30Z"] = "1896082200" .. SECOND,
    ["2030-01-31T09:30:00+01:00"] = "1896078600" .. SECOND,
    ["2030-01-31T09:30:00+0530"] = "1896062400" .. SECOND,
    ["2030-01-31T09:30:00-08:00"] = "1896111000" .. SECOND,
    ["2030-01-31T09:30-00:00"] = "1896082200" .. SECOND,
    ["2030-01-01T00:30:00+01:00"] = "1893454200" .. SECOND,
    ["2100-03-01T00:00:00Z"] = "4107542400" .. SECOND,
    ["2262-04-11T23:47:15Z"] = "9223372035" .. SECOND,
  }
  for text, expected in pairs(texts) do
    it("is read: " .. text, function() assert.equal(expected, ns(text)) end)
  end

  it("keeps fractions of a second to the nanosecond, rounded up", function()
    assert.equal("1896082200500000000LL", ns("2030-01-31T09:30:00.5Z"))
    assert.equal("1896082200123456789LL", ns("2030-01-31T09:30:00.123456789Z"))
    assert.equal("1896082200000000001LL", ns("2030-01-31T09:30:00.0000000001Z"))
    assert.equal("1896082200100000000LL", ns("2030-01-31T09:30:00.1000000000Z"))
    assert.equal("1896082201000000000LL", ns("2030-01-31T09:30:00.9999999999Z"))
  end)

  it("agrees with date(1) on every 53rd day of two centuries", function()
    local lines = {}
    for second = 0, 200 * 365 * 86400, 53 * 86400 + 3661 do
      lines[#lines + 1] = second
    end
    for _, second in ipairs(lines) do
      local text = os.date("!%Y-%m-%dT%H:%M:%SZ", second)
      assert.equal(second == 0 and "0LL" or second .. SECOND, ns(text))
    end
  end)
end)

describe("an instant as text without a zone", function()
  it("is local time", function()
    local summer = os.time { year = 2030, month = 7, day = 1, hour = 9, min = 30, sec = 15 }
    assert.equal(summer .. SECOND, ns("2030-07-01T09:30:15"))
    assert.equal(summer - 15 .. SECOND, ns("2030-07-01 09:30"))
    local midnight = os.time { year = 2030, month = 7, day = 1, hour = 0 }
    assert.equal(midnight .. SECOND, ns("2030-07-01"))
  end)

  it("follows the rules of daylight saving", function()
    local zone = "CET-1CEST,M3.5.0,M10.5.0/3"
    assert.equal("1896078600" .. SECOND, ns_in(zone, "2030-01-31T09:30:00"))
    assert.equal("1909121400" .. SECOND, ns_in(zone, "2030-07-01T09:30:00"))
  end)
end)

describe("an instant as a table", function()
  it("means the same as for os.time", function()
    local now = os.time()
    assert.equal(now .. SECOND, ns(os.date("*t", now)))
    local noon = os.time { year = 2030, month = 1, day = 31 }
    assert.equal(noon .. SECOND, ns { year = 2030, month = 1, day = 31 })
  end)

  it("is never early where the seconds have a fraction", function()
    local fields = { year = 2030, month = 1, day = 31, hour = 9, min = 30, sec = 30.5 }
    local whole = os.time { year = 2030, month = 1, day = 31, hour = 9, min = 30, sec = 30 }
    local ok, got = pcall(instant.to_ns, "at", "when", fields)
    assert.is_true(not ok or got >= whole * 1000000000LL + 500000000LL)
  end)

  it("leaves the user's table as it was", function()
    local fields = { year = 2030, month = 14, day = 1, hour = 0 }
    assert.equal(ns "2031-02-01", ns(fields))
    assert.same({ year = 2030, month = 14, day = 1, hour = 0 }, fields)
  end)

  it("needs year, month and day", function()
    assert.equal("HERE: timerlua.at: when.month must be a number, got nil",
      raised(function() instant.to_ns("at", "when", { year = 2030, day = 1 }) end))
    assert.equal('HERE: timerlua.at: when.day must be a number, got "x"',
      raised(function() instant.to_ns("at", "when", { year = 2030, month = 1, day = "x" }) end))
  end)

  it("lies within 292 years of 1970", function()
    assert.is_false(pcall(instant.to_ns, "at", "when", { year = 2263, month = 1, day = 1 }))
    assert.is_false(pcall(instant.to_ns, "at", "when", { year = 1e300, month = 1, day = 1 }))
    assert.is_false(pcall(instant.to_ns, "at", "when", { year = 0 / 0, month = 1, day = 1 }))
  end)
end)

describe("an instant as a number", function()
  it("is seconds since 1970, exact and rounded up", function()
    assert.equal("0LL", ns(0))
    assert.equal("1000300000000LL", ns(1000.3))
    assert.equal("1800000000" .. SECOND, ns(1800000000))
    assert.equal("1800000000500000000LL", ns(1800000000.5))
  end)

  it("is nanoseconds as int64", function()
    assert.equal("1800000000000000001LL", ns(1800000000000000001LL))
  end)

  it("is not negative, NaN or infinite", function()
    for _, value in ipairs { -1, 0 / 0, math.huge, -math.huge, 9223372037 } do
      assert.equal("HERE: timerlua.at: when must be seconds since 1970, from 0 to "
        .. "9223372036, got " .. tostring(value),
        raised(function() instant.to_ns("at", "when", value) end))
    end
  end)
end)

describe("a text that is not an instant", function()
  local wrong = { "", "noon", "2030", "2030-01", "2030-1-31", "30-01-31",
    "2030-13-01T00:00:00Z", "2030-00-01T00:00:00Z", "2030-01-00T00:00:00Z",
    "2030-01-00T00:00:00Z", "2030-01-31T25:00:00Z",
    "2030-01-31T09:60:00Z", "2030-01-31T09:30:61Z", "2030-01-31T09:30:00X",
    "2030-01-31T09:30:00+24:00", "2030-01-31T09:30:00+01:60", "2030-01-31T09:30:00+1:00",
    "2030-01-31T09:30:00 +01:00 ", "2030-01-31T09:30:00Z ", " 2030-01-31T09:30:00Z",
    "2030-01-31T09:30:051Z", "2030-01-31T09:30:00.Z", "2030-01-31T09:30:5Z",
    "2030-01-31T09Z", "2030-01-31T", "2030-01-31Z", "2030/01/31 09:30", "1896082200" }
  for _, text in ipairs(wrong) do
    it(("is refused: %q"):format(text), function()
      assert.equal('timerlua.at: when must be an instant like "2030-01-31T09:30:00Z", '
        .. '"2030-01-31 09:30:00+01:00" or "2030-01-31 09:30" (local time), got '
        .. ("%q"):format(text), complaint(text))
    end)
  end

  for text, last in pairs { ["2030-01-32T00:00:00Z"] = "2030-01 ends on day 31",
    ["2030-04-31T00:00:00Z"] = "2030-04 ends on day 30",
    ["2023-02-29T00:00:00Z"] = "2023-02 ends on day 28",
    ["2100-02-29T00:00:00Z"] = "2100-02 ends on day 28",
    ["2030-02-30"] = "2030-02 ends on day 28" } do
    it("is told that there is no such day: " .. text, function()
      assert.equal(("timerlua.at: when has no such day: %s, got %q"):format(last, text),
        complaint(text))
    end)
  end

  it("is refused for a leap second, which the clock does not have", function()
    assert.equal('timerlua.at: when must have seconds up to 59: the clock has no leap seconds, '
      .. 'got "2016-12-31T23:59:60Z"', complaint("2016-12-31T23:59:60Z"))
  end)

  it("is refused at the caller's line", function()
    assert.equal('HERE: timerlua.at: when must be an instant like "2030-01-31T09:30:00Z", '
      .. '"2030-01-31 09:30:00+01:00" or "2030-01-31 09:30" (local time), got "noon"',
      raised(function() instant.to_ns("at", "when", "noon") end))
  end)

  for _, text in ipairs { "2262-04-12T00:00:00Z", "9999-12-31T23:59:59Z",
    "1600-01-01T00:00:00Z", "2500-01-01" } do
    it("is refused outside 292 years: " .. text, function()
      assert.equal("timerlua.at: when must be from 1970 to 2262, got "
        .. ("%q"):format(text), complaint(text))
    end)
  end

  for _, value in ipairs { true, print } do
    it("is refused: a " .. type(value), function()
      assert.equal("HERE: timerlua.at: when must be seconds, an ISO 8601 text or an "
        .. "os.date table, got " .. tostring(value),
        raised(function() instant.to_ns("at", "when", value) end))
    end)
  end
end)
