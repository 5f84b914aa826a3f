-- The pictures: for each workload, how its figures are drawn.

local bars = require "drawing.bars"
local points = require "drawing.points"

-- timerlua reads the clock for every re-arm.
local READS_THE_CLOCK = { timerlua = true, libtimerlua = true }

return {
  {
    workload = "T1", draw = bars, title = "A million timers: armed, then cancelled at random",
    unit = "ns a timer; shorter is better", stacked = true,
    parts = {
      { key = "insert_ns", label = "arming" },
      { key = "cancel_ns", label = "cancelling" },
      { key = "close_ns", label = "closing the handle" },
    },
  },
  {
    workload = "T2", draw = bars, title = "A million timers that fire within a second",
    unit = "ns of CPU a timer: arming, waking, calling; shorter is better",
    parts = { { key = "cpu_ns", label = "CPU" } },
  },
  {
    workload = "T3", draw = bars, title = "Re-arming one of 100,000 live timers",
    unit = "ns a re-arm; shorter is better",
    parts = {
      { key = "rearm_ns", label = "from the loop's last wake-up", not_of = READS_THE_CLOCK },
      { key = "fresh_ns", label = "from a fresh reading of the clock" },
    },
  },
  {
    workload = "T5", draw = points,
    title = "1000 periodic timers: how late, and at what cost",
    unit = "lateness that 99 % of the callbacks stay below; lower and further left is better",
  },
}
