/* Ways to wait for an instant, the decision behind runtime/loop/poller_epoll.c:
     waiting timerfd|pwait2|pwait2-slack MICROSECONDS
   a timerfd in an epoll set; epoll_pwait2's own timeout; the same with the
   thread's timer slack at 1 ns. Prints how late the wake-ups were and the CPU
   time of each wait. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>

enum { MOST = 2000 };

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static double cpu_us(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e6 +
           (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

static struct timespec split(int64_t ns)
{
    return (struct timespec){ns / 1000000000, ns % 1000000000};
}

static void wait_timerfd(int epoll, int timer, int64_t deadline)
{
    struct itimerspec when = {.it_value = split(deadline)};
    struct epoll_event event;
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
    epoll_wait(epoll, &event, 1, -1);
}

static void wait_pwait2(int epoll, int64_t deadline)
{
    struct timespec timeout = split(deadline - now_ns());
    struct epoll_event event;
    epoll_pwait2(epoll, &event, 1, &timeout, NULL);
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    static int64_t late[MOST];
    if (argc != 3)
        return 2;
    int use_timerfd = strcmp(argv[1], "timerfd") == 0;
    if (strcmp(argv[1], "pwait2-slack") == 0)
        prctl(PR_SET_TIMERSLACK, 1);
    int64_t delay = atoll(argv[2]) * 1000;
    int count = delay > 500000000 ? 3 : delay >= 10000000 ? 50 : MOST;
    int epoll = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, 0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event);
    double cpu = cpu_us();
    for (int i = 0; i < count; i++) {
        int64_t deadline = now_ns() + delay;
        if (use_timerfd)
            wait_timerfd(epoll, timer, deadline);
        else
            wait_pwait2(epoll, deadline);
        late[i] = now_ns() - deadline;
    }
    cpu = cpu_us() - cpu;
    qsort(late, (size_t)count, sizeof *late, by_size);
    printf("p50_us %.1f\n", (double)late[count / 2] / 1e3);
    printf("p99_us %.1f\n", (double)late[count * 99 / 100] / 1e3);
    printf("cpu_us %.1f\n", cpu / count);
    return 0;
}
