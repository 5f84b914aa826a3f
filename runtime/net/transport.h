/* Transports: what a connection reads from and writes to. One is five functions
   and what is to be known of it, and all that a connection knows of it. Those
   for descriptors are here: sockets, pipes and files. docs/design.md says how
   to add one. */
#ifndef TL_TRANSPORT_H
#define TL_TRANSPORT_H

#include <sys/types.h>
#include <sys/uio.h>

#include "abi.h"

/* What the functions are given, by value. */
typedef struct tl_end {
    void *self; /* the transport's own; NULL where the descriptor is all */
    int fd;     /* for the poller to watch; -1: the transport itself tells of
                   readiness, by tl__stream_ready */
} tl_end;

/* Answers that are no count and no errno. -EAGAIN, "not now", is normal; the
   call is made again when its own direction is ready. A transport that has to
   write before it can read, or the reverse, says so instead, as TLS does in
   SSL_get_error(3); a handshake, which has no direction, always does. */
enum { TL_WANTS_READ = -4224, TL_WANTS_WRITE = -4225 };

/* How to close. The first two end one direction, where the transport has
   TL_HALVES, and the end stays open. */
enum {
    TL_END_SENDING = 0,
    TL_END_RECEIVING = 1,
    TL_CLOSE = 2,      /* in good order */
    TL_CLOSE_HERE = 3, /* others have it too: the peer is to notice nothing */
    TL_CLOSE_RESET = 4 /* bytes are lost: the peer is not to take this for an
                          orderly end */
};

/* What is to be known of it, as bits. */
enum {
    TL_HALVES = 1,     /* each direction can end by itself */
    TL_RESETS = 2,     /* closed with bytes unread, it resets the connection */
    TL_PIECEWISE = 4,  /* it may give less than there is, as a terminal gives
                          a line at a time, and the poller reports the rest */
    TL_VAGUE = 8,      /* the same, and the poller does not: a short read or
                          write never means that there is no more */
    TL_REFUSABLE = 16, /* epoll(7) may refuse to watch it, as it does a regular
                          file; then it is */
    TL_ALWAYS_READY = 32
};

/* No function blocks, raises SIGPIPE, or calls back into the connection but by
   tl__stream_ready. An errno but EAGAIN is for good. */
typedef struct tl_transport {
    uint32_t traits;
    /* Called when the end is ready, until it returns something else than
       TL_WANTS_...: 0, and bytes may go, or why the connection failed. Only
       for connections that begin with it. */
    int (*handshake)(tl_end end);
    /* How many bytes came, at most room, which is not 0; 0 is the end. */
    ssize_t (*read)(tl_end end, void *bytes, size_t room);
    /* How many of the bytes were taken; they are the caller's, and after "not
       now" may be others, or elsewhere, the next time. count is not 0. */
    ssize_t (*write)(tl_end end, const void *bytes, size_t count);
    /* The same for at most two parts, none of them empty. */
    ssize_t (*writev)(tl_end end, const struct iovec *parts, int count);
    /* 0, or why a direction could not be ended; TL_END_SENDING may say "not
       now". Otherwise self and fd are given up by it, whatever it returns. */
    int (*close)(tl_end end, int how);
} tl_transport;

/* For a descriptor that TL_STREAM_... describe: a socket, or with
   TL_STREAM_FILE what read(2) and writev(2) are for. */
const tl_transport *tl__transport_for(int options);
/* The same for a file whose description blocks, for others who share it: asked
   first before each call, and given little. */
const tl_transport *tl__transport_lent(const tl_transport *transport);

#endif
