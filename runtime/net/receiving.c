/* Connections, receiving: from the transport to readers and callbacks.

   The bytes just received lie in the sockets' scratch; only the bytes that no
   reader took are copied to the connection's own buffer, so an idle connection
   has no buffer. */
#include <errno.h>
#include <string.h>

#include "loop/handle_ops.h"
#include "loop/timer.h"
#include "net/net.h"
#include "net/stream.h"

enum {
    MOST_RESERVED = 1 << 20, /* for one receive */
    MOST_READS = 16          /* in a turn, by a reader that never waits */
};

/* The transport's answer to a receive: record its meaning. */
static ssize_t note_received(tl_loop *loop, tl_stream *s, ssize_t answer,
                             size_t room)
{
    ssize_t got = tl__stream_answer(s, TL_READ, answer);
    loop->traffic.receives++;
    if (got > 0) {
        s->received += (uint64_t)got;
        loop->traffic.received += (uint64_t)got;
        /* fewer bytes than fit: there are no more, epoll(7), question 9 */
        if ((size_t)got < room && !(s->state & TL_IS_HUNG) &&
            !(s->traits & TL_VAGUE))
            s->state |= TL_IS_DRAINED;
    } else if (got == 0) {
        s->state |= TL_IS_ENDED;
    } else if (got == -EAGAIN) {
        s->state |= TL_IS_DRAINED;
        s->state &= ~(uint32_t)TL_IS_HUNG;
    } else {
        s->receive_error = (int16_t)got;
        if (s->send_error == 0) /* a reset ends both directions */
            s->send_error = (int16_t)got;
    }
    return got;
}

/* Whether a reader may ask the kernel again without waiting: a reader that a
   fast peer feeds would never let other handles have their turn. */
static bool may_read(const tl_loop *loop, tl_stream *s)
{
    if (s->turn != (uint32_t)loop->turns)
        s->turn_reads = 0;
    s->turn = (uint32_t)loop->turns;
    return s->turn_reads++ < MOST_READS;
}

static ssize_t receive(const tl_handle *handle, const tl_stream *s, char *bytes,
                       size_t room)
{
    return s->transport->read(tl__stream_end_of(handle, s), bytes, room);
}

/* The room in bytes that a receive for a reader should have when `held` are
   buffered; for a reader that takes any bytes, the usual amount at most. */
static size_t room_for(const tl_want *want, size_t held)
{
    if (want->kind != TL_WANT_SOME)
        return tl_framing_missing(want, held);
    return want->count < TL_LARGE_BYTES ? want->count : TL_LARGE_BYTES;
}

/* Receive once, behind the bytes already buffered. */
static ssize_t receive_behind(tl_loop *loop, const tl_handle *handle,
                              tl_stream *s, size_t missing)
{
    size_t wish = missing < MOST_RESERVED ? missing : MOST_RESERVED;
    int error = tl_buffer_reserve(&s->in, &loop->net->pool, wish);
    if (error)
        return error;
    size_t room = tl_buffer_room(&s->in);
    ssize_t got = receive(handle, s, s->in.memory + s->in.end, room);
    if (got > 0)
        s->in.end += (size_t)got;
    return note_received(loop, s, got, room);
}

/* Receive once into the scratch. */
static ssize_t receive_scratch(tl_loop *loop, const tl_handle *handle,
                               tl_stream *s)
{
    ssize_t got = receive(handle, s, loop->net->scratch, TL_SCRATCH_BYTES);
    return note_received(loop, s, got, TL_SCRATCH_BYTES);
}

bool tl__stream_receive_ahead(tl_loop *loop, const tl_handle *handle,
                              tl_stream *s)
{
    size_t held = tl_buffer_length(&s->in);
    uint32_t over = TL_IS_CLOSED | TL_IS_ENDED | TL_IS_DEAF | TL_IS_CONNECTING;
    return !(s->options & TL_STREAM_FLOWING) && !(s->state & over) &&
           s->receive_error == 0 && held < s->receive_limit &&
           receive_behind(loop, handle, s, s->receive_limit - held) > 0;
}

static void show(tl_view *view, const char *bytes, size_t length)
{
    view->bytes = bytes;
    view->length = (double)length;
}

/* --- readers ------------------------------------------------------------ */

static bool find_buffered(tl_stream *s, tl_want *want, tl_view *view)
{
    tl_part part;
    const char *bytes = tl_buffer_bytes(&s->in);
    if (!tl_framing_find(want, bytes, tl_buffer_length(&s->in), &part))
        return false;
    show(view, bytes, part.length);
    tl_buffer_consume(&s->in, part.advance);
    return true;
}

