/* The dispatcher: see dispatch.h.

   Callbacks run on coroutines driven from C by lua_resume: measured, that is
   flat in the number of distinct callbacks, where a loop compiled from Lua
   becomes a chain of side traces (docs/performance.md). One coroutine serves
   callback after callback; one that waits is left to what it waits for, and
   another takes its place. A C function called through the FFI never comes
   here.

   What a handle runs is anchored in pages that mirror the handles' own:
   anchors[page][2i+1] what to run, anchors[page][2i+2] its object. To run is
   a function, a suspended coroutine, or a table {n =, [1] = either, [2..n] =
   arguments}. */
#include "dispatch.h"

#include <dlfcn.h>
#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "abi_text.h" /* generated: timerlua_abi.h as a string */
#include "check.h"
#include "loop.h"

enum { MOST_SPARES = 256 }; /* idle coroutines kept */

/* Lua functions that the dispatcher calls, in core.hooks by these names. */
static const char *const hook_names[] = {"finish", "signal", "jump", "idle"};
enum { HOOK_FINISH, HOOK_SIGNAL, HOOK_JUMP, HOOK_IDLE, HOOKS };

typedef struct dispatcher {
    tl_loop *loop;
    lua_State *idle;    /* the coroutine for the next callback, anchored */
    lua_State *current; /* the one resumed last, NULL between callbacks */
    int idle_ref;
    int anchors_ref;
    int spares_ref; /* array of idle coroutines */
    int spares;
    int ready_ref; /* texts of readiness, "rw" and so on */
    int hooks_ref;
    uint32_t pages_reclaimed;
    bool running;
} dispatcher;

static const char registry_key; /* its address */

static dispatcher *self(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)&registry_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    dispatcher *d = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return d;
}

tl_loop *tl_dispatch_loop(lua_State *L)
{
    dispatcher *d = self(L);
    return d != NULL ? d->loop : NULL;
}

/* --- coroutines --------------------------------------------------------- */

/* The idle coroutine has become somebody's: anchor another. */
static void replace_idle(dispatcher *d, lua_State *L)
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
static void keep_spare(dispatcher *d, lua_State *L)
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

/* Push the page of a slot. */
static void push_page(dispatcher *d, lua_State *L, uint32_t slot)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, d->anchors_ref);
    lua_rawgeti(L, -1, (int)(slot >> TL_PAGE_BITS));
    lua_remove(L, -2);
}

static void forget(dispatcher *d, lua_State *L, uint32_t slot)
{
    push_page(d, L, slot);
    lua_pushnil(L);
    lua_rawseti(L, -2, what_index(slot));
    lua_pushnil(L);
    lua_rawseti(L, -2, what_index(slot) + 1);
    lua_pop(L, 1);
}

/* Drop the anchor pages whose handles' page was given back. */
static void reclaim_pages(dispatcher *d, lua_State *L)
{
    const tl_handles *handles = &d->loop->handles;
    if (d->pages_reclaimed == handles->given_back)
        return;
    d->pages_reclaimed = handles->given_back;
    lua_rawgeti(L, LUA_REGISTRYINDEX, d->anchors_ref);
    for (uint32_t p = 0; p < handles->page_count; p++) {
        if (handles->pages[p].records != NULL)
            continue;
        lua_pushnil(L);
        lua_rawseti(L, -2, (int)p);
    }
    lua_pop(L, 1);
}

/* --- running ------------------------------------------------------------ */

/* Report what cannot be reported by Lua: an error in the hooks themselves. */
static void broken_hook(dispatcher *d, lua_State *co)
{
    const char *text = lua_tostring(co, -1);
    fprintf(stderr, "timerlua: error while handling an error: %s\n",
            text ? text : "(not a string)");
    d->loop->shared.errors++;
}

static void set_current(dispatcher *d, tl_id id, bool adopted)
{
    d->loop->shared.current_slot = id.slot;
    d->loop->shared.current_generation = id.generation;
    d->loop->shared.adopted = adopted;
}

static int enter(dispatcher *d, lua_State *co, int nargs)
{
    d->current = co;
    int status = lua_resume(co, nargs);
    d->current = NULL;
    return status;
}

/* Call a hook, in a coroutine so that it may wait, with the nargs values on
   the top of L; pops them. */
static void call_hook(dispatcher *d, lua_State *L, int hook, int nargs)
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
    if (status == 0) {
        lua_settop(co, 0);
        return;
    }
    if (status != LUA_YIELD)
        broken_hook(d, co);
    lua_settop(co, 0);
    replace_idle(d, L);
}

/* The coroutine on the top of L is over, or has failed (status, with the error
   value on its own top): tell Lua. Pops it. obj_index: the handle's object. */
