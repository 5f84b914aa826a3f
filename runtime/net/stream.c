/* Connections, their life: see stream.h.

     start ─────────────┐
     connect ─ CONNECTING ─ progress ─ connected ─ close ─ CLOSING ─┐
                          └ failed ──────────────── close ──────────┴ end

   A flowing connection's handle lives on after the end until next has told
   TL_TELL_CLOSE. */
#include "net/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/borrowed.h"
#include "loop/descriptor.h"
#include "sys/file.h"
#include "loop/handle_ops.h"
#include "loop/kinds.h"
#include "sys/socket.h"

enum {
    DEFAULT_HIGH = 256 * 1024,
    DEFAULT_LOW = 64 * 1024,
    DEFAULT_LIMIT = 256 * 1024 * 1024,
    DEFAULT_RECEIVE_LIMIT = 16 * 1024 * 1024,
    MOST_DISCARDS = 64
};

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

/* --- beginning ---------------------------------------------------------- */

static tl_stream *new_stream(int options)
{
    tl_stream *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->options = (uint32_t)options;
    s->high = DEFAULT_HIGH;
    s->low = DEFAULT_LOW;
    s->limit = DEFAULT_LIMIT;
    s->receive_limit = DEFAULT_RECEIVE_LIMIT;
    return s;
}

static int reserve(tl_loop *loop)
{
    int error = tl__scratch_reserve(loop);
    if (error == 0)
        error = tl__agenda_reserve(&loop->dirty, loop->streams);
    if (error)
        return error;
    return tl__agenda_reserve(&loop->posted, loop->handles.live);
}

static int open_stream(tl_loop *loop, tl_id *id, int fd, int options,
                       tl_handle **handle)
{
    int error = reserve(loop);
    if (error)
        return error;
    tl_stream *s = new_stream(options);
    if (s == NULL)
        return -ENOMEM;
    error = tl_handles_open(&loop->handles, TL_STREAM, id);
    if (error == 0 && (error = tl__descriptor_take(loop, fd, id->slot)) != 0)
        tl_handles_close(&loop->handles, id->slot);
    if (error) {
        free(s);
        return error;
    }
    *handle = tl_handles_at(&loop->handles, id->slot);
    (*handle)->at.watch.fd = fd;
    (*handle)->at.watch.interest = 0;
    (*handle)->stream = s;
    loop->streams++;
    loop->socket_bytes += sizeof *s;
    return 0;
}

/* What is to be known of a file beside its options. */
static uint32_t traits(int options)
{
    uint32_t state = 0;
    if (!(options & TL_STREAM_RECEIVE_ONLY) && tl_file_pipe_kills())
        state |= TL_IS_FATAL;
    if (options & TL_STREAM_EDGE) /* a terminal gives one line at a time */
        state |= TL_IS_VAGUE;
    return state;
}

int tl_stream_start(tl_loop *loop, tl_id *id, int fd, int options)
{
    tl_handle *handle;
    int error = open_stream(loop, id, fd, options, &handle);
    if (error)
        return error;
    if (options & TL_STREAM_FILE)
        handle->stream->state |= traits(options);
    tl__stream_tell(loop, *id, handle, handle->stream, TL_TELL_OPEN);
    tl__stream_update(loop, *id, handle, handle->stream);
    return 0;
}

