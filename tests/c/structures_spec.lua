-- The core's data structures, each against a model in C with random steps.
-- TEST_SEED=n repeats a failed run.
local support = require "tests.support"

local function command(program, seed, arguments)
  return ("%s/tests/%s %d %s"):format(support.build, program, seed, arguments)
end

local function expect_ok(line, options)
  local r = support.shell(line, options)
  assert.equal("", r.err, line)
  assert.equal(0, r.code, line)
  assert.truthy(r.out:find("ok: ", 1, true), line)
end

local RUNS = {
  { "store/handles_test", "matches no name that has ended, and gives pages back",
    "100000 1000000 random" },
  { "store/handles_test", "never uses a worn-out slot again", "1 1 worn" },
  { "base/heap_test", "yields its entries in exact order", "20000" },
  { "base/tsc_test", "is never ahead of the kernel's clock, nor far behind", "2000000 plain" },
  { "base/tsc_test", "is not when it is moved between processors", "2000000 moving" },
  { "base/tsc_test", "is not when its process is stopped", "500000 stopped" },
  { "base/tsc_test", "is not for another thread", "2000000 threads" },
  { "base/tsc_test", "gives up at the first contradiction", "5000000 stepped" },
  { "base/wheel_test", "keeps every entry in the bucket of its deadline", "100000" },
  { "store/timers_test", "fires exactly what an oracle says, in its order", "20000 10" },
  { "store/repetition_test", "finds the next tick of a period, anywhere in time",
    "100000 periods" },
  { "store/repetition_test", "tells each run what was missed before it", "1 counts" },
  { "store/repetition_test", "releases a state when another takes its place", "1 states" },
  { "base/histogram_test", "knows quantiles to within a sixteenth", "5000" },
  { "base/duration_test", "takes decimal seconds exactly", "100000 decimals" },
  { "base/duration_test", "takes each nanosecond exactly", "1000000 nanoseconds" },
  { "base/duration_test", "never makes a delay shorter", "100000 any" },
  { "base/duration_test", "is exact for years, too", "100000 long" },
  { "base/duration_test", "reads texts as they are meant", "20000 parsing" },
  { "base/duration_test", "counts a number's value, not its digits", "1 digits" },
  { "base/buffer_test", "holds what was put into it", "20000" },
  { "base/framing_test", "finds lines and texts as a plain search does, however they arrive",
    "5000" },
  { "base/ring_test", "gives back what was put in, whole and in order", "500000" },
  { "net/stream_test", "moves every byte, in order", "20000" },
  { "net/transport_test", "carries connections without a descriptor", "6000" },
  { "loop/loop_test", "runs what a model says, when and in which order", "10000 random" },
  { "loop/loop_test", "moves virtual time only", "1 clocks" },
  { "loop/loop_test", "is woken without time going by", "1 wake" },
  { "loop/loop_test", "reports descriptors beside due timers", "1 watch" },
  { "loop/loop_test", "starves no clock when another is always due", "1 fairness" },
  { "loop/loop_test", "tells a run of the ticks skipped while it waited", "1 busy" },
  { "loop/kinds_test", "treats a kind made in a test as its row says", "1" },
  { "lua/kinds_test", "has a complete row for every kind", "1 rows" },
  { "lua/kinds_test", "delivers a kind made in a test to Lua", "1 delivery" },
  { "loop/loop_test", "is the same on a poller that asks the kernel nothing",
    "10000 random scripted" },
  { "loop/loop_test", "moves virtual time only, on that poller", "1 clocks scripted" },
  { "loop/loop_test", "is woken without time going by, on that poller", "1 wake scripted" },
  { "loop/loop_test", "reports descriptors beside due timers, on that poller",
    "1 watch scripted" },
  { "loop/loop_test", "starves no clock, on that poller", "1 fairness scripted" },
  { "loop/loop_test", "tells a run of skipped ticks, on that poller", "1 busy scripted" },
  { "loop/poller_test", "takes what a model says, whatever is closed or fails", "20000 real" },
  { "loop/poller_test", "does so in virtual time", "20000 virtual" },
  { "loop/poller_test", "refuses everything in a forked process", "1 forked" },
  { "loop/recurrence_test", "runs at the instants of any recurrence", "10000 random" },
  { "loop/recurrence_test", "asks about an instant only when it has come", "1 stepped" },
  { "loop/recurrence_test", "waits no more for one that is over", "1 ends" },
  { "loop/recurrence_test", "recurs by a period instead, or no more", "1 replaced" },
}

describe("the structure", function()
  for _, run in ipairs(RUNS) do
    local program, promise, arguments = unpack(run)
    for _, seed in ipairs(support.seeds(arguments:match("^1%f[%D]") and 1 or 3)) do
      it(("of %s %s (seed %d)"):format(program:match("(%w+)_test$"), promise, seed), function()
        expect_ok(command(program, seed, arguments), { timeout = 60 })
      end)
    end
  end
end)

describe("the store at scale", function()
  it("holds ten million timers exactly and gives their memory back", function()
    local count = support.sanitized and 1000000 or 10000000
    expect_ok(command("store/scale_test", support.seeds(1)[1], count), { timeout = 120 })
  end)
end)

if not support.sanitized then
  describe("a connection over a transport in memory", function()
    local SIGSYS = 31
    local seed = support.seeds(1)[1]

    it(("makes no system call but for memory (seed %d)"):format(seed), function()
      expect_ok(command("net/transport_test", seed, "3000 sealed"), { timeout = 60 })
    end)

    it("makes some over a socket", function()
      local r = support.shell(command("net/transport_test", seed, "300 socket"))
      assert.equal(128 + SIGSYS, r.code)
      assert.equal("", r.out)
    end)
  end)

  describe("memory, seen by valgrind,", function()
    local VALGRIND = "valgrind -q --error-exitcode=9 --leak-check=full "
    local SHORT = {
      { "store/handles_test", "5000 5000 random" }, { "store/timers_test", "2000 50" },
      { "base/buffer_test", "2000" }, { "net/stream_test", "1000" },
      { "net/transport_test", "600" },
      { "loop/loop_test", "300 random" }, { "loop/loop_test", "1 watch" },
      { "loop/kinds_test", "1" }, { "lua/kinds_test", "1 delivery" },
      { "loop/poller_test", "5000 real" }, { "loop/poller_test", "5000 virtual" },
      { "loop/recurrence_test", "300 random" }, { "loop/recurrence_test", "1 replaced" },
    }
    for _, run in ipairs(SHORT) do
      local seed = support.seeds(1)[1]
      it(("is clean in %s %s (seed %d)"):format(run[1], run[2], seed), function()
        expect_ok(VALGRIND .. command(run[1], seed, run[2]), { timeout = 120 })
      end)
    end
  end)
end
