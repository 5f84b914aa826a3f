/* Steps of the wall clock: noticed as changes of its distance from the
   monotonic clock, and added up until they are taken. */
#ifndef TL_JUMPS_H
#define TL_JUMPS_H

#include "loop/state.h"

/* Begin to notice: the present distance is no step. */
void tl__reset_jumps(tl_loop *loop);
/* The wall clock may have been stepped since. */
void tl__note_jump(tl_loop *loop);
/* The sum of the steps since the last call, in seconds; 0 for none. */
double tl__take_jump(tl_loop *loop);

#endif
