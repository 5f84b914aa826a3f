/* Calls whose results come later: see tl_call_then in timerlua.h. A call is a
   task; what the host gave to be told of its outcome is in a list, in which
   the calls that tl_free finds have not ended. */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "embed/call.h"
#include "embed/runtime.h"
#include "embed/values.h"
#include "loop/agenda.h"

struct tl_pending {
    tl_pending *next;
    tl_outcome_function *tell;
    void *argument;
};

typedef struct frame {
    tl_call_frame call;
    tl_pending *pending;
} frame;

/* Take a call out of the list; NULL if it is not there. */
static tl_pending *take(tl_runtime *rt, const void *which)
{
    tl_pending **link = &rt->pending;
    while (*link != NULL && *link != which)
        link = &(*link)->next;
    tl_pending *found = *link;
    if (found != NULL)
        *link = found->next;
    return found;
}

static void tell(tl_runtime *rt, tl_pending *pending, int outcome)
{
    tl_pending told = *pending;
    free(pending);
    told.tell(rt, outcome, told.argument);
}

/* core.outcome(call, ok, ...): the function has returned these values, or
   failed with this text, nil if it was cancelled. */
static int core_outcome(lua_State *L)
{
    tl_runtime *rt = lua_touserdata(L, lua_upvalueindex(1));
    tl_pending *pending = take(rt, lua_touserdata(L, 1));
    if (pending == NULL)
        return 0;
    tl_outcome_values outer = rt->results;
    int outcome = 0;
    if (lua_toboolean(L, 2)) {
        rt->results = (tl_outcome_values){L, 3};
    } else {
        const char *text = lua_tostring(L, 3);
        outcome = text != NULL ? TL_ERAISED : -ECANCELED;
        (void)tl__runtime_fail(rt, outcome, "%s", text ? text : "cancelled");
    }
    tell(rt, pending, outcome);
    rt->results = outer;
    return 0;
}

void tl__pending_open(tl_runtime *rt, lua_State *L)
{
    lua_pushlightuserdata(L, rt);
    lua_pushcclosure(L, core_outcome, 1);
}

void tl__pending_cancel(tl_runtime *rt, bool telling)
{
    while (rt->pending != NULL) {
        tl_pending *pending = take(rt, rt->pending);
        (void)tl__runtime_fail(rt, -ECANCELED, "the runtime is freed");
        if (telling)
            tell(rt, pending, -ECANCELED);
        else
            free(pending);
    }
}

int tl__body_call_then(lua_State *L)
{
    tl_runtime *rt = tl__runtime_of(L);
    frame *f = rt->frame;
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->embedding_ref);
    lua_getfield(L, -1, "call");
    lua_remove(L, -2);
    lua_pushlightuserdata(L, f->pending);
    tl__call_push(rt, L, &f->call);
    if (f->call.outcome == 0)
        lua_call(L, (int)f->call.argument_count + 2, 0);
    return 0;
}

static int start(tl_runtime *rt, frame *f, tl_outcome_function *function,
                 void *argument)
{
    int error = tl__runtime_modules(rt);
    if (error)
        return error;
    f->pending = malloc(sizeof *f->pending);
    if (f->pending == NULL)
        return tl__runtime_fail(rt, -ENOMEM, "tl_call_then: no memory");
    *f->pending = (tl_pending){rt->pending, function, argument};
    rt->pending = f->pending;
    error = tl__runtime_protected(rt, TL_BODY_CALL_THEN, f, NULL);
    if (error == 0)
        error = f->call.outcome;
    if (error)
        free(take(rt, f->pending));
    tl__runtime_changed(rt);
    return error;
}

int tl_call_then(tl_runtime *runtime, tl_outcome_function *function,
                 void *argument, const char *name, const char *signature, ...)
{
    int error = tl__runtime_check(runtime);
    if (error)
        return error;
    va_list values;
    va_start(values, signature);
    frame f = {.call = {.function = name, .values = &values}};
    if (function == NULL || name == NULL || signature == NULL ||
        tl__call_split(&f.call, signature) != 0 || f.call.result_count > 0)
        error = tl__runtime_fail(runtime, -EINVAL,
                                 "tl_call_then: no such signature");
    else
        error = start(runtime, &f, function, argument);
    va_end(values);
    return error;
}

static int store(tl_runtime *rt, tl_call_frame *f)
{
    lua_State *L = rt->results.L;
    int first = rt->results.first, count = (int)f->argument_count;
    f->results = f->arguments;
    for (int i = 0; i < count; i++)
        if (!tl__value_fits(L, first + i, f->results[i]))
            return tl__call_misfit(rt, L, first, f, i);
    for (int i = 0; i < count; i++)
        tl__value_store(L, first + i, f->results[i], f->values);
    return 0;
}

int tl_results(tl_runtime *runtime, const char *letters, ...)
{
    int error = tl__runtime_check(runtime);
    if (error)
        return error;
    va_list values;
    va_start(values, letters);
    tl_call_frame f = {.function = "the call", .values = &values};
    if (runtime->results.L == NULL || letters == NULL ||
        tl__call_split(&f, letters) != 0 || f.result_count > 0)
        error = tl__runtime_fail(runtime, -EINVAL,
                                 "tl_results: no results, or no such letters");
    else
        error = store(runtime, &f);
    va_end(values);
    return error;
}
