/* The loop: see loop.h. */
#include "loop/loop.h"

#include <errno.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "loop/agenda.h"
#include "loop/cancels.h"
#include "loop/descriptor.h"
#include "loop/handle_ops.h"
#include "loop/jumps.h"
#include "loop/kinds.h"
#include "loop/wakeup.h"
#include "loop/signals.h"
#include "loop/timer.h"

/* Pages of handles given back before the C heap is trimmed: 8 MiB. */
enum { TRIM_PAGES = 256 };

/* --- life --------------------------------------------------------------- */

/* The handles of each kind are counted in its group. Kinds without a descriptor
   must end as timers do, since handle_ops.c does not ask their rows. */
static void init_handles(tl_loop *loop)
{
    uint8_t groups[TL_KINDS_MOST] = {0};
    for (int number = 0; number < TL_KINDS_MOST; number++) {
        const tl_kind *kind = loop->kinds[number];
        if (kind == NULL)
            continue;
        TL_CHECK(
            kind->group == TL_GROUP_DESCRIPTORS ||
                (kind->drop == tl__handle_end && kind->done == tl__timed_done),
            "a kind without a descriptor that ends in a way of its own");
        groups[number] = kind->group;
    }
    tl_handles_init(&loop->handles, groups);
}

tl_loop *tl_loop_open_on(const tl_kind *const *kinds, const tl_poller *poller)
{
    tl_loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL)
        return NULL;
    memcpy(loop->kinds, kinds, sizeof loop->kinds);
    loop->poller = *poller;
    tl__signals_init(loop);
    tl_clock_init(&loop->clock);
    init_handles(loop);
    for (int c = 0; c < TL_CLOCKS; c++) {
        tl_timers_init(&loop->timers[c], &loop->handles, c);
        tl_wheel_advance(&loop->timers[c].wheel,
                         tl_clock_read(&loop->clock, c));
    }
    loop->slack_ns = TL_DEFAULT_SLACK_NS;
    tl__reset_jumps(loop);
    return loop;
}

tl_loop *tl_loop_open(const tl_kind *const *kinds)
{
    tl_poller poller;
    int error = tl_poller_open_epoll(&poller);
    tl_loop *loop = error ? NULL : tl_loop_open_on(kinds, &poller);
    if (loop == NULL) {
        if (error == 0)
            tl_poller_close(&poller);
        errno = error ? -error : ENOMEM;
    }
    return loop;
}

void tl_loop_drop(tl_loop *loop)
{
    tl__cancels_settle(loop);
    for (uint32_t slot = 0;
         (slot = tl_handles_walk(&loop->handles, slot + 1)) != 0;) {
        tl_handle *handle = tl_handles_at(&loop->handles, slot);
        tl_id id = {slot, tl_handles_generation(&loop->handles, slot)};
        tl__kind_of(loop, handle)->drop(loop, id, handle);
    }
}

void tl_loop_close(tl_loop *loop)
{
    tl__cancels_settle(loop);
    for (int kind = 0; kind < TL_KINDS_MOST; kind++)
        if (loop->kinds[kind] != NULL)
            loop->kinds[kind]->finish(loop);
    for (uint32_t slot = 0;
         (slot = tl_handles_walk(&loop->handles, slot + 1)) != 0;) {
        tl_handle *handle = tl_handles_at(&loop->handles, slot);
        tl__kind_of(loop, handle)->dispose(loop, handle);
        tl_handles_close(&loop->handles, slot);
    }
    for (int kind = 0; kind < TL_KINDS_MOST; kind++)
        if (loop->kinds[kind] != NULL && loop->kinds[kind]->close != NULL)
            loop->kinds[kind]->close(loop);
    tl__agendas_free(loop);
    free(loop->takers);
    for (int c = 0; c < TL_CLOCKS; c++)
        tl_timers_free(&loop->timers[c]);
    tl_handles_free(&loop->handles);
    tl__signals_close(loop);
    tl_poller_close(&loop->poller);
    free(loop);
}

tl_shared *tl_loop_shared(tl_loop *loop)
{
    return &loop->shared;
}

/* --- waking ------------------------------------------------------------- */

void tl_loop_wake(tl_loop *loop, int reason)
{
    if (reason)
        atomic_store(&loop->wake_reason, reason);
    atomic_store(&loop->woken, true);
    tl_poller_wake(&loop->poller);
}

