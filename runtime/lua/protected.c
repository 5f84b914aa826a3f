/* Protected: see protected.h. */
#include "lua/protected.h"

#include <lauxlib.h>
#include <luajit.h>
#include <stdio.h>
#include <string.h>

#include "lua/hooks.h"

enum { MOST_RAISED = 100 }; /* are kept between two callbacks */

static int ask_thread(lua_State *L)
{
    (void)lua_newthread(L);
    return 1;
}

static int ask_string(lua_State *L)
{
    const tl_dispatcher *d = lua_touserdata(L, lua_upvalueindex(1));
    lua_pushlstring(L, d->asked.bytes, (size_t)d->asked.length);
    return 1;
}

static int ask_traceback(lua_State *L)
{
    const tl_dispatcher *d = lua_touserdata(L, lua_upvalueindex(1));
    luaL_traceback(L, d->asked_of, NULL, 0);
    return 1;
}

static int ask_collect(lua_State *L)
{
    lua_gc(L, LUA_GCCOLLECT, 0);
    return 0;
}

/* Keep the error value on top of L; pops it. Needs no memory. */
static void keep(tl_dispatcher *d, lua_State *L)
{
    if (d->raised >= MOST_RAISED) {
        d->unkept++;
        lua_pop(L, 1);
        return;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, d->raised_ref);
    lua_insert(L, -2);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushboolean(L, 0);
    }
    lua_rawseti(L, -2, ++d->raised);
    lua_pop(L, 1);
}

static void tell_closing(tl_dispatcher *d, const char *what)
{
    char text[512];
    (void)snprintf(text, sizeof text, "error in finalizer: %s", what);
    if (d->loop != NULL)
        tl__tell(d, TL_TELL_OF_ERROR, text, strlen(text));
    else
        fprintf(stderr, "timerlua: %s\n", text);
}

/* Report the error value on top of L without Lua, and without memory. */
static void tell_value(tl_dispatcher *d, lua_State *L)
{
    tell_closing(d, lua_type(L, -1) == LUA_TSTRING
                        ? lua_tostring(L, -1)
                        : "(error object is not a string)");
}

/* LuaJIT's event of an error in a finalizer, with its value. While one error is
   reported, another would be lost, so nothing here lets the collector run. */
static int on_errfin(lua_State *L)
{
    tl_dispatcher *d = lua_touserdata(L, lua_upvalueindex(1));
    lua_settop(L, 1);
    if (!d->closing) {
        keep(d, L);
        return 0;
    }
    if (d->unkept++ < MOST_RAISED)
        tell_value(d, L);
    else if (d->unkept == MOST_RAISED + 1)
        tell_closing(d, "there are more, which are not reported");
    return 0;
}

/* Older LuaJIT has no such event, and ignores the request. */
static void attach(tl_dispatcher *d, lua_State *L)
{
    int top = lua_gettop(L);
    lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
    lua_getfield(L, -1, "jit");
    if (lua_istable(L, -1)) {
        lua_getfield(L, -1, "attach");
        lua_pushlightuserdata(L, d);
        lua_pushcclosure(L, on_errfin, 1);
        lua_pushliteral(L, "errfin");
        lua_call(L, 2, 0);
    }
    lua_settop(L, top);
}

void tl__protected_init(tl_dispatcher *d, lua_State *L)
{
    static const lua_CFunction asks[TL_ASKS] = {
        [TL_ASK_THREAD] = ask_thread,
        [TL_ASK_STRING] = ask_string,
        [TL_ASK_TRACEBACK] = ask_traceback,
        [TL_ASK_COLLECT] = ask_collect,
    };
    for (int i = 0; i < TL_ASKS; i++) {
        lua_pushlightuserdata(L, d);
        lua_pushcclosure(L, asks[i], 1);
        d->asks_ref[i] = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_createtable(L, MOST_RAISED, 0);
    d->raised_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    attach(d, L);
}

void tl__protected_close(tl_dispatcher *d, lua_State *L)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, d->raised_ref);
    for (int i = 1; i <= d->raised; i++) {
        lua_rawgeti(L, -1, i);
        tell_value(d, L);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    if (d->unkept > 0)
        tell_closing(d, "there are more, which are not reported");
    d->closing = true;
    d->unkept += (uint32_t)d->raised;
    d->raised = 0;
}

void tl__stop_compiling(lua_State *L)
{
    (void)luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
    (void)luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_FLUSH);
}

void tl__ask(tl_dispatcher *d, lua_State *L, int what)
{
    enum { PATIENCE = 1000 }; /* memory may have run out for good */
    for (int lacking = 0;;) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, d->asks_ref[what]);
        int status = lua_pcall(L, 0, 1, 0);
        if (status == 0)
            return;
        if (status == LUA_ERRMEM && ++lacking > PATIENCE)
            (void)lua_error(L);
        tl__stop_compiling(L);
        keep(d, L);
    }
}

void tl__push_bytes(tl_dispatcher *d, lua_State *L, const char *bytes,
                    size_t length)
{
    tl_view outer = d->asked; /* a finalizer may have the loop used */
    d->asked = (tl_view){bytes, (double)length};
    tl__ask(d, L, TL_ASK_STRING);
    d->asked = outer;
}

void tl__push_traceback(tl_dispatcher *d, lua_State *L, lua_State *co)
{
    d->asked_of = co;
    tl__ask(d, L, TL_ASK_TRACEBACK);
}

void tl__collect(tl_dispatcher *d, lua_State *L)
{
    tl__ask(d, L, TL_ASK_COLLECT);
    lua_pop(L, 1);
}

void tl__collect_after(tl_dispatcher *d, lua_State *L)
{
    d->collect = false;
    tl__collect(d, L);
}
