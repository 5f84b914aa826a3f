/* Connections, waiting: the events that the poller must report, and the waits
   that a connection ends. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loop/agenda.h"
#include "loop/descriptor.h"
#include "loop/handle_ops.h"
#include "net/net.h"
#include "net/stream.h"

bool tl__stream_wants_data(const tl_loop *loop, const tl_handle *handle,
                           const tl_stream *s)
{
    uint32_t over = TL_IS_ENDED | TL_IS_CONNECTING | TL_IS_CLOSING | TL_IS_DEAF;
    if (s->state & over || s->options & TL_STREAM_SEND_ONLY || s->receive_error)
        return false;
    if (s->options & TL_STREAM_FLOWING)
        return !(s->state & TL_IS_PAUSED) && !(handle->flags & TL_FLAG_BUSY);
    return tl__waits(loop, s->reader);
}

/* The same for data that is dropped. */
static bool wants_input(const tl_loop *loop, const tl_handle *handle,
                        const tl_stream *s)
{
    return tl__stream_wants_data(loop, handle, s) || tl__stream_drops_input(s);
}

static bool wants_room(const tl_stream *s)
{
    return (s->state & (TL_IS_CONNECTING | TL_IS_BLOCKED)) != 0;
}

/* The readiness that the two directions wait for. */
static int awaited(const tl_stream *s, bool reads)
{
    int reading = s->crossed & TL_READ ? TL_WRITE : TL_READ;
    int sending = s->crossed & TL_WRITE ? TL_READ : TL_WRITE;
    return (reads ? reading : 0) | (wants_room(s) ? sending : 0);
}

/* The interest for the poller: never less than the awaited readiness, and in
   the level-triggered mode the reading side as well, since removing and adding
   that side for each wait would be two calls to the kernel. */
static int interest_of(const tl_handle *handle, const tl_stream *s, bool reads)
{
    int now = (int)handle->at.watch.interest, wanted = awaited(s, reads);
    if (s->options & TL_STREAM_EDGE)
        return now || wanted ? TL_READ | TL_WRITE | TL_EDGE : 0;
    return now && !s->crossed ? wanted | TL_READ : wanted;
}

void tl__stream_ready(tl_loop *loop, tl_id id, int ready)
{
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, id, &handle);
    if (s == NULL)
        return;
    s->told |= (uint8_t)ready;
    tl__post(loop, id, handle);
}

ssize_t tl__stream_answer(tl_stream *s, int direction, ssize_t answer)
{
    int other = direction == TL_READ ? TL_WANTS_WRITE : TL_WANTS_READ;
    s->crossed &= (uint8_t)~direction;
    if (answer == other)
        s->crossed |= (uint8_t)direction;
    return answer == TL_WANTS_READ || answer == TL_WANTS_WRITE ? -EAGAIN
                                                               : answer;
}

/* A descriptor that is always ready continues on the next turn, after all
   others. */
static void go_on(tl_loop *loop, tl_id id, const tl_stream *s, bool reads)
{
    int wanted = awaited(s, reads);
    if (wanted)
        tl__stream_ready(loop, id, wanted);
}

void tl__stream_update(tl_loop *loop, tl_id id, tl_handle *handle, tl_stream *s)
{
    if (s->state & TL_IS_CLOSED)
        return;
    bool reads = wants_input(loop, handle, s);
    /* where a task reads, its wait keeps the loop running: tl_stream_await */
    tl__set_active(loop, handle,
                   (reads && s->options & TL_STREAM_FLOWING) || wants_room(s) ||
                       s->tell != 0 || s->state & TL_IS_CLOSING);
    if (handle->at.watch.fd < 0) /* the transport itself reports readiness */
        return;
    if (s->traits & TL_ALWAYS_READY)
        return go_on(loop, id, s, reads);
    int interest = interest_of(handle, s, reads);
    int error = tl__descriptor_interest(loop, id, handle, interest);
    if (error == -EPERM && s->traits & TL_REFUSABLE) {
        s->traits |= TL_ALWAYS_READY | TL_VAGUE;
        go_on(loop, id, s, reads);
    } else if (error) {
        tl__stream_fail(loop, id, handle, s, error);
    }
}

/* Whether only changes are reported, not unfinished work. */
static bool knows_edges(const tl_handle *handle, const tl_stream *s)
{
    return s->options & TL_STREAM_EDGE || handle->at.watch.fd < 0 ||
           s->traits & TL_ALWAYS_READY;
}

