/* The repetition of a timer that runs more than once: what it counts, and its
   recurrence, which is asked one question: after this instant, which?

   Pure: told the time, no system call but malloc. Times are int64 nanoseconds
   on the timer's clock. */
#ifndef TL_REPETITION_H
#define TL_REPETITION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/deadline.h"

typedef struct tl_repetition tl_repetition;

/* What a recurrence answers: the next tick. */
typedef struct tl_tick {
    int64_t instant_ns; /* the next one; INT64_MAX never comes. It may have
                           passed already: then it is due at once */
    uint64_t missed;    /* instants that passed by and get no run */
} tl_tick;

/* How a timer recurs: a period, or whatever else can tell instants one at a
   time. The table is constant and shared; its state is in the repetition. */
typedef struct tl_recurrence {
    /* The timer was due at due_ns, and now_ns, which is not before that, is
       the present: set *next. False: it never recurs again, and of *next only
       missed counts. Sums saturate. due_ns is any instant, since a re-arm or a
       pause may have moved it. The answer may go unused, for want of memory. */
    bool (*after)(tl_repetition *repetition, int64_t due_ns, int64_t now_ns,
                  tl_tick *next);
    /* Give back repetition->by.state; NULL where there is none. */
    void (*release)(tl_repetition *repetition);
} tl_recurrence;

/* 56 bytes: what malloc gives out in one piece of 64. Those that each run
   touches come first, so that they may share a cache line. */
struct tl_repetition {
    const tl_recurrence *recurrence; /* NULL: it does not recur */
    union {
        int64_t interval_ns; /* the period of tl_periodic; without a recurrence,
                                what a re-arm without a delay takes */
        void *state;         /* of any other recurrence; owned */
    } by;
    int64_t due_ns; /* of the latest run */
    uint64_t runs;
    uint64_t missed;       /* just before the latest run */
    uint64_t missed_since; /* after it */
    uint64_t missed_total;
};

/* On a grid, from the latest instant on; missed ticks are skipped. */
extern const tl_recurrence tl_periodic;

/* One that does not recur. NULL when memory is lacking. */
tl_repetition *tl_repetition_open(int64_t interval_ns);
void tl_repetition_close(tl_repetition *repetition);

/* Recur in another way from now on; the state before is released. */
void tl_repetition_recur(tl_repetition *repetition,
                         const tl_recurrence *recurrence, void *state);
/* Recur each period_ns, more than 0. */
void tl_repetition_every(tl_repetition *repetition, int64_t period_ns);
/* Recur no more. A period is kept, as the interval. */
void tl_repetition_once(tl_repetition *repetition);

/* After this instant, which? Asks the recurrence, which there must be. */
bool tl_repetition_after(tl_repetition *repetition, int64_t due_ns,
                         int64_t now_ns, tl_tick *next);
/* So many instants get no run; the next run is told. */
void tl_repetition_miss(tl_repetition *repetition, uint64_t missed);
/* A run begins, which was due at due_ns. */
void tl_repetition_run(tl_repetition *repetition, int64_t due_ns);

#endif
