/* A runtime's life: see timerlua.h. */
#include "embed/runtime.h"

#include <lauxlib.h>
#include <luajit.h>
#include <lualib.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua/bundle.h"
#include "lua/dispatch.h"
#include "lua/module.h"
#include "loop/wakeup.h"

enum { DEFAULT_POST_BYTES = 65536 };

/* --- errors ------------------------------------------------------------- */

int tl__runtime_fail(tl_runtime *rt, int error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is */
    (void)vsnprintf(rt->error, sizeof rt->error, format, arguments);
    va_end(arguments);
    return error;
}

const char *tl_strerror(int error)
{
    switch (error) {
    case TL_ERAISED:
        return "a function of the script raised an error";
    case TL_EWRONGTHREAD:
        return "the call came from another thread than the runtime's";
    default:
        return error < 0 ? tl_error_text(error) : "no error";
    }
}

const char *tl_error(tl_runtime *runtime)
{
    if (runtime == NULL || !pthread_equal(runtime->owner, pthread_self()))
        return "";
    return runtime->error;
}

/* Reports of the dispatcher and of Lua. */
static void tell(tl_runtime *rt, int what, const char *text, size_t length)
{
    if (what != TL_TELL_OF_ERROR) {
        if (rt->config.on_log != NULL)
            rt->config.on_log(rt, text, length, rt->config.data);
        return;
    }
    if (rt->config.on_error != NULL)
        rt->config.on_error(rt, text, length, rt->config.data);
    else
        (void)tl__runtime_fail(
            rt, 0, "%.*s", length < INT32_MAX ? (int)length : INT32_MAX, text);
}

/* --- protected calls ---------------------------------------------------- */

tl_runtime *tl__runtime_of(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

int tl__runtime_protected(tl_runtime *rt, int body, void *frame, int *answer)
{
    lua_State *L = rt->runner;
    void *outer = rt->frame;
    int top = lua_gettop(L);
    rt->frame = frame;
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->bodies[body]);
    int status = lua_pcall(L, 0, answer != NULL, 0);
    rt->frame = outer;
    if (status == 0 && answer != NULL)
        *answer = lua_isboolean(L, -1) ? lua_toboolean(L, -1)
                                       : (int)lua_tointeger(L, -1);
    if (status != 0) {
        /* no conversion here: it could fail if memory runs out */
        const char *text = lua_type(L, -1) == LUA_TSTRING
                               ? lua_tostring(L, -1)
                               : "(error object is not a string)";
        status = tl__runtime_fail(
            rt, status == LUA_ERRMEM ? -ENOMEM : TL_ERAISED, "%s", text);
    }
    lua_settop(L, top);
    return status;
}

/* --- modules ------------------------------------------------------------ */

/* core.tell(what, text): for timerlua.embedding. */
static int core_tell(lua_State *L)
{
    tl_runtime *rt = tl__runtime_of(L);
    size_t length;
    int what = (int)luaL_checkinteger(L, 1);
    const char *text = luaL_checklstring(L, 2, &length);
    tell(rt, what, text, length);
    return 0;
}

/* core.host, which only a program that embeds the loop has: its flags of
   timerlua.h by name, and whether callbacks have a limit, for
   timerlua.app.restrict. */
static void push_flags(const tl_runtime *rt, lua_State *L)
{
    static const struct {
        const char *name;
        uint32_t flag;
    } flags[] = {{"no_ffi", TL_NO_FFI},
                 {"no_jit", TL_NO_JIT},
                 {"no_io", TL_NO_IO},
                 {"no_exec", TL_NO_EXEC},
                 {"signals", TL_SIGNALS},
                 {"keep_running", TL_KEEP_RUNNING},
                 {"virtual_clock", TL_VIRTUAL_CLOCK}};
    lua_createtable(L, 0, sizeof flags / sizeof *flags);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        lua_pushboolean(L, (rt->config.flags & flags[i].flag) != 0);
        lua_setfield(L, -2, flags[i].name);
    }
    lua_pushboolean(L, rt->config.max_callback_ns > 0);
    lua_setfield(L, -2, "time_limit");
}

static void describe_host(tl_runtime *rt, lua_State *L)
{
    lua_getglobal(L, "require");
    lua_pushliteral(L, "timerlua.core");
    lua_call(L, 1, 1);
    lua_pushlightuserdata(L, rt);
    lua_pushcclosure(L, core_tell, 1);
    lua_setfield(L, -2, "tell");
    tl__pending_open(rt, L);
    lua_setfield(L, -2, "outcome");
    push_flags(rt, L);
    lua_setfield(L, -2, "host");
    lua_pushboolean(L, rt->config.on_log != NULL);
    lua_setfield(L, -2, "has_log");
    lua_pop(L, 1);
}

