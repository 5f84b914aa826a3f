/* Time as a loop's users read and, when it is virtual, move it: see
   timerlua_abi.h. */
#include <errno.h>

#include "loop.h"

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
    loop->wall_offset_ns = tl__wall_offset(loop);
    return 0;
}

int tl_clock_real(tl_loop *loop)
{
    for (int c = 0; c < TL_CLOCKS; c++)
        if (loop->timers[c].queued > 0)
            return -EBUSY;
    tl_clock_make_real(&loop->clock);
    loop->wall_offset_ns = tl__wall_offset(loop);
    return 0;
}

int tl_clock_is_virtual(tl_loop *loop)
{
    return loop->clock.is_virtual;
}

/* The wall clock may have been stepped: add up by how much. */
void tl__note_step(tl_loop *loop)
{
    int64_t offset_ns = tl__wall_offset(loop);
    loop->jump_s += tl__seconds(offset_ns - loop->wall_offset_ns);
    loop->wall_offset_ns = offset_ns;
}

int tl_clock_step_wall(tl_loop *loop, int64_t step_ns)
{
    if (!loop->clock.is_virtual)
        return -EPERM;
    tl_clock_step(&loop->clock, step_ns);
    tl__note_step(loop);
    return 0;
}

int tl_clock_suspend(tl_loop *loop, int64_t asleep_ns)
{
    if (!loop->clock.is_virtual)
        return -EPERM;
    tl_clock_sleep(&loop->clock, asleep_ns);
    tl__note_step(loop);
    return 0;
}

double tl_loop_take_jump(tl_loop *loop)
{
    double jump_s = loop->jump_s;
    loop->jump_s = 0;
    return jump_s;
}

void tl_loop_want_jumps(tl_loop *loop, int on)
{
    loop->want_jumps = on;
}

void tl_loop_set_slack(tl_loop *loop, int64_t slack_ns)
{
    loop->slack_ns = slack_ns;
}

int64_t tl_loop_slack_ns(tl_loop *loop)
{
    return loop->slack_ns;
}
