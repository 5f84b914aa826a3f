/* The loop on a scripted poller (scripted_poller.h), against a model: random
   watching, timers on each clock, descriptors that are closed behind the loop's
   back with or without a duplicate left, numbers that are used again, steps of
   the wall clock, wake-ups, interruptions, calls that fail, forks. What comes
   in each turn, and when a wait ends, is foretold. The kernel's clock is the
   script's too, so the paths of real time are exact here.
   poller_test SEED STEPS real|virtual|forked */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "loop/jumps.h"
#include "loop/cancels.h"
#include "loop/kinds.h"
#include "loop/loop.h"
#include "scripted_poller.h"

enum { WATCHES = 12, TIMERS = 6, NUMBERS = 8, EVENTS = 64, REASON = 15 };
enum { DUPLICATES = SCRIPTED_FILES - NUMBERS };

typedef struct watch {
    tl_id id;
    bool live, active; /* active: not informed of an error */
    bool entered;      /* as the loop has it: in the poller */
    bool posted;       /* back into the poller on the next turn */
    int fd, interest;
} watch;

typedef struct timer {
    tl_id id;
    bool live;
    int clock;
    int64_t deadline_ns;
} timer;

/* The entries that the kernel should have in its set. */
typedef struct entry {
    const watch *of; /* NULL: the watch has ended */
    int fd, file, interest;
} entry;

typedef struct expected {
    tl_id id;
    int ready;
} expected;

static uint64_t state;
static scripted script;
static tl_loop *loop;
static watch watches[WATCHES];
static timer timers[TIMERS];
static entry entries[SCRIPTED_ENTRIES];
static int entry_count;
static watch *owners[NUMBERS];    /* the last watch added for a number */
static watch *posted[2 * EVENTS]; /* in order */
static int posted_count;
static expected due[EVENTS];
static int due_count;
static double untold_s; /* steps of the wall clock */
static bool is_virtual, woke, stepped_in_wait;
static int duplicates, told_errors, renewals, waits, events;

