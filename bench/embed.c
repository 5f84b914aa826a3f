/*
 * libtimerlua from C: a wake-up in tl_run and in a host's own epoll loop, a
 * call into Lua beside lua_pcall's own, a runtime's life beside a Lua state's,
 * and the timers of T1 to T3 by tl_after.
 *     embed WORKLOAD [VARIANT]
 */
#include "measure.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <timerlua.h>

enum {
    WAKES = 1000000,
    SLEEPS = 5000,
    SLEEP_NS = 100000,
    LIVES = 500,
    KEPT = 50
};

static tl_runtime *runtime;
static const char *variant = "";

static tl_runtime *new_runtime(void)
{
    tl_runtime *rt = tl_new(NULL);

    if (rt == NULL)
        abort();
    return rt;
}

static void must(int result)
{
    if (result < 0) {
        fprintf(stderr, "%d: %s\n", result, tl_error(runtime));
        abort();
    }
}

static bool is(const char *name)
{
    return strcmp(variant, name) == 0;
}

/* A host with a loop of its own, or tl_run. */
static void run(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    int state = TL_IDLE;
    int epoll;

    if (!is("step")) {
        must(tl_run(runtime));
        return;
    }
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, tl_fd(runtime), &event) != 0)
        abort();
    while (state != TL_DONE) {
        if (epoll_wait(epoll, &event, 1, -1) == 1)
            state = tl_step(runtime, 0);
        must(state);
    }
    close(epoll);
}

/* E1: a descriptor that is always readable, so that nothing sleeps; and a
 * timer, where every wake-up is from sleep. All in processor time. "plain"
 * is one epoll set without the library, "nested" one inside another. */

static int wakes;

static void woken(tl_runtime *rt, uint64_t id, int fd, int ready,
                  void *argument)
{
    (void)fd, (void)ready, (void)argument;
    if (++wakes == WAKES)
        tl_cancel(rt, id);
}

static void slept(tl_runtime *rt, uint64_t id, void *argument)
{
    (void)id;
    if (++wakes < SLEEPS)
        must(tl_after(rt, SLEEP_NS, slept, argument, NULL));
}

static void put_cpu(const char *key, double start, int count)
{
    put(key, (cpu_seconds() - start) * 1e9 / count);
}

/* What the kernel takes for the same, without the library. */
static void wait_only(int fd, bool nested)
{
    struct epoll_event event = {.events = EPOLLIN};
    struct epoll_event edge = {.events = EPOLLIN | EPOLLET};
    struct itimerspec soon = {.it_value.tv_nsec = SLEEP_NS};
    int inner = epoll_create1(EPOLL_CLOEXEC);
    int outer = epoll_create1(EPOLL_CLOEXEC);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    double start;

    if (epoll_ctl(inner, EPOLL_CTL_ADD, fd, &event) != 0 ||
        epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event) != 0)
        abort();
    start = cpu_seconds();
    for (int i = 0; i < WAKES; i++)
        if ((nested && epoll_wait(outer, &event, 1, -1) != 1) ||
            epoll_wait(inner, &event, 1, -1) != 1)
            abort();
    put_cpu("ready_cpu_ns", start, WAKES);

    if (epoll_ctl(inner, EPOLL_CTL_DEL, fd, NULL) != 0 ||
        epoll_ctl(inner, EPOLL_CTL_ADD, timer, &edge) != 0)
        abort();
    start = cpu_seconds();
    for (int i = 0; i < SLEEPS; i++)
        if (timerfd_settime(timer, 0, &soon, NULL) != 0 ||
            (nested && epoll_wait(outer, &event, 1, -1) != 1) ||
            epoll_wait(inner, &event, 1, -1) != 1)
            abort();
    put_cpu("sleep_cpu_ns", start, SLEEPS);
    close(timer);
    close(outer);
    close(inner);
}

static void wake_up(void)
{
    int ends[2];
    double cpu;

    open_pipe(ends);
    poke(ends[1]);
    if (is("plain") || is("nested")) {
        wait_only(ends[0], is("nested"));
        return;
    }
    runtime = new_runtime();
    must(tl_watch(runtime, ends[0], TL_WATCH_READ, woken, NULL, NULL));
    cpu = cpu_seconds();
    run();
    put_cpu("ready_cpu_ns", cpu, WAKES);

    wakes = 0;
    must(tl_after(runtime, SLEEP_NS, slept, NULL, NULL));
    cpu = cpu_seconds();
    run();
    put_cpu("sleep_cpu_ns", cpu, SLEEPS);
    tl_free(runtime);
}

/* E3 */

static const char sum[] = "function sum(a, b) return a + b end "
                          "function first(text) return text end";

