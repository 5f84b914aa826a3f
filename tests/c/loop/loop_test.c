/* The loop in virtual time against a model: random starting, cancelling,
   re-arming, pausing, by the script and by the callbacks themselves; and the
   timers that then run, when, in which order and how often. In addition, single
   promises. On epoll or, with `scripted`, on a scripted poller that makes no
   system calls.
   loop_test SEED STEPS random|clocks|wake|watch|fairness|busy [scripted] */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "loop/cancels.h"
#include "loop/kinds.h"
#include "loop/loop.h"
#include "scripted_poller.h"

enum { MOST = 150 };

typedef struct {
    tl_id id;
    bool live, active, paused, unref, recurs, busy, in_batch;
    int clock;
    int64_t deadline_ns; /* the time left, while paused on a moving clock */
    int64_t interval_ns;
    uint64_t sequence, runs, missed, missed_total;
} model;

static uint64_t state;

static uint64_t random64(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static const tl_kind *const kinds[TL_KINDS_MOST] = {
    [TL_TIMER] = &tl__timer_kind,
    [TL_WATCH] = &tl__watch_kind,
};
static tl_loop *loop;
static model models[MOST];
static uint64_t sequence, armed, fired, cancelled, turns;
static int64_t now_ns[TL_CLOCKS];

static int64_t random_delay(void)
{
    if (random64() % 3 == 0)
        return (int64_t)(random64() % 5) * 1000000;
    return (int64_t)(random64() >> 1 >> (10 + random64() % 53));
}

static void arm(model *m, int64_t deadline_ns)
{
    m->deadline_ns = deadline_ns;
    m->sequence = ++sequence;
    m->active = true;
    m->paused = m->in_batch = false;
    armed++;
}

static void start(model *m)
{
    int64_t delay_ns = random_delay(), interval_ns = 1 + random_delay();
    int options = (int)(random64() % TL_CLOCKS);
    bool absolute = random64() % 4 == 0;
    *m = (model){.live = true, .clock = options, .interval_ns = interval_ns};
    m->recurs = random64() % 2;
    m->unref = random64() % 8 == 0;
    options |= (m->recurs ? TL_RECUR : 0) | (m->unref ? TL_UNREF : 0);
    int64_t deadline_ns = now_ns[m->clock] + delay_ns;
    int error = tl_timer_start(loop, &m->id, absolute ? deadline_ns : delay_ns,
                               interval_ns, options, absolute);
    TL_CHECK(error == 0, "a timer does not start");
    arm(m, deadline_ns);
}

static void start_after(model *m)
{
    double delay_s = (double)(random64() % 5000) / 1000;
    int64_t delay_ns = llround(delay_s * 1e9);
    *m = (model){.live = true, .interval_ns = delay_ns};
    int error = random64() % 2 ? tl_timer_after(loop, &m->id, delay_s)
                               : tl_timer_start(loop, &m->id, delay_ns,
                                                delay_ns, TL_MONOTONIC, 0);
    TL_CHECK(error == 0, "a timer does not start");
    arm(m, now_ns[TL_MONOTONIC] + delay_ns);
}

/* A timer that only waits is entered in the list of cancels, while there is
   room; what the dispatcher does in each turn happens here at any time. */
static void cancel(model *m)
{
    bool waited = m->active || m->paused;
    bool enters = m->live && !m->busy && loop->cancels.count < TL_CANCELS_MOST;
    int expected = (waited ? TL_CANCELLED : 0) | (m->busy ? 0 : TL_ENDED);
    if (enters)
        expected = loop->cancels.count + 1 == TL_CANCELS_MOST
                       ? TL_CANCELLED | TL_FULL
                       : TL_CANCELLED;
    int got = tl_timer_cancel(loop, m->id.slot, m->id.generation);
    TL_CHECK(got == (m->live ? expected : 0), "cancel tells something else");
    if (random64() % 64 == 0)
        tl__cancels_free(loop);
    cancelled += m->live && waited;
    m->active = m->paused = m->in_batch = false;
    m->live = m->live && m->busy;
}

static void reset(model *m)
{
    int64_t delay_ns = random64() % 3 ? random_delay() : -1;
    int error = tl_timer_rearm(loop, m->id.slot, m->id.generation, delay_ns);
    TL_CHECK(error == (m->live ? 0 : -ESTALE), "rearm tells something else");
    if (m->live)
        arm(m, now_ns[m->clock] + (delay_ns < 0 ? m->interval_ns : delay_ns));
}

/* To an instant on its clock, which may have passed. */
static void reset_at(model *m)
{
    int64_t deadline_ns = now_ns[m->clock] + random_delay();
    if (random64() % 4 == 0)
        deadline_ns = now_ns[m->clock] - random_delay();
    int error =
        tl_timer_rearm_at(loop, m->id.slot, m->id.generation, deadline_ns);
    TL_CHECK(error == (m->live ? 0 : -ESTALE), "rearm tells something else");
    if (m->live)
        arm(m, deadline_ns > 0 ? deadline_ns : 0);
}

static void pause_one(model *m)
{
    int error = tl_timer_pause(loop, m->id.slot, m->id.generation);
    TL_CHECK(error == (m->live ? 0 : -ESTALE), "pause tells something else");
    if (!m->live || !m->active)
        return;
    if (m->clock != TL_REALTIME) {
        m->deadline_ns -= now_ns[m->clock];
        if (m->deadline_ns < 0)
            m->deadline_ns = 0;
    }
    m->active = m->in_batch = false;
    m->paused = true;
}

static void resume(model *m)
{
    int error = tl_timer_resume(loop, m->id.slot, m->id.generation);
    TL_CHECK(error == (m->live ? 0 : -ESTALE), "resume tells something else");
    if (!m->live || !m->paused)
        return;
    bool moves = m->clock != TL_REALTIME;
    arm(m, m->deadline_ns + (moves ? now_ns[m->clock] : 0));
}

static void change_period(model *m)
{
    int64_t period_ns = random64() % 3 ? 1 + random_delay() : 0;
    int error = tl_timer_period(loop, m->id.slot, m->id.generation, period_ns);
    TL_CHECK(error == (m->live ? 0 : -ESTALE), "period tells something else");
    if (!m->live)
        return;
    if (period_ns > 0)
        m->interval_ns = period_ns;
    m->recurs = period_ns > 0;
}

static void change_ref(model *m)
{
    bool on = random64() % 4;
    int error = tl_timer_ref(loop, m->id.slot, m->id.generation, on);
    TL_CHECK(error == (m->live ? 0 : -ESTALE), "ref tells something else");
    m->unref = !on;
}

static bool is_near(double got, double expected)
{
    return fabs(got - expected) <= fabs(expected) * 1e-6;
}

static bool is_exact(double got, int64_t ns)
{
    double expected = (double)ns / 1e9;
    return got >= expected && got <= expected;
}

static void expect_info(const model *m)
{
    tl_handle_info info;
    uint32_t slot = m->id.slot, generation = m->id.generation;
    int error = tl_handle_info_get(loop, slot, generation, &info);
    TL_CHECK(error == (m->live ? 0 : -ESTALE), "info tells something else");
    double deadline_s = tl_timer_deadline(loop, slot, generation);
    if (m->live && m->active)
        TL_CHECK(is_exact(deadline_s, m->deadline_ns), "another deadline");
    else
        TL_CHECK(isnan(deadline_s), "a deadline without waiting");
    if (!m->live)
        return;
    TL_CHECK(info.kind == TL_TIMER && info.clock == m->clock && info.fd == -1,
             "info names another kind, clock or descriptor");
    TL_CHECK(info.active == m->active && info.paused == m->paused &&
                 info.referenced == !m->unref,
             "info names another state");
    TL_CHECK(is_exact(info.period, m->recurs ? m->interval_ns : 0),
             "info names another period");
    if (m->active && !m->busy)
        TL_CHECK(is_exact(info.due, m->deadline_ns), "info: another due");
    if (m->paused && !m->busy)
        TL_CHECK(is_exact(info.due, m->deadline_ns), "info: another rest");
    TL_CHECK(is_near(info.runs, (double)m->runs) &&
                 is_near(info.missed, (double)m->missed) &&
                 is_near(info.missed_total, (double)m->missed_total),
             "info counts runs or missed ticks wrongly");
}

static void expect_loop(void)
{
    size_t active = 0, live = 0;
    for (const model *m = models; m < models + MOST; m++) {
        active += m->active && !m->unref;
        live += m->live;
    }
    tl_loop_stats stats;
    tl_loop_stats_get(loop, &stats);
    TL_CHECK(loop->active == active && is_near(stats.active, (double)active),
             "active handles are miscounted");
    TL_CHECK(is_near(stats.handles, (double)live), "handles are miscounted");
    TL_CHECK(is_near(stats.armed, (double)armed) &&
                 is_near(stats.fired, (double)fired) &&
                 is_near(stats.cancelled, (double)cancelled) &&
                 is_near(stats.turns, (double)turns),
             "the counters count something else");
    TL_CHECK(is_near(tl_lateness_count(loop), (double)fired),
             "lateness is not recorded for each run");
    tl_loop_check(loop);
}

/* One of the things a script does, to a random timer. */
static void act(model *m)
{
    static void (*const acts[])(model *) = {cancel,        reset,     reset_at,
                                            pause_one,     resume,    cancel,
                                            change_period, change_ref};
    if (!m->live && random64() % 4)
        (random64() % 3 ? start : start_after)(m);
    else if (m->id.slot != 0)
        acts[random64() % (sizeof acts / sizeof *acts)](m);
    expect_info(m);
}

/* The clocks advance by themselves: as while a callback computes, in a suspend,
   or when an operator sets them. */
static void move_time(void)
{
    int64_t by_ns = random_delay() / 1000;
    uint64_t what = random64() % 4;
    if (what == 0) {
        int64_t step_ns = random64() % 2 ? by_ns : -by_ns;
        if (step_ns < -now_ns[TL_REALTIME])
            step_ns = -now_ns[TL_REALTIME];
        TL_CHECK(tl_clock_step_wall(loop, step_ns) == 0, "wall not stepped");
        now_ns[TL_REALTIME] += step_ns;
    } else if (what == 1) {
        TL_CHECK(tl_clock_suspend(loop, by_ns) == 0, "not suspended");
        now_ns[TL_REALTIME] += by_ns;
        now_ns[TL_BOOTTIME] += by_ns;
    } else {
        tl_clock_go(&loop->clock, by_ns);
        for (int c = 0; c < TL_CLOCKS; c++)
            now_ns[c] += by_ns;
    }
    for (int c = 0; c < TL_CLOCKS; c++)
        TL_CHECK(tl_now_ns(loop, c) == now_ns[c] &&
                     is_exact(tl_now(loop, c), now_ns[c]),
                 "a clock went elsewhere");
}

/* The wait until the next deadline of any clock; false when there is none. */
static bool next_wait(int64_t *wait_ns)
{
    bool any = false;
    for (const model *m = models; m < models + MOST; m++) {
        if (!m->active)
            continue;
        int64_t left_ns = m->deadline_ns - now_ns[m->clock];
        if (!any || left_ns < *wait_ns)
            *wait_ns = left_ns;
        any = true;
    }
    return any;
}

/* Collect, after predicting the time reached and the timers due then. */
static bool collect(void)
{
    int64_t wait_ns = 0;
    bool wanted = loop->active > 0;
    bool any = next_wait(&wait_ns);
    TL_CHECK(tl_loop_due(loop) == (any && wait_ns <= 0), "due or not due?");
    int outcome = tl_loop_collect(loop);
    turns++;
    TL_CHECK(outcome == (wanted ? TL_COLLECTED : TL_NOTHING_LEFT),
             "the loop does not know whether something is left");
    if (!wanted)
        return false;
    size_t due = 0;
    for (int c = 0; c < TL_CLOCKS; c++) {
        now_ns[c] += wait_ns > 0 ? wait_ns : 0;
        TL_CHECK(tl_now_ns(loop, c) == now_ns[c], "time went elsewhere");
    }
    for (model *m = models; m < models + MOST; m++) {
        m->in_batch = m->active && m->deadline_ns <= now_ns[m->clock];
        due += m->in_batch;
    }
    TL_CHECK(loop->batch_count == due, "the batch is not what is due");
    return true;
}

static model *by_id(tl_id id)
{
    for (model *m = models; m < models + MOST; m++)
        if (m->live && m->id.slot == id.slot &&
            m->id.generation == id.generation)
            return m;
    TL_CHECK(false, "an event of nobody");
    return NULL;
}

/* The effects of beginning a timer's callback. */
static void begin(model *m)
{
    int64_t late_ns = now_ns[m->clock] - m->deadline_ns;
    if (late_ns < 0)
        late_ns = 0; /* the wall clock was stepped back by a callback */
    fired++;
    m->busy = true;
    m->in_batch = m->active = false;
    tl_handle_info info;
    TL_CHECK(tl_handle_info_get(loop, m->id.slot, m->id.generation, &info) ==
                     0 &&
                 is_near(info.late, (double)late_ns / 1e9),
             "late is another");
    TL_CHECK(is_exact(info.due, m->deadline_ns), "due is another");
    m->runs++;
    m->missed = 0;
    if (!m->recurs)
        return;
    m->missed = (uint64_t)(late_ns / m->interval_ns);
    m->missed_total += m->missed;
    m->active = true;
    m->deadline_ns += (int64_t)(m->missed + 1) * m->interval_ns;
    m->sequence = ++sequence;
}

/* Run the batch: on each clock by deadline, then by arming; a timer that a
   callback cancels or moves does not run. */
static void run_batch(void)
{
    int64_t latest_ns[TL_CLOCKS] = {INT64_MIN, INT64_MIN, INT64_MIN};
    uint64_t latest[TL_CLOCKS] = {0};
    tl_event event;
    tl_handle *handle;
    while ((handle = tl_loop_begin(loop, &event)) != NULL) {
        model *m = by_id(event.id);
        TL_CHECK(m->in_batch, "ran though it was not due any more");
        TL_CHECK(m->deadline_ns > latest_ns[m->clock] ||
                     (m->deadline_ns == latest_ns[m->clock] &&
                      m->sequence > latest[m->clock]),
                 "out of order");
        latest_ns[m->clock] = m->deadline_ns;
        latest[m->clock] = m->sequence;
        begin(m);
        expect_info(m);
        if (random64() % 3 == 0)
            act(m);
        if (random64() % 3 == 0)
            act(&models[random64() % MOST]);
        if (random64() % 20 == 0)
            move_time();
        bool ends = m->live && !m->active && !m->paused;
        TL_CHECK(tl_handle_done(loop, m->id.slot, m->id.generation) == ends,
                 "a handle ends, or does not");
        m->busy = false;
        m->live = m->live && !ends;
        expect_info(m);
        tl_loop_check(loop);
    }
    for (model *m = models; m < models + MOST; m++) {
        /* the wall clock may have been stepped back, perhaps for a moment only:
           then the timer waits again, which the next turn checks */
        TL_CHECK(!m->in_batch || m->clock == TL_REALTIME, "due, but not run");
        m->in_batch = false;
    }
}

static void test_random(long steps)
{
    for (int c = 0; c < TL_CLOCKS; c++)
        now_ns[c] = tl_now_ns(loop, c);
    for (long i = 0; i < steps; i++) {
        uint64_t what = random64() % 20;
        if (what < 16)
            act(&models[random64() % MOST]);
        else if (what == 16)
            move_time();
        else if (collect())
            run_batch();
        expect_loop();
    }
    TL_CHECK(fired > 0 && cancelled > 0, "nothing happened");
    for (model *m = models; m < models + MOST; m++)
        if (m->live)
            cancel(m);
    expect_loop();
}

static tl_handle_info info_of(tl_id id)
{
    tl_handle_info info;
    TL_CHECK(tl_handle_info_get(loop, id.slot, id.generation, &info) == 0,
             "the timer has ended");
    return info;
}

static scripted script;
static bool is_scripted;

static void open_virtual(void)
{
    tl_poller poller = scripted_poller(&script);
    loop = is_scripted ? tl_loop_open_on(kinds, &poller) : tl_loop_open(kinds);
    TL_CHECK(loop != NULL, "the loop does not open");
    TL_CHECK(tl_clock_virtual(loop, INT64_C(1700000000000000000)) == 0 &&
                 tl_clock_is_virtual(loop),
             "time is not virtual");
    TL_CHECK(tl_now_ns(loop, TL_REALTIME) == INT64_C(1700000000000000000),
             "the wall clock does not begin where it was told to");
}

static void run_turn(void)
{
    tl_event event;
    TL_CHECK(tl_loop_collect(loop) == TL_COLLECTED, "nothing to collect");
    while (tl_loop_begin(loop, &event) != NULL)
        (void)tl_handle_done(loop, event.id.slot, event.id.generation);
}

static void test_clocks(void)
{
    tl_id id;
    TL_CHECK(tl_clock_step_wall(loop, 1) == 0, "virtual time cannot step");
    TL_CHECK(tl_timer_after(loop, &id, 1) == 0, "out of memory");
    TL_CHECK(tl_clock_real(loop) == -EBUSY, "time is real under a timer");
    TL_CHECK(tl_timer_cancel(loop, id.slot, id.generation) == TL_CANCELLED,
             "not cancelled");
    TL_CHECK(tl_clock_real(loop) == 0 && !tl_clock_is_virtual(loop),
             "time is not real again");
    TL_CHECK(tl_clock_step_wall(loop, 1) == -EPERM &&
                 tl_clock_suspend(loop, 1) == -EPERM,
             "real time was moved");
    TL_CHECK(tl_timer_start(loop, &id, -1, 0, 0, 0) == -EINVAL &&
                 tl_timer_start(loop, &id, 1, -1, 0, 0) == -EINVAL &&
                 tl_timer_start(loop, &id, 1, 0, TL_RECUR, 0) == -EINVAL &&
                 tl_timer_start(loop, &id, 1, 1, TL_CLOCKS, 0) == -EINVAL,
             "nonsense is accepted");
    TL_CHECK(loop->handles.live == 0, "a refused timer leaves a handle");
    TL_CHECK(tl_clock_virtual(loop, -1) == 0, "time is not virtual");
}

/* A wake-up ends a wait without letting time pass, and its reason is returned
   once. */
static void test_wake(void)
{
    tl_id id;
    TL_CHECK(tl_timer_after(loop, &id, 3600) == 0, "out of memory");
    int64_t before_ns = tl_now_ns(loop, TL_MONOTONIC);
    tl_loop_wake(loop, 15);
    TL_CHECK(tl_loop_collect(loop) == TL_COLLECTED && loop->batch_count == 0,
             "a wake-up brought something");
    TL_CHECK(tl_now_ns(loop, TL_MONOTONIC) == before_ns, "time went by");
    TL_CHECK(tl_loop_take_reason(loop) == 15 && tl_loop_take_reason(loop) == 0,
             "the reason is another, or told twice");
    run_turn();
    TL_CHECK(tl_now_ns(loop, TL_MONOTONIC) ==
                 before_ns + INT64_C(3600000000000),
             "the timer did not run at its time");
}

/* A pipe with a byte in it; scripted, a number that counts as readable. */
static void open_readable(int *ends)
{
    if (is_scripted) {
        ends[0] = 0;
        scripted_open(&script, ends[0]);
        script.files[script.file_of[ends[0]]].ready = TL_READ;
    } else {
        TL_CHECK(pipe(ends) == 0 && write(ends[1], "x", 1) == 1, "no pipe");
    }
}

static void close_readable(const int *ends)
{
    if (is_scripted) {
        scripted_close(&script, ends[0]);
    } else {
        (void)close(ends[0]);
        (void)close(ends[1]);
    }
}

/* A readable descriptor is reported in the turn of a due timer, too. */
static void test_watch(void)
{
    int ends[2];
    tl_id watch, timer;
    tl_event event;
    open_readable(ends);
    TL_CHECK(tl_watch_start(loop, &watch, ends[0], TL_READ) == 0 &&
                 loop->active == 1 && info_of(watch).fd == ends[0],
             "not watched");
    TL_CHECK(tl_watch_start(loop, &timer, ends[0], TL_READ) == -EEXIST &&
                 loop->active == 1 && loop->handles.live == 1,
             "watched twice");
    TL_CHECK(tl_timer_after(loop, &timer, 0) == 0, "out of memory");
    TL_CHECK(tl_loop_collect(loop) == TL_COLLECTED && loop->batch_count == 2,
             "one of the two is not ready");
    tl_handle *handle;
    int seen = 0;
    while ((handle = tl_loop_begin(loop, &event)) != NULL) {
        seen |= 1 << handle->kind;
        TL_CHECK(handle->kind != TL_WATCH || event.ready == TL_READ,
                 "ready for something else");
        if (handle->kind == TL_TIMER)
            (void)tl_handle_done(loop, event.id.slot, event.id.generation);
    }
    TL_CHECK(seen == (1 << TL_WATCH | 1 << TL_TIMER), "one of them is lost");
    tl_handle_close(loop, watch.slot, watch.generation);
    TL_CHECK(loop->active == 0 && loop->watches == 0, "still watched");
    TL_CHECK(tl_loop_collect(loop) == TL_NOTHING_LEFT, "something is left");
    close_readable(ends);
}

/* More timers always due on one clock than a batch takes: timers of the other
   clocks have their turn all the same. */
static void test_fairness(void)
{
    static tl_id ids[2 * TL_BATCH_TIMERS];
    tl_id other;
    for (size_t i = 0; i < 2 * TL_BATCH_TIMERS; i++)
        TL_CHECK(tl_timer_after(loop, &ids[i], 0) == 0, "out of memory");
    TL_CHECK(tl_timer_start(loop, &other, 0, 0, TL_REALTIME, 0) == 0,
             "out of memory");
    bool other_ran = false;
    for (int turn = 0; turn < 8; turn++) {
        tl_event event;
        TL_CHECK(tl_loop_collect(loop) == TL_COLLECTED, "nothing collected");
        while (tl_loop_begin(loop, &event) != NULL) {
            if (event.id.slot == other.slot)
                other_ran = true;
            else
                (void)tl_timer_reset(loop, event.id.slot, event.id.generation,
                                     0);
            (void)tl_handle_done(loop, event.id.slot, event.id.generation);
        }
    }
    for (size_t i = 0; i < 2 * TL_BATCH_TIMERS; i++)
        tl_handle_close(loop, ids[i].slot, ids[i].generation);
    TL_CHECK(other_ran, "a busy clock starves the others");
}

/* Ticks that come while the callback still waits are skipped; the next run
   reports their number. */
static void test_busy(void)
{
    tl_id id;
    tl_event event;
    int64_t period_ns = 1000000;
    TL_CHECK(tl_timer_start(loop, &id, period_ns, period_ns, TL_RECUR, 0) == 0,
             "out of memory");
    TL_CHECK(tl_loop_collect(loop) == TL_COLLECTED &&
                 tl_loop_begin(loop, &event) != NULL,
             "the first tick does not run");
    for (int i = 0; i < 3; i++)
        TL_CHECK(tl_loop_collect(loop) == TL_COLLECTED &&
                     tl_loop_begin(loop, &event) == NULL,
                 "a callback runs into itself");
    TL_CHECK(tl_handle_done(loop, id.slot, id.generation) == 0, "ended");
    TL_CHECK(tl_loop_collect(loop) == TL_COLLECTED &&
                 tl_loop_begin(loop, &event) != NULL,
             "the tick after does not run");
    tl_handle_info info = info_of(id);
    TL_CHECK(is_near(info.runs, 2), "runs are miscounted");
    TL_CHECK(is_near(info.missed_total, 3), "skipped ticks are not counted");
    TL_CHECK(is_near(info.missed, 3), "the run does not report skipped ticks");
    tl_handle_close(loop, id.slot, id.generation);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {{"clocks", test_clocks},
                 {"wake", test_wake},
                 {"watch", test_watch},
                 {"fairness", test_fairness},
                 {"busy", test_busy}};
    is_scripted = argc == 5 && strcmp(argv[4], "scripted") == 0;
    if (argc != 4 && !is_scripted) {
        fprintf(stderr, "usage: loop_test SEED STEPS "
                        "random|clocks|wake|watch|fairness|busy [scripted]\n");
        return 2;
    }
    state = strtoull(argv[1], NULL, 10) * 0x9E3779B97F4A7C15u + 1;
    open_virtual();
    bool found = strcmp(argv[3], "random") == 0;
    if (found)
        test_random(atol(argv[2]));
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        if (strcmp(argv[3], tests[i].name) != 0)
            continue;
        found = true;
        tests[i].run();
    }
    TL_CHECK(found, "no test of that name");
    tl_loop_close(loop);
    printf("ok: %s, seed %s, %s steps\n", argv[3], argv[1], argv[2]);
    return 0;
}
