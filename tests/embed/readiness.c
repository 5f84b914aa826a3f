/* Random work for a runtime, from inside and outside its steps, compared with
   tl_fd: the descriptor is readable whenever there is work that a model knows
   of, and never twice in a row when a step finds nothing to do. tl_next and the
   answers of tl_step must agree with tl_fd at every moment.
   readiness SEED ROUNDS FLAGS */
#include <lauxlib.h>
#include <lua.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <timerlua.h>
#include <unistd.h>

#include "require.h"

enum { MOST = 16 };

static uint64_t state;
static int ends[2];
static int is_virtual;
static int64_t slack_ns;
static int done, posts, bytes, answers; /* the last three are awaited */
static struct {
    uint64_t id;
    int64_t due_ns;
} timers[MOST];

static unsigned choose(unsigned count)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state >> 20) % count;
}

static int64_t now_ns(void)
{
    return tl_clock_ns(rt, TL_CLOCK_MONOTONIC);
}

static void act(int inside);

static void on_timer(tl_runtime *runtime, uint64_t id, void *argument)
{
    (void)runtime;
    size_t i = (size_t)argument;
    REQUIRE(timers[i].id == id && now_ns() >= timers[i].due_ns);
    timers[i].id = 0;
    done++;
    if (choose(3) == 0)
        act(1);
}

static void on_post(tl_runtime *runtime, void *argument)
{
    (void)runtime;
    (void)argument;
    posts--;
    done++;
    if (choose(4) == 0)
        act(1);
}

static void on_bytes(tl_runtime *runtime, uint64_t id, int fd, int ready,
                     void *argument)
{
    (void)runtime, (void)id, (void)argument;
    char byte;
    REQUIRE(ready & TL_WATCH_READ);
    REQUIRE(read(fd, &byte, 1) == 1);
    bytes--;
    done++;
}

static int lua_ran(lua_State *L)
{
    (void)L;
    done++;
    return 0;
}

static void start_timer(void)
{
    size_t i = choose(MOST);
    if (timers[i].id != 0)
        return;
    int64_t delay_ns = choose(4) == 0 ? 0 : (int64_t)choose(3000000);
    int clock = choose(2) ? TL_CLOCK_MONOTONIC : (int)choose(3);
    timers[i].due_ns = now_ns() + delay_ns;
    REQUIRE(tl_at(rt, clock, tl_clock_ns(rt, clock) + delay_ns, 0, on_timer,
                  (void *)i, &timers[i].id) == 0);
}

static void reset_timer(void)
{
    size_t i = choose(MOST);
    int64_t delay_ns = (int64_t)choose(3000000);
    if (timers[i].id == 0)
        return;
    timers[i].due_ns = now_ns() + delay_ns;
    REQUIRE(tl_reset(rt, timers[i].id, delay_ns) == 0);
}

static void cancel_timer(void)
{
    size_t i = choose(MOST);
    if (timers[i].id == 0)
        return;
    REQUIRE(tl_cancel(rt, timers[i].id) == 1);
    timers[i].id = 0;
}

/* The answer on a connection has come back. */
static int lua_answered(lua_State *L)
{
    (void)L;
    done++;
    answers--;
    return 0;
}

/* Without the library's knowledge: by the Lua API alone. */
static void run_lua(const char *code)
{
    lua_State *L = tl_lua(rt);
    int failed = luaL_dostring(L, code);
    if (failed)
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
    REQUIRE(!failed);
    lua_settop(L, 0);
}

static void set_slack(void)
{
    slack_ns = choose(2) ? 0 : (int64_t)choose(4000000);
    REQUIRE(tl_call(rt, "slack", "d", (double)slack_ns / 1e9) == 0);
}

static void act(int inside)
{
    switch (choose(inside ? 6 : 12)) {
    case 0:
    case 1:
        start_timer();
        break;
    case 2:
        cancel_timer();
        break;
    case 3:
        REQUIRE(tl_post(rt, on_post, NULL) == 0);
        posts++;
        break;
    case 4:
        REQUIRE(write(ends[1], "x", 1) == 1);
        bytes++;
        break;
    case 5:
        reset_timer();
        break;
    case 6:
        set_slack();
        break;
    case 7:
        REQUIRE(tl_call(rt, "soon", "d", choose(2000) / 1e6) == 0);
        break;
    case 8:
        run_lua("soon(math.random(0, 2000) / 1e6)");
        break;
    case 9:
        REQUIRE(tl_call(rt, "talk", "") == -115);
        break;
    case 10:
        run_lua("say()");
        answers++;
        break;
    default:
        REQUIRE(tl_load_string(rt, "tl.sleep(0.0005) ran()", 22, NULL) == 0);
    }
}

