/* The wake-up of a loop whose host waits on its descriptor instead of the loop
   itself: the descriptor must turn readable whenever there is work, including
   work that arises between two steps. */
#ifndef TL_WAKEUP_H
#define TL_WAKEUP_H

#include "loop/state.h"

/* Set each clock's timerfd for the next deadline. -EMFILE ... */
int tl__set_deadlines(tl_loop *loop);

/* The host waits from now on. Returns 1 if the descriptor is already readable
   because there is work left that keeps the loop running, or a negative errno,
   which also makes it readable. A turn ends this wait. */
int tl__wakeup_begin(tl_loop *loop);
/* Nanoseconds to the deadline that is set or, inside a turn, to be set for the
   host's next wait; 0, only inside a turn, if there is work; -1 for no
   deadline. */
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

/* Another number of handles keeps the loop running. At 0 a turn reports that
   nothing is left; the first handle lets virtual time go on. */
static inline void tl__wakeup_count(tl_loop *loop)
{
    if (loop->active == 0 || (loop->active == 1 && loop->clock.is_virtual))
        tl__wakeup_work(loop);
}

#endif
