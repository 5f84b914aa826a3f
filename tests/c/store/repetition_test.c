/* The repetition of a timer: ticks of a period, anywhere in int64, against an
   oracle of 128 bits; what is counted; whose state is released, and when.
   repetition_test SEED STEPS periods|counts|states */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "store/repetition.h"

typedef __int128 wide;

static uint64_t state;

static uint64_t random64(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Of any size and sign, and from time to time one of the ends. */
static int64_t random_instant(void)
{
    static const int64_t ends[] = {INT64_MIN, INT64_MIN + 1, -1,       0,
                                   1,         INT64_MAX - 1, INT64_MAX};
    uint64_t which = random64() % 20;
    if (which < sizeof ends / sizeof *ends)
        return ends[which];
    int64_t magnitude = (int64_t)(random64() >> (1 + random64() % 63));
    return random64() % 2 ? magnitude : -magnitude;
}

static void expect_tick(int64_t period_ns, int64_t due_ns, int64_t now_ns)
{
    tl_repetition *repetition = tl_repetition_open(0);
    TL_CHECK(repetition != NULL, "out of memory");
    tl_repetition_every(repetition, period_ns);
    tl_tick next;
    TL_CHECK(tl_repetition_after(repetition, due_ns, now_ns, &next),
             "a period is over");
    wide tick = (wide)due_ns + (wide)(next.missed + (wide)1) * period_ns;
    TL_CHECK(tick > now_ns, "a tick that passed is not counted");
    TL_CHECK(tick - period_ns <= now_ns, "a tick to come is counted");
    TL_CHECK(next.instant_ns == (tick > INT64_MAX ? INT64_MAX : (int64_t)tick),
             "the next tick is not on the grid");
    tl_repetition_close(repetition);
}

static void test_periods(long steps)
{
    for (long i = 0; i < steps; i++) {
        int64_t due_ns = random_instant(), now_ns = random_instant();
        int64_t period_ns = random_instant();
        if (random64() % 2) /* near each other, as they mostly are */
            now_ns = tl_deadline(due_ns, (int64_t)(random64() % 1000));
        if (now_ns < due_ns) {
            int64_t swapped_ns = due_ns;
            due_ns = now_ns;
            now_ns = swapped_ns;
        }
        if (period_ns > 0)
            expect_tick(period_ns, due_ns, now_ns);
    }
    expect_tick(1, INT64_MIN, INT64_MAX);
    expect_tick(INT64_MAX, INT64_MIN, INT64_MAX);
}

static void test_counts(long steps)
{
    (void)steps;
    TL_CHECK(sizeof(tl_repetition) <= 56, "more than a piece of malloc's");
    tl_repetition *r = tl_repetition_open(7);
    TL_CHECK(r != NULL && r->recurrence == NULL && r->by.interval_ns == 7,
             "one that was just made recurs, or forgot its interval");
    tl_repetition_run(r, 10);
    TL_CHECK(r->runs == 1 && r->due_ns == 10 && r->missed == 0,
             "a first run has missed something");
    tl_repetition_miss(r, 3);
    tl_repetition_miss(r, 1);
    TL_CHECK(r->missed == 0 && r->missed_total == 4, "told before the run");
    tl_repetition_run(r, 50);
    TL_CHECK(r->runs == 2 && r->due_ns == 50 && r->missed == 4,
             "a run does not report the missed ticks");
    tl_repetition_run(r, 60);
    TL_CHECK(r->missed == 0 && r->missed_total == 4, "told twice");
    tl_repetition_close(r);
}

/* --- states -------------------------------------------------------------- */

static int held;

static bool never(tl_repetition *repetition, int64_t due_ns, int64_t now_ns,
                  tl_tick *next)
{
    (void)repetition, (void)due_ns, (void)now_ns;
    next->missed = 0;
    return false;
}

static void let_go(tl_repetition *repetition)
{
    held--;
    free(repetition->by.state);
}

static const tl_recurrence holding = {never, let_go};

static void recur(tl_repetition *repetition)
{
    void *memory = malloc(1);
    TL_CHECK(memory != NULL, "out of memory");
    tl_repetition_recur(repetition, &holding, memory);
    held++;
}

static void test_states(long steps)
{
    (void)steps;
    tl_repetition *r = tl_repetition_open(7);
    TL_CHECK(r != NULL, "out of memory");
    recur(r);
    recur(r);
    TL_CHECK(held == 1, "the state of before is not released");
    tl_repetition_every(r, 5);
    TL_CHECK(held == 0 && r->by.interval_ns == 5, "a period with a state");
    tl_repetition_once(r);
    TL_CHECK(r->recurrence == NULL && r->by.interval_ns == 5,
             "the period is not kept as the interval");
    recur(r);
    tl_repetition_once(r);
    TL_CHECK(held == 0 && r->by.interval_ns == 0, "an interval from a state");
    recur(r);
    tl_repetition_close(r);
    TL_CHECK(held == 0, "the state outlives its repetition");
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(long steps);
    } tests[] = {{"periods", test_periods},
                 {"counts", test_counts},
                 {"states", test_states}};
    if (argc != 4) {
        fprintf(stderr,
                "usage: repetition_test SEED STEPS periods|counts|states\n");
        return 2;
    }
    state = strtoull(argv[1], NULL, 10) * 0x9E3779B97F4A7C15u + 1;
    bool found = false;
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        if (strcmp(argv[3], tests[i].name) != 0)
            continue;
        found = true;
        tests[i].run(atol(argv[2]));
    }
    TL_CHECK(found, "no test of that name");
    printf("ok: %s, seed %s, %s steps\n", argv[3], argv[1], argv[2]);
    return 0;
}
