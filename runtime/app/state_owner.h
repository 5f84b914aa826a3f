/* The host of a Lua state: opens it with the modules that the program carries
   inside. */
#ifndef TL_STATE_OWNER_H
#define TL_STATE_OWNER_H

#include "abi.h"

typedef struct tl_host tl_host;

/* NULL when memory is lacking or a module does not load; the reason is on
   standard error. */
tl_host *tl_host_open(void);
/* Collect everything its script made, and send its last output, which may
   block. 0, or a negative errno when output was lost. */
int tl_host_finish(tl_host *host);
void tl_host_close(tl_host *host);
tl_loop *tl_host_loop(tl_host *host);
/* Run timerlua.program with a command line. Returns the exit status; *signal
   is the signal that ended the script, or 0. */
int tl_host_run(tl_host *host, int argc, char **argv, int *signal);

#endif
