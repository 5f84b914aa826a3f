/* A handle of a loop, of whatever kind: what loop.c, timer.c and watch.c do
   to it alike. */
#ifndef TL_HANDLE_OPS_H
#define TL_HANDLE_OPS_H

#include "loop/state.h"

/* Count a handle among those that keep the loop running, or no more. */
void tl__set_active(tl_loop *loop, tl_handle *handle, bool active);
/* Stop waiting for whatever the handle waits for. */
void tl__leave_queue(tl_loop *loop, uint32_t slot, tl_handle *handle);

#endif
