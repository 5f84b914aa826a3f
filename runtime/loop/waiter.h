/* Waiters: the handle of a task's wait, kept by the object of the wait. The
   wait may end by itself, and then the kept id finds no handle. */
#ifndef TL_WAITER_H
#define TL_WAITER_H

#include "loop/state.h"

/* The wait with this id, which a script gave; NULL if the wait is over, or the
   id is another handle's. What is kept as a waiter has been found by this. */
tl_handle *tl__wait_find(const tl_loop *loop, tl_id waiter);
/* Whether the wait with this handle still lasts. */
bool tl__waits(const tl_loop *loop, tl_id waiter);
/* Wake the waiter, if there is one, and forget it. */
void tl__wake_waiter(tl_loop *loop, tl_id *waiter);

#endif
