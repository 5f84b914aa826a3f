/* The Lua module "timerlua.core", through which Lua reaches a loop: one for
   each lua_State. */
#include "lua/module.h"

#include <dlfcn.h>
#include <errno.h>
#include <lauxlib.h>
#include <luajit.h>
#include <stdlib.h>
#include <string.h>

#include "abi_text.h" /* generated: timerlua_abi.h for Lua */
#include "lua/deliver.h"
#include "lua/dispatch.h"
#include "lua/hooks.h"
#include "lua/protected.h"
#include "loop/loop.h"

static const char registry_key; /* its address */

tl_dispatcher *tl_dispatcher_of(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)&registry_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    tl_dispatcher *d = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return d;
}

tl_loop *tl_module_loop(lua_State *L)
{
    tl_dispatcher *d = tl_dispatcher_of(L);
    return d != NULL ? d->loop : NULL;
}

void tl_module_closing(lua_State *L)
{
    tl_dispatcher *d = tl_dispatcher_of(L);
    if (d != NULL)
        tl__protected_close(d, L);
}

/* core.owned(): the coroutine that the dispatcher resumed last, to distinguish
   it from the script's own. */
static int owned(lua_State *L)
{
    tl_dispatcher *d = tl_dispatcher_of(L);
    if (d->current == NULL)
        return 0;
    lua_pushthread(d->current);
    if (d->current != L)
        lua_xmove(d->current, L, 1);
    return 1;
}

/* core.guard_output(): call hooks.output when writing to standard output has
   failed; stdio does not always report that to the writer. */
static int guard_output(lua_State *L)
{
    tl_dispatcher_of(L)->guards_output = true;
    return 0;
}

static int is_running(lua_State *L)
{
    lua_pushboolean(L, tl_dispatcher_of(L)->running);
    return 1;
}

static int collect(lua_State *L)
{
    tl_dispatcher *d = lua_touserdata(L, 1);
    if (d->hosted)
        return 0;
    tl__protected_close(d, L);
    if (d->loop != NULL)
        tl_loop_close(d->loop);
    d->loop = NULL;
    return 0;
}

static int by_name(const void *name, const void *entry)
{
    return strcmp(name, *(const char *const *)entry);
}

/* core.symbol(name): the type of a function of the ABI, and its address; nil
   for any other name. */
static int symbol(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    size_t count = sizeof tl_abi_functions / sizeof *tl_abi_functions;
    const char *const *entry = bsearch(name, tl_abi_functions, count,
                                       sizeof *tl_abi_functions, by_name);
    if (entry == NULL)
        return 0;
    size_t i = (size_t)((const char *)entry - (const char *)tl_abi_functions) /
               sizeof *tl_abi_functions;
    lua_pushstring(L, tl_abi_functions[i].type);
    void *address; /* POSIX: a function's has the same representation */
    memcpy(&address, &tl_abi_functions[i].address, sizeof address);
    lua_pushlightuserdata(L, address);
    return 2;
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

static tl_loop *open_loop(void)
{
    const tl_kind *rows[TL_KINDS_MOST];
    for (int kind = 0; kind < TL_KINDS_MOST; kind++)
        rows[kind] = tl__kinds[kind].row;
    return tl_loop_open(rows);
}

static tl_dispatcher *new_dispatcher(lua_State *L)
{
    tl_dispatcher *d = lua_newuserdata(L, sizeof *d);
    memset(d, 0, sizeof *d);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, collect);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    d->kinds = tl__kinds;
    d->loop = open_loop();
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
    lua_newtable(L);
    d->anchors_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    tl__push_hooks(L);
    d->hooks_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    tl__protected_init(d, L);
    tl__dispatch_init(d, L);
    return d;
}

/* The file from which this code was loaded, so that the FFI finds the same
   one. */
static void push_library_path(lua_State *L)
{
    Dl_info info;
    if (dladdr((const void *)&registry_key, &info) != 0)
        lua_pushstring(L, info.dli_fname);
    else
        lua_pushnil(L);
}

tl_dispatcher *tl_module_open(lua_State *L)
{
    tl_dispatcher *d = tl_dispatcher_of(L);
    if (d != NULL)
        return d;
#ifdef TL_JIT_OFF
    (void)luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
#endif
    return new_dispatcher(L);
}

int luaopen_timerlua_core(lua_State *L)
{
    tl_dispatcher *d = tl_module_open(L);
    lua_newtable(L);
    lua_pushlightuserdata(L, d->loop);
    lua_setfield(L, -2, "loop");
    lua_rawgeti(L, LUA_REGISTRYINDEX, d->anchors_ref);
    lua_setfield(L, -2, "anchors");
    lua_rawgeti(L, LUA_REGISTRYINDEX, d->hooks_ref);
    lua_setfield(L, -2, "hooks");
    lua_pushlstring(L, (const char *)tl_abi_types, sizeof tl_abi_types);
    lua_setfield(L, -2, "abi");
    lua_pushinteger(L, TL_ABI_VERSION);
    lua_setfield(L, -2, "abi_version");
    /* the program says so by an upvalue: then the symbols are its own */
    d->hosted = lua_toboolean(L, lua_upvalueindex(1));
    if (!d->hosted) {
        push_library_path(L);
        lua_setfield(L, -2, "library");
    }
    static const luaL_Reg functions[] = {
        {"run", tl_dispatch_run},
        {"forget_cancelled", tl_dispatch_forget},
        {"owned", owned},
        {"symbol", symbol},
        {"is_running", is_running},
        {"guard_output", guard_output},
        {NULL, NULL}};
    luaL_register(L, NULL, functions);
    return 1;
}
