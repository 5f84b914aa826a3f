/* Connections, their end: see stream.h. A closing connection sends its queue,
   then ends its direction, and drops what arrives until the peer has ended its
   own. A flowing connection's handle lives on after the end until
   tl__stream_next has reported TL_TELL_CLOSE. */
#include <errno.h>
#include <stdlib.h>

#include "loop/descriptor.h"
#include "loop/handle_ops.h"
#include "net/borrowed.h"
#include "net/net.h"
#include "net/stream.h"

enum {
    MOST_DISCARDS = 64, /* 512 KiB */
    MOST_DROPS = 2      /* in a turn, as for a reader */
};

void tl__stream_drop_queue(tl_loop *loop, tl_stream *s)
{
    loop->traffic.unsent += tl_buffer_length(&s->out);
    tl_buffer_clear(&s->out, &loop->net->pool);
    s->state &= ~(uint32_t)TL_IS_BLOCKED;
}

/* Closing a socket with unread data makes the kernel send a reset, which may
   overtake sent data: discard the bytes that have arrived so far, for there is
   no time to wait for more. RFC 9293, 3.6.1. */
static void discard_unread(tl_loop *loop, tl_end end, const tl_stream *s)
{
    if (s->state & (TL_IS_DRAINED | TL_IS_ENDED | TL_IS_CONNECTING) ||
        s->receive_error || s->send_error)
        return;
    /* not into the scratch: a collected connection may be closed while the
       scratch is being made a string */
    char bytes[8192];
    for (int i = 0; i < MOST_DISCARDS; i++) {
        loop->traffic.receives++;
        ssize_t got = s->transport->read(end, bytes, sizeof bytes);
        if (got <= 0 || ((size_t)got < sizeof bytes && !(s->traits & TL_VAGUE)))
            return;
    }
}

/* Close the transport; the handle lives on. */
static void give_up(tl_loop *loop, tl_id id, tl_handle *handle, tl_stream *s,
                    int how)
{
    tl_end end = tl__stream_end_of(handle, s);
    if (s->state & TL_IS_CLOSED)
        return;
    tl__descriptor_forget(loop, id, handle);
    if (s->options & TL_STREAM_SHARED) {
        tl__borrowed_close(loop, id);
        how = TL_CLOSE_HERE;
    }
    if (how == TL_CLOSE && s->traits & TL_RESETS)
        discard_unread(loop, end, s);
    (void)s->transport->close(end, how);
    s->state |= TL_IS_CLOSED;
    handle->at.watch.fd = -1;
}

static void close_all(tl_loop *loop, tl_id id, tl_handle *handle, tl_stream *s,
                      bool reset)
{
    /* the peer's data is incomplete: the peer must not see an orderly end */
    bool lossy = reset || s->state & TL_IS_LOSSY;
    give_up(loop, id, handle, s, lossy ? TL_CLOSE_RESET : TL_CLOSE);
    tl__stream_drop_queue(loop, s);
    tl_buffer_clear(&s->in, &loop->net->pool);
    tl__wake_waiter(loop, &s->reader);
    tl__wake_waiter(loop, &s->writer);
}

/* The only direction cannot end except by closing the connection. */
static void close_direction(tl_loop *loop, tl_id id, tl_handle *handle,
                            tl_stream *s)
{
    give_up(loop, id, handle, s, TL_CLOSE);
    s->state &= ~(uint32_t)TL_IS_BLOCKED;
    tl__set_active(loop, handle, s->tell != 0);
}

int tl__stream_end_sending(tl_loop *loop, tl_id id, tl_handle *handle,
                           tl_stream *s)
{
    if (s->traits & TL_HALVES) {
        tl_end end = tl__stream_end_of(handle, s);
        int answer = s->transport->close(end, TL_END_SENDING);
        return (int)tl__stream_answer(s, TL_WRITE, answer);
    }
    close_direction(loop, id, handle, s);
    return 0;
}

void tl__stream_end_receiving(tl_loop *loop, tl_id id, tl_handle *handle,
                              tl_stream *s)
{
    tl_end end = tl__stream_end_of(handle, s);
    if (s->traits & TL_HALVES)
        (void)s->transport->close(end, TL_END_RECEIVING);
    else if (s->options & TL_STREAM_RECEIVE_ONLY)
        close_direction(loop, id, handle, s);
}

/* All is sent: the time for dropping input begins. */
static void start_lingering(tl_loop *loop, const tl_stream *s)
{
    if (s->writer.slot != 0) /* fine if the timer has ended: -ESTALE */
        (void)tl_timer_reset(loop, s->writer.slot, s->writer.generation,
                             s->linger_s);
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
    close_all(loop, id, handle, s, false);
    leave(loop, id, handle, s);
}

bool tl__stream_drops_input(const tl_stream *s)
{
    uint32_t traits = TL_HALVES | TL_RESETS;
    uint32_t over = TL_IS_CLOSED | TL_IS_ENDED | TL_IS_CONNECTING;
    return s->state & TL_IS_CLOSING && !(s->state & over) &&
           (s->traits & traits) == traits && s->linger_left > 0 &&
           !(s->options & TL_STREAM_SHARED) && s->send_error == 0 &&
           s->receive_error == 0;
}

