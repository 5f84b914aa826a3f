/* Calling a function of a runtime's script: see tl_call in timerlua.h. */
#include <lauxlib.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lua/dispatch.h"
#include "lua/coroutines.h"
#include "lua/hooks.h"
#include "lua/hosted.h"
#include "lua/protected.h"
#include "embed/call.h"
#include "embed/runtime.h"
#include "embed/values.h"
#include "loop/agenda.h"

enum { MOST_VALUES = 64 };

typedef tl_call_frame frame;

/* --- the signature ------------------------------------------------------ */

/* The number of letters from here on, and whether all stand for values that
   need no memory. A signature is short: strspn's tables took longer. */
static size_t count_letters(const char *text, bool *plain)
{
    size_t count = 0;
    for (;; count++) {
        switch (text[count]) {
        case 'd':
        case 'i':
        case 'b':
        case 'n':
            break;
        case 's':
        case 'S':
        case 'I':
        case 'p':
            *plain = false;
            break;
        default:
            return count;
        }
    }
}

int tl__call_split(frame *f, const char *signature)
{
    f->is_plain = true;
    f->arguments = signature;
    f->argument_count = count_letters(signature, &f->is_plain);
    f->results = signature + f->argument_count;
    if (*f->results == '>') {
        f->results++;
        f->result_count = count_letters(f->results, &f->is_plain);
    }
    if (f->results[f->result_count] != 0 || f->argument_count > MOST_VALUES ||
        f->result_count > MOST_VALUES)
        return -EINVAL;
    return 0;
}

static int push_arguments(lua_State *L, frame *f)
{
    return tl__values_push(L, f->arguments, f->argument_count, f->values);
}

/* --- the function ------------------------------------------------------- */

/* Remember the name of a global, at index, for the next call. */
static void remember(tl_runtime *rt, lua_State *L, const char *name, int index)
{
    size_t length = strlen(name);
    if (length >= sizeof rt->named)
        return;
    lua_pushvalue(L, index);
    lua_rawseti(L, LUA_REGISTRYINDEX, rt->named_ref);
    memcpy(rt->named, name, length + 1);
}

/* The name of a global that was called last needs no new string. */
static bool was_named(const tl_runtime *rt, const char *name)
{
    return rt->named[0] != 0 && strcmp(name, rt->named) == 0;
}

/* Push a global, or a value in nested tables, without calling metamethods;
   returns whether the value is a function. */
static bool push_function(tl_runtime *rt, lua_State *L, const char *path)
{
    if (was_named(rt, path)) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, rt->named_ref);
        lua_rawget(L, LUA_GLOBALSINDEX);
        return lua_isfunction(L, -1);
    }
    lua_pushvalue(L, LUA_GLOBALSINDEX);
    for (const char *name = path;;) {
        const char *dot = strchr(name, '.');
        if (!lua_istable(L, -1))
            return false;
        lua_pushlstring(L, name,
                        dot != NULL ? (size_t)(dot - name) : strlen(name));
        if (dot == NULL && name == path)
            remember(rt, L, name, lua_gettop(L));
        lua_rawget(L, -2);
        lua_remove(L, -2);
        if (dot == NULL)
            return lua_isfunction(L, -1);
        name = dot + 1;
    }
}

/* --- results ------------------------------------------------------------ */

/* Keep a text until the next call. */
static void keep(const tl_runtime *rt, lua_State *L, int index, int place)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->results_ref);
    lua_pushvalue(L, index);
    lua_rawseti(L, -2, place);
    lua_pop(L, 1);
}

int tl__call_misfit(tl_runtime *rt, lua_State *L, int first, const frame *f,
                    int i)
{
    return tl__runtime_fail(
        rt, -EDOM, "result %d of %s is a %s value, not what %c stands for",
        i + 1, f->function, luaL_typename(L, first + i), f->results[i]);
}

/* Results are on L from index first on, perhaps too few. */
static int take_results(tl_runtime *rt, lua_State *L, int first, frame *f)
{
    int count = (int)f->result_count;
    lua_settop(L, first - 1 + count); /* too few are nil */
    for (int i = 0; i < count; i++)
        if (!tl__value_fits(L, first + i, f->results[i]))
            return tl__call_misfit(rt, L, first, f, i);
    for (int i = 0; i < count; i++)
        if (f->results[i] == 's' || f->results[i] == 'S')
            keep(rt, L, first + i, i + 1);
    for (int i = 0; i < count; i++)
        tl__value_store(L, first + i, f->results[i], f->values);
    return 0;
}

/* --- the call ----------------------------------------------------------- */

/* The text of an error value, which its __tostring may give. */
static int text_of(lua_State *L)
{
    if (luaL_callmeta(L, 1, "__tostring") == 0)
        lua_pushvalue(L, 1);
    return 1;
}

/* Whether an error value is the interruption of a cancelled task. */
static bool is_cancelled(const tl_runtime *rt, lua_State *L, int index)
{
    if (!lua_getmetatable(L, index))
        return false;
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->cancelled_ref);
    bool is = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return is;
}

