/* Connections over a transport in memory: the promises of
   tests/lua/net/connection_spec about reading and writing, on a random script
   of sends, receives of every kind, waits and pauses, and each way to end,
   against a model; no Lua and no descriptor.
   transport_test SEED STEPS           any
   transport_test SEED STEPS sealed    where a system call but for memory is
                                       death by SIGSYS
   transport_test SEED STEPS socket    sealed, and then a socket: the proof */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loop/kinds.h"
#include "loop/loop.h"
#include "memory.h"
#include "loop/agenda.h"

enum { MOST = 150000, LIMIT = 300000, STEPS = 150, MOST_TURNS = 200000 };
enum { MOST_TEXT = 80 };

typedef struct {
    memory_end end;
    uint64_t accepted, received; /* the n-th byte sent is byte_at(n) */
    uint32_t high, low;
    tl_id reader, writer; /* handles of waits; slot 0 for none */
    int want, awaits;
    char text[MOST_TEXT]; /* the latest that a reader searched for */
    size_t text_length;
    int error;           /* reported instead of bytes */
    bool flowing;        /* its callbacks get the rest: */
    bool opened, closed; /* its first and its last */
    bool above, drains;  /* above high until low; a report of that is due */
    bool ended;          /* read to the end */
    bool drops;          /* once closed, whatever comes, however much */
    bool unhurt;         /* by the close of its peer, which drops */
} side;

static const tl_kind *const needed[TL_KINDS_MOST] = {
    [TL_TIMER] = &tl__timer_kind,
    [TL_SLEEP] = &tl__sleep_kind,
    [TL_STREAM] = &tl__stream_kind,
};
static tl_loop *loop;
static char bytes[MOST];
static double unsent; /* of all plays */

static char byte_at(uint64_t n)
{
    uint64_t x = n * 0x9e3779b97f4a7c15u;
    return n % 61 == 60 ? '\n' : (char)('a' + x % 26);
}

static uint32_t slot(const side *e)
{
    return e->end.id.slot;
}

static uint32_t generation(const side *e)
{
    return e->end.id.generation;
}

static tl_stream *stream(const side *e)
{
    tl_handle *handle;
    return tl__stream_find(loop, e->end.id, &handle);
}

static size_t queued(const side *e)
{
    const tl_stream *s = stream(e);
    return s != NULL ? tl_buffer_length(&s->out) : 0;
}

static void expect(side *e, const char *got, size_t count)
{
    for (size_t i = 0; i < count; i++)
        TL_CHECK(got[i] == byte_at(e->received + i), "another byte");
    e->received += count;
}

/* --- the model, after every step ---------------------------------------- */

static void check_wait(const side *e, const tl_stream *s)
{
    if (s->writer.slot == 0 || s->send_error || s->state & TL_IS_CLOSING)
        return;
    int status = tl_stream_sent(loop, slot(e), generation(e), s->writer_awaits);
    TL_CHECK(status == -EAGAIN, "a writer waits for what is so");
}

static void check_side(side *e)
{
    tl_stream_info info;
    const tl_stream *s = stream(e);
    if (s == NULL)
        return;
    TL_CHECK(tl_stream_info_get(loop, slot(e), generation(e), &info) == 0 &&
                 info.fd == -1,
             "a connection of no descriptor");
    TL_CHECK((uint64_t)info.sent == e->end.taken, "another count was sent");
    if (e->above && info.queued <= e->low && !info.send_error) {
        e->above = false;
        e->drains = true;
    }
    if (info.closing)
        return;
    TL_CHECK((uint64_t)(info.received - info.buffered) == e->received ||
                 s->state & TL_IS_DEAF,
             "bytes are lost between the transport and the reader");
    TL_CHECK(info.above_high == (info.queued > e->high), "another mark");
    check_wait(e, s);
    TL_CHECK(info.send_error ||
                 e->accepted == e->end.taken + (uint64_t)info.queued,
             "bytes are lost in the queue");
}

static void check(side *sides)
{
    tl_loop_check(loop);
    check_side(&sides[0]);
    check_side(&sides[1]);
}

/* --- steps -------------------------------------------------------------- */

