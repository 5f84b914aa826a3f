/* The dispatcher: see dispatch.h. */
#include "lua/dispatch.h"
#include "loop/agenda.h"
#include "loop/cancels.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>

#include "lua/anchors.h"
#include "lua/deliver.h"
#include "lua/hooks.h"
#include "lua/hosted.h"
#include "lua/module.h"
#include "lua/protected.h"
#include "loop/jumps.h"
#include "loop/loop.h"
#include "loop/posts.h"

enum { WARM_EVENTS = 16 };

/* These functions do not return, which their headers do not say: without this
   the address sanitizer believes that the frames they leave still exist. */
int luaL_error(lua_State *L, const char *format, ...) __attribute__((noreturn));
int lua_error(lua_State *L) __attribute__((noreturn));

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
        lua_rawseti(L, TL_ANCHORS_INDEX, (int)p);
    }
}

static void forget_cancelled(tl_dispatcher *d, lua_State *L)
{
    const tl_cancels *cancels = &d->loop->cancels;
    for (uint32_t i = 0; i < cancels->count; i++)
        tl__forget_anchor(L, cancels->list[i].slot);
    tl__cancels_free(d->loop);
}

int tl_dispatch_forget(lua_State *L)
{
    tl_dispatcher *d = tl_dispatcher_of(L);
    lua_settop(L, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, d->anchors_ref);
    forget_cancelled(d, L);
    return 0;
}

static void run_event(tl_dispatcher *d, lua_State *L, const tl_event *event,
                      int kind)
{
    if (d->natives.page_count > 0 && tl__hosted_event(d, event))
        return;
    d->kinds[kind].deliver(d, L, event);
    lua_settop(L, TL_ANCHORS_INDEX);
}

/* The same, timed for the host. */
static void time_event(tl_dispatcher *d, lua_State *L, const tl_event *event,
                       int kind)
{
    char name[128];
    tl__hosted_name(d, L, event, kind, name, sizeof name);
    int64_t began_ns = tl_clock_kernel_ns(TL_MONOTONIC);
    run_event(d, L, event, kind);
    tl__hosted_over(d, began_ns, name);
}

/* Touch the anchors of the next events, so that the processor fetches them from
   memory all at once: measured, 60 to 170 ns less for each timer when a million
   timers come due in another order than they were armed in. */
static void warm(const tl_dispatcher *d, lua_State *L)
{
    const tl_loop *loop = d->loop;
    size_t left = loop->batch_count - loop->batch_next;
    int count = left < WARM_EVENTS ? (int)left : WARM_EVENTS;
    const tl_event *events = &loop->batch[loop->batch_next];
    for (int i = 0; i < count; i++)
        lua_rawgeti(L, TL_ANCHORS_INDEX,
                    (int)(events[i].id.slot >> TL_PAGE_BITS));
    /* nothing between the reads, so that many of them are in progress at once
     */
    for (int i = 0; i < count; i++)
        if (lua_istable(L, TL_ANCHORS_INDEX + 1 + i))
            lua_rawgeti(L, TL_ANCHORS_INDEX + 1 + i,
                        tl__what_index(events[i].id.slot));
    lua_settop(L, TL_ANCHORS_INDEX);
}

/* Report to Lua the signal that woke the loop, also between two callbacks of a
   batch, which may be long. */
static void tell_reason(tl_dispatcher *d, lua_State *L)
{
    int reason = tl_loop_take_reason(d->loop);
    if (reason && d->bare) { /* there is no hook to call before the end */
        d->stop_reason = reason;
        d->loop->shared.stopped = 1;
    } else if (reason) {
        lua_pushinteger(L, reason);
        tl__call_hook(d, L, TL_HOOK_SIGNAL, 1);
    }
}

/* Run the rest of the batch. False if a callback ended the run, or the step's
   time is over. */
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
        if (d->warn_ns > 0)
            time_event(d, L, &event, handle->kind);
        else
            run_event(d, L, &event, handle->kind);
        tl__after_callback(d->loop);
        if (d->collect) {
            forget_cancelled(d, L);
            tl__collect_after(d, L);
        }
        if (d->raised > 0)
            tl__tell_raised(d, L);
        if (tl_loop_has_reason(d->loop))
            tell_reason(d, L);
        if (tl__hosted_late(d))
            return false;
    }
    return false;
}

/* Report to Lua the signals and clock steps of the last wait, and lost
   output. */
