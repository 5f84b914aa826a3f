/* The wheel against a list of its entries: placing, taking in order, time
   moving on, entering early, filtering. wheel_test SEED STEPS */
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "base/wheel.h"

enum { MOST = 3000, MANY = 500000 };

typedef struct {
    int64_t deadline_ns;
    uint64_t sequence;
    int bucket; /* -1: not in the wheel */
} item;

static uint64_t state;

static uint64_t random64(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static tl_wheel wheel;
static item items[MOST]; /* slot n is items[n] */
static size_t in_wheel;
static uint64_t sequence;
static int64_t now_ns;
static bool filtered[TL_WHEEL_BUCKETS]; /* which may lose the order */

static uint64_t tick(int64_t time_ns)
{
    return (uint64_t)time_ns >> TL_WHEEL_TICK_BITS;
}

static void expect_place(int bucket, int64_t deadline_ns)
{
    if (bucket < 0) {
        TL_CHECK(tick(deadline_ns) <= wheel.base, "no bucket for the future");
        return;
    }
    TL_CHECK(tick(deadline_ns) > wheel.base, "a bucket for the past");
    TL_CHECK(bucket < TL_WHEEL_BUCKETS, "bucket outside the wheel");
    TL_CHECK(tl_wheel_start(&wheel, bucket) <= deadline_ns &&
                 deadline_ns <= tl_wheel_end(&wheel, bucket),
             "a deadline lies outside its bucket");
}

static void put(uint32_t slot, int64_t deadline_ns)
{
    item *it = &items[slot];
    it->deadline_ns = deadline_ns;
    it->bucket = tl_wheel_bucket(&wheel, deadline_ns);
    expect_place(it->bucket, deadline_ns);
    if (it->bucket < 0)
        return;
    TL_CHECK(tl_wheel_push(&wheel, it->bucket, slot) == 0, "out of memory");
    it->sequence = ++sequence;
    in_wheel++;
}

static void put_random(void)
{
    uint32_t slot = (uint32_t)(random64() % MOST);
    if (items[slot].bucket >= 0)
        return;
    int64_t delay_ns = (int64_t)(random64() >> 1 >> random64() % 63);
    if (random64() % 4 == 0)
        delay_ns = (int64_t)(random64() % 100) << TL_WHEEL_TICK_BITS;
    if (delay_ns > INT64_MAX - now_ns)
        delay_ns = INT64_MAX - now_ns;
    put(slot, now_ns + delay_ns);
}

/* Take a bucket: all of it comes, in the order of placing. */
static size_t take(int bucket, uint32_t *slots)
{
    size_t expected = 0, count = 0;
    for (int i = 0; i < MOST; i++)
        expected += items[i].bucket == bucket;
    TL_CHECK(tl_wheel_count(&wheel, bucket) == expected,
             "a bucket counts its entries wrongly");
    uint64_t latest = 0;
    tl_chunk *chunk = tl_wheel_take(&wheel, bucket);
    while (chunk != NULL) {
        for (uint32_t i = 0; i < chunk->used; i++) {
            item *it = &items[chunk->entries[i]];
            TL_CHECK(it->bucket == bucket, "an entry from another bucket");
            TL_CHECK(filtered[bucket] || it->sequence > latest,
                     "entries lost their order");
            latest = it->sequence;
            it->bucket = -1;
            slots[count++] = chunk->entries[i];
        }
        chunk = tl_wheel_recycle(&wheel, chunk);
    }
    TL_CHECK(count == expected, "entries are lost");
    TL_CHECK(tl_wheel_count(&wheel, bucket) == 0, "a taken bucket has some");
    in_wheel -= count;
    filtered[bucket] = false;
    return count;
}

/* Spread a bucket over finer ones, after the wheel was moved there. */
static void spread(int bucket)
{
    uint32_t slots[MOST];
    int64_t start_ns = tl_wheel_start(&wheel, bucket);
    tl_wheel_enter(&wheel, bucket);
    TL_CHECK(wheel.base == tick(start_ns), "entered at another time");
    size_t count = take(bucket, slots);
    for (size_t i = 0; i < count; i++)
        put(slots[i], items[slots[i]].deadline_ns);
}

static void move_on(void)
{
    int64_t by_ns = (int64_t)(random64() >> 1 >> random64() % 63);
    if (by_ns > (INT64_MAX - now_ns) / 16)
        by_ns = (INT64_MAX - now_ns) / 16;
    now_ns += by_ns;
    uint32_t slots[MOST];
    int bucket;
    while ((bucket = tl_wheel_passed(&wheel, now_ns)) >= 0) {
        int64_t end_ns = tl_wheel_end(&wheel, bucket);
        if (end_ns > now_ns) {
            spread(bucket);
            continue;
        }
        size_t count = take(bucket, slots);
        for (size_t i = 0; i < count; i++)
            TL_CHECK(items[slots[i]].deadline_ns <= now_ns, "passed early");
    }
    tl_wheel_advance(&wheel, now_ns);
    TL_CHECK(wheel.base >= tick(now_ns), "time did not move the base");
    for (int i = 0; i < MOST; i++)
        TL_CHECK(items[i].bucket < 0 ||
                     tick(items[i].deadline_ns) > tick(now_ns),
                 "what is past stayed in the wheel");
}

/* The first bucket holds the least deadline of all. */
static void expect_first(void)
{
    const item *least = NULL;
    for (item *it = items; it < items + MOST; it++)
        if (it->bucket >= 0 &&
            (least == NULL || it->deadline_ns < least->deadline_ns))
            least = it;
    int first = tl_wheel_first(&wheel);
    TL_CHECK((first < 0) == (least == NULL), "the first bucket is missed");
    TL_CHECK(least == NULL || least->bucket == first,
             "the first bucket does not hold the least deadline");
}

static bool wanted(uint32_t slot, int bucket, void *context)
{
    TL_CHECK(items[slot].bucket == bucket, "asked with another bucket");
    return (slot + *(uint32_t *)context) % 3 != 0;
}

static void filter(void)
{
    uint32_t shift = (uint32_t)(random64() % 3);
    tl_wheel_filter(&wheel, wanted, &shift);
    for (int b = 0; b < TL_WHEEL_BUCKETS; b++)
        filtered[b] = filtered[b] || wheel.buckets[b] != NULL;
    for (uint32_t i = 0; i < MOST; i++)
        if (items[i].bucket >= 0 && (i + shift) % 3 == 0) {
            items[i].bucket = -1;
            in_wheel--;
        }
    for (uint32_t i = 0; i < MOST; i++)
        if (items[i].bucket >= 0)
            expect_place(items[i].bucket, items[i].deadline_ns);
}

static void step(void)
{
    uint64_t what = random64() % 1000;
    int first = tl_wheel_first(&wheel);
    if (what < 900)
        put_random();
    else if (what < 950)
        expect_first();
    else if (what < 985)
        move_on();
    else if (what < 990 && first >= 0)
        spread(first); /* ahead of time */
    else if (what >= 995)
        filter();
    TL_CHECK(wheel.entries == in_wheel, "entries are miscounted");
}

static bool nothing(uint32_t slot, int bucket, void *context)
{
    (void)slot, (void)bucket, (void)context;
    return false;
}

/* Dense while full, and small again when empty. */
static void test_many(void)
{
    tl_wheel_filter(&wheel, nothing, NULL);
    TL_CHECK(wheel.entries == 0 && tl_wheel_first(&wheel) < 0,
             "unwanted entries stay");
    tl_wheel_check(&wheel);
    tl_wheel_free(&wheel);
    size_t before = tl_wheel_bytes(&wheel);
    for (uint32_t i = 0; i < MANY; i++) {
        int64_t deadline_ns = (int64_t)(random64() % (UINT64_C(1) << 40));
        int bucket = tl_wheel_bucket(&wheel, deadline_ns);
        if (bucket >= 0)
            TL_CHECK(tl_wheel_push(&wheel, bucket, i) == 0, "out of memory");
    }
    TL_CHECK(wheel.entries > MANY / 2, "hardly any were placed");
    TL_CHECK(tl_wheel_bytes(&wheel) - before < 5 * (size_t)MANY,
             "more than 5 bytes an entry");
    tl_wheel_check(&wheel);
    tl_wheel_filter(&wheel, nothing, NULL);
    tl_wheel_check(&wheel);
    TL_CHECK(tl_wheel_bytes(&wheel) < sizeof wheel + 200000,
             "memory is not given back");
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: wheel_test SEED STEPS\n");
        return 2;
    }
    state = strtoull(argv[1], NULL, 10) * 0x9E3779B97F4A7C15u + 1;
    long steps = atol(argv[2]);
    tl_wheel_init(&wheel);
    for (int i = 0; i < MOST; i++)
        items[i].bucket = -1;
    now_ns = (int64_t)(random64() >> 4);
    tl_wheel_advance(&wheel, now_ns);
    TL_CHECK(tl_wheel_first(&wheel) == -1, "a new wheel is not empty");
    for (long i = 0; i < steps; i++) {
        step();
        if (i % 16 == 0)
            tl_wheel_check(&wheel);
    }
    test_many();
    tl_wheel_free(&wheel);
    TL_CHECK(wheel.chunks == 0 && wheel.entries == 0, "freed but not empty");
    printf("ok: seed %s, %ld steps\n", argv[1], steps);
    return 0;
}
