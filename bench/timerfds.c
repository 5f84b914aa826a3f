/*
 * Timer descriptors in one epoll set, read when they expire, by hand: the
 * yardstick of D2 and D3.
 *   timerfds COUNT
 * Timer i has the period 0.5 s + i * 0.5 s / COUNT and all start at once, as in
 * timerfds.lua and timerfds.py. Fewer are made where the limit of open files
 * says so.
 */
#include "measure.h"
#include "slab.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>

enum { EVENTS = 1023, SECONDS = 4, HALF_SECOND = 500000000 };

static void need(int good, const char *what)
{
    if (good)
        return;
    perror(what);
    exit(1);
}

/* As many as there is room for, beside what else is open. */
static int allowed(int count)
{
    struct rlimit files;

    need(getrlimit(RLIMIT_NOFILE, &files) == 0, "getrlimit");
    files.rlim_cur = files.rlim_max;
    need(setrlimit(RLIMIT_NOFILE, &files) == 0, "setrlimit");
    return files.rlim_cur < (rlim_t)count + 16 ? (int)files.rlim_cur - 16
                                               : count;
}

static void start(int poller, int64_t period_ns)
{
    struct itimerspec when = {
        .it_value = {.tv_sec = period_ns / 1000000000,
                     .tv_nsec = period_ns % 1000000000},
    };
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    need(fd >= 0, "timerfd_create");
    when.it_interval = when.it_value;
    need(timerfd_settime(fd, 0, &when, NULL) == 0, "timerfd_settime");
    need(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
}

/* Expirations, of which a read may bring several. */
static uint64_t run(int poller, int64_t until_ns, long *reads)
{
    struct epoll_event events[EVENTS];
    uint64_t fired = 0;

    while (now_ns() < until_ns) {
        int count = epoll_wait(poller, events, EVENTS, 100);

        for (int i = 0; i < count; i++) {
            uint64_t expired;

            if (read(events[i].data.fd, &expired, sizeof expired) > 0) {
                fired += expired;
                ++*reads;
            }
        }
    }
    return fired;
}

int main(int argc, char **argv)
{
    int count = allowed(argc == 2 ? atoi(argv[1]) : 10000);
    int poller = epoll_create1(EPOLL_CLOEXEC);
    double slab = slab_bytes();
    double rss = rss_bytes();
    int64_t start_ns = now_ns();
    double made_cpu;
    long reads = 0;

    need(poller >= 0, "epoll_create1");
    made_cpu = cpu_seconds();
    for (int i = 0; i < count; i++)
        start(poller, HALF_SECOND + (int64_t)i * HALF_SECOND / count);
    put("create_us", (cpu_seconds() - made_cpu) * 1e6 / count);
    put("rss_bytes", (rss_bytes() - rss) / count);
    put("kernel_bytes", (slab_bytes() - slab) / count);

    double cpu = cpu_seconds();
    uint64_t fired = run(poller, start_ns + SECONDS * INT64_C(1000000000),
                         &reads);
    put("firing_us", (cpu_seconds() - cpu) * 1e6 / (double)reads);
    put("fired", (double)fired);
    put("timers", count);
}
