/* The timers of one clock: an ordered store that gets the time as an argument
   and makes no system call.

   Far deadlines lie in a wheel, unordered; those that may be next are in a
   heap, in exact order. Arming, re-arming and cancelling are O(1); ordering is
   paid for once, when a deadline comes near, among the few that are near. A
   re-arm to a later deadline leaves the wheel's entry in place: the entry moves
   when it is reached. A cancel leaves its entry too; when three
   quarters of the entries are stale, they are swept out.

   Equal deadlines come out in the order in which they were armed. */
#ifndef TL_TIMERS_H
#define TL_TIMERS_H

#include <stdbool.h>

#include "base/deadline.h"
#include "store/handles.h"
#include "base/heap.h"
#include "base/wheel.h"

/* Room kept free in the front, so that this many expired handles can come
   back without memory. */
enum { TL_TIMERS_HEADROOM = 1024 };

typedef struct tl_timers {
    tl_handles *handles; /* not owned */
    int clock;
    uint32_t order; /* of the latest arming */
    size_t queued;  /* handles in the wheel or the heap */
    tl_wheel wheel;
    tl_heap front;
} tl_timers;

void tl_timers_init(tl_timers *timers, tl_handles *handles, int clock);
void tl_timers_free(tl_timers *timers);

/* Queue a handle that is not queued, for deadline_ns. -ENOMEM leaves the handle
   out. */
int tl_timers_add(tl_timers *timers, uint32_t slot, int64_t deadline_ns);
/* Queue a handle that may already be queued: only the new deadline applies.
   -ENOMEM leaves the old deadline in force. */
int tl_timers_move(tl_timers *timers, uint32_t slot, int64_t deadline_ns);
/* Only a new deadline for a handle that waits in the wheel, if it is no earlier
   than the old one: the wheel's entry is moved when it is reached. False: see
   tl_timers_move. */
static inline bool tl_timers_postpone(tl_timers *timers, tl_handle *handle,
                                      int64_t deadline_ns)
{
    if (handle->where < TL_IN_WHEEL || deadline_ns < handle->at.deadline_ns ||
        timers->order == UINT32_MAX)
        return false;
    handle->at.deadline_ns = deadline_ns;
    handle->order = ++timers->order;
    return true;
}
/* Queue a handle that has just expired; cannot fail. */
void tl_timers_again(tl_timers *timers, uint32_t slot, int64_t deadline_ns);
/* Queue a handle that has just expired with its former setting: the clock was
   stepped back before its deadline. Cannot fail. */
void tl_timers_put_back(tl_timers *timers, uint32_t slot);
/* Time restarts at now_ns, perhaps earlier; nothing may be queued. */
void tl_timers_rebase(tl_timers *timers, int64_t now_ns);
/* Take a handle out (fine if it is not queued). */
void tl_timers_remove(tl_timers *timers, uint32_t slot);

/* The exact next deadline; false when nothing is queued. */
bool tl_timers_next(tl_timers *timers, int64_t *deadline_ns);
/* The last deadline that is at most slack_ns after the next one, so that one
   wake-up can serve all of them; false when nothing is queued. */
bool tl_timers_last_within(tl_timers *timers, int64_t slack_ns,
                           int64_t *deadline_ns);
/* Take out the handles that are due at now_ns, in order, at most this many, and
   return their number. Their place is then TL_IN_BATCH. */
size_t tl_timers_expire(tl_timers *timers, int64_t now_ns, uint32_t *slots,
                        size_t most);

size_t tl_timers_bytes(const tl_timers *timers);
/* Recompute everything slowly; aborts if anything is wrong. For tests. */
void tl_timers_check(tl_timers *timers);

#endif
