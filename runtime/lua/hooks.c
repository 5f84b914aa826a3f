/* Hooks: see hooks.h. */
#include "lua/hooks.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "lua/coroutines.h"
#include "lua/protected.h"

static const char *const hook_names[TL_HOOKS] = {
    [TL_HOOK_FINISH] = "finish", [TL_HOOK_SIGNAL] = "signal",
    [TL_HOOK_JUMP] = "jump",     [TL_HOOK_IDLE] = "idle",
    [TL_HOOK_DONE] = "done",     [TL_HOOK_OUTPUT] = "output",
    [TL_HOOK_POST] = "post",     [TL_HOOK_RAISED] = "raised",
    [TL_HOOK_BROKEN] = "broken",
};

void tl__push_hooks(lua_State *L)
{
    lua_createtable(L, 0, TL_HOOKS);
    for (int hook = 0; hook < TL_HOOKS; hook++) {
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, hook_names[hook]);
    }
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
   hooks themselves raise none, but a finalizer may do so within one. Lua must
   complete the interrupted work, now without the collector. */
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
    tl__coroutine_begin(d, (tl_id){0, 0}, false);
    d->in_hook = true;
    int status = tl__coroutine_enter(d, co, nargs);
    while (status == LUA_YIELD && !tl__coroutine_waits(d, co)) {
        /* the hook's interrupted work must still be completed */
        broken_hook(d, "coroutine.yield in a deferred function or handler");
        lua_settop(co, 0);
        status = tl__coroutine_enter(d, co, 0);
    }
    d->in_hook = false;
    bool adopted = d->loop->shared.adopted;
    if (status == 0 && !adopted) {
        lua_settop(co, 0);
        return;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, d->idle_ref);
    tl__coroutine_replace(d, L);
    if (status == 0) {
        lua_pushnil(L); /* no object */
        lua_insert(L, -2);
        tl__coroutine_finish(d, L, lua_gettop(L) - 1, status);
        lua_pop(L, 1);
        return;
    }
    if (status != LUA_YIELD)
        hook_failed(d, L, co, hook);
    lua_settop(co, 0);
    lua_pop(L, 1);
}

/* Report the error value on top of L, which a finalizer raised; pops it. */
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
    int count = d->raised; /* reports may raise more: for the next time */
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
