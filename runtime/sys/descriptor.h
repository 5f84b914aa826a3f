/* Descriptors of whatever kind, sockets, pipes, pidfds and others: what can be
   done with all of them. A handle's place in the poller is in
   loop/descriptor.h. */
#ifndef TL_SYS_DESCRIPTOR_H
#define TL_SYS_DESCRIPTOR_H

#include <stdbool.h>

#include "abi.h"

/* What Lua calls too is in timerlua_abi.h. */

/* Whether a call in one direction, TL_READ or TL_WRITE, would not block now;
   it may fail. */
bool tl_descriptor_is_ready(int fd, int interest);
/* Blocks until that is so. */
void tl_descriptor_await(int fd, int interest);

#endif