int tl__stream_accepted(tl_loop *loop, tl_id *id, int fd, int options,
                        const tl_address *peer)
{
    tl_handle *handle;
    int error = open_stream(loop, id, fd, options, &handle);
    if (error)
        return error;
    tl_stream *s = handle->stream;
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
    tl_handle *handle;
    int error = open_stream(loop, id, fd, options, &handle);
    if (error)
        return error;
    tl_stream *s = handle->stream;
    if (status == -EINPROGRESS)
        s->state |= TL_IS_CONNECTING;
    else
        tl__stream_tell(loop, *id, handle, s, TL_TELL_OPEN);
    tl__stream_update(loop, *id, handle, s);
    return 0;
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

int tl_stream_connected(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_handle *handle;
    const tl_stream *s =
        tl__stream_find(loop, (tl_id){slot, generation}, &handle);
    if (s == NULL)
        return -EBADF;
    if (s->send_error)
        return s->send_error;
    return !(s->state & TL_IS_CONNECTING);
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

/* --- waiting ------------------------------------------------------------ */

bool tl__stream_wants_data(const tl_loop *loop, const tl_handle *handle,
                           const tl_stream *s)
{
    uint32_t over =
        TL_IS_ENDED | TL_IS_CONNECTING | TL_IS_CLOSING | TL_IS_DEAF;
    if (s->state & over || s->options & TL_STREAM_SEND_ONLY || s->receive_error)
        return false;
    if (s->options & TL_STREAM_FLOWING)
        return !(s->state & TL_IS_PAUSED) && !(handle->flags & TL_FLAG_BUSY);
    return tl__waits(loop, s->reader);
}

static bool wants_room(const tl_stream *s)
{
    return (s->state & (TL_IS_CONNECTING | TL_IS_BLOCKED)) != 0;
}

static void fail(tl_loop *loop, tl_id id, tl_handle *handle, tl_stream *s,
                 int error)
{
    s->state &= ~(uint32_t)TL_IS_CONNECTING;
    s->receive_error = (int16_t)error;
    tl__wake_waiter(loop, &s->reader);
    (void)tl__stream_fail_sending(loop, id, handle, s, error);
}

/* What the poller is to report: never less than is waited for, and in the
   level-triggered mode the reading side more, since to take it out and in for
   each wait would be two calls to the kernel. */
static int interest_of(const tl_handle *handle, const tl_stream *s, bool reads)
{
    int now = (int)handle->at.watch.interest;
    if (s->options & TL_STREAM_EDGE) {
        bool any = now || reads || wants_room(s);
        return any ? TL_READ | TL_WRITE | TL_EDGE : 0;
    }
    return (now || reads ? TL_READ : 0) | (wants_room(s) ? TL_WRITE : 0);
}

/* What is always ready goes on with the next turn, after all others. */
static void go_on(tl_loop *loop, tl_id id, tl_handle *handle,
                  const tl_stream *s, bool reads)
{
    if (reads || wants_room(s))
        tl__post(loop, id, handle);
}

void tl__stream_update(tl_loop *loop, tl_id id, tl_handle *handle, tl_stream *s)
{
    if (handle->at.watch.fd < 0)
        return;
    bool reads = tl__stream_wants_data(loop, handle, s);
    int interest = interest_of(handle, s, reads);
    /* where a task reads, its wait keeps the loop running: tl_stream_await */
    tl__set_active(loop, handle,
                   (reads && s->options & TL_STREAM_FLOWING) || wants_room(s) ||
                       s->tell != 0 || s->state & TL_IS_CLOSING);
    if (s->state & TL_IS_READY)
        return go_on(loop, id, handle, s, reads);
    int error = tl__descriptor_interest(loop, id, handle, interest);
    if (error == -EPERM && s->options & TL_STREAM_FILE) {
        s->state |= TL_IS_READY | TL_IS_VAGUE;
        go_on(loop, id, handle, s, reads);
    } else if (error) {
        fail(loop, id, handle, s, error);
    }
}

int tl_stream_ref(tl_loop *loop, uint32_t slot, uint32_t generation, int on)
{
    tl_handle *handle;
    const tl_stream *s =
        tl__stream_find(loop, (tl_id){slot, generation}, &handle);
    if (s == NULL)
        return -EBADF;
    (void)tl_handle_ref(loop, s->reader.slot, s->reader.generation, on);
    return tl_handle_ref(loop, slot, generation, on);
}

void tl__stream_settle(tl_loop *loop, tl_id id, int ready, bool unwanted)
{
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, id, &handle);
    if (s == NULL)
        return;
    if (s->tell != 0 && !(handle->flags & TL_FLAG_BUSY))
        tl__post(loop, id, handle);
    if (handle->at.watch.fd < 0)
        return;
    tl__stream_update(loop, id, handle, s);
    if ((s = tl__stream_find(loop, id, &handle)) == NULL)
        return;
    bool reads = tl__stream_wants_data(loop, handle, s);
    if (s->options & TL_STREAM_EDGE || s->state & TL_IS_READY) {
        if (reads && !(s->state & TL_IS_DRAINED))
            tl__post(loop, id, handle);
    } else if (unwanted && ready & (TL_READ | TL_ERROR | TL_HANGUP)) {
        int interest = (reads ? TL_READ : 0) | (wants_room(s) ? TL_WRITE : 0);
        (void)tl__descriptor_interest(loop, id, handle, interest);
    }
}

static void renew(tl_loop *loop, tl_id id, tl_handle *handle)
{
    tl_stream *s = handle->stream;
    s->state &= ~(uint32_t)TL_IS_DRAINED; /* an edge may have been lost */
    tl__post(loop, id, handle);
    tl__stream_update(loop, id, handle, s);
}

/* --- progress ----------------------------------------------------------- */

static bool finish_connect(tl_loop *loop, tl_id id, tl_handle *handle,
                           tl_stream *s)
{
    int error = tl_socket_error(handle->at.watch.fd);
    s->state &= ~(uint32_t)TL_IS_CONNECTING;
    if (error) {
        fail(loop, id, handle, s, error);
        return true; /* it is not closing, so it lives on */
    }
    tl__stream_tell(loop, id, handle, s, TL_TELL_OPEN);
    tl__wake_waiter(loop, &s->writer);
    return tl__stream_send_queue(loop, id, handle, s);
}

bool tl__stream_progress(tl_loop *loop, tl_id id, tl_handle *handle,
                         tl_stream *s, int ready)
{
    if (s->state & TL_IS_READY)
        ready |= TL_READ | TL_WRITE;
    if (ready & (TL_READ | TL_ERROR | TL_HANGUP))
        s->state &= ~(uint32_t)TL_IS_DRAINED;
    if (ready & (TL_ERROR | TL_HANGUP))
        s->state |= TL_IS_HUNG;
    if (!(ready & (TL_WRITE | TL_ERROR | TL_HANGUP)))
        return true;
    if (s->state & TL_IS_CONNECTING)
        return finish_connect(loop, id, handle, s);
    if (!(s->state & TL_IS_BLOCKED))
        return true;
    s->state &= ~(uint32_t)TL_IS_BLOCKED;
    return tl__stream_send_queue(loop, id, handle, s);
}

/* --- ending ------------------------------------------------------------- */

static void drop_queue(tl_loop *loop, tl_stream *s)
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

void tl__stream_free(tl_loop *loop, tl_id id, tl_stream *s)
{
    free(s);
    loop->streams--;
    loop->socket_bytes -= sizeof *s;
    tl_handles_close(&loop->handles, id.slot);
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
    drop_queue(loop, s);
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

int tl_stream_close(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_id id = {slot, generation};
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, id, &handle);
    if (s == NULL || s->state & TL_IS_CLOSING)
        return 0;
    s->state |= TL_IS_CLOSING;
    tl_buffer_clear(&s->in, &loop->pool);
    tl__wake_waiter(loop, &s->reader);
    tl__wake_waiter(loop, &s->writer);
    if (s->state & TL_IS_CONNECTING || s->send_error)
        drop_queue(loop, s);
    if (tl_buffer_length(&s->out) == 0) {
        tl__stream_end(loop, id, handle, s);
        return 0;
    }
    if (!(s->state & TL_IS_BLOCKED) &&
        !tl__stream_send_queue(loop, id, handle, s))
        return 0;
    tl__stream_update(loop, id, handle, s);
    return 1;
}

/* Send what is queued and close; but a standard stream stays open. */
static void drop(tl_loop *loop, tl_id id, tl_handle *handle)
{
    tl_stream *s = tl__stream_find(loop, id, &handle);
    if (s == NULL)
        return;
    s->options &= ~(uint32_t)TL_STREAM_FLOWING;
    s->tell = 0;
    handle->flags &= (uint8_t)~TL_FLAG_BUSY; /* its callback goes no further */
    tl__set_active(loop, handle, false);
    if (s->state & TL_IS_CLOSING && handle->at.watch.fd < 0)
        tl__stream_free(loop, id, s); /* only that was to be told */
    else if (s->options & TL_STREAM_SHARED)
        tl__stream_update(loop, id, handle, s);
    else
        (void)tl_stream_close(loop, id.slot, id.generation);
}

void tl_stream_closing(tl_loop *loop, uint32_t slot, uint32_t generation,
                       uint32_t timer_slot, uint32_t timer_generation)
{
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, (tl_id){slot, generation}, &handle);
    if (s == NULL)
        return;
    s->writer = (tl_id){timer_slot, timer_generation};
    s->writer_awaits = TL_AWAIT_SENT;
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

static void dispose(tl_loop *loop, tl_handle *handle)
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

static void finish(tl_loop *loop)
{
    if (!tl_poller_forked(&loop->poller)) /* the parent sends what it queued */
        tl__streams_flush(loop);
    (void)tl_standard_end(loop);
}

const tl_kind tl__stream_kind = {
    .name = "connection",
    .noun = "connection",
    .group = TL_GROUP_DESCRIPTORS,
    .owns_descriptor = true,
    .finish = finish,
    .dispose = dispose,
    .drop = drop,
    .hold = tl__kind_hold,
    .done = tl__descriptor_done,
    .posted = tl__kind_posted,
    .renew = renew,
};

/* --- questions ---------------------------------------------------------- */

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
        .closing = !!(s->state & TL_IS_CLOSING),
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
