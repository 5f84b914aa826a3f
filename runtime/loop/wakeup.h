/* The wake-up of a loop whose host waits on its descriptor instead of the loop
   itself: the descriptor must turn readable whenever there is work, also work
   that comes to be between two steps. */
#ifndef TL_WAKEUP_H
#define TL_WAKEUP_H

#include "loop/state.h"

/* Set each clock's timerfd for the next deadline. -EMFILE ... */
int tl__set_deadlines(tl_loop *loop);

/* The host waits from now on. 1 when the descriptor is readable already, since
   there is work left, or a negative errno. A turn ends it. */
int tl__wakeup_begin(tl_loop *loop);
/* Nanoseconds to the next deadline of any clock; 0 when there is work; -1 when
   there is none. */
int64_t tl__wakeup_next(tl_loop *loop);

/* The poller's descriptor becomes readable, until it is looked at. */
void tl__wakeup_signal(tl_loop *loop);
/* A handle was queued: have the clock's timerfd be early enough. */
void tl__wakeup_deadline(tl_loop *loop, int clock, int64_t deadline_ns);

/* Something is to be done on the next turn. */
static inline void tl__wakeup_work(tl_loop *loop)
{
    if (loop->away)
        tl__wakeup_signal(loop);
}

/* Less keeps the loop running: that nothing is left is told by a turn. */
static inline void tl__wakeup_less(tl_loop *loop)
{
    if (loop->active == 0)
        tl__wakeup_work(loop);
}

#endif