/* The transport's answer to one receive of bytes to drop. */
static void note_dropped(tl_loop *loop, tl_stream *s, ssize_t got, size_t room)
{
    loop->traffic.receives++;
    if (got > 0) {
        s->state |= TL_IS_LOUD;
        size_t count = (size_t)got;
        s->linger_left -= count < s->linger_left ? count : s->linger_left;
        if (count < room && !(s->state & TL_IS_HUNG) && !(s->traits & TL_VAGUE))
            s->state |= TL_IS_DRAINED;
    } else if (got == -EAGAIN) {
        s->state |= TL_IS_DRAINED;
        s->state &= ~(uint32_t)TL_IS_HUNG;
    } else if (got == 0) {
        s->state |= TL_IS_ENDED;
    } else {
        s->receive_error = (int16_t)got;
    }
}

bool tl__stream_drop_input(tl_loop *loop, tl_id id, tl_handle *handle,
                           tl_stream *s)
{
    tl_end end = tl__stream_end_of(handle, s);
    for (int i = 0; i < MOST_DROPS && tl__stream_drops_input(s) &&
                    !(s->state & TL_IS_DRAINED);
         i++) {
        ssize_t got =
            s->transport->read(end, loop->net->scratch, TL_SCRATCH_BYTES);
        note_dropped(loop, s, tl__stream_answer(s, TL_READ, got),
                     TL_SCRATCH_BYTES);
    }
    if (s->state & TL_IS_LET_GO && s->state & TL_IS_LOUD) {
        s->state &= ~(uint32_t)TL_IS_LET_GO;
        tl__handle_ref(loop, handle, true);
    }
    if (s->receive_error && tl_buffer_length(&s->out) > 0)
        return tl__stream_fail_sending(loop, id, handle, s, s->receive_error);
    if (tl__stream_drops_input(s) || tl_buffer_length(&s->out) > 0)
        return true;
    tl__stream_end(loop, id, handle, s);
    return false;
}

bool tl__stream_conclude(tl_loop *loop, tl_id id, tl_handle *handle,
                         tl_stream *s)
{
    /* nothing was sent: no reset can overtake it */
    if (!tl__stream_drops_input(s) || s->sent == 0) {
        tl__stream_end(loop, id, handle, s);
        return false;
    }
    s->state |= TL_IS_SHUTTING;
    /* a silent peer does not keep the program from ending */
    if (!(s->state & TL_IS_LOUD) && !(handle->flags & TL_FLAG_UNREF)) {
        s->state |= TL_IS_LET_GO;
        tl__handle_ref(loop, handle, false);
    }
    start_lingering(loop, s);
    return true;
}

void tl_stream_closing(tl_loop *loop, uint32_t slot, uint32_t generation,
                       uint32_t timer_slot, uint32_t timer_generation)
{
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, (tl_id){slot, generation}, &handle);
    tl_id timer = {timer_slot, timer_generation};
    if (s == NULL || tl__script_group(loop, timer, TL_GROUP_TIMERS) == NULL)
        return;
    s->writer = timer;
    s->writer_awaits = TL_AWAIT_CLOSED;
    if (tl_buffer_length(&s->out) == 0)
        start_lingering(loop, s);
}

void tl_stream_close_late(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_id id = {slot, generation};
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, id, &handle);
    if (s == NULL || s->state & TL_IS_CLOSED)
        return;
    if (tl_buffer_length(&s->out) > 0)
        (void)tl_stream_abort(loop, slot, generation, -ETIMEDOUT);
    else
        tl__stream_end(loop, id, handle, s);
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
    /* data that the peer sent before it left is reported first */
    s->state |= TL_IS_HUNG;
    s->state &= ~(uint32_t)TL_IS_DRAINED;
    tl__stream_tell(loop, id, handle, s, TL_TELL_ERROR);
    return true;
}

void tl__stream_expire(tl_loop *loop, tl_id id, tl_handle *handle, tl_stream *s)
{
    s->state |= TL_IS_EXPIRED;
    if (s->receive_error == 0)
        s->receive_error = -ETIME;
    tl__wake_waiter(loop, &s->reader);
    (void)tl__stream_fail_sending(loop, id, handle, s, -ETIME);
    give_up(loop, id, handle, s,
            s->state & TL_IS_LOSSY ? TL_CLOSE_RESET : TL_CLOSE);
    tl__set_active(loop, handle, s->tell != 0);
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
    uint32_t over = TL_IS_CLOSED | TL_IS_CLOSING;
    if (s == NULL || (s->state & over) == over)
        return 0;
    double dropped = (double)tl_buffer_length(&s->out);
    if (s->send_error == 0)
        s->send_error = (int16_t)status;
    close_all(loop, id, handle, s, true);
    leave(loop, id, handle, s);
    return dropped;
}

void tl_stream_hand_over(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_id id = {slot, generation};
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, id, &handle);
    if (s == NULL || s->state & TL_IS_CLOSED)
        return;
    s->options |= TL_STREAM_SHARED;
    /* the descriptor stays open elsewhere, so the kernel would go on reporting
       it */
    (void)tl__descriptor_interest(loop, id, handle, 0);
    tl__stream_end(loop, id, handle, s);
}

void tl__stream_dispose(tl_loop *loop, tl_handle *handle)
{
    tl_stream *s = handle->stream;
    tl_end end = tl__stream_end_of(handle, s);
    if (tl__stream_drops_input(s) && !tl_poller_forked(&loop->poller))
        discard_unread(loop, end, s);
    if (!(s->state & TL_IS_CLOSED))
        (void)s->transport->close(end, TL_CLOSE_HERE);
    tl_buffer_clear(&s->in, &loop->net->pool);
    tl_buffer_clear(&s->out, &loop->net->pool);
    tl__stream_release(loop, s);
}
