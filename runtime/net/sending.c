/* Connections, sending: the queue, its marks, and its way to the transport. */
#include <errno.h>

#include "loop/agenda.h"
#include "sys/descriptor.h"
#include "loop/handle_ops.h"
#include "loop/wakeup.h"
#include "net/net.h"
#include "net/stream.h"

/* Gathered bytes that leave without waiting for the callback's end. */
enum { GATHER_BYTES = 65536 };

static bool satisfied(const tl_stream *s, int what)
{
    size_t queued = tl_buffer_length(&s->out);
    switch (what) {
    case TL_AWAIT_ROOM:
        return queued <= s->low;
    case TL_AWAIT_SENT:
        return queued == 0;
    case TL_AWAIT_CONNECTED:
        return !(s->state & TL_IS_CONNECTING);
    default: /* told by close_all */
        return false;
    }
}

/* The queue has become shorter. False if the connection ended by this. */
static bool note_sent(tl_loop *loop, tl_id id, tl_handle *handle, tl_stream *s)
{
    if (s->state & TL_IS_HIGH && tl_buffer_length(&s->out) <= s->low) {
        s->state &= ~(uint32_t)TL_IS_HIGH;
        tl__stream_tell(loop, id, handle, s, TL_TELL_DRAIN);
    }
    if (s->writer.slot != 0 && satisfied(s, s->writer_awaits))
        tl__wake_waiter(loop, &s->writer);
    if (tl_buffer_length(&s->out) > 0)
        return true;
    tl_buffer_release(&s->out, &loop->net->pool);
    if (s->state & TL_IS_CLOSING && !tl__stream_conclude(loop, id, handle, s))
        return false;
    if ((s->state & (TL_IS_SHUTTING | TL_IS_SHUT)) == TL_IS_SHUTTING) {
        int error = tl__stream_end_sending(loop, id, handle, s);
        if (error == -EAGAIN) {
            s->state |= TL_IS_BLOCKED;
            return true;
        }
        s->state |= TL_IS_SHUT;
        if (error)
            return tl__stream_fail_sending(loop, id, handle, s, error);
    }
    return true;
}

/* Bytes in front of the transport: queued bytes, and more that are not queued
   yet. */
typedef struct load {
    const char *more;
    size_t more_length;
} load;

static ssize_t write_load(const tl_handle *handle, const tl_stream *s,
                          load extra)
{
    tl_end end = tl__stream_end_of(handle, s);
    const char *bytes = tl_buffer_bytes(&s->out);
    size_t queued = tl_buffer_length(&s->out);
    if (queued == 0)
        return s->transport->write(end, extra.more, extra.more_length);
    if (extra.more_length == 0)
        return s->transport->write(end, bytes, queued);
    const struct iovec parts[2] = {{(void *)bytes, queued},
                                   {(void *)extra.more, extra.more_length}};
    return s->transport->writev(end, parts, 2);
}

/* Offer everything to the transport once. Returns the number of unqueued bytes
   that the transport took, or a negative errno. */
static ssize_t offer(tl_loop *loop, tl_id id, const tl_handle *handle,
                     tl_stream *s, load extra)
{
    size_t queued = tl_buffer_length(&s->out);
    loop->traffic.sends++;
    ssize_t taken =
        tl__stream_answer(s, TL_WRITE, write_load(handle, s, extra));
    if (taken < 0)
        return taken;
    s->sent += (uint64_t)taken;
    loop->traffic.sent += (uint64_t)taken;
    size_t of_queue = (size_t)taken < queued ? (size_t)taken : queued;
    tl_buffer_consume(&s->out, of_queue);
    /* less than all: the socket's buffer is full, send(2) on streams */
    if ((size_t)taken < queued + extra.more_length) {
        s->state |= TL_IS_BLOCKED;
        if (s->traits & TL_VAGUE) /* or there may be more room: ask again */
            tl__stream_ready(loop, id, TL_WRITE);
    }
    return taken - (ssize_t)of_queue;
}

bool tl__stream_send_queue(tl_loop *loop, tl_id id, tl_handle *handle,
                           tl_stream *s)
{
    if (tl_buffer_length(&s->out) > 0) {
        ssize_t taken = offer(loop, id, handle, s, (load){NULL, 0});
        if (taken == -EAGAIN)
            s->state |= TL_IS_BLOCKED;
        else if (taken < 0)
            return tl__stream_fail_sending(loop, id, handle, s, (int)taken);
    }
    return note_sent(loop, id, handle, s);
}

/* Much data at once: past the queue, without copying the bytes that the kernel
   takes. */
