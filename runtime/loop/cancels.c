/* Cancels: see cancels.h. */
#include "loop/cancels.h"

#include "loop/handle_ops.h"

enum { AHEAD = 8 }; /* records that are fetched from memory meanwhile */

tl_tags *tl_loop_tags(tl_loop *loop)
{
    return &loop->handles.tags;
}

tl_cancels *tl_loop_cancels(tl_loop *loop)
{
    return &loop->cancels;
}

/* The timer of an entry; NULL if there is none: Lua was interrupted after the
   entry, and the timer has ended since. */
static tl_handle *timer_of(tl_loop *loop, tl_id id)
{
    tl_handles *handles = &loop->handles;
    tl_handle *handle = tl_handles_peek(handles, id.slot);
    if (handle == NULL || handle->kind != TL_TIMER ||
        handle->flags & (TL_FLAG_HOST | TL_FLAG_BUSY))
        return NULL;
    uint32_t tag = *tl_handles_tag(handles, id.slot);
    return tag == id.generation || tag == id.generation + TL_TAG_ENDED ? handle
                                                                       : NULL;
}

void tl_loop_end_cancelled(tl_loop *loop)
{
    tl_cancels *cancels = &loop->cancels;
    if (cancels->count > TL_CANCELS_MOST)
        cancels->count = TL_CANCELS_MOST;
    for (uint32_t i = loop->cancels_ended; i < cancels->count; i++) {
        if (i + AHEAD < cancels->count)
            __builtin_prefetch(
                tl_handles_peek(&loop->handles, cancels->list[i + AHEAD].slot));
        tl_id *id = &cancels->list[i];
        tl_handle *handle = timer_of(loop, *id);
        if (handle == NULL) {
            id->slot = 0; /* no handle's */
            continue;
        }
        *tl_handles_tag(&loop->handles, id->slot) = id->generation;
        (void)tl__handle_quit(loop, id->slot, handle);
        tl_handles_end(&loop->handles, id->slot);
    }
    loop->cancels_ended = cancels->count;
}

void tl_loop_free_cancelled(tl_loop *loop)
{
    tl_cancels *cancels = &loop->cancels;
    for (uint32_t i = 0; i < loop->cancels_ended; i++)
        if (cancels->list[i].slot != 0)
            tl_handles_free_slot(&loop->handles, cancels->list[i].slot);
    cancels->count = 0;
    loop->cancels_ended = 0;
}

void tl__set_away(tl_loop *loop, bool away)
{
    loop->away = away;
    loop->cancels.most = away ? 0 : TL_CANCELS_MOST;
}