void tl__stream_settle(tl_loop *loop, tl_id id, int ready, bool unwanted)
{
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, id, &handle);
    if (s == NULL)
        return;
    if (s->tell != 0 && !(handle->flags & TL_FLAG_BUSY))
        tl__post(loop, id, handle);
    if (s->state & TL_IS_CLOSED)
        return;
    tl__stream_update(loop, id, handle, s);
    if ((s = tl__stream_find(loop, id, &handle)) == NULL)
        return;
    bool reads = wants_input(loop, handle, s);
    bool edges = knows_edges(handle, s);
    /* nor does the poller know of bytes that a vague transport has already
       taken */
    if ((edges || s->traits & TL_VAGUE) && reads && !(s->state & TL_IS_DRAINED))
        tl__post(loop, id, handle);
    if (!edges && unwanted && ready & (TL_READ | TL_ERROR | TL_HANGUP))
        (void)tl__descriptor_interest(loop, id, handle, awaited(s, reads));
}

void tl__stream_renew(tl_loop *loop, tl_id id, tl_handle *handle)
{
    tl_stream *s = handle->stream;
    s->state &= ~(uint32_t)TL_IS_DRAINED; /* an edge may have been lost */
    tl__post(loop, id, handle);
    tl__stream_update(loop, id, handle, s);
}

int tl_stream_pause(tl_loop *loop, uint32_t slot, uint32_t generation, int on)
{
    tl_id id = {slot, generation};
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, id, &handle);
    if (s == NULL || s->state & TL_IS_CLOSING)
        return -EBADF;
    s->state &= ~(uint32_t)TL_IS_PAUSED;
    if (on)
        s->state |= TL_IS_PAUSED;
    else if (!(s->state & TL_IS_DRAINED))
        tl__post(loop, id, handle); /* an edge may have come meanwhile */
    tl__stream_update(loop, id, handle, s);
    return 0;
}

/* --- readers and writers ------------------------------------------------ */

int tl_stream_busy(tl_loop *loop, uint32_t slot, uint32_t generation,
                   int writer)
{
    tl_handle *handle;
    const tl_stream *s =
        tl__stream_find(loop, (tl_id){slot, generation}, &handle);
    if (s == NULL)
        return 0;
    return tl__waits(loop, writer ? s->writer : s->reader);
}

int tl__stream_readable(const tl_loop *loop, const tl_stream *s)
{
    if (s == NULL || s->state & TL_IS_CLOSING)
        return -EBADF;
    if (s->options & TL_STREAM_SEND_ONLY)
        return TL_NO_RECEIVING;
    if (s->options & TL_STREAM_FLOWING || tl__waits(loop, s->reader))
        return -EBUSY;
    return 0;
}

/* The request of a reader that begins to wait; take has looked at all that is
   buffered. -ENOMEM. */
static int note_want(tl_stream *s, int kind, size_t count, const char *text)
{
    if (kind == TL_WANT_TEXT) {
        char *copy = realloc(s->text, count);
        if (copy == NULL)
            return -ENOMEM;
        s->text = copy;
        memcpy(copy, text, count);
    }
    s->want = (tl_want){.kind = kind,
                        .count = count,
                        .text = s->text,
                        .limit = s->receive_limit,
                        .seen = 0};
    if (tl_framing_searches(&s->want))
        s->want.seen = tl_buffer_length(&s->in);
    return 0;
}

int tl_stream_await(tl_loop *loop, uint32_t slot, uint32_t generation, int kind,
                    double count, const char *text, uint32_t waiter_slot,
                    uint32_t waiter_generation)
{
    tl_id id = {slot, generation};
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, id, &handle);
    int error = tl__stream_readable(loop, s);
    if (error)
        return error;
    tl_buffer_release(&s->in, &loop->net->pool);
    error = note_want(s, kind & ~TL_WANT_IN_TOTAL, (size_t)count, text);
    if (error)
        return error;
    s->in_total = !!(kind & TL_WANT_IN_TOTAL);
    s->reader = (tl_id){waiter_slot, waiter_generation};
    tl_handle *wait = tl__wait_find(loop, s->reader);
    if (wait == NULL)
        return -ESTALE;
    if (handle->flags & TL_FLAG_UNREF)
        tl__handle_ref(loop, wait, false);
    tl__set_active(loop, wait, true);
    if (!(s->state & (TL_IS_DRAINED | TL_IS_CONNECTING)))
        tl__post(loop, id, handle); /* the reader has had its turn: see
                                       may_read */
    tl__stream_update(loop, id, handle, s);
    return s->receive_error;
}

tl_id tl__stream_reader(const tl_loop *loop, tl_id id)
{
    tl_handle *handle;
    const tl_stream *s = tl__stream_find(loop, id, &handle);
    if (s == NULL || !tl__waits(loop, s->reader))
        return (tl_id){0, 0};
    return s->reader;
}

int tl_stream_ref(tl_loop *loop, uint32_t slot, uint32_t generation, int on)
{
    tl_handle *handle;
    const tl_stream *s =
        tl__stream_find(loop, (tl_id){slot, generation}, &handle);
    if (s == NULL)
        return -EBADF;
    tl_handle *wait = tl__wait_find(loop, s->reader);
    if (wait != NULL)
        tl__handle_ref(loop, wait, on);
    tl__handle_ref(loop, handle, on);
    return 0;
}
