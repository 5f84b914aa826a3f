/* The owner of the Lua state: see state_owner.h. */
#include "app/state_owner.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>

#include "lua/bundle.h"
#include "loop/loop.h"
#include "lua/module.h"

struct tl_state_owner {
    lua_State *L;  /* NULL once the script is finished */
    tl_loop *loop; /* to be closed after the state */
};

static int preload(lua_State *L)
{
    /* nothing made here is garbage: collecting would be a third of the start */
    lua_gc(L, LUA_GCSTOP, 0);
    luaL_openlibs(L);
    tl_bundle_preload(L);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "timerlua.app.program");
    lua_call(L, 1, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "timerlua.app.program");
    lua_gc(L, LUA_GCRESTART, 0);
    return 0;
}

static void complain(lua_State *L)
{
    const char *text = lua_tostring(L, -1);
    fprintf(stderr, "timerlua: %s\n", text ? text : "(error without text)");
    lua_pop(L, 1);
}

tl_state_owner *tl_state_owner_open(void)
{
    tl_state_owner *owner = calloc(1, sizeof *owner);
    lua_State *L = luaL_newstate();
    if (owner == NULL || L == NULL) {
        fprintf(stderr, "timerlua: cannot open a Lua state: no memory\n");
        free(owner);
        if (L != NULL)
            lua_close(L);
        return NULL;
    }
    owner->L = L;
    if (lua_cpcall(L, preload, NULL) != 0) {
        complain(L);
        tl_state_owner_close(owner);
        return NULL;
    }
    lua_settop(L, 0); /* values left by preload */
    return owner;
}

int tl_state_owner_finish(tl_state_owner *owner)
{
    /* finalizers of the script may still ask the loop for the time, or print */
    owner->loop = tl_state_owner_loop(owner);
    tl_module_closing(owner->L);
    lua_close(owner->L);
    owner->L = NULL;
    return owner->loop != NULL ? tl_standard_end(owner->loop) : 0;
}

void tl_state_owner_close(tl_state_owner *owner)
{
    if (owner->L != NULL)
        (void)tl_state_owner_finish(owner);
    if (owner->loop != NULL)
        tl_loop_close(owner->loop);
    free(owner);
}

tl_loop *tl_state_owner_loop(tl_state_owner *owner)
{
    return tl_module_loop(owner->L);
}

int tl_state_owner_run(tl_state_owner *owner, int argc, char **argv,
                       int *signal)
{
    lua_State *L = owner->L;
    *signal = 0;
    lua_getfield(L, LUA_REGISTRYINDEX, "timerlua.app.program");
    lua_getfield(L, -1, "main");
    lua_remove(L, -2);
    if (!lua_checkstack(L, argc + LUA_MINSTACK)) {
        fprintf(stderr, "timerlua: too many arguments (%d)\n", argc - 1);
        return 2;
    }
    for (int i = 0; i < argc; i++)
        lua_pushstring(L, argv[i]);
    if (lua_pcall(L, argc, 2, 0) != 0) {
        complain(L);
        return 1;
    }
    int code = (int)lua_tointeger(L, -2);
    *signal = (int)lua_tointeger(L, -1);
    lua_pop(L, 2);
    return code;
}
