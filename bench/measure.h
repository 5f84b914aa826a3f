/*
 * The yardstick of the C peers: clock, processor time, memory, random draws,
 * lateness. Its twin for the Lua peers is measure.lua; the two and node.js
 * must agree on every number here, or the peers do not do the same work.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    MILLION = 1000000,
    LIVE = 100000,               /* T3: timers to choose from */
    PERIODIC = 1000,             /* T5: timers on the grid */
    LATEST_US = 1000000,         /* T5: anything later counts as this late */
    SPAWNS = 2000,               /* P1: programs in all */
    SPAWNED_AT_ONCE = 32,        /* P1: running at once */
    PUMPED_BYTES = 100 * MILLION /* P2 */
};

typedef void workload_fn(void);

struct workload {
    const char *name;
    workload_fn *run;
};

static inline int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* User and system together: a peer that sleeps often pays in the second. */
static inline double cpu_seconds(void)
{
    struct rusage use;

    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1e-6;
}

static inline double rss_bytes(void)
{
    FILE *statm = fopen("/proc/self/statm", "r");
    long size = 0;
    long resident = 0;

    if (!statm || fscanf(statm, "%ld %ld", &size, &resident) != 2)
        abort();
    fclose(statm);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static inline void put(const char *key, double value)
{
    printf("%s %.6g\n", key, value);
}

static inline void put_each(const char *key, int64_t total_ns, int count)
{
    put(key, (double)total_ns / count);
}

/* Not calloc: pages must be touched here, before the first memory reading. */
static inline double *draws(int count)
{
    double *fractions = malloc((size_t)count * sizeof *fractions);
    uint32_t x = 1;

    if (!fractions)
        abort();
    for (int i = 0; i < count; i++) {
        x = x * 1664525u + 1013904223u;
        fractions[i] = x / 4294967296.0;
    }
    return fractions;
}

/* T2s: the same span as draws, in rising order. */
static inline double *ramp(int count)
{
    double *fractions = malloc((size_t)count * sizeof *fractions);

    if (!fractions)
        abort();
    for (int i = 0; i < count; i++)
        fractions[i] = (double)i / count;
    return fractions;
}

/* T1: the order of cancelling. Not that of arming, which no program keeps to
 * and which would find every timer already in the cache. */
static inline int *shuffle(const double *fractions, int count)
{
    int *order = malloc((size_t)count * sizeof *order);

    if (!order)
        abort();
    for (int i = 0; i < count; i++) {
        int other = (int)(fractions[i] * (i + 1));

        order[i] = order[other];
        order[other] = i;
    }
    return order;
}

/* A pipe nobody has written to: read end in ends[0]. */
static inline void open_pipe(int ends[2])
{
    if (pipe(ends) != 0)
        abort();
}

static inline void poke(int write_end)
{
    if (write(write_end, "!", 1) != 1)
        abort();
}

/* T4: turns between the byte and its reader; no reader means starvation. */
static inline void put_served(long turns)
{
    if (turns < 0)
        puts("served_turns never");
    else
        put("served_turns", (double)turns);
}

/* T5: how long, 5 unless the environment has GRID_SECONDS. */
static inline double grid_seconds(void)
{
    const char *text = getenv("GRID_SECONDS");

    return text ? atof(text) : 5;
}

/* T5: the k-th tick of timer i is due at its start + k periods. The periods
 * spread evenly from 5 to 20 ms, so that few instants coincide. */
static inline int64_t period_ns(int i)
{
    return 5000000 + (int64_t)15000 * i;
}

struct lateness {
    long count;
    long early;
    unsigned at_us[LATEST_US + 1];
};

static inline void add_lateness(struct lateness *seen, int64_t late_ns)
{
    int64_t us = late_ns / 1000;

    seen->count++;
    if (late_ns < 0) {
        seen->early++;
        us = 0;
    }
    seen->at_us[us < LATEST_US ? us : LATEST_US]++;
}

static inline int quantile_us(const struct lateness *seen, double fraction)
{
    double left = fraction * (double)seen->count;
    int us = 0;

    while (us < LATEST_US && (left -= seen->at_us[us]) > 0)
        us++;
    return us;
}

static inline void put_lateness(const struct lateness *seen, double cpu)
{
    put("p50_us", quantile_us(seen, 0.50));
    put("p99_us", quantile_us(seen, 0.99));
    put("cpu_s", cpu);
    put("early", (double)seen->early);
    put("ticks", (double)seen->count);
}

static inline int run_workload(const struct workload *table, const char *name)
{
    for (; table->name; table++) {
        if (name && strcmp(table->name, name) == 0) {
            table->run();
            return 0;
        }
    }
    fprintf(stderr, "unknown workload: %s\n", name ? name : "(none)");
    return 2;
}

#endif