static int send_much(tl_loop *loop, tl_id id, tl_handle *handle, tl_stream *s,
                     load extra)
{
    /* room for the rest first, so that nothing can get lost in the middle */
    int error = tl_buffer_reserve(&s->out, &loop->net->pool, extra.more_length);
    if (error)
        return error;
    ssize_t taken = offer(loop, id, handle, s, extra);
    if (taken == -EAGAIN) {
        s->state |= TL_IS_BLOCKED;
        taken = 0;
    } else if (taken < 0) {
        (void)tl__stream_fail_sending(loop, id, handle, s, (int)taken);
        return s->send_error;
    }
    (void)tl_buffer_append(&s->out, &loop->net->pool, extra.more + taken,
                           extra.more_length - (size_t)taken);
    (void)note_sent(loop, id, handle, s); /* the connection is not closing, so
                                             it lives on */
    tl__stream_update(loop, id, handle, s);
    return 0;
}

static int refusal(const tl_loop *loop, const tl_stream *s, size_t count)
{
    if (s == NULL || s->state & TL_IS_CLOSING)
        return -EBADF;
    if (s->send_error)
        return s->send_error;
    if (s->state & TL_IS_SHUTTING)
        return -EPIPE;
    if (s->options & TL_STREAM_RECEIVE_ONLY)
        return TL_NO_SENDING;
    if (s->writer.slot != 0 && s->writer_awaits == TL_AWAIT_ROOM &&
        tl__waits(loop, s->writer))
        return -EBUSY;
    size_t queued = tl_buffer_length(&s->out);
    if (queued > s->limit || count > s->limit - queued)
        return TL_QUEUE_FULL;
    return 0;
}

static void mark_dirty(tl_loop *loop, tl_id id, tl_stream *s)
{
    if (s->state & (TL_IS_DIRTY | TL_IS_BLOCKED | TL_IS_CONNECTING))
        return;
    s->state |= TL_IS_DIRTY;
    tl__defer(loop, id);
}

int tl_stream_send(tl_loop *loop, uint32_t slot, uint32_t generation,
                   const char *bytes, size_t count)
{
    tl_id id = {slot, generation};
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, id, &handle);
    int error = refusal(loop, s, count);
    if (error)
        return error;
    size_t queued = tl_buffer_length(&s->out) + count;
    bool now = queued >= GATHER_BYTES &&
               !(s->state & (TL_IS_BLOCKED | TL_IS_CONNECTING));
    error = now ? send_much(loop, id, handle, s, (load){bytes, count})
                : tl_buffer_append(&s->out, &loop->net->pool, bytes, count);
    if (error)
        return error;
    if (!now)
        mark_dirty(loop, id, s);
    if (tl_buffer_length(&s->out) <= s->high)
        return 0;
    s->state |= TL_IS_HIGH;
    return TL_ABOVE_HIGH;
}

int tl_stream_flush(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_id id = {slot, generation};
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, id, &handle);
    if (s == NULL || s->state & TL_IS_CLOSING)
        return -EBADF;
    if (!(s->state & (TL_IS_BLOCKED | TL_IS_CONNECTING)) &&
        tl_buffer_length(&s->out) > 0) {
        if (!tl__stream_send_queue(loop, id, handle, s))
            return 0;
        tl__stream_update(loop, id, handle, s);
    }
    if (s->send_error)
        return s->send_error;
    return tl_buffer_length(&s->out) > 0 ? -EAGAIN : 0;
}

int tl_stream_drain(tl_loop *loop, uint32_t slot, uint32_t generation,
                    double most)
{
    tl_id id = {slot, generation};
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, id, &handle);
    if (s == NULL)
        return -EBADF;
    while (s->send_error == 0 && (double)tl_buffer_length(&s->out) > most) {
        if (s->state & TL_IS_BLOCKED) {
            if (handle->at.watch.fd < 0)
                return -EAGAIN;
            tl_descriptor_await(handle->at.watch.fd,
                                s->crossed & TL_WRITE ? TL_READ : TL_WRITE);
        }
        s->state &= ~(uint32_t)TL_IS_BLOCKED;
        uint64_t unsent = loop->traffic.unsent;
        if (!tl__stream_send_queue(loop, id, handle, s)) /* the connection was
                                                            closing */
            return loop->traffic.unsent == unsent ? 0 : -EPIPE;
    }
    tl__stream_update(loop, id, handle, s);
    return s->send_error;
}

void tl__stream_deferred(tl_loop *loop, tl_id id, tl_handle *handle)
{
    tl_stream *s = handle->stream;
    s->state &= ~(uint32_t)TL_IS_DIRTY;
    if (s->state & (TL_IS_BLOCKED | TL_IS_CONNECTING) ||
        tl_buffer_length(&s->out) == 0 || tl_poller_forked(&loop->poller))
        return;
    if (tl__stream_send_queue(loop, id, handle, s) &&
        (s->state & TL_IS_BLOCKED))
        tl__stream_update(loop, id, handle, s);
}

int tl_stream_sent(tl_loop *loop, uint32_t slot, uint32_t generation, int what)
{
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, (tl_id){slot, generation}, &handle);
    if (s == NULL || s->state & TL_IS_CLOSING)
        return -EBADF;
    if (s->send_error)
        return s->send_error;
    return satisfied(s, what) ? 0 : -EAGAIN;
}

