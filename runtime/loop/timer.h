/* Timers: how the loop begins one that is due, and recurrences that only C can
   give a timer; the rest is in timerlua_abi.h. */
#ifndef TL_TIMER_H
#define TL_TIMER_H

#include "loop/state.h"

/* Begin the callback of a timed handle that came due and is in the batch.
   False: the callback does not run now. */
bool tl__timer_begin(tl_loop *loop, uint32_t slot, tl_handle *handle);

/* The time until the next timer of any clock is due; 0 if one is due. False if
   none will ever be. */
bool tl__time_left(tl_loop *loop, int64_t *left_ns);

/* tl_timer_rearm for any handle that waits for an instant; NULL: -ESTALE. */
int tl__timed_rearm(tl_loop *loop, tl_id id, tl_handle *handle,
                    int64_t delay_ns);

/* Recur from now on by this recurrence instead of a period. The current
   deadline stays. Takes the state, which the recurrence releases; on -ENOMEM
   and -ESTALE the state still belongs to the caller. */
int tl__timer_recur(tl_loop *loop, tl_id id, const tl_recurrence *recurrence,
                    void *state);

#endif
