/* Handles with a descriptor, watches and sockets: their place in the poller. */
#ifndef TL_DESCRIPTOR_H
#define TL_DESCRIPTOR_H

#include "loop/state.h"

/* Report the descriptor for exactly this interest, a combination of TL_READ,
   TL_WRITE and TL_EDGE; with 0 the descriptor leaves the poller. After a
   negative errno the descriptor is not in the poller. */
int tl__descriptor_interest(tl_loop *loop, tl_id id, tl_handle *handle,
                            int interest);
/* The descriptor is about to be closed. */
void tl__descriptor_forget(tl_loop *loop, tl_id id, tl_handle *handle);

/* Ask the handle that has this descriptor in the poller to leave it to another
   handle. True if the handle has left. */
bool tl__descriptor_vacate(tl_loop *loop, int fd);

/* A connection, listener, datagram socket or watch has this descriptor from now
   on, in the poller or not. -ENOMEM. Nothing needs to be done when the handle
   gives the descriptor up. */
int tl__descriptor_take(tl_loop *loop, int fd, uint32_t slot);

#endif
