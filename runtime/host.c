/* The host of a Lua state: see host.h. */
#include "host.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>

#include "bundle.h"
#include "loop.h"
#include "module.h"

struct tl_host {
    lua_State *L;  /* NULL once it is finished */
    tl_loop *loop; /* to be closed after it */
};

static int preload(lua_State *L)
{
    /* nothing made here is garbage: collecting would be a third of the start */
    lua_gc(L, LUA_GCSTOP, 0);
    luaL_openlibs(L);
    tl_bundle_preload(L);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "timerlua.program");
    lua_call(L, 1, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "timerlua.program");
    lua_gc(L, LUA_GCRESTART, 0);
    return 0;
}

static void complain(lua_State *L)
{
    const char *text = lua_tostring(L, -1);
    fprintf(stderr, "timerlua: %s\n", text ? text : "(error without text)");
    lua_pop(L, 1);
}

tl_host *tl_host_open(void)
{
    tl_host *host = calloc(1, sizeof *host);
    lua_State *L = luaL_newstate();
    if (host == NULL || L == NULL) {
        fprintf(stderr, "timerlua: cannot open a Lua state: no memory\n");
        free(host);
        if (L != NULL)
            lua_close(L);
        return NULL;
    }
    host->L = L;
    if (lua_cpcall(L, preload, NULL) != 0) {
        complain(L);
        tl_host_close(host);
        return NULL;
    }
    lua_settop(L, 0); /* what preload left */
    return host;
}

int tl_host_finish(tl_host *host)
{
    /* finalizers of the script may still ask the loop for the time, or print */
    host->loop = tl_host_loop(host);
    tl_module_closing(host->L);
    lua_close(host->L);
    host->L = NULL;
    return host->loop != NULL ? tl_standard_end(host->loop) : 0;
}

void tl_host_close(tl_host *host)
{
    if (host->L != NULL)
        (void)tl_host_finish(host);
    if (host->loop != NULL)
        tl_loop_close(host->loop);
    free(host);
}

tl_loop *tl_host_loop(tl_host *host)
{
    return tl_module_loop(host->L);
}

int tl_host_run(tl_host *host, int argc, char **argv, int *signal)
{
    lua_State *L = host->L;
    *signal = 0;
    lua_getfield(L, LUA_REGISTRYINDEX, "timerlua.program");
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
