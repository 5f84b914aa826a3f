/* Descriptors that tasks wait for: see readiness.h. */
#include "loop/readiness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "loop/descriptor.h"
#include "loop/handle_ops.h"
#include "loop/waiter.h"

static tl_handle *find(const tl_loop *loop, tl_id id)
{
    tl_handle *handle = tl_handles_find(&loop->handles, id.slot, id.generation);
    return handle != NULL && handle->kind == TL_READINESS ? handle : NULL;
}

int tl_readiness_open(tl_loop *loop, tl_id *id, int fd)
{
    int error = tl__agenda_reserve(&loop->posted, loop->handles.live);
    if (error == 0)
        error = tl_handles_open(&loop->handles, TL_READINESS, id);
    if (error)
        return error;
    tl_handle *handle = tl_handles_at(&loop->handles, id->slot);
    handle->at.watch.fd = fd;
    handle->at.watch.interest = 0;
    handle->repeat.waiter = (tl_id){0, 0};
    return 0;
}

int tl_readiness_await(tl_loop *loop, uint32_t slot, uint32_t generation,
                       int interest, uint32_t waiter_slot,
                       uint32_t waiter_generation)
{
    tl_id id = {slot, generation};
    tl_handle *handle = find(loop, id);
    if (handle == NULL)
        return -EBADF;
    if (tl__waits(loop, handle->repeat.waiter))
        return -EBUSY;
    tl_handle *wait =
        tl_handles_find(&loop->handles, waiter_slot, waiter_generation);
    if (wait == NULL)
        return -ESTALE;
    int error = tl__descriptor_interest(loop, id, handle, interest);
    if (error)
        return error;
    handle->repeat.waiter = (tl_id){waiter_slot, waiter_generation};
    tl__set_active(loop, wait, true); /* it keeps the loop running */
    return 0;
}

void tl_readiness_close(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_id id = {slot, generation};
    tl_handle *handle = find(loop, id);
    if (handle == NULL)
        return;
    tl__wake_waiter(loop, &handle->repeat.waiter);
    tl__leave_queue(loop, slot, handle);
    tl_handles_close(&loop->handles, slot);
}

tl_id tl__readiness_take(tl_loop *loop, tl_id id)
{
    tl_handle *handle = find(loop, id);
    tl_id waiter = {0, 0};
    if (handle == NULL)
        return waiter;
    if (tl__waits(loop, handle->repeat.waiter))
        waiter = handle->repeat.waiter;
    else
        (void)tl__descriptor_interest(loop, id, handle, 0);
    handle->repeat.waiter = (tl_id){0, 0};
    return waiter;
}

void tl__readiness_renew(tl_loop *loop, tl_id id, tl_handle *handle)
{
    tl__post(loop, id, handle);
}

int tl_descriptor_duplicate(int fd)
{
    int duplicate = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return duplicate < 0 ? -errno : duplicate;
}

/* --- without a loop ----------------------------------------------------- */

int tl_readiness_block(int fd, int interest, int64_t *timeout_ns)
{
    int events =
        (interest & TL_READ ? POLLIN : 0) | (interest & TL_WRITE ? POLLOUT : 0);
    tl_poll_fd one = {.fd = fd, .events = (int16_t)events};
    int result = tl_poll_wait(&one, 1, timeout_ns);
    return one.revents & POLLNVAL ? -EBADF : result;
}
