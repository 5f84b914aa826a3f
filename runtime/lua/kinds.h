/* All kinds of handles, by their numbers: the row of each, which the loop is
   given, and what its events have the script run. */
#ifndef TL_LUA_KINDS_H
#define TL_LUA_KINDS_H

#include "loop/kinds.h"
#include "lua/state.h"

extern const tl_kind *const tl__kinds[TL_KINDS_MOST];
extern tl_delivery *const tl__deliveries[TL_KINDS_MOST];

#endif
