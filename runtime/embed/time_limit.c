/* The time limit of callbacks: see time_limit.h. */
#include "embed/time_limit.h"

#include <string.h>

#include "base/clock.h"
#include "embed/runtime.h"

/* Instructions between two looks at the clock, which costs as much as twenty of
   them. They may be calls of slow functions in C, so a callback begins with few
   and has more while they are quick. */
enum { ALWAYS = 1, FIRST = 10, STEP = 10, SELDOM = 100 };

static void look(lua_State *L, lua_Debug *where);

static void set(tl_time_limit *limit, int count)
{
    if (count == limit->count)
        return;
    limit->count = count;
    (void)lua_sethook(limit->L, look, LUA_MASKCOUNT, count);
}

/* Fewer instructions when the latest took more than a tenth of the limit; more
   when even STEP times as many would not. */
static void adapt(tl_time_limit *limit, int64_t passed_ns)
{
    int64_t share_ns = limit->limit_ns / 10;
    if (passed_ns > share_ns && limit->count > ALWAYS)
        set(limit, limit->count / STEP);
    else if (passed_ns < share_ns / STEP && limit->count < SELDOM)
        set(limit, limit->count * STEP);
}

/* Between callbacks there is nothing to limit. */
static int64_t over_ns(tl_time_limit *limit)
{
    if (limit->began_ns == 0) {
        set(limit, SELDOM);
        return -1;
    }
    int64_t now_ns = tl_clock_kernel_ns(TL_MONOTONIC);
    int64_t late_ns = now_ns - limit->began_ns - limit->limit_ns;
    if (late_ns < 0)
        adapt(limit, now_ns - limit->looked_ns);
    limit->looked_ns = now_ns;
    return late_ns;
}

static void look(lua_State *L, lua_Debug *where)
{
    static const char ours[] = "[timerlua]";
    tl_runtime *rt = tl_of(L);
    tl_time_limit *limit = rt != NULL ? &rt->time_limit : NULL;
    int64_t late_ns = limit != NULL ? over_ns(limit) : -1;
    if (late_ns < 0)
        return;
    set(limit, ALWAYS);
    (void)lua_getinfo(L, "Sl", where);
    /* the modules inside end by themselves, and must not be cut in between; but
       a script may give its chunk such a name, too */
    if (strncmp(where->short_src, ours, sizeof ours - 1) == 0 &&
        late_ns < limit->limit_ns)
        return;
    (void)lua_pushfstring(L,
                          "%s:%d: this callback took longer than the %f s "
                          "allowed",
                          where->short_src, where->currentline,
                          (double)limit->limit_ns / 1e9);
    (void)lua_error(L);
}

void tl__time_limit_open(tl_time_limit *limit, lua_State *L, int64_t limit_ns)
{
    limit->L = L;
    limit->limit_ns = limit_ns;
    set(limit, SELDOM);
}

void tl__time_limit_close(tl_time_limit *limit)
{
    if (limit->limit_ns > 0)
        (void)lua_sethook(limit->L, NULL, 0, 0);
}

/* A hook that the host set meanwhile, or C through the FFI, is replaced. */
void tl__time_limit_note(tl_time_limit *limit, bool begins)
{
    limit->began_ns = begins ? tl_clock_kernel_ns(TL_MONOTONIC) : 0;
    limit->looked_ns = limit->began_ns;
    if (!begins)
        return;
    if (lua_gethook(limit->L) != look)
        limit->count = 0;
    set(limit, FIRST);
}
