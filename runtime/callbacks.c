/* Callbacks: see callbacks.h.

   A coroutine serves callback after callback; one that waits is left to what
   it waits for, and another takes its place. Driven by lua_resume that is flat
   in the number of distinct callbacks, where a loop compiled from Lua becomes a
   chain of side traces (docs/performance.md). A C function called through the
   FFI never comes here. */
#include "callbacks.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "descriptor.h"
#include "finalizers.h"
#include "watch.h"

enum {
    MOST_SPARES = 256,  /* idle coroutines kept */
    MOST_RESULTS = 4000 /* of a task: a coroutine's stack takes 8000 */
};

/* Lua functions that are called, in core.hooks by these names. */
static const char *const hook_names[] = {
    "finish", "signal", "jump", "idle", "output", "post", "raised", "broken"};

static void push_misplaced_yield(tl_dispatcher *d, lua_State *L)
{
    static const char text[] = "coroutine.yield outside a coroutine of the "
                               "script's own: to wait, use tl.sleep";
    tl__push_bytes(d, L, text, sizeof text - 1);
}

/* --- coroutines --------------------------------------------------------- */

/* The idle coroutine has become somebody's: anchor another. */
static void replace_idle(tl_dispatcher *d, lua_State *L)
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

/* --- anchors ------------------------------------------------------------ */

int tl__what_index(uint32_t slot)
{
    return (int)(2 * (slot & (TL_PAGE_SIZE - 1)) + 1);
}

void tl__forget_anchor(lua_State *L, uint32_t slot)
{
    lua_rawgeti(L, TL_ANCHORS_INDEX, (int)(slot >> TL_PAGE_BITS));
    lua_pushnil(L);
    lua_rawseti(L, -2, tl__what_index(slot));
    lua_pushnil(L);
    lua_rawseti(L, -2, tl__what_index(slot) + 1);
    lua_pop(L, 1);
}

bool tl__push_anchor(lua_State *L, uint32_t slot)
{
    lua_rawgeti(L, TL_ANCHORS_INDEX, (int)(slot >> TL_PAGE_BITS));
    if (!lua_istable(L, -1)) { /* memory was lacking when it was started */
        lua_pop(L, 1);
        return false;
    }
    lua_rawgeti(L, -1, tl__what_index(slot) + 1);
    lua_rawgeti(L, -2, tl__what_index(slot));
    lua_remove(L, -3);
    return true;
}

/* --- running ------------------------------------------------------------ */

void tl__collect_after(tl_dispatcher *d, lua_State *L)
{
    d->collect = false;
    tl__collect(d, L);
}

static void set_current(tl_dispatcher *d, tl_id id, bool adopted)
{
    d->loop->shared.current_slot = id.slot;
    d->loop->shared.current_generation = id.generation;
    d->loop->shared.adopted = adopted;
    d->loop->shared.resumes++;
}

static int enter(tl_dispatcher *d, lua_State *co, int nargs)
{
    d->current = co;
    int status = lua_resume(co, nargs);
    d->current = NULL;
    return status;
}

/* Whether the values a coroutine yielded are the token of a wait. */
static bool is_wait(tl_dispatcher *d, lua_State *co)
{
    return lua_gettop(co) == 1 && lua_touserdata(co, 1) == d->loop;
}

void tl__tell(tl_dispatcher *d, int what, const char *text, size_t length)
{
    if (what == TL_TELL_OF_ERROR)
        d->loop->shared.errors++;
    if (d->tell != NULL)
        d->tell(d->runtime, what, text, length);
    else
        fprintf(stderr, "timerlua: %s\n", text);
}

/* Report what cannot be reported by Lua: a failure of the hooks themselves. */
static void broken_hook(tl_dispatcher *d, const char *what)
{
    char text[512];
    (void)snprintf(text, sizeof text, "error while handling an event: %s",
                   what ? what : "(not a string)");
    tl__tell(d, TL_TELL_OF_ERROR, text, strlen(text));
}

/* A text on top of L: no conversion, which needs memory. */
static const char *text_of(lua_State *L)
{
    return lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
}

/* A hook has raised the error on top of co, the coroutine on top of L: the
   hooks themselves raise none, but a finalizer may do so within one. Lua is to
   complete what it was in the midst of, now without the collector. */
static void hook_failed(tl_dispatcher *d, lua_State *L, lua_State *co, int hook)
{
    if (hook == TL_HOOK_BROKEN || d->bare) {
        broken_hook(d, text_of(co));
        return;
    }
    lua_pushvalue(L, -1);
    lua_pushvalue(co, -1);
    lua_xmove(co, L, 1);
    tl__stop_compiling(L);
    (void)lua_gc(L, LUA_GCSTOP, 0);
    tl__call_hook(d, L, TL_HOOK_BROKEN, 2);
    (void)lua_gc(L, LUA_GCRESTART, 0);
}

