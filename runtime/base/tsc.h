/* CLOCK_MONOTONIC by the processor's time-stamp counter. A reading takes a
   third of the time that the kernel's takes, because the kernel's reading waits
   for all loads in progress, and those of a big program are long.

   The counter stands for the kernel's clock only for WINDOW_NS after a reading
   of the kernel's, and only where the kernel itself reads its clock in this
   way. A reading is never ahead of the kernel's clock and is behind it by less
   than TL_TSC_BEHIND_NS. Each reading of the kernel's is compared with the
   counter's; after the first contradiction only the kernel is asked. No reading
   is before an earlier one. */
#ifndef TL_TSC_H
#define TL_TSC_H

#include <stdbool.h>
#include <stdint.h>

enum { TL_TSC_BEHIND_NS = 1000 };

typedef struct tl_tsc {
    uint64_t base;   /* the counter, just after the kernel read base_ns */
    uint64_t window; /* ticks for which the counter stands for the kernel's
                        clock; 0: the next reading is the kernel's */
    uint64_t scale;  /* nanoseconds a tick, times 2^32, slightly too few */
    int64_t base_ns;
    int64_t latest_ns; /* the latest reading */
    int64_t behind_ns; /* 0 until the counter is used for the first time */

    /* how the scale is measured */
    uint64_t span_start; /* counter and clock at the start of the present span;
                            0: there is none */
    int64_t span_start_ns;
    uint64_t measured; /* nanoseconds a tick, times 2^32, in the last span */
    uint32_t readings; /* so far; the counter is for programs that read often */
    bool never;        /* the kernel is asked each time */
} tl_tsc;

/* The counter, or 0 where none is known. */
static inline uint64_t tl__tsc_ticks(void)
{
#ifdef __x86_64__
    return __builtin_ia32_rdtsc();
#else
    return 0;
#endif
}

/* The kernel's reading, from which the counter's are told. */
int64_t tl__tsc_sync(tl_tsc *tsc);

/* The next reading is the kernel's. */
static inline void tl_tsc_expire(tl_tsc *tsc)
{
    tsc->window = 0;
}

/* Nanoseconds of CLOCK_MONOTONIC. All zeros is a tl_tsc before its first
   reading. */
static inline int64_t tl_tsc_read(tl_tsc *tsc)
{
    uint64_t passed = tl__tsc_ticks() - tsc->base;
    if (passed >= tsc->window)
        return tl__tsc_sync(tsc);
    int64_t ns = tsc->base_ns + (int64_t)(passed * tsc->scale >> 32);
    /* two executions of the instruction may change places */
    if (ns > tsc->latest_ns)
        tsc->latest_ns = ns;
    return tsc->latest_ns;
}

#endif
