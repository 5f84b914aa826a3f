/* Transports: the channels that connections read from and write to. A transport
   is five functions and its traits, and a connection knows nothing else of it.
   The transports for descriptors are here: sockets, pipes and files.
   docs/design.md says how to add one. */
#ifndef TL_TRANSPORT_H
#define TL_TRANSPORT_H

#include <sys/types.h>
#include <sys/uio.h>

#include "abi.h"

/* The argument of the functions, by value. */
typedef struct tl_end {
    void *self; /* the transport's own; NULL where the descriptor is all */
    int fd;     /* for the poller to watch; -1: the transport itself reports
                   readiness, by tl__stream_ready */
} tl_end;

/* Answers that are neither a count nor an errno. -EAGAIN, "not now", is normal;
   the call is made again when its own direction is ready. A transport that has
   to write before it can read, or the reverse, says so instead, as TLS does in
   SSL_get_error(3); a handshake, which has no direction, always does. */
enum { TL_WANTS_READ = -4224, TL_WANTS_WRITE = -4225 };

/* How to close. The first two end one direction, where the transport has
   TL_HALVES, and the end stays open. */
enum {
    TL_END_SENDING = 0,
    TL_END_RECEIVING = 1,
    TL_CLOSE = 2,      /* an orderly close */
    TL_CLOSE_HERE = 3, /* other processes have the end too: the peer must notice
                          nothing */
    TL_CLOSE_RESET = 4 /* bytes are lost: the peer must not take this for an
                          orderly end */
};

/* The traits of a transport, as bits. */
enum {
    TL_HALVES = 1,     /* each direction can end by itself */
    TL_RESETS = 2,     /* closed with bytes unread, it resets the connection */
    TL_PIECEWISE = 4,  /* a read may return less than there is, as a terminal
                          returns a line at a time, and the poller reports the
                          rest */
    TL_VAGUE = 8,      /* the same, but the poller does not report the rest: a
                          short read or write never means that there is no
                          more */
    TL_REFUSABLE = 16, /* epoll(7) may refuse to watch the descriptor, as it
                          refuses a regular file; then it is ... */
    TL_ALWAYS_READY = 32
};

/* No function blocks, raises SIGPIPE, or calls back into the connection except
   by tl__stream_ready. An errno other than EAGAIN is permanent. */
typedef struct tl_transport {
    uint32_t traits;
    /* Called when the end is ready, until the result is not TL_WANTS_...: 0,
       and bytes may flow, or the error of the connection. Only for connections
       that begin with a handshake. */
    int (*handshake)(tl_end end);
    /* Returns the number of bytes received, at most room, which is not 0; 0 is
       the end. */
    ssize_t (*read)(tl_end end, void *bytes, size_t room);
    /* Returns the number of bytes accepted. The bytes belong to the caller and,
       after "not now", may be others, or elsewhere, the next time. count is not
       0. */
    ssize_t (*write)(tl_end end, const void *bytes, size_t count);
    /* The same for at most two parts, none of them empty. */
    ssize_t (*writev)(tl_end end, const struct iovec *parts, int count);
    /* 0, or why a direction could not be ended; TL_END_SENDING may say "not
       now". All other ways of closing give up self and fd, whatever the
       result. */
    int (*close)(tl_end end, int how);
} tl_transport;

/* For a descriptor that TL_STREAM_... describe: a socket, or with
   TL_STREAM_FILE a descriptor for read(2) and writev(2). */
const tl_transport *tl__transport_for(int options);
/* The same for a file whose description blocks, because other processes share
   it: polled before each call, and written to in small amounts. */
const tl_transport *tl__transport_lent(const tl_transport *transport);

#endif
