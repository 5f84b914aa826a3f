/* Timers as Lua and C programs use them: see timerlua_abi.h. The order they
   come due in is kept by timers.c. */
#include "loop/timer.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "loop/descriptor.h"
#include "loop/handle_ops.h"
#include "loop/wakeup.h"

static int queue_until(tl_loop *loop, uint32_t slot, tl_handle *handle,
                       int64_t deadline_ns)
{
    int error = tl_timers_move(tl__store_of(loop, handle), slot, deadline_ns);
    if (error)
        return error;
    handle->flags &= (uint8_t)~TL_FLAG_PAUSED;
    tl__set_active(loop, handle, true);
    loop->armed += handle->kind == TL_TIMER;
    if (loop->away)
        tl__wakeup_deadline(loop, handle->flags & TL_CLOCK_MASK, deadline_ns);
    return 0;
}

/* The timer may run more than once from now on: give it what that needs. */
static int repeats(tl_handle *handle)
{
    if (handle->flags & TL_FLAG_REPEATED)
        return 0;
    tl_repetition *repetition = calloc(1, sizeof *repetition);
    if (repetition == NULL)
        return -ENOMEM;
    repetition->interval_ns = handle->interval_ns;
    if (handle->flags & TL_FLAG_BUSY) {
        repetition->runs = 1;
        repetition->due_ns = handle->at.deadline_ns;
    }
    handle->repetition = repetition;
    handle->flags |= TL_FLAG_REPEATED;
    return 0;
}

static int start(tl_loop *loop, tl_id *id, int kind, int64_t deadline_ns,
                 int64_t interval_ns, int options)
{
    int error = tl_handles_open(&loop->handles, kind, id);
    if (error)
        return error;
    tl_handle *handle = tl_handles_at(&loop->handles, id->slot);
    handle->flags = (uint8_t)(options & (TL_CLOCK_MASK | TL_FLAG_UNREF));
    handle->interval_ns = interval_ns;
    if (options & TL_RECUR)
        error = tl_timer_period(loop, id->slot, id->generation, interval_ns);
    if (error == 0)
        error = queue_until(loop, id->slot, handle, deadline_ns);
    if (error)
        tl_handles_close(&loop->handles, id->slot);
    return error;
}

static int64_t from_now(tl_loop *loop, int clock, int64_t delay_ns)
{
    return tl_deadline(tl_clock_read(&loop->clock, clock), delay_ns);
}

int tl_timer_after(tl_loop *loop, tl_id *id, double delay_s)
{
    int64_t delay_ns = tl_seconds_to_ns(delay_s);
    return start(loop, id, TL_TIMER, from_now(loop, TL_MONOTONIC, delay_ns),
                 delay_ns, TL_MONOTONIC);
}

int tl_sleep_after(tl_loop *loop, tl_id *id, double delay_s)
{
    return tl_sleep_start(loop, id, tl_seconds_to_ns(delay_s));
}

int tl_sleep_start(tl_loop *loop, tl_id *id, int64_t delay_ns)
{
    return start(loop, id, TL_SLEEP, from_now(loop, TL_MONOTONIC, delay_ns),
                 delay_ns, TL_MONOTONIC);
}

/* An instant in the past is due now, and not late. */
static int64_t not_before(int64_t now_ns, int64_t deadline_ns)
{
    return deadline_ns < now_ns ? now_ns : deadline_ns;
}

int tl_timer_start(tl_loop *loop, tl_id *id, int64_t first_ns,
                   int64_t interval_ns, int options, int absolute)
{
    int clock = options & TL_CLOCK_MASK;
    if (clock >= TL_CLOCKS || interval_ns < 0 || (!absolute && first_ns < 0) ||
        (options & TL_RECUR && interval_ns == 0))
        return -EINVAL;
    int64_t now_ns = tl_clock_read(&loop->clock, clock);
    if (!absolute)
        first_ns = tl_deadline(now_ns, first_ns);
    else
        first_ns = not_before(now_ns, first_ns);
    return start(loop, id, TL_TIMER, first_ns, interval_ns, options);
}