static void send_some(side *e)
{
    size_t count = (size_t)random_below(random_below(4) ? 3000 : MOST);
    size_t before = queued(e);
    for (size_t i = 0; i < count; i++)
        bytes[i] = byte_at(e->accepted + i);
    int status = tl_stream_send(loop, slot(e), generation(e), bytes, count);
    if (tl_stream_busy(loop, slot(e), generation(e), 1) &&
        e->awaits == TL_AWAIT_ROOM) {
        TL_CHECK(status == -EBUSY, "sent past a writer that waits");
    } else if (before + count > LIMIT) {
        TL_CHECK(status == TL_QUEUE_FULL, "more than the limit");
    } else {
        TL_CHECK(status == (queued(e) > e->high), "the mark is not reported");
        e->accepted += count;
        e->above = e->above || status == 1;
    }
}

static void flush(side *e)
{
    int status = tl_stream_flush(loop, slot(e), generation(e));
    TL_CHECK(status == (queued(e) ? -EAGAIN : 0), "a flush fails");
}

static void await_sent(side *e)
{
    static const int whats[] = {TL_AWAIT_ROOM, TL_AWAIT_SENT,
                                TL_AWAIT_CONNECTED};
    int what = whats[random_below(3)];
    if (e->writer.slot != 0)
        return;
    int status = tl_stream_sent(loop, slot(e), generation(e), what);
    TL_CHECK(status == 0 || status == -EAGAIN, "a queue fails");
    if (status == 0)
        return;
    TL_CHECK(tl_handle_open(loop, &e->writer, TL_SLEEP) == 0, "memory");
    e->awaits = what;
    status = tl_stream_await_sent(loop, slot(e), generation(e), what,
                                  e->writer.slot, e->writer.generation);
    TL_CHECK(status == 0, "a writer cannot wait");
}

static void end_wait(tl_id *wait)
{
    tl_handle_close(loop, wait->slot, wait->generation);
    *wait = (tl_id){0, 0};
}

static void await(side *e, int want, double count)
{
    TL_CHECK(tl_handle_open(loop, &e->reader, TL_SLEEP) == 0, "memory");
    char text[MOST_TEXT]; /* the caller's, and only during the call */
    memcpy(text, e->text, MOST_TEXT);
    int status = tl_stream_await(loop, slot(e), generation(e), want, count,
                                 text, e->reader.slot, e->reader.generation);
    memset(text, 0, MOST_TEXT);
    e->want = want;
    if (status == 0)
        return;
    TL_CHECK(status < 0 && e->end.error == status, "a reader cannot wait");
    end_wait(&e->reader);
}

static bool has_text_at(const side *e, uint64_t n)
{
    for (size_t i = 0; i < e->text_length; i++)
        if (e->text[i] != byte_at(n + i))
            return false;
    return true;
}

static void take_view(side *e, int want, const tl_view *view)
{
    uint64_t start = e->received;
    expect(e, view->bytes, (size_t)view->length);
    if (want == TL_WANT_TEXT) {
        for (uint64_t n = start; n < e->received; n++)
            TL_CHECK(!has_text_at(e, n), "an occurrence is passed over");
        expect(e, e->text, e->text_length);
    }
    if (want == TL_WANT_LINE)
        expect(e, "\n", 1);
}

static void receive(side *e)
{
    static const int wants[] = {TL_WANT_SOME, TL_WANT_COUNT, TL_WANT_LINE};
    int want = wants[random_below(3)];
    double count = (double)(1 + random_below(5000));
    tl_view view;
    int status =
        tl_stream_take(loop, slot(e), generation(e), want, count, NULL, &view);
    if (e->flowing || e->reader.slot != 0) {
        TL_CHECK(status == -EBUSY, "two readers");
    } else if (status == 1) {
        TL_CHECK(want != TL_WANT_COUNT || view.length == count,
                 "another count");
        TL_CHECK(want != TL_WANT_SOME ||
                     (view.length >= 1 && view.length <= count),
                 "some is none, or too much");
        take_view(e, want, &view);
    } else {
        TL_CHECK(status == -EAGAIN, "a receive fails");
        if (random_below(2))
            await(e, want, count);
    }
}

static void receive_into(side *e)
{
    double room = (double)(1 + random_below(MOST));
    double got = tl_stream_take_into(loop, slot(e), generation(e), bytes, room);
    TL_CHECK(got != 0 && got <= room, "more than there is room for");
    TL_CHECK(!(e->flowing || e->reader.slot != 0) || got == -EBUSY,
             "two readers");
    if (got > 0)
        expect(e, bytes, (size_t)got);
}

