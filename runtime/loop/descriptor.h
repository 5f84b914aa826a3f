/* Handles with a descriptor, watches and sockets: their place in the poller
   and on the agenda of the next turn. */
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

/* A connection, listener or datagram socket has this descriptor from now on.
   -ENOMEM. Nothing needs to be done when the socket gives the descriptor up. */
int tl__descriptor_take(tl_loop *loop, int fd, uint32_t slot);

/* Make sure that tl__agenda_add will find room for one more handle. */
int tl__agenda_reserve(tl_agenda *agenda, size_t live);
static inline void tl__agenda_add(tl_agenda *agenda, tl_id id)
{
    agenda->ids[agenda->count++] = id;
}

/* Make sure that there is a scratch to receive into. -ENOMEM. */
int tl__scratch_reserve(tl_loop *loop);

/* Deliver an event without readiness on the next turn. */
void tl__post(tl_loop *loop, tl_id id, tl_handle *handle);

#endif
