/* Clocks: the time, real or virtual. Virtual time moves only on request, and
   each clock has its own reading. */
#ifndef TL_CLOCK_H
#define TL_CLOCK_H

#include <stdbool.h>
#include <time.h>

#include "abi.h"
#include "base/tsc.h"

typedef struct tl_clock {
    bool is_virtual;
    int64_t now_ns[TL_CLOCKS]; /* virtual time */
    tl_tsc tsc;                /* the monotonic clock, while time is real */
} tl_clock;

/* The kernel's name of a clock, for clock_gettime(2) and similar calls. */
clockid_t tl_clock_id(int which);
/* The kernel's reading of a clock, even while time is virtual: the only way to
   get it. clock_gettime(2), about 20 ns. */
int64_t tl_clock_kernel_ns(int which);

void tl_clock_init(tl_clock *clock);
/* Nanoseconds on one of the clocks: since 1970 for TL_REALTIME, otherwise since
   boot. Never ahead of the kernel's reading, and behind it by less than
   TL_TSC_BEHIND_NS. */
static inline int64_t tl_clock_read(tl_clock *clock, int which)
{
    if (clock->is_virtual)
        return clock->now_ns[which];
    return which == TL_MONOTONIC ? tl_tsc_read(&clock->tsc)
                                 : tl_clock_kernel_ns(which);
}

/* The most that a reading is behind the kernel's; 0 if it is the kernel's. A
   delay counts from the reading and this much more, so that nobody's clock
   shows a timer early. */
static inline int64_t tl_clock_behind_ns(const tl_clock *clock, int which)
{
    bool exact = clock->is_virtual || which != TL_MONOTONIC;
    return exact ? 0 : clock->tsc.behind_ns;
}

/* The loop has slept: the next reading is the kernel's. */
static inline void tl_clock_woke(tl_clock *clock)
{
    tl_tsc_expire(&clock->tsc);
}

/* Stop time at the present readings; wall_ns >= 0 replaces the wall's. */
void tl_clock_make_virtual(tl_clock *clock, int64_t wall_ns);
/* Begin time at these readings: 0, and wall_ns for the wall clock. */
void tl_clock_begin_virtual(tl_clock *clock, int64_t wall_ns);
void tl_clock_make_real(tl_clock *clock);
/* Virtual time only: advance all clocks, or all except monotonic, or step the
   wall clock alone (in either direction). Sums saturate. */
void tl_clock_go(tl_clock *clock, int64_t by_ns);
void tl_clock_sleep(tl_clock *clock, int64_t by_ns);
void tl_clock_step(tl_clock *clock, int64_t by_ns);

/* For the kernel; 0 <= ns. */
static inline struct timespec tl_timespec(int64_t ns)
{
    return (struct timespec){ns / 1000000000, ns % 1000000000};
}

#endif
