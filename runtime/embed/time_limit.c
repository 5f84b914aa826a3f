/* The time limit of callbacks: see time_limit.h. */
#include "embed/time_limit.h"

#include <string.h>

#include "base/clock.h"
#include "embed/runtime.h"

/* Instructions between two looks at the clock, which costs as much as twenty of
   them. They may be calls of slow functions in C. */
enum { SELDOM = 1000, ALWAYS = 1 };

static void look(lua_State *L, lua_Debug *where);

static void set(tl_time_limit *limit, bool insists)
{
    limit->insists = insists;
    (void)lua_sethook(limit->L, look, LUA_MASKCOUNT, insists ? ALWAYS : SELDOM);
}

static int64_t over_ns(const tl_time_limit *limit)
{
    return limit->began_ns == 0 ? -1
                                : tl_clock_kernel_ns(TL_MONOTONIC) -
                                      limit->began_ns - limit->limit_ns;
}

static void look(lua_State *L, lua_Debug *where)
{
    static const char ours[] = "[timerlua]";
    tl_runtime *rt = tl_of(L);
    tl_time_limit *limit = rt != NULL ? &rt->time_limit : NULL;
    int64_t late_ns = limit != NULL ? over_ns(limit) : -1;
    if (late_ns < 0)
        return;
    if (!limit->insists)
        set(limit, true);
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
    set(limit, false);
}

void tl__time_limit_close(tl_time_limit *limit)
{
    if (limit->limit_ns > 0)
        (void)lua_sethook(limit->L, NULL, 0, 0);
}

/* The script may have set another hook, which has ended with its callback. */
void tl__time_limit_note(tl_time_limit *limit, bool begins)
{
    limit->began_ns = begins ? tl_clock_kernel_ns(TL_MONOTONIC) : 0;
    if (limit->insists || (begins && lua_gethook(limit->L) != look))
        set(limit, false);
}
