/* The holder of the loop: the callback that does not return to it. */
#ifndef TL_HOLDER_H
#define TL_HOLDER_H

#include "app/state_owner.h"

/* Say on standard error which callback holds the loop, and that a signal ends
   it. From a signal handler of the process that the signal ends; takes two
   seconds at most. */
void tl_holder_report(tl_state_owner *owner, int number);

#endif
