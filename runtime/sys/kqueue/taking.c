/* The events of a kqueue: see kqueue.h. First come the events that inotify
   reports; then the active and the carriers in turns, so that neither starves
   the other when few events are asked for. */
#include <sys/epoll.h>

#include "sys/kqueue/kqueue.h"

enum { BATCH = 256 };

typedef struct list {
    tl_kevent *events;
    int count, most;
} list;

static tl_kevent *place_in(list *taken, const tl_knote *knote)
{
    tl_kevent *event = &taken->events[taken->count];
    *event = (tl_kevent){.ident = (double)knote->ident,
                         .filter = knote->filter,
                         .flags = knote->flags};
    return event;
}

/* Fill in the event from the knote. */
static void report(tl_kqueue *queue, tl_knote *knote, tl_kevent *event,
                   list *taken)
{
    taken->count++;
    knote->round = queue->round;
    if (event->flags & TL_KQ_ONESHOT)
        tl__kqueue_end(queue, knote);
    else if (knote->flags & TL_KQ_DISPATCH)
        (void)tl__kqueue_enable(queue, knote,
                                false); /* cannot fail: it leaves */
}

static void take_active(tl_kqueue *queue, list *taken)
{
    bool any = false;
    tl_knote *last = queue->last;
    for (tl_knote *knote = queue->first, *next; knote != NULL; knote = next) {
        if (taken->count == taken->most)
            return;
        next = knote == last ? NULL : knote->after;
        if (knote->disabled)
            continue;
        if (knote->round == queue->round) {
            any = true;
            continue;
        }
        tl_kevent *event = place_in(taken, knote);
        if (!knote->does->look(queue, knote, 0, event)) {
            if (event->ended)
                tl__kqueue_end(queue, knote);
            continue;
        }
        any = true;
        tl__kqueue_put_last(queue, knote); /* others are first next time */
        report(queue, knote, event, taken);
    }
    if (!any)
        (void)tl__kqueue_ring(queue, false);
}

/* Take what one wait on the set brings. Returns whether the set contains a
   descriptor that belongs to no knote. */
static bool take_set_once(tl_kqueue *queue, int filter, list *taken)
{
    struct epoll_event batch[BATCH];
    int left = taken->most - taken->count;
    int count = epoll_wait(*tl__kqueue_set(queue, filter), batch,
                           left < BATCH ? left : BATCH, 0);
    bool stale = false;
    for (int i = 0; i < count; i++) {
        uint64_t data = batch[i].data.u64;
        tl_knote *knote =
            tl__kqueue_find(queue, (int64_t)(data & UINT32_MAX), filter);
        if (knote == NULL || knote->serial != data >> 32 || !knote->in_set) {
            stale = true;
            continue;
        }
        tl_kevent *event = place_in(taken, knote);
        int told = knote->does->look(queue, knote, batch[i].events, event);
        if (told < 0) {
            tl__kqueue_end(queue, knote);
            stale = true;
        } else if (told > 0) {
            if (knote->fflags & TL_KQ_LOWAT)
                (void)knote->does->enable(queue, knote, true);
            report(queue, knote, event, taken);
        }
    }
    return stale;
}

static void take_set(tl_kqueue *queue, int filter, list *taken)
{
    while (take_set_once(queue, filter, taken)) {
        bool renewed = tl__kqueue_renew_set(queue, filter);
        if (!renewed || taken->count > 0)
            return; /* signals already taken would come a second time */
    }
}

static void take_carriers(tl_kqueue *queue, list *taken)
{
    struct epoll_event batch[BATCH];
    int count = epoll_wait(queue->fd, batch, BATCH, 0);
    /* the kernel begins with the same ones each time */
    int first = count > 0 ? (int)(queue->turn++ % (unsigned)count) : 0;
    for (int i = 0; i < count && taken->count < taken->most; i++) {
        const struct epoll_event *ready = &batch[(first + i) % count];
        void *what = ready->data.ptr;
        if (what == &queue->bell || what == &queue->inotify)
            continue;
        if (what == &queue->sets[0] || what == &queue->sets[1]) {
            take_set(queue, what == &queue->sets[0] ? TL_KQ_READ : TL_KQ_WRITE,
                     taken);
            continue;
        }
        tl_knote *knote = what;
        tl_kevent *event = place_in(taken, knote);
        if (!knote->does->look(queue, knote, ready->events, event))
            continue;
        if (knote->count > 0)
            (void)tl__kqueue_activate(queue, knote);
        report(queue, knote, event, taken);
    }
}

/* Linux does not say when a descriptor is closed, so each take looks at the
   descriptors of one bucket. */
static void sweep(tl_kqueue *queue)
{
    uint32_t at = queue->swept++ & (queue->bucket_count - 1);
    for (tl_knote *knote = queue->buckets[at], *next; knote != NULL;
         knote = next) {
        struct stat now;
        next = knote->next;
        if (knote->does->by_descriptor && !tl__kqueue_is_open(knote, &now))
            tl__kqueue_end(queue, knote);
    }
}

int tl_kqueue_take(tl_kqueue *queue, tl_kevent *events, int most)
{
    list taken = {events, 0, most};
    queue->round++;
    queue->active_first = !queue->active_first;
    sweep(queue);
    tl__kqueue_hear(queue);
    if (queue->active_first)
        take_active(queue, &taken);
    if (taken.count < most)
        take_carriers(queue, &taken);
    if (!queue->active_first && taken.count < most)
        take_active(queue, &taken);
    return taken.count;
}
