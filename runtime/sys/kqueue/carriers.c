/* TIMER, SIGNAL and PROC of a kqueue: see kqueue.h. Each knote has a
   descriptor of its own in the queue's set. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "sys/kqueue/kqueue.h"

static int enable(tl_kqueue *queue, tl_knote *knote, bool on)
{
    if (on == knote->in_set)
        return 0;
    int error = 0;
    if (on)
        error = tl__kqueue_join(queue, knote->carrier, knote);
    else
        tl__kqueue_leave(queue, knote->carrier);
    knote->in_set = on && error == 0;
    return error;
}

/* The carrier leaves the set first: a forked child may have a duplicate. */
static void close_carrier(tl_kqueue *queue, tl_knote *knote)
{
    if (knote->carrier < 0)
        return;
    (void)enable(queue, knote, false);
    (void)close(knote->carrier);
    knote->carrier = -1;
}

/* --- timers ------------------------------------------------------------- */

enum {
    UNITS = TL_KQ_SECONDS | TL_KQ_MSECONDS | TL_KQ_USECONDS | TL_KQ_NSECONDS
};

static int64_t unit_ns(uint32_t fflags)
{
    switch (fflags & UNITS) {
    case 0:
    case TL_KQ_MSECONDS:
        return 1000000;
    case TL_KQ_SECONDS:
        return 1000000000;
    case TL_KQ_USECONDS:
        return 1000;
    case TL_KQ_NSECONDS:
        return 1;
    default:
        return 0;
    }
}

static int check_timer(uint32_t fflags, double data)
{
    return unit_ns(fflags) == 0 || data < 0 ? -EINVAL : 0;
}

/* A period of 0 becomes 1; a single wait of 0 is over at once, but timerfd
   would take 0 for "never". */
static int set_timer(tl_knote *knote)
{
    bool absolute = knote->fflags & TL_KQ_ABSTIME;
    int64_t unit = unit_ns(knote->fflags), ns;
    if (knote->data == 0)
        ns = absolute || knote->flags & TL_KQ_ONESHOT ? 1 : unit;
    else if (__builtin_mul_overflow(knote->data, unit, &ns))
        ns = INT64_MAX;
    struct timespec when = tl_timespec(ns);
    struct itimerspec setting = {.it_value = when};
    if (!absolute && !(knote->flags & TL_KQ_ONESHOT))
        setting.it_interval = when;
    knote->count = 0;
    return timerfd_settime(knote->carrier, absolute ? TFD_TIMER_ABSTIME : 0,
                           &setting, NULL) == 0
               ? 0
               : -errno;
}

static int attach_timer(tl_kqueue *queue, tl_knote *knote)
{
    (void)queue;
    int clock =
        knote->fflags & TL_KQ_ABSTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC;
    knote->carrier = timerfd_create(clock, TFD_CLOEXEC | TFD_NONBLOCK);
    return knote->carrier < 0 ? -errno : set_timer(knote);
}

/* Perhaps on the other clock. */
static int modify_timer(tl_kqueue *queue, tl_knote *knote)
{
    close_carrier(queue, knote);
    tl__kqueue_deactivate(queue, knote);
    return attach_timer(queue, knote);
}

static int look_timer(tl_kqueue *queue, tl_knote *knote, uint32_t ready,
                      tl_kevent *event)
{
    uint64_t expirations = 0;
    (void)queue;
    (void)ready;
    if (read(knote->carrier, &expirations, sizeof expirations) !=
        (ssize_t)sizeof expirations)
        expirations = 0;
    /* a timer set to an instant stays expired, as BSD's does */
    bool stays = knote->fflags & TL_KQ_ABSTIME && !(knote->flags & TL_KQ_CLEAR);
    if (stays) {
        knote->count += (int64_t)expirations;
        expirations = (uint64_t)knote->count;
    }
    event->data = (double)expirations;
    return expirations > 0;
}

const tl_knote_filter tl__kqueue_timer = {
    .fflags = UNITS | TL_KQ_ABSTIME,
    .check = check_timer,
    .attach = attach_timer,
    .modify = modify_timer,
    .enable = enable,
    .detach = close_carrier,
    .look = look_timer,
};

