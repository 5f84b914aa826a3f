/* Cancels: see cancels.h. */
#include "loop/cancels.h"

#include "check.h"
#include "loop/handle_ops.h"

enum { AHEAD = 8 }; /* records that are fetched from memory meanwhile */

void tl__cancels_end(tl_loop *loop)
{
    tl_handles *handles = &loop->handles;
    tl_cancels *cancels = &loop->cancels;
    for (uint32_t i = cancels->settled; i < cancels->count; i++) {
        if (i + AHEAD < cancels->count)
            __builtin_prefetch(
                tl_handles_at(handles, cancels->list[i + AHEAD].slot));
        uint32_t slot = cancels->list[i].slot;
        tl_handle *handle = tl_handles_at(handles, slot);
        TL_CHECK(handle->kind == TL_TIMER, "a timer ended before its cancel");
        *tl_handles_tag(handles, slot) = cancels->list[i].generation;
        (void)tl__handle_quit(loop, slot, handle);
        tl_handles_end(handles, slot);
    }
    cancels->settled = cancels->count;
}

void tl__cancels_free(tl_loop *loop)
{
    tl_cancels *cancels = &loop->cancels;
    tl__cancels_settle(loop);
    for (uint32_t i = 0; i < cancels->count; i++)
        tl_handles_free_slot(&loop->handles, cancels->list[i].slot);
    cancels->count = cancels->settled = 0;
}
