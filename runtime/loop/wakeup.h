/* The wake-up of a loop whose host waits on its descriptor instead of the loop
   itself: the descriptor must turn readable whenever there is work, including
   work that arises between two steps. */
#ifndef TL_WAKEUP_H
#define TL_WAKEUP_H

#include "loop/state.h"

/* Set each clock's timerfd for the next deadline. -EMFILE ... */
int tl__set_deadlines(tl_loop *loop);

/* The host waits from now on. Returns 1 if the descriptor is already readable
   because there is work left, or a negative errno. A turn ends this wait. */
int tl__wakeup_begin(tl_loop *loop);
/* Nanoseconds to the next deadline of any clock; 0 if there is work; -1 if
   there is no deadline. */
int64_t tl__wakeup_next(tl_loop *loop);

/* Make the poller's descriptor readable until the loop looks at it. */
void tl__wakeup_signal(tl_loop *loop);
/* A handle was queued: make sure that the clock's timerfd is early enough. */
void tl__wakeup_deadline(tl_loop *loop, int clock, int64_t deadline_ns);

/* There is work for the next turn. */
static inline void tl__wakeup_work(tl_loop *loop)
{
    if (loop->away)
        tl__wakeup_signal(loop);
}

/* Fewer handles keep the loop running: a turn reports that nothing is left. */
static inline void tl__wakeup_less(tl_loop *loop)
{
    if (loop->active == 0)
        tl__wakeup_work(loop);
}

#endif
