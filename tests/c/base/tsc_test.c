/* The counter as a clock, against the kernel's clock: never ahead, behind by
   less than is promised, never back.
   tsc_test SEED READINGS plain | moving | stopped | threads | stepped */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "check.h"

static long readings;
static long by_counter;

/* One comparison. A thread that is stopped between two readings sees the
   kernel's clock go on, so only a reading that is ahead, or one that is behind
   the kernel's earlier reading, is wrong. */
static void compare(tl_clock *clock, int64_t *last_ns)
{
    int64_t before_ns = tl_clock_kernel_ns(TL_MONOTONIC);
    int64_t ns = tl_clock_read(clock, TL_MONOTONIC);
    int64_t after_ns = tl_clock_kernel_ns(TL_MONOTONIC);
    TL_CHECK(ns <= after_ns, "a reading is ahead of the kernel's clock");
    TL_CHECK(ns + tl_clock_behind_ns(clock, TL_MONOTONIC) >= before_ns,
             "a reading is too far behind the kernel's clock");
    TL_CHECK(ns >= *last_ns, "time goes back");
    *last_ns = ns;
    by_counter += clock->tsc.window != 0;
}

static void compare_many(void)
{
    tl_clock clock;
    int64_t last_ns = 0;
    tl_clock_init(&clock);
    for (long i = 0; i < readings; i++)
        compare(&clock, &last_ns);
}

/* --- moved from processor to processor ------------------------------------ */

static atomic_bool over;

static void *move(void *argument)
{
    pthread_t moved = *(pthread_t *)argument;
    long count = sysconf(_SC_NPROCESSORS_CONF), next = 0;
    cpu_set_t allowed;
    (void)sched_getaffinity(0, sizeof allowed, &allowed);
    while (!atomic_load(&over)) {
        next = (next + 1) % count;
        if (!CPU_ISSET((size_t)next, &allowed))
            continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET((size_t)next, &one);
        (void)pthread_setaffinity_np(moved, sizeof one, &one);
        (void)usleep(50);
    }
    return NULL;
}

static void moving(void)
{
    pthread_t mover, self = pthread_self();
    TL_CHECK(pthread_create(&mover, NULL, move, &self) == 0, "no thread");
    compare_many();
    atomic_store(&over, true);
    (void)pthread_join(mover, NULL);
}

/* --- stopped and continued ------------------------------------------------ */

static void stopped(void)
{
    pid_t child = fork();
    TL_CHECK(child >= 0, "no child");
    if (child == 0) {
        compare_many();
        return;
    }
    int status = 0;
    while (waitpid(child, &status, WNOHANG) == 0) {
        (void)kill(child, SIGSTOP);
        (void)usleep((useconds_t)(rand() % 2000));
        (void)kill(child, SIGCONT);
        (void)usleep((useconds_t)(rand() % 2000));
    }
    TL_CHECK(status == 0, "the stopped process has failed");
    exit(0); /* the child has reported */
}

/* --- the counter in one thread, the kernel in another -----------------------
 */

static _Atomic int64_t told_ns;

static void *tell(void *argument)
{
    tl_clock *clock = argument;
    for (long i = 0; i < readings; i++) {
        atomic_store(&told_ns, tl_clock_read(clock, TL_MONOTONIC));
        by_counter += clock->tsc.window != 0;
    }
    atomic_store(&over, true);
    return NULL;
}

static void threads(void)
{
    tl_clock clock;
    pthread_t teller;
    tl_clock_init(&clock);
    TL_CHECK(pthread_create(&teller, NULL, tell, &clock) == 0, "no thread");
    while (!atomic_load(&over)) {
        int64_t ns = atomic_load(&told_ns);
        TL_CHECK(ns <= tl_clock_kernel_ns(TL_MONOTONIC),
                 "another thread's reading is ahead of the kernel's clock");
    }
    (void)pthread_join(teller, NULL);
}

/* --- the kernel's clock goes another way ------------------------------------
 */

/* The counter's scale is changed behind its back, as if the kernel's clock had
   become slower or faster by a quarter. */
static void stepped(uint64_t numerator)
{
    tl_clock clock;
    tl_clock_init(&clock);
    tl_tsc *tsc = &clock.tsc;
    for (long i = 0; i < readings && tsc->window == 0; i++)
        (void)tl_clock_read(&clock, TL_MONOTONIC);
    if (tsc->window == 0) /* the counter is no clock of this machine */
        return;
    tsc->scale = tsc->scale * numerator / 4;
    for (long i = 0; i < readings && !tsc->never; i++)
        (void)tl_clock_read(&clock, TL_MONOTONIC);
    TL_CHECK(tsc->never, "a contradiction is not noticed");
    for (int i = 0; i < 1000; i++) {
        int64_t before_ns = tl_clock_kernel_ns(TL_MONOTONIC);
        int64_t ns = tl_clock_read(&clock, TL_MONOTONIC);
        TL_CHECK(ns >= before_ns || ns == tsc->latest_ns,
                 "the counter is used after a contradiction");
        TL_CHECK(tsc->window == 0, "the counter is still used");
    }
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    srand((unsigned)atoi(argv[1]));
    readings = atol(argv[2]);
    const char *way = argv[3];
    if (strcmp(way, "plain") == 0)
        compare_many();
    else if (strcmp(way, "moving") == 0)
        moving();
    else if (strcmp(way, "stopped") == 0)
        stopped();
    else if (strcmp(way, "threads") == 0)
        threads();
    else
        stepped(3), stepped(5);
    printf("ok: %ld readings, %ld of them by the counter\n", readings,
           by_counter);
    return 0;
}
