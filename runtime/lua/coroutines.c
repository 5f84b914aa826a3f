/* Coroutines: see coroutines.h.

   A coroutine serves callback after callback; a coroutine that waits is left to
   the object of its wait, and another takes its place. Driven by lua_resume,
   the cost is flat in the number of distinct callbacks, whereas a loop compiled
   from Lua becomes a chain of side traces (docs/performance.md). A C function
   called through the FFI never comes here. */
#include "lua/coroutines.h"

#include <lauxlib.h>

#include "loop/kinds.h"
#include "loop/loop.h"
#include "lua/anchors.h"
#include "lua/hooks.h"
#include "lua/protected.h"

enum {
    MOST_SPARES = 256,  /* idle coroutines kept */
    MOST_RESULTS = 4000 /* of a task: a coroutine's stack takes 8000 */
};

static void push_misplaced_yield(tl_dispatcher *d, lua_State *L)
{
    static const char text[] = "coroutine.yield outside a coroutine of the "
                               "script's own: to wait, use tl.sleep";
    tl__push_bytes(d, L, text, sizeof text - 1);
}

/* --- coroutines --------------------------------------------------------- */

void tl__coroutine_replace(tl_dispatcher *d, lua_State *L)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, d->spares_ref);
    if (d->spares > 0) {
        lua_rawgeti(L, -1, d->spares);
        lua_pushnil(L);
        lua_rawseti(L, -3, d->spares--);
    } else {
        tl__ask(d, L, TL_ASK_THREAD);
    }
    d->idle = lua_tothread(L, -1);
    lua_rawseti(L, LUA_REGISTRYINDEX, d->idle_ref);
    lua_pop(L, 1);
}

/* Keep a finished coroutine, on the top of L, for later use; pops it. */
static void keep_spare(tl_dispatcher *d, lua_State *L)
{
    lua_settop(lua_tothread(L, -1), 0);
    if (d->spares >= MOST_SPARES) {
        lua_pop(L, 1);
        return;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, d->spares_ref);
    lua_insert(L, -2);
    lua_rawseti(L, -2, ++d->spares);
    lua_pop(L, 1);
}

/* --- running ------------------------------------------------------------ */

void tl__coroutine_begin(tl_dispatcher *d, tl_id id, bool adopted)
{
    d->loop->shared.current_slot = id.slot;
    d->loop->shared.current_generation = id.generation;
    d->loop->shared.adopted = adopted;
    d->loop->shared.resumes++;
}

int tl__coroutine_enter(tl_dispatcher *d, lua_State *co, int nargs)
{
    d->current = co;
    if (d->entered != NULL)
        d->entered(d->runtime, true);
    int status = lua_resume(co, nargs);
    if (d->entered != NULL)
        d->entered(d->runtime, false);
    d->current = NULL;
    return status;
}

bool tl__coroutine_waits(tl_dispatcher *d, lua_State *co)
{
    return lua_gettop(co) == 1 && lua_touserdata(co, 1) == d->loop;
}

void tl__coroutine_finish(tl_dispatcher *d, lua_State *L, int obj_index,
                          int status)
{
    lua_State *co = lua_tothread(L, -1);
    int base = lua_gettop(L);
    if (status == 0 && lua_gettop(co) > MOST_RESULTS) {
        lua_pushliteral(co, "a task returns too many values (4000 at most)");
        status = LUA_ERRRUN;
    }
    lua_pushvalue(L, obj_index);
    lua_pushboolean(L, status == 0);
    if (status == 0) {
        int results = lua_gettop(co);
        if (!lua_checkstack(L, results + LUA_MINSTACK))
            luaL_error(L, "timerlua: too many results (%d)", results);
        lua_xmove(co, L, results);
    } else {
        if (status == LUA_ERRMEM) {
            /* its memory is garbage now, except for what its stack holds */
            tl__collect(d, L);
            d->collect = true;
        }
        tl__push_traceback(d, L, co);
        if (status == LUA_YIELD)
            push_misplaced_yield(d, L);
        else
            lua_xmove(co, L, 1);
        lua_insert(L, -2);
    }
    lua_pushvalue(L, base); /* keeps it alive, and a free stack slot apart */
    lua_insert(L, base);
    tl__call_hook(d, L, TL_HOOK_FINISH, lua_gettop(L) - base);
    if (status == 0)
        keep_spare(d, L);
    else
        lua_pop(L, 1);
}

