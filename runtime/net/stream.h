/* A connection: an end of a transport, the bytes received, the bytes to send,
   and the waiting tasks. The functions that Lua calls are in timerlua_abi.h;
   these are the functions for the dispatcher.

   Readiness is only needed where a call to the kernel said "again", so a
   connection enters the poller when it first has to wait, and leaves the poller
   only when it is reported for an event that is not wanted. */
#ifndef TL_STREAM_H
#define TL_STREAM_H

#include "base/buffer.h"
#include "base/framing.h"
#include "loop/state.h"
#include "loop/waiter.h"
#include "net/transport.h"

/* Bits of tl_stream.state: the connection's present condition. Its settings are
   in tl_stream.options. */
enum {
    TL_IS_PAUSED = 1,
    TL_IS_CONNECTING = 2,
    TL_IS_DRAINED = 4,    /* the last receive left nothing in the transport */
    TL_IS_HUNG = 8,       /* the transport has reported an end; receive up to
                             it */
    TL_IS_ENDED = 16,     /* received up to the peer's end of its direction */
    TL_IS_BLOCKED = 32,   /* the transport accepted no more */
    TL_IS_SHUTTING = 64,  /* sending ends when the queue is empty */
    TL_IS_SHUT = 128,     /* sending has ended */
    TL_IS_CLOSING = 256,  /* to be closed when the queue is empty and the peer
                             has ended, or its input need not be dropped */
    TL_IS_DIRTY = 512,    /* deferred: bytes to send after the callback */
    TL_IS_HIGH = 1024,    /* above the high-water mark since the last drain */
    TL_IS_DEAF = 2048,    /* receiving was shut down here */
    TL_IS_LOSSY = 4096,   /* bytes that were taken could not be sent */
    TL_IS_CLOSED = 8192,  /* its transport is closed */
    TL_IS_LOUD = 16384,   /* the peer has sent bytes since closing began */
    TL_IS_LET_GO = 32768, /* lingers without keeping the loop running */
    TL_IS_EXPIRED = 65536 /* its transport was closed because it was idle */
};

typedef struct tl_stream {
    tl_buffer in, out;
    tl_want want; /* the reader's request */
    char *text;   /* what it searches for, or an earlier one did; or NULL */
    tl_id reader; /* handle of the wait, {0} for none; may have ended */
    tl_id writer;
    uint32_t options; /* TL_STREAM_... */
    uint32_t state;   /* TL_IS_... */
    const tl_transport *transport;
    void *self;      /* the transport's; its descriptor is the handle's */
    uint32_t traits; /* the transport's, and those found out since */
    uint8_t told;    /* reported by the transport: TL_READ and others, not acted
                        on yet */
    uint8_t crossed; /* TL_READ: reading waits until the end is ready for
                        writing; TL_WRITE: sending, or the handshake, waits for
                        reading */
    uint8_t tell;    /* bits 1 << TL_TELL_... */
    uint8_t writer_awaits;
    bool in_total; /* the reader's timeout runs on while bytes come */
    int16_t send_error, receive_error;
    uint32_t high, low;
    size_t limit, receive_limit;
    size_t linger_left; /* bytes that may still be dropped while closing */
    double linger_s;    /* time for that once the queue is empty */
    uint32_t turn, turn_reads; /* the number of reads from it in a turn */
    uint64_t received, sent;
    tl_id listener;         /* that accepted it; {0}: none */
    uint64_t moved;         /* bytes in both directions, at the latest look */
    int64_t still_since_ns; /* the first look that found that number */
    uint8_t peer_length;
    uint8_t peer[28]; /* for IPv4 or IPv6, the peer's address */
} tl_stream;

extern const struct tl_kind tl__stream_kind;

/* --- stream.c ----------------------------------------------------------- */

/* A connection's record and its handle, for an end of a transport that the
   connection takes over. -ENOMEM, TL_LIMIT: the end still belongs to the
   caller. */
int tl__stream_open(tl_loop *loop, tl_id *id, const tl_transport *transport,
                    tl_end end, int options, tl_handle **handle);
static inline tl_end tl__stream_end_of(const tl_handle *handle,
                                       const tl_stream *s)
{
    return (tl_end){s->self, handle->at.watch.fd};
}
/* Free the record. */
void tl__stream_release(tl_loop *loop, tl_stream *s);
/* The transport is closed, and nothing is left to report: the handle ends. */
void tl__stream_free(tl_loop *loop, tl_id id, tl_stream *s);
/* The connection of a handle; NULL if the handle has ended or is of another
   kind. */
tl_stream *tl__stream_find(const tl_loop *loop, tl_id id, tl_handle **handle);
/* There is something to report to the callbacks of a flowing connection. */
void tl__stream_tell(tl_loop *loop, tl_id id, tl_handle *handle, tl_stream *s,
                     int what);

/* --- closing.c ---------------------------------------------------------- */

/* The queued bytes will not be sent. */
void tl__stream_drop_queue(tl_loop *loop, tl_stream *s);
/* A direction is over: make the transport end it. 0, -EAGAIN, or the error. */
int tl__stream_end_sending(tl_loop *loop, tl_id id, tl_handle *handle,
                           tl_stream *s);
void tl__stream_end_receiving(tl_loop *loop, tl_id id, tl_handle *handle,
                              tl_stream *s);
/* Whether arriving bytes are to be dropped: closing with them unread would make
   the kernel send a reset, which may overtake sent data. RFC 9112, 9.6. */
