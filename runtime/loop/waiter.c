/* Waiters: see waiter.h. */
#include "loop/waiter.h"

bool tl__waits(const tl_loop *loop, tl_id waiter)
{
    return waiter.slot != 0 && tl_handles_find(&loop->handles, waiter.slot,
                                               waiter.generation) != NULL;
}

void tl__wake_waiter(tl_loop *loop, tl_id *waiter)
{
    /* fine if the handle has been woken otherwise since: -ESTALE */
    if (waiter->slot != 0)
        (void)tl_timer_rearm(loop, waiter->slot, waiter->generation, 0);
    *waiter = (tl_id){0, 0};
}
