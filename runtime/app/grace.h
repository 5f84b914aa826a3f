/* The grace of a stop: a POSIX timer, armed by the signal that asks for the
   end, brings the same signal again when its time is over, and again after as
   long. For the thread of the loop and its signal handlers. */
#ifndef TL_GRACE_H
#define TL_GRACE_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

typedef struct tl_grace {
    atomic_bool armed;
    timer_t timer;
    double seconds;
} tl_grace;

/* Without a timer, which needs a little memory of the kernel's, only a second
   signal ends a script that does not come back to the loop. */
void tl_grace_begin(tl_grace *grace, int number, double seconds);
/* Whether a signal is the one that the timer sends. */
bool tl_grace_sent(const tl_grace *grace, const siginfo_t *info);
/* The grace is another one by now: begin it anew. False if it is the same. */
bool tl_grace_change(tl_grace *grace, double seconds);
void tl_grace_end(tl_grace *grace);

#endif
