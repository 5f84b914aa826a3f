/* Operations on handles of any kind: see timerlua_abi.h. */
#include <errno.h>

#include "loop/descriptor.h"
#include "loop/handle_ops.h"
#include "loop/agenda.h"
#include "loop/cancels.h"
#include "loop/kinds.h"
#include "loop/wakeup.h"

static bool is_script(const tl_handle *handle)
{
    return handle != NULL && !(handle->flags & TL_FLAG_HOST);
}

tl_handle *tl__script_kind(const tl_loop *loop, tl_id id, int kind)
{
    tl_handle *handle = tl_handles_find(&loop->handles, id.slot, id.generation);
    return is_script(handle) && handle->kind == kind ? handle : NULL;
}

tl_handle *tl__script_group(const tl_loop *loop, tl_id id, int group)
{
    tl_handle *handle = tl_handles_find(&loop->handles, id.slot, id.generation);
    return is_script(handle) && tl__group_of(&loop->handles, handle) == group
               ? handle
               : NULL;
}

void tl__set_active(tl_loop *loop, tl_handle *handle, bool active)
{
    if (active == !!(handle->flags & TL_FLAG_ACTIVE))
        return;
    handle->flags ^= TL_FLAG_ACTIVE;
    if (handle->flags & TL_FLAG_UNREF)
        return;
    loop->active += active ? 1 : (size_t)-1;
    tl__wakeup_count(loop);
}

void tl__leave_queue(tl_loop *loop, uint32_t slot, tl_handle *handle)
{
    if (tl__has_descriptor(&loop->handles, handle)) {
        tl_id id = {slot, tl_handles_generation(&loop->handles, slot)};
        (void)tl__descriptor_interest(loop, id, handle, 0);
    } else {
        tl_timers_remove(tl__store_of(loop, handle), slot);
    }
    tl__set_active(loop, handle, false);
}

int tl__handle_new(tl_loop *loop, int kind, tl_id *id)
{
    if (tl_poller_forked(&loop->poller))
        return -ECHILD;
    int error = tl_handles_open(&loop->handles, kind, id);
    if (error != TL_LIMIT)
        return error;
    tl__cancels_settle(loop); /* they do not count any more */
    return tl_handles_open(&loop->handles, kind, id);
}

int tl_handle_open(tl_loop *loop, tl_id *id, int kind)
{
    return tl_kind_name(loop, kind) == NULL ? -EINVAL
                                            : tl__handle_new(loop, kind, id);
}

static inline void end(tl_loop *loop, uint32_t slot, tl_handle *handle)
{
    tl__leave_queue(loop, slot, handle);
    tl_handles_close(&loop->handles, slot);
}

void tl__handle_end(tl_loop *loop, tl_id id, tl_handle *handle)
{
    end(loop, id.slot, handle);
}

void tl_handle_close(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_handle *handle = tl_handles_find(&loop->handles, slot, generation);
    if (handle == NULL)
        return;
    if (!tl__has_descriptor(&loop->handles,
                            handle)) /* as their rows say: loop.c checks it */
        end(loop, slot, handle);
    else
        tl__kind_of(loop, handle)
            ->drop(loop, (tl_id){slot, generation}, handle);
}

void tl__timed_busy(tl_loop *loop, uint32_t slot, tl_handle *handle, bool busy)
{
    uint32_t *tag = tl_handles_tag(&loop->handles, slot);
    if (busy)
        handle->flags |= TL_FLAG_BUSY;
    else
        handle->flags &= (uint8_t)~TL_FLAG_BUSY;
    if (busy || handle->kind != TL_TIMER || handle->flags & TL_FLAG_HOST)
        *tag &= ~(uint32_t)TL_TAG_QUICK;
    else
        *tag |= TL_TAG_QUICK;
}

static inline int timed_done(tl_loop *loop, uint32_t slot, tl_handle *handle)
{
    tl__timed_busy(loop, slot, handle, false);
    if (handle->where == TL_HELD)
        tl_timers_again(tl__store_of(loop, handle), slot,
                        handle->at.deadline_ns);
    if (handle->flags & (TL_FLAG_ACTIVE | TL_FLAG_PAUSED))
        return 0;
    end(loop, slot, handle);
    return 1;
}

