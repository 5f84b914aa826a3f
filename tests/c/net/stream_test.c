/* Connections over a socketpair, level- or edge-triggered, each with a random
   script of sends, flushes, receives of every kind and pauses between them,
   byte for byte; both ends are the core's, driven without Lua.
   stream_test SEED STEPS */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "loop/agenda.h"
#include "loop/kinds.h"
#include "loop/loop.h"
#include "net/stream.h"

enum { MOST = 300000 };

typedef struct {
    tl_id id;
    uint64_t sent, received; /* the n-th byte of a direction is byte_at(n) */
    bool waits, ended;
    tl_id waiter; /* the handle of a waiting reader */
    int kind;     /* its request */
} end;

static uint64_t state;
static const tl_kind *const needed[TL_KINDS_MOST] = {
    [TL_TIMER] = &tl__timer_kind,
    [TL_SLEEP] = &tl__sleep_kind,
    [TL_STREAM] = &tl__stream_kind,
};
static tl_loop *loop;
static char bytes[MOST];

static uint64_t random64(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static char byte_at(uint64_t n)
{
    uint64_t x = n * 0x9e3779b97f4a7c15u;
    return n % 61 == 60 ? '\n' : (char)('a' + x % 26);
}

static void expect(end *e, const char *got, size_t count)
{
    for (size_t i = 0; i < count; i++)
        TL_CHECK(got[i] == byte_at(e->received + i), "another byte");
    e->received += count;
}

static void send_some(end *e)
{
    size_t count = (size_t)(random64() % (random64() % 4 ? 3000 : MOST));
    for (size_t i = 0; i < count; i++)
        bytes[i] = byte_at(e->sent + i);
    int status =
        tl_stream_send(loop, e->id.slot, e->id.generation, bytes, count);
    TL_CHECK(status == 0 || status == 1, "a send is refused");
    e->sent += count;
}

static void flush(end *e)
{
    int status = tl_stream_flush(loop, e->id.slot, e->id.generation);
    TL_CHECK(status == 0 || status == -EAGAIN, "a flush fails");
}

static void take_view(end *e, int kind, const tl_view *view)
{
    expect(e, view->bytes, (size_t)view->length);
    if (kind == TL_WANT_LINE)
        expect(e, "\n", 1);
}

static void await(end *e, int kind, double count)
{
    TL_CHECK(tl_handle_open(loop, &e->waiter, TL_SLEEP) == 0, "memory");
    int status =
        tl_stream_await(loop, e->id.slot, e->id.generation, kind, count, NULL,
                        e->waiter.slot, e->waiter.generation);
    TL_CHECK(status == 0, "a reader cannot wait");
    e->waits = true;
    e->kind = kind;
}

static void receive(end *e)
{
    static const int kinds[] = {TL_WANT_SOME, TL_WANT_COUNT, TL_WANT_LINE};
    int kind = kinds[random64() % 3];
    double count = (double)(1 + random64() % 5000);
    tl_view view;
    int status = tl_stream_take(loop, e->id.slot, e->id.generation, kind, count,
                                NULL, &view);
    if (e->waits) {
        TL_CHECK(status == -EBUSY, "two readers");
    } else if (status == 1) {
        TL_CHECK(kind != TL_WANT_COUNT || view.length == count,
                 "another count");
        TL_CHECK(kind != TL_WANT_SOME ||
                     (view.length >= 1 && view.length <= count),
                 "some is none, or too much");
        take_view(e, kind, &view);
    } else {
        TL_CHECK(status == -EAGAIN, "a receive fails");
        if (random64() % 2)
            await(e, kind, count);
    }
}

static void receive_into(end *e)
{
    double room = (double)(1 + random64() % MOST);
    double got =
        tl_stream_take_into(loop, e->id.slot, e->id.generation, bytes, room);
    TL_CHECK(got != 0 && got <= room, "more than there is room for");
    TL_CHECK(!e->waits || got == -EBUSY, "two readers");
    if (got > 0)
        expect(e, bytes, (size_t)got);
}

static void end_wait(end *e)
{
    tl_handle_close(loop, e->waiter.slot, e->waiter.generation);
    e->waits = false;
}

/* The dispatcher's work for a connection that is ready. */
static void serve(end *e, const tl_event *event)
{
    tl_view view;
    tl_id reader;
    int reads = 1 + (int)(random64() % 16);
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, e->id, &handle);
    if (s == NULL || !tl__stream_progress(loop, e->id, handle, s, event->ready))
        return;
    bool wanted = tl__stream_reader(loop, e->id).slot != 0;
    int result =
        wanted ? tl__stream_serve(loop, e->id, &reads, &view, &reader) : 0;
    if (result == 1)
        take_view(e, e->kind, &view);
    if (result != 0)
        end_wait(e);
    tl__stream_settle(loop, e->id, event->ready, !wanted);
}

