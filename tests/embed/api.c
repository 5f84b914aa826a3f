/* Single promises of timerlua.h: api CASE, or api all for the cases that end as
   they began, in one process. */
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <timerlua.h>
#include <unistd.h>

#include "require.h"

static int ran;

static void count(tl_runtime *runtime, uint64_t id, void *argument)
{
    (void)runtime, (void)id;
    ran++;
    if (argument != NULL)
        *(int *)argument += 1;
}

static int load(const char *code)
{
    return tl_load_string(rt, code, strlen(code), NULL);
}

static int readable(int timeout_ms)
{
    struct pollfd fd = {.fd = tl_fd(rt), .events = POLLIN};
    return poll(&fd, 1, timeout_ms);
}

static int finish(void)
{
    int result = TL_IDLE;
    while (result >= 0 && result != TL_DONE) {
        REQUIRE(readable(5000) == 1);
        result = tl_step(rt, 0);
    }
    return result;
}

static tl_runtime_stats stats(void)
{
    tl_runtime_stats s;
    REQUIRE(tl_stats(rt, &s, sizeof s) == 0);
    return s;
}

/* --- cases -------------------------------------------------------------- */

static void test_timers(void)
{
    uint64_t once, every, none;
    REQUIRE(tl_after(rt, 1000000, count, NULL, &once) == 0);
    REQUIRE(tl_every(rt, 500000, count, NULL, &every) == 0);
    REQUIRE(tl_after(rt, 0, count, NULL, &none) == 0);
    REQUIRE(once != every && every != none && once != 0);
    REQUIRE(tl_cancel(rt, none) == 1 && tl_cancel(rt, none) == 0);
    REQUIRE(tl_cancel(rt, 0) == 0 && tl_cancel(rt, UINT64_MAX) == 0);
    while (ran < 5)
        REQUIRE(readable(1000) == 1 && tl_step(rt, 0) >= 0);
    REQUIRE(tl_cancel(rt, once) == 0 && tl_cancel(rt, every) == 1);
    REQUIRE(tl_step(rt, 0) == TL_DONE && tl_next(rt) == -1);
    uint64_t again;
    REQUIRE(tl_after(rt, 0, count, NULL, &again) == 0);
    REQUIRE(again != once && again != every && again != none);
    REQUIRE(tl_after(rt, -1, count, NULL, NULL) == -EINVAL);
    REQUIRE(tl_every(rt, 0, count, NULL, NULL) == -EINVAL);
    REQUIRE(tl_after(rt, 0, NULL, NULL, NULL) == -EINVAL);
    REQUIRE(finish() == TL_DONE);
}

static uint64_t self;

static void cancel_itself(tl_runtime *runtime, uint64_t id, void *argument)
{
    ran++;
    REQUIRE(id == self && tl_cancel(runtime, id) == (argument != NULL));
    REQUIRE(tl_cancel(runtime, id) == 0);
}

static void test_cancel_inside(void)
{
    REQUIRE(tl_after(rt, 0, cancel_itself, NULL, &self) == 0);
    REQUIRE(finish() == TL_DONE && ran == 1);
    REQUIRE(tl_every(rt, 1000, cancel_itself, &self, &self) == 0);
    REQUIRE(finish() == TL_DONE && ran == 2 && stats().timers == 0);
}

static void test_batches(void)
{
    enum { MANY = 5000 };
    for (int i = 0; i < MANY; i++)
        REQUIRE(tl_after(rt, 0, count, NULL, NULL) == 0);
    REQUIRE(readable(0) == 1 && tl_next(rt) == 0);
    REQUIRE(tl_step(rt, 0) == TL_MORE && ran > 0 && ran < MANY);
    REQUIRE(readable(0) == 1 && tl_next(rt) == 0);
    REQUIRE(tl_step(rt, 5000000000) == TL_DONE && ran == MANY);
    REQUIRE(tl_next(rt) == -1);
}

static void test_next(void)
{
    REQUIRE(tl_next(rt) == -1 && tl_step(rt, 0) == TL_DONE);
    REQUIRE(tl_after(rt, 3600000000000, count, NULL, NULL) == 0);
    int64_t next_ns = tl_next(rt);
    REQUIRE(next_ns > 3590000000000 && next_ns <= 3600000000000);
    REQUIRE(readable(0) == 0 && tl_step(rt, 0) == TL_IDLE);
    REQUIRE(tl_after(rt, 1000000, count, NULL, NULL) == 0);
    REQUIRE(tl_next(rt) <= 1000000 && readable(1000) == 1);
    REQUIRE(tl_step(rt, -1) == TL_IDLE && ran == 1);
}

static void on_watch(tl_runtime *runtime, uint64_t id, int fd, int ready,
                     void *argument)
{
    char byte;
    (void)runtime, (void)id;
    REQUIRE(fd == *(int *)argument && ready & TL_WATCH_READ);
    REQUIRE(read(fd, &byte, 1) == 1);
    ran++;
}

