/* Timers that were cancelled and are ended together, because a record of a big
   program is far away in memory: one cancel after the other would wait for
   each. A cancel clears the tag, so that no id finds the timer any more, and
   enters the timer in a list. Until the list is settled, its timers are counted
   and queued; so whatever reads counts, or walks over handles, settles it
   first. The slots rest until Lua has forgotten the callbacks. */
#ifndef TL_CANCELS_H
#define TL_CANCELS_H

#include "loop/state.h"

/* False: the timer cannot be cancelled in this way, or there is no such timer.
   While the loop's host waits, the poller has to learn of each cancel. */
static inline bool tl__cancels_add(tl_loop *loop, uint32_t slot,
                                   uint32_t generation)
{
    tl_cancels *cancels = &loop->cancels;
    if (slot >> TL_PAGE_BITS >= loop->handles.page_count || loop->away ||
        cancels->count == TL_CANCELS_MOST)
        return false;
    uint32_t *tag = tl_handles_tag(&loop->handles, slot);
    if (!(*tag & TL_TAG_QUICK) || *tag != generation + TL_TAG_QUICK)
        return false;
    *tag = TL_TAG_NONE;
    cancels->list[cancels->count++] = (tl_id){slot, generation};
    return true;
}

/* End the handles of the list. */
void tl__cancels_end(tl_loop *loop);
static inline void tl__cancels_settle(tl_loop *loop)
{
    if (loop->cancels.count > loop->cancels.settled)
        tl__cancels_end(loop);
}

/* Whether something keeps the loop running. */
static inline bool tl__is_active(tl_loop *loop)
{
    tl__cancels_settle(loop);
    return loop->active > 0;
}

/* The callbacks are forgotten: free the slots, and empty the list. */
void tl__cancels_free(tl_loop *loop);

#endif
