/* Time as a loop's users read and, when it is virtual, move it: see
   timerlua_abi.h. */
#include <errno.h>

#include "loop/cancels.h"
#include "loop/jumps.h"

double tl_now(tl_loop *loop, int clock)
{
    return tl__seconds(tl_clock_read(&loop->clock, clock));
}

int64_t tl_now_ns(tl_loop *loop, int clock)
{
    return tl_clock_read(&loop->clock, clock);
}

int tl_clock_virtual(tl_loop *loop, int64_t wall_ns)
{
    tl_clock_make_virtual(&loop->clock, wall_ns);
    tl__reset_jumps(loop);
    return 0;
}

static bool has_queued(tl_loop *loop)
{
    tl__cancels_settle(loop);
    for (int c = 0; c < TL_CLOCKS; c++)
        if (loop->timers[c].queued > 0)
            return true;
    return false;
}

/* The clocks have other readings now, perhaps earlier ones. */
static void rebase(tl_loop *loop)
{
    for (int c = 0; c < TL_CLOCKS; c++)
        tl_timers_rebase(&loop->timers[c], tl_clock_read(&loop->clock, c));
    tl__reset_jumps(loop);
}

int tl_clock_virtual_from(tl_loop *loop, int64_t wall_ns)
{
    if (has_queued(loop))
        return -EBUSY;
    tl_clock_begin_virtual(&loop->clock, wall_ns);
    rebase(loop);
    return 0;
}

int tl_clock_real(tl_loop *loop)
{
    if (has_queued(loop))
        return -EBUSY;
    tl_clock_make_real(&loop->clock);
    rebase(loop);
    return 0;
}

int tl_clock_is_virtual(tl_loop *loop)
{
    return loop->clock.is_virtual;
}

int tl_clock_step_wall(tl_loop *loop, int64_t step_ns)
{
    if (!loop->clock.is_virtual)
        return -EPERM;
    tl_clock_step(&loop->clock, step_ns);
    tl__note_jump(loop);
    return 0;
}

int tl_clock_suspend(tl_loop *loop, int64_t asleep_ns)
{
    if (!loop->clock.is_virtual)
        return -EPERM;
    tl_clock_sleep(&loop->clock, asleep_ns);
    tl__note_jump(loop);
    return 0;
}

int tl_loop_want_jumps(tl_loop *loop, int on)
{
    int error = on ? tl_poller_reserve(&loop->poller, TL_REALTIME) : 0;
    if (error == 0)
        loop->want_jumps = on;
    return error;
}

void tl_loop_set_slack(tl_loop *loop, int64_t slack_ns)
{
    loop->slack_ns = slack_ns;
}

int64_t tl_loop_slack_ns(tl_loop *loop)
{
    return loop->slack_ns;
}
