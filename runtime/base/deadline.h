/* Deadlines: sums of times that saturate and never wrap. */
#ifndef TL_DEADLINE_H
#define TL_DEADLINE_H

#include <stdint.h>

/* now + delay, held within int64: a delay of 300 years means never. */
static inline int64_t tl_deadline(int64_t now_ns, int64_t delay_ns)
{
    int64_t sum;
    if (__builtin_add_overflow(now_ns, delay_ns, &sum))
        return delay_ns > 0 ? INT64_MAX : INT64_MIN;
    return sum;
}

#endif
