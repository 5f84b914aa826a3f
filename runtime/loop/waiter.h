/* Waiters: the handle of a task's wait, kept by the object of the wait. The
   wait may end by itself, and then the kept id finds no handle. */
#ifndef TL_WAITER_H
#define TL_WAITER_H

#include "loop/state.h"

/* Whether the wait with this handle still lasts. */
bool tl__waits(const tl_loop *loop, tl_id waiter);
/* Whether a place for waits has this descriptor in the poller. If so, the
   descriptor leaves the poller; the waiting task is resumed, and waits
   alongside the newcomer. */
bool tl__give_way(tl_loop *loop, int fd);
/* Wake the waiter, if there is one, and forget it. */
void tl__wake_waiter(tl_loop *loop, tl_id *waiter);

#endif
