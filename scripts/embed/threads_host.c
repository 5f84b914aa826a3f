/* Four threads with a runtime each, which share nothing and pass a number on
   by posting it to the next one:
       cc threads_host.c $(pkg-config --cflags --libs timerlua) -pthread \
           -o threads_host
       ./threads_host */
#include <lauxlib.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <timerlua.h>

enum { THREADS = 4, LAPS = 250 };

static const char script[] = "local tl = require 'timerlua'\n"
                             "tl.on('post', function(name, bytes)\n"
                             "  seen = (seen or 0) + 1\n"
                             "  pass(tonumber(bytes) + 1)\n"
                             "end)\n";

static tl_runtime *runtimes[THREADS];
static pthread_barrier_t all_there;

/* pass(n): post n to the next runtime, or end all of them. */
static int pass(lua_State *L)
{
    int self = (int)lua_tointeger(L, lua_upvalueindex(1));
    int n = (int)luaL_checkinteger(L, 1);
    const char *text = lua_tostring(L, 1);
    if (n > THREADS * LAPS)
        for (int i = 0; i < THREADS; i++)
            tl_stop(runtimes[i], 0);
    else
        tl_post_event(runtimes[(self + 1) % THREADS], "n", text, strlen(text));
    return 0;
}

static void *work(void *number)
{
    int self = *(int *)number, seen = 0;
    tl_config config = {.size = sizeof config, .flags = TL_KEEP_RUNNING};
    tl_runtime *runtime = runtimes[self] = tl_new(&config);
    lua_State *L = tl_lua(runtime);
    lua_pushinteger(L, self);
    lua_pushcclosure(L, pass, 1);
    lua_setglobal(L, "pass");
    if (tl_load_string(runtime, script, strlen(script), "=script") < 0)
        fprintf(stderr, "%s\n", tl_error(runtime));
    pthread_barrier_wait(&all_there);
    if (self == 0)
        tl_post_event(runtime, "n", "1", 1);
    int status = tl_run(runtime);
    lua_getglobal(L, "seen");
    seen = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    printf("thread %d: %d posts, status %d\n", self, seen, status);
    pthread_barrier_wait(&all_there); /* nobody posts any more */
    tl_free(runtime);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    int numbers[THREADS];
    pthread_barrier_init(&all_there, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        if (pthread_create(&threads[i], NULL, work, &numbers[i]) != 0)
            return 1;
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