static void test_watch(void)
{
    int ends[2];
    uint64_t id;
    REQUIRE(pipe(ends) == 0);
    REQUIRE(tl_watch(rt, ends[0], TL_WATCH_READ, on_watch, ends, &id) == 0);
    REQUIRE(tl_watch(rt, ends[0], TL_WATCH_READ, on_watch, ends, NULL) ==
            -EEXIST);
    REQUIRE(tl_watch(rt, 4711, TL_WATCH_READ, on_watch, ends, NULL) == -EBADF);
    REQUIRE(tl_watch(rt, ends[0], 4, on_watch, ends, NULL) == -EINVAL);
    REQUIRE(readable(0) == 0 && tl_step(rt, 0) == TL_IDLE);
    REQUIRE(write(ends[1], "ab", 2) == 2 && readable(1000) == 1);
    REQUIRE(tl_step(rt, 0) == TL_IDLE && ran == 1);
    /* level-triggered: there is another byte */
    REQUIRE(readable(0) == 1 && tl_step(rt, 0) == TL_IDLE && ran == 2);
    REQUIRE(readable(0) == 0 && tl_cancel(rt, id) == 1);
    /* it is reported once that nothing is left */
    REQUIRE(readable(0) == 1 && tl_step(rt, 0) == TL_DONE && ran == 2);
    REQUIRE(write(ends[1], "c", 1) == 1 && readable(0) == 0);
    REQUIRE(tl_step(rt, 0) == TL_DONE && ran == 2);
    close(ends[0]);
    close(ends[1]);
}

static void test_call(void)
{
    double number = 0;
    int integer = 0, truth = 0;
    int64_t large = 0;
    const char *text = NULL, *bytes = NULL;
    size_t length = 0;
    void *pointer = NULL;
    REQUIRE(load("function echo(...) return ... end m = { f = echo }\n"
                 "function fail() error 'no' end\n"
                 "function object() error(setmetatable({}, { __tostring ="
                 " function() return 'an object' end })) end\n"
                 "function half() return 0.5 end\n"
                 "function quit() os.exit(3) end\n"
                 "function nap() require'timerlua'.sleep(0.001) n = 1 end") ==
            0);
    REQUIRE(tl_call(rt, "echo", "d>d", 1.5, &number) == 0 && number == 1.5);
    REQUIRE(tl_call(rt, "echo", "d>d", 2.5, &number) == 0 && number == 2.5);
    REQUIRE(tl_call(rt, "m.f", "sSdiIbpn>sSdiIbp", "a", "b\0c", (size_t)3, 0.5,
                    -7, (int64_t)1 << 53, 1, &pointer, &text, &bytes, &length,
                    &number, &integer, &large, &truth, &pointer) == 0);
    REQUIRE(strcmp(text, "a") == 0 && memcmp(bytes, "b\0c", 3) == 0);
    REQUIRE(length == 3 && number == 0.5 && integer == -7 && truth == 1);
    REQUIRE(large == (int64_t)1 << 53 && pointer == (void *)&pointer);
    REQUIRE(tl_call(rt, "echo", "sp>sp", NULL, NULL, &text, &pointer) == 0);
    REQUIRE(text == NULL && pointer == NULL);
    REQUIRE(tl_call(rt, "echo", "d>n", 1.0) == 0);
    REQUIRE(tl_call(rt, "echo", "d>d", 1.0, NULL) == 0);
    REQUIRE(tl_call(rt, "echo", "ds>s", 1.0, "x", &text) == -EDOM);
    REQUIRE(tl_call(rt, "echo", ">d", &number) == -EDOM);
    REQUIRE(tl_call(rt, "half", ">i", &integer) == -EDOM);
    REQUIRE(tl_call(rt, "echo", "d>i", 1e10, &integer) == -EDOM);
    REQUIRE(tl_call(rt, "echo", "I", ((int64_t)1 << 53) + 2) == -ERANGE);
    REQUIRE(tl_call(rt, "echo", "x") == -EINVAL);
    REQUIRE(tl_call(rt, "echo", "d>>d", 1.0) == -EINVAL);
    REQUIRE(tl_call(rt, NULL, "") == -EINVAL);
    REQUIRE(tl_call(rt, "nobody", "") == -ENOENT);
    REQUIRE(tl_call(rt, "m.g.h", "") == -ENOENT);
    REQUIRE(tl_call(rt, "m", "") == -ENOENT);
    REQUIRE(strcmp(tl_error(rt), "there is no function m") == 0);
    REQUIRE(tl_call(rt, "fail", "") == TL_ERAISED);
    REQUIRE(strstr(tl_error(rt), "no\nstack traceback:") != NULL);
    REQUIRE(tl_call(rt, "fail", "") == TL_ERAISED); /* the short way */
    REQUIRE(tl_call(rt, "object", "") == TL_ERAISED);
    REQUIRE(strncmp(tl_error(rt), "an object", 9) == 0);
    REQUIRE(tl_call(rt, "coroutine.yield", "") == TL_ERAISED);
    for (int i = 0; i < 3; i++)
        REQUIRE(tl_call(rt, "nap", "") == -EINPROGRESS);
    REQUIRE(finish() == TL_DONE && stats().tasks == 0);
    REQUIRE(tl_call(rt, "echo", "d>d", 4.5, &number) == 0 && number == 4.5);
    REQUIRE(tl_call(rt, "quit", "") == -ECANCELED);
    REQUIRE(finish() == TL_DONE && stats().status == 3);
}

