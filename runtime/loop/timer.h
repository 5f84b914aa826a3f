/* Timers: what the loop does when one comes due; the rest is in
   timerlua_abi.h. */
#ifndef TL_TIMER_H
#define TL_TIMER_H

#include "loop/state.h"

/* Begin a timed handle's callback, which came due and is in the batch. False:
   it does not run now. */
bool tl__timer_begin(tl_loop *loop, uint32_t slot, tl_handle *handle);

#endif