/* Why the requested data cannot come any more, or 0. */
static int verdict(const tl_stream *s, const tl_want *want)
{
    size_t held = tl_buffer_length(&s->in);
    if (s->receive_error)
        return s->receive_error;
    /* a failed send has used up the kernel's error: an apparent orderly end, or
       silence, is neither */
    if (s->state & TL_IS_LOSSY && s->state & (TL_IS_ENDED | TL_IS_DRAINED))
        return s->send_error == -EPIPE ? -ECONNRESET : s->send_error;
    if (s->state & (TL_IS_ENDED | TL_IS_DEAF))
        return TL_EOF;
    if ((tl_framing_searches(want) || want->kind == TL_WANT_MORE) &&
        held >= s->receive_limit)
        return TL_LINE_TOO_LONG;
    return 0;
}

static int take_rest(tl_stream *s, tl_view *view)
{
    size_t held = tl_buffer_length(&s->in);
    show(view, tl_buffer_bytes(&s->in), held);
    tl_buffer_consume(&s->in, held);
    return TL_TAKEN;
}

/* Memory that was consumed stays readable until here. */
static void tidy(tl_loop *loop, tl_stream *s)
{
    tl_buffer_release(&s->in, &loop->net->pool);
}

int tl_stream_take(tl_loop *loop, uint32_t slot, uint32_t generation, int kind,
                   double count, const char *text, tl_view *view)
{
    tl_id id = {slot, generation};
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, id, &handle);
    int error = tl__stream_readable(loop, s);
    if (error)
        return error;
    if (kind & TL_WANT_AFRESH)
        s->state &= ~(uint32_t)TL_IS_DRAINED;
    kind &= ~TL_WANT_AFRESH;
    /* every field is named, or the compiler clears the gaps as well, by stores
       across two fields, and the next read of seen waits for them: 17 ns */
    tl_want want = {.kind = kind,
                    .count = (size_t)count,
                    .text = text,
                    .limit = s->receive_limit,
                    .seen = 0};
    tidy(loop, s);
    for (;;) {
        if (find_buffered(s, &want, view))
            return TL_TAKEN;
        int over = verdict(s, &want);
        /* nothing at all is no success, in LuaSocket neither */
        if (over == TL_EOF && kind == TL_WANT_ALL &&
            tl_buffer_length(&s->in) > 0)
            return take_rest(s, view);
        if (over)
            return over;
        if (s->state & (TL_IS_DRAINED | TL_IS_CONNECTING) || !may_read(loop, s))
            return -EAGAIN;
        size_t room = room_for(&want, tl_buffer_length(&s->in));
        if (receive_behind(loop, handle, s, room) == -ENOMEM)
            return -ENOMEM;
    }
}

int tl_stream_take_rest(tl_loop *loop, uint32_t slot, uint32_t generation,
                        tl_view *view)
{
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, (tl_id){slot, generation}, &handle);
    return s != NULL ? take_rest(s, view) : -EBADF;
}

int tl_stream_peek(tl_loop *loop, uint32_t slot, uint32_t generation,
                   tl_view *view)
{
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, (tl_id){slot, generation}, &handle);
    if (s == NULL)
        return -EBADF;
    size_t held = tl_buffer_length(&s->in);
    /* a match may be in no other bytes */
    show(view, tl_buffer_bytes(&s->in),
         held < s->receive_limit ? held : s->receive_limit);
    return 0;
}

int tl_stream_skip(tl_loop *loop, uint32_t slot, uint32_t generation,
                   double count)
{
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, (tl_id){slot, generation}, &handle);
    if (s == NULL)
        return -EBADF;
    tl_buffer_consume(&s->in, (size_t)count);
    return 0;
}

double tl_stream_take_into(tl_loop *loop, uint32_t slot, uint32_t generation,
                           char *bytes, double room)
{
    tl_id id = {slot, generation};
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, id, &handle);
    int error = tl__stream_readable(loop, s);
    if (error)
        return error;
    size_t held = tl_buffer_length(&s->in), most = (size_t)room;
    if (held > 0) {
        size_t count = held < most ? held : most;
        memcpy(bytes, tl_buffer_bytes(&s->in), count);
        tl_buffer_consume(&s->in, count);
        return (double)count;
    }
    tl_want some = {.kind = TL_WANT_SOME, .count = most};
    int over = verdict(s, &some);
    if (over == 0 &&
        (s->state & (TL_IS_DRAINED | TL_IS_CONNECTING) || !may_read(loop, s)))
        over = -EAGAIN;
    if (over)
        return over;
    ssize_t got = note_received(loop, s, receive(handle, s, bytes, most), most);
    return got == 0 ? TL_EOF : (double)got;
}

/* Look for the requested data in the scratch; keep the rest of the bytes. 1 if
   it is there, 0 if not, -ENOMEM. */
static int serve_scratch(tl_loop *loop, tl_stream *s, size_t got, tl_view *view)
{
    tl_part part = {0, 0};
    bool found = tl_framing_find(&s->want, loop->net->scratch, got, &part);
    if (found)
        show(view, loop->net->scratch, part.length);
    int error =
        tl_buffer_append(&s->in, &loop->net->pool,
                         loop->net->scratch + part.advance, got - part.advance);
    if (error) {
        s->receive_error = (int16_t)error; /* bytes are lost: the end */
        return found && part.advance == got ? 1 : error;
    }
    return found;
}