static int call_back(lua_State *L)
{
    double number = 0;
    (void)L;
    ran++;
    REQUIRE(tl_call(rt, "twice", "d>d", 21.0, &number) == 0 && number == 42);
    REQUIRE(tl_call(rt, "nap", "") == TL_ERAISED); /* cannot wait here */
    REQUIRE(tl_step(rt, 0) == -EBUSY && tl_run(rt) == -EBUSY);
    REQUIRE(tl_free(rt) == -EBUSY && load("") == -EBUSY);
    REQUIRE(tl_after(rt, 0, count, NULL, NULL) == 0);
    return 0;
}

static void call_inside(tl_runtime *runtime, uint64_t id, void *argument)
{
    double number = 0;
    (void)id, (void)argument;
    ran++;
    REQUIRE(tl_call(runtime, "twice", "d>d", 4.0, &number) == 0);
    REQUIRE(tl_call(runtime, "nap", "") == -EINPROGRESS && number == 8);
    REQUIRE(tl_step(runtime, 0) == -EBUSY && tl_free(runtime) == -EBUSY);
    REQUIRE(load("n = 0 require'timerlua'.sleep(0.001) n = 1") == 0);
}

static void test_nested(void)
{
    lua_register(tl_lua(rt), "call_back", call_back);
    REQUIRE(
        load("local tl = require 'timerlua'\n"
             "function twice(x) return 2 * x end\n"
             "function nap() tl.sleep(0.001) end\n"
             "function outer() call_back() tl.sleep(0.001) call_back() end\n"
             "tl.after(0.001, call_back) call_back()") == 0);
    REQUIRE(luaL_dostring(tl_lua(rt), "nap()") != 0);
    REQUIRE(strstr(lua_tostring(tl_lua(rt), -1), "nothing can wait") != NULL);
    lua_settop(tl_lua(rt), 0);
    REQUIRE(tl_call(rt, "outer", "") == -EINPROGRESS);
    REQUIRE(tl_call(rt, "call_back", "") == 0);
    REQUIRE(tl_call(rt, "call_back", "") == 0);
    REQUIRE(tl_after(rt, 0, call_inside, NULL, NULL) == 0);
    REQUIRE(finish() == TL_DONE && ran == 6 + 6 + 1 && stats().errors == 0);
}

static void add_post(tl_runtime *runtime, void *argument)
{
    REQUIRE(runtime == rt);
    ran = ran % 100 * 10 + (int)(size_t)argument;
}

static void test_posts(void)
{
    char big[16384] = {0};
    REQUIRE(load("require'timerlua'.on('post', function(name, bytes)\n"
                 "  said = (said or '') .. name .. '=' .. bytes .. ';' end)\n"
                 "function what() return said end") == 0);
    REQUIRE(tl_step(rt, 0) == TL_IDLE && readable(0) == 0);
    for (size_t i = 1; i <= 3; i++)
        REQUIRE(tl_post(rt, add_post, (void *)i) == 0);
    REQUIRE(tl_post_event(rt, "a",
                          "1\0"
                          "2",
                          3) == 0);
    REQUIRE(tl_post_event(rt, "b", NULL, 0) == 0);
    REQUIRE(readable(0) == 1 && tl_next(rt) == 0);
    REQUIRE(tl_step(rt, 0) == TL_IDLE && ran == 123 && readable(0) == 0);
    const char *said;
    size_t length;
    REQUIRE(tl_call(rt, "what", ">S", &said, &length) == 0 && length == 9);
    REQUIRE(memcmp(said,
                   "a=1\0"
                   "2;b=;",
                   9) == 0);
    REQUIRE(tl_post(rt, NULL, NULL) == -EINVAL);
    REQUIRE(tl_post_event(rt, NULL, "", 0) == -EINVAL);
    REQUIRE(tl_post_event(rt, "big", big, sizeof big) == -EMSGSIZE);
    int posted = 0;
    while (tl_post(rt, add_post, NULL) == 0)
        posted++;
    REQUIRE(posted == 65536 / 32 && tl_post(rt, add_post, NULL) == -EAGAIN);
    REQUIRE(tl_step(rt, 0) == TL_IDLE && tl_post(rt, add_post, NULL) == 0);
    REQUIRE(tl_step(rt, 0) == TL_IDLE);
    REQUIRE(stats().posts == (uint64_t)posted + 6 && stats().refused == 3);
}

