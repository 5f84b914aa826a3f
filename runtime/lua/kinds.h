/* All kinds of handles, by their numbers: the row of each kind, which the loop
   is given, and how its events run the script. */
#ifndef TL_LUA_KINDS_H
#define TL_LUA_KINDS_H

#include "loop/kinds.h"
#include "lua/state.h"

extern const tl_kind *const tl__kinds[TL_KINDS_MOST];
extern tl_delivery *const tl__deliveries[TL_KINDS_MOST];

#endif