static void tell_news(tl_dispatcher *d, lua_State *L)
{
    tell_reason(d, L);
    double jump_s = tl__take_jump(d->loop);
    if (jump_s != 0 && !d->bare) {
        lua_pushnumber(L, jump_s);
        tl__call_hook(d, L, TL_HOOK_JUMP, 1);
    }
    if (d->guards_output && (ferror(stdout) || tl_standard_lost(d->loop))) {
        d->guards_output = false;
        tl__call_hook(d, L, TL_HOOK_OUTPUT, 0);
    }
}

/* Between two batches. False when the run is to be left. */
static bool go_between(tl_dispatcher *d, lua_State *L)
{
    tell_news(d, L);
    if (d->posts != NULL)
        tl__hosted_posts(d, L);
    if (d->raised > 0)
        tl__tell_raised(d, L);
    forget_cancelled(d, L);
    reclaim_pages(d, L);
    tl__after_callback(d->loop); /* of handlers, and from outside the run */
    return !d->loop->shared.interrupt && !d->loop->shared.stopped;
}

static void check_outcome(lua_State *L, int outcome)
{
    if (outcome == -ECHILD)
        luaL_error(L, "timerlua.run: this process was forked from "
                      "the one that the loop belongs to");
    if (outcome < 0)
        luaL_error(L, "timerlua.run: waiting: %s (%s)", tl_error_text(outcome),
                   tl_error_name(outcome));
}

static void begin_turns(tl_dispatcher *d, lua_State *L)
{
    luaL_checkstack(L, 2 * WARM_EVENTS + LUA_MINSTACK, "timerlua.run");
    lua_rawgeti(L, LUA_REGISTRYINDEX, d->anchors_ref);
    d->loop->away = false;
}

static void tell_idle(tl_dispatcher *d, lua_State *L)
{
    if (!d->bare)
        tl__call_hook(d, L, TL_HOOK_IDLE, 0);
}

/* Turns until nothing is left to wait for (true), or until a callback ends the
   run through the shared flags (false). */
static int turns(lua_State *L)
{
    tl_dispatcher *d = tl_dispatcher_of(L);
    begin_turns(d, L);
    bool idle = false;
    while (run_batch(d, L)) {
        if (!go_between(d, L))
            break;
        int outcome = tl_loop_collect(d->loop);
        check_outcome(L, outcome);
        if (outcome == TL_NOTHING_LEFT && idle) {
            lua_pushboolean(L, 1);
            return 1;
        }
        idle = outcome == TL_NOTHING_LEFT;
        if (idle) /* a task may wait for exactly this */
            tell_idle(d, L);
    }
    lua_pushboolean(L, 0);
    return 1;
}

/* Whether nothing is left to wait for, no task waited for exactly this, and the
   stop handlers have run. */
static bool is_done(tl_dispatcher *d, lua_State *L)
{
    tl_loop *loop = d->loop;
    if (tl__is_active(loop) || loop->posted.count > 0 ||
        loop->batch_next < loop->batch_count || loop->shared.stopped ||
        (d->posts != NULL && tl__posts_has(d->posts)))
        return false;
    tell_idle(d, L);
    if (!tl__is_active(loop) && !d->bare)
        tl__call_hook(d, L, TL_HOOK_DONE, 0);
    return !tl__is_active(loop) && !loop->shared.stopped;
}

int tl_dispatch_step(lua_State *L)
{
    tl_dispatcher *d = tl_dispatcher_of(L);
    begin_turns(d, L);
    d->running = true;
    bool found = true;
    while (found && run_batch(d, L) && go_between(d, L)) {
        check_outcome(L, tl_loop_look(d->loop));
        found = d->loop->batch_count > 0 || tl__posts_has(d->posts);
        if (!run_batch(d, L) ||
            tl_clock_kernel_ns(TL_MONOTONIC) >= d->step_ends_ns)
            break;
    }
    tl__after_callback(d->loop);
    lua_pushboolean(L, is_done(d, L));
    return 1;
}

void tl__dispatch_init(tl_dispatcher *d, lua_State *L)
{
    lua_pushcfunction(L, turns);
    d->turns_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

int tl_dispatch_run(lua_State *L)
{
    tl_dispatcher *d = tl_dispatcher_of(L);
    if (d->running)
        return luaL_error(L, "timerlua.run: the loop is running already");
    lua_settop(L, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, d->turns_ref);
    d->running = true;
    int status = lua_pcall(L, 0, 1, 0);
    d->running = false;
    d->loop->shared.interrupt = 0;
    return status == 0 ? 1 : lua_error(L);
}

void tl__dispatch_begin(tl_dispatcher *d, lua_State *L, tl_id id, int kind)
{
    tl_event event = {.id = id};
    run_event(d, L, &event, kind);
}
