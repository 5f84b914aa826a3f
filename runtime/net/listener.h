/* Listeners: sockets that accept connections. What Lua calls is in
   timerlua_abi.h; this is what the loop and the dispatcher do. */
#ifndef TL_LISTENER_H
#define TL_LISTENER_H

#include "loop/state.h"

extern const struct tl_kind tl__listener_kind;

/* Accept one connection, as a handle of its own: 0, -EAGAIN, -ECONNABORTED
   (it was gone, go on), -EMFILE ... */
int tl__listener_accept(tl_loop *loop, tl_id listener, tl_id *id);
/* How many to accept before others get their turn. */
int tl__listener_burst(const tl_loop *loop, tl_id listener);
/* After an event: how many there were, and whether there may be more. */
void tl__listener_settle(tl_loop *loop, tl_id listener, int accepted,
                         bool more);

#endif
