/* Datagram sockets. The functions that Lua calls are in timerlua_abi.h; these
   are the functions for the loop and the dispatcher. */
#ifndef TL_DATAGRAM_H
#define TL_DATAGRAM_H

#include "loop/state.h"

extern const struct tl_kind tl__datagram_kind;

/* Begin to handle an event: wake the handles that wait to send. Returns the
   number of datagrams to take before other handles get their turn; 0 if none
   are wanted. */
int tl__datagram_begin(tl_loop *loop, tl_id id, int ready);
/* The handle of the waiting reader; slot 0 if there is none. */
tl_id tl__datagram_reader(const tl_loop *loop, tl_id id);
/* Receive for the waiting reader. TL_TELL_DATA: views are the datagram and the
   text of its source address; TL_TELL_ERROR: the reader is to be woken without
   a datagram; 0: there is no datagram. Unless the result is 0, the reader is
   removed from the socket. */
int tl__datagram_serve(tl_loop *loop, tl_id id, tl_view views[2]);
/* The same for the callbacks of a flowing socket; for TL_TELL_ERROR, *status is
   the error, and for -EMSGSIZE, views[0].length is the datagram's length. */
int tl__datagram_next(tl_loop *loop, tl_id id, tl_view views[2], int *status);
/* After an event was handled: the number of datagrams taken, and the most that
   could be. */
void tl__datagram_settle(tl_loop *loop, tl_id id, int ready, int taken,
                         int most);

#endif
