/* The owner of the Lua state that runs the program: opens the state with the
   modules that the program carries inside. */
#ifndef TL_STATE_OWNER_H
#define TL_STATE_OWNER_H

#include <stdbool.h>
#include <stddef.h>

#include "abi.h"

typedef struct tl_state_owner tl_state_owner;

/* NULL when memory runs out or a module does not load; the reason is on
   standard error. */
tl_state_owner *tl_state_owner_open(void);
/* Collect everything the script made, and send its last output, which may
   block. 0, or a negative errno when output was lost. */
int tl_state_owner_finish(tl_state_owner *owner);
void tl_state_owner_close(tl_state_owner *owner);
tl_loop *tl_state_owner_loop(const tl_state_owner *owner);
/* Run timerlua.program with a command line. Returns the exit status; *signal
   is the signal that ended the script, or 0. */
int tl_state_owner_run(tl_state_owner *owner, int argc, char **argv,
                       int *signal);

/* These are for a signal handler that interrupts the loop's run. */

/* Seconds of the stop grace. */
double tl_state_owner_grace(const tl_state_owner *owner);
/* Whether the loop has not been reached since the last look: it has not taken a
   wake-up, or the same callback still runs. */
bool tl_state_owner_is_held(tl_state_owner *owner);
/* Write the report of the callback that holds the loop, for the signal that
   ends it, and return the length; 0 when there is none. Runs Lua from where it
   was interrupted, so only a forked copy of the process may call this, which
   exits afterwards. */
size_t tl_state_owner_holder(tl_state_owner *owner, int number, char *text,
                             size_t size);

#endif
