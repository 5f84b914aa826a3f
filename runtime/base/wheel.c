/* The timing wheel: see wheel.h. */
#include "base/wheel.h"

#include <errno.h>
#include <stdlib.h>

#include "check.h"

/* Freed chunks worth keeping: 128 KiB. */
enum { MOST_SPARES = 1024 };

void tl_wheel_init(tl_wheel *wheel)
{
    *wheel = (tl_wheel){0};
}

static void free_chunks(tl_chunk *chunk)
{
    while (chunk != NULL) {
        tl_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
}

void tl_wheel_free(tl_wheel *wheel)
{
    for (int b = 0; b < TL_WHEEL_BUCKETS; b++)
        free_chunks(wheel->buckets[b]);
    free_chunks(wheel->spare);
    tl_wheel_init(wheel);
}

static inline uint64_t tick_of(int64_t time_ns)
{
    return time_ns <= 0 ? 0 : (uint64_t)time_ns >> TL_WHEEL_TICK_BITS;
}

int tl_wheel_bucket(const tl_wheel *wheel, int64_t deadline_ns)
{
    uint64_t tick = tick_of(deadline_ns);
    if (tick <= wheel->base)
        return -1;
    /* nonzero because tick and base differ */
    int highest = 63 - __builtin_clzll(tick ^ wheel->base);
    int level = highest / TL_WHEEL_LEVEL_BITS;
    int index =
        (int)(tick >> (TL_WHEEL_LEVEL_BITS * level)) & (TL_WHEEL_FANOUT - 1);
    return level * TL_WHEEL_FANOUT + index;
}

static void mark(tl_wheel *wheel, int bucket, bool occupied)
{
    int level = bucket / TL_WHEEL_FANOUT;
    uint64_t bit = UINT64_C(1) << bucket % TL_WHEEL_FANOUT;
    if (occupied)
        wheel->occupied[level] |= bit;
    else
        wheel->occupied[level] &= ~bit;
    if (wheel->occupied[level])
        wheel->levels |= 1u << level;
    else
        wheel->levels &= ~(1u << level);
}

static tl_chunk *new_chunk(tl_wheel *wheel)
{
    tl_chunk *chunk = wheel->spare;
    if (chunk != NULL) {
        wheel->spare = chunk->next;
        wheel->spares--;
        return chunk;
    }
    chunk = malloc(sizeof *chunk);
    if (chunk != NULL)
        wheel->chunks++;
    return chunk;
}

int tl_wheel_push(tl_wheel *wheel, int bucket, uint32_t slot)
{
    tl_chunk *head = wheel->buckets[bucket];
    if (head == NULL || head->used == TL_CHUNK_ENTRIES) {
        tl_chunk *chunk = new_chunk(wheel);
        if (chunk == NULL)
            return -ENOMEM;
        chunk->next = head;
        chunk->used = 0;
        wheel->buckets[bucket] = head = chunk;
        mark(wheel, bucket, true);
    }
    head->entries[head->used++] = slot;
    wheel->entries++;
    return 0;
}

tl_chunk *tl_wheel_take(tl_wheel *wheel, int bucket)
{
    /* Chunks are pushed at the head; reversed, they read oldest first (except
       after a sweep), so the heap gets mostly ascending deadlines. */
    tl_chunk *content = NULL, *chunk = wheel->buckets[bucket];
    while (chunk != NULL) {
        tl_chunk *next = chunk->next;
        chunk->next = content;
        content = chunk;
        chunk = next;
    }
    wheel->buckets[bucket] = NULL;
    mark(wheel, bucket, false);
    return content;
}

tl_chunk *tl_wheel_recycle(tl_wheel *wheel, tl_chunk *chunk)
{
    tl_chunk *next = chunk->next;
    wheel->entries -= chunk->used;
    if (wheel->spares >= MOST_SPARES) {
        free(chunk);
        wheel->chunks--;
        return next;
    }
    chunk->next = wheel->spare;
    wheel->spare = chunk;
    wheel->spares++;
    return next;
}

int tl_wheel_first(const tl_wheel *wheel)
{
    if (wheel->levels == 0)
        return -1;
    /* A lower level lies wholly before the next bucket of a higher one. */
    int level = __builtin_ctz(wheel->levels);
    return level * TL_WHEEL_FANOUT + __builtin_ctzll(wheel->occupied[level]);
}

int64_t tl_wheel_start(const tl_wheel *wheel, int bucket)
{
    int shift = TL_WHEEL_LEVEL_BITS * (bucket / TL_WHEEL_FANOUT);
    uint64_t above = (uint64_t)-1 << shift << TL_WHEEL_LEVEL_BITS;
    uint64_t tick = (wheel->base & above) | (uint64_t)(bucket % TL_WHEEL_FANOUT)
                                                << shift;
    return (int64_t)(tick << TL_WHEEL_TICK_BITS);
}

int64_t tl_wheel_end(const tl_wheel *wheel, int bucket)
{
    int shift =
        TL_WHEEL_LEVEL_BITS * (bucket / TL_WHEEL_FANOUT) + TL_WHEEL_TICK_BITS;
    return (int64_t)((uint64_t)tl_wheel_start(wheel, bucket) +
                     (UINT64_C(1) << shift) - 1);
}

int tl_wheel_passed(const tl_wheel *wheel, int64_t now_ns)
{
    int bucket = tl_wheel_first(wheel);
    if (bucket < 0 || tl_wheel_start(wheel, bucket) > now_ns)
        return -1;
    return bucket;
}

void tl_wheel_advance(tl_wheel *wheel, int64_t now_ns)
{
    TL_CHECK(tl_wheel_passed(wheel, now_ns) < 0,
             "time passes a bucket that still has entries");
    uint64_t tick = tick_of(now_ns);
    if (tick > wheel->base)
        wheel->base = tick;
}

void tl_wheel_rebase(tl_wheel *wheel, int64_t now_ns)
{
    TL_CHECK(wheel->entries == 0, "the base is set under entries");
    wheel->base = tick_of(now_ns);
}

void tl_wheel_enter(tl_wheel *wheel, int bucket)
{
    TL_CHECK(bucket == tl_wheel_first(wheel), "entered past other entries");
    wheel->base = tick_of(tl_wheel_start(wheel, bucket));
}

size_t tl_wheel_count(const tl_wheel *wheel, int bucket)
{
    size_t count = 0;
    for (const tl_chunk *c = wheel->buckets[bucket]; c != NULL; c = c->next)
        count += c->used;
    return count;
}

/* Recycle the chunks behind this one, whose entries are counted already. */
static void drop_after(tl_wheel *wheel, tl_chunk *last)
{
    tl_chunk *chunk = last->next;
    last->next = NULL;
    while (chunk != NULL) {
        chunk->used = 0;
        chunk = tl_wheel_recycle(wheel, chunk);
    }
}

/* Compact in place: the write position never passes the read position, so no
   memory is needed. */
static void filter_bucket(tl_wheel *wheel, int bucket, tl_wheel_keep *keep,
                          void *context)
{
    tl_chunk *write = wheel->buckets[bucket];
    uint32_t kept = 0;
    for (tl_chunk *read = write; read != NULL; read = read->next) {
        uint32_t used = read->used;
        for (uint32_t i = 0; i < used; i++) {
            if (!keep(read->entries[i], bucket, context)) {
                wheel->entries--;
                continue;
            }
            if (kept == TL_CHUNK_ENTRIES) {
                write->used = kept;
                write = write->next;
                kept = 0;
            }
            write->entries[kept++] = read->entries[i];
        }
    }
    drop_after(wheel, write);
    write->used = kept;
    if (kept == 0)
        (void)tl_wheel_recycle(wheel, tl_wheel_take(wheel, bucket));
}

void tl_wheel_filter(tl_wheel *wheel, tl_wheel_keep *keep, void *context)
{
    for (int b = 0; b < TL_WHEEL_BUCKETS; b++)
        if (wheel->buckets[b] != NULL)
            filter_bucket(wheel, b, keep, context);
}

size_t tl_wheel_bytes(const tl_wheel *wheel)
{
    return sizeof *wheel + wheel->chunks * sizeof(tl_chunk);
}

void tl_wheel_check(const tl_wheel *wheel)
{
    size_t entries = 0, chunks = 0, spares = 0;
    for (int b = 0; b < TL_WHEEL_BUCKETS; b++) {
        bool bit =
            wheel->occupied[b / TL_WHEEL_FANOUT] >> b % TL_WHEEL_FANOUT & 1;
        TL_CHECK(bit == (wheel->buckets[b] != NULL), "occupancy bit is wrong");
        for (const tl_chunk *c = wheel->buckets[b]; c != NULL; c = c->next) {
            entries += c->used;
            chunks++;
        }
    }
    for (int level = 0; level < TL_WHEEL_LEVELS; level++)
        TL_CHECK((wheel->levels >> level & 1) == (wheel->occupied[level] != 0),
                 "level bit is wrong");
    for (const tl_chunk *c = wheel->spare; c != NULL; c = c->next)
        spares++;
    TL_CHECK(entries == wheel->entries, "wheel counts its entries wrongly");
    TL_CHECK(spares == wheel->spares, "wheel counts its spares wrongly");
    TL_CHECK(chunks + spares == wheel->chunks, "wheel loses chunks");
}
