/* Descriptors that tasks wait for: see readiness.h. */
#include "loop/readiness.h"
#include "loop/agenda.h"

#include <errno.h>
#include <poll.h>

#include "loop/descriptor.h"
#include "loop/handle_ops.h"
#include "loop/kinds.h"
#include "loop/waiter.h"

static tl_handle *find(const tl_loop *loop, tl_id id)
{
    tl_handle *handle = tl_handles_find(&loop->handles, id.slot, id.generation);
    return handle != NULL && handle->kind == TL_READINESS ? handle : NULL;
}

int tl_readiness_open(tl_loop *loop, tl_id *id, int fd)
{
    int error = tl__agendas_reserve(loop);
    if (error == 0)
        error = tl__handle_new(loop, TL_READINESS, id);
    if (error)
        return error;
    tl_handle *handle = tl_handles_at(&loop->handles, id->slot);
    handle->at.watch.fd = fd;
    handle->at.watch.interest = 0;
    handle->waiter = (tl_id){0, 0};
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
    if (tl__waits(loop, handle->waiter))
        return -EBUSY;
    tl_handle *wait =
        tl__wait_find(loop, (tl_id){waiter_slot, waiter_generation});
    if (wait == NULL)
        return -ESTALE;
    int error = tl__descriptor_interest(loop, id, handle, interest);
    if (error)
        return error;
    handle->waiter = (tl_id){waiter_slot, waiter_generation};
    tl__set_active(loop, wait, true); /* the wait keeps the loop running */
    return 0;
}

static void end(tl_loop *loop, tl_id id, tl_handle *handle)
{
    tl__wake_waiter(loop, &handle->waiter);
    tl__handle_end(loop, id, handle);
}

void tl_readiness_close(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_id id = {slot, generation};
    tl_handle *handle = find(loop, id);
    if (handle != NULL)
        end(loop, id, handle);
}

int tl_readiness_ref(tl_loop *loop, uint32_t slot, uint32_t generation, int on)
{
    tl_handle *handle = find(loop, (tl_id){slot, generation});
    if (handle == NULL)
        return -ESTALE;
    tl__handle_ref(loop, handle, on);
    return 0;
}

tl_id tl__readiness_take(tl_loop *loop, tl_id id)
{
    tl_handle *handle = find(loop, id);
    tl_id waiter = {0, 0};
    if (handle == NULL)
        return waiter;
    if (tl__waits(loop, handle->waiter))
        waiter = handle->waiter;
    else
        (void)tl__descriptor_interest(loop, id, handle, 0);
    handle->waiter = (tl_id){0, 0};
    return waiter;
}

/* The task that waits is resumed, and waits alongside the watch. */
static bool give_way(tl_loop *loop, tl_id id, tl_handle *handle)
{
    (void)tl__descriptor_interest(loop, id, handle, 0);
    tl__wake_waiter(loop, &handle->waiter);
    return true;
}

const tl_kind tl__readiness_kind = {
    .name = "readiness",
    .noun = "descriptor",
    .group = TL_GROUP_DESCRIPTORS,
    .finish = tl__nothing_to_finish,
    .dispose = tl__nothing_to_dispose, /* the descriptor is the script's */
    .drop = end,
    .hold = tl__nothing_to_hold, /* the handle has no callback */
    .done = tl__descriptor_done,
    .posted = tl__kind_posted,
    .renew = tl__post, /* the task that waits has to look for itself */
    .give_way = give_way,
};

/* --- without a loop ----------------------------------------------------- */

int tl_readiness_block(int fd, int interest, int64_t *timeout_ns)
{
    int events =
        (interest & TL_READ ? POLLIN : 0) | (interest & TL_WRITE ? POLLOUT : 0);
    tl_poll_fd one = {.fd = fd, .events = (int16_t)events};
    int result = tl_poll_wait(&one, 1, timeout_ns);
    return one.revents & POLLNVAL ? -EBADF : result;
}
