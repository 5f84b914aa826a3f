/* The dispatcher: see dispatch.h.

   Callbacks run on coroutines driven from C by lua_resume: measured, that is
   flat in the number of distinct callbacks, where a loop compiled from Lua
   becomes a chain of side traces (docs/performance.md). One coroutine serves
   callback after callback; one that waits is left to what it waits for, and
   another takes its place. A C function called through the FFI never comes
   here.

   What a handle runs is anchored in pages that mirror the handles' own:
   anchors[page][2i+1] what to run, anchors[page][2i+2] its object. To run is
   a function, a suspended coroutine, or a bound call: a table with either at
   [1], its arguments from [2] on, and the index of the last at [0]. */
#include "dispatch.h"

#include <lauxlib.h>
#include <stdio.h>

#include "check.h"
#include "jumps.h"
#include "loop.h"

enum {
    MOST_SPARES = 256,   /* idle coroutines kept */
    MOST_RESULTS = 4000, /* of a task: a coroutine's stack takes 8000 */
    WARM_EVENTS = 16,
    ANCHORS_INDEX = 1 /* of the table of anchors while the loop runs */
};

/* Lua functions that the dispatcher calls, in core.hooks by these names. */
static const char *const hook_names[] = {"finish", "signal", "jump", "idle",
                                         "output"};
enum { HOOK_FINISH, HOOK_SIGNAL, HOOK_JUMP, HOOK_IDLE, HOOK_OUTPUT };

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
        (void)lua_newthread(L);
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

static int what_index(uint32_t slot)
{
    return (int)(2 * (slot & (TL_PAGE_SIZE - 1)) + 1);
}

static void forget(lua_State *L, uint32_t slot)
{
    lua_rawgeti(L, ANCHORS_INDEX, (int)(slot >> TL_PAGE_BITS));
    lua_pushnil(L);
    lua_rawseti(L, -2, what_index(slot));
    lua_pushnil(L);
    lua_rawseti(L, -2, what_index(slot) + 1);
    lua_pop(L, 1);
}

/* Drop the anchor pages whose handles' page was given back. */
static void reclaim_pages(tl_dispatcher *d, lua_State *L)
{
    const tl_handles *handles = &d->loop->handles;
    if (d->pages_reclaimed == handles->given_back)
        return;
    d->pages_reclaimed = handles->given_back;
    for (uint32_t p = 0; p < handles->page_count; p++) {
        if (handles->pages[p].records != NULL)
            continue;
        lua_pushnil(L);
        lua_rawseti(L, ANCHORS_INDEX, (int)p);
    }
}

/* --- running ------------------------------------------------------------ */

static void set_current(tl_dispatcher *d, tl_id id, bool adopted)
{
    d->loop->shared.current_slot = id.slot;
    d->loop->shared.current_generation = id.generation;
    d->loop->shared.adopted = adopted;
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

/* Report what cannot be reported by Lua: a failure of the hooks themselves. */
static void broken_hook(tl_dispatcher *d, const char *what)
{
    fprintf(stderr, "timerlua: error while handling an event: %s\n",
            what ? what : "(not a string)");
    d->loop->shared.errors++;
}

static void finish(tl_dispatcher *d, lua_State *L, int obj_index, int status);

/* Call a hook, in a coroutine so that it may wait, with the nargs values on
   the top of L; pops them. */
static void call_hook(tl_dispatcher *d, lua_State *L, int hook, int nargs)
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
    int status = enter(d, co, nargs);
    while (status == LUA_YIELD && !is_wait(d, co)) {
        /* what the hook is in the middle of must still be completed */
        broken_hook(d, "coroutine.yield in a deferred function or handler");
        lua_settop(co, 0);
        status = enter(d, co, 0);
    }
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
        broken_hook(d, lua_tostring(co, -1));
    lua_settop(co, 0);
    lua_pop(L, 1);
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
        if (status == LUA_ERRMEM) /* what it had made is garbage now */
            lua_gc(L, LUA_GCCOLLECT, 0);
        luaL_traceback(L, co, NULL, 0);
        if (status == LUA_YIELD)
            lua_pushliteral(L, "coroutine.yield outside a coroutine of the "
                               "script's own: to wait, use tl.sleep");
        else
            lua_xmove(co, L, 1);
        lua_insert(L, -2);
    }
    lua_pushvalue(L, base); /* keeps it alive, and a free stack slot apart */
    lua_insert(L, base);
    call_hook(d, L, HOOK_FINISH, lua_gettop(L) - base);
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

