/* Timers: what the loop does when one comes due, and recurrences that only C
   can give a timer; the rest is in timerlua_abi.h. */
#ifndef TL_TIMER_H
#define TL_TIMER_H

#include "loop/state.h"

/* Begin a timed handle's callback, which came due and is in the batch. False:
   it does not run now. */
bool tl__timer_begin(tl_loop *loop, uint32_t slot, tl_handle *handle);

/* Recur from now on as this recurrence says, and not by a period. The instant
   in force stays. Takes the state, which the recurrence releases; on -ENOMEM
   and -ESTALE it stays the caller's. */
int tl__timer_recur(tl_loop *loop, tl_id id, const tl_recurrence *recurrence,
                    void *state);

#endif
