/*
 * The workloads on libev, from C. Its timers count from the time the loop
 * last read, which is the cheapest thing it offers and what its users get;
 * where that matters (T3) the price with a fresh reading is given too.
 */
#include "measure.h"

#include <ev.h>

static struct ev_loop *loop;

static void ignore(struct ev_loop *l, ev_timer *timer, int events)
{
    (void)l, (void)timer, (void)events;
}

static ev_timer *new_timers(int count)
{
    ev_timer *timers = malloc((size_t)count * sizeof *timers);

    if (!timers)
        abort();
    return timers;
}

static void arm(ev_timer *timer, double delay_s)
{
    ev_timer_init(timer, ignore, delay_s, 0.0);
    ev_timer_start(loop, timer);
}

/* T1 */

static void insert_and_cancel(void)
{
    double *delays = draws(MILLION);
    int *order = shuffle(delays, MILLION);
    double before = rss_bytes();
    ev_timer *timers = new_timers(MILLION);
    int64_t start = now_ns();

    for (int i = 0; i < MILLION; i++)
        arm(&timers[i], 1 + 59 * delays[i]);
    put_each("insert_ns", now_ns() - start, MILLION);
    put("bytes", (rss_bytes() - before) / MILLION);

    start = now_ns();
    for (int i = 0; i < MILLION; i++)
        ev_timer_stop(loop, &timers[order[i]]);
    put_each("cancel_ns", now_ns() - start, MILLION);
}

/* T2 */

static long fired;

static void count(struct ev_loop *l, ev_timer *timer, int events)
{
    (void)l, (void)timer, (void)events;
    fired++;
}

static void fire(const double *delays)
{
    double start = cpu_seconds();
    ev_timer *timers = new_timers(MILLION);

    for (int i = 0; i < MILLION; i++) {
        ev_timer_init(&timers[i], count, delays[i], 0.0);
        ev_timer_start(loop, &timers[i]);
    }
    ev_run(loop, 0);
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

static int64_t rearm_many(ev_timer *timers, const double *chosen, int fresh)
{
    int64_t start = now_ns();

    for (int i = 0; i < MILLION; i++) {
        if (fresh)
            ev_now_update(loop);
        ev_timer_again(loop, &timers[(int)(chosen[i] * LIVE)]);
    }
    return now_ns() - start;
}

static void rearm(void)
{
    double *chosen = draws(MILLION);
    ev_timer *timers = new_timers(LIVE);

    for (int i = 0; i < LIVE; i++) {
        arm(&timers[i], 1 + 59 * chosen[i]);
        timers[i].repeat = 30; /* what ev_timer_again re-arms to */
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

static void turn(struct ev_loop *l, ev_timer *timer, int events)
{
    (void)events;
    if (++spin.turns == MILLION / 2) {
        spin.poked_at = spin.turns;
        poke(spin.pipe[1]);
    }
    if (spin.turns == MILLION) {
        put_each("each_ns", now_ns() - spin.start, MILLION);
        put_served(spin.served);
        ev_break(l, EVBREAK_ALL);
        return;
    }
    ev_timer_set(timer, 0.0, 0.0);
    ev_timer_start(l, timer);
}

static void serve(struct ev_loop *l, ev_io *io, int events)
{
    (void)events;
    spin.served = spin.turns - spin.poked_at;
    ev_io_stop(l, io);
}

static void zero_delay(void)
{
    ev_timer timer;
    ev_io io;

    open_pipe(spin.pipe);
    spin.served = -1;
    ev_io_init(&io, serve, spin.pipe[0], EV_READ);
    ev_io_start(loop, &io);
    ev_timer_init(&timer, turn, 0.0, 0.0);
    ev_timer_start(loop, &timer);
    spin.start = now_ns();
    ev_run(loop, 0);
}

/* T5 */

struct ticker {
    ev_timer timer; /* first, so that the watcher is the ticker */
    int64_t start, period, ticks;
};

static struct ticker tickers[PERIODIC];
static struct lateness seen;

static void tick(struct ev_loop *l, ev_timer *timer, int events)
{
    struct ticker *t = (struct ticker *)timer;

    (void)l, (void)events;
    t->ticks++;
    add_lateness(&seen, now_ns() - (t->start + t->ticks * t->period));
}

static void finish(struct ev_loop *l, ev_timer *timer, int events)
{
    (void)timer, (void)events;
    ev_break(l, EVBREAK_ALL);
}

static void on_the_grid(void)
{
    double start = cpu_seconds();
    ev_timer end;

    for (int i = 0; i < PERIODIC; i++) {
        struct ticker *t = &tickers[i];
        double period_s = (double)period_ns(i) * 1e-9;

        ev_timer_init(&t->timer, tick, period_s, period_s);
        t->period = period_ns(i);
        t->start = now_ns();
        ev_now_update(loop); /* after: an early tick is then really early */
        ev_timer_start(loop, &t->timer);
    }
    ev_timer_init(&end, finish, grid_seconds(), 0.0);
    ev_timer_start(loop, &end);
    ev_run(loop, 0);
    put_lateness(&seen, cpu_seconds() - start);
}

/* M1 */

static void one_timer(void)
{
    ev_timer timer;

    arm(&timer, 0.001);
    ev_run(loop, 0);
}

int main(int argc, char **argv)
{
    static const struct workload table[] = {
        {"T1", insert_and_cancel}, {"T2", fire_shuffled},
        {"T2s", fire_sorted},      {"T3", rearm},
        {"T4", zero_delay},        {"T5", on_the_grid},
        {"M1", one_timer},         {NULL, NULL},
    };

    loop = ev_default_loop(0);
    return run_workload(table, argc > 1 ? argv[1] : NULL);
}
