/* Timers on all clocks, re-armed timers, and watches of changing interest. */
#include <errno.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "host.h"

static const int64_t second_ns = 1000000000;

static int ran;
static int64_t ran_ns[8];

static void note(tl_runtime *runtime, uint64_t id, void *argument)
{
    const int *clock = argument;
    (void)id;
    ran_ns[ran++ % 8] = tl_clock_ns(runtime, *clock);
}

static void test_clocks(void)
{
    for (int clock = TL_CLOCK_MONOTONIC; clock <= TL_CLOCK_BOOTTIME; clock++) {
        int64_t start_ns = tl_clock_ns(rt, clock);
        uint64_t id;
        REQUIRE(start_ns > 0 && (ran = 0) == 0);
        REQUIRE(tl_at(rt, clock, start_ns + 5 * second_ns, 0, note, &clock,
                      NULL) == 0);
        REQUIRE(tl_at(rt, clock, start_ns + second_ns, 3 * second_ns, note,
                      &clock, &id) == 0);
        while (ran < 4)
            REQUIRE(tl_step(rt, 0) >= 0);
        REQUIRE(ran_ns[0] == start_ns + second_ns);
        REQUIRE(ran_ns[1] == start_ns + 4 * second_ns);
        REQUIRE(ran_ns[2] == start_ns + 5 * second_ns);
        REQUIRE(ran_ns[3] == start_ns + 7 * second_ns);
        REQUIRE(tl_cancel(rt, id) == 1 && tl_step(rt, 0) == TL_DONE);
        REQUIRE(tl_at(rt, clock, -5, 0, note, &clock, NULL) == 0);
        REQUIRE(tl_step(rt, 0) >= 0 && ran == 5); /* has passed */
    }
    REQUIRE(tl_clock_ns(rt, 3) == -EINVAL && tl_clock_ns(rt, -1) == -EINVAL);
    REQUIRE(tl_at(rt, 3, 0, 0, note, NULL, NULL) == -EINVAL);
    REQUIRE(tl_at(rt, 0, 0, -1, note, NULL, NULL) == -EINVAL);
    REQUIRE(tl_at(rt, 0, 0, 0, NULL, NULL, NULL) == -EINVAL);
}

static uint64_t again;

static void rearm(tl_runtime *runtime, uint64_t id, void *argument)
{
    note(runtime, id, argument);
    if (ran < 3)
        REQUIRE(tl_reset(runtime, id, second_ns) == 0);
}

static void test_reset(void)
{
    static int clock = TL_CLOCK_MONOTONIC;
    int64_t start_ns = tl_clock_ns(rt, clock);
    uint64_t id;
    ran = 0;
    REQUIRE(tl_after(rt, 9 * second_ns, rearm, &clock, &again) == 0);
    REQUIRE(tl_reset(rt, again, 2 * second_ns) == 0);
    while (tl_step(rt, 0) != TL_DONE)
        continue;
    REQUIRE(ran == 3 && ran_ns[0] == start_ns + 2 * second_ns);
    REQUIRE(ran_ns[2] == start_ns + 4 * second_ns);
    REQUIRE(tl_reset(rt, again, 0) == -ESTALE);
    REQUIRE(strstr(tl_error(rt), "tl_reset: "));
    start_ns = tl_clock_ns(rt, clock);
    ran = 0;
    REQUIRE(tl_every(rt, 4 * second_ns, note, &clock, &id) == 0);
    REQUIRE(tl_reset(rt, id, second_ns) == 0);
    while (ran < 2)
        REQUIRE(tl_step(rt, 0) >= 0);
    REQUIRE(ran_ns[0] == start_ns + second_ns);
    REQUIRE(ran_ns[1] == start_ns + 5 * second_ns);
    REQUIRE(tl_reset(rt, id, -1) == -EINVAL);
    REQUIRE(tl_cancel(rt, id) == 1 && tl_reset(rt, id, 0) == -ESTALE);
}

static int seen;

static void on_watch(tl_runtime *runtime, uint64_t id, int fd, int ready,
                     void *argument)
{
    (void)runtime, (void)id, (void)fd, (void)argument;
    seen |= ready;
}

static int look(void)
{
    seen = 0;
    (void)tl_step(rt, 0);
    return seen;
}

static void test_interest(void)
{
    int ends[2];
    uint64_t id;
    REQUIRE(pipe(ends) == 0);
    REQUIRE(tl_watch(rt, ends[1], TL_WATCH_READ, on_watch, NULL, &id) == 0);
    REQUIRE(look() == 0);
    REQUIRE(tl_interest(rt, id, TL_WATCH_WRITE) == 0 && readable(0));
    REQUIRE(look() == TL_WATCH_WRITE);
    REQUIRE(tl_interest(rt, id, 0) == 0);
    REQUIRE(look() == 0 && tl_step(rt, 0) == TL_DONE); /* it rests */
    REQUIRE(tl_interest(rt, id, TL_WATCH_READ | TL_WATCH_WRITE) == 0);
    REQUIRE(look() == TL_WATCH_WRITE);
    REQUIRE(tl_interest(rt, id, 4) == -EINVAL);
    REQUIRE(tl_interest(rt, id, -1) == -EINVAL);
    REQUIRE(tl_cancel(rt, id) == 1);
    REQUIRE(tl_interest(rt, id, TL_WATCH_READ) == -ESTALE);
    REQUIRE(tl_watch(rt, ends[0], TL_WATCH_READ, on_watch, NULL, &id) == 0);
    REQUIRE(tl_reset(rt, id, 0) == -ESTALE); /* no timer */
    REQUIRE(tl_interest(rt, id, 0) == 0 && close(ends[0]) == 0);
    REQUIRE(tl_interest(rt, id, TL_WATCH_READ) == -EBADF);
    REQUIRE(tl_step(rt, 0) == TL_DONE && tl_cancel(rt, id) == 0);
    REQUIRE(close(ends[1]) == 0);
}

static void test_texts(void)
{
    const int errors[] = {TL_ELIMIT, TL_ERAISED, TL_EWRONGTHREAD, -ECHILD};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        REQUIRE(strcmp(tl_strerror(errors[i]), "unknown error") != 0);
    REQUIRE(strcmp(tl_strerror(-EMFILE), "Too many open files") == 0);
    REQUIRE(strcmp(tl_strerror(-4000), "unknown error") == 0);
    REQUIRE(strcmp(tl_strerror(INT32_MIN), "unknown error") == 0);
    REQUIRE(strcmp(tl_strerror(TL_DONE), "no error") == 0);
}

int main(void)
{
    void (*const tests[])(void) = {test_clocks, test_reset, test_interest,
                                   test_texts};
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        tl_config config = {.size = sizeof config, .flags = TL_VIRTUAL_CLOCK};
        REQUIRE((rt = tl_new(&config)) != NULL);
        tests[i]();
        REQUIRE(tl_free(rt) == 0);
    }
    return 0;
}
