/* Descriptors of the script's own that tasks wait for. The functions that Lua
   calls are in timerlua_abi.h; these are the functions for the loop and the
   dispatcher. */
#ifndef TL_READINESS_H
#define TL_READINESS_H

#include "loop/state.h"

/* The descriptor is ready: returns the handle to be resumed, which is removed
   from the place; slot 0 if no handle waits, and then the poller no longer
   reports the descriptor. */
tl_id tl__readiness_take(tl_loop *loop, tl_id id);

#endif