int tl__timed_done(tl_loop *loop, tl_id id, tl_handle *handle)
{
    return timed_done(loop, id.slot, handle);
}

/* If the callback waited, look at the descriptor again. */
int tl__descriptor_done(tl_loop *loop, tl_id id, tl_handle *handle)
{
    if (handle->flags & TL_FLAG_BUSY)
        tl__post(loop, id, handle);
    handle->flags &= (uint8_t)~TL_FLAG_BUSY;
    return 0;
}

int tl_handle_done(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_handle *handle = tl_handles_find(&loop->handles, slot, generation);
    if (!is_script(handle))
        return 0;
    if (!tl__has_descriptor(&loop->handles,
                            handle)) /* as their rows say: loop.c checks it */
        return timed_done(loop, slot, handle);
    return tl__kind_of(loop, handle)
        ->done(loop, (tl_id){slot, generation}, handle);
}

bool tl__handle_quit(tl_loop *loop, uint32_t slot, tl_handle *handle)
{
    bool waited = handle->flags & (TL_FLAG_ACTIVE | TL_FLAG_PAUSED);
    tl__leave_queue(loop, slot, handle);
    handle->flags &= (uint8_t)~TL_FLAG_PAUSED;
    loop->cancelled +=
        waited && tl__group_of(&loop->handles, handle) == TL_GROUP_TIMERS;
    return waited;
}

int tl__handle_cancel(tl_loop *loop, tl_id id, tl_handle *handle)
{
    bool waited = tl__handle_quit(loop, id.slot, handle);
    if (handle->flags & TL_FLAG_BUSY)
        return waited ? TL_CANCELLED : 0;
    tl_handles_close(&loop->handles, id.slot);
    return waited ? TL_CANCELLED | TL_ENDED : TL_ENDED;
}

void tl__handle_ref(tl_loop *loop, tl_handle *handle, bool on)
{
    bool referenced = !(handle->flags & TL_FLAG_UNREF);
    if (referenced == on)
        return;
    handle->flags ^= TL_FLAG_UNREF;
    if (handle->flags & TL_FLAG_ACTIVE)
        loop->active += on ? 1 : (size_t)-1;
    tl__wakeup_count(loop);
}

static void repetition_info(const tl_handle *handle, tl_handle_info *info)
{
    const tl_repetition *r = handle->repetition;
    if (r->recurrence == &tl_periodic)
        info->period = tl__seconds(r->by.interval_ns);
    info->missed = (double)r->missed;
    info->missed_total = (double)r->missed_total;
    info->runs = (double)r->runs;
    if (handle->flags & TL_FLAG_BUSY)
        info->due = tl__seconds(r->due_ns);
}

int tl_handle_info_get(tl_loop *loop, uint32_t slot, uint32_t generation,
                       tl_handle_info *info)
{
    const tl_handle *handle = tl_handles_find(&loop->handles, slot, generation);
    if (handle == NULL)
        return -ESTALE;
    *info = (tl_handle_info){
        .late = (double)handle->late_s,
        .kind = handle->kind,
        .clock = handle->flags & TL_CLOCK_MASK,
        .fd = -1,
        .active = !!(handle->flags & TL_FLAG_ACTIVE),
        .running = !!(handle->flags & TL_FLAG_BUSY),
        .paused = !!(handle->flags & TL_FLAG_PAUSED),
        .referenced = !(handle->flags & TL_FLAG_UNREF),
    };
    if (tl__has_descriptor(&loop->handles, handle)) {
        info->fd = handle->at.watch.fd;
        return 0;
    }
    info->due = tl__seconds(handle->at.deadline_ns);
    if (handle->flags & TL_FLAG_REPEATED)
        repetition_info(handle, info);
    else
        info->runs = handle->flags & TL_FLAG_BUSY ? 1 : 0;
    return 0;
}

uint32_t tl_handle_walk(tl_loop *loop, uint32_t *slot)
{
    tl__cancels_settle(loop);
    *slot = tl_handles_walk(&loop->handles, *slot);
    return *slot ? tl_handles_generation(&loop->handles, *slot) : 0;
}