static int64_t interval_of(const tl_handle *handle)
{
    return handle->flags & TL_FLAG_REPEATED ? handle->repetition->interval_ns
                                            : handle->interval_ns;
}

static int requeue(tl_loop *loop, uint32_t slot, tl_handle *handle,
                   int64_t deadline_ns)
{
    /* re-armed by its own callback, it is to remember what that run was */
    if (handle->flags & TL_FLAG_BUSY && repeats(handle) != 0)
        return -ENOMEM;
    return queue_until(loop, slot, handle, deadline_ns);
}

/* The reading of the monotonic clock is taken before the handle is touched:
   it waits for every load under way (lfence), and a handle of a big program is
   150 ns away. Measured, that halves a re-arm where nothing is in the cache. */
static int rearm(tl_loop *loop, uint32_t slot, uint32_t generation,
                 int64_t monotonic_ns, int64_t delay_ns)
{
    tl_handle *handle = tl_handles_find(&loop->handles, slot, generation);
    if (handle == NULL || tl__has_descriptor(handle))
        return -ESTALE;
    if (delay_ns < 0) {
        delay_ns = interval_of(handle);
        if (delay_ns == 0 && (handle->flags & TL_CLOCK_MASK) == TL_REALTIME)
            return -EINVAL; /* it was started at an instant */
    }
    int clock = handle->flags & TL_CLOCK_MASK;
    int64_t now_ns = clock == TL_MONOTONIC ? monotonic_ns
                                           : tl_clock_read(&loop->clock, clock);
    return requeue(loop, slot, handle, tl_deadline(now_ns, delay_ns));
}

int tl_timer_rearm(tl_loop *loop, uint32_t slot, uint32_t generation,
                   int64_t delay_ns)
{
    int64_t now_ns = tl_clock_read(&loop->clock, TL_MONOTONIC);
    return rearm(loop, slot, generation, now_ns, delay_ns);
}

int tl_timer_reset(tl_loop *loop, uint32_t slot, uint32_t generation,
                   double delay_s)
{
    int64_t now_ns = tl_clock_read(&loop->clock, TL_MONOTONIC);
    return rearm(loop, slot, generation, now_ns, tl_seconds_to_ns(delay_s));
}

int tl_timer_rearm_at(tl_loop *loop, uint32_t slot, uint32_t generation,
                      int64_t deadline_ns)
{
    tl_handle *handle = tl_handles_find(&loop->handles, slot, generation);
    if (handle == NULL || tl__has_descriptor(handle))
        return -ESTALE;
    int clock = handle->flags & TL_CLOCK_MASK;
    int64_t now_ns = tl_clock_read(&loop->clock, clock);
    return requeue(loop, slot, handle, not_before(now_ns, deadline_ns));
}

int tl_timer_period(tl_loop *loop, uint32_t slot, uint32_t generation,
                    int64_t period_ns)
{
    tl_handle *handle = tl_handles_find(&loop->handles, slot, generation);
    if (handle == NULL || handle->kind != TL_TIMER)
        return -ESTALE;
    if (period_ns <= 0) {
        handle->flags &= (uint8_t)~TL_FLAG_RECUR;
        return 0;
    }
    int error = repeats(handle);
    if (error)
        return error;
    handle->repetition->interval_ns = period_ns;
    handle->flags |= TL_FLAG_RECUR;
    return 0;
}

int tl_timer_cancel(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_handle *handle = tl_handles_find(&loop->handles, slot, generation);
    if (handle == NULL)
        return 0;
    bool waited = handle->flags & (TL_FLAG_ACTIVE | TL_FLAG_PAUSED);
    tl__leave_queue(loop, slot, handle);
    handle->flags &= (uint8_t)~TL_FLAG_PAUSED;
    loop->cancelled += waited && handle->kind == TL_TIMER;
    if (handle->flags & TL_FLAG_BUSY)
        return waited ? TL_CANCELLED : 0;
    tl_handles_close(&loop->handles, slot);
    return waited ? TL_CANCELLED | TL_ENDED : TL_ENDED;
}

