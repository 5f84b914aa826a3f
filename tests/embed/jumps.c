/* Callbacks that are left by longjmp: the runtime is stuck, and tl_abandon
   releases all it had. */
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <setjmp.h>

#include "host.h"

static jmp_buf home;

static void on_timer(tl_runtime *runtime, uint64_t id, void *argument)
{
    (void)runtime, (void)id, (void)argument;
    longjmp(home, 1);
}

static void on_post(tl_runtime *runtime, void *argument)
{
    (void)runtime, (void)argument;
    longjmp(home, 1);
}

static void on_log(tl_runtime *runtime, const char *text, size_t length,
                   void *data)
{
    (void)runtime, (void)text, (void)length, (void)data;
    longjmp(home, 1);
}

static int from_script(lua_State *L)
{
    (void)L;
    longjmp(home, 1);
}

static int finalized;

static int on_gc(lua_State *L)
{
    (void)L;
    finalized++;
    return 0;
}

static void by_timer(void)
{
    REQUIRE(tl_after(rt, 0, on_timer, NULL, NULL) == 0);
}

static void by_post(void)
{
    REQUIRE(tl_post(rt, on_post, NULL) == 0);
}

static void by_task(void)
{
    REQUIRE(load("tl.after(0, function() tl.sleep(0)\n"
                 "  pcall(jump) end)") == 0);
}

static void by_log(void)
{
    REQUIRE(load("tl.after(0, print)") == 0);
}

static void by_call(void)
{
    (void)tl_call(rt, "jump", "");
}

static void by_load(void)
{
    (void)load("jump()");
}

static void by_sort(void)
{
    (void)load("table.sort({ 1, 2, 3 }, jump)");
}

static void by_finalizer(void)
{
    (void)load("getmetatable(newproxy(true)).__gc = jump collectgarbage()");
}

static void (*const ways[])(void) = {by_timer, by_post, by_task, by_log,
                                     by_call,  by_load, by_sort, by_finalizer};

static int count_descriptors(void)
{
    int found = 0;
    for (int fd = 0; fd < 256; fd++)
        found += fcntl(fd, F_GETFD) >= 0;
    return found;
}

static void make(void)
{
    tl_config config = {.size = sizeof config, .on_log = on_log};
    REQUIRE((rt = tl_new(&config)) != NULL);
    lua_State *L = tl_lua(rt);
    lua_register(L, "jump", from_script);
    lua_newuserdata(L, 1);
    lua_newtable(L);
    lua_pushcfunction(L, on_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    lua_setglobal(L, "kept");
    REQUIRE(load("tl = require 'timerlua'\n"
                 "tl.listen('127.0.0.1:0', print)\n"
                 "tl.every(60, print) tl.spawn(tl.sleep, 60)") == 0);
}

int main(void)
{
    int before = count_descriptors();
    for (volatile size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        make();
        if (setjmp(home) == 0) {
            ways[i]();
            for (int steps = 0; steps < 100; steps++) {
                REQUIRE(readable(5000) == 1);
                (void)tl_step(rt, 0);
            }
            REQUIRE(!"left by a jump");
        }
        if (i < 4)
            REQUIRE(tl_step(rt, 0) == -EBUSY && tl_run(rt) == -EBUSY);
        REQUIRE(tl_free(rt) == -EBUSY);
        REQUIRE(strstr(tl_error(rt), "a jump"));
        REQUIRE(tl_abandon(rt) == 0);
        REQUIRE(finalized == (int)i + 1);
        REQUIRE(count_descriptors() == before);
    }
    REQUIRE(tl_abandon(NULL) == 0);
    make(); /* also one that is in order */
    REQUIRE(tl_abandon(rt) == 0 && count_descriptors() == before);
    return 0;
}
