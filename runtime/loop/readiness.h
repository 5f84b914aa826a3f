/* Descriptors of the script's own that tasks wait for. What Lua calls is in
   timerlua_abi.h; this is what the loop and the dispatcher do. */
#ifndef TL_READINESS_H
#define TL_READINESS_H

#include "loop/state.h"

/* Its descriptor is ready: who is to be resumed, taken off it; slot 0 when
   nobody waits, and then the poller reports it no more. */
tl_id tl__readiness_take(tl_loop *loop, tl_id id);

#endif
