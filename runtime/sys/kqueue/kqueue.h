/* BSD's kqueue on what Linux has: see timerlua_abi.h for what Lua calls. A
   knote is one (ident, filter) of a queue. Its news comes from a carrier in
   the queue's epoll set:

     READ, WRITE    a second epoll set for each of the two, since a descriptor
                    can be only once in a set; files, which epoll(7) refuses,
                    are looked at instead
     TIMER          a timerfd        SIGNAL   a signalfd
     PROC           a pidfd          VNODE    the queue's inotify descriptor

   Knotes that stay ready without a carrier saying so are in the list of the
   active, and then an eventfd, the bell, makes the queue readable. */
#ifndef TL_KQUEUE_H
#define TL_KQUEUE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "abi.h"

enum { TL_KQUEUE_SETS = 2, TL_KQUEUE_WATCH_BUCKETS = 64 };

typedef struct tl_knote tl_knote;

typedef struct tl_knote_filter {
    uint32_t fflags; /* the notes that the filter understands */
    bool by_descriptor;
    /* Whether these ident and data are valid, before anything changes; NULL:
       always. */
    int (*check)(uint32_t fflags, double data);
    /* Open the knote's carrier. */
    int (*attach)(tl_kqueue *queue, tl_knote *knote);
    /* The knote was added again; 0 or a negative errno, which ends the
       knote. */
    int (*modify)(tl_kqueue *queue, tl_knote *knote);
    /* Enable or disable reports. -ENOENT: the knote's descriptor was closed. */
    int (*enable)(tl_kqueue *queue, tl_knote *knote, bool on);
    void (*detach)(tl_kqueue *queue, tl_knote *knote);
    /* Whether there is news: 1 with data, fflags and EOF. For READ and WRITE,
       ready is what epoll reported. */
    int (*look)(tl_kqueue *queue, tl_knote *knote, uint32_t ready,
                tl_kevent *event);
} tl_knote_filter;

struct tl_knote {
    const tl_knote_filter *does;
    tl_knote *next;           /* in its bucket */
    tl_knote *before, *after; /* while active */
    tl_knote *beside;         /* knotes with a watch in the same bucket */
    int64_t ident;
    int64_t data; /* as given by the caller */
    uint32_t fflags;
    uint32_t flags; /* a combination of ONESHOT, CLEAR, DISPATCH, EOF */
    int32_t filter;
    uint32_t serial; /* of its place in a set */
    uint32_t round;  /* the round of the last report */
    bool disabled, active;
    bool in_set;
    bool plain;      /* READ, WRITE: epoll refuses the descriptor */
    bool told;       /* plain with CLEAR: reported at this size */
    bool owns_block; /* SIGNAL: unblock the signal in the end */
    int carrier;     /* a descriptor of its own, or -1 */
    int watch;       /* of inotify, or -1 */
    int error;       /* READ, WRITE: the socket's error, once taken */
    uint32_t seen;   /* VNODE: the changes that have happened */
    int64_t count;   /* TIMER: expirations that were read */
    struct stat was; /* of the knote's descriptor; VNODE: at the last look */
};

struct tl_kqueue {
    int fd;
    int sets[TL_KQUEUE_SETS]; /* of READ and of WRITE, or -1 */
    int bell;
    int inotify;
    bool ringing;
    bool active_first;
    bool closing; /* no descriptor need leave a set, which may be a forked
                     child's */
    uint32_t serial, round, turn;
    tl_knote **buckets;
    uint32_t bucket_count, count;
    tl_knote *first, *last; /* the active */
    tl_knote *ended;        /* until tl_kqueue_ended has reported them */
    uint32_t swept;
    tl_knote *watches[TL_KQUEUE_WATCH_BUCKETS];
};

extern const tl_knote_filter tl__kqueue_read;
extern const tl_knote_filter tl__kqueue_write;
extern const tl_knote_filter tl__kqueue_vnode;
extern const tl_knote_filter tl__kqueue_process;
extern const tl_knote_filter tl__kqueue_signal;
extern const tl_knote_filter tl__kqueue_timer;

/* Add a descriptor of the queue's own to its set; events carry the address. */
int tl__kqueue_join(tl_kqueue *queue, int fd, void *what);
void tl__kqueue_leave(tl_kqueue *queue, int fd);
/* Put a knote into the list of the active, or remove it. */
int tl__kqueue_activate(tl_kqueue *queue, tl_knote *knote);
void tl__kqueue_deactivate(tl_kqueue *queue, tl_knote *knote);
/* Move an active knote behind the others. */
void tl__kqueue_put_last(tl_kqueue *queue, tl_knote *knote);
/* Make the queue readable for the active, or stop that. */
int tl__kqueue_ring(tl_kqueue *queue, bool on);
int tl__kqueue_enable(tl_kqueue *queue, tl_knote *knote, bool on);
tl_knote *tl__kqueue_find(const tl_kqueue *queue, int64_t ident, int filter);
/* End a knote in any state. */
void tl__kqueue_end(tl_kqueue *queue, tl_knote *knote);

/* Watch the inode of the knote's descriptor through the queue's inotify. */
int tl__kqueue_watch(tl_kqueue *queue, tl_knote *knote);
void tl__kqueue_unwatch(tl_kqueue *queue, tl_knote *knote);
/* Pass the events of inotify to the knotes that they concern. */
void tl__kqueue_hear(tl_kqueue *queue);

/* Replace a set that reports a descriptor which cannot be taken out: it was
   closed while a duplicate of it lives, epoll(7). False if descriptors or
   memory run out; then the old set stays. */
bool tl__kqueue_renew_set(tl_kqueue *queue, int filter);

/* Whether the knote's descriptor is still the one for which it was made: BSD
   forgets a knote when its descriptor is closed. */
bool tl__kqueue_is_open(const tl_knote *knote, struct stat *now);

static inline int *tl__kqueue_set(tl_kqueue *queue, int filter)
{
    return &queue->sets[filter == TL_KQ_WRITE];
}

#endif
