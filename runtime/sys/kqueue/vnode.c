/* VNODE of a kqueue: see kqueue.h. inotify(7) watches the inode behind a
   descriptor, and fstat(2) settles what inotify leaves open: inotify reports an
   unlink and a link both as a change of attributes, and growth as a change like
   any other. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "sys/kqueue/kqueue.h"

enum {
    OF_ITSELF = IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF,
    OF_ENTRIES = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO
};

static tl_knote **watchers(tl_kqueue *queue, int watch)
{
    return &queue->watches[(unsigned)watch % TL_KQUEUE_WATCH_BUCKETS];
}

static int open_inotify(tl_kqueue *queue)
{
    if (queue->inotify >= 0)
        return 0;
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0)
        return -errno;
    int error = tl__kqueue_join(queue, fd, &queue->inotify);
    if (error)
        (void)close(fd);
    else
        queue->inotify = fd;
    return error;
}

int tl__kqueue_watch(tl_kqueue *queue, tl_knote *knote)
{
    char path[32];
    int error = open_inotify(queue);
    if (error)
        return error;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", (int)knote->ident);
    uint32_t mask =
        OF_ITSELF |
        (uint32_t)(S_ISDIR(knote->was.st_mode) ? OF_ENTRIES : IN_MODIFY);
    int watch = inotify_add_watch(queue->inotify, path, mask);
    if (watch < 0)
        return -errno;
    knote->watch = watch;
    tl_knote **list = watchers(queue, watch);
    knote->beside = *list;
    *list = knote;
    return 0;
}

void tl__kqueue_unwatch(tl_kqueue *queue, tl_knote *knote)
{
    if (knote->watch < 0)
        return;
    int watch = knote->watch;
    bool others = false;
    tl_knote **place = watchers(queue, watch);
    while (*place != NULL) {
        if (*place == knote) {
            *place = knote->beside;
            continue;
        }
        others = others || (*place)->watch == watch;
        place = &(*place)->beside;
    }
    knote->watch = -1;
    if (!others && !queue->closing)
        (void)inotify_rm_watch(queue->inotify, watch);
}

/* --- what happened ------------------------------------------------------ */

static bool has_changed(const struct stat *was, const struct stat *now)
{
    return was->st_mode != now->st_mode || was->st_uid != now->st_uid ||
           was->st_gid != now->st_gid || was->st_nlink != now->st_nlink ||
           memcmp(&was->st_mtim, &now->st_mtim, sizeof now->st_mtim) != 0;
}

/* IN_ATTRIB reports changes of links as well as of attributes. */
static uint32_t of_attributes(const struct stat *was, const struct stat *now)
{
    if (now->st_nlink < was->st_nlink)
        return TL_KQ_NOTE_DELETE | TL_KQ_NOTE_LINK;
    return now->st_nlink > was->st_nlink ? TL_KQ_NOTE_LINK : TL_KQ_NOTE_ATTRIB;
}

static uint32_t of_size(const struct stat *was, const struct stat *now)
{
    return now->st_size > was->st_size ? TL_KQ_NOTE_WRITE | TL_KQ_NOTE_EXTEND
                                       : TL_KQ_NOTE_WRITE;
}

static uint32_t of_entry(uint32_t mask, const struct stat *was,
                         const struct stat *now)
{
    uint32_t notes = TL_KQ_NOTE_WRITE;
    if (mask & (IN_MOVED_FROM | IN_MOVED_TO))
        notes |= TL_KQ_NOTE_EXTEND;
    if (now->st_nlink != was->st_nlink)
        notes |= TL_KQ_NOTE_LINK;
    return notes;
}

static uint32_t notes_of(const struct inotify_event *event,
                         const struct stat *was, const struct stat *now)
{
    uint32_t mask = event->mask, notes = 0;
    if (mask & OF_ENTRIES)
        notes |= of_entry(mask, was, now);
    if (mask & IN_ATTRIB && event->len == 0)
        notes |= of_attributes(was, now);
    if (mask & IN_MODIFY)
        notes |= of_size(was, now);
    if (mask & IN_MOVE_SELF)
        notes |= TL_KQ_NOTE_RENAME;
    if (mask & IN_UNMOUNT)
        notes |= TL_KQ_NOTE_REVOKE;
    if (mask & IN_Q_OVERFLOW && has_changed(was, now))
        notes |= of_size(was, now) | of_attributes(was, now);
    return notes;
}

