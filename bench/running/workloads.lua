-- What is run. A row is a peer, a label where it has several rows, and its
-- arguments or its code. `against` names the figures whose sum is divided by
-- that of the row named in `base`, or without one by that of the best peer in C
-- that did not starve I/O. M1 is short and noisy, so it runs more often. Where
-- there is a `mode`, the peer is a server of that mode (or its own) under load.

local grid_seconds = os.getenv("GRID_SECONDS") or 5 -- as the peers read it

local million_due = {
  { "libev" }, { "libuv" }, { "luv" }, { "node" },
  { "timerlua", args = "1" },
  { "timerlua", label = "slack 1 ms", args = "1 0.001" },
  { "timerlua", label = "slack 0", args = "1 0" },
  { "libtimerlua" },
}

local waits = {}
for _, delay in ipairs { 50, 200, 1000, 1000000 } do
  for _, way in ipairs { "timerfd", "pwait2", "pwait2-slack" } do
    waits[#waits + 1] = { "waiting", label = ("%s %d us"):format(way, delay),
      args = ("%s %d"):format(way, delay) }
  end
end

return {
  {
    name = "T1", title = "a million one-shots, delays 1 to 60 s",
    columns = { "insert_ns", "cancel_ns", "close_ns", "bytes" },
    against = { "insert_ns", "cancel_ns" },
    rows = { { "libev" }, { "libuv" }, { "luv" }, { "node" }, { "timerlua" },
      { "libtimerlua" } },
  },
  {
    name = "T2", title = "a million due within a second, armed in any order",
    columns = { "cpu_ns" }, against = { "cpu_ns" }, rows = million_due,
  },
  {
    name = "T2s", title = "the same, armed in the order they fall due",
    columns = { "cpu_ns" }, against = { "cpu_ns" }, rows = million_due,
  },
  {
    name = "T2p", of = "T2", title = "T2 with distinct callback functions",
    columns = { "cpu_ns" },
    rows = {
      { "luv", label = "64", args = "64" },
      { "luv", label = "1000", args = "1000" },
      { "node", label = "64", args = "64" },
      { "node", label = "1000", args = "1000" },
      { "timerlua", label = "1", args = "1" },
      { "timerlua", label = "64", args = "64" },
      { "timerlua", label = "1000", args = "1000" },
      { "timerlua", label = "1, slack 1 ms", args = "1 0.001" },
      { "timerlua", label = "64, slack 1 ms", args = "64 0.001" },
      { "timerlua", label = "1000, slack 1 ms", args = "1000 0.001" },
      { "timerlua", label = "1, slack 0", args = "1 0" },
      { "timerlua", label = "64, slack 0", args = "64 0" },
      { "timerlua", label = "1000, slack 0", args = "1000 0" },
    },
  },
  {
    name = "T3", title = "100,000 live, re-arm a random one to now + 30 s",
    columns = { "rearm_ns", "fresh_ns" }, against = { "rearm_ns" },
    rows = { { "libev" }, { "libuv" }, { "luv" }, { "node" }, { "timerlua" },
      { "libtimerlua" } },
  },
  {
    name = "T4", title = "a callback re-arms itself with delay 0",
    columns = { "each_ns", "served_turns" }, against = { "each_ns" },
    rows = { { "libev" }, { "libuv" }, { "luv" }, { "node" }, { "timerlua" } },
  },
  {
    name = "T5",
    title = ("1000 timers of 5 to 20 ms for %s s, against the grid"):format(grid_seconds),
    columns = { "p50_us", "p99_us", "cpu_s", "early", "missed", "ticks", "slack_us" },
    against = { "cpu_s" },
    rows = {
      { "libev" }, { "libuv" }, { "luv" }, { "node" },
      { "timerlua", label = "slack 0", args = "0" },
      { "timerlua" },
      { "timerlua", label = "slack 160 us", args = "0.00016" },
      { "timerlua", label = "slack 250 us", args = "0.00025" },
      { "timerlua", label = "slack 1 ms", args = "0.001" },
    },
  },
  {
    name = "PACE", title = "a million calls of a debounced and a throttled function",
    columns = { "clock_ns", "debounce_ns", "armed", "throttle_ns" },
    rows = {
      { "timerlua" },
      { "timerlua", label = "by hand", args = "hand" },
    },
  },
  {
    name = "M1", title = "start, one timer of 1 ms or an empty script, exit",
    columns = { "wall_ms", "peak_mib" }, against = { "wall_ms" }, times = 6,
    rows = {
      { "libev" }, { "libuv" },
      { "luajit", label = "empty script", code = "" },
      { "timerlua", label = "empty script", code = "" },
      { "luv", code = [[
        local uv = require "luv"
        uv.new_timer():start(1, 0, function() end)
        uv.run()]] },
      { "node", code = "setTimeout(() => {}, 1)" },
      { "timerlua", code = [[
        local tl = require "timerlua"
        tl.after(0.001, function() end)]] },
    },
  },
  {
    name = "D", title = "ways to call 1, 64, 1000 distinct Lua functions",
    columns = { "fns_1_ns", "fns_64_ns", "fns_1000_ns" },
    rows = {
      { "dispatch", label = "loop in Lua", args = "lua" },
      { "dispatch", label = "lua_pcall from C", args = "pcall" },
      { "dispatch", label = "lua_resume from C", args = "resume" },
    },
  },
  {
    name = "H", title = "recording one lateness in the histogram",
    columns = { "record_ns" }, rows = { { "lateness" } },
  },
  {
    name = "W", title = "ways to wait 50 us, 200 us, 1 ms, 1 s",
    columns = { "p50_us", "p99_us", "cpu_us" },
    rows = waits,
  },
  {
    name = "MEM", title = "timers alive at once, memory up to 2 GB",
    columns = { "insert_ns", "bytes" },
    rows = {
      { "timerlua", label = "10 k", args = "10000" },
      { "timerlua", label = "100 k", args = "100000" },
      { "timerlua", label = "1 M", args = "1000000" },
      { "timerlua", label = "10 M", args = "10000000" },
    },
  },
  {
    name = "TASKS", title = "100,000 tasks asleep; a wait that is over at once",
    columns = { "spawn_ns", "bytes", "turn_ns" },
    rows = {
      { "timerlua", label = "spawn(sleep)", args = "sleep" },
      { "timerlua", label = "spawn(fn)", args = "body" },
      { "timerlua", label = "turns", args = "turns" },
      { "luv", args = "sleep" },
    },
  },
  {
    name = "K1", title = "the next instants of 50 cron texts in 20 zones",
    base = "schedules", against = { "next_ns" }, columns = { "next_ns", "bytes", "sum" },
    rows = { { "schedules" }, { "croner" }, { "croniter" } },
  },
  {
    name = "P1", title = "2000 times /bin/true, 32 at once; the parent's CPU",
    base = "c", against = { "cpu_us" }, columns = { "cpu_us", "spawns_s" },
    rows = {
      { "c" }, { "luv" }, { "node" },
      { "timerlua" },
      { "timerlua", label = "tasks", args = "tasks" },
    },
  },
  {
    name = "P2", title = "100 MB to a child and back",
    base = "c", against = { "mb_s" }, columns = { "mb_s", "cpu_ms" },
    rows = { { "c" }, { "luv" }, { "node" }, { "timerlua" } },
  },
  {
    name = "E1", title = "a wake-up in tl_run, and in a host's own epoll loop",
    columns = { "ready_cpu_ns", "sleep_cpu_ns" },
    rows = {
      { "libtimerlua", label = "tl_run", args = "run" },
      { "libtimerlua", label = "tl_step", args = "step" },
      { "libtimerlua", label = "not: epoll", args = "plain" },
      { "libtimerlua", label = "not: nested", args = "nested" },
    },
  },
  {
    name = "E2", title = "two million messages from 1 and 8 threads",
    columns = { "messages_s", "cpu_ns" },
    rows = {
      { "posts", label = "1: tl", args = "tl 1" },
      { "posts", label = "1: tl 1 MiB", args = "tl 1 32768" },
      { "posts", label = "1: uv, list", args = "list 1" },
      { "posts", label = "1: uv, 2048 at most", args = "array 1 2048" },
      { "posts", label = "1: uv, array", args = "array 1" },
      { "posts", label = "8: tl", args = "tl 8" },
      { "posts", label = "8: tl 1 MiB", args = "tl 8 32768" },
      { "posts", label = "8: uv, list", args = "list 8" },
      { "posts", label = "8: uv, 2048 at most", args = "array 8 2048" },
      { "posts", label = "8: uv, array", args = "array 8" },
    },
  },
  {
    name = "E3", title = "calls of a Lua function",
    columns = { "numbers_ns", "text_ns" },
    base = "libtimerlua, lua_pcall", against = { "numbers_ns" },
    rows = {
      { "libtimerlua", label = "lua_pcall", args = "bare" },
      { "libtimerlua", label = "tl_call", args = "checked" },
    },
  },
  {
    name = "E4", title = "runtimes made and ended",
    columns = { "new_free_us", "kib" },
    base = "libtimerlua, lua_State", against = { "new_free_us" },
    rows = {
      { "libtimerlua", label = "lua_State", args = "bare" },
      { "libtimerlua", label = "tl_new", args = "new" },
      { "libtimerlua", label = "with a script", args = "script" },
    },
  },
  {
    name = "S1", title = "HTTP, kept alive, 64 connections",
    mode = "http", needs = "wrk", base = "epoll", against = { "cpu_us" },
    columns = { "cpu_us", "requests_s", "failed" },
    rows = {
      { "epoll" }, { "libuv" }, { "luv" }, { "nginx" }, { "node" },
      { "uvloop" },
      { "timerlua" },
      { "timerlua", label = "tasks", mode = "task-http" },
      { "timerlua", label = "tasks, until", mode = "until-http" },
    },
  },
  {
    name = "S2", title = "S1 with 16 requests at once",
    mode = "http", needs = "wrk", base = "epoll, batched",
    against = { "cpu_us" },
    columns = { "cpu_us", "requests_s", "failed" },
    rows = {
      { "epoll", label = "batched", mode = "batch" },
      { "epoll", label = "a write each" },
      { "libuv" }, { "luv" }, { "nginx" }, { "node" }, { "uvloop" },
      { "timerlua" },
      { "timerlua", label = "tasks", mode = "task-http" },
      { "timerlua", label = "tasks, until", mode = "until-http" },
    },
  },
  {
    name = "SCAN", title = "the end of the headers, in bytes that have arrived",
    columns = { "ns_198", "ns_439" },
    rows = {
      { "scan", label = "memmem (C)", args = "memmem" },
      { "scan", label = "memmem (C) + string", args = "memmem-string" },
      { "scan", label = "string.find", args = "find" },
      { "scan", label = "receive_until", args = "receive_until" },
      { "scan", label = "receive, lines", args = "receive" },
    },
  },
  {
    name = "S3", title = "TCP echo, 100 connections, 64 bytes",
    mode = "echo", base = "epoll", against = { "requests_s" },
    columns = { "requests_s", "cpu_us" },
    rows = {
      { "epoll" }, { "libuv" }, { "luv" }, { "node" }, { "uvloop" },
      { "timerlua" },
      { "timerlua", label = "tasks", mode = "task-echo" },
    },
  },
  {
    name = "S4", title = "HTTP, a connection for each request, 100 at once",
    mode = "close", needs = "ab", base = "epoll", against = { "cpu_us" },
    columns = { "cpu_us", "requests_s", "failed" },
    rows = {
      { "epoll" }, { "libuv" }, { "luv" }, { "nginx" }, { "node" },
      { "python", mode = "example" }, { "uvloop" },
      { "timerlua" },
      { "timerlua", label = "tasks", mode = "task-close" },
    },
  },
  {
    name = "S5", title = "10,000 idle connections, each answered once",
    mode = "http", base = "epoll", against = { "rss_bytes" },
    columns = { "rss_bytes", "anon_bytes", "cpu_us" },
    rows = {
      { "epoll" }, { "libuv" }, { "luv" }, { "nginx" }, { "node" },
      { "uvloop" },
      { "timerlua" },
      { "timerlua", label = "tasks", mode = "task-http" },
    },
  },
  {
    name = "D1", of = "S1", title = "S1 by hand on timerlua.select",
    mode = "http", needs = "wrk", base = "epoll", against = { "cpu_us" },
    columns = { "cpu_us", "requests_s", "failed" },
    rows = { { "epoll" }, { "select" }, { "timerlua" }, { "python" } },
  },
  {
    name = "D1p", of = "S2", title = "S2 by hand on timerlua.select",
    mode = "batch", needs = "wrk", base = "epoll", against = { "cpu_us" },
    columns = { "cpu_us", "requests_s", "failed" },
    rows = { { "epoll" }, { "select" }, { "timerlua", mode = "http" }, { "python" } },
  },
  {
    name = "D1c", of = "S4", title = "S4 by hand on timerlua.select",
    mode = "close", needs = "ab", base = "epoll", against = { "cpu_us" },
    columns = { "cpu_us", "requests_s", "failed" },
    rows = {
      { "epoll" }, { "select" }, { "timerlua" }, { "python" },
      { "python", label = "example", mode = "example" },
    },
  },
  {
    name = "D2", title = "10,000 timer descriptors in one epoll set",
    columns = { "firing_us", "create_us", "fired" }, against = { "firing_us" },
    rows = {
      { "timerfds", args = "10000" },
      { "timerfds_python", args = "10000" },
      { "timerfds_lua", args = "descriptors 10000" },
      { "timerfds_lua", label = "blocking", args = "blocking 10000" },
    },
  },
  {
    name = "D3", title = "100,000 timers as descriptors, and as tl.every",
    columns = { "timers", "create_us", "rss_bytes", "kernel_bytes", "firing_us" },
    rows = {
      { "timerfds", args = "100000" },
      { "timerfds_lua", label = "descriptors", args = "descriptors 100000" },
      { "timerfds_lua", label = "tl.every, as many", args = "every 0" },
      { "timerfds_lua", label = "tl.every", args = "every 100000" },
    },
  },
}