/* --- signals ------------------------------------------------------------ */

enum { FIRST_RT = 32 }; /* up to SIGRTMIN they are the C library's own */

static sigset_t only(const tl_knote *knote)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, (int)knote->ident);
    return set;
}

static int count_signals(int fd)
{
    struct signalfd_siginfo infos[16];
    int count = 0;
    for (ssize_t bytes; (bytes = read(fd, infos, sizeof infos)) > 0;)
        count += (int)((size_t)bytes / sizeof *infos);
    return count;
}

/* A signal that is already blocked is taken by other code, by tl.signal or
   another queue: each signal could go to one of the two only. */
static int attach_signal(tl_kqueue *queue, tl_knote *knote)
{
    (void)queue;
    if (knote->ident <= 0 || knote->ident > SIGRTMAX ||
        (knote->ident >= FIRST_RT && knote->ident < SIGRTMIN) ||
        knote->ident == SIGKILL || knote->ident == SIGSTOP)
        return -EINVAL;
    sigset_t set = only(knote), before;
    int error = pthread_sigmask(SIG_BLOCK, &set, &before);
    if (error)
        return -error;
    if (sigismember(&before, (int)knote->ident) == 1)
        return -EBUSY;
    knote->owns_block = true;
    knote->carrier = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return knote->carrier < 0 ? -errno : 0;
}

static int modify_nothing(tl_kqueue *queue, tl_knote *knote)
{
    (void)queue;
    (void)knote;
    return 0;
}

/* Signals that have come until now belonged to the queue: unblocked, they would
   come again, and perhaps end the process. */
static void detach_signal(tl_kqueue *queue, tl_knote *knote)
{
    if (knote->carrier >= 0)
        (void)count_signals(knote->carrier);
    close_carrier(queue, knote);
    if (knote->owns_block) {
        sigset_t set = only(knote);
        (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    }
}

static int look_signal(tl_kqueue *queue, tl_knote *knote, uint32_t ready,
                       tl_kevent *event)
{
    (void)queue;
    (void)ready;
    event->data = count_signals(knote->carrier);
    return event->data > 0;
}

const tl_knote_filter tl__kqueue_signal = {
    .attach = attach_signal,
    .modify = modify_nothing,
    .enable = enable,
    .detach = detach_signal,
    .look = look_signal,
};

/* --- processes ---------------------------------------------------------- */

/* not an enum: enum constants are ints */
#define NOTE_EXIT UINT32_C(0x80000000)

static int attach_process(tl_kqueue *queue, tl_knote *knote)
{
    (void)queue;
    if (knote->ident <= 0 || knote->ident > INT_MAX)
        return -ESRCH;
    int fd = (int)syscall(SYS_pidfd_open, (pid_t)knote->ident, 0);
    if (fd < 0) /* EINVAL, ENOENT: a thread that leads no process */
        return errno == EINVAL || errno == ENOENT ? -ESRCH : -errno;
    knote->carrier = fd;
    return 0;
}

/* In the form of wait(2), for a child that has not been reaped and is not
   reaped here. */
static int wait_status(const tl_knote *knote)
{
    siginfo_t info = {0};
    if (waitid(P_PIDFD, (id_t)knote->carrier, &info,
               WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid == 0)
        return 0;
    if (info.si_code == CLD_EXITED)
        return (info.si_status & 0xff) << 8;
    return info.si_status | (info.si_code == CLD_DUMPED ? 0x80 : 0);
}

static int look_process(tl_kqueue *queue, tl_knote *knote, uint32_t ready,
                        tl_kevent *event)
{
    (void)queue;
    (void)ready;
    event->data = wait_status(knote);
    event->fflags = knote->fflags & NOTE_EXIT;
    event->flags |= TL_KQ_EOF | TL_KQ_ONESHOT; /* nothing else will come */
    return 1;
}

const tl_knote_filter tl__kqueue_process = {
    .fflags = NOTE_EXIT,
    .attach = attach_process,
    .modify = modify_nothing,
    .enable = enable,
    .detach = close_carrier,
    .look = look_process,
};