/* When a file loses its last name, it loses its watches, even while it is
   open. */
static void watch_again(tl_kqueue *queue, tl_knote *knote)
{
    tl__kqueue_unwatch(queue, knote);
    (void)tl__kqueue_watch(queue, knote);
}

static void hear_one(tl_kqueue *queue, tl_knote *knote,
                     const struct inotify_event *event)
{
    struct stat now;
    if (!tl__kqueue_is_open(knote, &now)) {
        tl__kqueue_end(queue, knote); /* BSD's ends with the descriptor */
        return;
    }
    if (event->mask & IN_IGNORED)
        watch_again(queue, knote);
    if (knote->filter != TL_KQ_VNODE)
        return; /* a reader of a file, which is looked at anyway */
    knote->seen |= notes_of(event, &knote->was, &now);
    knote->was = now;
    if (knote->seen & knote->fflags)
        (void)tl__kqueue_activate(queue, knote);
}

static void hear_in(tl_kqueue *queue, tl_knote *list,
                    const struct inotify_event *event)
{
    for (tl_knote *knote = list, *next; knote != NULL; knote = next) {
        next = knote->beside;
        if (event->mask & IN_Q_OVERFLOW || knote->watch == event->wd)
            hear_one(queue, knote, event);
    }
}

static void hear_event(tl_kqueue *queue, const struct inotify_event *event)
{
    if (!(event->mask & IN_Q_OVERFLOW)) {
        hear_in(queue, *watchers(queue, event->wd), event);
        return;
    }
    for (size_t i = 0; i < TL_KQUEUE_WATCH_BUCKETS; i++)
        hear_in(queue, queue->watches[i], event);
}

void tl__kqueue_hear(tl_kqueue *queue)
{
    _Alignas(struct inotify_event) char bytes[4096];
    if (queue->inotify < 0)
        return;
    for (ssize_t count;
         (count = read(queue->inotify, bytes, sizeof bytes)) > 0;) {
        for (ssize_t at = 0; at < count;) {
            const struct inotify_event *event = (const void *)(bytes + at);
            hear_event(queue, event);
            at += (ssize_t)(sizeof *event + event->len);
        }
    }
}

/* --- the filter --------------------------------------------------------- */

static int attach(tl_kqueue *queue, tl_knote *knote)
{
    mode_t mode = knote->was.st_mode;
    if (S_ISSOCK(mode) || S_ISFIFO(mode))
        return -EINVAL;
    return tl__kqueue_watch(queue, knote);
}

static int modify(tl_kqueue *queue, tl_knote *knote)
{
    return knote->seen & knote->fflags ? tl__kqueue_activate(queue, knote) : 0;
}

static int enable(tl_kqueue *queue, tl_knote *knote, bool on)
{
    (void)queue;
    (void)knote;
    (void)on;
    return 0; /* changes that happen meanwhile are kept */
}

/* Changes that are not asked for are not kept either: they would report the
   past when they are asked for later. */
static int look(tl_kqueue *queue, tl_knote *knote, uint32_t ready,
                tl_kevent *event)
{
    struct stat now;
    (void)queue;
    (void)ready;
    event->fflags = knote->seen & knote->fflags;
    if (!tl__kqueue_is_open(knote, &now)) {
        event->ended = 1;
        return 0;
    }
    if (event->fflags == 0)
        return 0;
    knote->seen = knote->flags & TL_KQ_CLEAR ? 0 : event->fflags;
    return 1;
}

const tl_knote_filter tl__kqueue_vnode = {
    .fflags = TL_KQ_NOTE_DELETE | TL_KQ_NOTE_WRITE | TL_KQ_NOTE_EXTEND |
              TL_KQ_NOTE_ATTRIB | TL_KQ_NOTE_LINK | TL_KQ_NOTE_RENAME |
              TL_KQ_NOTE_REVOKE,
    .by_descriptor = true,
    .attach = attach,
    .modify = modify,
    .enable = enable,
    .detach = tl__kqueue_unwatch,
    .look = look,
};
