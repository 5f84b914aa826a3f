/* The timer store against a slow oracle: random arming, moving, cancelling
   and expiring, everything recomputed after each step.
   timers_test SEED STEPS CHECK_EVERY */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "store/timers.h"

enum { MOST = 400 };

typedef struct {
    tl_id id;
    int64_t deadline_ns;
    uint64_t sequence;
    int clock;
    bool queued;
} model;

static uint64_t state;

static uint64_t random64(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Delays of every size from 1 ns to 200 years, many of them equal. */
static int64_t random_delay(void)
{
    int64_t most = INT64_C(200) * 366 * 86400 * 1000000000;
    int64_t delay = (int64_t)(random64() >> 1 >> random64() % 63);
    if (random64() % 4 == 0)
        delay = (int64_t)(random64() % 8) * 1000000;
    return delay > most ? most : delay;
}

static model models[MOST];
static tl_handles handles;
static const uint8_t groups[TL_KINDS_MOST] = {[TL_TIMER] = TL_GROUP_TIMERS};
static tl_timers stores[TL_CLOCKS];
static int64_t now_ns[TL_CLOCKS];
static uint64_t sequence;

static void arm(model *m)
{
    m->clock = m->queued ? m->clock : (int)(random64() % TL_CLOCKS);
    m->deadline_ns = tl_deadline(now_ns[m->clock], random_delay());
    if (random64() % 16 == 0)
        m->deadline_ns = now_ns[m->clock] - (int64_t)(random64() % 1000);
    m->sequence = ++sequence;
    int error;
    if (m->queued) {
        error = tl_timers_move(&stores[m->clock], m->id.slot, m->deadline_ns);
    } else {
        error = tl_handles_open(&handles, TL_TIMER, &m->id);
        TL_CHECK(error == 0, "out of memory");
        tl_handles_at(&handles, m->id.slot)->flags = (uint8_t)m->clock;
        error = tl_timers_add(&stores[m->clock], m->id.slot, m->deadline_ns);
    }
    TL_CHECK(error == 0, "out of memory");
    m->queued = true;
}

static void cancel(model *m)
{
    if (!m->queued)
        return;
    tl_timers_remove(&stores[m->clock], m->id.slot);
    tl_handles_close(&handles, m->id.slot);
    m->queued = false;
}

static model *least(int clock)
{
    model *found = NULL;
    for (model *m = models; m < models + MOST; m++) {
        if (!m->queued || m->clock != clock)
            continue;
        if (found == NULL || m->deadline_ns < found->deadline_ns ||
            (m->deadline_ns == found->deadline_ns &&
             m->sequence < found->sequence))
            found = m;
    }
    return found;
}

static void expect_next(int clock)
{
    int64_t next_ns = 0, last_ns = 0;
    model *m = least(clock);
    bool any = tl_timers_next(&stores[clock], &next_ns);
    TL_CHECK(any == (m != NULL), "next sees timers that are not there");
    TL_CHECK(m == NULL || next_ns == m->deadline_ns, "next is inexact");
    int64_t slack_ns = (int64_t)(random64() % 3000000);
    if (!tl_timers_last_within(&stores[clock], slack_ns, &last_ns))
        return;
    int64_t expected_ns = next_ns;
    for (m = models; m < models + MOST; m++)
        if (m->queued && m->clock == clock && m->deadline_ns > expected_ns &&
            m->deadline_ns <= tl_deadline(next_ns, slack_ns))
            expected_ns = m->deadline_ns;
    TL_CHECK(last_ns == expected_ns, "the last within slack is another");
}

static void expire(int clock)
{
    int64_t next_ns;
    now_ns[clock] = tl_deadline(now_ns[clock], random_delay() >> 8);
    if (random64() % 4 == 0 && tl_timers_next(&stores[clock], &next_ns) &&
        next_ns > now_ns[clock])
        now_ns[clock] = next_ns - (int64_t)(random64() % 2);
    uint32_t slots[7];
    size_t count;
    do {
        count = tl_timers_expire(&stores[clock], now_ns[clock], slots, 7);
        for (size_t i = 0; i < count; i++) {
            model *m = least(clock);
            TL_CHECK(m != NULL && m->id.slot == slots[i], "wrong order");
            TL_CHECK(m->deadline_ns <= now_ns[clock], "fired early");
            m->queued = false;
            tl_handles_close(&handles, slots[i]);
        }
    } while (count == 7);
    model *m = least(clock);
    TL_CHECK(m == NULL || m->deadline_ns > now_ns[clock], "fired not at all");
}

static void step(void)
{
    model *m = &models[random64() % MOST];
    uint64_t what = random64() % 100;
    if (what < 60)
        arm(m);
    else if (what < 85)
        cancel(m);
    else if (what < 95)
        expect_next((int)(random64() % TL_CLOCKS));
    else
        expire((int)(random64() % TL_CLOCKS));
    if (random64() % 5000 == 0) /* the order of arming runs out */
        stores[random64() % TL_CLOCKS].order = UINT32_MAX - 3;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: timers_test SEED STEPS CHECK_EVERY\n");
        return 2;
    }
    state = strtoull(argv[1], NULL, 10) * 0x9E3779B97F4A7C15u + 1;
    long steps = atol(argv[2]), check_every = atol(argv[3]);
    tl_handles_init(&handles, groups);
    for (int c = 0; c < TL_CLOCKS; c++) {
        tl_timers_init(&stores[c], &handles, c);
        now_ns[c] = (int64_t)(random64() >> 3);
    }
    for (long i = 0; i < steps; i++) {
        step();
        if (i % check_every)
            continue;
        tl_handles_check(&handles);
        for (int c = 0; c < TL_CLOCKS; c++)
            tl_timers_check(&stores[c]);
    }
    for (int i = 0; i < MOST; i++)
        cancel(&models[i]);
    for (int c = 0; c < TL_CLOCKS; c++)
        tl_timers_free(&stores[c]);
    tl_handles_free(&handles);
    printf("ok: seed %s, %ld steps\n", argv[1], steps);
    return 0;
}
