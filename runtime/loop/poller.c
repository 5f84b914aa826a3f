/* The poller on epoll(7), timerfd_create(2), eventfd(2) and signalfd(2): see
   poller.h.

   Deadlines always go to a timerfd: measured, epoll_pwait2's own timeout is
   late by the timer slack and 0.1 % of the wait, and saves only 0.4 us of the
   25 us that a timed sleep costs (docs/performance.md). */
#include "loop/poller.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"

/* Names of the poller's own descriptors: slot 0, which is no handle, and one
   of these instead of a generation. */
enum { OWN_EVENT = TL_CLOCKS };

enum { MARK_BYTES = 1 }; /* the kernel makes it a page */

/* A page that the kernel clears in forked children, madvise(2): looking at it
   costs a load, where getpid(2) is a system call. */
static int mark_process(tl_poller *poller)
{
    void *page = mmap(NULL, MARK_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return -errno;
    *(char *)page = 1;
    poller->here = page;
    return madvise(page, MARK_BYTES, MADV_WIPEONFORK) ? -errno : 0;
}

static int control(tl_poller *poller, int operation, int fd, uint32_t events,
                   tl_id id)
{
    struct epoll_event event = {.events = events, .data.u64 = tl_id_pack(id)};
    if (tl_poller_forked(poller))
        return -ECHILD;
    poller->controls++;
    return epoll_ctl(poller->epoll_fd, operation, fd, &event) ? -errno : 0;
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
    poller->timer_fds[clock] = fd;
    return error;
}

static int reserve(tl_poller *poller, int clock)
{
    return poller->timer_fds[clock] < 0 ? open_timer(poller, clock) : 0;
}

int tl_poller_open(tl_poller *poller)
{
    *poller = (tl_poller){.epoll_fd = -1, .event_fd = -1};
    for (int c = 0; c < TL_CLOCKS; c++)
        poller->timer_fds[c] = -1;
    int error = mark_process(poller);
    if (error == 0) {
        poller->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        error = poller->epoll_fd < 0 ? -errno : 0;
    }
    if (error == 0) {
        poller->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        error = poller->event_fd < 0 ? -errno : 0;
    }
    if (error == 0)
        error = add_own(poller, poller->event_fd, OWN_EVENT);
    /* a wait must not fail later for want of a descriptor */
    if (error == 0)
        error = reserve(poller, TL_MONOTONIC);
    if (error)
        tl_poller_close(poller);
    return error;
}

void tl_poller_close(tl_poller *poller)
{
    for (int c = 0; c < TL_CLOCKS; c++)
        close_fd(&poller->timer_fds[c]);
    close_fd(&poller->event_fd);
    close_fd(&poller->epoll_fd);
    free(poller->owners);
    if (poller->here != NULL)
        (void)munmap((void *)poller->here, MARK_BYTES);
    poller->here = NULL;
}

/* Put the poller's own descriptors into a set. */
static int add_all_own(tl_poller *poller)
{
    int error = add_own(poller, poller->event_fd, OWN_EVENT);
    for (int c = 0; c < TL_CLOCKS && error == 0; c++)
        if (poller->timer_fds[c] >= 0)
            error = add_own(poller, poller->timer_fds[c], (uint32_t)c);
    return error;
}

int tl_poller_renew(tl_poller *poller)
{
    if (tl_poller_forked(poller))
        return -ECHILD;
    int old = poller->epoll_fd;
    int fresh = epoll_create1(EPOLL_CLOEXEC);
    if (fresh < 0)
        return -errno;
    poller->epoll_fd = fresh;
    int error = add_all_own(poller);
    if (error == 0 && dup3(fresh, old, O_CLOEXEC) < 0)
        error = -errno;
    poller->epoll_fd = old;
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

static int make_owners(tl_poller *poller, size_t count)
{
    if (count <= poller->owner_count)
        return 0;
    size_t doubled = poller->owner_count * 2;
    if (count < doubled)
        count = doubled;
    uint32_t *owners = realloc(poller->owners, count * sizeof *owners);
    if (owners == NULL)
        return -ENOMEM;
    memset(owners + poller->owner_count, 0,
           (count - poller->owner_count) * sizeof *owners);
    poller->owners = owners;
    poller->owner_count = count;
    return 0;
}

static bool owns(const tl_poller *poller, int fd, tl_id id)
{
    return fd >= 0 && (size_t)fd < poller->owner_count &&
           poller->owners[fd] == id.slot;
}

uint32_t tl_poller_owner(const tl_poller *poller, int fd)
{
    bool known = fd >= 0 && (size_t)fd < poller->owner_count;
    return known ? poller->owners[fd] : 0;
}

int tl_poller_add(tl_poller *poller, int fd, int interest, tl_id id)
{
    /* the kernel first: it knows whether there is such a descriptor, so no
       number out of the air decides how much memory the owners take */
    int error = control(poller, EPOLL_CTL_ADD, fd, epoll_events(interest), id);
    if (error)
        return error;
    error = make_owners(poller, (size_t)fd + 1);
    if (error)
        (void)control(poller, EPOLL_CTL_DEL, fd, 0, (tl_id){0, 0});
    else
        poller->owners[fd] = id.slot;
    return error;
}

int tl_poller_change(tl_poller *poller, int fd, int interest, tl_id id)
{
    if (!owns(poller, fd, id))
        return -EBADF;
    return control(poller, EPOLL_CTL_MOD, fd, epoll_events(interest), id);
}

void tl_poller_remove(tl_poller *poller, int fd, tl_id id)
{
    if (!owns(poller, fd, id))
        return;
    poller->owners[fd] = 0;
    (void)control(poller, EPOLL_CTL_DEL, fd, 0, (tl_id){0, 0});
}

void tl_poller_forget(tl_poller *poller, int fd, tl_id id)
{
    if (owns(poller, fd, id))
        poller->owners[fd] = 0;
}

int tl_poller_set_deadline(tl_poller *poller, int clock, int64_t deadline_ns)
{
    if (deadline_ns == poller->deadline_ns[clock])
        return 0;
    if (tl_poller_forked(poller))
        return -ECHILD;
    int error = reserve(poller, clock);
    if (error)
        return error;
    struct itimerspec when = {.it_value = tl_timespec(deadline_ns)};
    int flags = TFD_TIMER_ABSTIME;
    if (clock == TL_REALTIME)
        flags |= TFD_TIMER_CANCEL_ON_SET;
    poller->timerfd_sets++;
    int failed = timerfd_settime(poller->timer_fds[clock], flags, &when, NULL);
    if (failed && errno != ECANCELED)
        return -errno;
    /* ECANCELED: the clock was stepped before; the new setting holds */
    if (failed)
        poller->clock_stepped = true;
    poller->deadline_ns[clock] = deadline_ns;
    return 0;
}

bool tl_poller_take_step(tl_poller *poller)
{
    bool stepped = poller->clock_stepped;
    poller->clock_stepped = false;
    return stepped;
}

/* A clock's timerfd has fired, so it is set to nothing now. Only the wall
   clock's is read, to tell an expiration from a step of the clock. */
static void timer_fired(tl_poller *poller, int clock)
{
    poller->deadline_ns[clock] = 0;
    if (clock != TL_REALTIME)
        return;
    uint64_t expirations;
    poller->reads++;
    ssize_t got =
        read(poller->timer_fds[clock], &expirations, sizeof expirations);
    if (got < 0 && errno == ECANCELED)
        poller->clock_stepped = true;
}

int tl_poller_signals(int fd, const sigset_t *set)
{
    int result = signalfd(fd, set, SFD_CLOEXEC | SFD_NONBLOCK);
    return result < 0 ? -errno : result;
}

int tl_poller_next_signal(int fd, tl_signal *signal)
{
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

int tl_poller_wait(tl_poller *poller, bool block, tl_ready *ready)
{
    struct epoll_event events[TL_POLL_MOST];
    if (tl_poller_forked(poller))
        return -ECHILD;
    poller->waits++;
    poller->wakeups += block;
    int count =
        epoll_wait(poller->epoll_fd, events, TL_POLL_MOST, block ? -1 : 0);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    int found = 0;
    for (int i = 0; i < count; i++) {
        tl_id id = tl_id_unpack(events[i].data.u64);
        if (id.slot != 0)
            ready[found++] = (tl_ready){id, ready_bits(events[i].events)};
        else if (id.generation != OWN_EVENT)
            timer_fired(poller, (int)id.generation);
    }
    return found;
}

void tl_poller_wake(tl_poller *poller)
{
    if (tl_poller_forked(poller))
        return;
    int saved = errno;
    uint64_t one = 1;
    /* EAGAIN only after 2^64 wake-ups, and then one is pending anyway */
    ssize_t written = write(poller->event_fd, &one, sizeof one);
    (void)written;
    errno = saved;
}