static int load_modules(lua_State *L)
{
    tl_runtime *rt = tl__runtime_of(L);
    /* nothing made here is garbage: collecting would be a third of the time */
    lua_gc(L, LUA_GCSTOP, 0);
    describe_host(rt, L);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "timerlua.app.embedding");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "restrict");
    lua_call(L, 0, 0);
    lua_getfield(L, -1, "cancelled");
    rt->cancelled_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    rt->embedding_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_gc(L, LUA_GCRESTART, 0);
    rt->d->bare = false;
    return 0;
}

int tl__runtime_modules(tl_runtime *rt)
{
    if (!rt->d->bare)
        return 0;
    int error = tl__runtime_protected(rt, TL_BODY_MODULES, NULL, NULL);
    if (error)
        (void)lua_gc(rt->L, LUA_GCRESTART, 0);
    return error;
}

tl_runtime *tl_of(lua_State *L)
{
    const tl_dispatcher *d = L != NULL ? tl_dispatcher_of(L) : NULL;
    return d != NULL ? d->runtime : NULL;
}

void *tl_data(tl_runtime *runtime)
{
    return runtime != NULL ? runtime->config.data : NULL;
}

lua_State *tl_lua(tl_runtime *runtime)
{
    if (tl__runtime_check(runtime) != 0 || tl__runtime_modules(runtime) != 0)
        return NULL;
    return runtime->L;
}

/* --- life --------------------------------------------------------------- */

const char *tl_version(void)
{
    return tl_bundle_version();
}

