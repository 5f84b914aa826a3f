/* Edges of timerlua.h that broke its promises once: edges CASE. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <lua.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <timerlua.h>
#include <unistd.h>

#include "require.h"

static void make(uint32_t flags, size_t max_memory)
{
    tl_config config = {
        .size = sizeof config, .flags = flags, .max_memory = max_memory};
    tl_free(rt);
    REQUIRE((rt = tl_new(&config)) != NULL);
}

static int load(const char *code)
{
    return tl_load_string(rt, code, strlen(code), "=edges");
}

static void on_watch(tl_runtime *runtime, uint64_t id, int fd, int ready,
                     void *argument)
{
    (void)runtime, (void)id, (void)fd, (void)ready, (void)argument;
}

static void on_post(tl_runtime *runtime, void *argument)
{
    (void)runtime, (void)argument;
}

/* A number that is not a descriptor takes no memory. */
static void test_numbers(void)
{
    tl_runtime_stats before, after;
    make(0, 0);
    REQUIRE(load("tl = require 'timerlua'") == 0);
    REQUIRE(tl_stats(rt, &before, sizeof before) == 0);
    REQUIRE(tl_watch(rt, INT_MAX, TL_WATCH_READ, on_watch, NULL, NULL) ==
            -EBADF);
    REQUIRE(load("local w, message, code = tl.watch(1e8, 'r', print)\n"
                 "assert(w == nil and code == 'EBADF', code)") == 0);
    REQUIRE(tl_stats(rt, &after, sizeof after) == 0);
    REQUIRE(after.core_bytes < before.core_bytes + 100000);
    struct rusage usage;
    REQUIRE(getrusage(RUSAGE_SELF, &usage) == 0);
    REQUIRE(usage.ru_maxrss < 300 * 1024); /* KiB */
}

/* The memory limit applies wherever the script's code can run. */
static void test_memory(void)
{
    static const char script[] =
        "tl, tried = require 'timerlua', 0\n"
        "function try()\n"
        "  tried = tried + 1\n"
        "  local ok = pcall(string.rep, 'x', 1e8)\n"
        "  if ok then io.stderr:write('beyond the limit\\n') end\n"
        "  return 'tried'\n"
        "end\n"
        "function fail() error(setmetatable({}, { __tostring = try })) end\n"
        "function fail_more() error(setmetatable({}, { __tostring =\n"
        "  function() return ('x'):rep(1e8) end })) end\n"
        "function drop() getmetatable(newproxy(true)).__gc = try end\n"
        "function last()\n"
        "  kept = newproxy(true)\n"
        "  getmetatable(kept).__gc = function()\n"
        "    collectgarbage() try() io.stderr:write 'finalized\\n' end\n"
        "end\n"
        "function count() return tried end";
    int tried = 0;
    make(0, 4000000);
    REQUIRE(load(script) == 0);
    REQUIRE(tl_call(rt, "fail", "") == TL_ERAISED);
    REQUIRE(strncmp(tl_error(rt), "tried\n", 6) == 0);
    REQUIRE(tl_call(rt, "fail_more", "") == TL_ERAISED);
    REQUIRE(strncmp(tl_error(rt), "(error object is", 16) == 0);
    REQUIRE(load("fail()") == TL_ERAISED);
    REQUIRE(load("tl.after(0, fail) tl.spawn(fail)") == 0);
    REQUIRE(tl_step(rt, 0) >= 0);
    REQUIRE(tl_call(rt, "drop", "") == 0);
    (void)lua_gc(tl_lua(rt), LUA_GCCOLLECT, 0);
    REQUIRE(tl_call(rt, "count", ">i", &tried) == 0 && tried >= 5);
    REQUIRE(tl_call(rt, "last", "") == 0);
}

