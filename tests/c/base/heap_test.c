/* The heap against a plain array that is searched for its least.
   heap_test SEED STEPS */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "base/heap.h"

enum { MOST = 500, MANY = 100000 };

static uint64_t state;

static uint64_t random64(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static tl_heap heap;
static tl_heap_entry entries[MOST];
static size_t count;
static uint32_t order;

static bool is_before(const tl_heap_entry *a, const tl_heap_entry *b)
{
    return a->deadline_ns != b->deadline_ns ? a->deadline_ns < b->deadline_ns
                                            : a->order < b->order;
}

static tl_heap_entry random_entry(void)
{
    int64_t deadline_ns = (int64_t)(random64() >> 1);
    if (random64() % 2) /* many equal ones, on both sides of 0 */
        deadline_ns = (int64_t)(random64() % 40) - 20;
    return (tl_heap_entry){deadline_ns, ++order, (uint32_t)random64()};
}

static void push(void)
{
    if (count == MOST)
        return;
    TL_CHECK(tl_heap_reserve(&heap, 1) == 0, "out of memory");
    TL_CHECK(heap.capacity > heap.count, "no room was made");
    entries[count] = random_entry();
    tl_heap_push(&heap, entries[count++]);
}

static void pop(void)
{
    if (count == 0)
        return;
    size_t least = 0;
    for (size_t i = 1; i < count; i++)
        if (is_before(&entries[i], &entries[least]))
            least = i;
    tl_heap_entry got = tl_heap_pop(&heap);
    TL_CHECK(got.deadline_ns == entries[least].deadline_ns &&
                 got.order == entries[least].order &&
                 got.slot == entries[least].slot,
             "what came is not the least");
    entries[least] = entries[--count];
}

typedef struct {
    uint32_t modulus;
    int64_t limit_ns;
} wish;

static bool wanted(const tl_heap_entry *entry, void *context)
{
    const wish *w = context;
    TL_CHECK(entry->deadline_ns <= w->limit_ns, "asked past the limit");
    return entry->slot % w->modulus != 0;
}

static void filter(void)
{
    wish w = {1 + (uint32_t)(random64() % 5), INT64_MAX};
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (wanted(&entries[i], &w))
            entries[kept++] = entries[i];
    count = kept;
    tl_heap_filter(&heap, wanted, &w);
}

static void expect_last(void)
{
    wish w = {1 + (uint32_t)(random64() % 5), random_entry().deadline_ns};
    int64_t expected_ns = INT64_MIN;
    for (size_t i = 0; i < count; i++)
        if (entries[i].deadline_ns <= w.limit_ns &&
            entries[i].deadline_ns > expected_ns && wanted(&entries[i], &w))
            expected_ns = entries[i].deadline_ns;
    TL_CHECK(tl_heap_last_until(&heap, w.limit_ns, wanted, &w) == expected_ns,
             "the last until a limit is another");
}

static void step(void)
{
    uint64_t what = random64() % 100;
    if (what < 55)
        push();
    else if (what < 90)
        pop();
    else if (what < 99)
        expect_last();
    else
        filter();
    TL_CHECK(heap.count == count, "entries are miscounted");
    tl_heap_check(&heap);
}

static int compare(const void *a, const void *b)
{
    return is_before(a, b) ? -1 : is_before(b, a);
}

/* Many entries come out sorted; a heap that has shrunk releases its memory. */
static void test_many(void)
{
    tl_heap_entry *sorted = malloc(MANY * sizeof *sorted);
    TL_CHECK(sorted != NULL && tl_heap_reserve(&heap, MANY) == 0,
             "out of memory");
    for (size_t i = 0; i < MANY; i++) {
        sorted[i] = random_entry();
        sorted[i].slot = (uint32_t)i;
        tl_heap_push(&heap, sorted[i]);
    }
    tl_heap_check(&heap);
    qsort(sorted, MANY, sizeof *sorted, compare);
    for (size_t i = 0; i < MANY; i++) {
        tl_heap_entry got = tl_heap_pop(&heap);
        TL_CHECK(memcmp(&got, &sorted[i], sizeof got) == 0, "not sorted");
    }
    for (size_t i = 0; i < MANY; i++)
        tl_heap_push(&heap, sorted[i]);
    size_t before = heap.capacity;
    wish none = {1, INT64_MAX};
    tl_heap_filter(&heap, wanted, &none);
    TL_CHECK(heap.count == 0, "unwanted entries stay");
    tl_heap_trim(&heap);
    TL_CHECK(before >= MANY && heap.capacity <= MANY / 10,
             "spare memory is kept");
    TL_CHECK(tl_heap_last_until(&heap, INT64_MAX, wanted, &none) == INT64_MIN,
             "an empty heap has a last entry");
    free(sorted);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: heap_test SEED STEPS\n");
        return 2;
    }
    state = strtoull(argv[1], NULL, 10) * 0x9E3779B97F4A7C15u + 1;
    long steps = atol(argv[2]);
    tl_heap_init(&heap);
    for (long i = 0; i < steps; i++)
        step();
    while (count > 0)
        pop();
    test_many();
    tl_heap_free(&heap);
    TL_CHECK(heap.entries == NULL && heap.count == 0, "freed but not empty");
    printf("ok: seed %s, %ld steps\n", argv[1], steps);
    return 0;
}
