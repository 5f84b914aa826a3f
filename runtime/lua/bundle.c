/* The bundle: see bundle.h. */
#include "lua/bundle.h"

#include <lauxlib.h>

#include "lua_modules.h" /* generated: the bytecode of lua/timerlua */
#include "lua/module.h"

/* package.preload's loader for a module: compiles the carried source. */
static int load_module(lua_State *L)
{
    int index = (int)lua_tointeger(L, lua_upvalueindex(1));
    lua_settop(L, 1);
    if (luaL_loadbuffer(L, (const char *)tl_modules[index].code,
                        tl_modules[index].size, tl_modules[index].name) != 0)
        return lua_error(L);
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
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
