/* The wake-up: see wakeup.h. */
#include "loop/wakeup.h"

#include <errno.h>

void tl__wakeup_signal(tl_loop *loop)
{
    if (loop->signalled)
        return;
    loop->signalled = true;
    tl_poller_wake(&loop->poller);
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
    /* no timerfd can be had for this clock: the next step reports the reason */
    if (tl_poller_set_deadline(&loop->poller, clock, deadline_ns) != 0)
        tl__wakeup_signal(loop);
}

int tl__set_deadlines(tl_loop *loop)
{
    for (int c = 0; c < TL_CLOCKS; c++) {
        int64_t deadline_ns;
        bool any = tl_timers_last_within(&loop->timers[c], loop->slack_ns,
                                         &deadline_ns);
        if (!any)
            deadline_ns = c == TL_REALTIME && loop->want_jumps ? INT64_MAX : 0;
        int error = tl_poller_set_deadline(&loop->poller, c, deadline_ns);
        if (error)
            return error;
    }
    return 0;
}

int tl_loop_due(tl_loop *loop)
{
    if (loop->batch_next < loop->batch_count)
        return 1;
    for (int c = 0; c < TL_CLOCKS; c++) {
        int64_t next_ns;
        if (tl_timers_next(&loop->timers[c], &next_ns) &&
            next_ns <= tl_clock_read(&loop->clock, c))
            return 1;
    }
    return 0;
}

/* Whether there is work that no descriptor or timerfd will report. */
static bool has_leftovers(tl_loop *loop)
{
    if (loop->posted.count > 0 || loop->deferred.count > 0 ||
        loop->shared.stopped || loop->jump_s != 0 ||
        atomic_load(&loop->wake_reason) != 0)
        return true;
    if (!loop->clock.is_virtual)
        return tl_loop_due(loop);
    int64_t next_ns; /* virtual time advances as soon as it is looked at */
    for (int c = 0; c < TL_CLOCKS; c++)
        if (tl_timers_next(&loop->timers[c], &next_ns) && next_ns != INT64_MAX)
            return true;
    return loop->batch_next < loop->batch_count;
}

int tl__wakeup_begin(tl_loop *loop)
{
    if (tl_poller_forked(&loop->poller))
        return -ECHILD;
    loop->away = true;
    if (has_leftovers(loop)) {
        tl__wakeup_signal(loop);
        return 1;
    }
    return loop->clock.is_virtual ? 0 : tl__set_deadlines(loop);
}

int64_t tl__wakeup_next(tl_loop *loop)
{
    int64_t least_ns = -1, next_ns;
    if (loop->batch_next < loop->batch_count || has_leftovers(loop))
        return 0;
    for (int c = 0; c < TL_CLOCKS; c++) {
        if (!tl_timers_next(&loop->timers[c], &next_ns) || next_ns == INT64_MAX)
            continue;
        int64_t wait_ns = next_ns - tl_clock_read(&loop->clock, c);
        if (wait_ns < 0)
            wait_ns = 0;
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
    tl__wakeup_less(loop);
}

void tl_loop_stop(tl_loop *loop)
{
    loop->shared.stopped = 1;
    tl__wakeup_work(loop);
}
