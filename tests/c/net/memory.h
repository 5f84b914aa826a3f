/* A transport in memory: two ends, each other's peer, without a descriptor.
   Steady ends move as many bytes as there is room for. Unsteady ends move
   random pieces, and at random return "not now", or that they wait for the
   other direction. Readiness reaches a connection when memory_carry is called,
   as over a network. */
#ifndef MEMORY_H
#define MEMORY_H

#include <errno.h>
#include <string.h>

#include "check.h"
#include "net/stream.h"

enum { MEMORY_BYTES = 200000 };

typedef struct memory_end {
    struct memory_end *peer;
    tl_loop *loop;
    tl_id id;                 /* of its connection */
    char bytes[MEMORY_BYTES]; /* arrived and not read */
    size_t length;
    uint64_t taken; /* bytes from its connection */
    int news;       /* readiness not yet reported to the connection */
    int shakes;     /* steps that its handshake still takes */
    int refusal;    /* the result of that, 0 or an errno */
    int error;      /* the error of both directions */
    int closes;     /* how often it was closed: once in the end */
    int how;        /* TL_CLOSE and so on */
    bool unsteady, made, ended, deaf;
    bool full; /* no room for all bytes: report when there is room */
} memory_end;

static uint64_t random_state;

static uint64_t random_below(uint64_t bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 11) % bound;
}

/* Return "not now", and that the end waits for a direction. */
static int wait_for(memory_end *m, int direction)
{
    m->news |= direction;
    return direction == TL_READ ? TL_WANTS_READ : TL_WANTS_WRITE;
}

/* An answer that puts a call off, or 0. */
static int put_off(memory_end *m, int direction)
{
    if (!m->unsteady || random_below(4) != 0)
        return 0;
    if (random_below(2) == 0)
        return wait_for(m, direction ^ (TL_READ | TL_WRITE));
    m->news |= direction;
    return -EAGAIN;
}

static size_t piece(const memory_end *m, size_t most)
{
    return m->unsteady ? 1 + (size_t)random_below(most) : most;
}

static void reset_end(memory_end *m, int error)
{
    if (m->error == 0)
        m->error = error;
    m->news |= TL_READ | TL_WRITE | TL_ERROR | TL_HANGUP;
}

static int memory_handshake(tl_end end)
{
    memory_end *m = end.self;
    TL_CHECK(m->closes == 0 && !m->made, "a handshake too many");
    if (m->shakes-- > 0)
        return wait_for(m, random_below(2) ? TL_READ : TL_WRITE);
    m->made = m->refusal == 0;
    return m->refusal;
}

static ssize_t memory_read(tl_end end, void *bytes, size_t room)
{
    memory_end *m = end.self;
    TL_CHECK(m->closes == 0 && m->made, "read at the wrong time");
    TL_CHECK(room > 0, "no room to read into");
    if (m->length == 0)
        return m->error ? m->error : m->ended ? 0 : -EAGAIN;
    int answer = put_off(m, TL_READ);
    if (answer)
        return answer;
    size_t count = piece(m, m->length < room ? m->length : room);
    memcpy(bytes, m->bytes, count);
    m->length -= count;
    memmove(m->bytes, m->bytes + count, m->length);
    if (m->peer->full)
        m->peer->news |= TL_WRITE;
    m->peer->full = false;
    return (ssize_t)count;
}

static void append(memory_end *m, const struct iovec *part, size_t count)
{
    memcpy(m->bytes + m->length, part->iov_base, count);
    m->length += count;
}

