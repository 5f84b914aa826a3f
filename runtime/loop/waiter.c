/* Waiters: see waiter.h. */
#include "loop/waiter.h"

#include "loop/descriptor.h"

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

bool tl__give_way(tl_loop *loop, int fd)
{
    uint32_t slot = tl_poller_owner(&loop->poller, fd);
    tl_handle *handle = slot != 0 ? tl_handles_at(&loop->handles, slot) : NULL;
    if (handle == NULL || handle->kind != TL_READINESS ||
        !(handle->where & TL_IN_POLLER) || handle->at.watch.fd != fd)
        return false;
    (void)tl__descriptor_interest(loop, (tl_id){slot, handle->generation},
                                  handle, 0);
    tl__wake_waiter(loop, &handle->waiter);
    return true;
}
