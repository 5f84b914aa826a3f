/* The set of signals that a loop listens to: what Lua calls is in
   timerlua_abi.h; this is their place in the life of the loop. */
#ifndef TL_SIGNALS_H
#define TL_SIGNALS_H

#include "loop/state.h"

void tl__signals_init(tl_loop *loop);
/* Leave all of them. */
void tl__signals_close(tl_loop *loop);

#endif