/* Callbacks that begin to wait when memory is used up: each waits, or fails. */
static void test_tasks(void)
{
    static const char script[] =
        "local tl = require 'timerlua'\n"
        "woken = 0\n"
        "function count() return woken end\n"
        "for i = 1, 1000 do\n"
        "  tl.after(0.001, function() tl.sleep(0.001) woken = woken + 1 end)\n"
        "end\n"
        "local kept = {}\n"
        "for size = 16, 0, -1 do\n"
        "  while pcall(function() kept[#kept + 1] = ('x'):rep(2 ^ size) ..\n"
        "    #kept end) do end\n"
        "end\n"
        "kept = nil";
    int woken = 0;
    make(TL_VIRTUAL_CLOCK, 4000000);
    (void)load(script);
    for (int result = TL_IDLE; result != TL_DONE;)
        REQUIRE((result = tl_step(rt, 0)) >= 0);
    tl_runtime_stats stats;
    REQUIRE(tl_stats(rt, &stats, sizeof stats) == 0);
    REQUIRE(stats.tasks == 0 && stats.timers == 0);
    REQUIRE(tl_call(rt, "count", ">i", &woken) == 0);
    REQUIRE((uint64_t)woken + stats.errors >= 1000);
}

static void test_range(void)
{
    static const int64_t most = (int64_t)1 << 53;
    int64_t result;
    make(0, 0);
    REQUIRE(load("function id(n) return n end") == 0);
    REQUIRE(tl_call(rt, "id", "I>I", most, &result) == 0 && result == most);
    REQUIRE(tl_call(rt, "id", "I>I", -most, &result) == 0 && result == -most);
    REQUIRE(tl_call(rt, "id", "I", most + 1) == -ERANGE);
    REQUIRE(tl_call(rt, "id", "I", -most - 1) == -ERANGE);
    REQUIRE(tl_call(rt, "id", "I", INT64_MIN) == -ERANGE);
}

static int says(const char *text)
{
    int found = strstr(tl_error(rt), text) != NULL;
    (void)tl_call(rt, "none", ""); /* another text */
    return found;
}

static void test_errors(void)
{
    tl_runtime_stats stats;
    make(0, 0);
    REQUIRE(tl_load_string(rt, NULL, 5, NULL) == -EINVAL);
    REQUIRE(says("tl_load_string"));
    REQUIRE(tl_load_file(rt, NULL) == -EINVAL && says("tl_load_file"));
    REQUIRE(tl_stats(rt, &stats, sizeof stats + 1) == -EINVAL);
    REQUIRE(says("tl_stats"));
    REQUIRE(tl_stats(rt, NULL, sizeof stats) == -EINVAL && says("tl_stats"));
    REQUIRE(tl_stats(rt, NULL, 0) == -EINVAL && says("tl_stats"));
    REQUIRE(tl_stats(rt, &stats, 8) == 0);
    REQUIRE(tl_stop(rt, 256) == -EINVAL && tl_stop(rt, -1) == -EINVAL);
    REQUIRE(tl_post(rt, NULL, NULL) == -EINVAL);
    REQUIRE(tl_post_event(rt, "x", "y", 9000) == -EMSGSIZE);
    REQUIRE(says("none")); /* these keep no text, as the header says */
}

static void test_posts(void)
{
    tl_config config = {.size = sizeof config};
    static const size_t too_many[] = {((size_t)1 << 30) + 1, SIZE_MAX,
                                      SIZE_MAX / 2 + 2};
    for (int i = 0; i < 3; i++) {
        config.post_bytes = too_many[i];
        REQUIRE(tl_new(&config) == NULL && errno == EINVAL);
    }
    config.post_bytes = 513;
    REQUIRE((rt = tl_new(&config)) != NULL);
    int posted = 0;
    while (tl_post(rt, on_post, NULL) == 0)
        posted++;
    REQUIRE(posted == 1024 / 32);
}

static int is_blocked(int number)
{
    sigset_t mask;
    sigemptyset(&mask);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    return sigismember(&mask, number);
}

static void test_signals(void)
{
    static const char refused[] =
        "local tl, select = require 'timerlua', require 'timerlua.select'\n"
        "local function try(fn, ...)\n"
        "  local ok, message = pcall(fn, ...)\n"
        "  assert(not ok and message:find('does not allow scripts to take '\n"
        "    .. 'signals', 1, true), message)\n"
        "end\n"
        "try(tl.signal, 'USR1', print)\n"
        "try(require 'timerlua.system.signal'.signal, 'USR1', print)\n"
        "local kq = select.kqueue()\n"
        "try(kq.control, kq, { select.kevent { ident = 10,\n"
        "  filter = select.KQ_FILTER_SIGNAL } }, 0)\n"
        "assert(kq:control({ select.kevent { ident = 1, data = 1000,\n"
        "  filter = select.KQ_FILTER_TIMER } }, 0))\n"
        "io.popen('true'):close()";
    make(0, 0);
    REQUIRE(load(refused) == 0);
    REQUIRE(!is_blocked(SIGUSR1));
    make(TL_SIGNALS, 0);
    REQUIRE(load("require 'timerlua'.signal('USR1', print)") == 0);
    REQUIRE(is_blocked(SIGUSR1));
    REQUIRE(tl_free(rt) == 0);
    rt = NULL;
    REQUIRE(!is_blocked(SIGUSR1));
}