static void on_signal(int number)
{
    int saved = errno;
    (void)tl_post(rt, add_post, (void *)(size_t)(number == SIGUSR1 ? 1 : 2));
    errno = saved;
}

static void test_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal}, before;
    sigaction(SIGUSR1, &action, &before);
    REQUIRE(tl_step(rt, 0) == TL_DONE && readable(0) == 0);
    REQUIRE(raise(SIGUSR1) == 0 && readable(0) == 1);
    REQUIRE(tl_step(rt, 0) == TL_DONE && ran == 1);
    sigaction(SIGUSR1, &before, NULL);
}

static void *elsewhere(void *argument)
{
    double number;
    (void)argument;
    REQUIRE(tl_step(rt, 0) == TL_EWRONGTHREAD);
    REQUIRE(tl_run(rt) == TL_EWRONGTHREAD && tl_fd(rt) == TL_EWRONGTHREAD);
    REQUIRE(tl_next(rt) == TL_EWRONGTHREAD && tl_lua(rt) == NULL);
    REQUIRE(tl_after(rt, 0, count, NULL, NULL) == TL_EWRONGTHREAD);
    REQUIRE(tl_cancel(rt, 1) == TL_EWRONGTHREAD && load("") == TL_EWRONGTHREAD);
    REQUIRE(tl_call(rt, "x", ">d", &number) == TL_EWRONGTHREAD);
    REQUIRE(tl_free(rt) == TL_EWRONGTHREAD && tl_error(rt)[0] == 0);
    REQUIRE(tl_watch(rt, 0, 1, on_watch, NULL, NULL) == TL_EWRONGTHREAD);
    REQUIRE(tl_load_file(rt, "/dev/null") == TL_EWRONGTHREAD);
    REQUIRE(tl_post(rt, add_post, (void *)5) == 0 && tl_stop(rt, 9) == 0);
    return NULL;
}

static void test_threads(void)
{
    pthread_t thread;
    REQUIRE(tl_after(rt, 3600000000000, count, NULL, NULL) == 0);
    REQUIRE(pthread_create(&thread, NULL, elsewhere, NULL) == 0);
    pthread_join(thread, NULL);
    REQUIRE(readable(0) == 1 && tl_step(rt, 0) == TL_DONE);
    REQUIRE(stats().status == 9 && tl_step(rt, 0) == TL_IDLE && ran == 5);
    REQUIRE(tl_stop(rt, 256) == -EINVAL && tl_stop(NULL, 0) == -EINVAL);
    REQUIRE(tl_step(NULL, 0) == -EINVAL && tl_free(NULL) == 0);
    REQUIRE(tl_error(NULL)[0] == 0 && tl_post(NULL, add_post, NULL) == -EINVAL);
}

static int forked;

static int exit_child(lua_State *L)
{
    (void)L;
    if (forked)
        _exit(3);
    return 0;
}

static void test_fork(void)
{
    REQUIRE(tl_after(rt, 2000000, count, NULL, NULL) == 0);
    lua_State *L = tl_lua(rt);
    lua_newuserdata(L, 1); /* its finalizer is for the parent to run */
    lua_newtable(L);
    lua_pushcfunction(L, exit_child);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    lua_setglobal(L, "last");
    forked = 0;
    pid_t child = fork();
    if (child == 0) {
        forked = 1;
        REQUIRE(tl_step(rt, 0) == -ECHILD && tl_run(rt) == -ECHILD);
        REQUIRE(tl_post(rt, add_post, NULL) == -ECHILD);
        REQUIRE(tl_stop(rt, 0) == -ECHILD && tl_fd(rt) == -ECHILD);
        REQUIRE(tl_after(rt, 0, count, NULL, NULL) == -ECHILD);
        REQUIRE(load("x = 1") == -ECHILD && tl_next(rt) == -ECHILD);
        REQUIRE(tl_free(rt) == 0);
        _exit(0);
    }
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child && status == 0);
    REQUIRE(finish() == TL_DONE && ran == 1);
}

