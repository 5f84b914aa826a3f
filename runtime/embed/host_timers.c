/* A runtime's timers and watches for C: see timerlua.h. */
#include "base/id.h"
#include "embed/runtime.h"
#include "loop/cancels.h"
#include "loop/handle_ops.h"
#include "loop/timer.h"

_Static_assert((int)TL_WATCH_READ == TL_READ &&
                   (int)TL_WATCH_WRITE == TL_WRITE &&
                   (int)TL_WATCH_ERROR == TL_ERROR &&
                   (int)TL_WATCH_HANGUP == TL_HANGUP &&
                   (int)TL_ELIMIT == TL_LIMIT,
               "timerlua.h and timerlua_abi.h say the same");
_Static_assert((int)TL_CLOCK_MONOTONIC == TL_MONOTONIC &&
                   (int)TL_CLOCK_REALTIME == TL_REALTIME &&
                   (int)TL_CLOCK_BOOTTIME == TL_BOOTTIME,
               "timerlua.h and timerlua_abi.h have the same clocks");

/* The function of a handle that was started, or the handle's end. */
static tl_native *keep(tl_runtime *rt, tl_id id, void *argument, uint64_t *name)
{
    tl_native *native = tl_natives_add(&rt->d->natives, id);
    if (native == NULL) {
        tl_handle_close(rt->loop, id.slot, id.generation);
        return NULL;
    }
    tl_handles_at(&rt->loop->handles, id.slot)->flags |= TL_FLAG_HOST;
    *tl_handles_tag(&rt->loop->handles, id.slot) &= ~(uint32_t)TL_TAG_QUICK;
    native->argument = argument;
    if (name != NULL)
        *name = tl_id_pack(id);
    return native;
}

static int failed(tl_runtime *rt, int error, const char *what)
{
    return tl__runtime_fail(rt, error, "%s: %s", what, tl_error_text(error));
}

static void run_timer(tl_runtime *rt, tl_id id, const tl_native *native,
                      int ready)
{
    (void)ready;
    native->function.timer(rt, tl_id_pack(id), native->argument);
    tl_handle *handle =
        tl_handles_find(&rt->loop->handles, id.slot, id.generation);
    if (handle != NULL && tl__timed_done(rt->loop, id, handle) != 0)
        tl_natives_remove(&rt->d->natives, id);
}

static void run_watch(tl_runtime *rt, tl_id id, const tl_native *native,
                      int ready)
{
    native->function.watch(rt, tl_id_pack(id), native->fd, ready,
                           native->argument);
}

/* When a timer runs first, and its period. */
typedef struct times {
    int64_t first_ns;
    bool is_instant;
    int64_t interval_ns;
    int options;
} times;

static int start_timer(tl_runtime *rt, times t, tl_timer_function *function,
                       void *argument, uint64_t *name)
{
    tl_id id;
    int error = tl_timer_start(rt->loop, &id, t.first_ns, t.interval_ns,
                               t.options, t.is_instant);
    tl_native *native = NULL;
    if (error == 0) {
        native = keep(rt, id, argument, name);
        error = native != NULL ? 0 : -ENOMEM;
    }
    if (error)
        return failed(rt, error, "timer");
    native->run = run_timer;
    native->function.timer = function;
    rt->told_done = false;
    return 0;
}

int tl_after(tl_runtime *runtime, int64_t delay_ns, tl_timer_function *function,
             void *argument, uint64_t *id)
{
    int error = tl__runtime_check(runtime);
    if (error)
        return error;
    if (delay_ns < 0 || function == NULL)
        return failed(runtime, -EINVAL, "tl_after");
    times t = {.first_ns = delay_ns, .interval_ns = delay_ns};
    return start_timer(runtime, t, function, argument, id);
}

int tl_every(tl_runtime *runtime, int64_t period_ns,
             tl_timer_function *function, void *argument, uint64_t *id)
{
    int error = tl__runtime_check(runtime);
    if (error)
        return error;
    if (period_ns <= 0 || function == NULL)
        return failed(runtime, -EINVAL, "tl_every");
    times t = {period_ns, false, period_ns, TL_RECUR};
    return start_timer(runtime, t, function, argument, id);
}

