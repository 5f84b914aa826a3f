-- The promise that makes callbacks fast: arming, cancelling, re-arming and the
-- callbacks of timers are compiled, without an abort on the way.
local support = require "tests.support"

if support.interpreted then
  describe("a build with the JIT off", function()
    it("begins every state with the JIT off", function()
      support.says("false\n", "print((jit.status()))")
      local r = support.shell("LUA_INIT= luajit -e " .. support.quote
        [[require "timerlua.core" print((jit.status()))]])
      assert.same({ "false\n", "" }, { r.out, r.err })
    end)
  end)
  pending("what is compiled: the JIT is off")
  return
end

-- Runs in the child before the code under test: notes every trace, by where it began,
-- and its outcome.
local WATCHER = [[
local tl = require "timerlua"
getmetatable(tl).load_all()
local util = require "jit.util"
local traces, current, aborts = {}, nil, {}
local function where(func, pc)
  local info = util.funcinfo(func, pc)
  return info.loc or info.source or "builtin"
end
jit.attach(function(what, tr, func, pc, otr, oex)
  if what == "start" then
    current = { at = where(func, pc), side = otr ~= nil, stop = false }
  elseif what == "stop" then
    local info = util.traceinfo(tr)
    traces[#traces + 1] = ("trace %s %s %s"):format(current.at,
      current.side and "side" or "root", info.linktype)
  elseif what == "abort" then
    aborts[#aborts + 1] = ("abort %s at %s: %s"):format(current.at, where(func, pc),
      tostring(otr))
  end
end, "trace")
function report()
  jit.attach(function() end)
  for _, line in ipairs(traces) do print(line) end
  for _, line in ipairs(aborts) do print(line) end
end
jit.opt.start("hotloop=10", "hotexit=5")
local function nothing() end
]]

-- Aborts by which LuaJIT only looks for a better place to begin: leaving, entering and
-- unrolling a loop (lj_traceerr.h). Which counter becomes hot first depends on the
-- position of the code in memory.
local HEURISTIC = { [8] = true, [9] = true, [10] = true }