/* The idle coroutine has run a callback and did not simply return: it waits,
   failed, or became a task before it ended. */
static void settle_started(tl_dispatcher *d, lua_State *L, int obj_index,
                           int status)
{
    lua_State *co = d->idle;
    lua_rawgeti(L, LUA_REGISTRYINDEX, d->idle_ref);
    tl__coroutine_replace(d, L);
    if (status == LUA_YIELD && tl__coroutine_waits(d, co)) {
        lua_settop(co, 0);
        lua_pop(L, 1);
        return;
    }
    tl__coroutine_finish(d, L, obj_index, status);
}

/* Push the error of a call for the host onto L; co keeps the error. */
static void push_failure(tl_dispatcher *d, lua_State *L, lua_State *co,
                         int status)
{
    if (status == LUA_ERRMEM) {
        tl__collect(d, L);
        d->collect = true;
    }
    if (status == LUA_YIELD) {
        push_misplaced_yield(d, L);
    } else {
        lua_pushvalue(co, -1);
        lua_xmove(co, L, 1);
    }
    tl__push_traceback(d, L, co);
}

int tl__enter_for_host(tl_dispatcher *d, int nargs)
{
    tl__coroutine_begin(d, (tl_id){0, 0}, false);
    return tl__coroutine_enter(d, d->idle, nargs);
}

int tl__settle_for_host(tl_dispatcher *d, lua_State *L, int status)
{
    lua_State *co = d->idle;
    bool adopted = d->loop->shared.adopted;
    bool waits = status == LUA_YIELD && tl__coroutine_waits(d, co);
    if (status == 0 && !adopted) {
        lua_settop(co, 0);
        return 0;
    }
    if (status != 0 && !waits)
        push_failure(d, L, co, status);
    if (status == 0 || waits || adopted) {
        lua_pushnil(L); /* no object */
        settle_started(d, L, lua_gettop(L), status);
        lua_pop(L, 1);
    } else {
        tl__coroutine_replace(d, L);
    }
    return waits || status != LUA_YIELD ? status : LUA_ERRRUN;
}

/* Push onto co a bound call, the table at the top of L, with the object at
   index obj as its first argument (0: none). Returns the number of
   arguments. */
static int push_bound(lua_State *L, lua_State *co, int obj)
{
    int bound = lua_gettop(L);
    lua_rawgeti(L, bound, 0);
    int count = (int)lua_tointeger(L, -1);
    if (!lua_checkstack(L, count + LUA_MINSTACK) ||
        !lua_checkstack(co, count + LUA_MINSTACK))
        luaL_error(L, "timerlua: too many arguments (%d)", count);
    lua_rawgeti(L, bound, 1);
    if (obj != 0)
        lua_pushvalue(L, obj);
    for (int i = 2; i <= count; i++)
        lua_rawgeti(L, bound, i);
    int nargs = count - 1 + (obj != 0);
    lua_xmove(L, co, nargs + 1);
    lua_settop(L, bound);
    return nargs;
}

int tl__push_target(tl_dispatcher *d, lua_State *L, int obj)
{
    lua_State *co = d->idle;
    if (lua_istable(L, -1))
        return push_bound(L, co, obj);
    lua_pushvalue(L, -1);
    if (obj != 0)
        lua_pushvalue(L, obj);
    lua_xmove(L, co, 1 + (obj != 0));
    return obj != 0;
}

/* The callback of a handle waits: what its kind does until the callback is
   over. */
static void hold(tl_loop *loop, tl_id id)
{
    tl_handle *handle = tl_handles_find(&loop->handles, id.slot, id.generation);
    if (handle != NULL)
        tl__kind_of(loop, handle)->hold(loop, id, handle);
}

