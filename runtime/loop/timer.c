/* Timers as Lua and C programs use them: see timerlua_abi.h. timers.c keeps the
   order in which timers come due; repetition.c knows when a timer recurs. */
#include "loop/timer.h"

#include <errno.h>
#include <math.h>

#include "loop/cancels.h"
#include "loop/handle_ops.h"
#include "loop/kinds.h"
#include "loop/wakeup.h"

static bool is_timer(const tl_loop *loop, const tl_handle *handle)
{
    return tl__group_of(&loop->handles, handle) == TL_GROUP_TIMERS;
}

static tl_handle *find_timer(const tl_loop *loop, uint32_t slot,
                             uint32_t generation)
{
    return tl__script_group(loop, (tl_id){slot, generation}, TL_GROUP_TIMERS);
}

static int queue_until(tl_loop *loop, uint32_t slot, tl_handle *handle,
                       int64_t deadline_ns)
{
    int clock = handle->flags & TL_CLOCK_MASK;
    int error = 0;
    if (clock != TL_MONOTONIC && !loop->clock.is_virtual)
        error = tl_poller_reserve(&loop->poller, clock);
    if (error == 0)
        error = tl_timers_move(&loop->timers[clock], slot, deadline_ns);
    if (error)
        return error;
    handle->flags &= (uint8_t)~TL_FLAG_PAUSED;
    tl__set_active(loop, handle, true);
    loop->armed += is_timer(loop, handle);
    if (loop->away)
        tl__wakeup_deadline(loop, clock, deadline_ns);
    return 0;
}

static bool recurs(const tl_handle *handle)
{
    return handle->flags & TL_FLAG_REPEATED &&
           handle->repetition->recurrence != NULL;
}

/* The timer may run more than once from now on: give it a repetition. */
static int repeats(tl_handle *handle)
{
    if (handle->flags & TL_FLAG_REPEATED)
        return 0;
    tl_repetition *repetition = tl_repetition_open(handle->interval_ns);
    if (repetition == NULL)
        return -ENOMEM;
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
    int error = tl__handle_new(loop, kind, id);
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
    else if (kind == TL_TIMER)
        *tl_handles_tag(&loop->handles, id->slot) |= TL_TAG_QUICK;
    return error;
}

/* A delay of 0 is over at once, and a delay below 0 counts as 0 for every
   caller. */
static int64_t after(const tl_loop *loop, int clock, int64_t now_ns,
                     int64_t delay_ns)
{
    if (delay_ns <= 0)
        return now_ns;
    return tl_deadline(now_ns + tl_clock_behind_ns(&loop->clock, clock),
                       delay_ns);
}

