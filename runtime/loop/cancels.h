/* Cancels that Lua began without a call: timerlua_abi.h tells how. Until the
   list is ended, its timers are counted and queued, but no id finds them. So
   whatever looks at counts, or walks over handles, settles the list first. */
#ifndef TL_CANCELS_H
#define TL_CANCELS_H

#include "loop/state.h"

static inline void tl__settle_cancels(tl_loop *loop)
{
    if (loop->cancels.count > loop->cancels_ended)
        tl_loop_end_cancelled(loop);
}

/* Whether the loop's host waits. Then the poller must learn of a cancel at
   once, so each is a call. */
void tl__set_away(tl_loop *loop, bool away);

#endif
