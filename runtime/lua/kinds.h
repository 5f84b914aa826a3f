/* All kinds of handles, by their numbers: the row of each, which the loop is
   given, and what its events have the script run. */
#ifndef TL_LUA_KINDS_H
#define TL_LUA_KINDS_H

#include "loop/kinds.h"
#include "lua/callbacks.h"

/* Handle an event; L has the anchors at TL_ANCHORS_INDEX. */
typedef void tl_delivery(tl_dispatcher *d, lua_State *L, const tl_event *event);

extern const tl_kind *const tl__kinds[TL_KINDS_MOST];
extern tl_delivery *const tl__deliveries[TL_KINDS_MOST];

#endif