/* Until a text that is to come, soon or later. */
static void receive_until_text(side *e)
{
    tl_view view;
    if (e->flowing || e->reader.slot != 0)
        return;
    uint64_t from = e->received + random_below(random_below(2) ? 200 : 5000);
    e->text_length = 1 + (size_t)random_below(MOST_TEXT);
    for (size_t i = 0; i < e->text_length; i++)
        e->text[i] = byte_at(from + i);
    double count = (double)e->text_length;
    int status = tl_stream_take(loop, slot(e), generation(e), TL_WANT_TEXT,
                                count, e->text, &view);
    if (status == 1) {
        take_view(e, TL_WANT_TEXT, &view);
    } else {
        TL_CHECK(status == -EAGAIN, "a receive fails");
        if (random_below(2))
            await(e, TL_WANT_TEXT, count);
    }
}

/* Until a pattern: as receive_until does it. */
static void receive_until_match(side *e)
{
    tl_view view;
    if (e->flowing || e->reader.slot != 0)
        return;
    TL_CHECK(tl_stream_peek(loop, slot(e), generation(e), &view) == 0, "peek");
    double held = view.length;
    double at = 60 - (double)(e->received % 61); /* of the next "\n" */
    if (at < held) {
        expect(e, view.bytes, (size_t)at + 1);
        (void)tl_stream_skip(loop, slot(e), generation(e), at + 1);
        return;
    }
    int status = tl_stream_take(loop, slot(e), generation(e), TL_WANT_MORE,
                                held, NULL, &view);
    TL_CHECK(status == -EAGAIN || (status == 1 && view.length > held),
             "more is not more");
    if (status == -EAGAIN && random_below(2))
        await(e, TL_WANT_MORE, held);
}

static void stop_waiting(side *e)
{
    tl_id *wait = random_below(2) ? &e->reader : &e->writer;
    if (wait->slot != 0)
        end_wait(wait);
}

static void hold(side *e)
{
    int on = random_below(4) == 0;
    TL_CHECK(tl_stream_pause(loop, slot(e), generation(e), on) == 0,
             "a pause fails");
}

/* --- turns: the dispatcher's work ---------------------------------------- */

static void told(side *e, int what, const tl_view *view, int status)
{
    TL_CHECK(e->opened || what == TL_TELL_OPEN || !e->end.made,
             "told before open");
    TL_CHECK(!e->closed, "told after close");
    if (what == TL_TELL_OPEN) {
        TL_CHECK(e->end.made && !e->opened, "open twice, or too soon");
        e->opened = true;
    } else if (what == TL_TELL_DATA) {
        expect(e, view->bytes, (size_t)view->length);
    } else if (what == TL_TELL_DRAIN) {
        TL_CHECK(e->drains, "a drain of nothing");
        e->drains = false;
    } else if (what == TL_TELL_EOF) {
        TL_CHECK(!e->ended, "two ends");
        e->ended = true;
    } else if (what == TL_TELL_ERROR) {
        e->error = status;
    } else {
        e->closed = true;
    }
}

static void tell_all(side *e, int reads)
{
    tl_view view;
    int what, status = 0;
    while ((what = tl__stream_next(loop, e->end.id, &reads, &view, &status))) {
        if (what == TL_TELL_DRAIN)
            check_side(e); /* the model has made the same step */
        told(e, what, &view, status);
    }
}

static bool serve_reader(side *e, int reads)
{
    tl_view view;
    tl_id reader = tl__stream_reader(loop, e->end.id);
    if (reader.slot == 0)
        return false;
    int result = tl__stream_serve(loop, e->end.id, &reads, &view, &reader);
    if (result == 1)
        take_view(e, e->want, &view);
    if (result != 0)
        end_wait(&e->reader);
    return true;
}

static void serve(side *e, int ready)
{
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, e->end.id, &handle);
    if (s == NULL)
        return;
    bool wanted = tl__stream_wants_data(loop, handle, s);
    if (!tl__stream_progress(loop, e->end.id, handle, s, ready))
        return;
    int reads = 1 + (int)random_below(random_below(2) ? 2 : 16);
    if (e->flowing)
        tell_all(e, reads);
    else
        wanted = serve_reader(e, reads);
    tl__stream_settle(loop, e->end.id, ready, !wanted);
}