int64_t tl_clock_ns(tl_runtime *runtime, int clock)
{
    int error = tl__runtime_check(runtime);
    if (error)
        return error;
    if (clock < 0 || clock >= TL_CLOCKS)
        return failed(runtime, -EINVAL, "tl_clock_ns");
    return tl_clock_read(&runtime->loop->clock, clock);
}

int tl_at(tl_runtime *runtime, int clock, int64_t instant_ns, int64_t period_ns,
          tl_timer_function *function, void *argument, uint64_t *id)
{
    int error = tl__runtime_check(runtime);
    if (error)
        return error;
    if (clock < 0 || clock >= TL_CLOCKS || period_ns < 0 || function == NULL)
        return failed(runtime, -EINVAL, "tl_at");
    times t = {instant_ns, true, period_ns,
               clock | (period_ns > 0 ? TL_RECUR : 0)};
    return start_timer(runtime, t, function, argument, id);
}

int tl_reset(tl_runtime *runtime, uint64_t name, int64_t delay_ns)
{
    int error = tl__runtime_check(runtime);
    if (error)
        return error;
    tl_id id = tl_id_unpack(name);
    const tl_native *native = tl_natives_find(&runtime->d->natives, id);
    if (delay_ns < 0)
        error = -EINVAL;
    else if (native == NULL || native->run != run_timer)
        error = -ESTALE;
    else
        error = tl__timed_rearm(
            runtime->loop, id,
            tl_handles_find(&runtime->loop->handles, id.slot, id.generation),
            delay_ns);
    if (error)
        return failed(runtime, error, "tl_reset");
    runtime->told_done = false;
    return 0;
}

int tl_watch(tl_runtime *runtime, int fd, int interest,
             tl_watch_function *function, void *argument, uint64_t *name)
{
    int error = tl__runtime_check(runtime);
    if (error)
        return error;
    if (function == NULL || interest < TL_WATCH_READ ||
        interest > (TL_WATCH_READ | TL_WATCH_WRITE))
        return failed(runtime, -EINVAL, "tl_watch");
    tl_id id;
    tl_native *native = NULL;
    error = tl_watch_start(runtime->loop, &id, fd, interest);
    if (error == 0) {
        native = keep(runtime, id, argument, name);
        error = native != NULL ? 0 : -ENOMEM;
    }
    if (error)
        return failed(runtime, error, "tl_watch");
    native->run = run_watch;
    native->function.watch = function;
    native->fd = fd;
    runtime->told_done = false;
    return 0;
}

int tl_interest(tl_runtime *runtime, uint64_t name, int interest)
{
    int error = tl__runtime_check(runtime);
    if (error)
        return error;
    tl_id id = tl_id_unpack(name);
    if (interest < 0 || interest > (TL_WATCH_READ | TL_WATCH_WRITE))
        error = -EINVAL;
    else if (tl_natives_find(&runtime->d->natives, id) == NULL)
        error = -ESTALE;
    else
        error =
            tl_watch_interest(runtime->loop, id.slot, id.generation, interest);
    tl__runtime_changed(runtime);
    return error ? failed(runtime, error, "tl_interest") : 0;
}

int tl_cancel(tl_runtime *runtime, uint64_t name)
{
    int error = tl__runtime_check(runtime);
    if (error)
        return error;
    tl_id id = tl_id_unpack(name);
    if (tl_natives_find(&runtime->d->natives, id) == NULL)
        return 0;
    tl_handle *handle =
        tl_handles_find(&runtime->loop->handles, id.slot, id.generation);
    int result =
        handle != NULL ? tl__handle_cancel(runtime->loop, id, handle) : 0;
    if (result & TL_ENDED)
        tl_natives_remove(&runtime->d->natives, id);
    if (!tl__is_active(runtime->loop))
        tl__runtime_changed(runtime);
    return result & TL_CANCELLED;
}
