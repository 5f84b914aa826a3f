/* BSD's kqueue on Linux: see kqueue.h. This file has the queue, its knotes and
   changes; taking.c collects the events, and the filters are in ready.c,
   vnode.c and carriers.c. */
#include "sys/kqueue/kqueue.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    FIRST_BUCKETS = 16,
    KEPT = TL_KQ_ONESHOT | TL_KQ_CLEAR | TL_KQ_DISPATCH
};

static const tl_knote_filter *filter_of(int number)
{
    switch (number) {
    case TL_KQ_READ:
        return &tl__kqueue_read;
    case TL_KQ_WRITE:
        return &tl__kqueue_write;
    case TL_KQ_VNODE:
        return &tl__kqueue_vnode;
    case TL_KQ_PROC:
        return &tl__kqueue_process;
    case TL_KQ_SIGNAL:
        return &tl__kqueue_signal;
    case TL_KQ_TIMER:
        return &tl__kqueue_timer;
    default:
        return NULL;
    }
}

/* --- the table of knotes ------------------------------------------------ */

static tl_knote **bucket_of(const tl_kqueue *queue, int64_t ident, int filter)
{
    uint64_t key = ((uint64_t)ident << 4) ^ (uint64_t)-filter;
    key *= UINT64_C(0x9E3779B97F4A7C15); /* 2^64 / golden ratio, Knuth 6.4 */
    return &queue->buckets[(key >> 32) & (queue->bucket_count - 1)];
}

tl_knote *tl__kqueue_find(const tl_kqueue *queue, int64_t ident, int filter)
{
    tl_knote *knote = *bucket_of(queue, ident, filter);
    while (knote != NULL && (knote->ident != ident || knote->filter != filter))
        knote = knote->next;
    return knote;
}

static void insert(tl_kqueue *queue, tl_knote *knote)
{
    tl_knote **bucket = bucket_of(queue, knote->ident, knote->filter);
    knote->next = *bucket;
    *bucket = knote;
}

static int grow(tl_kqueue *queue)
{
    if (queue->count < queue->bucket_count)
        return 0;
    uint32_t old_count = queue->bucket_count;
    tl_knote **old = queue->buckets;
    tl_knote **buckets = calloc((size_t)old_count * 2, sizeof(tl_knote *));
    if (buckets == NULL)
        return -ENOMEM;
    queue->buckets = buckets;
    queue->bucket_count = old_count * 2;
    for (uint32_t i = 0; i < old_count; i++) {
        for (tl_knote *knote = old[i], *next; knote != NULL; knote = next) {
            next = knote->next;
            insert(queue, knote);
        }
    }
    free(old);
    return 0;
}

static void dispose(tl_kqueue *queue, tl_knote *knote)
{
    tl__kqueue_deactivate(queue, knote);
    knote->does->detach(queue, knote);
}

void tl__kqueue_end(tl_kqueue *queue, tl_knote *knote)
{
    tl_knote **place = bucket_of(queue, knote->ident, knote->filter);
    while (*place != knote)
        place = &(*place)->next;
    *place = knote->next;
    queue->count--;
    dispose(queue, knote);
    knote->next = queue->ended;
    queue->ended = knote;
}

int tl_kqueue_ended(tl_kqueue *queue, tl_kevent *event)
{
    tl_knote *knote = queue->ended;
    if (knote == NULL)
        return 0;
    *event =
        (tl_kevent){.ident = (double)knote->ident, .filter = knote->filter};
    queue->ended = knote->next;
    free(knote);
    return 1;
}

/* --- the active --------------------------------------------------------- */

int tl__kqueue_ring(tl_kqueue *queue, bool on)
{
    uint64_t count = 1;
    if (on == queue->ringing)
        return 0;
    if (queue->bell < 0) {
        int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (fd < 0)
            return -errno;
        int error = tl__kqueue_join(queue, fd, &queue->bell);
        if (error) {
            (void)close(fd);
            return error;
        }
        queue->bell = fd;
    }
    /* cannot fail: its count goes from 0 to 1 and back */
    ssize_t done = on ? write(queue->bell, &count, sizeof count)
                      : read(queue->bell, &count, sizeof count);
    (void)done;
    queue->ringing = on;
    return 0;
}