static bool is(tl_id a, tl_id b)
{
    return a.slot == b.slot && a.generation == b.generation;
}

static bool take_event(side *e, const tl_event *event)
{
    if (is(event->id, e->end.id))
        serve(e, event->ready);
    else if (is(event->id, e->reader))
        end_wait(&e->reader); /* woken: look again */
    else if (is(event->id, e->writer))
        end_wait(&e->writer);
    else
        return false;
    return true;
}

/* A timer keeps the loop from waiting forever. */
static void turn(side *sides)
{
    tl_id timer;
    tl_event event;
    TL_CHECK(tl_timer_after(loop, &timer, 0) == 0, "memory");
    memory_carry(&sides[0].end);
    memory_carry(&sides[1].end);
    tl__after_callback(loop);
    check(sides);
    TL_CHECK(tl_loop_collect(loop) == TL_COLLECTED, "collecting fails");
    while (tl_loop_begin(loop, &event) != NULL) {
        if (!take_event(&sides[0], &event) && !take_event(&sides[1], &event))
            (void)tl_handle_done(loop, event.id.slot, event.id.generation);
        check(sides);
    }
}

/* --- ends --------------------------------------------------------------- */

static void shut_sending(side *e)
{
    int status =
        tl_stream_shutdown(loop, slot(e), generation(e), TL_SHUTDOWN_SEND);
    TL_CHECK(status == 0, "a shutdown fails");
    status = tl_stream_send(loop, slot(e), generation(e), "x", 1);
    TL_CHECK(status == -EPIPE, "sent after the end");
}

/* Both directions are read to their ends. */
static void end_by_halves(side *sides)
{
    shut_sending(&sides[0]);
    shut_sending(&sides[1]);
}

/* One side closes, with whatever is queued, and the other side reads on. */
static void end_by_close(side *sides)
{
    side *e = &sides[0];
    tl_handle *handle;
    TL_CHECK(tl__stream_find(loop, e->end.id, &handle) != NULL, "it is gone");
    if (random_below(2)) {
        int left = tl_stream_close(loop, slot(e), generation(e));
        TL_CHECK(left == (e->end.closes == 0), "the rest is not reported");
        sides[1].unhurt = left && e->drops;
    } else {
        e->flowing = false; /* no more reports */
        tl__stream_drop(loop, e->end.id, handle);
    }
}

/* One side receives no more, so the other side cannot send, but read. */
static void end_deaf(side *sides)
{
    side *e = &sides[0];
    tl_view view;
    int status =
        tl_stream_shutdown(loop, slot(e), generation(e), TL_SHUTDOWN_RECEIVE);
    TL_CHECK(status == 0, "a shutdown fails");
    status = tl_stream_take(loop, slot(e), generation(e), TL_WANT_SOME, 1, NULL,
                            &view);
    TL_CHECK(status == (e->flowing ? -EBUSY : TL_EOF), "a deaf one reads");
    e->ended = true;
    shut_sending(e);
}

static void end_by_abort(side *sides)
{
    side *e = &sides[0];
    size_t before = queued(e);
    double dropped = tl_stream_abort(loop, slot(e), generation(e), -ECANCELED);
    TL_CHECK(dropped == (double)before, "another count is dropped");
}

static void end_by_error(side *sides)
{
    static const int errors[] = {-ETIMEDOUT, -EHOSTUNREACH, -ECONNRESET};
    memory_break(&sides[0].end, errors[random_below(3)]);
}

static void read_on(side *e)
{
    const tl_stream *s = stream(e);
    if (s == NULL || e->flowing || e->reader.slot != 0 || e->ended ||
        e->error || s->state & TL_IS_CLOSING)
        return;
    double got = tl_stream_take_into(loop, slot(e), generation(e), bytes, MOST);
    if (got > 0)
        expect(e, bytes, (size_t)got);
    else if (got == TL_EOF)
        e->ended = true;
    else if (got == -EAGAIN)
        await(e, TL_WANT_SOME, 1000);
    else
        e->error = (int)got;
}

static bool is_over(const side *e)
{
    return e->ended || e->error || stream(e) == NULL;
}

/* No bytes are lost that came before an end, or before the peer closed. But a
   side that an unsteady transport puts off after a send has failed gets that
   error, and so does a side that cannot send to a deaf peer. */