static void test_stop(void)
{
    REQUIRE(load("local tl = require 'timerlua' tl.every(60, function() end)\n"
                 "tl.on('stop', function(why, code) heard = why .. code\n"
                 "  tl.sleep(0.002) end)\n"
                 "function what() return heard end") == 0);
    REQUIRE(tl_step(rt, 0) == TL_IDLE && tl_stop(rt, 4) == 0);
    REQUIRE(finish() == TL_DONE && stats().status == 4);
    const char *heard;
    REQUIRE(tl_call(rt, "what", ">s", &heard) == 0);
    REQUIRE(strcmp(heard, "stop4") == 0);
    REQUIRE(tl_stop(rt, 5) == 0 && tl_run(rt) == 5);
    REQUIRE(load("os.exit(6)") == 0 && tl_run(rt) == 6);
    REQUIRE(load("os.exit(true)") == 0 && finish() == TL_DONE);
    REQUIRE(stats().status == 0 && stats().errors == 0);
}

static void test_load(void)
{
    char path[] = "/tmp/timerlua_load_XXXXXX";
    int fd = mkstemp(path);
    static const char script[] = "#!/usr/bin/env timerlua\nerror 'here'\n";
    REQUIRE(write(fd, script, sizeof script - 1) == sizeof script - 1);
    REQUIRE(tl_load_file(rt, path) == TL_ERAISED);
    REQUIRE(strstr(tl_error(rt), ":2: here") != NULL);
    REQUIRE(tl_load_file(rt, "/nonexistent/x.lua") == -ENOENT);
    REQUIRE(strstr(tl_error(rt), "/nonexistent/x.lua") != NULL);
    REQUIRE(tl_load_file(rt, "/") == -EISDIR);
    REQUIRE(tl_load_file(rt, NULL) == -EINVAL);
    REQUIRE(load("x = = 1") == -ENOEXEC && load("error()") == TL_ERAISED);
    REQUIRE(tl_load_string(rt, "x = nil .. 1", 12, "=config") == TL_ERAISED);
    REQUIRE(strncmp(tl_error(rt), "config:1: ", 10) == 0);
    REQUIRE(tl_load_string(rt, NULL, 3, NULL) == -EINVAL);
    REQUIRE(tl_load_string(rt, NULL, 0, NULL) == 0);
    close(fd);
    unlink(path);
}

static void test_config(void)
{
    tl_config config = {.size = 4};
    REQUIRE(tl_new(&config) == NULL && errno == EINVAL);
    config.size = sizeof config + 8;
    REQUIRE(tl_new(&config) == NULL && errno == EINVAL);
    config = (tl_config){.size = sizeof config, .flags = 1u << 31};
    REQUIRE(tl_new(&config) == NULL && errno == EINVAL);
    config = (tl_config){.size = sizeof config, .warn_callback_ns = -1};
    REQUIRE(tl_new(&config) == NULL && errno == EINVAL);
    config = (tl_config){.size = offsetof(tl_config, max_tasks)};
    tl_runtime *old = tl_new(&config);
    REQUIRE(old != NULL && tl_free(old) == 0);
    config = (tl_config){.size = sizeof config, .max_timers = 2};
    tl_runtime *few = tl_new(&config);
    REQUIRE(tl_after(few, 1, count, NULL, NULL) == 0);
    REQUIRE(tl_after(few, 1, count, NULL, NULL) == 0);
    REQUIRE(tl_after(few, 1, count, NULL, NULL) == TL_ELIMIT);
    REQUIRE(strstr(tl_error(few), "as many are in use") != NULL);
    REQUIRE(tl_free(few) == 0);
}

static void test_virtual(void)
{
    tl_config config = {.size = sizeof config, .flags = TL_VIRTUAL_CLOCK};
    tl_runtime *outer = rt;
    REQUIRE((rt = tl_new(&config)) != NULL);
    REQUIRE(tl_after(rt, 3600000000000, count, NULL, NULL) == 0);
    REQUIRE(load("require'timerlua'.sleep('1d')") == 0);
    REQUIRE(finish() == TL_DONE && ran == 1 && tl_free(rt) == 0);
    rt = outer;
}

/* Freed in the midst of everything: valgrind checks the remains. */
static void test_free(void)
{
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    for (int state = 0; state < 3; state++) {
        tl_runtime *outer = rt;
        REQUIRE((rt = tl_new(NULL)) != NULL);
        REQUIRE(tl_watch(rt, ends[0], TL_WATCH_READ, on_watch, ends, NULL) ==
                0);
        REQUIRE(tl_every(rt, 1000000, count, NULL, NULL) == 0);
        REQUIRE(load("local tl = require 'timerlua'\n"
                     "local channel = tl.channel(1)\n"
                     "tl.spawn(function() channel:receive() end)\n"
                     "tl.on('stop', function() tl.sleep(1) end)\n"
                     "local l = tl.listen('127.0.0.1:0', function(c)\n"
                     "  c:receive('*a') end)\n"
                     "local c = tl.connect(l:sock())\n"
                     "c:settimeout(10) local big = ('x'):rep(2 ^ 20)\n"
                     "tl.every(0.001, function() tl.stop() tl.sleep(1) end)\n"
                     "for i = 1, 100 do tl.after(i, function() end) end\n"
                     "for _ = 1, 100 do c:send(big) end") == 0);
        for (int i = 0; i < 10 * state; i++)
            REQUIRE(tl_step(rt, 0) >= 0);
        REQUIRE(tl_post(rt, add_post, NULL) == 0);
        REQUIRE(tl_post_event(rt, "never", "seen", 4) == 0);
        REQUIRE(tl_free(rt) == 0);
        rt = outer;
    }
    close(ends[0]);
    close(ends[1]);
}

