/* Three ways to run callbacks from C's events, the decision behind
   runtime/lua/dispatch.c: a loop in Lua that pulls ids from an array through
   the FFI, and a C loop that calls each with lua_pcall or with lua_resume on a
   coroutine that is used again. 1, 64 and 1000 distinct callbacks; ns each,
   the median of 5 rounds. dispatch: prints a line for each.

   cc -O2 $(pkg-config --cflags luajit) dispatch.c $(pkg-config --libs luajit)
 */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { EVENTS = 1024, TURNS = 2000, ROUNDS = 3 };

/* What the Lua loop pulls its batch from; found by ffi.C. */
int events[EVENTS];

static const char setup[] =
    "local ffi, n = require 'ffi', ...\n"
    "pcall(ffi.cdef, 'extern int events[];')\n"
    "count = 0\n"
    "fns = {}\n"
    "for i = 1, n do\n"
    "  fns[i] = loadstring('return function() count = count + 1 end')()\n"
    "end\n"
    "function lua_loop()\n"
    "  local events, fns, pcall = ffi.C.events, fns, pcall\n"
    "  for i = 0, 1023 do\n"
    "    local ok, err = pcall(fns[events[i]])\n"
    "    if not ok then print(err) end\n"
    "  end\n"
    "end\n";

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void lua_loop(lua_State *L)
{
    lua_getglobal(L, "lua_loop");
    lua_call(L, 0, 0);
}

static void c_pcall(lua_State *L)
{
    lua_getglobal(L, "fns");
    for (int i = 0; i < EVENTS; i++) {
        lua_rawgeti(L, -1, events[i]);
        if (lua_pcall(L, 0, 0, 0) != 0)
            puts(lua_tostring(L, -1));
    }
    lua_pop(L, 1);
}

static void c_resume(lua_State *L)
{
    lua_State *co = lua_newthread(L);
    lua_getglobal(L, "fns");
    for (int i = 0; i < EVENTS; i++) {
        lua_rawgeti(L, -1, events[i]);
        lua_xmove(L, co, 1);
        if (lua_resume(co, 0) != 0)
            puts(lua_tostring(co, -1));
        lua_settop(co, 0);
    }
    lua_pop(L, 2);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double measure(int distinct, void (*dispatch)(lua_State *))
{
    double rounds[ROUNDS];
    for (int r = 0; r < ROUNDS; r++) {
        lua_State *L = luaL_newstate();
        luaL_openlibs(L);
        luaL_loadstring(L, setup);
        lua_pushinteger(L, distinct);
        lua_call(L, 1, 0);
        for (int i = 0; i < EVENTS; i++)
            events[i] = 1 + i % distinct;
        for (int t = 0; t < TURNS / 10; t++)
            dispatch(L); /* until what is hot is compiled */
        double start = now_ns();
        for (int t = 0; t < TURNS; t++)
            dispatch(L);
        rounds[r] = (now_ns() - start) / TURNS / EVENTS;
        lua_close(L);
    }
    qsort(rounds, ROUNDS, sizeof *rounds, by_size);
    return rounds[ROUNDS / 2];
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*dispatch)(lua_State *);
    } ways[] = {{"lua", lua_loop}, {"pcall", c_pcall}, {"resume", c_resume}};
    static const int counts[] = {1, 64, 1000};
    for (int w = 0; w < 3; w++) {
        if (argc != 2 || strcmp(argv[1], ways[w].name) != 0)
            continue;
        for (int c = 0; c < 3; c++)
            printf("fns_%d_ns %.1f\n", counts[c],
                   measure(counts[c], ways[w].dispatch));
        return 0;
    }
    fprintf(stderr, "usage: dispatch lua|pcall|resume\n");
    return 2;
}