static void check_end(const side *e, const side *other)
{
    bool all = e->ended || (e->error && !e->end.unsteady && other->end.closes &&
                            !other->end.error);
    TL_CHECK(e->received <= other->end.taken, "bytes from nowhere");
    TL_CHECK(!all || e->end.deaf || e->received == other->end.taken,
             "bytes before the end are lost");
    TL_CHECK(!e->error || !e->end.error || e->error == e->end.error ||
                 e->error == -EPIPE,
             "another error");
}

/* The queues are empty, so nothing waits for that, and no report of it is
   due. */
static void check_drained(side *sides)
{
    for (int i = 0; i < 20; i++)
        turn(sides);
    for (int i = 0; i < 2; i++) {
        TL_CHECK(sides[i].writer.slot == 0, "a writer waits on");
        TL_CHECK(!sides[i].flowing || (!sides[i].above && !sides[i].drains),
                 "a drain is not reported");
    }
    TL_CHECK(sides[0].received == sides[1].accepted &&
                 sides[1].received == sides[0].accepted,
             "bytes are lost");
}

/* Who closed drops what comes until the other closes too, or time is over. */
static void end_dropping(side *sides)
{
    side *closed = &sides[0], *other = &sides[1];
    if (closed->end.closes > 0)
        return;
    if (!is_over(other)) {
        if (other->unhurt && random_below(8) == 0)
            send_some(other);
        return;
    }
    if (random_below(2))
        (void)tl_stream_close(loop, slot(other), generation(other));
    else
        tl_stream_close_late(loop, slot(closed), generation(closed));
}

static void finish(side *sides, void (*end)(side *))
{
    end(sides);
    for (int i = 0; i < 2; i++)
        (void)tl_stream_pause(loop, slot(&sides[i]), generation(&sides[i]), 0);
    for (long turns = 0; !is_over(&sides[0]) || !is_over(&sides[1]); turns++) {
        TL_CHECK(turns < MOST_TURNS, "the end does not come");
        read_on(&sides[0]);
        read_on(&sides[1]);
        turn(sides);
        if (end == end_by_close)
            end_dropping(sides);
    }
    TL_CHECK(!sides[1].unhurt || sides[1].ended || !sides[1].error,
             "bytes that came after close broke the connection");
    check_end(&sides[0], &sides[1]);
    check_end(&sides[1], &sides[0]);
    TL_CHECK(end != end_by_abort || sides[1].error || sides[1].end.unsteady,
             "a reset looks like an end");
    if (end == end_by_halves)
        check_drained(sides);
}

/* All live ends are closed, and everything is reported and released. */
static void bury(side *sides)
{
    for (int i = 0; i < 2; i++)
        (void)tl_stream_close(loop, slot(&sides[i]), generation(&sides[i]));
    for (long turns = 0; stream(&sides[0]) || stream(&sides[1]); turns++) {
        TL_CHECK(turns < MOST_TURNS, "a connection does not close");
        turn(sides);
    }
    for (int i = 0; i < 2; i++) {
        side *e = &sides[i];
        TL_CHECK(e->end.closes == 1, "closed twice, or never");
        TL_CHECK(!e->flowing || e->closed, "the close is not reported");
        TL_CHECK(e->accepted == e->end.taken || e->end.error ||
                     e->end.how == TL_CLOSE_RESET,
                 "an orderly end of what is not all");
        unsent += (double)(e->accepted - e->end.taken);
        if (e->reader.slot != 0)
            end_wait(&e->reader);
        if (e->writer.slot != 0)
            end_wait(&e->writer);
    }
    tl_loop_stats stats;
    tl_loop_stats_get(loop, &stats);
    TL_CHECK(stats.unsent == unsent, "what was not sent is miscounted");
}

/* --- plays -------------------------------------------------------------- */

static void begin(side *sides, int refusal)
{
    for (int i = 0; i < 2; i++) {
        side *e = &sides[i];
        *e = (side){.flowing = random_below(2)};
        e->end.peer = &sides[1 - i].end;
        e->end.unsteady = random_below(2);
        e->end.shakes = (int)random_below(4);
        e->end.refusal = i == 0 ? refusal : 0;
        e->low = random_below(3) ? (uint32_t)random_below(20000) : 0;
        e->high = e->low + (uint32_t)random_below(80000);
        int options = (e->flowing ? TL_STREAM_FLOWING : 0) |
                      (random_below(2) ? TL_STREAM_EDGE : 0);
        TL_CHECK(memory_begin(loop, &e->end, options) == 0,
                 "a connection does not start");
        (void)tl_stream_limits(loop, slot(e), generation(e), e->high, e->low,
                               LIMIT, MOST);
        e->drops = random_below(2);
        tl_stream_lingers(loop, slot(e), generation(e), 1, e->drops ? 1e9 : 0);
    }
}