/* Whatever memory is lacking for, an error reports it. */
static void test_memory(void)
{
    static const char script[] =
        "local tl = require 'timerlua'\n"
        "function join(a, b) return a .. b end\n"
        "local kept = {}\n"
        "tl.on('post', function(n, b) kept[#kept + 1] = n .. b .. #kept end)\n"
        "for i = 1, 20 do tl.spawn(function() tl.sleep(i / 1e4)\n"
        "  kept[#kept + 1] = ('x'):rep(500 * i) end) end\n"
        "tl.every(0.0002, function() kept[#kept + 1] = ('y'):rep(99) .. #kept\n"
        "  tl.sleep(0.0001) end)\n";
    tl_runtime *outer = rt;
    int failures = 0;
    for (size_t limit = 400000; limit < 800000; limit += 5000) {
        tl_config config = {.size = sizeof config,
                            .max_memory = limit,
                            .flags = TL_VIRTUAL_CLOCK};
        const char *text;
        REQUIRE((rt = tl_new(&config)) != NULL);
        int loaded = load(script);
        REQUIRE(loaded == 0 || loaded == -ENOMEM || loaded == TL_ERAISED);
        for (int i = 0; i < 200; i++) {
            char bytes[100];
            memset(bytes, 'a' + i % 26, sizeof bytes);
            REQUIRE(tl_post_event(rt, "n", bytes, (size_t)i % 100) == 0);
            int error = tl_call(rt, "join", "SS>s", bytes, (size_t)50, bytes,
                                (size_t)(i % 100), &text);
            REQUIRE(error == 0 || error == -ENOMEM || error == TL_ERAISED ||
                    (error == -ENOENT && loaded != 0));
            failures += error != 0;
            int result = tl_step(rt, 0);
            REQUIRE(result >= 0 || result == -ENOMEM || result == TL_ERAISED);
        }
        REQUIRE(stats().lua_bytes < limit + 400000);
        REQUIRE(tl_free(rt) == 0);
    }
    REQUIRE(failures > 0);
    rt = outer;
}

/* State that the library may not change. */
static void test_process(void)
{
    sigset_t before = {0}, after = {0};
    struct sigaction actions[32], action;
    for (int number = 1; number < 32; number++)
        REQUIRE(sigaction(number, NULL, &actions[number]) == 0);
    sigprocmask(SIG_SETMASK, NULL, &before);
    tl_runtime *one = tl_new(NULL);
    REQUIRE(tl_load_string(one, "x = 1", 5, NULL) == 0 && tl_run(one) == 0);
    for (int number = 1; number < 32; number++) {
        REQUIRE(sigaction(number, NULL, &action) == 0);
        REQUIRE(action.sa_handler == actions[number].sa_handler);
    }
    sigprocmask(SIG_SETMASK, NULL, &after);
    REQUIRE(memcmp(&before, &after, sizeof before) == 0);
    REQUIRE(tl_free(one) == 0);
    REQUIRE(strcmp(tl_version(), "0.1.0") == 0);
}

/* By the Lua API alone, without the library's knowledge. */
static void do_lua(const char *code)
{
    REQUIRE(luaL_dostring(tl_lua(rt), code) == 0);
    lua_settop(tl_lua(rt), 0);
}

static void test_outside(void)
{
    REQUIRE(load("tl = require 'timerlua' k = tl.every(100, print)") == 0);
    REQUIRE(tl_step(rt, 0) == TL_IDLE && readable(0) == 0);
    do_lua("tl.stop(3)");
    REQUIRE(readable(0) == 1 && tl_next(rt) == 0);
    REQUIRE(tl_step(rt, 0) == TL_DONE && stats().status == 3);
    REQUIRE(tl_step(rt, 0) == TL_IDLE && readable(0) == 0);
    do_lua("pcall(os.exit, 4)");
    REQUIRE(readable(0) == 1 && tl_step(rt, 0) == TL_DONE);
    REQUIRE(stats().status == 4 && tl_step(rt, 0) == TL_IDLE);
    do_lua("k:unref()");
    REQUIRE(readable(0) == 1 && tl_next(rt) == 0);
    REQUIRE(tl_step(rt, 0) == TL_DONE);
    do_lua("k:ref()");
    REQUIRE(tl_step(rt, 0) == TL_IDLE && readable(0) == 0);
    do_lua("k:cancel()");
    REQUIRE(readable(0) == 1 && tl_next(rt) == 0);
    REQUIRE(tl_step(rt, 0) == TL_DONE && readable(0) == 0);
    REQUIRE(tl_next(rt) == -1);
}