bool tl__stream_drops_input(const tl_stream *s);
/* Receive and drop. False if this ended the connection. */
bool tl__stream_drop_input(tl_loop *loop, tl_id id, tl_handle *handle,
                           tl_stream *s);
/* All is sent, and the connection is closing. False if this ended it. */
bool tl__stream_conclude(tl_loop *loop, tl_id id, tl_handle *handle,
                         tl_stream *s);
/* The transport is closed now; the handle ends, or ends once that is
   reported. */
void tl__stream_end(tl_loop *loop, tl_id id, tl_handle *handle, tl_stream *s);
/* Sending has failed for good. False if this ended the connection. */
bool tl__stream_fail_sending(tl_loop *loop, tl_id id, tl_handle *handle,
                             tl_stream *s, int error);
/* No byte has moved for too long: the transport is closed. The record lives on,
   so that a reader obtains what had arrived, and then the reason, -ETIME. */
void tl__stream_expire(tl_loop *loop, tl_id id, tl_handle *handle,
                       tl_stream *s);
/* Both directions have failed. */
void tl__stream_fail(tl_loop *loop, tl_id id, tl_handle *handle, tl_stream *s,
                     int error);
/* At the end of the loop. */
void tl__stream_dispose(tl_loop *loop, tl_handle *handle);

/* --- waiting.c ---------------------------------------------------------- */

/* Whether arriving data is wanted. */
bool tl__stream_wants_data(const tl_loop *loop, const tl_handle *handle,
                           const tl_stream *s);
/* For a transport that reports readiness itself: from the next turn on, the end
   is ready for operations that were not possible before; a combination of
   TL_READ, TL_WRITE, TL_ERROR, TL_HANGUP. To be called after each "not now" and
   short write, and whenever bytes arrive, as epoll(7) reports edges; an extra
   call is harmless. TL_HANGUP accompanies the end of the peer's direction;
   otherwise a short read before that end is taken to mean that there is no
   more. Fine from within the transport's functions, and if the handle has
   ended. */
void tl__stream_ready(tl_loop *loop, tl_id id, int ready);
/* A transport's answer to a call in one direction, TL_READ or TL_WRITE, with
   every "not now" as -EAGAIN; the readiness to wait for is noted. */
ssize_t tl__stream_answer(tl_stream *s, int direction, ssize_t answer);
/* Enter the poller for the readiness that is awaited now. */
void tl__stream_update(tl_loop *loop, tl_id id, tl_handle *handle,
                       tl_stream *s);
/* After an event was handled: unfinished work is looked at again, and the
   poller no longer reports unwanted events. */
void tl__stream_settle(tl_loop *loop, tl_id id, int ready, bool unwanted);
/* Back into a new poller. */
void tl__stream_renew(tl_loop *loop, tl_id id, tl_handle *handle);
/* Whether a reader may take bytes: 0, or the error. s may be NULL. */
int tl__stream_readable(const tl_loop *loop, const tl_stream *s);
/* The handle of the waiting reader; slot 0 if there is none. */
tl_id tl__stream_reader(const tl_loop *loop, tl_id id);

/* --- sending.c ---------------------------------------------------------- */

/* Send the queued bytes. False if this ended the connection. */
bool tl__stream_send_queue(tl_loop *loop, tl_id id, tl_handle *handle,
                           tl_stream *s);
/* Send the bytes that the callback has queued. */
void tl__stream_deferred(tl_loop *loop, tl_id id, tl_handle *handle);
/* Report nothing more, send the queued bytes and close; but a standard stream
   stays open. */
void tl__stream_drop(tl_loop *loop, tl_id id, tl_handle *handle);

/* --- receiving.c -------------------------------------------------------- */

/* The next report: TL_TELL_..., 0 for none. For TL_TELL_DATA, *view is the
   received data; for TL_TELL_ERROR and TL_TELL_CLOSE, *status is the reason.
   With TL_TELL_CLOSE the handle has ended. reads bounds how often the kernel is
   asked for data. */
int tl__stream_next(tl_loop *loop, tl_id id, int *reads, tl_view *view,
                    int *status);

/* Receive for the waiting reader. 1: *view is the requested data, consumed;
   TL_WOKEN: the reader is to be woken without data; 0: not yet. *reader is
   removed from the connection. */
enum { TL_WOKEN = 2 };
int tl__stream_serve(tl_loop *loop, tl_id id, int *reads, tl_view *view,
                     tl_id *reader);

/* Take bytes that no reader has asked for yet, up to the limit of a receive.
   Whether there were any. */
bool tl__stream_receive_ahead(tl_loop *loop, const tl_handle *handle,
                              tl_stream *s);

/* --- idle.c ------------------------------------------------------------- */

/* Have tl_stream_next_idle find this connection, accepted by the listener. */
void tl__stream_watch_idle(tl_stream *s, tl_id listener);

/* --- connecting.c ------------------------------------------------------- */

/* Begin a connection on any transport. shakes: the transport's handshake comes
   first, once the end is ready. After an error the end still belongs to the
   caller. -ENOMEM, TL_LIMIT. */
int tl__stream_begin(tl_loop *loop, tl_id *id, const tl_transport *transport,
                     tl_end end, int options, bool shakes);
/* A connection that the listener accepted; options as for tl_stream_start. */
int tl__stream_accepted(tl_loop *loop, tl_id *id, tl_id listener, int fd,
                        int options, const tl_address *peer);
/* Do everything that readiness allows except reading: continue the handshake,
   send. False if this ended the connection. */
bool tl__stream_progress(tl_loop *loop, tl_id id, tl_handle *handle,
                         tl_stream *s, int ready);

#endif
