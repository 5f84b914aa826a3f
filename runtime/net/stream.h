/* A connection: an end of a transport, what it received, what it has to send,
   and who waits for it. What Lua calls is in timerlua_abi.h; this is what the
   dispatcher does with it.

   Readiness is only needed where a call to the kernel said "again", so a
   connection enters the poller when it first has to wait, and leaves it only
   when it is reported for what nobody wants. */
#ifndef TL_STREAM_H
#define TL_STREAM_H

#include "base/framing.h"
#include "loop/state.h"
#include "loop/waiter.h"
#include "net/transport.h"

/* Bits of tl_stream.state: what has become of it. What it was told to be is in
   tl_stream.options. */
enum {
    TL_IS_PAUSED = 1,
    TL_IS_CONNECTING = 2,
    TL_IS_DRAINED = 4,   /* the last receive left nothing in the transport */
    TL_IS_HUNG = 8,      /* it has told of an end, receive up to it */
    TL_IS_ENDED = 16,    /* received up to the peer's end of its direction */
    TL_IS_BLOCKED = 32,  /* the transport took no more */
    TL_IS_SHUTTING = 64, /* sending ends when the queue is empty */
    TL_IS_SHUT = 128,    /* sending has ended */
    TL_IS_CLOSING = 256, /* to be closed when the queue is empty */
    TL_IS_DIRTY = 512,   /* on the loop's agenda of what to send */
    TL_IS_HIGH = 1024,   /* above the high-water mark since the last drain */
    TL_IS_DEAF = 2048,   /* receiving was shut down here */
    TL_IS_LOSSY = 4096,  /* bytes that were taken could not be sent */
    TL_IS_CLOSED = 8192  /* its transport is */
};

typedef struct tl_stream {
    tl_buffer in, out;
    tl_want want; /* of the reader */
    tl_id reader; /* handle of the wait, {0} for none; may have ended */
    tl_id writer;
    uint32_t options; /* TL_STREAM_... */
    uint32_t state;   /* TL_IS_... */
    const tl_transport *transport;
    void *self;      /* the transport's; its descriptor is the handle's */
    uint32_t traits; /* of the transport, and what was found out since */
    uint8_t told;    /* by it: TL_READ and others, not acted on yet */
    uint8_t crossed; /* TL_READ: reading waits until it is ready for writing;
                        TL_WRITE: sending, or the handshake, for reading */
    uint8_t tell;    /* bits 1 << TL_TELL_... */
    uint8_t writer_awaits;
    bool in_total; /* the reader's time runs on while bytes come */
    int16_t send_error, receive_error;
    uint32_t high, low;
    size_t limit, receive_limit;
    uint32_t turn, turn_reads; /* how often it was read from in a turn */
    uint64_t received, sent;
    uint8_t peer_length;
    uint8_t peer[28]; /* of IPv4 or IPv6, where it came from */
} tl_stream;

extern const struct tl_kind tl__stream_kind;

/* --- stream.c ----------------------------------------------------------- */

/* A connection's record and its handle, for an end of a transport that becomes
   its own. -ENOMEM, TL_LIMIT: the end is still the caller's. */
int tl__stream_open(tl_loop *loop, tl_id *id, const tl_transport *transport,
                    tl_end end, int options, tl_handle **handle);
static inline tl_end tl__stream_end_of(const tl_handle *handle,
                                       const tl_stream *s)
{
    return (tl_end){s->self, handle->at.watch.fd};
}
/* Its transport is closed, and there is nobody to be told: the handle ends. */
void tl__stream_free(tl_loop *loop, tl_id id, tl_stream *s);
/* The connection of a handle; NULL when it has ended or is something else. */
tl_stream *tl__stream_find(const tl_loop *loop, tl_id id, tl_handle **handle);
/* Something is to be told to the callbacks of a flowing connection. */
void tl__stream_tell(tl_loop *loop, tl_id id, tl_handle *handle, tl_stream *s,
                     int what);

/* --- closing.c ---------------------------------------------------------- */

/* What is queued will not be sent. */
void tl__stream_drop_queue(tl_loop *loop, tl_stream *s);
/* A direction is over: have the transport end it. 0, -EAGAIN, or why not. */
int tl__stream_end_sending(tl_loop *loop, tl_id id, tl_handle *handle,
                           tl_stream *s);
void tl__stream_end_receiving(tl_loop *loop, tl_id id, tl_handle *handle,
                              tl_stream *s);
