/* What the sockets of a loop share: memory to receive into, and the standard
   streams in use. */
#ifndef TL_NET_H
#define TL_NET_H

#include "base/buffer.h"
#include "loop/state.h"
#include "net/borrowed.h"

typedef struct tl_net {
    tl_buffer_pool pool;
    tl_borrowed borrowed[TL_BORROWED_COUNT];
    char *scratch;              /* the bytes just received; TL_SCRATCH_BYTES */
    char from[TL_ADDRESS_TEXT]; /* the source of a datagram there */
    /* the same for receives by Lua itself: a finalizer may receive while the
       scratch is being made a string; NULL until first used */
    char *taken;
    char taken_from[TL_ADDRESS_TEXT];
} tl_net;

/* Make sure that the loop has these; each socket's opener calls this first.
   -ENOMEM. */
int tl__net_open(tl_loop *loop);
/* After the end of all sockets. */
void tl__net_close(tl_loop *loop);

#endif
