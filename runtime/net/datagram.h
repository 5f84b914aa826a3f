/* Datagram sockets. What Lua calls is in timerlua_abi.h; this is what the loop
   and the dispatcher do. */
#ifndef TL_DATAGRAM_H
#define TL_DATAGRAM_H

#include "loop/state.h"

extern const struct tl_kind tl__datagram_kind;

/* Begin to handle an event: wake who waits to send. How many datagrams to take
   before others get their turn; 0 when nobody wants any. */
int tl__datagram_begin(tl_loop *loop, tl_id id, int ready);
/* The handle of the waiting reader; slot 0 when nobody waits. */
tl_id tl__datagram_reader(const tl_loop *loop, tl_id id);
/* Receive for the waiting reader. TL_TELL_DATA: views are the datagram and the
   text of where it came from; TL_TELL_ERROR: the reader is to be woken without;
   0: nothing is there. Unless 0, the reader is taken off the socket. */
int tl__datagram_serve(tl_loop *loop, tl_id id, tl_view views[2]);
/* The same for the callbacks of a flowing socket; for TL_TELL_ERROR *status is
   why, and for -EMSGSIZE views[0].length how long it was. */
int tl__datagram_next(tl_loop *loop, tl_id id, tl_view views[2], int *status);
/* After an event was handled: how many were taken, of at most how many. */
void tl__datagram_settle(tl_loop *loop, tl_id id, int ready, int taken,
                         int most);

#endif
