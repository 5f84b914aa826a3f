/* The poller: every epoll, timerfd, eventfd and signalfd call is here. It
   reports what is ready and when a clock reached a deadline; it runs nothing.

   It belongs to the process that opened it. After a fork(2) the child shares
   its descriptors, so there every function answers -ECHILD and leaves them
   alone; only tl_poller_close does its work.

   Its own descriptors are edge-triggered, so an expired timerfd or a written
   eventfd needs no read to become quiet. */
#ifndef TL_POLLER_H
#define TL_POLLER_H

#include <signal.h>
#include <stdbool.h>

#include "abi.h"

enum { TL_POLL_MOST = 256 }; /* events taken in one wait */

typedef struct tl_ready {
    tl_id id;
    int ready; /* TL_READ ... */
} tl_ready;

typedef struct tl_poller {
    int epoll_fd;
    int event_fd;
    const char *here; /* reads 1, but 0 in a process forked from this one */
    int timer_fds[TL_CLOCKS];       /* -1 until a clock is first used */
    int64_t deadline_ns[TL_CLOCKS]; /* what each is set to, 0 for nothing */
    bool clock_stepped;             /* seen since it was last taken */
    uint32_t *owners; /* by descriptor: the slot it was added for, or 0 */
    size_t owner_count;
    uint64_t waits, timerfd_sets, reads, controls, wakeups;
} tl_poller;

/* -EMFILE, -ENFILE, -ENOMEM; nothing is left open then. */
int tl_poller_open(tl_poller *poller);
/* Whether this is a process forked from the one that opened it. */
static inline bool tl_poller_forked(const tl_poller *poller)
{
    return *poller->here == 0;
}
void tl_poller_close(tl_poller *poller);

/* The slot that fd was added for last, and not removed; 0 for none. */
uint32_t tl_poller_owner(const tl_poller *poller, int fd);
/* Report fd under id until it is removed. When it was added for another id
   before, which is possible since fd was closed, that one is reported no
   more. */
int tl_poller_add(tl_poller *poller, int fd, int interest, tl_id id);
/* -EBADF when the number was closed and has been added for another id. */
int tl_poller_change(tl_poller *poller, int fd, int interest, tl_id id);
/* Fine if fd has been closed, or added for another id since. */
void tl_poller_remove(tl_poller *poller, int fd, tl_id id);
/* The same for one that is closed right after: no system call. */
void tl_poller_forget(tl_poller *poller, int fd, tl_id id);

/* Begin anew with an empty set of descriptors behind the same epoll
   descriptor: the only way to be rid of one that was closed while a duplicate
   of it lives on, epoll(7). -EMFILE, -ENFILE, -ENOMEM leave all as it was. */
int tl_poller_renew(tl_poller *poller);

/* Have a wait end at deadline_ns of a clock; 0 for none. For TL_REALTIME also
   when the clock is stepped. No system call when it is set so already. */
int tl_poller_set_deadline(tl_poller *poller, int clock, int64_t deadline_ns);
/* Whether the wall clock was stepped since the last call. */
bool tl_poller_take_step(tl_poller *poller);

/* A descriptor that takes the signals of a set, or, unless fd is -1, have that
   one take these from now on. -EMFILE, -ENFILE, -ENOMEM. */
int tl_poller_signals(int fd, const sigset_t *set);
/* The next signal it has: 1, 0 when there is none. */
int tl_poller_next_signal(int fd, tl_signal *signal);

/* Wait until something is ready, a deadline is reached or the poller is
   woken; without block only look. Returns the number of ready descriptors,
   at most TL_POLL_MOST, or a negative errno; a signal ends it with 0. */
int tl_poller_wait(tl_poller *poller, bool block, tl_ready *ready);
/* End the present or the next wait. Async-signal-safe, any thread. */
void tl_poller_wake(tl_poller *poller);

#endif
