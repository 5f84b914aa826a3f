/* The repetition of a timer: see repetition.h. */
#include "store/repetition.h"

#include <stdlib.h>

#include "check.h"

/* Tick k is due at start + k * period, however late this tick is noticed. The
   difference of any two int64 fits in 64 bits without a sign. */
static bool after_period(tl_repetition *repetition, int64_t due_ns,
                         int64_t now_ns, tl_tick *next)
{
    uint64_t period_ns = (uint64_t)repetition->by.interval_ns;
    uint64_t late_ns = (uint64_t)now_ns - (uint64_t)due_ns;
    int64_t left_ns = (int64_t)(period_ns - late_ns % period_ns);
    next->instant_ns = tl_deadline(now_ns, left_ns);
    next->missed = late_ns / period_ns;
    return true;
}

const tl_recurrence tl_periodic = {after_period, NULL};

tl_repetition *tl_repetition_open(int64_t interval_ns)
{
    tl_repetition *repetition = calloc(1, sizeof *repetition);
    if (repetition != NULL)
        repetition->by.interval_ns = interval_ns;
    return repetition;
}

static void release(tl_repetition *repetition)
{
    const tl_recurrence *recurrence = repetition->recurrence;
    if (recurrence != NULL && recurrence->release != NULL)
        recurrence->release(repetition);
}

void tl_repetition_close(tl_repetition *repetition)
{
    release(repetition);
    free(repetition);
}

void tl_repetition_recur(tl_repetition *repetition,
                         const tl_recurrence *recurrence, void *state)
{
    release(repetition);
    repetition->recurrence = recurrence;
    repetition->by.state = state;
}

void tl_repetition_every(tl_repetition *repetition, int64_t period_ns)
{
    TL_CHECK(period_ns > 0, "a period must be more than 0");
    release(repetition);
    repetition->recurrence = &tl_periodic;
    repetition->by.interval_ns = period_ns;
}

void tl_repetition_once(tl_repetition *repetition)
{
    release(repetition);
    if (repetition->recurrence != &tl_periodic)
        repetition->by.interval_ns = 0;
    repetition->recurrence = NULL;
}

bool tl_repetition_after(tl_repetition *repetition, int64_t due_ns,
                         int64_t now_ns, tl_tick *next)
{
    return repetition->recurrence->after(repetition, due_ns, now_ns, next);
}

void tl_repetition_miss(tl_repetition *repetition, uint64_t missed)
{
    if (missed == 0)
        return;
    repetition->missed_total += missed;
    repetition->missed_since += missed;
}

void tl_repetition_run(tl_repetition *repetition, int64_t due_ns)
{
    repetition->runs++;
    repetition->due_ns = due_ns;
    repetition->missed = repetition->missed_since;
    repetition->missed_since = 0;
}