static void finish(tl_dispatcher *d, lua_State *L, int obj_index, int status);

/* Call a hook, in a coroutine so that it may wait, with the nargs values on
   the top of L; pops them. */
void tl__call_hook(tl_dispatcher *d, lua_State *L, int hook, int nargs)
{
    lua_State *co = d->idle;
    lua_rawgeti(L, LUA_REGISTRYINDEX, d->hooks_ref);
    lua_getfield(L, -1, hook_names[hook]);
    lua_remove(L, -2);
    lua_insert(L, -nargs - 1);
    if (!lua_checkstack(co, nargs + LUA_MINSTACK))
        luaL_error(L, "timerlua: too many results (%d)", nargs);
    lua_xmove(L, co, nargs + 1);
    set_current(d, (tl_id){0, 0}, false);
    d->in_hook = true;
    int status = enter(d, co, nargs);
    while (status == LUA_YIELD && !is_wait(d, co)) {
        /* what the hook is in the middle of must still be completed */
        broken_hook(d, "coroutine.yield in a deferred function or handler");
        lua_settop(co, 0);
        status = enter(d, co, 0);
    }
    d->in_hook = false;
    bool adopted = d->loop->shared.adopted;
    if (status == 0 && !adopted) {
        lua_settop(co, 0);
        return;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, d->idle_ref);
    replace_idle(d, L);
    if (status == 0) {
        lua_pushnil(L); /* no object */
        lua_insert(L, -2);
        finish(d, L, lua_gettop(L) - 1, status);
        lua_pop(L, 1);
        return;
    }
    if (status != LUA_YIELD)
        hook_failed(d, L, co, hook);
    lua_settop(co, 0);
    lua_pop(L, 1);
}

/* Tell of the error value on top of L, which a finalizer raised; pops it. */
static void tell_one(tl_dispatcher *d, lua_State *L)
{
    if (d->bare) {
        broken_hook(d, text_of(L));
        lua_pop(L, 1);
    } else {
        tl__call_hook(d, L, TL_HOOK_RAISED, 1);
    }
}

static void tell_unkept(tl_dispatcher *d, lua_State *L)
{
    char text[64];
    int length = snprintf(text, sizeof text, "%u more errors, not told singly",
                          d->unkept);
    d->unkept = 0;
    tl__push_bytes(d, L, text, (size_t)length);
    tell_one(d, L);
}

void tl__tell_raised(tl_dispatcher *d, lua_State *L)
{
    int count = d->raised; /* telling may raise more: after the next callback */
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, d->raised_ref);
        lua_rawgeti(L, -1, i);
        lua_replace(L, -2);
        tell_one(d, L);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, d->raised_ref);
    for (int i = 1; i <= d->raised; i++) {
        if (i + count <= d->raised)
            lua_rawgeti(L, -1, i + count);
        else
            lua_pushnil(L);
        lua_rawseti(L, -2, i);
    }
    lua_pop(L, 1);
    d->raised -= count;
    if (d->unkept > 0)
        tell_unkept(d, L);
}

/* The coroutine on the top of L is over, or has failed (status, with the error
   value on its own top): tell Lua. Pops it. obj_index: the handle's object. */
static void finish(tl_dispatcher *d, lua_State *L, int obj_index, int status)
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
            /* what it had made is garbage now, but for what its stack holds */
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

/* The idle coroutine has run a callback and came back other than by plainly
   returning: it waits, failed, or became a task before it ended. */
static void settle_started(tl_dispatcher *d, lua_State *L, int obj_index,
                           int status)
{
    lua_State *co = d->idle;
    lua_rawgeti(L, LUA_REGISTRYINDEX, d->idle_ref);
    replace_idle(d, L);
    if (status == LUA_YIELD && is_wait(d, co)) {
        lua_settop(co, 0);
        lua_pop(L, 1);
        return;
    }
    finish(d, L, obj_index, status);
}

/* What a call for the host failed with, onto L; co keeps it. */
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
    set_current(d, (tl_id){0, 0}, false);
    return enter(d, d->idle, nargs);
}