static uint64_t random64(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static int random_below(int most)
{
    return (int)(random64() % (uint64_t)most);
}

/* The kernel's clock, for the whole program. */
int clock_gettime(clockid_t id, struct timespec *now)
{
    static const int clocks[] = {[CLOCK_MONOTONIC] = TL_MONOTONIC,
                                 [CLOCK_REALTIME] = TL_REALTIME,
                                 [CLOCK_BOOTTIME] = TL_BOOTTIME};
    *now = tl_timespec(script.now_ns[clocks[id]]);
    return 0;
}

/* And the function that would open a poller of its own. */
int epoll_create1(int flags)
{
    (void)flags;
    TL_CHECK(false, "the kernel was asked for a set");
    return -1;
}

/* --- the model ---------------------------------------------------------- */

static void expect(tl_id id, int ready)
{
    TL_CHECK(due_count < EVENTS, "too many events for a turn");
    due[due_count++] = (expected){id, ready};
}

static void post(watch *w)
{
    w->entered = false;
    if (w->posted)
        return;
    w->posted = true;
    posted[posted_count++] = w;
}

/* The set's entry for the open file behind a number under that number. */
static entry *find_entry(int fd)
{
    for (int i = 0; i < entry_count; i++)
        if (entries[i].fd == fd && entries[i].file == script.file_of[fd])
            return &entries[i];
    return NULL;
}

/* The result of epoll_ctl(2) for a new entry. */
static int enter(watch *w)
{
    if (!scripted_is_open(&script, w->fd))
        return -EBADF;
    if (find_entry(w->fd) != NULL)
        return -EEXIST;
    watch *before = owners[w->fd];
    entries[entry_count++] =
        (entry){w, w->fd, script.file_of[w->fd], w->interest};
    w->entered = true;
    owners[w->fd] = w;
    if (before != NULL && before != w && before->entered)
        post(before);
    return 0;
}

static void run_posted(void)
{
    int count = posted_count;
    for (int i = 0; i < count; i++) {
        watch *w = posted[i];
        w->posted = false;
        if (!w->live || !w->active)
            continue;
        if (enter(w) == 0)
            continue;
        w->active = false;
        told_errors++;
        expect(w->id, TL_ERROR);
    }
    posted_count -= count;
    memmove(posted, posted + count, (size_t)posted_count * sizeof *posted);
}

/* In the order of their slots, as the loop walks them. */
static watch *next_by_slot(uint32_t after)
{
    watch *next = NULL;
    for (watch *w = watches; w < watches + WATCHES; w++)
        if (w->live && w->id.slot > after &&
            (next == NULL || w->id.slot < next->id.slot))
            next = w;
    return next;
}

static void renew(void)
{
    renewals++;
    entry_count = 0;
    watch *w = NULL;
    while ((w = next_by_slot(w != NULL ? w->id.slot : 0)) != NULL) {
        if (!w->entered)
            continue;
        owners[w->fd] = NULL;
        post(w);
    }
}

/* The kernel's reports; false if one of them is for an ended watch. */
static bool report(void)
{
    bool clean = true;
    for (const entry *e = entries; e < entries + entry_count; e++) {
        int ready = script.files[e->file].ready & e->interest;
        if (ready && e->of != NULL)
            expect(e->of->id, ready);
        clean = clean && (!ready || e->of != NULL);
    }
    return clean;
}

static void expect_due(void)
{
    for (const timer *t = timers; t < timers + TIMERS; t++)
        if (t->live && t->deadline_ns <= tl_now_ns(loop, t->clock))
            expect(t->id, 0);
}

static size_t count_active(void)
{
    size_t active = 0;
    for (const watch *w = watches; w < watches + WATCHES; w++)
        active += w->live && w->active;
    for (const timer *t = timers; t < timers + TIMERS; t++)
        active += t->live;
    return active;
}

static size_t count_entered(void)
{
    size_t entered = 0;
    for (const watch *w = watches; w < watches + WATCHES; w++)
        entered += w->live && w->entered;
    return entered;
}

static void expect_loop(void)
{
    TL_CHECK(loop->active == count_active(), "active handles are miscounted");
    TL_CHECK(loop->watches == count_entered(), "watches are miscounted");
    tl_loop_check(loop);
}

/* --- actions of a script ------------------------------------------------- */

static void start_watch(watch *w)
{
    if (w->live || w->posted)
        return;
    int fd = random_below(NUMBERS), interest = 1 + random_below(3);
    bool fails = random_below(10) == 0;
    int wanted = !scripted_is_open(&script, fd) ? -EBADF
                 : find_entry(fd) != NULL       ? -EEXIST
                 : fails                        ? -ENOSPC
                                                : 0;
    script.add_error = fails ? ENOSPC : 0;
    *w = (watch){.active = true, .fd = fd, .interest = interest};
    int error = tl_watch_start(loop, &w->id, fd, interest);
    TL_CHECK(error == wanted, "watching tells something else");
    script.add_error = 0;
    w->live = error == 0;
    if (w->live)
        TL_CHECK(enter(w) == 0, "the model has it otherwise");
}

/* The entry can be named only while its number belongs to the same file. */
static void end_watch(watch *w)
{
    if (!w->live)
        return;
    tl_handle_close(loop, w->id.slot, w->id.generation);
    w->live = false;
    entry *named = w->entered ? find_entry(w->fd) : NULL;
    if (w->entered)
        owners[w->fd] = NULL;
    if (named != NULL)
        *named = entries[--entry_count];
    for (entry *e = entries; e < entries + entry_count; e++)
        if (e->of == w)
            e->of = NULL;
}

static void start_timer(timer *t)
{
    if (t->live)
        return;
    int64_t delay_ns = (int64_t)(random64() >> (24 + random_below(40)));
    *t = (timer){.live = true, .clock = random_below(TL_CLOCKS)};
    t->deadline_ns = tl_now_ns(loop, t->clock) + delay_ns;
    TL_CHECK(tl_timer_start(loop, &t->id, delay_ns, 0, t->clock, 0) == 0,
             "a timer does not start");
}

static void end_timer(timer *t)
{
    if (!t->live)
        return;
    TL_CHECK(tl_timer_cancel(loop, t->id.slot, t->id.generation) ==
                 TL_CANCELLED,
             "a timer is not cancelled");
    tl__cancels_free(loop);
    t->live = false;
}

/* --- events outside ------------------------------------------------------ */

/* Files without an open descriptor leave the set. */
static void forget_files(void)
{
    int kept = 0;
    for (int i = 0; i < entry_count; i++)
        if (script.files[entries[i].file].references > 0)
            entries[kept++] = entries[i];
    entry_count = kept;
}

/* A number is closed without the loop's knowledge; some duplicates stay. */
static void open_or_close(void)
{
    int fd = random_below(NUMBERS);
    if (!scripted_is_open(&script, fd)) {
        scripted_open(&script, fd);
        return;
    }
    if (random_below(3))
        return;
    if (random_below(2) && duplicates < DUPLICATES) {
        script.files[script.file_of[fd]].references++;
        duplicates++;
    }
    scripted_close(&script, fd);
    forget_files();
}

static void change_ready(void)
{
    scripted_file *file = &script.files[random_below(SCRIPTED_FILES)];
    file->ready = random_below(3) ? 0 : random_below(4);
}

/* Duplicates elsewhere are closed in the end. */
static void end_duplicates(void)
{
    duplicates = 0;
    for (int file = 0; file < SCRIPTED_FILES; file++) {
        int open = 0;
        for (int fd = 0; fd < NUMBERS; fd++)
            open += script.file_of[fd] == file;
        while (script.files[file].references > open)
            scripted_release(&script, file);
    }
    forget_files();
}

static void step_wall(scripted *s)
{
    int64_t by_ns = (int64_t)(random64() >> 30) - (INT64_C(1) << 33);
    scripted_step(s, by_ns);
    untold_s += (double)by_ns / 1e9;
}

static void interrupt(scripted *s)
{
    (void)s;
}

static void wake(scripted *s)
{
    (void)s;
    tl_loop_wake(loop, REASON);
    woke = true;
}

static void become_ready(scripted *s)
{
    for (const entry *e = entries; e < entries + entry_count; e++)
        s->files[e->file].ready = e->interest;
}

static void step_in_wait(scripted *s)
{
    step_wall(s);
    stepped_in_wait = true;
}

/* Virtual time is not the kernel's: the script itself steps it. */
static void plan(void)
{
    static void (*const happen[])(scripted *) = {interrupt, wake, become_ready,
                                                 step_in_wait};
    script.plan = (scripted_plan){
        .happen = happen[random_below(is_virtual ? 3 : 4)],
        .after_ns = (int64_t)(random64() >> (20 + random_below(40)))};
}

/* --- turns -------------------------------------------------------------- */

static void expect_batch(void)
{
    TL_CHECK(loop->batch_count == (size_t)due_count,
             "the batch is not what comes");
    events += due_count;
    for (size_t i = 0; i < loop->batch_count; i++) {
        const tl_event *event = &loop->batch[i];
        int at = 0;
        while (at < due_count &&
               (due[at].id.slot != event->id.slot ||
                due[at].id.generation != event->id.generation ||
                due[at].ready != event->ready))
            at++;
        TL_CHECK(at < due_count, "an event comes that should not");
        due[at] = due[--due_count];
    }
}

static void run_batch(void)
{
    tl_event event;
    tl_handle *handle;
    while ((handle = tl_loop_begin(loop, &event)) != NULL) {
        if (handle->kind == TL_WATCH)
            continue;
        for (timer *t = timers; t < timers + TIMERS; t++)
            if (t->live && t->id.slot == event.id.slot)
                t->live = false;
        TL_CHECK(tl_handle_done(loop, event.id.slot, event.id.generation) == 1,
                 "a timer does not end");
    }
}

/* The state at the beginning of a turn. */
typedef struct turn {
    bool active; /* something is left to wait for */
    bool waits;  /* nothing comes at once */
    bool looks;  /* there are descriptors to look at */
    bool woken;
    bool quiet; /* and nothing has happened yet that ends a wait */
    bool any;   /* there is a next deadline */
    int64_t left_ns, start_ns;
    int failing, renew_failing; /* the errnos that are planned */
    bool failed;                /* the first of them has happened */
    bool unrenewed;             /* or the second */
} turn;

static bool next_deadline(int64_t *left_ns)
{
    bool any = false;
    for (const timer *t = timers; t < timers + TIMERS; t++) {
        int64_t timer_left_ns = t->deadline_ns - tl_now_ns(loop, t->clock);
        if (!t->live || (any && timer_left_ns >= *left_ns))
            continue;
        any = true;
        *left_ns = timer_left_ns;
    }
    return any;
}

static turn begin_turn(void)
{
    turn t = {.failing = script.wait_error | script.deadline_error,
              .renew_failing = script.renew_error,
              .start_ns = tl_now_ns(loop, TL_MONOTONIC),
              .woken = atomic_load(&loop->woken)};
    t.any = next_deadline(&t.left_ns);
    t.quiet = !t.woken && scripted_is_quiet(&script);
    return t;
}

static void end_turn(turn *t)
{
    t->failed =
        t->failing != 0 && (script.wait_error | script.deadline_error) == 0;
    t->unrenewed = t->renew_failing != 0 && script.renew_error == 0;
}

static int64_t gone_ns(const turn *t)
{
    return tl_now_ns(loop, TL_MONOTONIC) - t->start_ns;
}

static bool has_happened(void)
{
    return script.plan.happen == NULL;
}

static void run_report(const turn *t)
{
    if (!report() && !t->unrenewed)
        renew();
}

/* A wait ends with the plan, or at the next deadline, or later by at most the
   slack. */
static void expect_time(const turn *t)
{
    int64_t latest_ns = t->left_ns + loop->slack_ns;
    waits++;
    if (has_happened())
        TL_CHECK(gone_ns(t) == script.plan.after_ns &&
                     (!t->any || gone_ns(t) <= latest_ns),
                 "the wait ends after what ends it");
    else
        TL_CHECK(t->any && gone_ns(t) >= t->left_ns && gone_ns(t) <= latest_ns,
                 "the wait ends at another time than the deadline");
}

static void expect_real(const turn *t)
{
    if (t->failed)
        return;
    run_report(t);
    if (t->unrenewed)
        return;
    expect_due();
    bool nothing = t->quiet && due_count == 0 && posted_count == 0;
    if (has_happened() || gone_ns(t) > 0 || nothing)
        expect_time(t);
}

/* Descriptors first; only when none has an event does time advance, and only
   when no timer is left does the loop wait. */
static void expect_virtual(const turn *t)
{
    if (t->failed)
        return;
    if (!has_happened() && (t->looks || t->woken)) {
        run_report(t);
        if (due_count > 0 || posted_count > 0 || t->woken || t->unrenewed)
            return;
    }
    if (t->any) {
        TL_CHECK(gone_ns(t) == t->left_ns, "virtual time goes elsewhere");
        expect_due();
        return;
    }
    waits++;
    run_report(t);
}

static void expect_outcome(const turn *t, int outcome, bool active)
{
    int wanted = t->failed      ? -t->failing
                 : t->unrenewed ? -t->renew_failing
                 : active       ? TL_COLLECTED
                                : TL_NOTHING_LEFT;
    TL_CHECK(outcome == wanted, "the turn tells something else");
}

static void collect(void)
{
    turn t = begin_turn();
    t.active = count_active() > 0 || posted_count > 0;
    if (t.active) {
        expect_due();
        run_posted();
    }
    t.waits = due_count == 0 && count_active() > 0;
    t.looks = count_entered() > 0;
    int outcome = tl_loop_collect(loop);
    end_turn(&t);
    if (t.waits)
        (is_virtual ? expect_virtual : expect_real)(&t);
    else if (t.active && due_count > 0 && t.looks && !t.failed)
        run_report(&t);
    expect_outcome(&t, outcome, t.active);
}

/* A turn for a host that waits by itself. */
static void look(void)
{
    turn t = begin_turn();
    int outcome = tl_loop_look(loop);
    end_turn(&t);
    if (!t.failed)
        run_report(&t);
    if (is_virtual && gone_ns(&t) > 0)
        TL_CHECK(gone_ns(&t) == t.left_ns, "virtual time goes elsewhere");
    expect_due();
    run_posted();
    expect_outcome(&t, outcome, count_active() > 0 || due_count > 0);
}

static void expect_step(void)
{
    double told_s = tl__take_jump(loop);
    TL_CHECK(told_s != 0 || !stepped_in_wait, "a step is not reported");
    stepped_in_wait = false;
    if (told_s == 0)
        return;
    TL_CHECK(fabs(told_s - untold_s) < 1e-6, "a step of another size is told");
    untold_s = 0;
}

static void run_turn(void)
{
    due_count = 0;
    plan();
    (random_below(4) ? collect : look)();
    script.plan.happen = NULL;
    expect_batch();
    run_batch();
    TL_CHECK(tl_loop_take_reason(loop) == (woke ? REASON : 0),
             "the reason is another");
    woke = false;
    expect_step();
}

static void plan_failure(void)
{
    int *const errors[] = {&script.wait_error, &script.renew_error,
                           &script.deadline_error};
    int which = random_below(3);
    if (script.wait_error == 0 && script.deadline_error == 0)
        *errors[which] = which == 0 ? ENOMEM : EMFILE;
}

static void step_between(void)
{
    int64_t by_ns = (int64_t)(random64() >> 34);
    if (!is_virtual) {
        step_wall(&script);
        return;
    }
    TL_CHECK(tl_clock_step_wall(loop, by_ns) == 0, "time cannot be stepped");
    untold_s += (double)by_ns / 1e9;
}

static void act(void)
{
    watch *w = &watches[random_below(WATCHES)];
    timer *t = &timers[random_below(TIMERS)];
    switch (random_below(16)) {
    case 0:
    case 1:
    case 2:
        start_watch(w);
        break;
    case 3:
        end_watch(w);
        break;
    case 4:
    case 5:
        start_timer(t);
        break;
    case 6:
        end_timer(t);
        break;
    case 7:
    case 8:
        open_or_close();
        break;
    case 9:
    case 10:
        change_ready();
        break;
    case 11:
        random_below(8) ? (void)0 : wake(&script);
        break;
    case 12:
        random_below(8) ? (void)0 : step_between();
        break;
    case 13:
        random_below(8) ? (void)0 : plan_failure();
        break;
    default:
        run_turn();
    }
}

/* --- tests -------------------------------------------------------------- */

static void test_random(long steps)
{
    tl_loop_want_jumps(loop, 1);
    for (long i = 0; i < steps; i++) {
        if (random_below(500) == 0)
            end_duplicates();
        if (random_below(100) == 0)
            tl_loop_set_slack(loop, (int64_t)(random64() >> 34));
        act();
        expect_loop();
    }
    TL_CHECK(waits > 0 && renewals > 0 && told_errors > 0 && events > 0,
             "nothing happened");
}

static void test_real(long steps)
{
    test_random(steps);
}

static void test_virtual(long steps)
{
    is_virtual = true;
    TL_CHECK(tl_clock_virtual(loop, -1) == 0, "time is not virtual");
    test_random(steps);
}

/* In a forked process every function refuses, and leaves the descriptors that
   it shares with its parent alone. */
static void test_forked(long steps)
{
    (void)steps;
    tl_id first, second;
    scripted_open(&script, 1);
    scripted_open(&script, 2);
    TL_CHECK(tl_watch_start(loop, &first, 1, TL_READ) == 0, "not watched");
    scripted before = script;
    before.here = script.here = 0;
    TL_CHECK(tl_loop_collect(loop) == -ECHILD && tl_loop_look(loop) == -ECHILD,
             "a forked process takes its parent's events");
    TL_CHECK(tl_watch_start(loop, &second, 2, TL_READ) == -ECHILD &&
                 loop->handles.live == 1,
             "a forked process watches");
    TL_CHECK(tl_signals_listen(loop, 10) == -ECHILD, "it takes signals");
    tl_loop_wake(loop, 0);
    TL_CHECK(!tl_poller_has_news(&loop->poller), "it hears of news");
    tl_handle_close(loop, first.slot, first.generation);
    TL_CHECK(memcmp(&before, &script, sizeof before) == 0,
             "a forked process changes what its parent has");
}

static const tl_kind *const kinds[TL_KINDS_MOST] = {
    [TL_TIMER] = &tl__timer_kind,
    [TL_WATCH] = &tl__watch_kind,
};

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(long steps);
    } tests[] = {{"real", test_real},
                 {"virtual", test_virtual},
                 {"forked", test_forked}};
    if (argc != 4) {
        fprintf(stderr, "usage: poller_test SEED STEPS real|virtual|forked\n");
        return 2;
    }
    state = strtoull(argv[1], NULL, 10) * 0x9E3779B97F4A7C15u + 1;
    tl_poller poller = scripted_poller(&script);
    script.now_ns[TL_MONOTONIC] = INT64_C(1000000000000);
    script.now_ns[TL_BOOTTIME] = INT64_C(2000000000000);
    script.now_ns[TL_REALTIME] = INT64_C(1700000000000000000);
    loop = tl_loop_open_on(kinds, &poller);
    TL_CHECK(loop != NULL, "the loop does not open");
    bool found = false;
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        if (strcmp(argv[3], tests[i].name) != 0)
            continue;
        found = true;
        tests[i].run(atol(argv[2]));
    }
    TL_CHECK(found, "no test of that name");
    tl_loop_close(loop);
    printf("ok: %s, seed %s, %s steps: %d events, %d waits, %d renewals\n",
           argv[3], argv[1], argv[2], events, waits, renewals);
    return 0;
}