-- Traces of the code under test, which begins on line 2 of the script.
local function traces_of(code, options)
  local script = support.temporary(WATCHER:gsub("\n", " ") .. "\n" .. code)
  local arguments = { script }
  if options then table.insert(arguments, 1, options) end
  local r = support.run(arguments, { timeout = 20 })
  os.remove(script)
  local name = script:match("[^/]+$")
  assert.equal("", r.err)
  assert.equal(0, r.code)
  local seen = { text = r.out, traces = {}, aborts = {} }
  for at, kind, link in r.out:gmatch("trace (%S+) (%a+) ([^\n]+)") do
    if at:sub(1, #name + 1) == name .. ":" then at = at:sub(#name + 2) end
    seen.traces[#seen.traces + 1] = ("%s %s %s"):format(at, kind, link)
  end
  for abort in r.out:gmatch("abort ([^\n]+)") do
    local watchers = abort:sub(1, #name + 3) == name .. ":1 " -- its own report
    -- a function of the core's is found when it is first called, and never again
    local finds = abort:find(" at [timerlua]/core/ffi.lua:", 1, true)
    if not watchers and not finds and not HEURISTIC[tonumber(abort:match("(%d+)$"))] then
      seen.aborts[#seen.aborts + 1] = abort
    end
  end
  return seen
end

local function has(seen, wanted)
  for _, trace in ipairs(seen.traces) do
    if trace == wanted then return true end
  end
  return false
end

-- The loop is one closed trace: no part of it is left to the interpreter, and no trace
-- was aborted.
local function expect_loop_compiled(code)
  local seen = traces_of(code)
  local line = code:sub(1, 4) == "for " and 2 or 3
  assert.is_true(has(seen, line .. " root loop"), seen.text)
  assert.same({}, seen.aborts)
end

describe("the compiled path", function()
  it("arms and cancels a timer", function()
    expect_loop_compiled [[
for _ = 1, 3000 do local t = tl.after(60, nothing); t:cancel() end
report()]]
  end)

  it("calls debounced and throttled functions", function()
    for _, make in ipairs { "debounce(60", "throttle(60" } do
      for _, arguments in ipairs { "", "i", "i, 2, 3, 4", "i, 2, 3, 4, 5, 6, 7, 8, 9, 10" } do
        expect_loop_compiled(([[local paced = tl.%s, nothing) paced()
for i = 1, 3000 do paced(%s) end
report() paced:cancel()]]):format(make, arguments))
      end
    end
  end)

  it("calls them without making garbage", function()
    if support.sanitized then return end
    support.says("true\ttrue\n", [[
local function kib(paced)
  local made
  for _ = 1, 2 do -- the second time, all is compiled
    collectgarbage()
    collectgarbage "stop"
    local before = collectgarbage "count"
    for i = 1, 1e5 do paced(i, "x", paced, nil, 5, 6) end
    made = collectgarbage "count" - before
    paced:cancel()
  end
  return made < 8
end
print(kib(tl.debounce(60, print)), kib(tl.throttle(60, function() end)))]])
  end)

  it("sends datagrams", function()
    expect_loop_compiled [[
local socket = tl.udp("127.0.0.1:0"); local to = socket:sock();
for _ = 1, 1000 do socket:send("x", to) end
report()]]
  end)

  it("receives lines and texts that have arrived", function()
    for _, call in ipairs { 'receive("*l")', 'receive_until("\\n", true)' } do
      expect_loop_compiled(([[
local theirs; local server = assert(tl.listen("127.0.0.1:0", function(c) theirs = c end)); \z
local ours = tl.connect(server:sock()); ours:send(("a line\n"):rep(1000)); ours:flush(); \z
repeat tl.sleep(0) until theirs; server:close(); theirs:receive()
for _ = 1, 900 do theirs:CALL end
report() ours:close()]]):gsub("CALL", call):gsub("\\z%s", ""))
    end
  end)

  it("arms a timer with arguments", function()
    expect_loop_compiled [[
for i = 1, 3000 do local t = tl.after(60, nothing, i, "x"); t:cancel() end
report()]]
  end)

  it("arms a periodic timer", function()
    expect_loop_compiled [[
for _ = 1, 3000 do local t = tl.every(60, nothing); t:cancel() end
report()]]
  end)

  it("re-arms a timer", function()
    expect_loop_compiled [[local t = tl.after(60, nothing)
for i = 1, 3000 do t:reset(60 + i % 7) end
report() t:cancel()]]
  end)

  it("re-arms a timer by its own interval", function()
    expect_loop_compiled [[local t = tl.after(60, nothing)
for _ = 1, 3000 do t:reset() end
report() t:cancel()]]
  end)

  it("pauses, resumes, refs and unrefs", function()
    expect_loop_compiled [[local t = tl.after(60, nothing)
for _ = 1, 3000 do t:pause() t:resume() t:unref() t:ref() end
report() t:cancel()]]
  end)

  it("reads the clocks", function()
    expect_loop_compiled [[local sum = 0
for _ = 1, 3000 do sum = sum + tl.now() - tl.time() end
report()]]
  end)

  it("reads a timer's fields in its callback", function()
    expect_loop_compiled [[local t, sum = tl.every(60, nothing), 0
for _ = 1, 3000 do sum = sum + t.due + t.late + t.missed + t.runs end
report() t:cancel()]]
  end)
end)

describe("a callback that fired often", function()
  it("is a root trace of its own", function()
    local seen = traces_of([[local n = 0
local function tick(t) n = n + 1
  if n == 1000 then t:cancel() report() end end
tl.every(0.001, tick)]], "--virtual-time")
    assert.is_true(has(seen, "3 root return"), seen.text)
    assert.same({}, seen.aborts)
  end)

  it("is a trace for each callback, however many there are", function()
    local seen = traces_of([[local n = 0
local function a() n = n + 1 end
local function b() n = n + 2 end
local function c() n = n + 3 end
local timers = { tl.every(0.001, a), tl.every(0.001, b), tl.every(0.001, c) }
tl.after(1, function() for _, t in ipairs(timers) do t:cancel() end report() end)]],
      "--virtual-time")
    for line = 3, 5 do
      assert.is_true(has(seen, line .. " root return"), seen.text)
    end
    assert.same({}, seen.aborts)
  end)

  it("is compiled also when it re-arms itself and arms others", function()
    local seen = traces_of([[local n = 0
local function again(t) n = n + 1
  if n == 1000 then report() return end
  t:reset(0.001) tl.after(0.5, nothing):cancel() end
tl.after(0.001, again)]], "--virtual-time")
    assert.is_true(has(seen, "3 root return"), seen.text)
    assert.same({}, seen.aborts)
  end)
end)