int tl__settle_for_host(tl_dispatcher *d, lua_State *L, int status)
{
    lua_State *co = d->idle;
    bool adopted = d->loop->shared.adopted;
    bool waits = status == LUA_YIELD && is_wait(d, co);
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
        replace_idle(d, L);
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

/* Push onto co what is at the top of L, and its arguments. */
static int push_call(lua_State *L, lua_State *co, int obj)
{
    if (lua_istable(L, -1))
        return push_bound(L, co, obj);
    lua_pushvalue(L, -1);
    if (obj != 0)
        lua_pushvalue(L, obj);
    lua_xmove(L, co, 1 + (obj != 0));
    return obj != 0;
}

/* A watch's callback gets the readiness after the watch. */
static int insert_ready(tl_dispatcher *d, lua_State *L, lua_State *co,
                        int nargs, int ready)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, d->ready_ref);
    lua_rawgeti(L, -1, ready);
    lua_xmove(L, co, 1);
    lua_insert(co, -nargs);
    lua_pop(L, 1);
    return nargs + 1;
}

/* The callback of a handle waits: until it is over it is not run again. */
static void hold(tl_loop *loop, tl_id id, int kind)
{
    if (kind == TL_WATCH)
        tl__watch_hold(loop, id);
    else if (kind == TL_STREAM || kind == TL_DATAGRAM)
        tl__hold(loop, id);
}

void tl__call(tl_dispatcher *d, lua_State *L, tl_id id, int kind, int obj,
              int nargs)
{
    lua_State *co = d->idle;
    set_current(d, id, kind == TL_TASK);
    int status = enter(d, co, nargs);
    bool waits = status == LUA_YIELD && is_wait(d, co);
    bool adopted = d->loop->shared.adopted; /* then Lua says when it is over */
    if (waits)
        hold(d->loop, id, kind);
    if (status == 0 && !adopted)
        lua_settop(co, 0);
    else
        settle_started(d, L, obj, status);
    if (!waits && !adopted && kind == TL_TIMER &&
        tl_handle_done(d->loop, id.slot, id.generation))
        tl__forget_anchor(L, id.slot);
}

/* Start a callback: L has its object, and on top of it what to run. */
void tl__start(tl_dispatcher *d, lua_State *L, const tl_event *event, int kind)
{
    int obj = lua_gettop(L) - 1;
    bool has_object = kind == TL_TIMER || kind == TL_WATCH;
    int nargs = push_call(L, d->idle, has_object ? obj : 0);
    if (kind == TL_WATCH)
        nargs = insert_ready(d, L, d->idle, nargs, event->ready);
    tl__call(d, L, event->id, kind, obj, nargs);
}

/* Resume a waiting coroutine, at the top of L, with nargs values that it has
   already. */
static void go_on(tl_dispatcher *d, lua_State *L, tl_id id, int obj, int nargs)
{
    lua_State *co = lua_tothread(L, -1);
    set_current(d, id, true);
    int status = enter(d, co, nargs);
    if (status == LUA_YIELD && is_wait(d, co)) {
        lua_settop(co, 0);
        return;
    }
    lua_pushvalue(L, -1);
    finish(d, L, obj, status);
}

/* Whether a function is on top of L, maybe bound. */
static bool is_function(lua_State *L)
{
    if (!lua_istable(L, -1))
        return lua_isfunction(L, -1);
    lua_rawgeti(L, -1, 1);
    bool is = lua_isfunction(L, -1);
    lua_pop(L, 1);
    return is;
}

/* Resume a coroutine that waited: it is on top of L, maybe bound. Where a main
   chunk outside any coroutine waits, a function stands for it. */
void tl__resume(tl_dispatcher *d, lua_State *L, const tl_event *event)
{
    int obj = lua_gettop(L) - 1;
    lua_State *co = lua_tothread(L, -1);
    int nargs = 0;
    if (co == NULL && is_function(L)) {
        tl__start(d, L, event, TL_SLEEP);
        return;
    }
    if (co == NULL && !lua_istable(L, -1))
        return;       /* memory was lacking when it began to wait */
    if (co == NULL) { /* bound, with values to wake up to */
        lua_rawgeti(L, -1, 1);
        co = lua_tothread(L, -1);
        lua_insert(L, -2);
        nargs = push_bound(L, co, 0);
        lua_remove(co, -nargs - 1); /* itself */
        lua_pop(L, 1);
    }
    if (lua_status(co) != LUA_YIELD)
        return; /* nobody waits there any more */
    go_on(d, L, event->id, obj, nargs);
}

bool tl__takes_values(lua_State *L, tl_id waiter)
{
    if (!tl__push_anchor(L, waiter.slot))
        return false;
    bool takes = lua_isfunction(L, -1) || lua_isthread(L, -1);
    lua_pop(L, 2);
    return takes;
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
        tl__call(d, L, waiter, TL_SLEEP, top + 1, count);
    else if (lua_status(co) == LUA_YIELD)
        go_on(d, L, waiter, top + 1, count);
    lua_settop(L, top);
}
