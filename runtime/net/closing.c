/* Connections, their end: see stream.h. A flowing connection's handle lives on
   after the end until tl__stream_next has told TL_TELL_CLOSE. */
#include <errno.h>
#include <stdlib.h>

#include "loop/descriptor.h"
#include "loop/handle_ops.h"
#include "net/borrowed.h"
#include "net/stream.h"
#include "sys/socket.h"

enum { MOST_DISCARDS = 64 };

void tl__stream_drop_queue(tl_loop *loop, tl_stream *s)
{
    loop->traffic.unsent += tl_buffer_length(&s->out);
    tl_buffer_clear(&s->out, &loop->pool);
    s->state &= ~(uint32_t)TL_IS_BLOCKED;
}

/* Closing a socket with unread data makes the kernel send a reset, which may
   overtake what was sent: take out what has come so far. RFC 9293, 3.6.1. */
static void discard_unread(tl_loop *loop, int fd, const tl_stream *s)
{
    if (s->state & (TL_IS_DRAINED | TL_IS_ENDED | TL_IS_CONNECTING) ||
        s->options & (TL_STREAM_FILE | TL_STREAM_SHARED) || s->receive_error ||
        s->send_error)
        return;
    /* not into the scratch: a collected connection may be closed while the
       scratch is being made a string */
    char bytes[8192];
    for (int i = 0; i < MOST_DISCARDS; i++) {
        loop->traffic.receives++;
        if (tl_socket_receive(fd, bytes, sizeof bytes) < (ssize_t)sizeof bytes)
            return;
    }
}

static void close_socket(tl_loop *loop, tl_id id, tl_handle *handle,
                         tl_stream *s, bool reset)
{
    int fd = handle->at.watch.fd;
    tl__descriptor_forget(loop, id, handle);
    /* what the peer has is not all: it must not see an orderly end */
    bool lossy = reset || s->state & TL_IS_LOSSY;
    if (s->options & TL_STREAM_SHARED)
        tl__borrowed_close(loop, id);
    if (lossy && !(s->options & (TL_STREAM_FILE | TL_STREAM_SHARED))) {
        tl_socket_reset(fd);
    } else {
        discard_unread(loop, fd, s);
        tl_descriptor_close(fd);
    }
    handle->at.watch.fd = -1;
    tl__stream_drop_queue(loop, s);
    tl_buffer_clear(&s->in, &loop->pool);
    tl__wake_waiter(loop, &s->reader);
    tl__wake_waiter(loop, &s->writer);
}

/* A file has no other end of a direction than to be closed. Its handle lives
   on. */
static void close_file(tl_loop *loop, tl_id id, tl_handle *handle, tl_stream *s)
{
    tl__descriptor_forget(loop, id, handle);
    if (s->options & TL_STREAM_SHARED)
        tl__borrowed_close(loop, id);
    tl_descriptor_close(handle->at.watch.fd);
    handle->at.watch.fd = -1;
    s->state &= ~(uint32_t)TL_IS_BLOCKED;
    tl__set_active(loop, handle, s->tell != 0);
}

int tl__stream_end_sending(tl_loop *loop, tl_id id, tl_handle *handle,
                           tl_stream *s)
{
    if (!(s->options & TL_STREAM_FILE))
        return tl_socket_shutdown(handle->at.watch.fd, TL_SHUTDOWN_SEND);
    close_file(loop, id, handle, s);
    return 0;
}

void tl__stream_end_receiving(tl_loop *loop, tl_id id, tl_handle *handle,
                              tl_stream *s)
{
    if (!(s->options & TL_STREAM_FILE))
        (void)tl_socket_shutdown(handle->at.watch.fd, TL_SHUTDOWN_RECEIVE);
    else if (s->options & TL_STREAM_RECEIVE_ONLY)
        close_file(loop, id, handle, s);
}

static void leave(tl_loop *loop, tl_id id, tl_handle *handle, tl_stream *s)
{
    s->state |= TL_IS_CLOSING;
    s->tell = 0;
    tl__set_active(loop, handle, false);
    if (s->options & TL_STREAM_FLOWING) {
        tl__stream_tell(loop, id, handle, s, TL_TELL_CLOSE);
        tl__set_active(loop, handle, true);
    } else {
        tl__stream_free(loop, id, s);
    }
}

void tl__stream_end(tl_loop *loop, tl_id id, tl_handle *handle, tl_stream *s)
{
    close_socket(loop, id, handle, s, false);
    leave(loop, id, handle, s);
}

bool tl__stream_fail_sending(tl_loop *loop, tl_id id, tl_handle *handle,
                             tl_stream *s, int error)
{
    if (s->send_error == 0)
        s->send_error = (int16_t)error;
    if (tl_buffer_length(&s->out) > 0) {
        s->state |= TL_IS_LOSSY;
        tl__wake_waiter(loop, &s->reader); /* for an answer, perhaps */
    }
    tl__stream_drop_queue(loop, s);
    tl__wake_waiter(loop, &s->writer);
    if (s->state & TL_IS_CLOSING) {
        tl__stream_end(loop, id, handle, s);
        return false;
    }
    /* what the peer sent before it went is told first */
    s->state |= TL_IS_HUNG;
    s->state &= ~(uint32_t)TL_IS_DRAINED;
    tl__stream_tell(loop, id, handle, s, TL_TELL_ERROR);
    return true;
}

void tl__stream_fail(tl_loop *loop, tl_id id, tl_handle *handle, tl_stream *s,
                     int error)
{
    s->state &= ~(uint32_t)TL_IS_CONNECTING;
    s->receive_error = (int16_t)error;
    tl__wake_waiter(loop, &s->reader);
    (void)tl__stream_fail_sending(loop, id, handle, s, error);
}

double tl_stream_abort(tl_loop *loop, uint32_t slot, uint32_t generation,
                       int status)
{
    tl_id id = {slot, generation};
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, id, &handle);
    if (s == NULL || (handle->at.watch.fd < 0 && s->state & TL_IS_CLOSING))
        return 0;
    double dropped = (double)tl_buffer_length(&s->out);
    if (s->send_error == 0)
        s->send_error = (int16_t)status;
    close_socket(loop, id, handle, s, true);
    leave(loop, id, handle, s);
    return dropped;
}

void tl_stream_hand_over(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_id id = {slot, generation};
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, id, &handle);
    if (s == NULL || handle->at.watch.fd < 0)
        return;
    s->options |= TL_STREAM_SHARED;
    /* it stays open elsewhere, so the kernel would go on reporting it */
    (void)tl__descriptor_interest(loop, id, handle, 0);
    tl__stream_end(loop, id, handle, s);
}

void tl__stream_dispose(tl_loop *loop, tl_handle *handle)
{
    tl_stream *s = handle->stream;
    if (handle->at.watch.fd >= 0)
        tl_descriptor_close(handle->at.watch.fd);
    tl_buffer_clear(&s->in, &loop->pool);
    tl_buffer_clear(&s->out, &loop->pool);
    free(s);
    loop->streams--;
    loop->socket_bytes -= sizeof *s;
}