/* Milliseconds until the model has work, 0 for now, -1 for none. */
static int next_work(void)
{
    int64_t least_ns = -1, now = now_ns();
    if (posts > 0 || bytes > 0 || answers > 0)
        return 0;
    for (size_t i = 0; i < MOST; i++)
        if (timers[i].id != 0 &&
            (least_ns < 0 || timers[i].due_ns - now < least_ns))
            least_ns = timers[i].due_ns > now ? timers[i].due_ns - now : 0;
    if (is_virtual && least_ns > 0)
        return 0;
    if (least_ns > 0)
        least_ns += slack_ns;
    return least_ns < 0 ? -1 : (int)((least_ns + 999999) / 1000000);
}

static int readable(int timeout_ms)
{
    struct pollfd fd = {.fd = tl_fd(rt), .events = POLLIN};
    REQUIRE(poll(&fd, 1, timeout_ms) >= 0);
    return fd.revents != 0;
}

/* tl_next is 0 exactly when the descriptor is readable, and otherwise no longer
   than it takes to become so by itself. The network may come in between. */
static void compare(void)
{
    int64_t next_ns = tl_next(rt);
    REQUIRE(next_ns >= -1);
    if (next_ns == 0)
        REQUIRE(readable(0));
    else if (readable(0))
        REQUIRE(tl_next(rt) == 0);
    else if (is_virtual)
        REQUIRE(next_ns == -1);
    else if (next_ns > 0 && choose(8) == 0) {
        int64_t late_ns = 200000000;
        REQUIRE(readable((int)((next_ns + late_ns) / 1000000)));
    }
}

static int idle; /* steps in a row that found nothing */

static void step(void)
{
    done = 0;
    int result = tl_step(rt, choose(2) ? 0 : 50000);
    REQUIRE(result >= 0);
    if (result == TL_MORE)
        REQUIRE(readable(0) && tl_next(rt) == 0);
    REQUIRE(result != TL_DONE);
    compare();
    idle = done ? 0 : idle + 1;
}

int main(int argc, char **argv)
{
    state = strtoull(argv[argc - 3], NULL, 10) * 2654435761u + 1;
    uint32_t flags = (uint32_t)atoi(argv[argc - 1]);
    is_virtual = flags & TL_VIRTUAL_CLOCK;
    tl_config config = {.size = sizeof config,
                        .flags = flags | TL_KEEP_RUNNING};
    REQUIRE((rt = tl_new(&config)) != NULL && pipe(ends) == 0);
    lua_register(tl_lua(rt), "ran", lua_ran);
    lua_register(tl_lua(rt), "answered", lua_answered);
    run_lua("tl = require 'timerlua'\n"
            "function soon(s) tl.after(s, ran) end\n"
            "function slack(s) tl.slack(s) end\n"
            "local listener = tl.listen('127.0.0.1:0', function(c)\n"
            "  ran() for _ = 1, 1e9 do if not c:receive(1) then break end\n"
            "  c:send 'y' ran() end end, { linger_input = 0 })\n"
            "function talk()\n"
            "  local c = tl.connect(listener:sock(), { linger_input = 0 })\n"
            "  c:send 'x' ran() c:receive(1) ran() c:close() end\n"
            "tl.spawn(function()\n"
            "  local c = tl.connect(listener:sock())\n"
            "  function say() c:send 'x' end\n"
            "  ran() while c:receive(1) do answered() end end)");
    while (luaL_dostring(tl_lua(rt), "say()") != 0)
        REQUIRE(tl_step(rt, 0) >= 0); /* until it is connected */
    answers = 1;
    lua_settop(tl_lua(rt), 0);
    REQUIRE(tl_watch(rt, ends[0], TL_WATCH_READ, on_bytes, NULL, NULL) == 0);
    for (int rounds = atoi(argv[argc - 2]); rounds > 0; rounds--) {
        for (unsigned acts = choose(3); acts > 0; acts--)
            act(0);
        compare();
        int wait_ms = next_work();
        if (wait_ms >= 0)
            REQUIRE(readable(wait_ms + 200)); /* work, so readable: always */
        if (readable(0)) {
            step();
            REQUIRE(idle < 3); /* readable without work: no spinning */
        } else {
            idle = 0;
        }
        if (choose(16) == 0)
            step(); /* also when it is not readable */
    }
    REQUIRE(tl_free(rt) == 0);
    return 0;
}
