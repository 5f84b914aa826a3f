/* A handle of a loop, of any kind: the operations that the files of all kinds
   share. */
#ifndef TL_HANDLE_OPS_H
#define TL_HANDLE_OPS_H

#include "loop/state.h"

/* The handle of an id that a script gave: NULL unless the handle is of this
   kind, or in this group, and not the host program's. What a script gives may
   be the id of anything. */
tl_handle *tl__script_kind(const tl_loop *loop, tl_id id, int kind);
tl_handle *tl__script_group(const tl_loop *loop, tl_id id, int group);

/* Allocate a handle. -ECHILD in a forked process: the loop, its descriptors and
   what they report are the parent's. -ENOMEM, TL_LIMIT. */
int tl__handle_new(tl_loop *loop, int kind, tl_id *id);
/* Set whether the handle keeps the loop running while the handle is active. */
void tl__handle_ref(tl_loop *loop, tl_handle *handle, bool on);
/* Count a handle among those that keep the loop running, or stop doing so. */
void tl__set_active(tl_loop *loop, tl_handle *handle, bool active);
/* Stop waiting for whatever the handle waits for. */
void tl__leave_queue(tl_loop *loop, uint32_t slot, tl_handle *handle);
/* The same, and end the handle. */
void tl__handle_end(tl_loop *loop, tl_id id, tl_handle *handle);
/* Stop waiting for good; whether the handle waited. */
bool tl__handle_quit(tl_loop *loop, uint32_t slot, tl_handle *handle);
/* The same, and end the handle unless its callback runs: TL_CANCELLED,
   TL_ENDED. No slot rests. */
int tl__handle_cancel(tl_loop *loop, tl_id id, tl_handle *handle);
/* The callback of a handle that waits for an instant begins, or is over. Sets
   its tag, too. */
void tl__timed_busy(tl_loop *loop, uint32_t slot, tl_handle *handle, bool busy);
/* The callback is over: of a handle that waits for an instant; of a handle that
   has a descriptor. 1 if this ended the handle. */
int tl__timed_done(tl_loop *loop, tl_id id, tl_handle *handle);
int tl__descriptor_done(tl_loop *loop, tl_id id, tl_handle *handle);

#endif