/* The transport is closed now; the handle ends, or ends once that is told. */
void tl__stream_end(tl_loop *loop, tl_id id, tl_handle *handle, tl_stream *s);
/* Sending has failed for good. False when the connection ended by it. */
bool tl__stream_fail_sending(tl_loop *loop, tl_id id, tl_handle *handle,
                             tl_stream *s, int error);
/* Both directions have. */
void tl__stream_fail(tl_loop *loop, tl_id id, tl_handle *handle, tl_stream *s,
                     int error);
/* At the end of the loop. */
void tl__stream_dispose(tl_loop *loop, tl_handle *handle);

/* --- waiting.c ---------------------------------------------------------- */

/* Whether somebody wants what has come. */
bool tl__stream_wants_data(const tl_loop *loop, const tl_handle *handle,
                           const tl_stream *s);
/* For a transport that tells of readiness itself: from the next turn on, the
   end is ready for what was not possible before; of TL_READ, TL_WRITE,
   TL_ERROR, TL_HANGUP. To be called after each "not now" and short write, and
   whenever bytes come, as epoll(7) reports edges; once too often is harmless.
   With the end of the peer's direction comes TL_HANGUP, or a short read before
   it is taken for all. Fine from within the transport's functions, and if the
   handle has ended. */
void tl__stream_ready(tl_loop *loop, tl_id id, int ready);
/* A transport's answer to a call in one direction, TL_READ or TL_WRITE, with
   every "not now" as -EAGAIN; what it waits for is noted. */
ssize_t tl__stream_answer(tl_stream *s, int direction, ssize_t answer);
/* Enter the poller for what is waited for now. */
void tl__stream_update(tl_loop *loop, tl_id id, tl_handle *handle,
                       tl_stream *s);
/* After an event was handled: what was left undone is looked at again, and the
   poller reports no more what was unwanted. */
void tl__stream_settle(tl_loop *loop, tl_id id, int ready, bool unwanted);
/* Back into a new poller. */
void tl__stream_renew(tl_loop *loop, tl_id id, tl_handle *handle);
/* Whether a reader may take bytes: 0, or why not. s may be NULL. */
int tl__stream_readable(tl_loop *loop, tl_id id, const tl_stream *s);
/* The handle of the waiting reader; slot 0 when nobody waits. */
tl_id tl__stream_reader(const tl_loop *loop, tl_id id);

/* --- sending.c ---------------------------------------------------------- */

/* Send what is queued. False when the connection ended by it. */
bool tl__stream_send_queue(tl_loop *loop, tl_id id, tl_handle *handle,
                           tl_stream *s);
/* Send what the callbacks queued since the last call. */
void tl__streams_flush(tl_loop *loop);
/* Tell nothing more, send what is queued and close; but a standard stream
   stays open. */
void tl__stream_drop(tl_loop *loop, tl_id id, tl_handle *handle);

/* --- receiving.c -------------------------------------------------------- */

/* What is to be told next: TL_TELL_..., 0 for nothing. For TL_TELL_DATA
   *view is what was received; for TL_TELL_ERROR and TL_TELL_CLOSE *status is
   why. With TL_TELL_CLOSE the handle has ended. reads bounds how often the
   kernel is asked for data. */
int tl__stream_next(tl_loop *loop, tl_id id, int *reads, tl_view *view,
                    int *status);

/* Receive for the waiting reader. 1: *view is what it wants, used up; TL_WOKEN:
   it is to be woken without; 0: not yet. *reader is taken off the
   connection. */
enum { TL_WOKEN = 2 };
int tl__stream_serve(tl_loop *loop, tl_id id, int *reads, tl_view *view,
                     tl_id *reader);

/* --- connecting.c ------------------------------------------------------- */

/* Begin a connection on any transport. shakes: its handshake comes first, once
   the end is ready. After an error the end is still the caller's. -ENOMEM,
   TL_LIMIT. */
int tl__stream_begin(tl_loop *loop, tl_id *id, const tl_transport *transport,
                     tl_end end, int options, bool shakes);
/* An accepted connection; options as for tl_stream_start. */
int tl__stream_accepted(tl_loop *loop, tl_id *id, int fd, int options,
                        const tl_address *peer);
/* Do what readiness allows but reading: go on with the handshake, send. False
   when the connection ended by it. */
bool tl__stream_progress(tl_loop *loop, tl_id id, tl_handle *handle,
                         tl_stream *s, int ready);

#endif
