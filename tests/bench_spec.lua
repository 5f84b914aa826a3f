-- The benchmarks' driver, in a short run whose figures mean nothing, and the pictures
-- that are drawn from what such a run keeps. The run has a build folder of its own, so
-- that the figures of real runs stay.
local ffi = require "ffi"
local support = require "tests.support"

ffi.cdef [[
typedef struct { void *functions[5]; } bench_markup_parser;
typedef struct { uint32_t domain; int code; char *message; } bench_markup_error;
void *g_markup_parse_context_new(const bench_markup_parser *parser, int flags, void *data,
  void *destroy);
int g_markup_parse_context_parse(void *context, const char *text, intptr_t length,
  bench_markup_error **error);
int g_markup_parse_context_end_parse(void *context, bench_markup_error **error);
void g_markup_parse_context_free(void *context);
]]

-- nil if the text is well-formed XML, else why it is not, by GLib's parser.
local function malformed(text)
  local glib = ffi.load "libglib-2.0.so.0"
  local parser, fault = ffi.new "bench_markup_parser", ffi.new "bench_markup_error *[1]"
  local context = glib.g_markup_parse_context_new(parser, 0, nil, nil)
  local ok = glib.g_markup_parse_context_parse(context, text, #text, fault) ~= 0
    and glib.g_markup_parse_context_end_parse(context, fault) ~= 0
  glib.g_markup_parse_context_free(context)
  if not ok then return ffi.string(fault[0].message) end
end

-- Modules of bench/; its folder is last in the path, as it has a timerlua.lua.
local function bench_module(name)
  local path = package.path
  package.path = path .. ";bench/?.lua"
  local module = require(name)
  package.path = path
  return module
end

local function count(text, pattern)
  return select(2, text:gsub(pattern, ""))
end

local folder -- stands for build/
local run    -- T3 and T5 on two peers
local drawn  -- from the figures of that run, before another replaces them

local function bench(command, peers)
  return support.shell(("BUILD=%s RUNS=1 GRID_SECONDS=0.1 PEERS=%s %s"):format(
    support.quote(folder), support.quote(peers or ""), command), { timeout = 120 })
end

local function picture(name)
  return support.read(("%s/%s.svg"):format(folder, name))
end

setup(function()
  folder = os.tmpname()
  os.remove(folder)
  assert.equal(0, support.shell(("mkdir %s && ln -s %s %s/timerlua"):format(folder,
    support.quote(support.program), folder)).code)
  run = bench("bench/run T3 T5", "libuv timerlua")
  drawn = bench("bench/picture " .. folder)
end)

teardown(function() support.shell("rm -rf " .. support.quote(folder)) end)

describe("bench/run", function()
  it("prints a table for each workload", function()
    assert.equal(0, run.code, run.err)
    for _, name in ipairs { "T3", "T5" } do
      assert.equal(1, count(run.out, "\n" .. name .. ": [^\n]+ %(medians of %d%)\npeer "), name)
    end
  end)

  it("compares an empty script with that of a bare luajit", function()
    local starts = bench("bench/run M1", "luajit timerlua")
    assert.equal(0, starts.code, starts.err)
    for _, peer in ipairs { "luajit", "timerlua" } do
      assert.equal(1, count(starts.out, "\n" .. peer .. ", empty script +[%d.]+ +[%d.]+\n"), peer)
    end
  end)

  it("measures timers by slack", function()
    local slacks = {}
    for slack in run.out:gmatch "\ntimerlua[^\n]- 0 +%d+ +%d+ +(%d+)   [%d.]+" do
      slacks[#slacks + 1] = tonumber(slack)
    end
    assert.same({ 0, 125, 160, 250, 1000 }, slacks)
  end)

  it("says on standard error, in a line, which workload it begins", function()
    assert.matches("^T3 %(1 of 2%), rows: 2, rounds: 1\n"
      .. "T5 %(2 of 2%), rows: 6, rounds: 1; about %d+ %a+ left\n$", run.err)
  end)

  it("tells a terminal how long is left, from the last run before a round is over", function()
    local again = bench("script -qec 'bench/run T3' /dev/null", "timerlua")
    assert.equal(0, again.code, again.out)
    assert.matches("T3 %(1 of 1%), round 1 of 1: timerlua; about %d+ %a+ left", again.out)
  end)

  it("refuses an unknown workload", function()
    local refused = bench "bench/run T3 T99"
    assert.equal("no such workload: T99\n", refused.err)
    assert.equal(2, refused.code)
  end)
end)

describe("bench/picture", function()
  it("draws what has been measured, and says what has not", function()
    assert.equal(0, drawn.code)
    assert.equal(("%s/T3.svg\n%s/T5.svg\n"):format(folder, folder), drawn.out)
    assert.matches("no figures of T1 T2;", drawn.err)
  end)

  it("writes well-formed XML", function()
    assert.is_nil(malformed(picture "T3"))
    assert.is_nil(malformed(picture "T5"))
    assert.is_string(malformed(picture("T3"):gsub("</text>", "", 1)))
  end)

  it("draws a bar for each figure that means something", function()
    local svg = picture "T3"
    assert.equal(2, count(svg, '<rect class="bar"[^\n]*<title>libuv %(C%), [^\n]+: [%d,]+<'))
    assert.equal(1, count(svg, '<rect class="bar"[^\n]*<title>timerlua, [^\n]+: [%d,]+<'))
    assert.equal(3, count(svg, 'class="bar"'))
  end)

  it("draws a point for each row, with a label", function()
    local svg = picture "T5"
    assert.equal(6, count(svg, 'class="point"'))
    for _, label in ipairs { "libuv (C)", "slack 0", "slack 125 µs, the default", "slack 1 ms" } do
      assert.truthy(svg:find(">" .. label .. "</text>", 1, true), label)
    end
  end)

  it("fails where it cannot write, and where nothing has been measured", function()
    local refused = bench "bench/picture /nonexistent"
    assert.equal("bench/picture: /nonexistent/T3.svg: No such file or directory\n", refused.err)
    assert.equal(1, refused.code)
    local empty = support.shell("BUILD=/nonexistent bench/picture " .. folder)
    assert.matches("no figures of T1 T2 T3 T5;", empty.err)
    assert.equal(1, empty.code)
  end)
end)

describe("the pictures", function()
  local bars = bench_module "drawing.bars"
  local labels = bench_module "drawing.labels"
  local scale = bench_module "drawing.scale"

  -- A record as bench/run keeps it.
  local function record_of(rows)
    return { name = "T1", title = "t", machine = "m", date = "2026-01-01", times = 3,
      rows = rows }
  end

  it("put the parts of a stacked bar end to end, each the median of its rounds", function()
    local svg = bars(record_of {
      { peer = "libev", name = "libev", seen = { a = { 90, 10, 30 }, b = { 50, 60, 70 } } },
    }, { title = "t", unit = "ns", stacked = true,
      parts = { { key = "a", label = "one" }, { key = "b", label = "other" } } })
    local found = {}
    for x, width in svg:gmatch 'class="bar" x="([%d.]+)" y="[%d.]+" width="([%d.]+)"' do
      found[#found + 1] = { x = tonumber(x), width = tonumber(width) }
    end
    assert.equal(2, #found)
    assert.near(found[1].x + found[1].width, found[2].x, 0.2)
    assert.near(2 * found[1].width, found[2].width, 0.4)
    assert.truthy(svg:find(">90</text>", 1, true))
  end)

  it("keep characters of XML out of their text", function()
    local svg = bars(record_of {
      { peer = "a<b & \"c\"", name = "x", seen = { a = { 1 } } },
    }, { title = "1 < 2", unit = "ns", parts = { { key = "a", label = "one" } } })
    assert.is_nil(malformed(svg))
  end)

  it("name round numbers around all values", function()
    assert.same({ 0, 500, 1000, 1500, 2000 }, scale.linear(1700, 0, 100).ticks)
    assert.same({ 0.2, 0.5, 1, 2, 5 },
      scale.logarithmic(0.21, 3.6, 0, 100, { 1, 2, 5 }).ticks)
    assert.same({ 10, 100, 1000 }, scale.logarithmic(45, 1000, 0, 100, { 1 }).ticks)
    assert.same({ 100, 1000 }, scale.logarithmic(100, 100, 0, 100, { 1 }).ticks)
  end)

  it("set labels of close points apart from each other and from the points", function()
    local points = {}
    for i = 1, 6 do
      points[i] = { x = 200 + 7 * i, y = 200 + (i % 2) * 5, width = 70, height = 16 }
    end
    local area = { left = 0, top = 0, right = 500, bottom = 400 }
    local boxes = labels.place(points, area, {})
    for i, box in ipairs(boxes) do
      assert.is_true(box.left >= 0 and box.right <= 500 and box.top >= 0 and box.bottom <= 400)
      for k = 1, #points do
        local p = points[k]
        assert.is_false(labels.overlap(box, { left = p.x - 5, right = p.x + 5, top = p.y - 5,
          bottom = p.y + 5 }))
        assert.is_false(k ~= i and labels.overlap(box, boxes[k]))
      end
    end
  end)
end)
