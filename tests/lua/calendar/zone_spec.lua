-- tl.zone: names, the local zone, files that are hostile, and the methods of a zone.
local ffi = require "ffi"
local support = require "tests.support"
local timeline = require "timerlua.calendar.timeline"
local tl = require "timerlua"
local tzif = require "timerlua.calendar.tzif"
local raised = support.raised

ffi.cdef [[int setenv(const char *name, const char *value, int overwrite);
int unsetenv(const char *name);]]

-- Set variables of the environment, nil to remove them, until the test ends.
local function set(name, value)
  local before = os.getenv(name)
  local function put(to)
    if to then ffi.C.setenv(name, to, 1) else ffi.C.unsetenv(name) end
  end
  put(value)
  finally(function() put(before) end)
end

local function folder_with(files)
  local folder = os.tmpname()
  os.remove(folder)
  assert(os.execute("mkdir " .. folder) == 0)
  for name, text in pairs(files) do support.write(folder .. "/" .. name, text) end
  finally(function() os.execute("rm -rf " .. folder) end)
  return folder
end

local BERLIN = support.read "/usr/share/zoneinfo/Europe/Berlin"

describe("a zone", function()
  it("has a name and a text", function()
    local zone = tl.zone "Europe/Berlin"
    assert.equal("Europe/Berlin", zone.name)
    assert.equal("timerlua.Zone: Europe/Berlin", tostring(zone))
    assert.equal(zone, tl.zone "Europe/Berlin")
  end)

  it("has an offset at each instant", function()
    local zone = tl.zone "Europe/Berlin"
    assert.same({ 7200, "CEST", true }, { zone:offset(1774746000) })
    assert.same({ 3600, "CET", false }, { zone:offset(1774745999.9) })
    assert.same({ 7200, "CEST", true }, { zone:offset "2026-07-01" })
    assert.same({ 3600, "CET", false }, { zone:offset "2400-01-01T00:00:00Z" })
  end)

  it("gives the fields of os.date", function()
    assert.same({ year = 2026, month = 10, day = 25, hour = 2, min = 30, sec = 5, wday = 1,
      yday = 298, isdst = false, offset = 3600, zone = "CET", fold = 1 },
      tl.zone("Europe/Berlin"):date(1792891805.7))
    local utc = tl.zone "UTC"
    for t = -6e9, 2e10, 123456789 do
      local got, expected = utc:date(t), os.date("!*t", t)
      for name, value in pairs(expected) do assert.equal(value, got[name], name .. t) end
    end
  end)

  it("finds the instant of a local time", function()
    local zone = tl.zone "Europe/Berlin"
    assert.equal(1782900000, zone:time { year = 2026, month = 7, day = 1, hour = 12 })
    assert.equal(1782900000, zone:time { year = 2026, month = 7, day = 1 })
    assert.equal(1782900000, zone:time { year = 2026, month = 6, day = 31 })
    assert.equal(1782900000, zone:time { year = 2025, month = 18, day = 31, hour = 11, min = 60 })
    local folded = { year = 2026, month = 10, day = 25, hour = 2, min = 30 }
    assert.equal(1792888200, zone:time(folded))
    folded.fold = 1
    assert.equal(1792891800, zone:time(folded))
    assert.equal(1792891800, zone:time(zone:date(1792891800)))
  end)

  it("tells a local time that does not exist", function()
    local zone = tl.zone "Europe/Berlin"
    assert.same({ nil, "gap", 1774745999, 1774746000 },
      { zone:time { year = 2026, month = 3, day = 29, hour = 2, min = 30 } })
    assert.same({ nil, "gap", 1325239199, 1325239200 },
      { tl.zone("Pacific/Apia"):time { year = 2011, month = 12, day = 30 } })
  end)

  it("lists its transitions, the first instant included and the last one not", function()
    local zone = tl.zone "Europe/Berlin"
    local spring = { at = 1774746000, offset = 7200, abbreviation = "CEST", is_dst = true }
    local autumn = { at = 1792890000, offset = 3600, abbreviation = "CET", is_dst = false }
    assert.same({ spring, autumn }, zone:transitions(1774746000, 1792890001))
    assert.same({ spring }, zone:transitions(1774746000, 1792890000))
    assert.same({}, zone:transitions(1774746001, 1792890000))
    assert.same({}, tl.zone("UTC"):transitions("1900-01-01", "2100-01-01"))
  end)

  it("refuses what is not an instant or a date", function()
    local zone = tl.zone "Europe/Berlin"
    assert.equal("HERE: timerlua.zone:offset: t must be an instant of the years 1 to 9999, got "
      .. "nan", raised(function() zone:offset(0 / 0) end):gsub("-nan", "nan"))
    assert.equal("HERE: timerlua.zone:date: t must be an instant of the years 1 to 9999, got "
      .. "1e+30", raised(function() zone:date(1e30) end))
    assert.equal("HERE: timerlua.zone:time: fields.month must be a whole number, got nil",
      raised(function() zone:time { year = 2026 } end))
    assert.equal("HERE: timerlua.zone:time: fields.fold must be a whole number from 0 to 1, got 2",
      raised(function() zone:time { year = 2026, month = 1, day = 1, fold = 2 } end))
    assert.equal("HERE: timerlua.zone:offset: it must be called on a zone, as zone:offset(), "
      .. "got 5", raised(function() zone.offset(5) end))
    local forged = setmetatable({ name = "x" }, getmetatable(zone))
    assert.equal("HERE: timerlua.zone:date: it must be called on a zone, as zone:date(), "
      .. "got timerlua.Zone: x", raised(function() forged:date() end))
  end)
end)