static void append(tl_kqueue *queue, tl_knote *knote)
{
    knote->before = queue->last;
    knote->after = NULL;
    *(queue->last ? &queue->last->after : &queue->first) = knote;
    queue->last = knote;
}

static void unlink_active(tl_kqueue *queue, tl_knote *knote)
{
    *(knote->before ? &knote->before->after : &queue->first) = knote->after;
    *(knote->after ? &knote->after->before : &queue->last) = knote->before;
}

int tl__kqueue_activate(tl_kqueue *queue, tl_knote *knote)
{
    int error = tl__kqueue_ring(queue, true);
    if (error || knote->active)
        return error;
    append(queue, knote);
    knote->active = true;
    return 0;
}

void tl__kqueue_put_last(tl_kqueue *queue, tl_knote *knote)
{
    unlink_active(queue, knote);
    append(queue, knote);
}

void tl__kqueue_deactivate(tl_kqueue *queue, tl_knote *knote)
{
    if (knote->active)
        unlink_active(queue, knote);
    knote->active = false;
}

/* --- life --------------------------------------------------------------- */

int tl__kqueue_join(tl_kqueue *queue, int fd, void *what)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};
    return epoll_ctl(queue->fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

void tl__kqueue_leave(tl_kqueue *queue, int fd)
{
    struct epoll_event unused = {0};
    if (!queue->closing)
        (void)epoll_ctl(queue->fd, EPOLL_CTL_DEL, fd, &unused);
}

tl_kqueue *tl_kqueue_open(int32_t *error)
{
    tl_kqueue *queue = calloc(1, sizeof *queue);
    *error = -ENOMEM;
    if (queue == NULL)
        return NULL;
    queue->sets[0] = queue->sets[1] = queue->bell = queue->inotify = -1;
    queue->bucket_count = FIRST_BUCKETS;
    queue->buckets = calloc(FIRST_BUCKETS, sizeof(tl_knote *));
    if (queue->buckets == NULL)
        goto fail;
    queue->fd = epoll_create1(EPOLL_CLOEXEC);
    if (queue->fd < 0) {
        *error = -errno;
        goto fail;
    }
    *error = 0;
    return queue;
fail:
    free(queue->buckets);
    free(queue);
    return NULL;
}

void tl_kqueue_close(tl_kqueue *queue)
{
    queue->closing = true;
    for (uint32_t i = 0; i < queue->bucket_count; i++) {
        for (tl_knote *knote = queue->buckets[i], *next; knote != NULL;
             knote = next) {
            next = knote->next;
            dispose(queue, knote);
            free(knote);
        }
    }
    for (tl_kevent unused; tl_kqueue_ended(queue, &unused);)
        continue;
    const int fds[] = {queue->sets[0], queue->sets[1], queue->bell,
                       queue->inotify, queue->fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (fds[i] >= 0)
            (void)close(fds[i]);
    }
    free(queue->buckets);
    free(queue);
}

int tl_kqueue_fd(const tl_kqueue *queue)
{
    return queue->fd;
}

/* --- changes ------------------------------------------------------------ */

int tl__kqueue_enable(tl_kqueue *queue, tl_knote *knote, bool on)
{
    knote->disabled = !on;
    int error = knote->does->enable(queue, knote, on);
    /* the active are due for a look */
    return error == 0 && on && knote->active ? tl__kqueue_ring(queue, true)
                                             : error;
}

static void set(tl_knote *knote, const tl_kevent *change)
{
    knote->fflags = change->fflags;
    knote->data = (int64_t)change->data;
    knote->flags = change->flags & KEPT;
}

static int begin(tl_kqueue *queue, const tl_knote_filter *does,
                 const tl_kevent *change, const struct stat *status)
{
    int error = grow(queue);
    tl_knote *knote = error ? NULL : calloc(1, sizeof *knote);
    if (knote == NULL)
        return -ENOMEM;
    knote->does = does;
    knote->ident = (int64_t)change->ident;
    knote->filter = change->filter;
    knote->carrier = knote->watch = -1;
    knote->was = *status;
    set(knote, change);
    error = does->attach(queue, knote);
    if (error == 0)
        error =
            tl__kqueue_enable(queue, knote, !(change->flags & TL_KQ_DISABLE));
    if (error) {
        dispose(queue, knote);
        free(knote);
        return error;
    }
    insert(queue, knote);
    queue->count++;
    return 0;
}

static int add_again(tl_kqueue *queue, tl_knote *knote, const tl_kevent *change)
{
    set(knote, change);
    int error = knote->does->modify(queue, knote);
    if (error == 0)
        error =
            tl__kqueue_enable(queue, knote, !(change->flags & TL_KQ_DISABLE));
    if (error)
        tl__kqueue_end(queue, knote);
    return error;
}

static bool is_same(const tl_knote *knote, const struct stat *now)
{
    return knote->was.st_dev == now->st_dev && knote->was.st_ino == now->st_ino;
}

bool tl__kqueue_is_open(const tl_knote *knote, struct stat *now)
{
    return fstat((int)knote->ident, now) == 0 && is_same(knote, now);
}

static int change_existing(tl_kqueue *queue, tl_knote *knote,
                           const tl_kevent *change)
{
    if (change->flags & TL_KQ_DELETE) {
        tl__kqueue_end(queue, knote);
        return 0;
    }
    if (!(change->flags & (TL_KQ_ENABLE | TL_KQ_DISABLE)))
        return 0;
    int error =
        tl__kqueue_enable(queue, knote, !(change->flags & TL_KQ_DISABLE));
    if (error)
        tl__kqueue_end(queue, knote);
    return error;
}

/* BSD has forgotten it. */
static int closed(tl_kqueue *queue, const tl_kevent *change, int error)
{
    tl_knote *knote =
        tl__kqueue_find(queue, (int64_t)change->ident, change->filter);
    if (knote != NULL)
        tl__kqueue_end(queue, knote);
    return error;
}

int tl_kqueue_change(tl_kqueue *queue, const tl_kevent *change)
{
    const tl_knote_filter *does = filter_of(change->filter);
    struct stat status = {0};
    if (does == NULL)
        return change->filter >= 0 || change->filter < TL_KQ_LAST ? -EINVAL
                                                                  : -ENOTSUP;
    if (does->by_descriptor) {
        if (!(change->ident >= 0 && change->ident <= INT_MAX))
            return -EBADF;
        if (fstat((int)change->ident, &status) != 0)
            return closed(queue, change, -errno);
        if ((int)change->ident == queue->fd)
            return -EINVAL;
    }
    tl_knote *knote =
        tl__kqueue_find(queue, (int64_t)change->ident, change->filter);
    if (knote != NULL && does->by_descriptor && !is_same(knote, &status)) {
        tl__kqueue_end(queue, knote);
        knote = NULL;
    }
    if (!(change->flags & TL_KQ_ADD))
        return knote == NULL ? -ENOENT : change_existing(queue, knote, change);
    if (change->fflags & ~does->fflags)
        return -ENOTSUP;
    int error = does->check ? does->check(change->fflags, change->data) : 0;
    if (error)
        return error;
    error = knote == NULL ? begin(queue, does, change, &status)
                          : add_again(queue, knote, change);
    if (error == 0 && change->flags & TL_KQ_DELETE)
        tl__kqueue_end(queue, tl__kqueue_find(queue, (int64_t)change->ident,
                                              change->filter));
    return error;
}

/* --- waiting ------------------------------------------------------------ */

int tl_kqueue_block(const tl_kqueue *queue, int64_t *timeout_ns)
{
    tl_poll_fd own = {.fd = queue->fd, .events = POLLIN};
    return tl_poll_wait(&own, 1, timeout_ns);
}
