/* Who waits: the handle of a task's wait, kept by what it waits for. The wait
   may end by itself, and then its name finds nothing. */
#ifndef TL_WAITER_H
#define TL_WAITER_H

#include "loop/state.h"

/* Whether what waits at this handle does so still. */
bool tl__waits(const tl_loop *loop, tl_id waiter);
/* Whether a place for waits has this descriptor in the poller, which it leaves:
   who waits there is resumed, and waits beside what comes instead. */
bool tl__give_way(tl_loop *loop, int fd);
/* Wake who waits there, if anybody does, and forget it. */
void tl__wake_waiter(tl_loop *loop, tl_id *waiter);

#endif
