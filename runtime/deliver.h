/* Delivery: what sockets have to tell, as calls of the script's functions. */
#ifndef TL_DELIVER_H
#define TL_DELIVER_H

#include "dispatch.h"

/* Handle an event of a TL_STREAM, TL_LISTENER or TL_DATAGRAM. */
void tl__deliver(tl_dispatcher *d, lua_State *L, const tl_event *event,
                 int kind);

/* --- what dispatch.c lends ---------------------------------------------- */

/* Push the object of a handle, and what it runs; false when it has neither. */
bool tl__push_anchor(lua_State *L, uint32_t slot);
void tl__forget_anchor(lua_State *L, uint32_t slot);
/* Run the function that the idle coroutine has with nargs arguments, as a
   callback of this handle; obj is the index of its object in L. */
void tl__call(tl_dispatcher *d, lua_State *L, tl_id id, int kind, int obj,
              int nargs);
/* Whether what waits at this handle has not been woken with values yet. */
bool tl__takes_values(lua_State *L, tl_id waiter);
/* Resume what waits there, with a string or (NULL) nothing; the handle ends. */
void tl__wake_with(tl_dispatcher *d, lua_State *L, tl_id waiter,
                   const tl_view *view);

#endif
