/* The set of signals that a loop listens to. The functions that Lua calls are
   in timerlua_abi.h; this is the set's part in the life of the loop. */
#ifndef TL_SIGNALS_H
#define TL_SIGNALS_H

#include "loop/state.h"

void tl__signals_init(tl_loop *loop);
/* Stop receiving every signal. */
void tl__signals_close(tl_loop *loop);

#endif
