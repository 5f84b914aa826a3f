/* Clocks: the time, real or virtual. Virtual time moves only on request, and
   each clock has its own reading. */
#ifndef TL_CLOCK_H
#define TL_CLOCK_H

#include <stdbool.h>
#include <time.h>

#include "abi.h"

typedef struct tl_clock {
    bool is_virtual;
    int64_t now_ns[TL_CLOCKS]; /* virtual time */
} tl_clock;

/* The kernel's name of a clock, for clock_gettime(2) and similar calls. */
clockid_t tl_clock_id(int which);
/* The kernel's reading of a clock, even while time is virtual: the only way to
   get it. clock_gettime(2), about 20 ns. */
int64_t tl_clock_kernel_ns(int which);

void tl_clock_init(tl_clock *clock);
/* Nanoseconds on one of the clocks: since 1970 for TL_REALTIME, otherwise since
   boot. */
int64_t tl_clock_read(const tl_clock *clock, int which);
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
