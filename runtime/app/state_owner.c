/* The owner of the Lua state: see state_owner.h. */
#include "app/state_owner.h"

#include <lauxlib.h>
#include <luajit.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua/bundle.h"
#include "loop/loop.h"
#include "lua/module.h"
#include "lua/state.h"

struct tl_state_owner {
    lua_State *L;  /* NULL once the script is finished */
    tl_loop *loop; /* to be closed after the state */
    const tl_dispatcher *dispatcher;
    uint32_t resumes; /* of coroutines, when they were last looked at */
};

typedef struct tl_allocator {
    lua_Alloc function;
    void *data;
} tl_allocator;

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
    int status = lua_cpcall(L, preload, NULL);
    owner->dispatcher = tl_dispatcher_of(L);
    owner->loop = tl_module_loop(L);
    if (status != 0) {
        complain(L);
        tl_state_owner_close(owner);
        return NULL;
    }
    lua_settop(L, 0); /* values left by preload */
    return owner;
}

/* An allocator that frees nothing. */
static void *keep(void *data, void *block, size_t before, size_t after)
{
    const tl_allocator *lua = data;
    return after == 0 ? NULL : lua->function(lua->data, block, before, after);
}

/* Run the finalizers, but leave the memory to the kernel: freeing each object
   was a sixth of the start and end of an empty script. */
static void close_state(lua_State *L)
{
    tl_allocator lua;
    lua.function = lua_getallocf(L, &lua.data);
    lua_setallocf(L, keep, &lua);
    lua_close(L);
}

int tl_state_owner_finish(tl_state_owner *owner)
{
    /* finalizers of the script may still ask the loop for the time, or print */
    tl_module_closing(owner->L);
    close_state(owner->L);
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

tl_loop *tl_state_owner_loop(const tl_state_owner *owner)
{
    return owner->loop;
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

/* --- in a signal handler ------------------------------------------------- */

double tl_state_owner_grace(const tl_state_owner *owner)
{
    return owner->loop->shared.stop_grace_s;
}

bool tl_state_owner_is_held(tl_state_owner *owner)
{
    uint32_t before = owner->resumes;
    owner->resumes = owner->loop->shared.resumes;
    bool same = owner->resumes == before;
    return tl_loop_has_reason(owner->loop) ||
           (owner->dispatcher->current != NULL && same);
}

/* Lua has been interrupted anywhere. Neither the collector nor the compiler
   must go on from there; main's own state is at rest, for it runs the loop. */
size_t tl_state_owner_holder(tl_state_owner *owner, int number, char *text,
                             size_t size)
{
    lua_State *L = owner->L;
    (void)lua_gc(L, LUA_GCSTOP, 0);
    (void)luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
    lua_getfield(L, LUA_REGISTRYINDEX, "timerlua.app.program");
    lua_getfield(L, -1, "holder");
    lua_pushinteger(L, number);
    size_t length = 0;
    if (lua_pcall(L, 1, 1, 0) != 0)
        return 0;
    const char *told = lua_tolstring(L, -1, &length);
    if (told == NULL)
        return 0;
    length = length < size ? length : size;
    memcpy(text, told, length);
    return length;
}
