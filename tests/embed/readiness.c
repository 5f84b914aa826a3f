/* Random work for a runtime, from inside and outside its steps, compared with
   tl_fd: the descriptor is readable whenever there is work that a model knows
   of, and never twice in a row when a step finds nothing to do.
   readiness SEED ROUNDS */
#include <lauxlib.h>
#include <lua.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <timerlua.h>
#include <unistd.h>

enum { MOST = 16 };

static uint64_t state;
static tl_runtime *rt;
static int ends[2];
static int done, posts, bytes, answers; /* the last three are awaited */
static struct {
    uint64_t id;
    int64_t due_ns;
} timers[MOST];

#define REQUIRE(condition)                                                     \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%d: %s: %s\n", __LINE__, #condition,              \
                    tl_error(rt));                                             \
            exit(1);                                                           \
        }                                                                      \
    } while (0)

static unsigned choose(unsigned count)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state >> 20) % count;
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
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
    timers[i].due_ns = now_ns() + delay_ns;
    REQUIRE(tl_after(rt, delay_ns, on_timer, (void *)i, &timers[i].id) == 0);
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

static void act(int inside)
{
    switch (choose(inside ? 5 : 10)) {
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
        REQUIRE(tl_call(rt, "soon", "d", choose(2000) / 1e6) == 0);
        break;
    case 6:
        run_lua("soon(math.random(0, 2000) / 1e6)");
        break;
    case 7:
        REQUIRE(tl_call(rt, "talk", "") == -115);
        break;
    case 8:
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
    return least_ns < 0 ? -1 : (int)((least_ns + 999999) / 1000000);
}

static int readable(int timeout_ms)
{
    struct pollfd fd = {.fd = tl_fd(rt), .events = POLLIN};
    REQUIRE(poll(&fd, 1, timeout_ms) >= 0);
    return fd.revents != 0;
}

static int idle; /* steps in a row that found nothing */

static void step(void)
{
    done = 0;
    int result = tl_step(rt, choose(2) ? 0 : 50000);
    REQUIRE(result >= 0);
    if (result == TL_MORE)
        REQUIRE(readable(0) && tl_next(rt) == 0);
    idle = done ? 0 : idle + 1;
}

int main(int argc, char **argv)
{
    state = strtoull(argv[argc - 2], NULL, 10) * 2654435761u + 1;
    tl_config config = {.size = sizeof config, .flags = TL_KEEP_RUNNING};
    REQUIRE((rt = tl_new(&config)) != NULL && pipe(ends) == 0);
    lua_register(tl_lua(rt), "ran", lua_ran);
    lua_register(tl_lua(rt), "answered", lua_answered);
    run_lua("tl = require 'timerlua'\n"
            "function soon(s) tl.after(s, ran) end\n"
            "local listener = tl.listen('127.0.0.1:0', function(c)\n"
            "  ran() for _ = 1, 1e9 do if not c:receive(1) then break end\n"
            "  c:send 'y' ran() end end)\n"
            "function talk() local c = tl.connect(listener:sock())\n"
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
    for (int rounds = atoi(argv[argc - 1]); rounds > 0; rounds--) {
        for (unsigned acts = choose(3); acts > 0; acts--)
            act(0);
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