static void test_stops(void)
{
    make(0, 0);
    REQUIRE(load("require 'timerlua'.every(1, print)") == 0);
    REQUIRE(tl_stop(rt, 3) == 0 && tl_stop(rt, 4) == 0);
    REQUIRE(tl_run(rt) == 4);
}

static void test_inside(void)
{
    make(TL_NO_FFI, 0);
    REQUIRE(
        load(
            "for _, name in ipairs { 'ffi', 'timerlua.app.embedding',\n"
            "  'timerlua.core.ffi', 'timerlua.core', 'timerlua.core.anchors',\n"
            "  'timerlua.core.string_buffer', 'timerlua.net.listener',\n"
            "  'timerlua.net.udp.object', 'jit.util' } do\n"
            "  local ok, message = pcall(require, name)\n"
            "  assert(not ok and message:find('reach its memory', 1, true),\n"
            "    name)\n"
            "end\n"
            "for _, name in ipairs { 'timerlua', 'timerlua.timerfd',\n"
            "  'timerlua.select', 'timerlua.socket', 'timerlua.limits' } do\n"
            "  assert(require(name))\n"
            "end\n"
            "local tl = require 'timerlua'\n"
            "assert(tl.listen('127.0.0.1:0', print):close())\n"
            "assert(tl.run({ 'echo', 'x' }).stdout == 'x\\n')") == 0);
}

/* Nothing but a string.buffer is believed about its bytes, and a buffer gives
   no address to a script. */
static void test_buffers(void)
{
    make(TL_NO_FFI, 0);
    REQUIRE(
        load("local tl = require 'timerlua'\n"
             "local buffer = require 'string.buffer'\n"
             "local a, b = tl.socketpair()\n"
             "local u = tl.udp('127.0.0.1:0')\n"
             "local p = newproxy(true)\n"
             "getmetatable(p).__index = { ref = function()\n"
             "  return 'abc', 100000 end, reserve = function()\n"
             "  return 'abc', 100000 end, tostring = function()\n"
             "  return 1 end }\n"
             "for _, call in ipairs { { a.send, a }, { a.receive_into, a },\n"
             "  { u.send, u } } do\n"
             "  for _, object in ipairs { p, io.stdout } do\n"
             "    local ok, message = pcall(call[1], call[2], object)\n"
             "    assert(not ok and message:find('string.buffer', 1, true))\n"
             "  end\n"
             "end\n"
             "assert(a:send(buffer.new():put('four')) == 4)\n"
             "assert(b:receive_into(buffer.new()) == 4)\n"
             "local mine = buffer.new():set('text')\n"
             "for name, value in pairs { ref = 1, reserve = 9, commit = 0,\n"
             "  putcdata = 5LL, set = 5LL } do\n"
             "  local ok, message = pcall(mine[name], mine, value, 9)\n"
             "  assert(not ok and message:find('reach its memory', 1, true))\n"
             "end\n"
             "a:close() b:close() u:close()") == 0);
}

static void test_levels(void)
{
    make(TL_NO_FFI, 0);
    REQUIRE(
        load("local function line() return debug.getinfo(2, 'l').currentline "
             "end\n"
             "assert(line() == 2)\n"
             "assert(debug.getinfo(1, 'l').currentline == 3)\n"
             "assert(debug.getinfo(line, 'S').linedefined == 1)\n"
             "local co = coroutine.create(function()\n"
             "  coroutine.yield() end)\n"
             "coroutine.resume(co)\n"
             "assert(debug.getinfo(co, 1, 'l').currentline == 6)") == 0);
}

