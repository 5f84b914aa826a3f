/* What is left of a wait that a signal cut short. */
#ifndef TL_REMAINING_H
#define TL_REMAINING_H

#include <stdint.h>
#include <time.h>

static inline int64_t tl__monotonic_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Take the time since start_ns off a timeout that is not for ever. */
static inline void tl__take_elapsed(int64_t *timeout_ns, int64_t start_ns)
{
    int64_t left_ns = *timeout_ns - (tl__monotonic_ns() - start_ns);
    *timeout_ns = left_ns < 0 ? 0 : left_ns;
}

#endif
