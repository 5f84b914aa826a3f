/* Handles with a descriptor: see descriptor.h. */
#include "loop/descriptor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loop/agenda.h"
#include "loop/kinds.h"
#include "loop/wakeup.h"

static void leave(tl_loop *loop, tl_handle *handle)
{
    handle->where &= (uint16_t)~TL_IN_POLLER;
    handle->at.watch.interest = 0;
    loop->watches--;
}

/* The handle in this slot if it has the descriptor in the poller. */
static tl_handle *holder(const tl_loop *loop, uint32_t slot, int fd)
{
    tl_handle *handle = tl_handles_at(&loop->handles, slot);
    bool holds = tl__has_descriptor(&loop->handles, handle) &&
                 handle->where & TL_IN_POLLER && handle->at.watch.fd == fd;
    return holds ? handle : NULL;
}

/* The number was closed while the handle in this slot had it, and now belongs
   to another handle: the former learns on the next turn that its descriptor is
   gone. */
static void bereave(tl_loop *loop, uint32_t slot, int fd)
{
    tl_handle *handle = holder(loop, slot, fd);
    if (handle == NULL || tl__kind_of(loop, handle)->owns_descriptor)
        return;
    leave(loop, handle);
    tl_id id = {slot, tl_handles_generation(&loop->handles, slot)};
    tl__post(loop, id, handle);
}

static int add(tl_loop *loop, int fd, int interest, tl_id id)
{
    uint32_t before = tl_poller_owner(&loop->poller, fd);
    int error = tl_poller_add(&loop->poller, fd, interest, id);
    if (error == 0 && before != 0)
        bereave(loop, before, fd);
    return error;
}

int tl__descriptor_interest(tl_loop *loop, tl_id id, tl_handle *handle,
                            int interest)
{
    bool in = handle->where & TL_IN_POLLER;
    int fd = handle->at.watch.fd;
    if ((int)handle->at.watch.interest == interest)
        return 0;
    if (interest == 0) {
        tl_poller_remove(&loop->poller, fd, id);
        leave(loop, handle);
        return 0;
    }
    int error = in ? tl_poller_change(&loop->poller, fd, interest, id)
                   : add(loop, fd, interest, id);
    if (error) {
        if (in) {
            tl_poller_remove(&loop->poller, fd, id);
            leave(loop, handle);
        }
        return error;
    }
    loop->watches += !in;
    handle->where |= TL_IN_POLLER;
    handle->at.watch.interest = (uint32_t)interest;
    return 0;
}

bool tl__descriptor_vacate(tl_loop *loop, int fd)
{
    uint32_t slot = tl_poller_owner(&loop->poller, fd);
    tl_handle *handle = slot != 0 ? holder(loop, slot, fd) : NULL;
    if (handle == NULL)
        return false;
    tl_id id = {slot, tl_handles_generation(&loop->handles, slot)};
    return tl__kind_of(loop, handle)->give_way(loop, id, handle);
}

void tl__descriptor_forget(tl_loop *loop, tl_id id, tl_handle *handle)
{
    if (!(handle->where & TL_IN_POLLER))
        return;
    tl_poller_forget(&loop->poller, handle->at.watch.fd, id);
    leave(loop, handle);
}

int tl__descriptor_take(tl_loop *loop, int fd, uint32_t slot)
{
    if (fd < 0)
        return 0;
    if ((uint32_t)fd >= loop->taker_count) {
        uint32_t count = 2 * ((uint32_t)fd + 1);
        uint32_t *takers = realloc(loop->takers, count * sizeof *takers);
        if (takers == NULL)
            return -ENOMEM;
        memset(takers + loop->taker_count, 0,
               (count - loop->taker_count) * sizeof *takers);
        loop->takers = takers;
        loop->taker_count = count;
    }
    loop->takers[fd] = slot;
    return 0;
}

/* The handle that took the descriptor last, if it still has it. */
static const tl_handle *taker(const tl_loop *loop, int fd)
{
    if (fd < 0 || (uint32_t)fd >= loop->taker_count)
        return NULL;
    const tl_handle *handle = tl_handles_peek(&loop->handles, loop->takers[fd]);
    bool has = handle != NULL && tl__has_descriptor(&loop->handles, handle) &&
               handle->at.watch.fd == fd;
    return has ? handle : NULL;
}

int tl_descriptor_taken(tl_loop *loop, int fd)
{
    const tl_handle *handle = taker(loop, fd);
    return handle != NULL && tl__kind_of(loop, handle)->owns_descriptor;
}

static bool is_watch_of_others(const tl_handle *handle)
{
    return handle != NULL && handle->kind == TL_WATCH &&
           (handle->flags & TL_FLAG_HOST || handle->wanted & TL_OURS);
}

/* A watch that is not the script's: one that took the descriptor, which may
   rest, or another in the poller. */
static bool is_watched_by_others(const tl_loop *loop, int fd)
{
    uint32_t slot = tl_poller_owner(&loop->poller, fd);
    return is_watch_of_others(taker(loop, fd)) ||
           (slot != 0 && is_watch_of_others(holder(loop, slot, fd)));
}

int tl_descriptor_kept(tl_loop *loop, int fd)
{
    return fd >= 0 &&
           (tl_poller_keeps(&loop->poller, fd) || fd == loop->signals.fd ||
            tl_descriptor_taken(loop, fd) || is_watched_by_others(loop, fd));
}