/* The requested part of the buffered bytes. Making a string of a long part is
   left to the task: if memory runs out, the task sees the error. */
static int serve_buffered(tl_stream *s, tl_view *view)
{
    tl_part part;
    const char *bytes = tl_buffer_bytes(&s->in);
    if (!tl_framing_find(&s->want, bytes, tl_buffer_length(&s->in), &part))
        return 0;
    if (part.length > TL_SCRATCH_BYTES)
        return TL_WOKEN;
    show(view, bytes, part.length);
    tl_buffer_consume(&s->in, part.advance);
    return 1;
}

static int serve_once(tl_loop *loop, tl_handle *handle, tl_stream *s,
                      tl_view *view)
{
    size_t held = tl_buffer_length(&s->in);
    bool direct = held == 0 &&
                  tl_framing_missing(&s->want, 0) <= (size_t)TL_SCRATCH_BYTES;
    ssize_t got;
    if (direct) {
        tidy(loop, s);
        got = receive_scratch(loop, handle, s);
        if (got > 0)
            return serve_scratch(loop, s, (size_t)got, view);
    } else {
        got =
            receive_behind(loop, handle, s, tl_framing_missing(&s->want, held));
        if (got > 0)
            return serve_buffered(s, view);
    }
    return got == -ENOMEM ? -ENOMEM : 0;
}

/* Bytes came, though not all: the wait's timeout, if there is one, starts
   again, as LuaSocket's "b" timeouts do. */
static void restart_time(tl_loop *loop, tl_id reader)
{
    tl_handle *wait = tl__wait_find(loop, reader);
    if (wait->where != TL_NOWHERE)
        (void)tl__timed_rearm(loop, reader, wait, -1);
}

int tl__stream_serve(tl_loop *loop, tl_id id, int *reads, tl_view *view,
                     tl_id *reader)
{
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, id, &handle);
    *reader = tl__stream_reader(loop, id);
    if (s == NULL || reader->slot == 0)
        return 0;
    int result = 0;
    uint64_t before = s->received;
    while (result == 0 && verdict(s, &s->want) == 0 &&
           !(s->state & (TL_IS_DRAINED | TL_IS_CONNECTING)) && (*reads)-- > 0)
        result = serve_once(loop, handle, s, view);
    if (result == 0 && verdict(s, &s->want) == 0) {
        if (s->received != before && !s->in_total)
            restart_time(loop, s->reader);
        return 0;
    }
    s->reader = (tl_id){0, 0};
    return result == 1 && s->want.kind != TL_WANT_MORE ? 1 : TL_WOKEN;
}

/* --- callbacks ---------------------------------------------------------- */

static void note_end(tl_loop *loop, tl_id id, tl_handle *handle, tl_stream *s)
{
    if (s->receive_error)
        tl__stream_tell(loop, id, handle, s, TL_TELL_ERROR);
    else if (s->state & TL_IS_ENDED)
        tl__stream_tell(loop, id, handle, s, TL_TELL_EOF);
}

/* Take one item off the pending reports. */
static bool take_tell(tl_stream *s, int what)
{
    bool told = s->tell >> what & 1;
    s->tell &= (uint8_t) ~(1 << what);
    return told;
}

static int tell_end(tl_loop *loop, tl_id id, tl_handle *handle, tl_stream *s,
                    int *status)
{
    *status = s->send_error;
    if (take_tell(s, TL_TELL_ERROR)) {
        tl__stream_end(loop, id, handle, s);
        return TL_TELL_ERROR;
    }
    if (take_tell(s, TL_TELL_CLOSE)) {
        tl__set_active(loop, handle, false);
        tl__stream_free(loop, id, s);
        return TL_TELL_CLOSE;
    }
    return 0;
}

int tl__stream_next(tl_loop *loop, tl_id id, int *reads, tl_view *view,
                    int *status)
{
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, id, &handle);
    if (s == NULL || handle->flags & TL_FLAG_BUSY)
        return 0;
    if (take_tell(s, TL_TELL_OPEN))
        return TL_TELL_OPEN;
    bool any =
        tl__stream_wants_data(loop, handle, s) && !(s->state & TL_IS_DRAINED);
    if (any && (*reads)-- > 0) {
        ssize_t got = receive_scratch(loop, handle, s);
        if (got > 0) {
            show(view, loop->net->scratch, (size_t)got);
            return TL_TELL_DATA;
        }
        note_end(loop, id, handle, s);
        any = false;
    }
    if (take_tell(s, TL_TELL_EOF) && !(s->tell >> TL_TELL_ERROR & 1))
        return TL_TELL_EOF;
    if (take_tell(s, TL_TELL_DRAIN))
        return TL_TELL_DRAIN;
    /* a failed send ends the connection after all received data, perhaps on
       another turn */
    return any ? 0 : tell_end(loop, id, handle, s, status);
}
