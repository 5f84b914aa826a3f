/* Delivery: what sockets have to tell, as calls of the script's functions. */
#ifndef TL_DELIVER_H
#define TL_DELIVER_H

#include "lua/callbacks.h"

/* Handle an event of a TL_STREAM, TL_LISTENER or TL_DATAGRAM. */
void tl__deliver(tl_dispatcher *d, lua_State *L, const tl_event *event,
                 int kind);

#endif
