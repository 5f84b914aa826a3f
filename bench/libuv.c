/*
 * The workloads on libuv, from C. Its timers have whole milliseconds and
 * count from the time the loop last read; where that matters (T3) the price
 * with a fresh reading is given too.
 */
#include "measure.h"

#include <uv.h>

static uv_loop_t *loop;

static void ignore(uv_timer_t *timer)
{
    (void)timer;
}

static uv_timer_t *new_timers(int count)
{
    uv_timer_t *timers = malloc((size_t)count * sizeof *timers);

    if (!timers)
        abort();
    return timers;
}

static void arm(uv_timer_t *timer, uv_timer_cb callback, double delay_ms)
{
    uv_timer_init(loop, timer);
    uv_timer_start(timer, callback, (uint64_t)delay_ms, 0);
}

/* T1 */

static void close_all(uv_timer_t *timers, const int *order)
{
    int64_t start = now_ns();

    for (int i = 0; i < MILLION; i++)
        uv_close((uv_handle_t *)&timers[order[i]], NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    put_each("close_ns", now_ns() - start, MILLION);
}

static void insert_and_cancel(void)
{
    double *delays = draws(MILLION);
    int *order = shuffle(delays, MILLION);
    double before = rss_bytes();
    uv_timer_t *timers = new_timers(MILLION);
    int64_t start = now_ns();

    for (int i = 0; i < MILLION; i++)
        arm(&timers[i], ignore, 1000 + 59000 * delays[i]);
    put_each("insert_ns", now_ns() - start, MILLION);
    put("bytes", (rss_bytes() - before) / MILLION);

    start = now_ns();
    for (int i = 0; i < MILLION; i++)
        uv_timer_stop(&timers[order[i]]);
    put_each("cancel_ns", now_ns() - start, MILLION);
    close_all(timers, order);
}

/* T2 */

static long fired;

static void count(uv_timer_t *timer)
{
    (void)timer;
    fired++;
}

static void fire(const double *delays)
{
    double start = cpu_seconds();
    uv_timer_t *timers = new_timers(MILLION);

    for (int i = 0; i < MILLION; i++)
        arm(&timers[i], count, 1000 * delays[i]);
    uv_run(loop, UV_RUN_DEFAULT);
    if (fired != MILLION)
        abort();
    put("cpu_ns", (cpu_seconds() - start) * 1e9 / MILLION);
}

static void fire_shuffled(void)
{
    fire(draws(MILLION));
}

static void fire_sorted(void)
{
    fire(ramp(MILLION));
}

/* T3 */

static int64_t rearm_many(uv_timer_t *timers, const double *chosen, int fresh)
{
    int64_t start = now_ns();

    for (int i = 0; i < MILLION; i++) {
        if (fresh)
            uv_update_time(loop);
        uv_timer_again(&timers[(int)(chosen[i] * LIVE)]);
    }
    return now_ns() - start;
}

static void rearm(void)
{
    double *chosen = draws(MILLION);
    uv_timer_t *timers = new_timers(LIVE);

    for (int i = 0; i < LIVE; i++) {
        arm(&timers[i], ignore, 1000 + 59000 * chosen[i]);
        uv_timer_set_repeat(&timers[i], 30000); /* for uv_timer_again */
    }
    put_each("rearm_ns", rearm_many(timers, chosen, 0), MILLION);
    put_each("fresh_ns", rearm_many(timers, chosen, 1), MILLION);
}

/* T4 */

static struct {
    int64_t start;
    long turns, poked_at, served;
    int pipe[2];
} spin;

static void turn(uv_timer_t *timer)
{
    if (++spin.turns == MILLION / 2) {
        spin.poked_at = spin.turns;
        poke(spin.pipe[1]);
    }
    if (spin.turns == MILLION) {
        put_each("each_ns", now_ns() - spin.start, MILLION);
        put_served(spin.served);
        uv_stop(loop);
        return;
    }
    uv_timer_start(timer, turn, 0, 0);
}

static void serve(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    spin.served = spin.turns - spin.poked_at;
    uv_poll_stop(poll);
}

static void zero_delay(void)
{
    uv_timer_t timer;
    uv_poll_t poll;

    open_pipe(spin.pipe);
    spin.served = -1;
    uv_poll_init(loop, &poll, spin.pipe[0]);
    uv_poll_start(&poll, UV_READABLE, serve);
    arm(&timer, turn, 0);
    spin.start = now_ns();
    uv_run(loop, UV_RUN_DEFAULT);
}

/* T5 */

struct ticker {
    uv_timer_t timer; /* first, so that the handle is the ticker */
    int64_t start, period, ticks;
};

static struct ticker tickers[PERIODIC];
static struct lateness seen;

static void tick(uv_timer_t *timer)
{
    struct ticker *t = (struct ticker *)timer;

    t->ticks++;
    add_lateness(&seen, now_ns() - (t->start + t->ticks * t->period));
}

static void finish(uv_timer_t *timer)
{
    (void)timer;
    uv_stop(loop);
}

/* Periods are rounded to what libuv can express and measured against that:
 * its lack of resolution is not held against its lateness. */
static void on_the_grid(void)
{
    double start = cpu_seconds();
    uv_timer_t end;

    for (int i = 0; i < PERIODIC; i++) {
        struct ticker *t = &tickers[i];
        uint64_t period_ms = (uint64_t)(period_ns(i) + 500000) / 1000000;

        uv_timer_init(loop, &t->timer);
        t->period = (int64_t)period_ms * 1000000;
        t->start = now_ns();
        uv_update_time(loop);
        uv_timer_start(&t->timer, tick, period_ms, period_ms);
    }
    arm(&end, finish, grid_seconds() * 1000);
    uv_run(loop, UV_RUN_DEFAULT);
    put_lateness(&seen, cpu_seconds() - start);
}

/* M1 */

static void one_timer(void)
{
    uv_timer_t timer;

    arm(&timer, ignore, 1);
    uv_run(loop, UV_RUN_DEFAULT);
}

int main(int argc, char **argv)
{
    static const struct workload table[] = {
        {"T1", insert_and_cancel}, {"T2", fire_shuffled},
        {"T2s", fire_sorted},      {"T3", rearm},
        {"T4", zero_delay},        {"T5", on_the_grid},
        {"M1", one_timer},         {NULL, NULL},
    };

    loop = uv_default_loop();
    return run_workload(table, argc > 1 ? argv[1] : NULL);
}
