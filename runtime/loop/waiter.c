/* Waiters: see waiter.h. */
#include "loop/waiter.h"

#include <errno.h>
#include <math.h>

#include "loop/handle_ops.h"
#include "loop/timer.h"

tl_handle *tl__wait_find(const tl_loop *loop, tl_id waiter)
{
    return tl__script_group(loop, waiter, TL_GROUP_TASKS);
}

bool tl__waits(const tl_loop *loop, tl_id waiter)
{
    return waiter.slot != 0 && tl_handles_find(&loop->handles, waiter.slot,
                                               waiter.generation) != NULL;
}

void tl__wake_waiter(tl_loop *loop, tl_id *waiter)
{
    /* fine if the handle has been woken otherwise since: -ESTALE */
    if (waiter->slot != 0)
        (void)tl__timed_rearm(
            loop, *waiter,
            tl_handles_find(&loop->handles, waiter->slot, waiter->generation),
            0);
    *waiter = (tl_id){0, 0};
}

/* --- for Lua -------------------------------------------------------------- */

int tl_wait_wake(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_id id = {slot, generation};
    tl_handle *handle = tl__wait_find(loop, id);
    return handle != NULL ? tl__timed_rearm(loop, id, handle, 0) : -ESTALE;
}

double tl_wait_deadline(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    const tl_handle *handle = tl__wait_find(loop, (tl_id){slot, generation});
    if (handle == NULL || !(handle->flags & TL_FLAG_ACTIVE))
        return NAN;
    return tl__seconds(handle->at.deadline_ns);
}

int tl_wait_close(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_id id = {slot, generation};
    tl_handle *handle = tl__wait_find(loop, id);
    if (handle == NULL)
        return -ESTALE;
    tl__handle_end(loop, id, handle);
    return 0;
}