static void finish(dispatcher *d, lua_State *L, int obj_index, int status)
{
    lua_State *co = lua_tothread(L, -1);
    int base = lua_gettop(L);
    lua_pushvalue(L, obj_index);
    lua_pushboolean(L, status == 0);
    if (status == 0) {
        int results = lua_gettop(co);
        if (!lua_checkstack(L, results + LUA_MINSTACK))
            luaL_error(L, "timerlua: too many results (%d)", results);
        lua_xmove(co, L, results);
    } else {
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

/* Whether the values a coroutine yielded are the token of a wait. */
static bool is_wait(dispatcher *d, lua_State *co)
{
    return lua_gettop(co) == 1 && lua_touserdata(co, 1) == d->loop;
}

/* The idle coroutine has run a callback and came back other than by plainly
   returning: it waits, failed, or became a task before it ended. */
static void settle_started(dispatcher *d, lua_State *L, int obj_index,
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

/* Move what is to be run, at index what, and its arguments onto co. Returns
   the number of arguments. */
static int move_call(lua_State *L, lua_State *co, int what)
{
    if (!lua_istable(L, what)) {
        lua_pushvalue(L, what);
        lua_xmove(L, co, 1);
        return 0;
    }
    lua_getfield(L, what, "n");
    int count = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    if (!lua_checkstack(L, count) || !lua_checkstack(co, count + LUA_MINSTACK))
        luaL_error(L, "timerlua: too many arguments (%d)", count);
    for (int i = 1; i <= count; i++)
        lua_rawgeti(L, what, i);
    lua_xmove(L, co, count);
    return count - 1;
}

/* Start a callback: L has [-2] what to run, [-1] its object. */
static void start(dispatcher *d, lua_State *L, const tl_event *event,
                  int kind)
{
    lua_State *co = d->idle;
    int obj = lua_gettop(L), what = obj - 1;
    int nargs = move_call(L, co, what);
    if (kind != TL_TASK) { /* its own handle comes first */
        lua_pushvalue(L, obj);
        lua_xmove(L, co, 1);
        lua_insert(co, -nargs - 1);
        nargs++;
    }
    if (kind == TL_WATCH) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, d->ready_ref);
        lua_rawgeti(L, -1, event->ready);
        lua_xmove(L, co, 1);
        lua_pop(L, 1);
        lua_insert(co, -nargs);
        nargs++;
    }
    set_current(d, event->id, kind == TL_TASK);
    int status = enter(d, co, nargs);
    bool waits = status == LUA_YIELD && is_wait(d, co);
    if (status == 0 && !d->loop->shared.adopted)
        lua_settop(co, 0);
    else
        settle_started(d, L, obj, status);
    if (!waits && kind == TL_TIMER &&
        tl_handle_done(d->loop, event->id.slot, event->id.generation))
        forget(d, L, event->id.slot);
}

/* Resume a coroutine that waited: L has [-2] what to run, [-1] its object. */
static void resume(dispatcher *d, lua_State *L, const tl_event *event)
{
    int obj = lua_gettop(L), what = obj - 1;
    if (lua_istable(L, what))
        lua_rawgeti(L, what, 1);
    else
        lua_pushvalue(L, what);
    lua_State *co = lua_tothread(L, -1);
    int nargs = move_call(L, L, what);
    lua_remove(L, -nargs - 1); /* the coroutine itself */
    lua_xmove(L, co, nargs);
    set_current(d, event->id, true);
    int status = enter(d, co, nargs);
    if (status == LUA_YIELD && is_wait(d, co)) {
        lua_settop(co, 0);
        lua_pop(L, 1);
    } else {
        finish(d, L, obj, status);
    }
}

static void run_event(dispatcher *d, lua_State *L, const tl_event *event,
                      int kind)
{
    uint32_t slot = event->id.slot;
    push_page(d, L, slot);
    lua_rawgeti(L, -1, what_index(slot));
    lua_rawgeti(L, -2, what_index(slot) + 1);
    if (kind == TL_SLEEP || kind == TL_TASK) {
        /* these are over as soon as they begin */
        tl_handle_close(d->loop, slot, event->id.generation);
        forget(d, L, slot);
    }
    if (kind == TL_SLEEP)
        resume(d, L, event);
    else
        start(d, L, event, kind);
    lua_pop(L, 3);
}

/* Run what is left of the batch. False when a callback ended the run. */
static bool run_batch(dispatcher *d, lua_State *L)
{
    tl_event event;
    tl_handle *handle;
    const tl_shared *shared = &d->loop->shared;
    while (!shared->interrupt && !shared->stopped) {
        handle = tl_loop_begin(d->loop, &event);
        if (handle == NULL)
            return true;
        run_event(d, L, &event, handle->kind);
    }
    return false;
}

/* Tell Lua of signals and clock steps that the last wait brought. */
static void tell_news(dispatcher *d, lua_State *L)
{
    int reason = tl_loop_take_reason(d->loop);
    if (reason) {
        lua_pushinteger(L, reason);
        call_hook(d, L, HOOK_SIGNAL, 1);
    }
    double jump_s = tl_loop_take_jump(d->loop);
    if (jump_s != 0) {
        lua_pushnumber(L, jump_s);
        call_hook(d, L, HOOK_JUMP, 1);
    }
}

/* core.run(): turns until nothing is left to wait for, or a callback ends the
   run through the shared flags. Returns true in the first case. */
static int run(lua_State *L)
{
    dispatcher *d = self(L);
    if (d->running)
        return luaL_error(L, "timerlua.run: the loop is running already");
    d->running = true;
    lua_settop(L, 0);
    bool idle = false;
    while (run_batch(d, L)) {
        tell_news(d, L);
        reclaim_pages(d, L);
        if (d->loop->shared.interrupt || d->loop->shared.stopped)
            break;
        int outcome = tl_loop_collect(d->loop);
        if (outcome == TL_NOTHING_LEFT && !idle) {
            idle = true; /* somebody may wait for just this */
            call_hook(d, L, HOOK_IDLE, 0);
        } else if (outcome == TL_NOTHING_LEFT) {
            d->running = false;
            lua_pushboolean(L, 1);
            return 1;
        } else if (outcome < 0) {
            d->running = false;
            return luaL_error(L, "timerlua.run: waiting: %s (%s)",
                              tl_error_text(outcome), tl_error_name(outcome));
        } else {
            idle = false;
        }
    }
    d->running = false;
    d->loop->shared.interrupt = 0;
    lua_pushboolean(L, 0);
    return 1;
}

/* core.owned(): the coroutine that the dispatcher resumed last, to tell it
   from the script's own. */
static int owned(lua_State *L)
{
    dispatcher *d = self(L);
    if (d->current == NULL)
        return 0;
    lua_pushthread(d->current);
    if (d->current != L)
        lua_xmove(d->current, L, 1);
    return 1;
}

static int is_running(lua_State *L)
{
    lua_pushboolean(L, self(L)->running);
    return 1;
}

/* --- the module --------------------------------------------------------- */

static int collect(lua_State *L)
{
    dispatcher *d = lua_touserdata(L, 1);
    if (d->loop != NULL)
        tl_loop_close(d->loop);
    d->loop = NULL;
    return 0;
}

static void push_ready_texts(lua_State *L)
{
    static const char letters[] = "rweh";
    lua_createtable(L, 15, 1);
    for (int bits = 0; bits < 16; bits++) {
        char text[5];
        int length = 0;
        for (int i = 0; i < 4; i++)
            if (bits >> i & 1)
                text[length++] = letters[i];
        lua_pushlstring(L, text, (size_t)length);
        lua_rawseti(L, -2, bits);
    }
}

static dispatcher *new_dispatcher(lua_State *L)
{
    dispatcher *d = lua_newuserdata(L, sizeof *d);
    memset(d, 0, sizeof *d);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, collect);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    d->loop = tl_loop_open();
    if (d->loop == NULL)
        luaL_error(L, "timerlua: opening the loop: %s (%s)",
                   tl_error_text(errno), tl_error_name(errno));
    lua_pushlightuserdata(L, (void *)&registry_key);
    lua_insert(L, -2);
    lua_rawset(L, LUA_REGISTRYINDEX);
    d->idle = lua_newthread(L);
    d->idle_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    d->spares_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    push_ready_texts(L);
    d->ready_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return d;
}