double tl_timer_deadline(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_handle *handle = tl_handles_find(&loop->handles, slot, generation);
    if (handle == NULL || tl__has_descriptor(handle) ||
        !(handle->flags & TL_FLAG_ACTIVE))
        return NAN;
    return tl__seconds(handle->at.deadline_ns);
}

int tl_timer_pause(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_handle *handle = tl_handles_find(&loop->handles, slot, generation);
    if (handle == NULL || handle->kind != TL_TIMER)
        return -ESTALE;
    if (!(handle->flags & TL_FLAG_ACTIVE))
        return 0;
    int clock = handle->flags & TL_CLOCK_MASK;
    tl__leave_queue(loop, slot, handle);
    /* An instant on the wall clock stays that instant. */
    if (clock != TL_REALTIME) {
        int64_t now_ns = tl_clock_read(&loop->clock, clock);
        int64_t left_ns = handle->at.deadline_ns - now_ns;
        handle->at.deadline_ns = left_ns > 0 ? left_ns : 0;
    }
    handle->flags |= TL_FLAG_PAUSED;
    return 0;
}

int tl_timer_resume(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_handle *handle = tl_handles_find(&loop->handles, slot, generation);
    if (handle == NULL || handle->kind != TL_TIMER)
        return -ESTALE;
    if (!(handle->flags & TL_FLAG_PAUSED))
        return 0;
    int clock = handle->flags & TL_CLOCK_MASK;
    int64_t deadline_ns = handle->at.deadline_ns;
    if (clock != TL_REALTIME)
        deadline_ns = from_now(loop, clock, deadline_ns);
    return queue_until(loop, slot, handle, deadline_ns);
}

/* A tick's callback is about to run, or is skipped because the one before
   still runs: arm the next tick on the grid and count what was missed. */
static bool begin_tick(tl_loop *loop, uint32_t slot, tl_handle *handle,
                       int64_t late_ns)
{
    tl_repetition *r = handle->repetition;
    int64_t due_ns = handle->at.deadline_ns, next_ns;
    int64_t missed = late_ns / r->interval_ns;
    if (__builtin_mul_overflow(missed + 1, r->interval_ns, &next_ns))
        next_ns = INT64_MAX;
    tl_timers_again(tl__store_of(loop, handle), slot,
                    tl_deadline(due_ns, next_ns));
    bool runs = !(handle->flags & TL_FLAG_BUSY);
    uint64_t lost = (uint64_t)missed + !runs;
    r->missed_total += lost;
    r->missed_since += lost;
    return runs;
}

static void note_run(tl_repetition *r, int64_t due_ns)
{
    r->runs++;
    r->due_ns = due_ns;
    r->missed = r->missed_since;
    r->missed_since = 0;
}

bool tl__timer_begin(tl_loop *loop, uint32_t slot, tl_handle *handle)
{
    int clock = handle->flags & TL_CLOCK_MASK;
    int64_t late_ns =
        tl_clock_read(&loop->clock, clock) - handle->at.deadline_ns;
    if (late_ns < 0) { /* the wall clock was stepped back since */
        tl_timers_put_back(tl__store_of(loop, handle), slot);
        return false;
    }
    int64_t due_ns = handle->at.deadline_ns;
    if (handle->flags & TL_FLAG_RECUR) {
        if (!begin_tick(loop, slot, handle, late_ns))
            return false;
    } else if (handle->flags & TL_FLAG_BUSY) {
        /* its callback re-armed it and still waits: run it after that */
        handle->where = TL_HELD;
        return false;
    } else {
        handle->where = TL_NOWHERE;
        tl__set_active(loop, handle, false);
    }
    if (handle->flags & TL_FLAG_REPEATED)
        note_run(handle->repetition, due_ns);
    handle->late_s = (float)tl__seconds(late_ns);
    handle->flags |= TL_FLAG_BUSY;
    loop->fired += handle->kind == TL_TIMER;
    if (handle->kind != TL_TASK)
        tl_histogram_record(&loop->lateness, late_ns);
    return true;
}
