/* The loop: joins handles, timers, clocks and the poller into turns. A turn
   collects what is ready into a batch; the dispatcher (dispatch.c) then runs
   the batch, one callback after the other, through tl_loop_begin and
   tl_handle_done. Collecting and dispatching never mix. */
#ifndef TL_LOOP_H
#define TL_LOOP_H

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

/* Outcome of tl_loop_collect besides a negative errno. */
enum { TL_COLLECTED = 0, TL_NOTHING_LEFT = 1 };

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

/* NULL with errno set when memory or descriptors are lacking. */
tl_loop *tl_loop_open(void);
void tl_loop_close(tl_loop *loop);

/* Wait, if need be, and fill the batch, which must be used up. The batch may
   stay empty: then the loop was woken. TL_NOTHING_LEFT: no active handle. */
int tl_loop_collect(tl_loop *loop);
/* The next event of the batch whose handle still wants it: its callback
   begins now. Returns the handle, NULL at the end of the batch. */
tl_handle *tl_loop_begin(tl_loop *loop, tl_event *event);
/* The reason of the last wake-up, taken; 0 for none. */
int tl_loop_take_reason(tl_loop *loop);
/* Steps of the wall clock since last taken, in seconds; 0 for none. */
double tl_loop_take_jump(tl_loop *loop);
/* --- for the files that implement timerlua_abi.h -------------------------- */

static inline double tl__seconds(int64_t ns)
{
    return (double)ns / 1e9;
}

static inline tl_timers *tl__store_of(tl_loop *loop, const tl_handle *handle)
{
    return &loop->timers[handle->flags & TL_CLOCK_MASK];
}

/* Count a handle among those that keep the loop running, or no more. */
void tl__set_active(tl_loop *loop, tl_handle *handle, bool active);
/* Stop waiting for whatever the handle waits for. */
void tl__leave_queue(tl_loop *loop, uint32_t slot, tl_handle *handle);
/* How far the wall clock is ahead of the monotonic one. */
int64_t tl__wall_offset(const tl_loop *loop);
/* The wall clock may have been stepped: add up by how much. */
void tl__note_step(tl_loop *loop);
/* Aborts when anything is inconsistent. For tests. */
void tl_loop_check(tl_loop *loop);

#endif
