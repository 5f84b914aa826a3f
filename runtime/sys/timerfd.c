/* Timer descriptors as the kernel has them, timerfd_create(2): for scripts
   that want the descriptors themselves. The loop's own timers do not use
   these; the poller has descriptors of its own. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"

#define NS_PER_S INT64_C(1000000000)

/* The kernel's seconds may be more than an int64 of nanoseconds holds, when
   another program has set the timer. */
static int64_t ns_of(struct timespec time)
{
    int64_t ns;
    if (__builtin_mul_overflow((int64_t)time.tv_sec, NS_PER_S, &ns) ||
        __builtin_add_overflow(ns, (int64_t)time.tv_nsec, &ns))
        return INT64_MAX;
    return ns;
}

static tl_timerfd_setting setting_of(const struct itimerspec *spec)
{
    return (tl_timerfd_setting){ns_of(spec->it_value),
                                ns_of(spec->it_interval)};
}

int tl_timerfd_create(int clock, int flags)
{
    int fd = timerfd_create(clock, flags);
    return fd < 0 ? -errno : fd;
}

int tl_timerfd_settime(int fd, int flags, int64_t initial_ns,
                       int64_t interval_ns, tl_timerfd_setting *before)
{
    struct itimerspec old, when = {.it_value = tl_timespec(initial_ns),
                                   .it_interval = tl_timespec(interval_ns)};
    if (timerfd_settime(fd, flags, &when, &old) < 0)
        return -errno;
    *before = setting_of(&old);
    return 0;
}

int tl_timerfd_gettime(int fd, tl_timerfd_setting *setting)
{
    struct itimerspec now;
    if (timerfd_gettime(fd, &now) < 0)
        return -errno;
    *setting = setting_of(&now);
    return 0;
}

/* 1 when a read would not block, else 0 or a negative errno. */
static int readable(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    int ready = poll(&one, 1, 0);
    if (ready > 0)
        return one.revents & POLLNVAL ? -EBADF : 1;
    return ready == 0 || errno == EINTR ? 0 : -errno;
}

double tl_timerfd_read(int fd, int look)
{
    int ready = look ? readable(fd) : 1;
    if (ready <= 0)
        return ready == 0 ? -EAGAIN : ready;
    uint64_t expirations;
    ssize_t got;
    do
        got = read(fd, &expirations, sizeof expirations);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    return got == sizeof expirations ? (double)expirations : -EINVAL;
}

int tl_timerfd_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 ? -errno : (flags & O_NONBLOCK) != 0;
}

int tl_timerfd_close(int fd)
{
    return close(fd) < 0 ? -errno : 0;
}
