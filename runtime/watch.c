/* Watched descriptors: see timerlua_abi.h. */
#include <stdio.h>

#include "handle.h"

int tl_watch_start(tl_loop *loop, tl_id *id, int fd, int interest)
{
    int error = tl_handles_open(&loop->handles, TL_WATCH, id);
    if (error)
        return error;
    tl_handle *handle = tl_handles_at(&loop->handles, id->slot);
    handle->at.watch.fd = fd;
    handle->at.watch.interest = (uint32_t)interest;
    error = tl_poller_add(&loop->poller, fd, interest, *id);
    if (error) {
        tl_handles_close(&loop->handles, id->slot);
        return error;
    }
    loop->watches++;
    tl__set_active(loop, handle, true);
    return 0;
}

void tl_watch_hold(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_handle *handle = tl_handles_find(&loop->handles, slot, generation);
    if (handle == NULL)
        return;
    handle->flags |= TL_FLAG_BUSY;
    if (handle->flags & TL_FLAG_ACTIVE)
        (void)tl_poller_change(&loop->poller, handle->at.watch.fd, 0,
                               (tl_id){slot, generation});
}

int tl_stream_fd(void *stream)
{
    return fileno(stream);
}

int tl_stream_failed(void *stream)
{
    return ferror(stream) != 0;
}
