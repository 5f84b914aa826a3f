/* Connections, their beginning.

     start ─────────────┐
     connect ─ CONNECTING ─ progress ─ connected ─ close ─ CLOSING ─┐
                          └ failed ──────────────── close ──────────┴ end */
#include <errno.h>
#include <string.h>

#include "net/stream.h"
#include "sys/socket.h"

/* Of an accepted connection, whose peer may be anyone: nobody sends a line as
   long as that in good faith. */
enum { ACCEPTED_RECEIVE_LIMIT = 64 * 1024 };

int tl__stream_begin(tl_loop *loop, tl_id *id, const tl_transport *transport,
                     tl_end end, int options, bool shakes)
{
    tl_handle *handle;
    int error = tl__stream_open(loop, id, transport, end, options, &handle);
    if (error)
        return error;
    tl_stream *s = handle->stream;
    if (shakes)
        s->state |= TL_IS_CONNECTING;
    else
        tl__stream_tell(loop, *id, handle, s, TL_TELL_OPEN);
    tl__stream_update(loop, *id, handle, s);
    return 0;
}

int tl_stream_start(tl_loop *loop, tl_id *id, int fd, int options)
{
    return tl__stream_begin(loop, id, tl__transport_for(options),
                            (tl_end){NULL, fd}, options, false);
}

int tl__stream_accepted(tl_loop *loop, tl_id *id, tl_id listener, int fd,
                        int options, const tl_address *peer)
{
    tl_handle *handle;
    int error = tl__stream_open(loop, id, tl__transport_for(options),
                                (tl_end){NULL, fd}, options, &handle);
    if (error)
        return error;
    tl_stream *s = handle->stream;
    s->receive_limit = ACCEPTED_RECEIVE_LIMIT;
    tl__stream_watch_idle(s, listener);
    if (options & TL_STREAM_FLOWING)
        s->tell = 1 << TL_TELL_OPEN;
    if (peer->length <= sizeof s->peer) {
        s->peer_length = (uint8_t)peer->length;
        memcpy(s->peer, peer->bytes, peer->length);
    }
    return 0;
}

int tl_stream_connect(tl_loop *loop, tl_id *id, int fd, int options,
                      const tl_address *address)
{
    int status = tl_socket_connect(fd, address);
    if (status != 0 && status != -EINPROGRESS)
        return status;
    return tl__stream_begin(loop, id, tl__transport_for(options),
                            (tl_end){NULL, fd}, options,
                            status == -EINPROGRESS);
}

int tl_stream_flow(tl_loop *loop, uint32_t slot, uint32_t generation,
                   int options)
{
    tl_id id = {slot, generation};
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, id, &handle);
    if (s == NULL || s->state & TL_IS_CLOSING)
        return -EBADF;
    if (tl__waits(loop, s->reader))
        return -EBUSY;
    s->options |= (uint32_t)(options | TL_STREAM_FLOWING);
    tl__stream_tell(loop, id, handle, s, TL_TELL_OPEN);
    tl__stream_update(loop, id, handle, s);
    return 0;
}

/* --- progress ----------------------------------------------------------- */

static bool shake(tl_loop *loop, tl_id id, tl_handle *handle, tl_stream *s)
{
    int answer = s->transport->handshake(tl__stream_end_of(handle, s));
    int error = (int)tl__stream_answer(s, TL_WRITE, answer);
    if (error == -EAGAIN)
        return true;
    s->state &= ~(uint32_t)TL_IS_CONNECTING;
    if (error) {
        tl__stream_fail(loop, id, handle, s, error);
        return true; /* the connection is not closing, so it lives on */
    }
    tl__stream_tell(loop, id, handle, s, TL_TELL_OPEN);
    tl__wake_waiter(loop, &s->writer);
    return tl__stream_send_queue(loop, id, handle, s);
}

/* The directions that may continue with the present readiness, where one waits
   for the other's readiness. */
static int uncrossed(const tl_stream *s, int ready)
{
    int reading = s->crossed & TL_READ ? TL_WRITE : TL_READ;
    int sending = s->crossed & TL_WRITE ? TL_READ : TL_WRITE;
    return (ready & ~(TL_READ | TL_WRITE)) | (ready & reading ? TL_READ : 0) |
           (ready & sending ? TL_WRITE : 0);
}

bool tl__stream_progress(tl_loop *loop, tl_id id, tl_handle *handle,
                         tl_stream *s, int ready)
{
    if (s->state & TL_IS_CLOSED)
        return true;
    ready |= s->told;
    s->told = 0;
    if (s->crossed)
        ready = uncrossed(s, ready);
    if (ready & (TL_READ | TL_ERROR | TL_HANGUP))
        s->state &= ~(uint32_t)TL_IS_DRAINED;
    if (ready & (TL_ERROR | TL_HANGUP))
        s->state |= TL_IS_HUNG;
    if (tl__stream_drops_input(s) &&
        !tl__stream_drop_input(loop, id, handle, s))
        return false;
    if (!(ready & (TL_WRITE | TL_ERROR | TL_HANGUP)))
        return true;
    if (s->state & TL_IS_CONNECTING)
        return shake(loop, id, handle, s);
    if (!(s->state & TL_IS_BLOCKED))
        return true;
    s->state &= ~(uint32_t)TL_IS_BLOCKED;
    return tl__stream_send_queue(loop, id, handle, s);
}