static void test_programs(void)
{
    make(TL_NO_EXEC, 0);
    REQUIRE(load("package.path = './lua/?.lua'\n"
                 "local tl = require 'timerlua'\n"
                 "for _, fn in ipairs { require 'timerlua.system.exec'.exec,\n"
                 "  tl.exec, require 'timerlua.system.collect'.run } do\n"
                 "  local ok, message = pcall(fn, { 'true' })\n"
                 "  assert(not ok and message:find('start others', 1, true))\n"
                 "end") == 0);
}

/* --- waiting for the descriptor ----------------------------------------- */

static int readable(void)
{
    struct pollfd fd = {.fd = tl_fd(rt), .events = POLLIN};
    return poll(&fd, 1, 0);
}

static int count(void)
{
    int number = -1;
    REQUIRE(tl_call(rt, "count", ">i", &number) == 0);
    return number;
}

/* Steps until TL_DONE, at most this many. */
static int steps_to_the_end(int most)
{
    int steps = 0, result;
    do
        REQUIRE((result = tl_step(rt, 0)) >= 0 && ++steps <= most);
    while (result != TL_DONE);
    return steps;
}

static void on_timer(tl_runtime *runtime, uint64_t id, void *argument)
{
    (void)runtime, (void)id, (void)argument;
}

static void test_unreferenced(void)
{
    make(TL_VIRTUAL_CLOCK, 0);
    REQUIRE(load("local tl = require 'timerlua'\n"
                 "local n = 0\n"
                 "function count() return n end\n"
                 "tl.every(1, function() n = n + 1 end):unref()\n"
                 "tl.after(3.5, function() end)") == 0);
    steps_to_the_end(100);
    REQUIRE(count() == 3 && readable() == 0 && tl_next(rt) == -1);
    REQUIRE(tl_after(rt, 1500000000, on_timer, NULL, NULL) == 0);
    REQUIRE(readable() && tl_next(rt) == 0); /* time goes on again */
    steps_to_the_end(100);
    REQUIRE(count() == 5);
    make(0, 0); /* such a timer that is always due keeps nothing running */
    REQUIRE(load("require 'timerlua'.every(1LL, function() end):unref()") == 0);
    steps_to_the_end(100);
}

/* tl_next as the limit of a wait: a wait for each wake-up, and no spinning. */
static void test_slack(void)
{
    int waits = 0;
    make(0, 0);
    REQUIRE(load("local tl = require 'timerlua'\n"
                 "tl.slack(0.2)\n"
                 "tl.after(0.01, function() end)\n"
                 "tl.after(0.15, function() end)") == 0);
    for (int result = TL_IDLE; result != TL_DONE; waits++) {
        struct pollfd fd = {.fd = tl_fd(rt), .events = POLLIN};
        int64_t next_ns = tl_next(rt);
        struct timespec limit = {0, next_ns % 1000000000};
        REQUIRE(next_ns >= 0);
        if (ppoll(&fd, 1, &limit, NULL) > 0)
            REQUIRE((result = tl_step(rt, 0)) >= 0);
    }
    REQUIRE(waits < 10);
}

