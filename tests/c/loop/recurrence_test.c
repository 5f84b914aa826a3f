/* Timers that recur without a period, through the loop in virtual time, against
   a model that has all their instants in a list. Two recurrences: gaps that
   double, skip missed instants and end after a number of runs; and listed
   instants, each of which gets its run, however late.
   recurrence_test SEED STEPS random|stepped|ends|replaced */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "loop/cancels.h"
#include "loop/kinds.h"
#include "loop/loop.h"
#include "loop/timer.h"

enum { MOST = 40, LONGEST = 12 };

static uint64_t state;

static uint64_t random64(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static tl_loop *loop;
static const tl_kind *const kinds[TL_KINDS_MOST] = {
    [TL_TIMER] = &tl__timer_kind,
};
static size_t held; /* states that are not released */

/* --- the recurrences ----------------------------------------------------- */

typedef struct {
    int64_t gap_ns;
    size_t left;
} doubling_state;

static bool after_gap(tl_repetition *repetition, int64_t due_ns, int64_t now_ns,
                      tl_tick *next)
{
    doubling_state *s = repetition->by.state;
    *next = (tl_tick){due_ns, 0};
    for (; s->left > 0; next->missed++) {
        next->instant_ns = tl_deadline(next->instant_ns, s->gap_ns);
        s->gap_ns = tl_deadline(s->gap_ns, s->gap_ns);
        s->left--;
        if (next->instant_ns > now_ns)
            return true;
    }
    return false;
}

static void release(tl_repetition *repetition)
{
    held--;
    free(repetition->by.state);
}

static const tl_recurrence doubling = {after_gap, release};

typedef struct {
    size_t count;
    int64_t instants_ns[LONGEST]; /* rising */
} listed_state;

static bool after_listed(tl_repetition *repetition, int64_t due_ns,
                         int64_t now_ns, tl_tick *next)
{
    const listed_state *s = repetition->by.state;
    (void)now_ns;
    next->missed = 0;
    for (size_t i = 0; i < s->count; i++) {
        next->instant_ns = s->instants_ns[i];
        if (next->instant_ns > due_ns)
            return true;
    }
    return false;
}

static const tl_recurrence listed = {after_listed, release};

static void *made(size_t bytes)
{
    void *memory = calloc(1, bytes);
    TL_CHECK(memory != NULL, "out of memory");
    held++;
    return memory;
}

static tl_id start_at(int64_t first_ns, int clock)
{
    tl_id id;
    TL_CHECK(tl_timer_start(loop, &id, first_ns, 0, clock, 1) == 0,
             "a timer does not start");
    return id;
}

/* A timer whose runs are at first_ns, then gap_ns later, and so on. */
static tl_id start_doubling(int64_t first_ns, int64_t gap_ns, size_t count,
                            int clock)
{
    tl_id id = start_at(first_ns, clock);
    doubling_state *s = made(sizeof *s);
    *s = (doubling_state){gap_ns, count - 1};
    TL_CHECK(tl__timer_recur(loop, id, &doubling, s) == 0, "does not recur");
    return id;
}

static tl_id start_listed(const int64_t *instants_ns, size_t count)
{
    tl_id id = start_at(instants_ns[0], TL_MONOTONIC);
    listed_state *s = made(sizeof *s);
    s->count = count;
    memcpy(s->instants_ns, instants_ns, count * sizeof *instants_ns);
    TL_CHECK(tl__timer_recur(loop, id, &listed, s) == 0, "does not recur");
    return id;
}

/* --- the model ----------------------------------------------------------- */

typedef struct {
    tl_id id;
    bool live, doubles, active, paused, busy, in_batch;
    size_t count, at; /* instants_ns[at] is the next one */
    int64_t instants_ns[LONGEST];
    int64_t deadline_ns; /* the time left, while paused */
    uint64_t sequence, runs, missed_since, missed, missed_total;
} model;

static model models[MOST];
static uint64_t sequence, ran, ended;
static int64_t now_ns;

static void arm(model *m, int64_t deadline_ns)
{
    m->deadline_ns = deadline_ns;
    m->sequence = ++sequence;
    m->active = true;
    m->paused = m->in_batch = false;
}

/* The model's answer: go to the instant after the one at which it was due. */
static bool advance(model *m, int64_t due_ns)
{
    if (m->doubles) { /* the gaps go on from there */
        int64_t moved_ns = due_ns - m->instants_ns[m->at];
        for (size_t i = m->at; i < m->count; i++)
            m->instants_ns[i] += moved_ns;
        m->at++;
        for (; m->at < m->count && m->instants_ns[m->at] <= now_ns; m->at++)
            m->missed_since++, m->missed_total++;
    } else {
        for (m->at = 0; m->at < m->count && m->instants_ns[m->at] <= due_ns;)
            m->at++;
    }
    return m->at < m->count;
}

static void start(model *m)
{
    *m = (model){.live = true, .count = 1 + random64() % LONGEST};
    int64_t gap_ns = 1 + (int64_t)(random64() % 1000000);
    int64_t instant_ns = now_ns + (int64_t)(random64() % 2000000);
    m->doubles = random64() % 2;
    for (size_t i = 0; i < m->count; i++) {
        m->instants_ns[i] = instant_ns;
        instant_ns +=
            m->doubles ? gap_ns << i : 1 + (int64_t)(random64() % 1000000);
    }
    m->id = m->doubles ? start_doubling(m->instants_ns[0], gap_ns, m->count,
                                        TL_MONOTONIC)
                       : start_listed(m->instants_ns, m->count);
    arm(m, m->instants_ns[0]);
}

static void cancel(model *m)
{
    bool waited = m->active || m->paused;
    int expected = waited ? TL_CANCELLED : 0;
    TL_CHECK(tl_timer_cancel(loop, m->id.slot, m->id.generation) == expected,
             "cancel tells something else");
    m->active = m->paused = m->in_batch = false;
    m->live = m->busy;
    tl__cancels_free(loop);
}

static void drop(model *m)
{
    tl_handle_close(loop, m->id.slot, m->id.generation);
    m->live = m->active = m->paused = m->in_batch = m->busy = false;
}

/* By a delay, or to an instant, which may have passed. */
static void rearm(model *m)
{
    int64_t delay_ns = (int64_t)(random64() % 3000000);
    uint32_t slot = m->id.slot, generation = m->id.generation;
    int error;
    if (random64() % 2) {
        error = tl_timer_rearm(loop, slot, generation, delay_ns);
    } else {
        delay_ns -= 1000000;
        error = tl_timer_rearm_at(loop, slot, generation, now_ns + delay_ns);
    }
    TL_CHECK(error == 0, "rearm tells something else");
    arm(m, now_ns + delay_ns);
}

/* To the instant at which its own recurrence continues after now. */
static void rearm_own(model *m)
{
    model before = *m;
    bool more = advance(m, now_ns);
    int error = tl_timer_rearm(loop, m->id.slot, m->id.generation, -1);
    TL_CHECK(error == (more ? 0 : -EINVAL), "rearm tells something else");
    if (more)
        arm(m, m->instants_ns[m->at]);
    else
        *m = before;
}

static void pause_or_resume(model *m)
{
    uint32_t slot = m->id.slot, generation = m->id.generation;
    if (random64() % 2) {
        TL_CHECK(tl_timer_resume(loop, slot, generation) == 0, "no resume");
        if (m->paused)
            arm(m, now_ns + m->deadline_ns);
        return;
    }
    TL_CHECK(tl_timer_pause(loop, slot, generation) == 0, "no pause");
    if (!m->active)
        return;
    m->deadline_ns = m->deadline_ns > now_ns ? m->deadline_ns - now_ns : 0;
    m->active = m->in_batch = false;
    m->paused = true;
}

static void finish(model *m)
{
    bool ends = !m->active && !m->paused;
    TL_CHECK(tl_handle_done(loop, m->id.slot, m->id.generation) == ends,
             "a timer ends, or does not");
    m->busy = false;
    m->live = !ends;
    ended += ends;
}

static void stall(void)
{
    int64_t by_ns = (int64_t)(random64() % 4000000);
    tl_clock_go(&loop->clock, by_ns);
    now_ns += by_ns;
}

static void act(model *m)
{
    static void (*const acts[])(model *) = {
        cancel, drop, rearm, rearm, rearm_own, pause_or_resume, finish};
    uint64_t what = random64() % (sizeof acts / sizeof *acts);
    if (!m->live)
        start(m);
    else if (acts[what] != finish || m->busy)
        acts[what](m);
}

static void expect(const model *m)
{
    tl_handle_info info;
    int error = tl_handle_info_get(loop, m->id.slot, m->id.generation, &info);
    TL_CHECK(error == (m->live ? 0 : -ESTALE), "info tells something else");
    if (!m->live)
        return;
    TL_CHECK(info.active == m->active && info.paused == m->paused &&
                 info.running == m->busy,
             "info names another state");
    TL_CHECK(!isgreater(info.period, 0), "a period from somewhere");
    TL_CHECK(llround(info.runs) == (long long)m->runs &&
                 llround(info.missed) == (long long)m->missed &&
                 llround(info.missed_total) == (long long)m->missed_total,
             "info counts runs or missed instants wrongly");
    if (m->active)
        TL_CHECK(llround(tl_timer_deadline(loop, m->id.slot, m->id.generation) *
                         1e9) == (long long)m->deadline_ns,
                 "another deadline");
}

static void expect_all(void)
{
    size_t live = 0, active = 0;
    for (const model *m = models; m < models + MOST; m++) {
        expect(m);
        live += m->live;
        active += m->active;
    }
    TL_CHECK(held == live, "a state is lost, or outlives its timer");
    TL_CHECK(loop->active == active, "active timers are miscounted");
    tl_loop_check(loop);
}

/* --- turns --------------------------------------------------------------- */

static int by_deadline(const void *a, const void *b)
{
    const model *x = *(model *const *)a, *y = *(model *const *)b;
    if (x->deadline_ns != y->deadline_ns)
        return x->deadline_ns < y->deadline_ns ? -1 : 1;
    return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

/* Collect, after predicting the due timers; returns their number, in order. */
static size_t collect(model **due)
{
    int64_t next_ns = INT64_MAX;
    for (const model *m = models; m < models + MOST; m++)
        if (m->active && m->deadline_ns < next_ns)
            next_ns = m->deadline_ns;
    bool any = next_ns < INT64_MAX;
    TL_CHECK(tl_loop_collect(loop) == (any ? TL_COLLECTED : TL_NOTHING_LEFT),
             "the loop does not know whether something is left");
    if (any && next_ns > now_ns)
        now_ns = next_ns;
    TL_CHECK(tl_now_ns(loop, TL_MONOTONIC) == now_ns, "time went elsewhere");
    size_t count = 0;
    for (model *m = models; m < models + MOST; m++)
        if ((m->in_batch = m->active && m->deadline_ns <= now_ns))
            due[count++] = m;
    TL_CHECK(loop->batch_count == count, "the batch is not what is due");
    qsort(due, count, sizeof *due, by_deadline);
    return count;
}

/* The instant of a timer has come; false: the previous run is not over. */
static bool begin(model *m)
{
    m->in_batch = m->active = false;
    if (advance(m, m->deadline_ns))
        arm(m, m->instants_ns[m->at]);
    else /* its last: a re-armed instant comes after all of them */
        m->at = m->count - 1;
    if (m->busy) {
        m->missed_since++, m->missed_total++;
        return false;
    }
    m->busy = true;
    m->runs++;
    m->missed = m->missed_since;
    m->missed_since = 0;
    ran++;
    return true;
}

/* The timers that beginning the next callback skips: those that do not wait any
   more, and those still busy. NULL at the end. */
static model *next_to_run(model **due, size_t count, size_t *done)
{
    while (*done < count) {
        model *m = due[(*done)++];
        if (m->in_batch && begin(m))
            return m;
    }
    return NULL;
}

static void run_turn(void)
{
    model *due[MOST];
    size_t count = collect(due), done = 0;
    for (;;) {
        tl_event event;
        bool any = tl_loop_begin(loop, &event) != NULL;
        model *m = next_to_run(due, count, &done);
        TL_CHECK(any == (m != NULL), "runs, or does not");
        if (m == NULL)
            return;
        TL_CHECK(event.id.slot == m->id.slot &&
                     event.id.generation == m->id.generation,
                 "another one's turn");
        if (random64() % 3 == 0)
            act(&models[random64() % MOST]);
        if (random64() % 4 == 0)
            act(m);
        if (random64() % 5 == 0)
            stall();
        if (m->live && m->busy && random64() % 3)
            finish(m);
        expect_all();
    }
}

static void test_random(long steps)
{
    now_ns = tl_now_ns(loop, TL_MONOTONIC);
    for (long i = 0; i < steps; i++) {
        uint64_t what = random64() % 10;
        if (what < 5)
            act(&models[random64() % MOST]);
        else if (what == 5)
            stall();
        else
            run_turn();
        expect_all();
    }
    TL_CHECK(ran > 0 && ended > 0, "nothing happened");
    /* live timers are left to the loop's end */
}

/* --- single promises ----------------------------------------------------- */

static uint32_t begun(tl_id *id)
{
    tl_event event;
    TL_CHECK(tl_loop_collect(loop) == TL_COLLECTED, "nothing to collect");
    if (tl_loop_begin(loop, &event) == NULL)
        return 0;
    *id = event.id;
    return event.id.slot;
}

/* An instant that the wall clock takes back is asked about only once, when it
   has come again. */
static void test_stepped(long steps)
{
    (void)steps;
    int64_t start_ns = tl_now_ns(loop, TL_REALTIME);
    tl_id id = start_doubling(start_ns + 1000, 1000, 3, TL_REALTIME), ran_id;
    tl_clock_go(&loop->clock, 1000);
    TL_CHECK(tl_loop_collect(loop) == TL_COLLECTED && loop->batch_count == 1,
             "not due");
    TL_CHECK(tl_clock_step_wall(loop, -500) == 0, "the wall is not stepped");
    tl_event event;
    TL_CHECK(tl_loop_begin(loop, &event) == NULL, "ran early");
    static const int64_t instants_ns[] = {1000, 2000, 4000};
    for (size_t i = 0; i < 3; i++) {
        TL_CHECK(begun(&ran_id) == id.slot &&
                     tl_now_ns(loop, TL_REALTIME) == start_ns + instants_ns[i],
                 "ran at another instant");
        TL_CHECK(tl_handle_done(loop, id.slot, id.generation) == (i == 2),
                 "ends, or does not");
    }
}

/* After its last run a timer does not keep the loop running, even if the last
   run is missed because the previous one waits. Re-armed, the timer runs once
   more. */
static void test_ends(long steps)
{
    (void)steps;
    int64_t start_ns = tl_now_ns(loop, TL_MONOTONIC);
    tl_id id = start_doubling(start_ns + 1000, 1000, 2, TL_MONOTONIC), again;
    TL_CHECK(begun(&again) == id.slot, "the first one does not run");
    TL_CHECK(begun(&again) == 0, "runs into itself");
    TL_CHECK(tl_loop_collect(loop) == TL_NOTHING_LEFT && held == 1,
             "something is left");
    TL_CHECK(tl_timer_rearm(loop, id.slot, id.generation, -1) == -EINVAL,
             "one that is over knows an instant");
    TL_CHECK(tl_timer_rearm_at(loop, id.slot, id.generation, start_ns + 9000) ==
                     0 &&
                 tl_handle_done(loop, id.slot, id.generation) == 0,
             "not re-armed by its callback");
    TL_CHECK(begun(&again) == id.slot &&
                 tl_now_ns(loop, TL_MONOTONIC) == start_ns + 9000,
             "does not run where it was re-armed to");
    tl_handle_info info;
    TL_CHECK(tl_handle_info_get(loop, id.slot, id.generation, &info) == 0 &&
                 llround(info.missed) == 1 && llround(info.runs) == 2,
             "the run does not report the missed one");
    TL_CHECK(tl_handle_done(loop, id.slot, id.generation) == 1 && held == 0,
             "goes on, or keeps its state");
    TL_CHECK(tl__timer_recur(loop, id, &doubling, NULL) == -ESTALE &&
                 tl_timer_rearm_at(loop, id.slot, id.generation, 0) == -ESTALE,
             "one that has ended is used again");
}

/* A period takes its place, and then nothing; an instant that never comes is
   waited for, like an endless delay. */
static void test_replaced(long steps)
{
    (void)steps;
    int64_t start_ns = tl_now_ns(loop, TL_MONOTONIC);
    tl_id id = start_doubling(start_ns + 1000, 1000, 9, TL_MONOTONIC), ran_id;
    TL_CHECK(tl_timer_period(loop, id.slot, id.generation, 70) == 0 &&
                 held == 0,
             "its state is kept under a period");
    for (int64_t i = 0; i < 3; i++) {
        TL_CHECK(begun(&ran_id) == id.slot &&
                     tl_now_ns(loop, TL_MONOTONIC) == start_ns + 1000 + 70 * i,
                 "not on the period's grid");
        TL_CHECK(tl_handle_done(loop, id.slot, id.generation) == 0, "ends");
    }
    TL_CHECK(tl_timer_period(loop, id.slot, id.generation, 0) == 0 &&
                 begun(&ran_id) == id.slot &&
                 tl_handle_done(loop, id.slot, id.generation) == 1,
             "recurs without a period");
    id = start_doubling(start_ns + 1000, INT64_MAX, 9, TL_MONOTONIC);
    TL_CHECK(begun(&ran_id) == id.slot &&
                 tl_handle_done(loop, id.slot, id.generation) == 0 &&
                 loop->active == 1,
             "a sum that saturates ends a timer");
    TL_CHECK(tl_timer_rearm_at(loop, id.slot, id.generation, INT64_MIN) == 0 &&
                 begun(&ran_id) == id.slot,
             "the most distant past is not due");
}

static void open_virtual(void)
{
    loop = tl_loop_open(kinds);
    TL_CHECK(loop != NULL, "the loop does not open");
    TL_CHECK(tl_clock_virtual(loop, INT64_C(1700000000000000000)) == 0,
             "time is not virtual");
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(long steps);
    } tests[] = {{"random", test_random},
                 {"stepped", test_stepped},
                 {"ends", test_ends},
                 {"replaced", test_replaced}};
    if (argc != 4) {
        fprintf(stderr, "usage: recurrence_test SEED STEPS "
                        "random|stepped|ends|replaced\n");
        return 2;
    }
    state = strtoull(argv[1], NULL, 10) * 0x9E3779B97F4A7C15u + 1;
    open_virtual();
    bool found = false;
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        if (strcmp(argv[3], tests[i].name) != 0)
            continue;
        found = true;
        tests[i].run(atol(argv[2]));
    }
    TL_CHECK(found, "no test of that name");
    tl_loop_close(loop);
    TL_CHECK(held == 0, "the loop's end leaves a state behind");
    printf("ok: %s, seed %s, %s steps\n", argv[3], argv[1], argv[2]);
    return 0;
}
