/* The wake-up: see wakeup.h. */
#include "loop/wakeup.h"

#include "loop/cancels.h"

#include <errno.h>

#include "loop/timer.h"

void tl__wakeup_signal(tl_loop *loop)
{
    if (loop->signalled)
        return;
    loop->signalled = true;
    tl_poller_wake(&loop->poller);
}

/* The deadline to set for a clock: the last one within the slack of the next
   timer; 0 for none. The wall clock is watched for steps even without timers,
   if the script asks for that. */
static int64_t deadline_to_set(tl_loop *loop, int clock)
{
    int64_t deadline_ns;
    if (!loop->clock.is_virtual &&
        tl_timers_last_within(&loop->timers[clock], loop->slack_ns,
                              &deadline_ns))
        return deadline_ns > 0 ? deadline_ns : 1; /* 0 is for none */
    bool steps = clock == TL_REALTIME && loop->want_jumps;
    return steps && !loop->clock.is_virtual ? INT64_MAX : 0;
}

void tl__wakeup_deadline(tl_loop *loop, int clock, int64_t deadline_ns)
{
    if (loop->clock.is_virtual) {
        tl__wakeup_signal(loop);
        return;
    }
    /* The deadline that is set may be later than the next one by the slack. */
    int64_t set_ns = tl_poller_deadline(&loop->poller, clock);
    if (set_ns != 0 && deadline_ns >= set_ns - loop->slack_ns)
        return;
    /* 0 is for none; the next step reports an error */
    if (deadline_ns == 0 ||
        tl_poller_set_deadline(&loop->poller, clock, deadline_ns) != 0)
        tl__wakeup_signal(loop);
}

int tl__set_deadlines(tl_loop *loop)
{
    for (int c = 0; c < TL_CLOCKS; c++) {
        int64_t deadline_ns = deadline_to_set(loop, c);
        int error = tl_poller_set_deadline(&loop->poller, c, deadline_ns);
        if (error)
            return error;
    }
    return 0;
}

int tl_loop_due(tl_loop *loop)
{
    int64_t left_ns;
    return loop->batch_next < loop->batch_count ||
           (tl__time_left(loop, &left_ns) && left_ns == 0);
}

/* Whether there is work that no descriptor will report. */
static bool has_work(const tl_loop *loop)
{
    return loop->posted.count > 0 || loop->deferred.count > 0 ||
           loop->shared.stopped || loop->jump_s != 0 ||
           atomic_load(&loop->wake_reason) != 0 ||
           loop->batch_next < loop->batch_count;
}

/* Whether the next turn begins a timer without waiting. Virtual time goes on as
   soon as it is looked at, but only while something keeps the loop running. */
static bool has_timer(tl_loop *loop)
{
    int64_t left_ns;
    bool goes_on = loop->clock.is_virtual && loop->active > 0;
    return tl__time_left(loop, &left_ns) && (left_ns == 0 || goes_on);
}

int tl__wakeup_begin(tl_loop *loop)
{
    if (tl_poller_forked(&loop->poller))
        return -ECHILD;
    tl__cancels_settle(loop);
    loop->away = true;
    bool work = has_work(loop), timer = has_timer(loop);
    int error = work || timer ? 0 : tl__set_deadlines(loop);
    if (work || timer || error)
        tl__wakeup_signal(loop); /* the next step reports the error */
    return error ? error : work || (timer && loop->active > 0);
}

/* While the host waits, its descriptor knows: a deadline that is set may be
   later than the next timer by the slack, or earlier if that timer was
   cancelled. */
int64_t tl__wakeup_next(tl_loop *loop)
{
    int64_t least_ns = -1;
    tl__cancels_settle(loop);
    if (!loop->away && (has_work(loop) || has_timer(loop)))
        return 0;
    for (int c = 0; c < TL_CLOCKS; c++) {
        int64_t deadline_ns = loop->away ? tl_poller_deadline(&loop->poller, c)
                                         : deadline_to_set(loop, c);
        if (deadline_ns == 0 || deadline_ns == INT64_MAX)
            continue;
        int64_t wait_ns = deadline_ns - tl_clock_read(&loop->clock, c);
        if (wait_ns < 1)
            wait_ns = 1; /* the kernel is about to report it */
        if (least_ns < 0 || wait_ns < least_ns)
            least_ns = wait_ns;
    }
    return least_ns;
}

void tl_loop_hold(tl_loop *loop, int on)
{
    if (loop->held == !!on)
        return;
    loop->held = !!on;
    loop->active += on ? 1 : (size_t)-1;
    tl__wakeup_count(loop);
}

void tl_loop_stop(tl_loop *loop)
{
    loop->shared.stopped = 1;
    tl__wakeup_work(loop);
}
