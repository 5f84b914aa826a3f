/* Steps of the wall clock: see jumps.h. */
#include "loop/jumps.h"

static int64_t wall_offset(tl_loop *loop)
{
    return tl_clock_read(&loop->clock, TL_REALTIME) -
           tl_clock_read(&loop->clock, TL_MONOTONIC);
}

void tl__reset_jumps(tl_loop *loop)
{
    loop->wall_offset_ns = wall_offset(loop);
}

void tl__note_jump(tl_loop *loop)
{
    int64_t before_ns = loop->wall_offset_ns;
    tl__reset_jumps(loop);
    loop->jump_s += tl__seconds(loop->wall_offset_ns - before_ns);
}

double tl__take_jump(tl_loop *loop)
{
    double jump_s = loop->jump_s;
    loop->jump_s = 0;
    return jump_s;
}
