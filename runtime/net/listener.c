/* Listeners: see timerlua_abi.h and listener.h. */
#include <errno.h>

#include "loop/descriptor.h"
#include "loop/handle_ops.h"
#include "loop/kinds.h"
#include "net/listener.h"
#include "loop/agenda.h"
#include "sys/socket.h"
#include "net/stream.h"

enum { MOST_BURST = 64 };

static tl_handle *find(const tl_loop *loop, tl_id id)
{
    tl_handle *handle = tl_handles_find(&loop->handles, id.slot, id.generation);
    if (handle == NULL || handle->kind != TL_LISTENER ||
        tl_poller_forked(&loop->poller)) /* its socket is the parent's */
        return NULL;
    return handle;
}

static int listen_again(tl_loop *loop, tl_id id, tl_handle *handle)
{
    int edge = handle->stream_options & TL_STREAM_EDGE ? TL_EDGE : 0;
    bool on = !(handle->flags & TL_FLAG_PAUSED);
    int error =
        tl__descriptor_interest(loop, id, handle, on ? TL_READ | edge : 0);
    tl__set_active(loop, handle, on && error == 0);
    return error;
}

int tl_listener_start(tl_loop *loop, tl_id *id, int fd, int stream_options)
{
    int error = tl__agendas_reserve(loop);
    if (error == 0)
        error = tl__handle_new(loop, TL_LISTENER, id);
    if (error)
        return error;
    tl_handle *handle = tl_handles_at(&loop->handles, id->slot);
    handle->at.watch.fd = fd;
    handle->at.watch.interest = 0;
    handle->burst = 1;
    handle->stream_options = (uint32_t)stream_options;
    error = tl__descriptor_take(loop, fd, id->slot);
    if (error == 0)
        error = listen_again(loop, *id, handle);
    if (error)
        tl_handles_close(&loop->handles, id->slot);
    return error;
}

int tl_listener_pause(tl_loop *loop, uint32_t slot, uint32_t generation, int on)
{
    tl_id id = {slot, generation};
    tl_handle *handle = find(loop, id);
    if (handle == NULL)
        return -EBADF;
    handle->flags &= (uint8_t)~TL_FLAG_PAUSED;
    if (on)
        handle->flags |= TL_FLAG_PAUSED;
    return listen_again(loop, id, handle);
}

int tl_listener_ref(tl_loop *loop, uint32_t slot, uint32_t generation, int on)
{
    tl_handle *handle = find(loop, (tl_id){slot, generation});
    if (handle == NULL)
        return -EBADF;
    tl__handle_ref(loop, handle, on);
    return 0;
}

static void dispose(tl_loop *loop, tl_handle *handle)
{
    (void)loop;
    tl_descriptor_close(handle->at.watch.fd);
}

int tl_listener_close(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_id id = {slot, generation};
    tl_handle *handle = find(loop, id);
    if (handle == NULL)
        return -EBADF;
    tl__descriptor_forget(loop, id, handle);
    tl__set_active(loop, handle, false);
    dispose(loop, handle);
    tl_handles_close(&loop->handles, slot);
    return 0;
}

static void drop(tl_loop *loop, tl_id id, tl_handle *handle)
{
    (void)handle;
    (void)tl_listener_close(loop, id.slot, id.generation);
}

static void renew(tl_loop *loop, tl_id id, tl_handle *handle)
{
    (void)listen_again(loop, id, handle);
}

const tl_kind tl__listener_kind = {
    .name = "listener",
    .noun = "listener",
    .group = TL_GROUP_DESCRIPTORS,
    .owns_descriptor = true,
    .finish = tl__nothing_to_finish,
    .dispose = dispose,
    .drop = drop,
    .hold = tl__nothing_to_hold, /* the next connection has its own task */
    .done = tl__descriptor_done,
    .posted = tl__kind_posted,
    .renew = renew,
    .give_way = tl__never_gives_way,
};

int tl__listener_accept(tl_loop *loop, tl_id listener, tl_id *id)
{
    tl_handle *handle = find(loop, listener);
    if (handle == NULL || handle->flags & TL_FLAG_PAUSED)
        return -EAGAIN;
    tl_address peer;
    loop->traffic.accepts++;
    int fd = tl_socket_accept(handle->at.watch.fd, &peer);
    if (fd < 0)
        return fd;
    int error = tl__stream_accepted(loop, id, listener, fd,
                                    (int)handle->stream_options, &peer);
    if (error)
        tl_descriptor_close(fd);
    return error;
}

/* One while connections come one by one: a second accept would be a wasted call
   to the kernel. An edge is reported once, so all must be taken. */
int tl__listener_burst(const tl_loop *loop, tl_id listener)
{
    tl_handle *handle = find(loop, listener);
    if (handle == NULL)
        return 0;
    return handle->stream_options & TL_STREAM_EDGE ? MOST_BURST
                                                   : (int)handle->burst;
}

void tl__listener_settle(tl_loop *loop, tl_id listener, int accepted, bool more)
{
    tl_handle *handle = find(loop, listener);
    if (handle == NULL)
        return;
    if (!more)
        handle->burst = accepted > 1 ? (uint32_t)accepted : 1;
    else if (handle->burst < MOST_BURST)
        handle->burst *= 2;
    if (more && handle->stream_options & TL_STREAM_EDGE)
        tl__post(loop, listener, handle);
}
