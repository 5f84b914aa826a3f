/* Steps of the wall clock: noticed as a change of its distance from the
   monotonic clock, added up until somebody takes them. */
#ifndef TL_JUMPS_H
#define TL_JUMPS_H

#include "loop/state.h"

/* Begin to notice: what the distance is now is no step. */
void tl__reset_jumps(tl_loop *loop);
/* The wall clock may have been stepped since. */
void tl__note_jump(tl_loop *loop);
/* What was noticed since last taken, in seconds; 0 for none. */
double tl__take_jump(tl_loop *loop);

#endif