static bool is(tl_id a, tl_id b)
{
    return a.slot == b.slot && a.generation == b.generation;
}

/* A timer keeps the loop from waiting forever. */
static void turn(end *ends)
{
    tl_id timer;
    tl_event event;
    TL_CHECK(tl_timer_after(loop, &timer, 0) == 0, "memory");
    tl__after_callback(loop);
    TL_CHECK(tl_loop_collect(loop) == TL_COLLECTED, "collecting fails");
    while (tl_loop_begin(loop, &event) != NULL) {
        bool known = false;
        for (int i = 0; i < 2; i++) {
            if (is(event.id, ends[i].id))
                serve(&ends[i], &event);
            else if (ends[i].waits && is(event.id, ends[i].waiter))
                end_wait(&ends[i]); /* woken: look again */
            else
                continue;
            known = true;
        }
        if (!known)
            (void)tl_handle_done(loop, event.id.slot, event.id.generation);
    }
    tl_loop_check(loop);
}

static void read_on(end *e)
{
    if (e->waits || e->ended)
        return;
    double got =
        tl_stream_take_into(loop, e->id.slot, e->id.generation, bytes, MOST);
    if (got > 0)
        expect(e, bytes, (size_t)got);
    else if (got == TL_EOF)
        e->ended = true;
    else if (got == -EAGAIN)
        await(e, TL_WANT_SOME, 1000);
    else
        TL_CHECK(false, "a receive fails");
}

/* Both directions are read to their ends. */
static void finish(end *ends)
{
    for (int i = 0; i < 2; i++) {
        int status = tl_stream_shutdown(
            loop, ends[i].id.slot, ends[i].id.generation, TL_SHUTDOWN_SEND);
        TL_CHECK(status == 0, "a shutdown fails");
    }
    for (long turns = 0; !ends[0].ended || !ends[1].ended; turns++) {
        TL_CHECK(turns < 100000, "the end does not come");
        read_on(&ends[0]);
        read_on(&ends[1]);
        turn(ends);
    }
    TL_CHECK(ends[0].received == ends[1].sent, "bytes are lost");
    TL_CHECK(ends[1].received == ends[0].sent, "bytes are lost");
}

static void play(long steps)
{
    int fds[2];
    end ends[2] = {0};
    TL_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0,
             "no socketpair");
    for (int i = 0; i < 2; i++) {
        int options = random64() % 2 ? TL_STREAM_EDGE : 0;
        int size = 4096 << random64() % 6;
        (void)setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
        TL_CHECK(tl_stream_start(loop, &ends[i].id, fds[i], options) == 0,
                 "a connection does not start");
    }
    static void (*const does[])(end *) = {send_some, receive, receive,
                                          receive_into, flush};
    for (long i = 0; i < steps; i++) {
        does[random64() % 5](&ends[random64() % 2]);
        if (random64() % 3 == 0)
            turn(ends);
    }
    finish(ends);
    for (int i = 0; i < 2; i++)
        TL_CHECK(
            tl_stream_close(loop, ends[i].id.slot, ends[i].id.generation) == 0,
            "bytes are left to send");
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    state = strtoull(argv[1], NULL, 10) * 2654435761u + 1;
    long steps = strtol(argv[2], NULL, 10);
    loop = tl_loop_open(needed);
    TL_CHECK(loop != NULL, "no loop");
    for (long left = steps; left > 0; left -= 200) {
        play(left < 200 ? left : 200);
        tl_loop_stats stats;
        tl_loop_stats_get(loop, &stats);
        TL_CHECK(stats.handles <= 1 && stats.unsent == 0, "something is left");
    }
    tl_loop_close(loop);
    printf("ok: %ld steps\n", steps);
    return 0;
}
