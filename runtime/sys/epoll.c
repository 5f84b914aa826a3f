/* epoll(7) for scripts: timerlua.select. The loop's own set is the poller's. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "abi.h"
#include "base/remaining.h"

_Static_assert(sizeof(struct epoll_event) <= sizeof(tl_ready_fd),
               "the kernel's form fits into ours");
_Static_assert(TL_EPOLL_ADD == EPOLL_CTL_ADD && TL_EPOLL_DEL == EPOLL_CTL_DEL &&
                   TL_EPOLL_MOD == EPOLL_CTL_MOD,
               "the operations are the kernel's");

int tl_epoll_open(void)
{
    int set = epoll_create1(EPOLL_CLOEXEC);
    return set < 0 ? -errno : set;
}

int tl_epoll_control(int set, int operation, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    return epoll_ctl(set, operation, fd, &event) ? -errno : 0;
}

/* For kernels before 5.11, and containers that refuse unknown calls (EPERM):
   whole milliseconds, and late rather than early. */
static int wait_ms(int set, struct epoll_event *events, int most,
                   int64_t timeout_ns)
{
    int64_t ms = timeout_ns / 1000000 + (timeout_ns % 1000000 != 0);
    return epoll_wait(set, events, most, ms > INT_MAX ? INT_MAX : (int)ms);
}

static int wait_ns(int set, struct epoll_event *events, int most,
                   int64_t timeout_ns)
{
    struct timespec timeout = tl_timespec(timeout_ns);
    /* musl has no function for it */
    int count =
        (int)syscall(SYS_epoll_pwait2, set, events, most, &timeout, NULL, 0);
    if (count < 0 && (errno == ENOSYS || errno == EPERM))
        count = wait_ms(set, events, most, timeout_ns);
    return count;
}

/* From the last to the first, since ours are the larger. */
static void convert(tl_ready_fd *ready, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        struct epoll_event event;
        memcpy(&event, (char *)ready + (size_t)i * sizeof event, sizeof event);
        ready[i].fd = event.data.fd;
        ready[i].events = event.events;
    }
}

int tl_epoll_wait(int set, tl_ready_fd *ready, int most, int64_t *timeout_ns)
{
    struct epoll_event *events = (void *)ready;
    int64_t start_ns = *timeout_ns > 0 ? tl_clock_kernel_ns(TL_MONOTONIC) : 0;
    int count = *timeout_ns > 0
                    ? wait_ns(set, events, most, *timeout_ns)
                    : epoll_wait(set, events, most, *timeout_ns < 0 ? -1 : 0);
    int result = count < 0 ? -errno : count;
    if (*timeout_ns > 0)
        tl__take_elapsed(timeout_ns, start_ns);
    convert(ready, count);
    return result;
}
