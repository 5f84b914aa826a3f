/* The bundle: see bundle.h. */
#include "lua/bundle.h"

#include <lauxlib.h>

#include "lua_modules.h" /* generated: the bytecode of lua/timerlua */
#include "lua/module.h"

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
