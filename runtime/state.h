/* What a loop consists of: shared by the files that implement
   timerlua_abi.h on it, each for one noun. */
#ifndef TL_STATE_H
#define TL_STATE_H

#include <stdatomic.h>

#include "clock.h"
#include "handles.h"
#include "histogram.h"
#include "poller.h"
#include "timers.h"

enum {
    /* Due timers taken in one turn: bounds how long descriptors wait while a
       million timers are due. */
    TL_BATCH_TIMERS = 1024,
    TL_BATCH_MOST = TL_BATCH_TIMERS + TL_POLL_MOST,
    TL_DEFAULT_SLACK_NS = 125000
};

typedef struct tl_event {
    tl_id id;
    int ready; /* of a watched descriptor */
} tl_event;

struct tl_loop {
    tl_shared shared;
    tl_handles handles;
    tl_timers timers[TL_CLOCKS];
    tl_clock clock;
    tl_poller poller;
    int64_t slack_ns;
    bool want_jumps;
    int64_t wall_offset_ns; /* wall minus monotonic, when last looked at */
    double jump_s;          /* steps of the wall clock not told yet */
    size_t active;          /* handles that keep the loop running */
    size_t watches;
    uint32_t pages_trimmed;
    tl_event batch[TL_BATCH_MOST];
    size_t batch_count;
    size_t batch_next;
    atomic_int wake_reason; /* 0, or what tl_loop_wake was told */
    atomic_bool woken;
    uint64_t armed, fired, cancelled, turns;
    tl_histogram lateness; /* nanoseconds */
};

static inline double tl__seconds(int64_t ns)
{
    return (double)ns / 1e9;
}

static inline tl_timers *tl__store_of(tl_loop *loop, const tl_handle *handle)
{
    return &loop->timers[handle->flags & TL_CLOCK_MASK];
}

#endif