static int open_state(lua_State *L)
{
    static const lua_CFunction bodies[TL_BODIES] = {
        [TL_BODY_STEP] = tl_dispatch_step,
        [TL_BODY_RUN] = tl__body_run,
        [TL_BODY_MODULES] = load_modules,
        [TL_BODY_LOAD] = tl__body_load,
        [TL_BODY_CALL] = tl__body_call,
        [TL_BODY_ENDED] = tl__body_ended,
        [TL_BODY_CALL_THEN] = tl__body_call_then,
    };
    tl_runtime *rt = lua_touserdata(L, 1);
    lua_gc(L, LUA_GCSTOP, 0);
    luaL_openlibs(L);
    lua_getglobal(L, "jit");
    if (!lua_istable(L, -1)) {
        errno = ELIBBAD;
        return luaL_error(L, "these are another Lua's functions");
    }
    tl_bundle_preload(L);
    rt->runner = lua_newthread(L);
    (void)luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    rt->results_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushboolean(L, 0);
    rt->named_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    for (int i = 0; i < TL_BODIES; i++) {
        lua_pushlightuserdata(L, rt);
        lua_pushcclosure(L, bodies[i], 1);
        rt->bodies[i] = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    rt->d = tl_module_open(L);
    rt->d->hosted = true; /* the state's end does not close the loop */
    lua_gc(L, LUA_GCRESTART, 0);
    return 0;
}

static void set_limit(uint32_t *limit, uint32_t most)
{
    if (most > 0)
        *limit = most;
}

static void entered(tl_runtime *rt, bool enters)
{
    tl__time_limit_note(&rt->time_limit, enters);
}

static void limit_time(tl_runtime *rt)
{
    if (rt->config.max_callback_ns == 0)
        return;
    rt->d->entered = entered;
    tl__time_limit_open(&rt->time_limit, rt->L, rt->config.max_callback_ns);
}

static int configure(tl_runtime *rt)
{
    const tl_config *config = &rt->config;
    tl_loop *loop = rt->loop;
    tl_dispatcher *d = rt->d;
    loop->hosted = true;
    d->runtime = rt;
    d->tell = tell;
    d->posts = &rt->posts;
    d->bare = true;
    d->warn_ns = config->warn_callback_ns;
    set_limit(&loop->handles.limits[TL_GROUP_TIMERS], config->max_timers);
    set_limit(&loop->handles.limits[TL_GROUP_TASKS], config->max_tasks);
    set_limit(&loop->handles.limits[TL_GROUP_DESCRIPTORS],
              config->max_descriptors);
    if (config->flags & TL_NO_JIT)
        (void)luaJIT_setmode(rt->L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
    if (config->flags & TL_VIRTUAL_CLOCK)
        (void)tl_clock_virtual(loop, -1);
    if (config->flags & TL_KEEP_RUNNING)
        tl_loop_hold(loop, 1);
    tl__memory_limit(&rt->memory, rt->L, d, config->max_memory);
    limit_time(rt);
    return tl__wakeup_begin(loop);
}

static int read_config(tl_runtime *rt, const tl_config *config)
{
    enum { KNOWN = 2 * TL_SIGNALS - 1 };
    if (config == NULL)
        return 0;
    if (config->size < offsetof(tl_config, max_timers) ||
        config->size > sizeof rt->config)
        return -EINVAL;
    memcpy(&rt->config, config, config->size);
    if (rt->config.flags & ~(uint32_t)KNOWN ||
        rt->config.warn_callback_ns < 0 || rt->config.turn_budget_ns < 0 ||
        rt->config.max_callback_ns < 0)
        return -EINVAL;
    /* Measured on Debian 12's LuaJIT: when memory runs out in compiled code,
       one process in ten crashes; of 150 that only interpret, none. */
    if (rt->config.max_memory > 0 || rt->config.max_callback_ns > 0)
        rt->config.flags |= TL_NO_JIT;
    return 0;
}

/* In a forked child the state stays as it is: its finalizers would run there
   too, and the buffered data of its files would be written twice. */
static void release(tl_runtime *rt)
{
    tl__time_limit_close(&rt->time_limit);
    if (rt->L != NULL &&
        (rt->loop == NULL || !tl_poller_forked(&rt->loop->poller))) {
        /* finalizers of the script may still ask the loop for the time, and
           have no more memory than the script had */
        rt->memory.closing = true;
        tl_module_closing(rt->L);
        lua_close(rt->L);
    }
    if (rt->d != NULL) /* its memory was the state's */
        tl_loop_close(rt->loop);
    tl_ring_free(&rt->posts.ring);
    free(rt);
}

static int open_runtime(tl_runtime *rt)
{
    size_t bytes = rt->config.post_bytes;
    int error = tl_ring_open(&rt->posts.ring,
                             bytes > 0 ? bytes : (size_t)DEFAULT_POST_BYTES);
    if (error)
        return error;
    rt->L = luaL_newstate();
    if (rt->L == NULL)
        return -ENOMEM;
    errno = 0;
    int status = lua_cpcall(rt->L, open_state, rt);
    rt->loop = rt->d != NULL ? rt->d->loop : NULL;
    lua_settop(rt->L, 0);
    if (status != 0 || rt->d == NULL)
        return errno != 0 ? -errno : -ENOMEM;
    return configure(rt);
}

tl_runtime *tl_new(const tl_config *config)
{
    tl_runtime *rt = calloc(1, sizeof *rt);
    if (rt == NULL)
        return NULL;
    rt->owner = pthread_self();
    rt->told_done = true;
    int error = read_config(rt, config);
    if (error == 0)
        error = open_runtime(rt);
    if (error < 0) {
        release(rt);
        errno = -error;
        return NULL;
    }
    return rt;
}

static int end(tl_runtime *runtime)
{
    bool forked = tl_poller_forked(&runtime->loop->poller);
    runtime->ending = true;
    tl__pending_cancel(runtime, !forked);
    tl_natives_free(&runtime->d->natives);
    release(runtime);
    return 0;
}

int tl_free(tl_runtime *runtime)
{
    if (runtime == NULL)
        return 0;
    int error = tl__runtime_check(runtime);
    if (error && error != -ECHILD && error != -ECANCELED)
        return error;
    lua_Debug frame; /* a function of the host's, called by the Lua API */
    if (runtime->ending || tl__runtime_busy(runtime) ||
        lua_getstack(runtime->L, 0, &frame))
        return tl__runtime_fail(runtime, -EBUSY,
                                "inside a callback, or one was left by a jump");
    return end(runtime);
}

/* lua_close makes its state anew for finalizers, as for an exit from deep
   inside; what is ours is in order between two calls of the host's. */
int tl_abandon(tl_runtime *runtime)
{
    if (runtime == NULL)
        return 0;
    int error = tl__runtime_check(runtime);
    if (error && error != -ECHILD)
        return error;
    runtime->calling = runtime->d->running = runtime->d->in_hook = false;
    runtime->d->current = NULL;
    runtime->frame = NULL;
    return end(runtime);
}
