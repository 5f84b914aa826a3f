/* The bundle: see bundle.h. */
#include "lua/bundle.h"

#include <lauxlib.h>

#include "lua_modules.h" /* generated: the bytecode of lua/timerlua */
#include "lua/module.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))
#define GLOBALS     "timerlua.globals" /* in the registry */

/* The globals of our modules. A script that puts others in their place, such as
   a type() that lies, must not reach C through the modules' checks. Every other
   name is the script's, as functions that it is meant to replace are. */
static const char *const FUNCTIONS[] = {
    "assert",       "error",  "getmetatable", "ipairs",
    "next",         "pairs",  "pcall",        "rawequal",
    "rawget",       "rawset", "select",       "tonumber",
    "setmetatable", "type",   "unpack",       "tostring",
};
static const char *const LIBRARIES[] = {"bit", "math", "os", "string", "table"};

/* A copy of the table on top takes its place. */
static void copy_table(lua_State *L)
{
    lua_newtable(L);
    lua_pushnil(L);
    while (lua_next(L, -3) != 0) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -4);
    }
    lua_remove(L, -2);
}

static void make_globals(lua_State *L)
{
    lua_newtable(L);
    for (size_t i = 0; i < COUNT(FUNCTIONS); i++) {
        lua_getglobal(L, FUNCTIONS[i]);
        lua_setfield(L, -2, FUNCTIONS[i]);
    }
    for (size_t i = 0; i < COUNT(LIBRARIES); i++) {
        lua_getglobal(L, LIBRARIES[i]);
        copy_table(L);
        lua_setfield(L, -2, LIBRARIES[i]);
    }
    lua_newtable(L);
    lua_pushvalue(L, LUA_GLOBALSINDEX);
    lua_setfield(L, -2, "__index");
    lua_pushvalue(L, LUA_GLOBALSINDEX);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, -2);
    lua_setfield(L, LUA_REGISTRYINDEX, GLOBALS);
}

/* package.preload's loader for a module: compiles the carried source. No
   finalizer of the script runs meanwhile, as it might require the same module,
   which is half loaded. */
static int load_module(lua_State *L)
{
    int index = (int)lua_tointeger(L, lua_upvalueindex(1));
    int collects = lua_gc(L, LUA_GCISRUNNING, 0);
    lua_settop(L, 1);
    lua_gc(L, LUA_GCSTOP, 0);
    int status =
        luaL_loadbuffer(L, (const char *)tl_modules[index].code,
                        tl_modules[index].size, tl_modules[index].name);
    if (status == 0) {
        lua_getfield(L, LUA_REGISTRYINDEX, GLOBALS);
        (void)lua_setfenv(L, -2);
        lua_insert(L, 1);
        status = lua_pcall(L, 1, 1, 0);
    }
    if (collects)
        lua_gc(L, LUA_GCRESTART, 0);
    return status == 0 ? 1 : lua_error(L);
}

const char *tl_bundle_version(void)
{
    return tl_modules_version;
}

void tl_bundle_preload(lua_State *L)
{
    int top = lua_gettop(L);
    make_globals(L);
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "preload");
    lua_pushboolean(L, 1); /* tells the module that it is inside the program */
    lua_pushcclosure(L, luaopen_timerlua_core, 1);
    lua_setfield(L, -2, "timerlua.core");
    for (size_t i = 0; i < sizeof tl_modules / sizeof *tl_modules; i++) {
        lua_pushinteger(L, (lua_Integer)i);
        lua_pushcclosure(L, load_module, 1);
        lua_setfield(L, -2, tl_modules[i].name);
    }
    lua_settop(L, top);
}