int tl_stream_await_sent(tl_loop *loop, uint32_t slot, uint32_t generation,
                         int what, uint32_t waiter_slot,
                         uint32_t waiter_generation)
{
    tl_id id = {slot, generation};
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, id, &handle);
    if (s == NULL || s->state & TL_IS_CLOSING)
        return -EBADF;
    if (tl_stream_busy(loop, slot, generation, 1))
        return -EBUSY;
    tl_id waiter = {waiter_slot, waiter_generation};
    if (tl__wait_find(loop, waiter) == NULL)
        return -ESTALE;
    s->writer_awaits = (uint8_t)what;
    s->writer = waiter;
    /* the gathered bytes are offered now: there may be nothing else to wait
       for */
    if (!(s->state & (TL_IS_BLOCKED | TL_IS_CONNECTING)))
        (void)tl__stream_send_queue(loop, id, handle, s);
    tl__stream_update(loop, id, handle, s);
    return 0;
}

/* --- what ends once the queue is empty ----------------------------------- */

/* The direction to be shut down, or the error that prevents that. */
static int direction_of(const tl_stream *s, int how)
{
    if (s->options & TL_STREAM_SEND_ONLY)
        return how == TL_SHUTDOWN_RECEIVE ? TL_NO_RECEIVING : TL_SHUTDOWN_SEND;
    if (s->options & TL_STREAM_RECEIVE_ONLY)
        return how == TL_SHUTDOWN_SEND ? TL_NO_SENDING : TL_SHUTDOWN_RECEIVE;
    if (!(s->traits & TL_HALVES) && how != TL_SHUTDOWN_RECEIVE)
        return -ENOTSOCK;
    return how;
}

int tl_stream_shutdown(tl_loop *loop, uint32_t slot, uint32_t generation,
                       int how)
{
    tl_id id = {slot, generation};
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, id, &handle);
    if (s == NULL || s->state & TL_IS_CLOSING)
        return -EBADF;
    if (s->state & TL_IS_EXPIRED)
        return s->send_error;
    if (s->state & TL_IS_CONNECTING)
        return -ENOTCONN;
    how = direction_of(s, how);
    if (how < 0)
        return how;
    bool sending = how != TL_SHUTDOWN_RECEIVE;
    bool receiving = how != TL_SHUTDOWN_SEND;
    if ((!sending || s->state & TL_IS_SHUTTING) &&
        (!receiving || s->state & TL_IS_DEAF))
        return -EALREADY;
    if (receiving) {
        s->state |= TL_IS_DEAF;
        tl_buffer_clear(&s->in, &loop->net->pool);
        tl__stream_end_receiving(loop, id, handle, s);
        tl__wake_waiter(loop, &s->reader);
    }
    if (sending && !(s->state & TL_IS_SHUTTING)) {
        s->state |= TL_IS_SHUTTING;
        if (!(s->state & TL_IS_BLOCKED))
            (void)tl__stream_send_queue(loop, id, handle, s);
    }
    tl__stream_update(loop, id, handle, s);
    return s->send_error;
}

int tl_stream_close(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_id id = {slot, generation};
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, id, &handle);
    if (s == NULL || s->state & TL_IS_CLOSING)
        return 0;
    s->state |= TL_IS_CLOSING;
    tl_buffer_clear(&s->in, &loop->net->pool);
    tl__wake_waiter(loop, &s->reader);
    tl__wake_waiter(loop, &s->writer);
    if (s->state & TL_IS_CONNECTING || s->send_error)
        tl__stream_drop_queue(loop, s);
    if (!(s->state & TL_IS_BLOCKED) &&
        !tl__stream_send_queue(loop, id, handle, s))
        return 0;
    if (!(s->state & TL_IS_DRAINED)) /* an edge may have come before */
        tl__post(loop, id, handle);
    tl__stream_update(loop, id, handle, s);
    return 1;
}

void tl__stream_drop(tl_loop *loop, tl_id id, tl_handle *handle)
{
    tl_stream *s = tl__stream_find(loop, id, &handle);
    if (s == NULL)
        return;
    s->options &= ~(uint32_t)TL_STREAM_FLOWING;
    s->tell = 0;
    s->linger_left = 0; /* no timer limits what is closed here */
    handle->flags &= (uint8_t)~TL_FLAG_BUSY; /* its callback goes no further */
    tl__set_active(loop, handle, false);
    if (s->state & TL_IS_CLOSING && s->state & TL_IS_CLOSED)
        tl__stream_free(loop, id, s); /* no other report was pending */
    else if (s->options & TL_STREAM_SHARED)
        tl__stream_update(loop, id, handle, s);
    else
        (void)tl_stream_close(loop, id.slot, id.generation);
}
