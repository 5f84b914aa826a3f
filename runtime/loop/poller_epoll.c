/* The poller's verbs on epoll(7), timerfd_create(2), eventfd(2) and
   signalfd(2): see poller.h.

   The verbs' own descriptors are edge-triggered, so an expired timerfd or a
   written eventfd becomes quiet without a read.

   Deadlines always go to a timerfd: measured, epoll_pwait2's own timeout is
   late by the timer slack and 0.1 % of the wait, and saves only 0.4 us of the
   25 us that a timed sleep costs (docs/performance.md). */
#include "loop/poller.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"

typedef struct behind {
    int set;               /* epoll's */
    int bell;              /* an eventfd, for wake */
    int timers[TL_CLOCKS]; /* timerfds; -1 until a clock is first used */
    char *mark;            /* tl_poller_forked reads this byte */
} behind;

/* Ids of the descriptors behind the poller: slot 0, which is no handle, and one
   of these instead of a generation. */
enum { OWN_BELL = TL_CLOCKS };

enum { MARK_BYTES = 1 }; /* the kernel makes it a page */

static behind *behind_of(const tl_poller *poller)
{
    return poller->behind;
}

/* --- its own descriptors ------------------------------------------------- */

/* A page that the kernel clears in forked children, madvise(2): looking at it
   costs a load, where getpid(2) is a system call. */
