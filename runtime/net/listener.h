/* Listeners: sockets that accept connections. The functions that Lua calls are
   in timerlua_abi.h; these are the functions for the loop and the
   dispatcher. */
#ifndef TL_LISTENER_H
#define TL_LISTENER_H

#include "loop/state.h"

extern const struct tl_kind tl__listener_kind;

/* Accept one connection, as a handle of its own: 0, -EAGAIN, -ECONNABORTED (the
   connection was gone; go on), -EMFILE ... */
int tl__listener_accept(tl_loop *loop, tl_id listener, tl_id *id);
/* The number of connections to accept before other handles get their turn. */
int tl__listener_burst(const tl_loop *loop, tl_id listener);
/* After an event: the number of connections accepted, and whether there may be
   more. */
void tl__listener_settle(tl_loop *loop, tl_id listener, int accepted,
                         bool more);

#endif
