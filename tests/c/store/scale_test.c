/* Ten million live timers in one store: the next deadline stays exact while
   most timers are cancelled, and memory is released. scale_test SEED COUNT */
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "store/timers.h"

enum { LEFT = 10, NS_PER_S = 1000000000 };

static uint64_t state;

static uint64_t random64(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static tl_handles handles;
static const uint8_t groups[TL_KINDS_MOST] = {[TL_TIMER] = TL_GROUP_TIMERS};
static tl_timers timers;
static int64_t now_ns;
static uint32_t *slots;
static int64_t *deadlines; /* by index, as slots */

static size_t bytes(void)
{
    return tl_timers_bytes(&timers) + tl_handles_bytes(&handles);
}

static int64_t least(uint32_t count)
{
    int64_t least_ns = INT64_MAX;
    for (uint32_t i = 0; i < count; i++)
        if (deadlines[i] < least_ns)
            least_ns = deadlines[i];
    return least_ns;
}

static void expect_next(uint32_t count)
{
    int64_t next_ns;
    TL_CHECK(timers.queued == count, "timers are miscounted");
    TL_CHECK(tl_timers_next(&timers, &next_ns), "nothing is next");
    TL_CHECK(next_ns == least(count), "next is inexact");
}

/* Up to an hour and up to a year from now; the least deadline is tracked. */
static void insert(uint32_t count)
{
    int64_t next_ns, least_ns = INT64_MAX;
    for (uint32_t i = 0; i < count; i++) {
        tl_id id;
        uint64_t within = i % 2 ? 3600 : 366 * 86400;
        deadlines[i] = now_ns + (int64_t)(random64() % (within * NS_PER_S)) + 1;
        TL_CHECK(tl_handles_open(&handles, TL_TIMER, &id) == 0 &&
                     tl_timers_add(&timers, id.slot, deadlines[i]) == 0,
                 "out of memory");
        slots[i] = id.slot;
        if (deadlines[i] < least_ns)
            least_ns = deadlines[i];
        if (i % 4096 != 0)
            continue;
        TL_CHECK(tl_timers_next(&timers, &next_ns) && next_ns == least_ns,
                 "next is inexact while inserting");
    }
    expect_next(count);
}

static void cancel(uint32_t i)
{
    tl_timers_remove(&timers, slots[i]);
    tl_handles_close(&handles, slots[i]);
}

/* Cancel random ones until this many are left. */
static void thin_out(uint32_t count, uint32_t left)
{
    while (count > left) {
        uint32_t i = (uint32_t)(random64() % count);
        cancel(i);
        count--;
        slots[i] = slots[count];
        deadlines[i] = deadlines[count];
        if (count % (left * 64 + 1000000) == 0 || count == left)
            expect_next(count);
    }
}

static void expire_all(uint32_t count)
{
    uint32_t expired;
    int64_t next_ns;
    while (count > 0) {
        now_ns = least(count);
        TL_CHECK(tl_timers_expire(&timers, now_ns - 1, &expired, 1) == 0,
                 "fired early");
        TL_CHECK(tl_timers_expire(&timers, now_ns, &expired, 1) == 1,
                 "fired late");
        uint32_t i = 0;
        while (i < count && slots[i] != expired)
            i++;
        TL_CHECK(i < count && deadlines[i] == now_ns, "another one fired");
        tl_handles_close(&handles, expired);
        count--;
        slots[i] = slots[count];
        deadlines[i] = deadlines[count];
    }
    TL_CHECK(!tl_timers_next(&timers, &next_ns), "timers are left over");
}

/* From count timers to a handful: memory must follow. */
static void grow_and_shrink(uint32_t count)
{
    insert(count);
    size_t full = bytes();
    TL_CHECK(full / count <= 40, "more than 40 bytes a timer");
    thin_out(count, LEFT);
    tl_handles_check(&handles);
    tl_timers_check(&timers);
    /* pages of the remaining timers, spare chunks, the pages' directory */
    size_t page = TL_PAGE_SIZE * sizeof(tl_handle);
    TL_CHECK(bytes() < (LEFT + 2) * page + 400000 + count / 8,
             "memory is not given back");
    expire_all(LEFT);
    printf("%u timers: %zu bytes each, %zu KiB for the last %d\n", count,
           full / count, bytes() / 1024, LEFT);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: scale_test SEED COUNT\n");
        return 2;
    }
    state = strtoull(argv[1], NULL, 10) * 0x9E3779B97F4A7C15u + 1;
    uint32_t count = (uint32_t)atol(argv[2]);
    slots = malloc(count * sizeof *slots);
    deadlines = malloc(count * sizeof *deadlines);
    TL_CHECK(slots != NULL && deadlines != NULL, "out of memory");
    tl_handles_init(&handles, groups);
    tl_timers_init(&timers, &handles, TL_MONOTONIC);
    now_ns = (int64_t)(random64() >> 5);
    uint32_t unused;
    (void)tl_timers_expire(&timers, now_ns, &unused, 1); /* sets the time */
    grow_and_shrink(count / 10);
    grow_and_shrink(count);
    tl_timers_free(&timers);
    tl_handles_free(&handles);
    free(slots);
    free(deadlines);
    printf("ok: seed %s, %u timers\n", argv[1], count);
    return 0;
}
