/* poll(2) with a timeout, for all waits for descriptors without the loop, and
   for scripts: timerlua.select. When a task is to wait, the same descriptors go
   into an epoll set, which the loop can watch. */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>

#include "abi.h"
#include "base/remaining.h"

_Static_assert(sizeof(tl_poll_fd) == sizeof(struct pollfd) &&
                   offsetof(tl_poll_fd, events) ==
                       offsetof(struct pollfd, events) &&
                   offsetof(tl_poll_fd, revents) ==
                       offsetof(struct pollfd, revents),
               "ours is the kernel's");
_Static_assert(POLLIN == EPOLLIN && POLLPRI == EPOLLPRI &&
                   POLLOUT == EPOLLOUT && POLLRDNORM == EPOLLRDNORM &&
                   POLLRDBAND == EPOLLRDBAND && POLLWRNORM == EPOLLWRNORM &&
                   POLLWRBAND == EPOLLWRBAND && POLLRDHUP == EPOLLRDHUP,
               "the masks of poll and epoll are the same");

int tl_poll_wait(tl_poll_fd *fds, int count, int64_t *timeout_ns)
{
    struct timespec timeout = tl_timespec(*timeout_ns);
    int64_t start_ns = *timeout_ns > 0 ? tl_clock_kernel_ns(TL_MONOTONIC) : 0;
    int ready = ppoll((struct pollfd *)(void *)fds, (nfds_t)count,
                      *timeout_ns < 0 ? NULL : &timeout, NULL);
    int result = ready < 0 ? -errno : ready;
    if (*timeout_ns > 0)
        tl__take_elapsed(timeout_ns, start_ns);
    return result;
}

/* The interest of a descriptor that is listed twice; the caller looks. */
enum { ANYTHING = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDBAND | EPOLLWRBAND };

static int add(int set, const tl_poll_fd *one)
{
    uint32_t events = (uint16_t)one->events | (uint32_t)EPOLLET;
    struct epoll_event event = {.events = events, .data.fd = one->fd};
    if (epoll_ctl(set, EPOLL_CTL_ADD, one->fd, &event) == 0)
        return 0;
    if (errno != EEXIST)
        return -errno;
    event.events |= ANYTHING | EPOLLRDHUP;
    return epoll_ctl(set, EPOLL_CTL_MOD, one->fd, &event) ? -errno : 0;
}

/* Edge-triggered, so that a condition that does not end the wait, such as a
   hang-up that select(2) is not interested in, is reported once. */
int tl_poll_gather(const tl_poll_fd *fds, int count, int set)
{
    for (int i = 0; i < count; i++) {
        int error = fds[i].fd < 0 ? 0 : add(set, &fds[i]);
        if (error == -EBADF) /* closed meanwhile: that is news */
            return 1;
        if (error && error != -EPERM) /* a regular file has no news */
            return error;
    }
    return 0;
}