static void play(int steps)
{
    static void (*const does[])(side *) = {send_some,
                                           send_some,
                                           flush,
                                           receive,
                                           receive,
                                           receive_into,
                                           receive_until_text,
                                           receive_until_match,
                                           await_sent,
                                           hold,
                                           stop_waiting};
    static void (*const ends[])(side *) = {
        end_by_halves, end_by_close, end_deaf, end_by_abort, end_by_error};
    side sides[2];
    begin(sides, 0);
    for (int i = 0; i < steps; i++) {
        does[random_below(sizeof does / sizeof *does)](&sides[random_below(2)]);
        check(sides);
        if (random_below(3) == 0)
            turn(sides);
    }
    /* a direction of an unconnected end cannot be ended */
    for (long turns = 0; !sides[0].end.made || !sides[1].end.made; turns++) {
        TL_CHECK(turns < MOST_TURNS, "the handshake does not end");
        turn(sides);
    }
    finish(sides, ends[random_below(5)]);
    bury(sides);
}

/* The handshake fails: no byte moves, and every waiter is informed. */
static void play_refused(void)
{
    side sides[2];
    begin(sides, -ECONNREFUSED);
    side *e = &sides[0];
    for (int i = 0; i < 5; i++)
        send_some(e);
    await_sent(e);
    TL_CHECK(tl_stream_connected(loop, slot(e), generation(e)) == 0,
             "connected before it is");
    for (long turns = 0; !is_over(e); turns++) {
        TL_CHECK(turns < MOST_TURNS, "the refusal does not come");
        read_on(e);
        turn(sides);
    }
    TL_CHECK(e->error == -ECONNREFUSED, "another error");
    TL_CHECK(e->end.taken == 0 && e->received == 0, "bytes have moved");
    bury(sides);
}

/* --- no system calls ---------------------------------------------------- */

#define ALLOW(name)                                                            \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##name, 0, 1),                    \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* From here on only memory may be requested, and a line printed at the end. */
static void seal(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(brk),
        ALLOW(mmap),
        ALLOW(munmap),
        ALLOW(mremap),
        ALLOW(madvise),
        ALLOW(clock_gettime), /* where the vDSO cannot read the clock */
        ALLOW(write),
        ALLOW(exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    TL_CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                 prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0,
             "no filter for system calls");
}

/* The same over a socket is noticed. */
static void send_by_socket(int fd)
{
    tl_id id;
    TL_CHECK(tl_stream_start(loop, &id, fd, 0) == 0, "a connection");
    (void)tl_stream_send(loop, id.slot, id.generation, "x", 1);
    (void)tl_stream_flush(loop, id.slot, id.generation);
}

static void say(const char *text, long steps)
{
    char line[64];
    int length = snprintf(line, sizeof line, "%s %ld steps\n", text, steps);
    TL_CHECK(write(STDOUT_FILENO, line, (size_t)length) == length, "output");
}

int main(int argc, char **argv)
{
    int pair[2];
    if (argc < 3)
        return 2;
    random_state = strtoull(argv[1], NULL, 10) * 2654435761u + 1;
    long steps = strtol(argv[2], NULL, 10);
    bool sealed = argc > 3;
    loop = tl_loop_open(needed);
    TL_CHECK(loop != NULL, "no loop");
    TL_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0,
             "no socketpair");
    if (sealed)
        seal();
    for (long left = steps; left > 0; left -= STEPS) {
        play(left < STEPS ? (int)left : STEPS);
        play_refused();
    }
    if (sealed && strcmp(argv[3], "socket") == 0)
        send_by_socket(pair[0]);
    say("ok:", steps);
    if (sealed) /* closing is a system call, too */
        _exit(0);
    (void)close(pair[0]);
    (void)close(pair[1]);
    tl_loop_close(loop);
    return 0;
}
