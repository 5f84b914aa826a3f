/* The parts of a loop: shared by the files that implement timerlua_abi.h on it,
   each for one noun. */
#ifndef TL_STATE_H
#define TL_STATE_H

#include <signal.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "store/handles.h"
#include "base/histogram.h"
#include "loop/poller.h"
#include "store/timers.h"

enum {
    /* Due timers taken in one turn: bounds how long descriptors wait while a
       million timers are due. */
    TL_BATCH_TIMERS = 1024,
    /* sockets whose work continues without news from the kernel */
    TL_BATCH_POSTED = 256,
    TL_BATCH_MOST = TL_BATCH_TIMERS + TL_POLL_MOST + TL_BATCH_POSTED,
    TL_DEFAULT_SLACK_NS = 125000
};

typedef struct tl_event {
    tl_id id;
    int ready; /* of a watched descriptor */
} tl_event;

typedef struct tl_agenda { /* agenda.h */
    tl_id *ids;
    size_t count, capacity;
} tl_agenda;

enum { TL_CANCELS_MOST = 256 };
typedef struct tl_cancels { /* cancels.h */
    uint32_t count;
    uint32_t settled; /* the first of them */
    tl_id list[TL_CANCELS_MOST];
} tl_cancels;

typedef struct tl_traffic {
    uint64_t accepts, receives, sends;
    uint64_t received, sent, unsent;
} tl_traffic;

/* Signals that are taken by a descriptor. */
typedef struct tl_signals {
    int fd; /* -1 while there are none */
    sigset_t taken;
    sigset_t blocked;       /* signals among them that were blocked before */
    sigset_t lent;          /* signals that were ever lent to programs */
    struct sigaction *kept; /* by number: the lent signals' former actions */
} tl_signals;

struct tl_loop {
    tl_shared shared;
    const struct tl_kind *kinds[TL_KINDS_MOST]; /* by number, kinds.h */
    tl_handles handles;
    tl_timers timers[TL_CLOCKS];
    tl_clock clock;
    tl_poller poller;
    tl_signals signals;
    int64_t slack_ns;
    bool want_jumps;
    bool held;      /* counted in active: not only handles keep the loop
                       running */
    bool away;      /* its host waits on the poller's descriptor: wakeup.h */
    bool signalled; /* the descriptor was made readable for that host */
    bool hosted;    /* descriptors 0 to 2 are another program's, and its end
                       must not be waited for */
    bool lent;      /* a child has some of these descriptors: their descriptions
                       stay blocking */
    int64_t wall_offset_ns; /* wall minus monotonic, at the last look */
    double jump_s;          /* steps of the wall clock not reported yet */
    size_t active;          /* handles that keep the loop running */
    size_t watches;         /* descriptors in the poller */
    tl_agenda posted;       /* handles to be looked at on the next turn */
    tl_agenda deferred;     /* those with work to do after the callback */
    tl_cancels cancels;
    struct tl_net *net; /* net/net.h; NULL until the first socket */
    size_t owned_bytes; /* memory of handles besides their records */
    tl_traffic traffic; /* of their descriptors */
    uint32_t *takers;   /* by descriptor: the slot of the socket or watch that
                           took it last, which may have ended */
    uint32_t taker_count;
    uint32_t pages_trimmed;
    tl_event batch[TL_BATCH_MOST];
    size_t batch_count;
    size_t batch_next;
    atomic_int wake_reason; /* 0, or the reason given to tl_loop_wake */
    atomic_bool woken;
    uint64_t armed, fired, cancelled, turns;
    tl_histogram lateness; /* nanoseconds */
};

static inline double tl__seconds(int64_t ns)
{
    return (double)ns / 1e9;
}

static inline tl_timers *tl__store_of(tl_loop *loop, const tl_handle *handle)
{
    return &loop->timers[handle->flags & TL_CLOCK_MASK];
}

#endif
