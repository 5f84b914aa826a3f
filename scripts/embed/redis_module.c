/* A Redis module: redis-server's own loop polls tl_fd, and a script has timers
   and sockets that act on keys by redis.call(command, arguments...):
       cc -shared -fPIC redis_module.c \
           $(pkg-config --cflags --libs timerlua) -o redis_module.so
       cc -shared -fPIC redis_deepbind.c -o redis_deepbind.so
       redis-server --loadmodule $PWD/redis_deepbind.so \
           $PWD/redis_module.so $PWD/redis_keys.lua
   Redis 7 or later. redis_deepbind.c says why there are two. */
#include "redis_api.h"

#include <lauxlib.h>
#include <stdio.h>
#include <timerlua.h>

enum { BUDGET_NS = 1000000, MOST_ARGUMENTS = 32 };

static RedisModuleCtx *context;

static void on_error(tl_runtime *runtime, const char *text, size_t length,
                     void *data)
{
    (void)runtime, (void)data;
    RedisModule_Log(context, "warning", "%.*s", (int)length, text);
}

static int push_reply(lua_State *L, RedisModuleCallReply *reply)
{
    size_t length;
    int type = reply != NULL ? RedisModule_CallReplyType(reply) : -1;
    int results = 1 + (type == REDISMODULE_REPLY_ERROR || reply == NULL);
    if (type == REDISMODULE_REPLY_INTEGER)
        lua_pushnumber(L, (lua_Number)RedisModule_CallReplyInteger(reply));
    else if (type != REDISMODULE_REPLY_STRING)
        lua_pushnil(L); /* no value, or a list, which this example leaves out */
    if (reply == NULL) {
        lua_pushliteral(L, "no such command, or not these arguments");
    } else if (type == REDISMODULE_REPLY_STRING || results == 2) {
        const char *bytes = RedisModule_CallReplyStringPtr(reply, &length);
        lua_pushlstring(L, bytes, length);
    }
    return results;
}

/* Numbers as in Redis's own scripts: Lua would write 1e14 as 1e+14. */
static void check_text(lua_State *L, int index)
{
    char digits[32];
    if (lua_type(L, index) == LUA_TNUMBER) {
        snprintf(digits, sizeof digits, "%.17g", lua_tonumber(L, index));
        lua_pushstring(L, digits);
        lua_replace(L, index);
    }
    (void)luaL_checkstring(L, index);
}

/* redis.call(command, ...): a number, a text, nil, or nil and a message. */
static int call(lua_State *L)
{
    RedisModuleString *arguments[MOST_ARGUMENTS];
    size_t count = (size_t)lua_gettop(L) - 1, length;
    const char *command = luaL_checkstring(L, 1);
    if (count > MOST_ARGUMENTS)
        return luaL_argerror(L, MOST_ARGUMENTS + 2,
                             lua_pushfstring(L, "at most %d arguments, got %d",
                                             MOST_ARGUMENTS, (int)count));
    for (size_t i = 0; i < count; i++)
        check_text(L, (int)i + 2); /* nothing is to be freed yet */
    for (size_t i = 0; i < count; i++) {
        const char *bytes = lua_tolstring(L, (int)i + 2, &length);
        arguments[i] = RedisModule_CreateString(context, bytes, length);
    }
    /* v: a vector; !: for replicas and the AOF too; E: errors are replies */
    RedisModuleCallReply *reply =
        RedisModule_Call(context, command, "!Ev", arguments, count);
    for (size_t i = 0; i < count; i++)
        RedisModule_FreeString(context, arguments[i]);
    int results = push_reply(L, reply);
    if (reply != NULL)
        RedisModule_FreeCallReply(reply);
    return results;
}

static void step(int fd, void *runtime, int mask)
{
    int state = tl_step(runtime, BUDGET_NS);
    if (state >= 0 && state != TL_DONE)
        return;
    RedisModule_EventLoopDel(fd, mask);
    if (state < 0)
        RedisModule_Log(context, "warning", "%s", tl_error(runtime));
    RedisModule_Log(context, "notice", "the script ended: %d", state);
}

static tl_runtime *open(const char *path)
{
    static const luaL_Reg functions[] = {{"call", call}, {NULL, NULL}};
    tl_config config = {.size = sizeof config, .on_error = on_error};
    tl_runtime *runtime = tl_new(&config);
    if (runtime == NULL)
        return NULL;
    luaL_register(tl_lua(runtime), "redis", functions);
    lua_pop(tl_lua(runtime), 1);
    if (tl_load_file(runtime, path) == 0)
        return runtime;
    RedisModule_Log(context, "warning", "%s", tl_error(runtime));
    tl_free(runtime);
    return NULL;
}

int RedisModule_OnLoad(RedisModuleCtx *ctx, RedisModuleString **argv, int argc)
{
    if (argc != 1 || redis_find_api(ctx) != 0)
        return REDISMODULE_ERR;
    RedisModule_SetModuleAttribs(ctx, "timerlua", 1, REDISMODULE_APIVER_1);
    context = RedisModule_GetDetachedThreadSafeContext(ctx);
    tl_runtime *runtime = open(RedisModule_StringPtrLen(argv[0], NULL));
    if (runtime == NULL)
        return REDISMODULE_ERR;
    return RedisModule_EventLoopAdd(
        tl_fd(runtime), REDISMODULE_EVENTLOOP_READABLE, step, runtime);
}
