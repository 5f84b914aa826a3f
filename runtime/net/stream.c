/* Connections, the record of one: see stream.h. What happens to it is in the
   files beside this one, and each of them calls those before it only:

     closing.c     ends it, and releases its memory
     waiting.c     the events that it waits for, and the tasks that wait for it
     sending.c     the queue, its marks, and its way to the transport
     receiving.c   from the transport to readers and callbacks
     idle.c        closes it when no byte has moved for long
     connecting.c  begins it */
#include "net/stream.h"
#include "loop/agenda.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loop/descriptor.h"
#include "loop/handle_ops.h"
#include "loop/kinds.h"
#include "net/net.h"
#include "sys/socket.h"

enum {
    DEFAULT_HIGH = 256 * 1024,
    DEFAULT_LOW = 64 * 1024,
    DEFAULT_LIMIT = 256 * 1024 * 1024,
    DEFAULT_RECEIVE_LIMIT = 16 * 1024 * 1024,
    DEFAULT_LINGER_BYTES = 16 * 1024 * 1024,
    DEFAULT_LINGER_S = 5 /* the peer's silence that nginx puts up with */
};

static tl_stream *new_stream(const tl_transport *transport, void *self,
                             int options)
{
    tl_stream *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->options = (uint32_t)options;
    s->transport = transport;
    s->self = self;
    s->traits = transport->traits;
    if (s->traits & TL_PIECEWISE && options & TL_STREAM_EDGE)
        s->traits |= TL_VAGUE;
    s->high = DEFAULT_HIGH;
    s->low = DEFAULT_LOW;
    s->limit = DEFAULT_LIMIT;
    s->receive_limit = DEFAULT_RECEIVE_LIMIT;
    s->linger_left = DEFAULT_LINGER_BYTES;
    s->linger_s = DEFAULT_LINGER_S;
    return s;
}

int tl__stream_open(tl_loop *loop, tl_id *id, const tl_transport *transport,
                    tl_end end, int options, tl_handle **handle)
{
    int error = tl__net_open(loop);
    if (error == 0)
        error = tl__agendas_reserve(loop);
    if (error)
        return error;
    tl_stream *s = new_stream(transport, end.self, options);
    if (s == NULL)
        return -ENOMEM;
    error = tl__handle_new(loop, TL_STREAM, id);
    if (error == 0 &&
        (error = tl__descriptor_take(loop, end.fd, id->slot)) != 0)
        tl_handles_close(&loop->handles, id->slot);
    if (error) {
        free(s);
        return error;
    }
    *handle = tl_handles_at(&loop->handles, id->slot);
    (*handle)->at.watch.fd = end.fd;
    (*handle)->at.watch.interest = 0;
    (*handle)->stream = s;
    loop->owned_bytes += sizeof *s;
    return 0;
}

void tl__stream_release(tl_loop *loop, tl_stream *s)
{
    free(s->text);
    free(s);
    loop->owned_bytes -= sizeof *s;
}

void tl__stream_free(tl_loop *loop, tl_id id, tl_stream *s)
{
    tl__stream_release(loop, s);
    tl_handles_close(&loop->handles, id.slot);
}

tl_stream *tl__stream_find(const tl_loop *loop, tl_id id, tl_handle **handle)
{
    tl_handle *found = tl_handles_find(&loop->handles, id.slot, id.generation);
    if (found == NULL || found->kind != TL_STREAM ||
        tl_poller_forked(&loop->poller)) /* its socket is the parent's */
        return NULL;
    *handle = found;
    return found->stream;
}

void tl__stream_tell(tl_loop *loop, tl_id id, tl_handle *handle, tl_stream *s,
                     int what)
{
    if (!(s->options & TL_STREAM_FLOWING))
        return;
    s->tell |= (uint8_t)(1 << what);
    tl__post(loop, id, handle);
}

int tl_stream_limits(tl_loop *loop, uint32_t slot, uint32_t generation,
                     double high, double low, double limit,
                     double receive_limit)
{
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, (tl_id){slot, generation}, &handle);
    if (s == NULL)
        return -EBADF;
    s->high = (uint32_t)high;
    s->low = (uint32_t)low;
    s->limit = (size_t)limit;
    s->receive_limit = (size_t)receive_limit;
    return 0;
}

void tl_stream_lingers(tl_loop *loop, uint32_t slot, uint32_t generation,
                       double linger_s, double bytes)
{
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, (tl_id){slot, generation}, &handle);
    if (s == NULL)
        return;
    s->linger_s = linger_s;
    s->linger_left = (size_t)bytes;
}

/* --- questions ---------------------------------------------------------- */

int tl_stream_connected(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_handle *handle;
    const tl_stream *s =
        tl__stream_find(loop, (tl_id){slot, generation}, &handle);
    if (s == NULL)
        return -EBADF;
    if (s->send_error)
        return s->send_error;
    return s->state & TL_IS_CONNECTING ? 0 : TL_CONNECTED;
}

int tl_stream_info_get(tl_loop *loop, uint32_t slot, uint32_t generation,
                       tl_stream_info *info)
{
    tl_handle *handle;
    const tl_stream *s =
        tl__stream_find(loop, (tl_id){slot, generation}, &handle);
    if (s == NULL)
        return -EBADF;
    *info = (tl_stream_info){
        .received = (double)s->received,
        .sent = (double)s->sent,
        .queued = (double)tl_buffer_length(&s->out),
        .buffered = (double)tl_buffer_length(&s->in),
        .fd = handle->at.watch.fd,
        .above_high = tl_buffer_length(&s->out) > s->high,
        .connecting = !!(s->state & TL_IS_CONNECTING),
        .paused = !!(s->state & TL_IS_PAUSED),
        .ended = !!(s->state & TL_IS_ENDED),
        .closing = !!(s->state & (TL_IS_CLOSING | TL_IS_EXPIRED)),
        .send_error = s->send_error,
        .receive_error = s->receive_error,
    };
    return 0;
}

int tl_stream_peer(tl_loop *loop, uint32_t slot, uint32_t generation,
                   tl_address *peer)
{
    tl_handle *handle;
    const tl_stream *s =
        tl__stream_find(loop, (tl_id){slot, generation}, &handle);
    if (s == NULL)
        return -EBADF;
    if (s->peer_length == 0)
        return tl_socket_name(handle->at.watch.fd, 1, peer);
    peer->length = s->peer_length;
    memcpy(peer->bytes, s->peer, s->peer_length);
    return 0;
}

/* --- its kind ------------------------------------------------------------ */

static void finish(tl_loop *loop)
{
    if (!tl_poller_forked(&loop->poller)) /* the parent sends the queued
                                             bytes */
        tl__after_callback(loop);
    (void)tl_standard_end(loop);
}

const tl_kind tl__stream_kind = {
    .name = "connection",
    .noun = "connection",
    .group = TL_GROUP_DESCRIPTORS,
    .owns_descriptor = true,
    .finish = finish,
    .dispose = tl__stream_dispose,
    .drop = tl__stream_drop,
    .hold = tl__kind_hold,
    .done = tl__descriptor_done,
    .close = tl__net_close,
    .posted = tl__kind_posted,
    .deferred = tl__stream_deferred,
    .renew = tl__stream_renew,
    .give_way = tl__never_gives_way,
};