static void bare_calls(lua_State *L)
{
    double result = 0;
    double start = cpu_seconds();

    for (int i = 0; i < MILLION; i++) {
        lua_getglobal(L, "sum");
        lua_pushnumber(L, result);
        lua_pushnumber(L, i);
        if (lua_pcall(L, 2, 1, 0) != 0)
            abort();
        result = lua_tonumber(L, -1);
        lua_pop(L, 1);
    }
    put_cpu("numbers_ns", start, MILLION);
    start = cpu_seconds();
    for (int i = 0; i < MILLION; i++) {
        lua_getglobal(L, "first");
        lua_pushstring(L, "text");
        if (lua_pcall(L, 1, 1, 0) != 0)
            abort();
        result += (double)strlen(lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    put_cpu("text_ns", start, MILLION);
}

static void checked_calls(void)
{
    double result = 0;
    const char *text;
    double start = cpu_seconds();

    for (int i = 0; i < MILLION; i++)
        must(tl_call(runtime, "sum", "dd>d", result, (double)i, &result));
    put_cpu("numbers_ns", start, MILLION);
    start = cpu_seconds();
    for (int i = 0; i < MILLION; i++) {
        must(tl_call(runtime, "first", "s>s", "text", &text));
        result += (double)strlen(text);
    }
    put_cpu("text_ns", start, MILLION);
}

static void call(void)
{
    runtime = new_runtime();
    must(tl_load_string(runtime, sum, strlen(sum), "=sum"));
    if (is("bare"))
        bare_calls(tl_lua(runtime));
    else
        checked_calls();
    tl_free(runtime);
}

/* E4 */

static void *begin_life(void)
{
    lua_State *L;

    if (!is("bare")) {
        tl_runtime *rt = new_runtime();

        if (is("script"))
            must(tl_load_string(rt, "", 0, "=empty"));
        return rt;
    }
    L = luaL_newstate();
    luaL_openlibs(L);
    return L;
}

static void end_life(void *life)
{
    if (is("bare"))
        lua_close(life);
    else
        tl_free(life);
}

static void live(void)
{
    void *kept[KEPT];
    double start;
    double before;

    end_life(begin_life());
    before = rss_bytes();
    for (int i = 0; i < KEPT; i++)
        kept[i] = begin_life();
    put("kib", (rss_bytes() - before) / KEPT / 1024);
    for (int i = 0; i < KEPT; i++)
        end_life(kept[i]);

    start = cpu_seconds();
    for (int i = 0; i < LIVES; i++)
        end_life(begin_life());
    put("new_free_us", (cpu_seconds() - start) * 1e6 / LIVES);
}

/* T1, T2, T2s, T3 */

static uint64_t *new_ids(int count)
{
    uint64_t *ids = malloc((size_t)count * sizeof *ids);

    if (!ids)
        abort();
    return ids;
}

static int64_t delay_ns(double fraction)
{
    return (int64_t)((1 + 59 * fraction) * 1e9);
}

static long fired;

static void count(tl_runtime *rt, uint64_t id, void *argument)
{
    (void)rt, (void)id, (void)argument;
    fired++;
}

static void insert_and_cancel(void)
{
    double *delays = draws(MILLION);
    int *order = shuffle(delays, MILLION);
    double before = rss_bytes();
    uint64_t *ids = new_ids(MILLION);
    int64_t start = now_ns();

    for (int i = 0; i < MILLION; i++)
        must(tl_after(runtime, delay_ns(delays[i]), count, NULL, &ids[i]));
    put_each("insert_ns", now_ns() - start, MILLION);
    put("bytes", (rss_bytes() - before) / MILLION);

    start = now_ns();
    for (int i = 0; i < MILLION; i++)
        must(tl_cancel(runtime, ids[order[i]]));
    put_each("cancel_ns", now_ns() - start, MILLION);
}

static void fire(const double *delays)
{
    double start = cpu_seconds();

    for (int i = 0; i < MILLION; i++)
        must(tl_after(runtime, (int64_t)(delays[i] * 1e9), count, NULL, NULL));
    must(tl_run(runtime));
    if (fired != MILLION)
        abort();
    put("cpu_ns", (cpu_seconds() - start) * 1e9 / MILLION);
}

static void fire_shuffled(void)
{
    fire(draws(MILLION));
}

static void fire_sorted(void)
{
    fire(ramp(MILLION));
}

/* Each delay counts from a fresh reading of the clock. */
static void rearm(void)
{
    double *chosen = draws(MILLION);
    uint64_t *ids = new_ids(LIVE);
    int64_t start;

    for (int i = 0; i < LIVE; i++)
        must(tl_after(runtime, delay_ns(chosen[i]), count, NULL, &ids[i]));
    start = now_ns();
    for (int i = 0; i < MILLION; i++) {
        uint64_t id = ids[(int)(chosen[i] * LIVE)];

        must(tl_reset(runtime, id, 30000000000));
    }
    put_each("rearm_ns", now_ns() - start, MILLION);
    put_each("fresh_ns", now_ns() - start, MILLION);
}

static void with_timers(workload_fn *workload)
{
    runtime = new_runtime();
    workload();
    tl_free(runtime);
}

static void t1(void)
{
    with_timers(insert_and_cancel);
}

static void t2(void)
{
    with_timers(fire_shuffled);
}

static void t2s(void)
{
    with_timers(fire_sorted);
}

static void t3(void)
{
    with_timers(rearm);
}

int main(int argc, char **argv)
{
    static const struct workload table[] = {
        {"E1", wake_up}, {"E3", call}, {"E4", live}, {"T1", t1},
        {"T2", t2},      {"T2s", t2s}, {"T3", t3},   {NULL, NULL},
    };

    if (argc > 2)
        variant = argv[2];
    return run_workload(table, argc > 1 ? argv[1] : NULL);
}
