/* The repetition of a timer that runs more than once: its counts, and its
   recurrence, which answers one question: which instant comes after this one?

   Pure: the time is an argument, and there is no system call but malloc. Times
   are int64 nanoseconds on the timer's clock. */
#ifndef TL_REPETITION_H
#define TL_REPETITION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/deadline.h"

typedef struct tl_repetition tl_repetition;

/* The answer of a recurrence: the next tick. */
typedef struct tl_tick {
    int64_t instant_ns; /* the next instant; INT64_MAX never comes. An instant
                           that has passed already is due at once */
    uint64_t missed;    /* instants that have passed and get no run */
} tl_tick;

/* How a timer recurs: a period, or any other source of instants, one at a time.
   The table is constant and shared; its state is in the repetition. */
typedef struct tl_recurrence {
    /* The timer was due at due_ns, and now_ns, which is not earlier, is the
       present: set *next. False: the timer never recurs again, and only the
       missed field of *next is meaningful. Sums saturate. due_ns is any
       instant, since a re-arm or a pause may have moved it. The answer may go
       unused if memory runs out. */
    bool (*after)(tl_repetition *repetition, int64_t due_ns, int64_t now_ns,
                  tl_tick *next);
    /* Release repetition->by.state; NULL if there is none. */
    void (*release)(tl_repetition *repetition);
} tl_recurrence;

/* 56 bytes, which malloc serves from a piece of 64. The fields that each run
   touches come first, so that they may share a cache line. */
struct tl_repetition {
    const tl_recurrence *recurrence; /* NULL: the timer does not recur */
    union {
        int64_t interval_ns; /* the period of tl_periodic; without a recurrence,
                                the delay of a re-arm that gives none */
        void *state;         /* of any other recurrence; owned */
    } by;
    int64_t due_ns; /* of the latest run */
    uint64_t runs;
    uint64_t missed;       /* just before the latest run */
    uint64_t missed_since; /* after the latest run */
    uint64_t missed_total;
};

/* On a grid, starting at the latest instant; missed ticks are skipped. */
extern const tl_recurrence tl_periodic;

/* A repetition that does not recur. NULL if memory runs out. */
tl_repetition *tl_repetition_open(int64_t interval_ns);
void tl_repetition_close(tl_repetition *repetition);

/* Recur in another way from now on; the previous state is released. */
void tl_repetition_recur(tl_repetition *repetition,
                         const tl_recurrence *recurrence, void *state);
/* Recur each period_ns, more than 0. */
void tl_repetition_every(tl_repetition *repetition, int64_t period_ns);
/* Stop recurring. A period is kept, as the interval. */
void tl_repetition_once(tl_repetition *repetition);

/* The instant after this one. Asks the recurrence, which must exist. */
bool tl_repetition_after(tl_repetition *repetition, int64_t due_ns,
                         int64_t now_ns, tl_tick *next);
/* This many instants get no run; the next run reports them. */
void tl_repetition_miss(tl_repetition *repetition, uint64_t missed);
/* A run begins that was due at due_ns. */
void tl_repetition_run(tl_repetition *repetition, int64_t due_ns);

#endif
