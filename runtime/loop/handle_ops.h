/* A handle of a loop, of whatever kind: what the files of the kinds do to it
   alike. */
#ifndef TL_HANDLE_OPS_H
#define TL_HANDLE_OPS_H

#include "loop/state.h"

/* Count a handle among those that keep the loop running, or no more. */
void tl__set_active(tl_loop *loop, tl_handle *handle, bool active);
/* Stop waiting for whatever the handle waits for. */
void tl__leave_queue(tl_loop *loop, uint32_t slot, tl_handle *handle);
/* The same, and the handle has ended. */
void tl__handle_end(tl_loop *loop, tl_id id, tl_handle *handle);
/* Its callback is over, of a handle that waits for an instant; of one that has
   a descriptor. 1 when the handle has ended by this. */
int tl__timed_done(tl_loop *loop, tl_id id, tl_handle *handle);
int tl__descriptor_done(tl_loop *loop, tl_id id, tl_handle *handle);

#endif