/* Start a callback: L has its object, and on top of it what to run. */
static void start(tl_dispatcher *d, lua_State *L, const tl_event *event,
                  int kind)
{
    lua_State *co = d->idle;
    int obj = lua_gettop(L) - 1;
    bool has_object = kind == TL_TIMER || kind == TL_WATCH;
    int nargs = push_call(L, co, has_object ? obj : 0);
    if (kind == TL_WATCH)
        nargs = insert_ready(d, L, co, nargs, event->ready);
    set_current(d, event->id, kind == TL_TASK);
    int status = enter(d, co, nargs);
    bool waits = status == LUA_YIELD && is_wait(d, co);
    bool adopted = d->loop->shared.adopted; /* then Lua says when it is over */
    if (waits && kind == TL_WATCH)
        tl_watch_hold(d->loop, event->id.slot, event->id.generation);
    if (status == 0 && !adopted)
        lua_settop(co, 0);
    else
        settle_started(d, L, obj, status);
    if (!waits && !adopted && kind == TL_TIMER &&
        tl_handle_done(d->loop, event->id.slot, event->id.generation))
        forget(L, event->id.slot);
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
static void resume(tl_dispatcher *d, lua_State *L, const tl_event *event)
{
    int obj = lua_gettop(L) - 1;
    lua_State *co = lua_tothread(L, -1);
    int nargs = 0;
    if (co == NULL && is_function(L)) {
        start(d, L, event, TL_SLEEP);
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
    set_current(d, event->id, true);
    int status = enter(d, co, nargs);
    if (status == LUA_YIELD && is_wait(d, co)) {
        lua_settop(co, 0);
        return;
    }
    lua_pushvalue(L, -1);
    finish(d, L, obj, status);
}

static void run_event(tl_dispatcher *d, lua_State *L, const tl_event *event,
                      int kind)
{
    uint32_t slot = event->id.slot;
    lua_rawgeti(L, ANCHORS_INDEX, (int)(slot >> TL_PAGE_BITS));
    if (!lua_istable(L, -1)) { /* memory was lacking when it was started */
        tl_handle_close(d->loop, slot, event->id.generation);
        lua_settop(L, ANCHORS_INDEX);
        return;
    }
    lua_rawgeti(L, -1, what_index(slot) + 1);
    lua_rawgeti(L, -2, what_index(slot));
    if (kind == TL_TIMER || kind == TL_WATCH) {
        start(d, L, event, kind);
    } else {
        /* a task's start and a wait are over as soon as they begin */
        tl_handle_close(d->loop, slot, event->id.generation);
        forget(L, slot);
        if (kind == TL_SLEEP)
            resume(d, L, event);
        else
            start(d, L, event, kind);
    }
    lua_settop(L, ANCHORS_INDEX);
}

/* Touch the anchors of the next events, so that the processor fetches them
   from memory all at once: measured, 60 to 170 ns a timer less where a million
   timers come due in another order than they were armed in. */
static void warm(const tl_dispatcher *d, lua_State *L)
{
    const tl_loop *loop = d->loop;
    size_t left = loop->batch_count - loop->batch_next;
    int count = left < WARM_EVENTS ? (int)left : WARM_EVENTS;
    const tl_event *events = &loop->batch[loop->batch_next];
    for (int i = 0; i < count; i++)
        lua_rawgeti(L, ANCHORS_INDEX, (int)(events[i].id.slot >> TL_PAGE_BITS));
    /* nothing between the reads, so that many of them are under way at once */
    for (int i = 0; i < count; i++)
        if (lua_istable(L, ANCHORS_INDEX + 1 + i))
            lua_rawgeti(L, ANCHORS_INDEX + 1 + i,
                        what_index(events[i].id.slot));
    lua_settop(L, ANCHORS_INDEX);
}

/* Run what is left of the batch. False when a callback ended the run. */
static bool run_batch(tl_dispatcher *d, lua_State *L)
{
    tl_event event;
    tl_handle *handle;
    const tl_shared *shared = &d->loop->shared;
    while (!shared->interrupt && !shared->stopped) {
        if (d->loop->batch_next % WARM_EVENTS == 0)
            warm(d, L);
        handle = tl_loop_begin(d->loop, &event);
        if (handle == NULL)
            return true;
        run_event(d, L, &event, handle->kind);
    }
    return false;
}

/* Tell Lua of signals and clock steps that the last wait brought, and of lost
   output. */
static void tell_news(tl_dispatcher *d, lua_State *L)
{
    int reason = tl_loop_take_reason(d->loop);
    if (reason) {
        lua_pushinteger(L, reason);
        call_hook(d, L, HOOK_SIGNAL, 1);
    }
    double jump_s = tl__take_jump(d->loop);
    if (jump_s != 0) {
        lua_pushnumber(L, jump_s);
        call_hook(d, L, HOOK_JUMP, 1);
    }
    if (d->guards_output && ferror(stdout)) {
        d->guards_output = false;
        call_hook(d, L, HOOK_OUTPUT, 0);
    }
}

/* Turns until nothing is left to wait for (true), or until a callback ends the
   run through the shared flags (false). */
static int turns(lua_State *L)
{
    tl_dispatcher *d = tl_dispatcher_of(L);
    luaL_checkstack(L, 2 * WARM_EVENTS + LUA_MINSTACK, "timerlua.run");
    lua_rawgeti(L, LUA_REGISTRYINDEX, d->anchors_ref);
    bool idle = false;
    while (run_batch(d, L)) {
        tell_news(d, L);
        reclaim_pages(d, L);
        if (d->loop->shared.interrupt || d->loop->shared.stopped)
            break;
        int outcome = tl_loop_collect(d->loop);
        if (outcome < 0)
            return luaL_error(L, "timerlua.run: waiting: %s (%s)",
                              tl_error_text(outcome), tl_error_name(outcome));
        if (outcome == TL_NOTHING_LEFT && idle) {
            lua_pushboolean(L, 1);
            return 1;
        }
        idle = outcome == TL_NOTHING_LEFT;
        if (idle) /* somebody may wait for just this */
            call_hook(d, L, HOOK_IDLE, 0);
    }
    lua_pushboolean(L, 0);
    return 1;
}

int tl_dispatch_run(lua_State *L)
{
    tl_dispatcher *d = tl_dispatcher_of(L);
    if (d->running)
        return luaL_error(L, "timerlua.run: the loop is running already");
    lua_settop(L, 0);
    lua_pushcfunction(L, turns);
    d->running = true;
    int status = lua_pcall(L, 0, 1, 0);
    d->running = false;
    d->loop->shared.interrupt = 0;
    return status == 0 ? 1 : lua_error(L);
}