int tl_loop_take_reason(tl_loop *loop)
{
    return atomic_exchange(&loop->wake_reason, 0);
}

/* --- turns -------------------------------------------------------------- */

static void add_event(tl_loop *loop, tl_id id, int ready)
{
    TL_CHECK(loop->batch_count < TL_BATCH_MOST, "more events than a batch has");
    loop->batch[loop->batch_count++] = (tl_event){id, ready};
}

static void collect_due(tl_loop *loop)
{
    uint32_t slots[TL_BATCH_TIMERS];
    size_t found = 0;
    for (uint64_t i = 0; i < TL_CLOCKS && found < TL_BATCH_TIMERS; i++) {
        /* each turn begins with another clock, so that no clock starves
           another */
        int c = (int)((loop->turns + i) % TL_CLOCKS);
        tl_timers *timers = &loop->timers[c];
        if (timers->queued == 0)
            continue;
        found += tl_timers_expire(timers, tl_clock_read(&loop->clock, c),
                                  slots + found, TL_BATCH_TIMERS - found);
    }
    for (size_t i = 0; i < found; i++) {
        const tl_handle *handle = tl_handles_at(&loop->handles, slots[i]);
        if (handle->flags & TL_FLAG_REPEATED) /* read when the turn begins */
            __builtin_prefetch(handle->repetition);
        tl_id id = {slots[i], tl_handles_generation(&loop->handles, slots[i])};
        add_event(loop, id, 0);
    }
}

/* A descriptor was closed without our knowledge, but a duplicate keeps it in
   the epoll set, where it can be neither named nor silenced: begin a new set
   with the descriptors that are open. The handle of a closed descriptor is
   informed. */
static int renew_poller(tl_loop *loop)
{
    int error = tl_poller_renew(&loop->poller);
    for (uint32_t slot = 0;
         error == 0 &&
         (slot = tl_handles_walk(&loop->handles, slot + 1)) != 0;) {
        tl_handle *handle = tl_handles_at(&loop->handles, slot);
        if (!tl__has_descriptor(&loop->handles, handle) ||
            !(handle->where & TL_IN_POLLER))
            continue;
        tl_id id = {slot, tl_handles_generation(&loop->handles, slot)};
        tl__descriptor_forget(loop, id, handle);
        tl__kind_of(loop, handle)->renew(loop, id, handle);
    }
    return error;
}

/* Handles to be looked at again without news from the kernel. */
static void collect_posted(tl_loop *loop)
{
    tl_agenda *posted = &loop->posted;
    size_t most = posted->count < TL_BATCH_POSTED ? posted->count
                                                  : (size_t)TL_BATCH_POSTED;
    for (size_t i = 0; i < most; i++) {
        tl_id id = posted->ids[i];
        tl_handle *handle =
            tl_handles_find(&loop->handles, id.slot, id.generation);
        if (handle == NULL)
            continue;
        handle->where &= (uint16_t)~TL_POSTED;
        int ready;
        if (tl__kind_of(loop, handle)->posted(loop, id, handle, &ready))
            add_event(loop, id, ready);
    }
    posted->count -= most;
    memmove(posted->ids, posted->ids + most,
            posted->count * sizeof *posted->ids);
}

static int collect_ready(tl_loop *loop, bool block)
{
    tl_ready ready[TL_POLL_MOST];
    bool orphaned = false;
    loop->signalled = false;
    int count = tl_poller_wait(&loop->poller, block, ready);
    if (block)
        tl_clock_woke(&loop->clock);
    for (int i = 0; i < count; i++) {
        tl_id id = ready[i].id;
        if (tl_handles_find(&loop->handles, id.slot, id.generation) != NULL)
            add_event(loop, id, ready[i].ready);
        else
            orphaned = true;
    }
    if (tl_poller_take_step(&loop->poller))
        tl__note_jump(loop);
    if (orphaned)
        return renew_poller(loop);
    return count < 0 ? count : 0;
}

/* Virtual time: go to the next deadline of any clock. False if there is no
   deadline. */
static bool jump(tl_loop *loop)
{
    int64_t left_ns;
    if (!tl__time_left(loop, &left_ns))
        return false;
    if (left_ns > 0)
        tl_clock_go(&loop->clock, left_ns);
    return true;
}

