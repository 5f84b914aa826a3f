/* The poller: reports ready descriptors and clocks that have reached a
   deadline; it runs nothing. A loop waits here and nowhere else.

   The calls to the kernel stand behind a table of verbs. The verbs on epoll(7)
   are built in (poller_epoll.c); other verbs may take their place, such as
   those of a simulation, for nothing above knows the meaning of a descriptor's
   number. The state that all verbs need is here: the owner of each descriptor,
   the deadline of each clock, and the counts.

   A poller belongs to the process that opened it. After a fork(2) the child
   shares its descriptors, so in the child every function returns -ECHILD and
   leaves them alone; only tl_poller_close and tl_poller_end_signals do their
   work. */
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

typedef struct tl_poller tl_poller;

/* The operations behind a poller. A verb does what the function with its name
   below promises, except for what the poller itself knows: in a forked process
   no verb is called but close and end_signals; change and remove are called
   only for a descriptor that is there under this id, and set_deadline only for
   a new deadline. */
typedef struct tl_poller_verbs {
    void (*close)(tl_poller *poller);
    int (*fd)(const tl_poller *poller);
    bool (*keeps)(const tl_poller *poller, int fd);
    bool (*has_news)(const tl_poller *poller);
    int (*add)(tl_poller *poller, int fd, int interest, tl_id id);
    int (*change)(tl_poller *poller, int fd, int interest, tl_id id);
    void (*remove)(tl_poller *poller, int fd);
    int (*renew)(tl_poller *poller);
    int (*reserve)(tl_poller *poller, int clock);
    int (*set_deadline)(tl_poller *poller, int clock, int64_t deadline_ns);
    int (*signals)(tl_poller *poller, int fd, const sigset_t *set);
    int (*next_signal)(tl_poller *poller, int fd, tl_signal *signal);
    void (*end_signals)(tl_poller *poller, int fd);
    int (*wait)(tl_poller *poller, bool block, tl_ready *ready);
    void (*wake)(tl_poller *poller);
} tl_poller_verbs;

/* The poller counts the first two, its verbs the others. */
typedef struct tl_poller_counts {
    uint64_t waits, wakeups;
    uint64_t controls, timerfd_sets, reads;
} tl_poller_counts;

struct tl_poller {
    const tl_poller_verbs *verbs;
    void *behind;     /* the verbs' own */
    const char *here; /* reads 1, but 0 in a process forked from this one */
    int64_t deadline_ns[TL_CLOCKS]; /* the deadline of each clock, 0 for none */
    bool clock_stepped;             /* noticed since the last take */
    uint32_t *owners; /* by descriptor: the slot for which it was added, or 0 */
    size_t owner_count;
    tl_poller_counts counts;
};

/* A poller on these verbs. The poller may be moved until a loop uses it. */
void tl_poller_init(tl_poller *poller, const tl_poller_verbs *verbs,
                    void *behind, const char *here);
/* A poller on epoll(7), timerfd_create(2), eventfd(2) and signalfd(2). -EMFILE,
   -ENFILE, -ENOMEM; then nothing is left open. */
int tl_poller_open_epoll(tl_poller *poller);
/* Whether this is a process forked from the one that opened it. */
static inline bool tl_poller_forked(const tl_poller *poller)
{
    return *poller->here == 0;
}
void tl_poller_close(tl_poller *poller);

/* The descriptor that a host may wait on instead: readable while there is news
   that no wait has taken. */
int tl_poller_fd(const tl_poller *poller);
/* Whether a descriptor is the poller's own: nobody else may close it, read it
   or change it. */
bool tl_poller_keeps(const tl_poller *poller, int fd);
/* Whether the descriptor of tl_poller_fd is readable. */
bool tl_poller_has_news(const tl_poller *poller);

/* The slot for which fd was last added, if fd was not removed; 0 for none. */
uint32_t tl_poller_owner(const tl_poller *poller, int fd);
/* Report fd under id until fd is removed. If fd was added for another id
   before, which is possible after fd was closed, the other id is no longer
   reported. */
int tl_poller_add(tl_poller *poller, int fd, int interest, tl_id id);
/* -EBADF if the number was closed and has been added for another id. */
int tl_poller_change(tl_poller *poller, int fd, int interest, tl_id id);
/* Fine if fd has been closed, or added for another id since. */
void tl_poller_remove(tl_poller *poller, int fd, tl_id id);
/* The same for a descriptor that is closed right after: no system call. */
void tl_poller_forget(tl_poller *poller, int fd, tl_id id);

/* Start again with an empty set of descriptors, behind the same descriptor of
   the poller: the only way to get rid of a descriptor that was closed while a
   duplicate lives on, epoll(7). -EMFILE, -ENFILE, -ENOMEM leave everything as
   it was. */
int tl_poller_renew(tl_poller *poller);

/* Make sure that deadlines of a clock can be set from now on, which may take a
   descriptor: whoever first needs the clock hears that there is none. No system
   call if it is so already; it always is for TL_MONOTONIC. -EMFILE, -ENFILE,
   -ENOMEM, -ENODEV. */
int tl_poller_reserve(tl_poller *poller, int clock);
/* End a wait at deadline_ns of a reserved clock; 0 for none. For TL_REALTIME
   the wait also ends when the clock is stepped. No system call if the deadline
   is already set. */
int tl_poller_set_deadline(tl_poller *poller, int clock, int64_t deadline_ns);
/* The deadline of a clock; 0 for none, as after the deadline was reached. */
static inline int64_t tl_poller_deadline(const tl_poller *poller, int clock)
{
    return poller->deadline_ns[clock];
}
/* Whether the wall clock was stepped since the last call. */
bool tl_poller_take_step(tl_poller *poller);

/* A descriptor that takes the signals of a set or, unless fd is -1, make fd
   take these signals from now on. -EMFILE, -ENFILE, -ENOMEM. */
int tl_poller_signals(tl_poller *poller, int fd, const sigset_t *set);
/* Take the next signal of the descriptor: 1, or 0 if there is none. */
int tl_poller_next_signal(tl_poller *poller, int fd, tl_signal *signal);
/* Close the descriptor; a forked process does so for itself only. */
void tl_poller_end_signals(tl_poller *poller, int fd);

/* Wait until a descriptor is ready, a deadline is reached or the poller is
   woken; without block, only look. Returns the number of ready descriptors, at
   most TL_POLL_MOST, or a negative errno; a signal ends the wait with 0. */
int tl_poller_wait(tl_poller *poller, bool block, tl_ready *ready);
/* End the present or the next wait. Async-signal-safe; callable from any
   thread. */
void tl_poller_wake(tl_poller *poller);

tl_poller_counts tl_poller_counted(const tl_poller *poller);

/* --- for the verbs ------------------------------------------------------ */

/* A clock has reached its deadline and has no deadline now. */
static inline void tl_poller_note_fired(tl_poller *poller, int clock)
{
    poller->deadline_ns[clock] = 0;
}
/* The wall clock was stepped. */
static inline void tl_poller_note_step(tl_poller *poller)
{
    poller->clock_stepped = true;
}

#endif
