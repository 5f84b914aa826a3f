/* Handles with a descriptor, watches and sockets: their place in the poller
   and on the agenda of the next turn. */
#ifndef TL_DESCRIPTOR_H
#define TL_DESCRIPTOR_H

#include "loop/state.h"

/* Have the descriptor reported for exactly this interest, of TL_READ,
   TL_WRITE and TL_EDGE; for 0 it leaves the poller. A negative errno leaves
   it out of the poller. */
int tl__descriptor_interest(tl_loop *loop, tl_id id, tl_handle *handle,
                            int interest);
/* It is about to be closed. */
void tl__descriptor_forget(tl_loop *loop, tl_id id, tl_handle *handle);

/* A connection, listener or datagram socket has this descriptor from now on.
   -ENOMEM. Nothing is to be done when it has it no more. */
int tl__descriptor_take(tl_loop *loop, int fd, uint32_t slot);

/* Make sure that tl__agenda_add will find room for one more handle. */
int tl__agenda_reserve(tl_agenda *agenda, size_t live);
static inline void tl__agenda_add(tl_agenda *agenda, tl_id id)
{
    agenda->ids[agenda->count++] = id;
}

/* Make sure that there is a scratch to receive into. -ENOMEM. */
int tl__scratch_reserve(tl_loop *loop);

/* Have an event without readiness come on the next turn. */
void tl__post(tl_loop *loop, tl_id id, tl_handle *handle);

#endif