static int collect_virtual(tl_loop *loop, bool woken)
{
    if (loop->watches > 0 || woken) {
        int error = collect_ready(loop, false);
        /* posted: a new poller has to be entered before time goes on */
        if (error || loop->batch_count > 0 || loop->posted.count > 0 || woken)
            return error;
    }
    if (!jump(loop))
        return collect_ready(loop, true);
    collect_due(loop);
    return 0;
}

/* Wait until something is ready, and take it. An earlier wake-up is taken from
   the poller without waiting. */
static int collect_waiting(tl_loop *loop)
{
    bool woken = atomic_exchange(&loop->woken, false);
    int error = 0;
    if (loop->clock.is_virtual) {
        error = collect_virtual(loop, woken);
    } else {
        error = woken ? 0 : tl__set_deadlines(loop);
        if (error == 0)
            error = collect_ready(loop, !woken);
        if (error == 0)
            collect_due(loop);
    }
    atomic_store(&loop->woken, false);
    return error;
}

int tl_loop_look(tl_loop *loop)
{
    TL_CHECK(loop->batch_next >= loop->batch_count,
             "looking before the batch is used up");
    loop->batch_count = loop->batch_next = 0;
    if (tl_poller_forked(&loop->poller))
        return -ECHILD;
    tl__cancels_settle(loop);
    loop->turns++;
    atomic_store(&loop->woken, false);
    tl_clock_woke(&loop->clock); /* the host has waited */
    /* first, since it reports the timerfds that have fired */
    int error = collect_ready(loop, false);
    collect_due(loop);
    if (loop->posted.count > 0)
        collect_posted(loop);
    if (error == 0 && loop->clock.is_virtual && loop->batch_count == 0 &&
        loop->active > 0 && jump(loop))
        collect_due(loop);
    if (error != 0)
        return error;
    return loop->active == 0 && loop->batch_count == 0 ? TL_NOTHING_LEFT
                                                       : TL_COLLECTED;
}

/* After a program shrank, give the C heap's free memory back to the system
   too. */
static void trim(tl_loop *loop)
{
    if (loop->handles.given_back - loop->pages_trimmed < TRIM_PAGES)
        return;
    loop->pages_trimmed = loop->handles.given_back;
#ifdef __GLIBC__ /* others give it back by themselves */
    (void)malloc_trim(0);
#endif
}

int tl_loop_collect(tl_loop *loop)
{
    TL_CHECK(loop->batch_next >= loop->batch_count,
             "collecting before the batch is used up");
    loop->batch_count = loop->batch_next = 0;
    if (tl_poller_forked(&loop->poller))
        return -ECHILD;
    tl__cancels_settle(loop);
    loop->turns++;
    if (loop->active == 0 && loop->posted.count == 0)
        return TL_NOTHING_LEFT;
    collect_due(loop);
    if (loop->posted.count > 0)
        collect_posted(loop);
    if (loop->batch_count > 0)
        return loop->watches ? collect_ready(loop, false) : 0;
    if (loop->active == 0) /* the posted handles have ended: nothing to wait
                              for */
        return TL_COLLECTED;
    trim(loop);
    return collect_waiting(loop);
}

tl_handle *tl_loop_begin(tl_loop *loop, tl_event *event)
{
    while (loop->batch_next < loop->batch_count) {
        *event = loop->batch[loop->batch_next++];
        tl_handle *handle = tl_handles_find(&loop->handles, event->id.slot,
                                            event->id.generation);
        if (handle == NULL)
            continue;
        if (tl__has_descriptor(&loop->handles, handle))
            return handle;
        if (handle->where == TL_IN_BATCH &&
            tl__timer_begin(loop, event->id.slot, handle))
            return handle;
    }
    return NULL;
}

void tl_loop_check(tl_loop *loop)
{
    tl__cancels_settle(loop);
    tl_handles_check(&loop->handles);
    for (int c = 0; c < TL_CLOCKS; c++)
        tl_timers_check(&loop->timers[c]);
    size_t active = loop->held;
    for (uint32_t slot = 0;
         (slot = tl_handles_walk(&loop->handles, slot + 1)) != 0;) {
        const tl_handle *handle = tl_handles_at(&loop->handles, slot);
        active +=
            handle->flags & TL_FLAG_ACTIVE && !(handle->flags & TL_FLAG_UNREF);
    }
    TL_CHECK(active == loop->active, "active handles are miscounted");
}
