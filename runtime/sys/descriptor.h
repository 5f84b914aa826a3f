/* Descriptors of any kind, such as sockets, pipes and pidfds: the operations
   that all of them share. A handle's place in the poller is in
   loop/descriptor.h. */
#ifndef TL_SYS_DESCRIPTOR_H
#define TL_SYS_DESCRIPTOR_H

#include <stdbool.h>

#include "abi.h"

/* Functions that Lua calls too are in timerlua_abi.h. */

/* Whether a call in one direction, TL_READ or TL_WRITE, would not block now;
   the call may fail. */
bool tl_descriptor_is_ready(int fd, int interest);
/* Blocks until such a call would not block. */
void tl_descriptor_await(int fd, int interest);

#endif
