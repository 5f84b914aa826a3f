/* The dispatcher: runs each event's callback in a coroutine. */
#ifndef TL_DISPATCH_H
#define TL_DISPATCH_H

#include "callbacks.h"

/* core.run(): turns until nothing is left to wait for, or a callback ends the
   run through the shared flags. Pushes whether it was the former. */
int tl_dispatch_run(lua_State *L);

#endif