/* tl_next returns 0 for a ready descriptor. */
static void test_next_ready(void)
{
    int ends[2];
    uint64_t id;
    REQUIRE(pipe(ends) == 0);
    REQUIRE(tl_watch(rt, ends[0], TL_WATCH_READ, on_watch, ends, &id) == 0);
    REQUIRE(tl_step(rt, 0) == TL_IDLE && tl_next(rt) == -1);
    REQUIRE(write(ends[1], "x", 1) == 1 && tl_next(rt) == 0);
    REQUIRE(tl_step(rt, 0) == TL_IDLE && ran == 1 && tl_next(rt) == -1);
    REQUIRE(tl_cancel(rt, id) == 1);
    close(ends[0]);
    close(ends[1]);
}

static void load_late(tl_runtime *runtime, uint64_t id, void *argument)
{
    (void)runtime, (void)id;
    REQUIRE(load("tl = require 'timerlua' tl.after(0.001, function()\n"
                 "  heard = (heard or '') .. 'timer' end)\n"
                 "tl.on('stop', function(why) heard = (heard or '') .. why end)"
                 "function what() return heard end") == 0);
    if (argument != NULL)
        REQUIRE(tl_stop(rt, *(int *)argument) == 0);
}

/* The script comes while tl_run is running. */
static void test_late(void)
{
    for (int status = 0; status < 8; status += 7) {
        tl_runtime *outer = rt;
        const char *heard;
        REQUIRE((rt = tl_new(NULL)) != NULL);
        void *argument = status > 0 ? &status : NULL;
        REQUIRE(tl_after(rt, 0, load_late, argument, NULL) == 0);
        REQUIRE(tl_run(rt) == status && stats().errors == 0);
        REQUIRE(tl_call(rt, "what", ">s", &heard) == 0);
        REQUIRE(strstr(heard, status > 0 ? "stop" : "timerdone") != NULL);
        REQUIRE(tl_free(rt) == 0);
        rt = outer;
    }
}

/* A status covers the errors since the previous status. */
static void test_status(void)
{
    REQUIRE(tl_post_event(rt, "nobody", "", 0) == 0 && tl_run(rt) == 1);
    REQUIRE(tl_after(rt, 0, count, NULL, NULL) == 0 && tl_run(rt) == 0);
    REQUIRE(load("error 'x'") == TL_ERAISED && tl_run(rt) == 1);
    REQUIRE(load("y = 1") == 0 && tl_run(rt) == 0 && stats().errors == 2);
    REQUIRE(load("error 'x'") == TL_ERAISED && tl_step(rt, 0) == TL_DONE);
    REQUIRE(tl_step(rt, 0) == TL_DONE && stats().status == 1);
    REQUIRE(load("y = 1") == 0 && finish() == TL_DONE && stats().status == 0);
}

static void dawdle(tl_runtime *runtime, uint64_t id, void *argument)
{
    struct timespec ms = {0, 1000000};
    (void)runtime, (void)id, (void)argument;
    nanosleep(&ms, NULL);
    ran++;
}

static void post_again(tl_runtime *runtime, void *argument)
{
    ran++;
    REQUIRE(tl_post(runtime, post_again, argument) == 0);
}

static void test_budget(void)
{
    for (int i = 0; i < 20; i++)
        REQUIRE(tl_after(rt, 0, dawdle, NULL, NULL) == 0);
    REQUIRE(tl_step(rt, 1) == TL_MORE && ran == 1);
    REQUIRE(tl_step(rt, 3500000) == TL_MORE && ran > 1 && ran < 6);
    REQUIRE(readable(0) == 1 && tl_step(rt, 0) >= 0 && ran == 20);
    REQUIRE(tl_after(rt, 1000000, dawdle, NULL, NULL) == 0);
    REQUIRE(tl_post(rt, post_again, NULL) == 0);
    ran = 0; /* valgrind takes longer the first times */
    for (int i = 0; i < 100 && ran <= 10; i++) {
        ran = 0;
        REQUIRE(tl_step(rt, 3000000) == TL_MORE);
    }
    REQUIRE(ran > 10);
    ran = 0;
    REQUIRE(load("tl = require 'timerlua' n = 0\n"
                 "local function again() n = n + 1 tl.defer(again) end\n"
                 "tl.after(0, again)\n"
                 "function count() return n end") == 0);
    int deferred = 0;
    for (int i = 0; i < 5; i++)
        REQUIRE(tl_step(rt, 0) == TL_MORE);
    REQUIRE(tl_call(rt, "count", ">i", &deferred) == 0);
    REQUIRE(deferred > 100 && deferred < 1000);
}