describe("a zone without a file", function()
  local OFFSETS = { UTC = 0, ["+05:30"] = 19800, ["-0330"] = -12600, ["+14"] = 50400,
    ["Etc/GMT+5"] = -18000, ["Etc/GMT-14"] = 50400, ["Etc/UTC"] = 0, ["Etc/GMT"] = 0 }
  for name, offset in pairs(OFFSETS) do
    it("is " .. name, function()
      set("TZDIR", "/nowhere")
      assert.equal(offset, (tl.zone(name):offset(0)))
    end)
  end

  it("has its usual name and abbreviation", function()
    assert.equal("-03:30", tl.zone("-0330").name)
    assert.equal(tl.zone "-03:30", tl.zone "-0330")
    assert.same({ -12600, "-0330", false }, { tl.zone("-0330"):offset() })
    assert.same({ -18000, "-05", false }, { tl.zone("Etc/GMT+5"):offset() })
    assert.equal("Etc/GMT+5", tl.zone("Etc/GMT+5").name)
  end)
end)

describe("an unknown zone", function()
  local function message(name)
    return raised(function() tl.zone(name) end):gsub("^HERE: timerlua%.zone: ", "")
  end

  it("is an error with the nearest names", function()
    assert.equal('there is no time zone "Europe/Berln"; did you mean "Europe/Berlin"?',
      message "Europe/Berln")
    assert.equal('there is no time zone "europe/berlin"; did you mean "Europe/Berlin"?',
      message "europe/berlin")
    assert.equal('there is no time zone "new york"; did you mean "America/New_York"?',
      message "new york")
    assert.equal('there is no time zone "Mars/Phobos"', message "Mars/Phobos")
    assert.equal('there is no time zone ""', message "")
    assert.equal("name must be a string, got 5", message(5))
  end)

  it("is any name that leads out of the folder", function()
    set("TZDIR", folder_with { inside = BERLIN } .. "/x")
    os.execute("mkdir -p " .. os.getenv "TZDIR")
    support.write(os.getenv "TZDIR" .. "/UTC", BERLIN)
    for _, name in ipairs { "../inside", "/etc/localtime", "./UTC", "x/../UTC", "UTC/", "//UTC",
      "UTC\0", "..", ".", "/" } do
      assert.truthy(message(name):find("^there is no time zone"), name)
    end
  end)

  it("names Debian's package when no zones are installed", function()
    local folder = folder_with {}
    set("TZDIR", folder)
    assert.same({ nil, ("time zone Europe/Berlin: not in %s; Debian's package tzdata has it")
      :format(folder), "ENOENT" }, { tl.zone "Europe/Berlin" })
  end)

  it("names Debian's package of old names", function()
    set("TZDIR", folder_with { UTC = BERLIN, ["tzdata.zi"] = "# version 2025b\n"
      .. "Z America/New_York -4:56:2 - LMT\nL America/New_York US/Eastern\n" })
    local zone, why, code = tl.zone "US/Eastern"
    assert.is_nil(zone)
    assert.truthy(why:find("Debian's package tzdata-legacy has it", 1, true))
    assert.equal("ENOENT", code)
  end)
end)

