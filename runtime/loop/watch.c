/* Watched descriptors: see timerlua_abi.h. */
#include <errno.h>

#include "loop/agenda.h"
#include "loop/descriptor.h"
#include "loop/handle_ops.h"
#include "loop/kinds.h"
#include "sys/descriptor.h"

/* A place where tasks wait for the same descriptor gives way. */
static int enter(tl_loop *loop, tl_id id, tl_handle *handle, int interest)
{
    int error = tl__descriptor_interest(loop, id, handle, interest);
    if (error == -EEXIST && tl__descriptor_vacate(loop, handle->at.watch.fd))
        error = tl__descriptor_interest(loop, id, handle, interest);
    return error;
}

/* Into the poller; a watch that rests later still has the descriptor. */
static int begin(tl_loop *loop, tl_id id, tl_handle *handle, int interest)
{
    int fd = handle->at.watch.fd;
    bool kept = tl_descriptor_kept(loop, fd);
    int error = enter(loop, id, handle, interest);
    if (error || kept)
        return error;
    error = tl__descriptor_take(loop, fd, id.slot);
    if (error)
        (void)tl__descriptor_interest(loop, id, handle, 0);
    return error;
}

int tl_watch_start(tl_loop *loop, tl_id *id, int fd, int interest)
{
    int error = tl__agendas_reserve(loop);
    if (error == 0)
        error = tl__handle_new(loop, TL_WATCH, id);
    if (error)
        return error;
    tl_handle *handle = tl_handles_at(&loop->handles, id->slot);
    handle->at.watch.fd = fd;
    handle->at.watch.interest = 0;
    error = begin(loop, *id, handle, interest);
    handle->wanted = (uint32_t)interest;
    if (error)
        tl_handles_close(&loop->handles, id->slot);
    else
        tl__set_active(loop, handle, true);
    return error;
}

int tl_watch_interest(tl_loop *loop, uint32_t slot, uint32_t generation,
                      int interest)
{
    tl_id id = {slot, generation};
    tl_handle *handle = tl_handles_find(&loop->handles, slot, generation);
    if (handle == NULL || handle->kind != TL_WATCH)
        return -ESTALE;
    /* while the callback waits, the watch is out of the poller */
    int error =
        handle->flags & TL_FLAG_BUSY ? 0 : enter(loop, id, handle, interest);
    if (error == 0)
        handle->wanted = (uint32_t)interest;
    tl__set_active(loop, handle, error == 0 && interest != 0);
    return error;
}

static void hold(tl_loop *loop, tl_id id, tl_handle *handle)
{
    handle->flags |= TL_FLAG_BUSY;
    (void)tl__descriptor_interest(loop, id, handle, 0);
}

/* A watch that was cancelled in its own callback ends with the callback. */
static int done(tl_loop *loop, tl_id id, tl_handle *handle)
{
    (void)tl__descriptor_done(loop, id, handle);
    if (handle->flags & TL_FLAG_ACTIVE)
        return 0;
    tl__handle_end(loop, id, handle);
    return 1;
}

/* Back into the poller, after a hold or with a new poller. The only error that
   is reported is that the descriptor has been closed. */
static bool posted(tl_loop *loop, tl_id id, tl_handle *handle, int *ready)
{
    if (!(handle->flags & TL_FLAG_ACTIVE) || handle->flags & TL_FLAG_BUSY)
        return false;
    if (enter(loop, id, handle, (int)handle->wanted) == 0)
        return false;
    tl__set_active(loop, handle, false); /* nothing will ever come */
    *ready = TL_ERROR;
    return true;
}

const tl_kind tl__watch_kind = {
    .name = "watch",
    .noun = "watch",
    .group = TL_GROUP_DESCRIPTORS,
    .finish = tl__nothing_to_finish,
    .dispose = tl__nothing_to_dispose, /* the descriptor is the script's */
    .drop = tl__handle_end,
    .hold = hold,
    .done = done,
    .posted = posted,
    .renew = tl__post,
    .give_way = tl__never_gives_way,
};

void tl_watch_close(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_id id = {slot, generation};
    tl_handle *handle = tl__script_kind(loop, id, TL_WATCH);
    if (handle == NULL)
        return;
    int fd = handle->at.watch.fd;
    tl__descriptor_forget(loop, id, handle);
    tl__handle_end(loop, id, handle);
    tl_descriptor_close(fd);
}

int tl_watch_cancel(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_id id = {slot, generation};
    tl_handle *handle = tl__script_kind(loop, id, TL_WATCH);
    return handle != NULL ? tl__handle_cancel(loop, id, handle) : 0;
}

int tl_watch_ref(tl_loop *loop, uint32_t slot, uint32_t generation, int on)
{
    tl_handle *handle =
        tl__script_kind(loop, (tl_id){slot, generation}, TL_WATCH);
    if (handle == NULL)
        return -ESTALE;
    tl__handle_ref(loop, handle, on);
    return 0;
}