/* The error value and a traceback are on top of L. */
static int failed(tl_runtime *rt, lua_State *L, int status)
{
    if (is_cancelled(rt, L, -2))
        return tl__runtime_fail(rt, -ECANCELED, "cancelled");
    const char *traceback = lua_tostring(L, -1);
    lua_pushcfunction(L, text_of);
    lua_pushvalue(L, -3);
    const char *text = NULL;
    if (lua_pcall(L, 1, 1, 0) == 0)
        text = lua_tostring(L, -1);
    if (text == NULL)
        text = "(error object is not a string)";
    return tl__runtime_fail(rt, status == LUA_ERRMEM ? -ENOMEM : TL_ERAISED,
                            "%s\n%s", text, traceback);
}

/* Inside a function of the script: a plain call, which cannot wait. */
static int call_nested(tl_runtime *rt, lua_State *L, frame *f)
{
    int first = lua_gettop(L) - (int)f->argument_count;
    int status = lua_pcall(L, (int)f->argument_count, LUA_MULTRET, 0);
    if (status == 0)
        return take_results(rt, L, first, f);
    lua_pushliteral(L, "");
    return failed(rt, L, status);
}

/* Settle the outcome of the call in the coroutine, which goes on as a task if
   the call waits. */
static int settle(tl_runtime *rt, lua_State *L, frame *f)
{
    int outcome = 0;
    if (f->status == 0)
        outcome = take_results(rt, rt->d->idle, 1, f);
    int status = tl__settle_for_host(rt->d, L, f->status);
    tl__after_callback(rt->loop);
    if (status == LUA_YIELD)
        return tl__runtime_fail(rt, -EINPROGRESS, "%s waits", f->function);
    return status == 0 ? outcome : failed(rt, L, status);
}

void tl__call_push(tl_runtime *rt, lua_State *L, frame *f)
{
    if (!push_function(rt, L, f->function)) {
        f->outcome = tl__runtime_fail(rt, -ENOENT, "there is no function %s",
                                      f->function);
        return;
    }
    luaL_checkstack(L, (int)f->argument_count, "tl_call");
    if (push_arguments(L, f) != 0)
        f->outcome = tl__runtime_fail(
            rt, -ERANGE, "an argument of %s is beyond 2^53", f->function);
}

int tl__body_call(lua_State *L)
{
    tl_runtime *rt = tl__runtime_of(L);
    frame *f = rt->frame;
    int count = (int)f->argument_count;
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->d->anchors_ref);
    if (!f->entered) {
        tl__call_push(rt, L, f);
        if (f->outcome != 0)
            return 0;
        if (tl__runtime_nested(rt)) {
            f->outcome = call_nested(rt, L, f);
            return 0;
        }
        if (!lua_checkstack(rt->d->idle, count + LUA_MINSTACK))
            return luaL_error(L, "tl_call: too many arguments");
        lua_xmove(L, rt->d->idle, count + 1);
        f->status = tl__enter_for_host(rt->d, count);
    }
    f->outcome = settle(rt, L, f);
    if (rt->d->collect)
        tl__collect_after(rt->d, L);
    if (rt->d->raised > 0)
        tl__tell_raised(rt->d, L);
    return 0;
}

/* --- the short way ------------------------------------------------------ */

/* Measured, protection and a new string for the name take as long as the call
   itself. A global that was called before, with plain values, needs neither.
   False if the call must go the long way, all of it or from settling on. */
static bool call_shortly(tl_runtime *rt, frame *f)
{
    enum { MOST = 8 }; /* values, for which there is always room */
    lua_State *co = rt->d->idle;
    if (!f->is_plain || f->argument_count > MOST || f->result_count > MOST ||
        !was_named(rt, f->function) || tl__runtime_nested(rt) ||
        rt->frame != NULL)
        return false;
    lua_rawgeti(co, LUA_REGISTRYINDEX, rt->named_ref);
    lua_rawget(co, LUA_GLOBALSINDEX);
    if (!lua_isfunction(co, -1)) {
        lua_settop(co, 0);
        return false;
    }
    (void)push_arguments(co, f);
    f->entered = true;
    f->status = tl__enter_for_host(rt->d, (int)f->argument_count);
    if (f->status != 0 || rt->loop->shared.adopted ||
        rt->loop->deferred.count > 0)
        return false;
    f->outcome = take_results(rt, co, 1, f);
    lua_settop(co, 0);
    return true;
}

static int call(tl_runtime *rt, const char *function, const char *signature,
                va_list *values)
{
    frame f = {.function = function, .values = values};
    if (function == NULL || signature == NULL ||
        tl__call_split(&f, signature) != 0)
        return tl__runtime_fail(rt, -EINVAL, "tl_call: no such signature");
    if (!rt->d->bare && call_shortly(rt, &f))
        return f.outcome;
    int error = rt->d->bare ? tl__runtime_modules(rt) : 0;
    if (error)
        return error;
    error = tl__runtime_protected(rt, TL_BODY_CALL, &f, NULL);
    return error ? error : f.outcome;
}

int tl_call(tl_runtime *runtime, const char *function, const char *signature,
            ...)
{
    int error = tl__runtime_check(runtime);
    if (error)
        return error;
    va_list values;
    int64_t warn_ns = runtime->d->warn_ns;
    int64_t began_ns = warn_ns > 0 ? tl_clock_kernel_ns(TL_MONOTONIC) : 0;
    va_start(values, signature);
    error = call(runtime, function, signature, &values);
    va_end(values);
    if (warn_ns > 0)
        tl__hosted_over(runtime->d, began_ns, "a call of the host's");
    if (runtime->loop->shared.stopped)
        (void)tl__runtime_leave(runtime);
    tl__runtime_changed(runtime);
    return error;
}
