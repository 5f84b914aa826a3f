/* The rest of a wait that may have been cut short. */
#ifndef TL_REMAINING_H
#define TL_REMAINING_H

#include "base/clock.h"

/* Subtract the time since start_ns, on TL_MONOTONIC, from a timeout that is not
   infinite. */
static inline void tl__take_elapsed(int64_t *timeout_ns, int64_t start_ns)
{
    int64_t left_ns =
        *timeout_ns - (tl_clock_kernel_ns(TL_MONOTONIC) - start_ns);
    *timeout_ns = left_ns < 0 ? 0 : left_ns;
}

#endif