static int mark_process(behind *b)
{
    void *page = mmap(NULL, MARK_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return -errno;
    b->mark = page;
    *b->mark = 1;
    return madvise(page, MARK_BYTES, MADV_WIPEONFORK) ? -errno : 0;
}

static int control(tl_poller *poller, int operation, int fd, uint32_t events,
                   tl_id id)
{
    struct epoll_event event = {.events = events, .data.u64 = tl_id_pack(id)};
    poller->counts.controls++;
    return epoll_ctl(behind_of(poller)->set, operation, fd, &event) ? -errno
                                                                    : 0;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static int add_own(tl_poller *poller, int fd, uint32_t name)
{
    return control(poller, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET,
                   (tl_id){0, name});
}

static int open_timer(tl_poller *poller, int clock)
{
    int fd = timerfd_create(tl_clock_id(clock), TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    int error = add_own(poller, fd, (uint32_t)clock);
    if (error)
        close_fd(&fd);
    behind_of(poller)->timers[clock] = fd;
    return error;
}

static int reserve(tl_poller *poller, int clock)
{
    return behind_of(poller)->timers[clock] < 0 ? open_timer(poller, clock) : 0;
}

static void close_all(tl_poller *poller)
{
    behind *b = behind_of(poller);
    for (int c = 0; c < TL_CLOCKS; c++)
        close_fd(&b->timers[c]);
    close_fd(&b->bell);
    close_fd(&b->set);
    if (b->mark != NULL)
        (void)munmap(b->mark, MARK_BYTES);
    free(b);
}

static int set_fd(const tl_poller *poller)
{
    return behind_of(poller)->set;
}

static bool keeps(const tl_poller *poller, int fd)
{
    const behind *b = behind_of(poller);
    bool is_timer = false;
    for (int c = 0; c < TL_CLOCKS; c++)
        is_timer = is_timer || fd == b->timers[c];
    return fd >= 0 && (is_timer || fd == b->bell || fd == b->set);
}

/* Looking takes nothing: edge-triggered descriptors inside stay news. */
static bool has_news(const tl_poller *poller)
{
    struct pollfd set = {.fd = set_fd(poller), .events = POLLIN};
    return poll(&set, 1, 0) > 0;
}

/* --- descriptors -------------------------------------------------------- */

static int add_all_own(tl_poller *poller)
{
    const behind *b = behind_of(poller);
    int error = add_own(poller, b->bell, OWN_BELL);
    for (int c = 0; c < TL_CLOCKS && error == 0; c++)
        if (b->timers[c] >= 0)
            error = add_own(poller, b->timers[c], (uint32_t)c);
    return error;
}

static int renew(tl_poller *poller)
{
    behind *b = behind_of(poller);
    int old = b->set;
    int fresh = epoll_create1(EPOLL_CLOEXEC);
    if (fresh < 0)
        return -errno;
    b->set = fresh;
    int error = add_all_own(poller);
    if (error == 0 && dup3(fresh, old, O_CLOEXEC) < 0)
        error = -errno;
    b->set = old;
    close_fd(&fresh);
    return error;
}

static uint32_t epoll_events(int interest)
{
    return (interest & TL_READ ? EPOLLIN | EPOLLRDHUP : 0u) |
           (interest & TL_WRITE ? EPOLLOUT : 0u) |
           (interest & TL_EDGE ? (uint32_t)EPOLLET : 0u);
}

static int ready_bits(uint32_t events)
{
    return (events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP) ? TL_READ : 0) |
           (events & EPOLLOUT ? TL_WRITE : 0) |
           (events & EPOLLERR ? TL_ERROR : 0) |
           (events & (EPOLLHUP | EPOLLRDHUP) ? TL_HANGUP : 0);
}

static int add(tl_poller *poller, int fd, int interest, tl_id id)
{
    return control(poller, EPOLL_CTL_ADD, fd, epoll_events(interest), id);
}

static int change(tl_poller *poller, int fd, int interest, tl_id id)
{
    return control(poller, EPOLL_CTL_MOD, fd, epoll_events(interest), id);
}

static void remove_fd(tl_poller *poller, int fd)
{
    (void)control(poller, EPOLL_CTL_DEL, fd, 0, (tl_id){0, 0});
}

/* --- clocks ------------------------------------------------------------- */

static int set_deadline(tl_poller *poller, int clock, int64_t deadline_ns)
{
    struct itimerspec when = {.it_value = tl_timespec(deadline_ns)};
    int flags = TFD_TIMER_ABSTIME;
    if (clock == TL_REALTIME)
        flags |= TFD_TIMER_CANCEL_ON_SET;
    poller->counts.timerfd_sets++;
    if (timerfd_settime(behind_of(poller)->timers[clock], flags, &when, NULL) ==
        0)
        return 0;
    if (errno != ECANCELED)
        return -errno;
    tl_poller_note_step(poller); /* before; the new setting holds */
    return 0;
}

/* Only the wall clock's timerfd is read, to distinguish an expiration from a
   step of the clock. */
static void timer_fired(tl_poller *poller, int clock)
{
    tl_poller_note_fired(poller, clock);
    if (clock != TL_REALTIME)
        return;
    uint64_t expirations;
    poller->counts.reads++;
    ssize_t got = read(behind_of(poller)->timers[clock], &expirations,
                       sizeof expirations);
    if (got < 0 && errno == ECANCELED)
        tl_poller_note_step(poller);
}

/* --- signals ------------------------------------------------------------ */

static int signals(tl_poller *poller, int fd, const sigset_t *set)
{
    (void)poller;
    int result = signalfd(fd, set, SFD_CLOEXEC | SFD_NONBLOCK);
    return result < 0 ? -errno : result;
}

static int next_signal(tl_poller *poller, int fd, tl_signal *signal)
{
    (void)poller;
    struct signalfd_siginfo info;
    ssize_t got;
    do
        got = read(fd, &info, sizeof info);
    while (got < 0 && errno == EINTR);
    if (got != sizeof info)
        return 0;
    bool has_value = info.ssi_code == SI_QUEUE;
    bool has_sender = has_value || info.ssi_code == SI_USER ||
                      info.ssi_code == SI_TKILL || info.ssi_signo == SIGCHLD;
    *signal = (tl_signal){
        .number = (int32_t)info.ssi_signo,
        .pid = has_sender ? (int32_t)info.ssi_pid : 0,
        .uid = info.ssi_uid,
        .value = info.ssi_int,
        .has_value = has_value,
    };
    return 1;
}

static void end_signals(tl_poller *poller, int fd)
{
    (void)poller;
    (void)close(fd);
}

/* --- waiting ------------------------------------------------------------ */

static int wait_for_news(tl_poller *poller, bool block, tl_ready *ready)
{
    struct epoll_event events[TL_POLL_MOST];
    int count =
        epoll_wait(set_fd(poller), events, TL_POLL_MOST, block ? -1 : 0);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    int found = 0;
    for (int i = 0; i < count; i++) {
        tl_id id = tl_id_unpack(events[i].data.u64);
        if (id.slot != 0)
            ready[found++] = (tl_ready){id, ready_bits(events[i].events)};
        else if (id.generation != OWN_BELL)
            timer_fired(poller, (int)id.generation);
    }
    return found;
}

static void wake(tl_poller *poller)
{
    int saved = errno;
    uint64_t one = 1;
    /* EAGAIN only after 2^64 wake-ups, and then one is pending anyway */
    ssize_t written = write(behind_of(poller)->bell, &one, sizeof one);
    (void)written;
    errno = saved;
}

static const tl_poller_verbs verbs = {
    .close = close_all,
    .fd = set_fd,
    .keeps = keeps,
    .has_news = has_news,
    .add = add,
    .change = change,
    .remove = remove_fd,
    .renew = renew,
    .reserve = reserve,
    .set_deadline = set_deadline,
    .signals = signals,
    .next_signal = next_signal,
    .end_signals = end_signals,
    .wait = wait_for_news,
    .wake = wake,
};

/* --- opening ------------------------------------------------------------ */

static int open_all(tl_poller *poller)
{
    behind *b = behind_of(poller);
    int error = mark_process(b);
    if (error)
        return error;
    poller->here = b->mark;
    b->set = epoll_create1(EPOLL_CLOEXEC);
    if (b->set < 0)
        return -errno;
    b->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (b->bell < 0)
        return -errno;
    error = add_own(poller, b->bell, OWN_BELL);
    return error ? error : reserve(poller, TL_MONOTONIC);
}

int tl_poller_open_epoll(tl_poller *poller)
{
    behind *b = malloc(sizeof *b);
    if (b == NULL)
        return -ENOMEM;
    *b = (behind){.set = -1, .bell = -1};
    for (int c = 0; c < TL_CLOCKS; c++)
        b->timers[c] = -1;
    tl_poller_init(poller, &verbs, b, NULL);
    int error = open_all(poller);
    if (error)
        tl_poller_close(poller);
    return error;
}