static ssize_t memory_writev(tl_end end, const struct iovec *parts, int count)
{
    memory_end *m = end.self, *peer = m->peer;
    size_t room = MEMORY_BYTES - peer->length, total = 0;
    TL_CHECK(m->closes == 0 && m->made, "written to at the wrong time");
    for (int i = 0; i < count; i++) {
        TL_CHECK(parts[i].iov_len > 0, "an empty part");
        total += parts[i].iov_len;
    }
    if (m->error)
        return m->error;
    if (peer->deaf || peer->closes)
        return -EPIPE;
    m->full = room == 0 || (!m->unsteady && total > room);
    int answer = room > 0 ? put_off(m, TL_WRITE) : -EAGAIN;
    if (answer)
        return answer;
    size_t most = piece(m, total < room ? total : room), left = most;
    for (int i = 0; left > 0; i++) {
        size_t part = parts[i].iov_len < left ? parts[i].iov_len : left;
        append(peer, &parts[i], part);
        left -= part;
    }
    m->taken += most;
    peer->news |= TL_READ;
    return (ssize_t)most;
}

static ssize_t memory_write(tl_end end, const void *bytes, size_t count)
{
    const struct iovec part = {(void *)bytes, count};
    return memory_writev(end, &part, 1);
}

static int end_direction(memory_end *m, int how)
{
    if (how == TL_END_RECEIVING) {
        m->deaf = true;
        m->length = 0;
        m->peer->news |= TL_WRITE;
        return 0;
    }
    int answer = put_off(m, TL_WRITE);
    if (answer == 0) {
        m->peer->ended = true;
        m->peer->news |= TL_READ | TL_HANGUP;
    }
    return answer;
}

/* Readable bytes are taken out before the end: see TL_RESETS. */
static void check_discarded(const memory_end *m)
{
    tl_handle *handle;
    const tl_stream *s = tl__stream_find(m->loop, m->id, &handle);
    bool knows = !m->unsteady && !s->receive_error && !s->send_error &&
                 !(s->state & (TL_IS_DRAINED | TL_IS_CONNECTING));
    TL_CHECK(m->length == 0 || !knows, "closed with bytes unread");
}

/* Unread bytes make it a reset, as with a socket. */
static int memory_close(tl_end end, int how)
{
    memory_end *m = end.self;
    TL_CHECK(m->closes == 0, "closed before");
    if (how == TL_END_SENDING || how == TL_END_RECEIVING)
        return end_direction(m, how);
    m->closes++;
    m->how = how;
    if (how == TL_CLOSE)
        check_discarded(m);
    if (how == TL_CLOSE_RESET || (how == TL_CLOSE && m->length > 0))
        reset_end(m->peer, -ECONNRESET);
    m->peer->ended = true;
    m->peer->news |= TL_READ | TL_WRITE | TL_HANGUP;
    return 0;
}

static const tl_transport memory_steady = {
    .traits = TL_HALVES | TL_RESETS,
    .handshake = memory_handshake,
    .read = memory_read,
    .write = memory_write,
    .writev = memory_writev,
    .close = memory_close,
};

static const tl_transport memory_unsteady = {
    .traits = TL_HALVES | TL_RESETS | TL_VAGUE,
    .handshake = memory_handshake,
    .read = memory_read,
    .write = memory_write,
    .writev = memory_writev,
    .close = memory_close,
};

/* Have a connection on an end whose peer, handshake and manner are set. */
static int memory_begin(tl_loop *loop, memory_end *m, int options)
{
    bool shakes = m->shakes > 0 || m->refusal != 0;
    m->loop = loop;
    m->made = !shakes;
    m->news = TL_READ | TL_WRITE;
    return tl__stream_begin(loop, &m->id,
                            m->unsteady ? &memory_unsteady : &memory_steady,
                            (tl_end){m, -1}, options, shakes);
}

/* Report some of the readiness to the connection. */
static void memory_carry(memory_end *m)
{
    int some = m->news & (int)random_below(32);
    m->news &= ~some;
    if (some && m->closes == 0)
        tl__stream_ready(m->loop, m->id, some);
}

/* The link between the ends breaks. */
static void memory_break(memory_end *m, int error)
{
    reset_end(m, error);
    reset_end(m->peer, error);
}

#endif