static void limit_descriptors(rlim_t most)
{
    struct rlimit limit;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = most;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

/* No descriptor is left for the wall clock and for boottime. */
static void test_clocks(void)
{
    make(0, 0);
    REQUIRE(load("tl = require 'timerlua'") == 0);
    limit_descriptors((rlim_t)open("/dev/null", O_RDONLY | O_CLOEXEC));
    REQUIRE(load("local function check(what, _, message, code)\n"
                 "  assert(code == 'EMFILE', what)\n"
                 "  assert(message:find('open files', 1, true), message)\n"
                 "end\n"
                 "check('at', tl.at(tl.time() + 1, print))\n"
                 "check('past', tl.at(1, print))\n"
                 "check('boottime', tl.timer { after = 1, fn = print,\n"
                 "  clock = 'boottime' })\n"
                 "check('jumps', tl.on('clock_jump', print))\n"
                 "tl.after(0.001, function() end)") == 0);
    REQUIRE(tl_step(rt, 0) >= 0);
    limit_descriptors(256);
    REQUIRE(load("assert(tl.at(1, function() end))\n"
                 "tl.on('clock_jump', print):cancel()") == 0);
    REQUIRE(tl_run(rt) == 0);
}

static void test_clock(void)
{
    make(0, 0);
    REQUIRE(
        load("local tl = require 'timerlua'\n"
             "local ok, message = pcall(tl.clock.virtual)\n"
             "assert(not ok and message:find('TL_VIRTUAL_CLOCK', 1, true))\n"
             "tl.clock.real() assert(not tl.clock.is_virtual())") == 0);
    make(TL_VIRTUAL_CLOCK, 0);
    REQUIRE(
        load("local tl = require 'timerlua'\n"
             "local ok, message = pcall(tl.clock.real)\n"
             "assert(not ok and message:find('TL_VIRTUAL_CLOCK', 1, true))\n"
             "tl.clock.virtual { start = 1000 } assert(tl.time() == 1000)\n"
             "tl.clock:advance(5) assert(tl.time() == 1005)") == 0);
    REQUIRE(tl_run(rt) == 0);
}

static void to_the_end(int run, int status)
{
    tl_runtime_stats stats;
    if (run)
        REQUIRE(tl_run(rt) == status);
    else
        steps_to_the_end(20);
    REQUIRE(tl_stats(rt, &stats, sizeof stats) == 0 && stats.status == status);
}

/* Stop handlers run once, whoever drives the runtime, before its end is told.
 */
static void test_stop_handlers(void)
{
    static const char script[] =
        "local tl = require 'timerlua'\n"
        "local n = 0\n"
        "function count() return n end\n"
        "tl.on('stop', function(reason) assert(reason == 'done')\n"
        "  tl.sleep(0.001) n = n + 1 end)\n"
        "function more() tl.after(0.001, function() end) end\n"
        "function another() tl.on('stop', function() n = n + 10 end) end\n"
        "function stuck() tl.on('stop', function() tl.channel():receive() "
        "end)\n"
        "  end";
    for (int run = 0; run < 2; run++) {
        make(TL_VIRTUAL_CLOCK, 0);
        REQUIRE(load(script) == 0);
        for (int times = 0; times < 3; times++) {
            to_the_end(run, 0);
            REQUIRE(count() == 1);
            REQUIRE(tl_call(rt, "more", "") == 0);
        }
        REQUIRE(tl_call(rt, "another", "") == 0);
        to_the_end(run, 0);
        REQUIRE(count() == 11);
        REQUIRE(tl_call(rt, "stuck", "") == 0);
        to_the_end(run, 1);
        REQUIRE(strstr(tl_error(rt), "nothing is left that could wake it"));
    }
}

static int fired;

static void on_fired(tl_runtime *runtime, uint64_t id, void *argument)
{
    (void)runtime, (void)id, (void)argument;
    fired++;
}

static void on_ready(tl_runtime *runtime, uint64_t id, int fd, int ready,
                     void *argument)
{
    (void)runtime, (void)fd, (void)ready;
    fired += 10;
    REQUIRE(tl_cancel(runtime, id) == 1);
    (void)argument;
}

/* Whatever a script writes into its objects, the host's handles are not
   theirs. */
static void test_forged(void)
{
    int ends[2];
    make(TL_NO_FFI, 0);
    REQUIRE(pipe(ends) == 0 && write(ends[1], "x", 1) == 1);
    REQUIRE(load("tl = require 'timerlua'") == 0);
    REQUIRE(tl_after(rt, 1000000, on_fired, NULL, NULL) == 0);
    REQUIRE(tl_watch(rt, ends[0], TL_WATCH_READ, on_ready, NULL, NULL) == 0);
    REQUIRE(load("local make = {\n"
                 "  function() return tl.udp('127.0.0.1:0') end,\n"
                 "  function() return tl.listen('127.0.0.1:0', print) end,\n"
                 "  function() return tl.spawn(tl.sleep, 0) end,\n"
                 "  function() return (tl.socketpair()) end }\n"
                 "make[5] = function()\n"
                 "  local s = require 'timerlua.socket'.socketpair()\n"
                 "  return (tl.watch(s:detach(), 'r', print)) end\n"
                 "for slot = 1, 4 do for generation = 1, 4 do\n"
                 "  for _, new in ipairs(make) do\n"
                 "    local object = new()\n"
                 "    if object then\n"
                 "      object.slot, object.generation = slot, generation\n"
                 "      object.handle_slot = slot\n"
                 "      object.handle_generation = generation\n"
                 "      object.id = { slot = slot, generation = generation }\n"
                 "      for _, name in ipairs { 'unref', 'pause', 'cancel',\n"
                 "        'close', 'abort' } do\n"
                 "        pcall(function() object[name](object) end)\n"
                 "      end\n"
                 "    end\n"
                 "  end\n"
                 "end end\n"
                 "tl.after(0.05, function() tl.stop(0) end)") == 0);
    REQUIRE(tl_run(rt) == 0);
    REQUIRE(fired == 11);
    REQUIRE(close(ends[0]) == 0 && close(ends[1]) == 0);
}

/* Scripts close no descriptor that the runtime or its host watches. */
static void test_kept(void)
{
    int ends[2];
    fired = 0;
    make(0, 0);
    REQUIRE(pipe(ends) == 0);
    REQUIRE(tl_watch(rt, ends[0], TL_WATCH_READ, on_ready, NULL, NULL) == 0);
    REQUIRE(load("tl = require 'timerlua'\n"
                 "function refuses(fd)\n"
                 "  local timerfd = require 'timerlua.timerfd'\n"
                 "  return not pcall(timerfd.close, fd)\n"
                 "end\n"
                 "tl.after(0.05, function() tl.stop(0) end)") == 0);
    int refused = -1;
    REQUIRE(tl_call(rt, "refuses", "i>b", ends[0], &refused) == 0 && refused);
    REQUIRE(tl_call(rt, "refuses", "i>b", tl_fd(rt), &refused) == 0 && refused);
    REQUIRE(tl_call(rt, "refuses", "i>b", ends[1], &refused) == 0 && !refused);
    REQUIRE(close(ends[1]) == -1 && errno == EBADF);
    REQUIRE(tl_run(rt) == 0 && fired > 0); /* it has hung up */
    REQUIRE(close(ends[0]) == 0);
}

/* A watch that rests, or whose callback waits, still keeps its descriptor. */
static void test_resting(void)
{
    int ends[2];
    uint64_t watch;
    make(0, 0);
    REQUIRE(pipe(ends) == 0);
    REQUIRE(tl_watch(rt, ends[0], TL_WATCH_READ, on_ready, NULL, &watch) == 0);
    REQUIRE(tl_interest(rt, watch, 0) == 0);
    REQUIRE(load("function closes(fd)\n"
                 "  local timerfd = require 'timerlua.timerfd'\n"
                 "  local ok, message = pcall(timerfd.close, fd)\n"
                 "  assert(ok or message:find 'the host uses', message)\n"
                 "  return ok\n"
                 "end\n"
                 "function watch(fd)\n"
                 "  require 'timerlua'.watch(fd, 'r', print):cancel()\n"
                 "end") == 0);
    int closed = -1;
    REQUIRE(tl_call(rt, "closes", "i>b", ends[0], &closed) == 0 && !closed);
    /* a watch of the script takes nothing away */
    REQUIRE(tl_call(rt, "watch", "i", ends[0]) == 0);
    REQUIRE(tl_call(rt, "closes", "i>b", ends[0], &closed) == 0 && !closed);
    REQUIRE(tl_interest(rt, watch, TL_WATCH_READ) == 0);
    REQUIRE(tl_call(rt, "closes", "i>b", ends[0], &closed) == 0 && !closed);
    (void)tl_cancel(rt, watch);
    REQUIRE(tl_call(rt, "closes", "i>b", ends[0], &closed) == 0 && closed);
    REQUIRE(close(ends[0]) == -1 && close(ends[1]) == 0);
}

/* With a flag that keeps a script from memory or from files, no number leads it
   to its host's descriptors; its own numbers still work. */
static const char reach[] =
    "local tl, timerfd = require 'timerlua', require 'timerlua.timerfd'\n"
    "local epoll = require 'timerlua.select'.epoll\n"
    "local socket = require 'timerlua.socket'\n"
    "local rule = 'fd must be one that the script opened or that '\n"
    "  .. 'LISTEN_FDS counts, got '\n"
    "local function refuses(fd, ...)\n"
    "  local ok, message = pcall(...)\n"
    "  assert(not ok and message:find(rule .. fd, 1, true), message)\n"
    "end\n"
    "function try(stream, timer, set, passed)\n"
    "  local object = { fileno = function() return stream end }\n"
    "  refuses(stream, tl.connect, 'fd:' .. stream)\n"
    "  refuses(stream, tl.exec, { 'true' }, { stdin = stream })\n"
    "  refuses(stream, tl.exec, { 'true' }, { stdin = object })\n"
    "  for _, fd in ipairs { stream, timer, set } do\n"
    "    refuses(fd, timerfd.close, fd)\n"
    "    refuses(fd, timerfd.read, fd)\n"
    "    refuses(fd, timerfd.settime, fd, 0, 1)\n"
    "    refuses(fd, epoll.fromfd, fd)\n"
    "  end\n"
    "  local t = timerfd.create(timerfd.CLOCK_MONOTONIC)\n"
    "  t.fd = timer\n"
    "  refuses(timer, t.close, t)\n"
    "  assert(not pcall(function() t.guard.fd = timer end))\n"
    "  local ep = epoll()\n"
    "  ep.set.owned.fd = set\n"
    "  ep:close()\n"
    "  t = timerfd.create(timerfd.CLOCK_MONOTONIC)\n"
    "  local number = t:detach()\n"
    "  assert(timerfd.settime(number, 0, 1) == 0 and timerfd.close(number))\n"
    "  refuses(number, timerfd.close, number)\n"
    "  number = epoll():fileno()\n"
    "  assert(epoll.fromfd(number)):close()\n"
    "  refuses(number, epoll.fromfd, number)\n"
    "  number = socket.socket():detach()\n"
    "  assert(timerfd.close(number))\n"
    "  local one, other = socket.socketpair()\n"
    "  one.fd = stream\n"
    "  assert(one:send('x') == 1 and other:recv(1) == 'x')\n"
    "  assert(one:close() and other:recv(1) == '')\n"
    "  other:close()\n"
    "  assert(tl.connect('fd:' .. passed)):close()\n"
    "  os.getenv = function() return '1000' end\n"
    "  refuses(stream, tl.connect, 'fd:' .. stream)\n"
    "end";

static void try_reach(uint32_t flags)
{
    int ends[2], more[2], timer = timerfd_create(CLOCK_MONOTONIC, 0);
    int set = epoll_create1(0);
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, more) == 0 && more[0] > 2);
    char count[12];
    (void)snprintf(count, sizeof count, "%d", more[1] - 2);
    REQUIRE(setenv("LISTEN_FDS", count, 1) == 0);
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    int high[] = {fcntl(ends[0], F_DUPFD, 100), fcntl(timer, F_DUPFD, 100),
                  fcntl(set, F_DUPFD, 100)};
    make(flags, 0);
    REQUIRE(load(reach) == 0);
    if (tl_call(rt, "try", "iiii", high[0], high[1], high[2], more[1]) != 0)
        (void)fprintf(stderr, "%s\n", tl_error(rt));
    for (size_t i = 0; i < 3; i++)
        REQUIRE(close(high[i]) == 0);
    REQUIRE(close(ends[0]) == 0 && close(ends[1]) == 0 && close(timer) == 0 &&
            close(set) == 0 && close(more[0]) == 0);
}

static void test_reach(void)
{
    try_reach(TL_NO_FFI);
    try_reach(TL_NO_IO);
    try_reach(TL_NO_FFI | TL_NO_IO);
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    {"numbers", test_numbers},   {"memory", test_memory},
    {"tasks", test_tasks},       {"range", test_range},
    {"errors", test_errors},     {"posts", test_posts},
    {"signals", test_signals},   {"stops", test_stops},
    {"inside", test_inside},     {"levels", test_levels},
    {"programs", test_programs}, {"unreferenced", test_unreferenced},
    {"slack", test_slack},       {"clocks", test_clocks},
    {"clock", test_clock},       {"stophandlers", test_stop_handlers},
    {"buffers", test_buffers},   {"forged", test_forged},
    {"kept", test_kept},         {"reach", test_reach},
    {"resting", test_resting},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof cases / sizeof *cases; i++) {
        if (strcmp(argv[1], cases[i].name) != 0)
            continue;
        cases[i].run();
        REQUIRE(tl_free(rt) == 0);
        return 0;
    }
    return 1;
}