/* The file this code was loaded from, so that the FFI finds the same one. */
static void push_library_path(lua_State *L)
{
    Dl_info info;
    if (dladdr((const void *)&registry_key, &info) != 0)
        lua_pushstring(L, info.dli_fname);
    else
        lua_pushnil(L);
}

int luaopen_timerlua_core(lua_State *L)
{
    dispatcher *d = self(L);
    if (d == NULL)
        d = new_dispatcher(L);
    lua_newtable(L);
    lua_pushlightuserdata(L, d->loop);
    lua_setfield(L, -2, "loop");
    lua_newtable(L);
    lua_pushvalue(L, -1);
    d->anchors_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_setfield(L, -2, "anchors");
    lua_newtable(L);
    lua_pushvalue(L, -1);
    d->hooks_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_setfield(L, -2, "hooks");
    lua_pushlstring(L, (const char *)tl_abi_text, sizeof tl_abi_text);
    lua_setfield(L, -2, "abi");
    lua_pushinteger(L, TL_ABI_VERSION);
    lua_setfield(L, -2, "abi_version");
    /* the program says so by an upvalue: then the symbols are its own */
    if (!lua_toboolean(L, lua_upvalueindex(1))) {
        push_library_path(L);
        lua_setfield(L, -2, "library");
    }
    static const luaL_Reg functions[] = {
        {"run", run},
        {"owned", owned},
        {"is_running", is_running},
        {NULL, NULL}};
    luaL_register(L, NULL, functions);
    return 1;
}