static int answers[8];

static int on_collect(lua_State *L)
{
    (void)L;
    answers[0] = tl_after(rt, 1, count, NULL, NULL);
    answers[1] = tl_call(rt, "print", "");
    answers[2] = tl_step(rt, 0);
    answers[3] = tl_post(rt, add_post, NULL);
    answers[4] = tl_post_event(rt, "a", "", 0);
    answers[5] = tl_stop(rt, 0);
    answers[6] = load("x = 1");
    answers[7] = tl_free(rt);
    return 0;
}

static int free_inside(lua_State *L)
{
    lua_pushinteger(L, tl_free(rt));
    return 1;
}

/* tl_free is called where it must refuse. */
static void test_ending(void)
{
    tl_runtime *outer = rt;
    REQUIRE((rt = tl_new(NULL)) != NULL);
    lua_State *L = tl_lua(rt);
    lua_pushcfunction(L, free_inside);
    REQUIRE(lua_pcall(L, 0, 1, 0) == 0 && lua_tointeger(L, -1) == -EBUSY);
    lua_settop(L, 0);
    lua_newuserdata(L, 1);
    lua_newtable(L);
    lua_pushcfunction(L, on_collect);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    lua_setglobal(L, "last");
    REQUIRE(tl_free(rt) == 0);
    rt = outer;
    for (int i = 0; i < 7; i++)
        REQUIRE(answers[i] == -ECANCELED);
    REQUIRE(answers[7] == -EBUSY);
}

static int spoilt(lua_State *L)
{
    return luaL_error(L, "spoilt");
}

static void note_error(tl_runtime *runtime, const char *text, size_t length,
                       void *data)
{
    (void)runtime, (void)length;
    *(int *)data += strstr(text, "spoilt") != NULL;
}

static int make_spoilt(lua_State *L)
{
    lua_newuserdata(L, 1);
    lua_newtable(L);
    lua_pushcfunction(L, spoilt);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    return 1;
}

/* Errors of finalizers are reported, and end nothing else. */
static void test_finalizers(void)
{
    tl_runtime *outer = rt;
    int told = 0, ticks = 0;
    tl_config config = {.size = sizeof config,
                        .flags = TL_NO_JIT | TL_VIRTUAL_CLOCK,
                        .data = &told,
                        .on_error = note_error};
    REQUIRE((rt = tl_new(&config)) != NULL);
    lua_register(tl_lua(rt), "spoil", make_spoilt);
    REQUIRE(load("local tl = require 'timerlua' local n = 0\n"
                 "function ticks() return n end\n"
                 "tl.every(0.001, function() for i = 1, 20 do spoil() end end)"
                 "tl.every(0.001, function() tl.spawn(tl.sleep, 0.001) end)"
                 "tl.every(0.01, function() n = n + 1 end)") == 0);
    for (int i = 0; i < 2000; i++)
        REQUIRE(tl_step(rt, 0) >= 0);
    while (tl_call(rt, "ticks", ">i", &ticks) != 0)
        ;
    REQUIRE(told > 100 && stats().errors >= (uint64_t)told && ticks > 50);
    REQUIRE(stats().timers == 3 && tl_free(rt) == 0);
    rt = outer;
}

/* --- main --------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    {"timers", test_timers},
    {"cancel", test_cancel_inside},
    {"batches", test_batches},
    {"next", test_next},
    {"watch", test_watch},
    {"call", test_call},
    {"nested", test_nested},
    {"posts", test_posts},
    {"signals", test_signals},
    {"threads", test_threads},
    {"stop", test_stop},
    {"load", test_load},
    {"config", test_config},
    {"virtual", test_virtual},
    {"free", test_free},
    {"fork", test_fork},
    {"memory", test_memory},
    {"process", test_process},
    {"outside", test_outside},
    {"nextready", test_next_ready},
    {"late", test_late},
    {"status", test_status},
    {"budget", test_budget},
    {"ending", test_ending},
    {"finalizers", test_finalizers},
};

static int count_fds(void)
{
    int found = 0;
    for (int fd = 0; fd < 256; fd++)
        found += fcntl(fd, F_GETFD) >= 0;
    return found;
}

int main(int argc, char **argv)
{
    int all = argc > 1 && strcmp(argv[1], "all") == 0, found = 0;
    int fds = count_fds();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (argc > 1 && !all && strcmp(argv[1], cases[i].name) != 0)
            continue;
        if (argc < 2) {
            puts(cases[i].name);
            continue;
        }
        ran = 0;
        REQUIRE((rt = tl_new(NULL)) != NULL);
        cases[i].run();
        REQUIRE(tl_free(rt) == 0);
        REQUIRE(count_fds() == fds);
        found++;
    }
    return argc > 1 && found == 0;
}
