/* A runtime at work: runs, steps, stops, posts. See timerlua.h. */
#include <lauxlib.h>
#include <string.h>

#include "lua/dispatch.h"
#include "lua/hooks.h"
#include "loop/cancels.h"
#include "loop/wakeup.h"
#include "embed/runtime.h"

enum { MOST_STATUS = 255 };

int tl__runtime_leave(tl_runtime *rt)
{
    if (tl__runtime_busy(rt))
        return 0; /* a step or run further out does this at its end */
    /* in this order: see posts.h */
    tl__posts_listen(&rt->posts);
    int more = tl__wakeup_begin(rt->loop);
    if (more < 0)
        return tl__runtime_fail(rt, more, "waiting: %s", tl_error_text(more));
    if (more == 0 && tl__posts_has(&rt->posts)) {
        tl__wakeup_signal(rt->loop);
        more = 1;
    }
    return more;
}

void tl__runtime_changed(tl_runtime *rt)
{
    if (tl__is_active(rt->loop))
        rt->told_done = false;
    else if (!rt->told_done && !tl__runtime_busy(rt))
        tl__wakeup_work(rt->loop);
}

static int begin(tl_runtime *rt)
{
    int error = tl__runtime_check(rt);
    if (error)
        return error;
    if (tl__runtime_busy(rt))
        return tl__runtime_fail(rt, -EBUSY, "called inside a callback");
    rt->calling = true;
    rt->loop->away = false;
    return 0;
}

/* After the last batch of a run that was stopped: the exit status. */
int tl__body_ended(lua_State *L)
{
    const tl_runtime *rt = tl__runtime_of(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->embedding_ref);
    lua_getfield(L, -1, "ended");
    lua_call(L, 0, 1);
    return 1;
}

int tl__body_run(lua_State *L)
{
    const tl_runtime *rt = tl__runtime_of(L);
    if (rt->d->bare)
        return tl_dispatch_run(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->embedding_ref);
    lua_getfield(L, -1, "run");
    lua_call(L, 0, 1);
    return 1;
}

/* Only a finalizer can raise an error in there: once more without the
   collector, since the run has ended in any case. */
static int call_ended(tl_runtime *rt)
{
    int error = tl__runtime_protected(rt, TL_BODY_ENDED, NULL, &rt->status);
    if (error == 0)
        return 0;
    char text[sizeof rt->error]; /* the report may write there */
    memcpy(text, rt->error, sizeof text);
    tl__tell(rt->d, TL_TELL_OF_ERROR, text, strlen(text));
    (void)lua_gc(rt->L, LUA_GCSTOP, 0);
    error = tl__runtime_protected(rt, TL_BODY_ENDED, NULL, &rt->status);
    (void)lua_gc(rt->L, LUA_GCRESTART, 0);
    return error;
}

static int take_status(tl_runtime *rt)
{
    int error = 0;
    tl_shared *shared = &rt->loop->shared;
    rt->status = shared->errors > shared->errors_told;
    if (!rt->d->bare)
        error = call_ended(rt);
    else if (rt->d->stop_reason >= TL_REASON_STOP)
        rt->status = rt->d->stop_reason - TL_REASON_STOP;
    shared->errors_told = shared->errors;
    rt->d->stop_reason = 0;
    rt->loop->shared.stopped = 0;
    return error;
}

/* If a run began without the Lua modules, and a callback in it loaded them, Lua
   ends the run. */
static int run(tl_runtime *rt)
{
    bool bare = rt->d->bare;
    int finished = 0, error;
    error = tl__runtime_protected(rt, TL_BODY_RUN, NULL,
                                  bare ? &finished : &rt->status);
    if (error || !bare)
        return error;
    return rt->d->bare
               ? take_status(rt)
               : tl__runtime_protected(rt, TL_BODY_RUN, NULL, &rt->status);
}

int tl_run(tl_runtime *runtime)
{
    int error = begin(runtime);
    if (error)
        return error;
    tl_runtime *rt = runtime;
    rt->d->step_ends_ns = 0;
    error = run(rt);
    rt->d->running = false;
    rt->loop->shared.stopped = 0;
    rt->calling = false;
    int left = tl__runtime_leave(rt);
    if (error == 0 && left < 0)
        error = left;
    return error < 0 ? error : rt->status;
}

static int64_t end_of(const tl_runtime *rt, int64_t budget_ns)
{
    if (budget_ns < 0)
        budget_ns = rt->config.turn_budget_ns;
    if (budget_ns == 0)
        return 0;
    return tl_deadline(tl_clock_kernel_ns(TL_MONOTONIC), budget_ns);
}

int tl_step(tl_runtime *runtime, int64_t budget_ns)
{
    int error = begin(runtime);
    if (error)
        return error;
    tl_runtime *rt = runtime;
    int done = 0;
    rt->d->step_ends_ns = end_of(rt, budget_ns);
    error = tl__runtime_protected(rt, TL_BODY_STEP, NULL, &done);
    rt->d->running = false;
    rt->d->current = NULL;
    bool stopped = rt->loop->shared.stopped;
    bool news = !rt->told_done || /* otherwise the status reported before
                                     stays */
                rt->loop->shared.errors > rt->loop->shared.errors_told;
    if (error == 0 && (stopped || (done && news)))
        error = take_status(rt);
    rt->calling = false;
    int more = tl__runtime_leave(rt);
    if (error < 0 || more < 0)
        return error < 0 ? error : more;
    rt->told_done = stopped || (done && !more);
    if (rt->told_done)
        return TL_DONE;
    return more ? TL_MORE : TL_IDLE;
}

int tl_stop(tl_runtime *runtime, int status)
{
    if (runtime == NULL || status < 0 || status > MOST_STATUS)
        return -EINVAL;
    if (tl_poller_forked(&runtime->loop->poller))
        return -ECHILD;
    if (runtime->ending)
        return -ECANCELED;
    tl_loop_wake(runtime->loop, TL_REASON_STOP + status);
    return 0;
}

int tl_fd(tl_runtime *runtime)
{
    int error = tl__runtime_check(runtime);
    return error ? error : tl_poller_fd(&runtime->loop->poller);
}

int64_t tl_next(tl_runtime *runtime)
{
    int error = tl__runtime_check(runtime);
    if (error)
        return error;
    if (tl__posts_has(&runtime->posts))
        return 0;
    if (runtime->loop->away && tl_poller_has_news(&runtime->loop->poller))
        return 0;
    return tl__wakeup_next(runtime->loop);
}

/* --- posts -------------------------------------------------------------- */

int tl_post(tl_runtime *runtime, tl_post_function *function, void *argument)
{
    if (runtime == NULL || function == NULL)
        return -EINVAL;
    if (runtime->ending)
        return -ECANCELED;
    tl_post_call call = {function, argument};
    return tl__posts_add(&runtime->posts, runtime->loop, TL_POST_FUNCTION,
                         &call, sizeof call, NULL, 0);
}

int tl_post_event(tl_runtime *runtime, const char *name, const void *bytes,
                  size_t length)
{
    if (runtime == NULL || name == NULL || (bytes == NULL && length > 0))
        return -EINVAL;
    if (runtime->ending)
        return -ECANCELED;
    return tl__posts_add(&runtime->posts, runtime->loop, TL_POST_EVENT, name,
                         strlen(name), bytes, length);
}