/* Run what the idle coroutine holds. Returns whether the callback is over; Lua
   says when a task is over, and when a callback that has become one is. */
static inline bool run(tl_dispatcher *d, lua_State *L, tl_id id, int obj,
                       int nargs, bool is_task)
{
    lua_State *co = d->idle;
    tl__coroutine_begin(d, id, is_task);
    int status = tl__coroutine_enter(d, co, nargs);
    bool waits = status == LUA_YIELD && tl__coroutine_waits(d, co);
    bool adopted = d->loop->shared.adopted;
    if (waits)
        hold(d->loop, id);
    if (status == 0 && !adopted)
        lua_settop(co, 0);
    else
        settle_started(d, L, obj, status);
    return !waits && !adopted;
}

bool tl__call(tl_dispatcher *d, lua_State *L, tl_id id, int obj, int nargs)
{
    return run(d, L, id, obj, nargs, false);
}

void tl__call_task(tl_dispatcher *d, lua_State *L, tl_id id, int obj, int nargs)
{
    (void)run(d, L, id, obj, nargs, true);
}

/* Resume a waiting coroutine, at the top of L, with the nargs values already on
   its stack. */
static void go_on(tl_dispatcher *d, lua_State *L, tl_id id, int obj, int nargs)
{
    lua_State *co = lua_tothread(L, -1);
    tl__coroutine_begin(d, id, true);
    int status = tl__coroutine_enter(d, co, nargs);
    if (status == LUA_YIELD && tl__coroutine_waits(d, co)) {
        lua_settop(co, 0);
        return;
    }
    lua_pushvalue(L, -1);
    tl__coroutine_finish(d, L, obj, status);
}

/* Whether a function is on top of L, perhaps bound. */
static bool is_function(lua_State *L)
{
    if (!lua_istable(L, -1))
        return lua_isfunction(L, -1);
    lua_rawgeti(L, -1, 1);
    bool is = lua_isfunction(L, -1);
    lua_pop(L, 1);
    return is;
}

/* Resume a coroutine that waited: it is on top of L, perhaps bound. If a main
   chunk outside any coroutine waits, a function stands for it. */
void tl__resume(tl_dispatcher *d, lua_State *L, const tl_event *event)
{
    int obj = lua_gettop(L) - 1;
    lua_State *co = lua_tothread(L, -1);
    int nargs = 0;
    if (co == NULL && is_function(L)) {
        nargs = tl__push_target(d, L, 0);
        (void)tl__call(d, L, event->id, obj, nargs);
        return;
    }
    if (co == NULL && !lua_istable(L, -1))
        return;       /* memory ran out when the wait began */
    if (co == NULL) { /* bound, with values to wake up to */
        lua_rawgeti(L, -1, 1);
        co = lua_tothread(L, -1);
        lua_insert(L, -2);
        nargs = push_bound(L, co, 0);
        lua_remove(co, -nargs - 1); /* itself */
        lua_pop(L, 1);
    }
    if (lua_status(co) != LUA_YIELD)
        return; /* the wait is over */
    go_on(d, L, event->id, obj, nargs);
}

void tl__wake_with(tl_dispatcher *d, lua_State *L, tl_id waiter,
                   const tl_view *views, int count)
{
    int top = lua_gettop(L);
    if (!tl__push_anchor(L, waiter.slot))
        return;
    tl_handle_close(d->loop, waiter.slot, waiter.generation);
    tl__forget_anchor(L, waiter.slot);
    lua_State *co = lua_tothread(L, -1);
    if (co == NULL) { /* outside any task: a function takes them */
        co = d->idle;
        lua_pushvalue(L, -1);
        lua_xmove(L, co, 1);
    }
    for (int i = 0; i < count; i++) {
        tl__push_bytes(d, L, views[i].bytes, (size_t)views[i].length);
        lua_xmove(L, co, 1);
    }
    if (co == d->idle)
        (void)tl__call(d, L, waiter, top + 1, count);
    else if (lua_status(co) == LUA_YIELD)
        go_on(d, L, waiter, top + 1, count);
    lua_settop(L, top);
}