describe("the local zone", function()
  it("is that of TZ", function()
    set("TZ", "Europe/Berlin")
    assert.equal(tl.zone "Europe/Berlin", tl.zone())
    set("TZ", ":Asia/Tokyo")
    assert.equal("Asia/Tokyo", tl.zone().name)
    set("TZ", "/usr/share/zoneinfo/Asia/Tokyo")
    assert.equal("Asia/Tokyo", tl.zone().name)
    set("TZ", "")
    assert.equal("UTC", tl.zone().name)
  end)

  it("may be a rule in TZ", function()
    set("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    local zone = tl.zone()
    assert.equal("CET-1CEST,M3.5.0,M10.5.0/3", zone.name)
    assert.equal(zone, tl.zone())
    assert.same({ 7200, "CEST", true }, { zone:offset(1774746000) })
    assert.same({ 3600, "CET", false }, { zone:offset(1774745999) })
    set("TZ", "EST5EDT4,0/0,J365/23") -- daylight saving time all year
    assert.same({ -14400, "EDT", true }, { tl.zone():offset(0) })
  end)

  it("is that of /etc/localtime without TZ", function()
    set("TZ", nil)
    local zone = tl.zone()
    for t = 0, 4e9, 87654321 do
      assert.equal(os.date("%Y-%m-%d %H:%M:%S", t), os.date("!%Y-%m-%d %H:%M:%S",
        t + zone:offset(t)))
    end
  end)

  it("is told when TZ is none", function()
    set("TZ", "Mars/Phobos")
    assert.same({ nil, 'the variable TZ is "Mars/Phobos", which is no time zone', "EINVAL" },
      { tl.zone() })
  end)

  it("is read again when TZ or the file changes", function()
    local folder = folder_with { zone = BERLIN }
    set("TZ", folder .. "/zone")
    assert.equal("CEST", select(2, tl.zone():offset "2026-07-01"))
    support.write(folder .. "/new", support.read "/usr/share/zoneinfo/Asia/Tokyo")
    os.rename(folder .. "/new", folder .. "/zone")
    assert.equal("JST", select(2, tl.zone():offset "2026-07-01"))
  end)
end)

describe("a file that is no zone", function()
  local function refusal(files, name)
    set("TZDIR", folder_with(files))
    local zone, why, code = tl.zone(name)
    assert.is_nil(zone)
    assert.truthy(why:find("time zone " .. os.getenv "TZDIR" .. "/" .. name .. ": ", 1, true), why)
    return why:match "^time zone [^:]*: (.*)$", code
  end

  it("is told with the reason", function()
    assert.same({ "this is not a TZif file", "EINVAL" }, { refusal({ a = ("x"):rep(50) }, "a") })
    assert.same({ "the file is truncated", "EINVAL" }, { refusal({ a = "" }, "a") })
    assert.same({ "the file is truncated", "EINVAL" },
      { refusal({ a = BERLIN:sub(1, -2) }, "a") })
    assert.same({ "file too large", "EFBIG" }, { refusal({ a = BERLIN:rep(100) }, "a") })
    assert.same({ "its last line is not a rule as in the variable TZ", "EINVAL" },
      { refusal({ a = BERLIN:gsub("M3%.5%.0", "M3.9.0") }, "a") })
  end)

  it("may be a pipe, which is not waited for", function()
    local folder = folder_with {}
    set("TZDIR", folder)
    assert(os.execute("mkfifo " .. folder .. "/pipe") == 0)
    local zone, why, code = tl.zone "pipe"
    assert.is_nil(zone)
    assert.truthy(why:find "invalid argument")
    assert.equal("EINVAL", code)
  end)

  it("leaves no descriptor open", function()
    local before = support.count_fds()
    set("TZDIR", folder_with { a = "", b = BERLIN })
    tl.zone "a"
    tl.zone "b"
    assert.equal(before, support.count_fds())
  end)

  local function use(bytes)
    local data, why = tzif.parse(bytes)
    local line
    if data then line, why = timeline.of_file(data) end
    if not line then
      assert.is_string(why)
      return false
    end
    for t = -3e9, 8e9, 1e9 do
      local i = timeline.segment(line, t)
      assert.is_true(line.at[i] <= t and t < timeline.finish(line, i))
      timeline.resolve(line, t, 1)
    end
    return true
  end

  it("may be truncated anywhere", function()
    for length = 0, #BERLIN - 1 do assert.is_false(use(BERLIN:sub(1, length))) end
    assert.is_true(use(BERLIN))
  end)

  local seed = support.seeds(1)[1]
  it(("may have any bytes (seed %d)"):format(seed), function()
    math.randomseed(seed)
    local used = 0
    for _ = 1, 2000 do
      local bytes = { BERLIN:byte(1, -1) }
      for _ = 1, math.random(3) do
        -- half of them in the header, the types and the rule, which are what can be odd
        local place = math.random(2) == 1 and math.random(#bytes)
          or #bytes - math.random(120)
        bytes[place] = math.random(0, 255)
      end
      for i, byte in ipairs(bytes) do bytes[i] = string.char(byte) end
      if use(table.concat(bytes)) then used = used + 1 end
    end
    assert.is_true(used > 100 and used < 2000, used)
  end)
end)
