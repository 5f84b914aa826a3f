/* Watched descriptors: what the loop and the dispatcher do with them. */
#ifndef TL_WATCH_H
#define TL_WATCH_H

#include "loop/state.h"

/* Its callback waits: report nothing until tl_handle_done. */
void tl__watch_hold(tl_loop *loop, tl_id id);
/* Back into the poller, after a hold or with a new poller. Returns what to
   report: TL_ERROR when the descriptor has been closed, or 0. */
int tl__watch_renew(tl_loop *loop, tl_id id, tl_handle *handle);

#endif
