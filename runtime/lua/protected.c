/* Protected: see protected.h. */
#include "lua/protected.h"

#include <lauxlib.h>
#include <luajit.h>

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
    lua_newtable(L);
    d->raised_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

void tl__stop_compiling(lua_State *L)
{
    (void)luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
    (void)luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_FLUSH);
}

/* Keep the error value on top of L; pops it. */
static void keep_raised(tl_dispatcher *d, lua_State *L)
{
    tl__stop_compiling(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, d->raised_ref);
    lua_insert(L, -2);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushboolean(L, 0);
    }
    lua_rawseti(L, -2, ++d->raised);
    lua_pop(L, 1);
}

void tl__ask(tl_dispatcher *d, lua_State *L, int what)
{
    enum { PATIENCE = 1000 }; /* memory may be lacking for good */
    for (int lacking = 0;;) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, d->asks_ref[what]);
        int status = lua_pcall(L, 0, 1, 0);
        if (status == 0)
            return;
        if (status == LUA_ERRMEM && ++lacking > PATIENCE)
            (void)lua_error(L);
        keep_raised(d, L);
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
