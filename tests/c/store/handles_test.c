/* The table of handles against a model: ended names match nothing, whatever
   handles came to their slots since, and pages are released and come again.
   handles_test SEED STEPS MANY random|worn */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "store/handles.h"

enum { MOST = 6000, ENDED = 4096, DIRECTORY_BYTES = 64 };

static uint64_t state;

static uint64_t random64(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static tl_handles handles;
static const uint8_t groups[TL_KINDS_MOST] = {
    [TL_TIMER] = TL_GROUP_TIMERS,
    [TL_SLEEP] = TL_GROUP_TASKS,
    [TL_TASK] = TL_GROUP_TASKS,
    [TL_WATCH] = TL_GROUP_DESCRIPTORS,
};
static tl_id live[MOST];
static uint32_t live_count;
static tl_id ended[ENDED];
static uint64_t ended_count;
static uint32_t *latest; /* generation opened last at each slot */
static uint32_t slots;
static uint32_t kept_pages; /* pages with retired slots */

static tl_id open_one(int kind)
{
    tl_id id;
    TL_CHECK(tl_handles_open(&handles, kind, &id) == 0, "out of memory");
    TL_CHECK(id.slot > 0 && id.slot < slots, "slot outside the table");
    TL_CHECK(id.generation > latest[id.slot],
             "a slot's generation came a second time");
    latest[id.slot] = id.generation;
    tl_handle *handle = tl_handles_find(&handles, id.slot, id.generation);
    TL_CHECK(handle != NULL && handle == tl_handles_at(&handles, id.slot),
             "a new handle is not found");
    TL_CHECK(handle->kind == kind && handle->flags == 0 &&
                 handle->where == TL_NOWHERE && handle->order == 0 &&
                 handle->at.deadline_ns == 0 && handle->interval_ns == 0,
             "a new handle is not blank");
    return id;
}

static void expect_ended(tl_id id)
{
    TL_CHECK(tl_handles_find(&handles, id.slot, id.generation) == NULL,
             "an ended handle is found");
}

/* Slots of handles that ended and are not free yet. */
static uint32_t resting[100];
static uint32_t resting_count;
static bool may_rest; /* half of those that end rest for a while */

static void free_resting(void)
{
    while (resting_count > 0)
        tl_handles_free_slot(&handles, resting[--resting_count]);
}

static void close_one(tl_id id)
{
    if (may_rest && random64() % 2) {
        if (resting_count == sizeof resting / sizeof *resting)
            free_resting();
        tl_handles_end(&handles, id.slot);
        resting[resting_count++] = id.slot;
    } else {
        tl_handles_close(&handles, id.slot);
    }
    expect_ended(id);
    ended[ended_count++ % ENDED] = id;
}

static void expect_walk(void)
{
    uint32_t seen = 0, slot = 0;
    while ((slot = tl_handles_walk(&handles, slot + 1)) != 0) {
        const tl_handle *handle = tl_handles_peek(&handles, slot);
        TL_CHECK(handle != NULL && handle->kind != TL_FREE,
                 "the walk stops at a free slot");
        TL_CHECK(tl_handles_generation(&handles, slot) == latest[slot],
                 "the walk meets a handle that nobody opened");
        seen++;
    }
    TL_CHECK(seen == live_count, "the walk misses handles");
    TL_CHECK(handles.live == live_count, "live is another number");
}

static void expect_names(void)
{
    for (uint32_t i = 0; i < live_count; i++)
        TL_CHECK(tl_handles_find(&handles, live[i].slot, live[i].generation) !=
                     NULL,
                 "a live handle is lost");
    for (uint64_t i = 0; i < ENDED && i < ended_count; i++)
        expect_ended(ended[i]);
    TL_CHECK(tl_handles_peek(&handles, UINT32_MAX) == NULL &&
                 tl_handles_find(&handles, UINT32_MAX, 1) == NULL,
             "a slot outside the table is found");
    TL_CHECK(tl_handles_find(&handles, 0, 1) == NULL, "slot 0 is found");
}

/* Grows for a while, then shrinks for a while, over several pages. */
static void step(long i)
{
    bool grow = i / 4096 % 2 == 0;
    uint64_t roll = random64() % 100;
    if (live_count < MOST && roll < (grow ? 95u : 3u)) {
        live[live_count++] = open_one(1 + (int)(random64() % 4));
    } else if (live_count > 0) {
        uint32_t which = (uint32_t)(random64() % live_count);
        tl_id id = live[which];
        live[which] = live[--live_count];
        close_one(id);
    }
}

/* The first page and one spare may stay, and the pages' directory. */
static void expect_small(void)
{
    size_t page = TL_PAGE_SIZE * (sizeof(tl_handle) + sizeof(uint32_t));
    TL_CHECK(handles.live == 0, "handles are left");
    TL_CHECK(handles.resident <= 2 + kept_pages, "empty pages are kept");
    TL_CHECK(tl_handles_bytes(&handles) <=
                 (2 + kept_pages) * page +
                     (handles.page_count + 16) * 2 * DIRECTORY_BYTES,
             "memory is not given back");
}

static void close_all(void)
{
    while (live_count > 0)
        close_one(live[--live_count]);
    tl_handles_check(&handles);
    free_resting();
    tl_handles_check(&handles);
    expect_small();
}

static void shuffle(tl_id *ids, uint32_t count)
{
    for (uint32_t i = count; i > 1; i--) {
        uint32_t j = (uint32_t)(random64() % i);
        tl_id swapped = ids[i - 1];
        ids[i - 1] = ids[j];
        ids[j] = swapped;
    }
}

/* Many handles at once, closed in a random order, twice: the second time no
   name of the first time matches. */
static void test_many(uint32_t many)
{
    tl_id *first = malloc(many * sizeof *first);
    tl_id *second = malloc(many * sizeof *second);
    TL_CHECK(first != NULL && second != NULL, "out of memory");
    for (uint32_t i = 0; i < many; i++)
        first[i] = open_one(TL_TIMER);
    TL_CHECK(handles.live == many, "handles are miscounted");
    TL_CHECK(handles.resident <= many / TL_PAGE_SIZE + 2, "pages are wasted");
    tl_handles_check(&handles);
    uint32_t before = handles.given_back, resident = handles.resident;
    shuffle(first, many);
    for (uint32_t i = 0; i < many; i++)
        close_one(first[i]);
    expect_small();
    TL_CHECK(handles.given_back - before == resident - handles.resident,
             "pages given back are miscounted");
    for (uint32_t i = 0; i < many; i++)
        second[i] = open_one(TL_SLEEP);
    TL_CHECK(handles.page_count <= many / TL_PAGE_SIZE + 2,
             "pages given back do not come again");
    for (uint32_t i = 0; i < many; i++)
        expect_ended(first[i]);
    for (uint32_t i = 0; i < many; i++)
        close_one(second[i]);
    tl_handles_check(&handles);
    free(first);
    free(second);
}

/* A program around a page boundary does not allocate and release a page each
   time. */
static void test_boundary(void)
{
    while (handles.live < TL_PAGE_SIZE - 1)
        live[live_count++] = open_one(TL_TIMER);
    close_one(open_one(TL_TIMER));
    uint32_t before = handles.given_back;
    for (int i = 0; i < 100; i++)
        close_one(open_one(TL_TIMER));
    TL_CHECK(handles.given_back == before, "a page boundary thrashes");
    close_all();
}

/* The last generation of a slot: the slot is retired, its page is released and
   comes again, and still no name is given twice. */
static void test_last_generation(void)
{
    for (int i = 0; i < 3 * TL_PAGE_SIZE; i++)
        live[live_count++] = open_one(TL_TIMER);
    tl_id *worn = &live[live_count / 2];
    worn->generation = latest[worn->slot] = TL_WORN - TL_TAG_NEXT;
    *tl_handles_tag(&handles, worn->slot) = worn->generation;
    tl_id old = *worn;
    *worn = live[--live_count];
    close_one(old);
    kept_pages = 1;
    tl_handles_check(&handles);
    for (int round = 0; round < 3; round++) {
        close_all();
        for (int i = 0; i < 3 * TL_PAGE_SIZE; i++) {
            live[live_count] = open_one(TL_TIMER);
            TL_CHECK(live[live_count].slot != old.slot ||
                         live[live_count].generation > old.generation,
                     "a retired slot begins again");
            live_count++;
        }
        expect_ended(old);
    }
    close_all();
}

static void test_random(long steps, uint32_t many)
{
    may_rest = true;
    for (long i = 0; i < steps; i++) {
        step(i);
        if (i % 257)
            continue;
        tl_handles_check(&handles);
        expect_names();
        expect_walk();
    }
    close_all();
    may_rest = false;
    test_boundary();
    test_many(many);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: handles_test SEED STEPS MANY random|worn\n");
        return 2;
    }
    state = strtoull(argv[1], NULL, 10) * 0x9E3779B97F4A7C15u + 1;
    uint32_t many = (uint32_t)atol(argv[3]);
    slots = many + 16 * TL_PAGE_SIZE;
    latest = calloc(slots, sizeof *latest);
    TL_CHECK(latest != NULL, "out of memory");
    tl_handles_init(&handles, groups);
    if (strcmp(argv[4], "worn") == 0)
        test_last_generation();
    else
        test_random(atol(argv[2]), many);
    tl_handles_free(&handles);
    free(latest);
    printf("ok: %s, seed %s, %s steps, %u at once\n", argv[4], argv[1], argv[2],
           many);
    return 0;
}
