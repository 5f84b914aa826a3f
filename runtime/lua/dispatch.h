/* The dispatcher: runs each event's callback in a coroutine. */
#ifndef TL_DISPATCH_H
#define TL_DISPATCH_H

#include "lua/state.h"

/* core.run(): turns until nothing is left to wait for, or a callback ends the
   run through the shared flags. Pushes whether nothing is left. */
int tl_dispatch_run(lua_State *L);
/* core.forget_cancelled(): forget the callbacks of timers that were cancelled.
   Allocates nothing, so no finalizer runs meanwhile, and no hook. */
int tl_dispatch_forget(lua_State *L);
/* For a host that waits itself: handle ready events, without waiting; batches
   until there is nothing more or d->step_ends_ns has passed. Pushes whether
   nothing is left to wait for. The caller ends d->running, also after an
   error. */
int tl_dispatch_step(lua_State *L);
/* Begin the target anchored for a handle now; L has the anchors at
   TL_ANCHORS_INDEX. */
void tl__dispatch_begin(tl_dispatcher *d, lua_State *L, tl_id id, int kind);

/* Prepare for these functions, once, where errors may still be raised. */
void tl__dispatch_init(tl_dispatcher *d, lua_State *L);

#endif