static int64_t from_now(tl_loop *loop, int clock, int64_t delay_ns)
{
    return after(loop, clock, tl_clock_read(&loop->clock, clock), delay_ns);
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

/* No clock has readings below 0, so that differences of times do not
   overflow. */
static int64_t from_0(int64_t instant_ns)
{
    return instant_ns > 0 ? instant_ns : 0;
}

int tl_timer_start(tl_loop *loop, tl_id *id, int64_t first_ns,
                   int64_t interval_ns, int options, int absolute)
{
    int clock = options & TL_CLOCK_MASK;
    if (clock >= TL_CLOCKS || interval_ns < 0 || (!absolute && first_ns < 0) ||
        (options & TL_RECUR && interval_ns == 0))
        return -EINVAL;
    if (absolute)
        first_ns = from_0(first_ns);
    else
        first_ns = from_now(loop, clock, first_ns);
    return start(loop, id, TL_TIMER, first_ns, interval_ns, options);
}

/* The deadline of a timer that was given no delay: its own interval from now,
   or the next instant of its repetition. -EINVAL: the timer has neither. */
static int own_deadline(const tl_loop *loop, const tl_handle *handle,
                        int64_t now_ns, int64_t *deadline_ns)
{
    int clock = handle->flags & TL_CLOCK_MASK;
    if (recurs(handle)) {
        tl_tick next;
        now_ns += tl_clock_behind_ns(&loop->clock, clock);
        if (!tl_repetition_after(handle->repetition, now_ns, now_ns, &next))
            return -EINVAL;
        *deadline_ns = next.instant_ns;
        return 0;
    }
    int64_t interval_ns = handle->flags & TL_FLAG_REPEATED
                              ? handle->repetition->by.interval_ns
                              : handle->interval_ns;
    if (interval_ns == 0 && clock == TL_REALTIME)
        return -EINVAL; /* the timer was started at an instant */
    *deadline_ns = after(loop, clock, now_ns, interval_ns);
    return 0;
}

static int requeue(tl_loop *loop, uint32_t slot, tl_handle *handle,
                   int64_t deadline_ns)
{
    /* a timer re-armed by its own callback must remember that run's data */
    if (handle->flags & TL_FLAG_BUSY && repeats(handle) != 0)
        return -ENOMEM;
    return queue_until(loop, slot, handle, deadline_ns);
}

/* Most timers that are reset wait, on the monotonic clock, for later: the
   handle alone is written. */
static bool postpone(tl_loop *loop, tl_handle *handle, int64_t monotonic_ns,
                     int64_t delay_ns)
{
    if (handle->flags & (TL_CLOCK_MASK | TL_FLAG_BUSY) ||
        !tl_timers_postpone(&loop->timers[TL_MONOTONIC], handle,
                            after(loop, TL_MONOTONIC, monotonic_ns, delay_ns)))
        return false;
    loop->armed += is_timer(loop, handle);
    return true;
}

/* The monotonic clock is read before the handle is touched: the kernel's
   reading waits for every load in progress (lfence), and a handle of a big
   program is 150 ns away. Measured, this order halves the cost of a re-arm with
   nothing in the cache. */
static int rearm(tl_loop *loop, uint32_t slot, tl_handle *handle,
                 int64_t monotonic_ns, int64_t delay_ns)
{
    if (handle == NULL)
        return -ESTALE;
    int clock = handle->flags & TL_CLOCK_MASK;
    int64_t now_ns = clock == TL_MONOTONIC ? monotonic_ns
                                           : tl_clock_read(&loop->clock, clock);
    if (delay_ns >= 0)
        return requeue(loop, slot, handle,
                       after(loop, clock, now_ns, delay_ns));
    int64_t deadline_ns;
    int error = own_deadline(loop, handle, now_ns, &deadline_ns);
    return error ? error : requeue(loop, slot, handle, deadline_ns);
}

int tl__timed_rearm(tl_loop *loop, tl_id id, tl_handle *handle,
                    int64_t delay_ns)
{
    int64_t now_ns = tl_clock_read(&loop->clock, TL_MONOTONIC);
    if (handle != NULL && delay_ns >= 0 &&
        postpone(loop, handle, now_ns, delay_ns))
        return 0;
    return rearm(loop, id.slot, handle, now_ns, delay_ns);
}

int tl_timer_rearm(tl_loop *loop, uint32_t slot, uint32_t generation,
                   int64_t delay_ns)
{
    int64_t now_ns = tl_clock_read(&loop->clock, TL_MONOTONIC);
    return rearm(loop, slot, find_timer(loop, slot, generation), now_ns,
                 delay_ns);
}

int tl_timer_reset(tl_loop *loop, uint32_t slot, uint32_t generation,
                   double delay_s)
{
    int64_t now_ns = tl_clock_read(&loop->clock, TL_MONOTONIC);
    int64_t delay_ns = tl_seconds_to_ns(delay_s);
    tl_handle *handle = find_timer(loop, slot, generation);
    if (handle != NULL && postpone(loop, handle, now_ns, delay_ns))
        return 0;
    return rearm(loop, slot, handle, now_ns, delay_ns);
}

int tl_timer_rearm_at(tl_loop *loop, uint32_t slot, uint32_t generation,
                      int64_t deadline_ns)
{
    tl_handle *handle = find_timer(loop, slot, generation);
    if (handle == NULL)
        return -ESTALE;
    return requeue(loop, slot, handle, from_0(deadline_ns));
}

int tl_timer_period(tl_loop *loop, uint32_t slot, uint32_t generation,
                    int64_t period_ns)
{
    tl_handle *handle = find_timer(loop, slot, generation);
    if (handle == NULL)
        return -ESTALE;
    if (period_ns <= 0) {
        if (recurs(handle))
            tl_repetition_once(handle->repetition);
        return 0;
    }
    int error = repeats(handle);
    if (error == 0)
        tl_repetition_every(handle->repetition, period_ns);
    return error;
}

int tl__timer_recur(tl_loop *loop, tl_id id, const tl_recurrence *recurrence,
                    void *state)
{
    tl_handle *handle = find_timer(loop, id.slot, id.generation);
    if (handle == NULL)
        return -ESTALE;
    int error = repeats(handle);
    if (error == 0)
        tl_repetition_recur(handle->repetition, recurrence, state);
    return error;
}

int tl_timer_cancel(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    if (tl__cancels_add(loop, slot, generation))
        return loop->cancels.count < TL_CANCELS_MOST ? TL_CANCELLED
                                                     : TL_CANCELLED | TL_FULL;
    tl_handle *handle = find_timer(loop, slot, generation);
    if (handle == NULL)
        return 0;
    return tl__handle_cancel(loop, (tl_id){slot, generation}, handle);
}

int tl_timer_ref(tl_loop *loop, uint32_t slot, uint32_t generation, int on)
{
    tl_handle *handle = find_timer(loop, slot, generation);
    if (handle == NULL)
        return -ESTALE;
    tl__handle_ref(loop, handle, on);
    return 0;
}

double tl_timer_deadline(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    const tl_handle *handle = find_timer(loop, slot, generation);
    if (handle == NULL || !(handle->flags & TL_FLAG_ACTIVE))
        return NAN;
    return tl__seconds(handle->at.deadline_ns);
}

int tl_timer_pause(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_handle *handle = find_timer(loop, slot, generation);
    if (handle == NULL)
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
    tl_handle *handle = find_timer(loop, slot, generation);
    if (handle == NULL)
        return -ESTALE;
    if (!(handle->flags & TL_FLAG_PAUSED))
        return 0;
    int clock = handle->flags & TL_CLOCK_MASK;
    int64_t deadline_ns = handle->at.deadline_ns;
    if (clock != TL_REALTIME)
        deadline_ns = from_now(loop, clock, deadline_ns);
    return queue_until(loop, slot, handle, deadline_ns);
}

bool tl__time_left(tl_loop *loop, int64_t *left_ns)
{
    bool any = false;
    for (int c = 0; c < TL_CLOCKS; c++) {
        int64_t next_ns;
        if (!tl_timers_next(&loop->timers[c], &next_ns) ||
            next_ns == INT64_MAX) /* saturated: never */
            continue;
        int64_t wait_ns = next_ns - tl_clock_read(&loop->clock, c);
        if (!any || wait_ns < *left_ns)
            *left_ns = wait_ns > 0 ? wait_ns : 0;
        any = true;
    }
    return any;
}

/* The timer waits for nothing more: the run that begins now is its last. */
static void leave(tl_loop *loop, tl_handle *handle)
{
    handle->where = TL_NOWHERE;
    tl__set_active(loop, handle, false);
}

/* A recurring timer came due: arm it for the instant after this one, and count
   missed instants. False: the callback of the previous run is not over, so this
   instant is missed, too. */
static bool begin_again(tl_loop *loop, uint32_t slot, tl_handle *handle,
                        int64_t now_ns)
{
    tl_repetition *r = handle->repetition;
    bool runs = !(handle->flags & TL_FLAG_BUSY);
    tl_tick next;
    if (tl_repetition_after(r, handle->at.deadline_ns, now_ns, &next))
        tl_timers_again(tl__store_of(loop, handle), slot, next.instant_ns);
    else
        leave(loop, handle);
    tl_repetition_miss(r, next.missed + !runs);
    return runs;
}

bool tl__timer_begin(tl_loop *loop, uint32_t slot, tl_handle *handle)
{
    int64_t due_ns = handle->at.deadline_ns;
    int64_t now_ns = tl_clock_read(&loop->clock, handle->flags & TL_CLOCK_MASK);
    if (now_ns < due_ns) { /* the wall clock was stepped back since */
        tl_timers_put_back(tl__store_of(loop, handle), slot);
        return false;
    }
    if (recurs(handle)) {
        if (!begin_again(loop, slot, handle, now_ns))
            return false;
    } else if (handle->flags & TL_FLAG_BUSY) {
        /* its callback re-armed it and still waits: run it after that */
        handle->where = TL_HELD;
        return false;
    } else {
        leave(loop, handle);
    }
    if (handle->flags & TL_FLAG_REPEATED)
        tl_repetition_run(handle->repetition, due_ns);
    int64_t late_ns = now_ns - due_ns;
    handle->late_s = (float)tl__seconds(late_ns);
    tl__timed_busy(loop, slot, handle, true);
    loop->fired += is_timer(loop, handle);
    if (tl__kind_of(loop, handle)->records_lateness)
        tl_histogram_record(&loop->lateness, late_ns);
    return true;
}

/* --- kinds that wait for an instant --------------------------------------- */

/* How these kinds differ is known in lua/, but for their places in the loop's
   statistics: the start of a task has no deadline that it could be late for. */

const tl_kind tl__timer_kind = {
    .name = "timer",
    .noun = "timer",
    .group = TL_GROUP_TIMERS,
    .records_lateness = true,
    .finish = tl__nothing_to_finish,
    .dispose = tl__nothing_to_dispose,
    .drop = tl__handle_end,
    .hold = tl__nothing_to_hold,
    .done = tl__timed_done,
};

const tl_kind tl__sleep_kind = {
    .name = "sleep",
    .noun = "task",
    .group = TL_GROUP_TASKS,
    .records_lateness = true,
    .finish = tl__nothing_to_finish,
    .dispose = tl__nothing_to_dispose,
    .drop = tl__handle_end,
    .hold = tl__nothing_to_hold,
    .done = tl__timed_done,
};

const tl_kind tl__task_kind = {
    .name = "task",
    .noun = "task",
    .group = TL_GROUP_TASKS,
    .finish = tl__nothing_to_finish,
    .dispose = tl__nothing_to_dispose,
    .drop = tl__handle_end,
    .hold = tl__nothing_to_hold,
    .done = tl__timed_done,
};
