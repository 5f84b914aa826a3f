/* Clocks: see clock.h. */
#include "base/clock.h"

#include "base/deadline.h"

static const clockid_t kernel_clocks[TL_CLOCKS] = {
    [TL_MONOTONIC] = CLOCK_MONOTONIC,
    [TL_REALTIME] = CLOCK_REALTIME,
    [TL_BOOTTIME] = CLOCK_BOOTTIME,
};

clockid_t tl_clock_id(int which)
{
    return kernel_clocks[which];
}

int64_t tl_clock_kernel_ns(int which)
{
    struct timespec now;
    /* cannot fail: the clocks exist since Linux 2.6.39 */
    (void)clock_gettime(kernel_clocks[which], &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void tl_clock_init(tl_clock *clock)
{
    *clock = (tl_clock){0};
}

void tl_clock_make_virtual(tl_clock *clock, int64_t wall_ns)
{
    for (int c = 0; c < TL_CLOCKS; c++)
        clock->now_ns[c] = tl_clock_read(clock, c);
    if (wall_ns >= 0)
        clock->now_ns[TL_REALTIME] = wall_ns;
    clock->is_virtual = true;
}

void tl_clock_begin_virtual(tl_clock *clock, int64_t wall_ns)
{
    *clock = (tl_clock){.is_virtual = true, .tsc = clock->tsc};
    clock->now_ns[TL_REALTIME] = wall_ns;
}

void tl_clock_make_real(tl_clock *clock)
{
    clock->is_virtual = false;
}

void tl_clock_go(tl_clock *clock, int64_t by_ns)
{
    for (int c = 0; c < TL_CLOCKS; c++)
        clock->now_ns[c] = tl_deadline(clock->now_ns[c], by_ns);
}

void tl_clock_sleep(tl_clock *clock, int64_t by_ns)
{
    for (int c = 0; c < TL_CLOCKS; c++)
        if (c != TL_MONOTONIC)
            clock->now_ns[c] = tl_deadline(clock->now_ns[c], by_ns);
}

void tl_clock_step(tl_clock *clock, int64_t by_ns)
{
    int64_t wall_ns = tl_deadline(clock->now_ns[TL_REALTIME], by_ns);
    clock->now_ns[TL_REALTIME] = wall_ns < 0 ? 0 : wall_ns;
}
