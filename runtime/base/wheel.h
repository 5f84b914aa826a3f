/* A hierarchical timing wheel of slot numbers (Varghese & Lauck 1987), keyed by
   the highest bit in which a deadline differs from the wheel's base, as in
   wahern/timeout. Buckets are chunked arrays of 4-byte entries, so moving a
   bucket reads memory in order, where linked timers would require chasing
   pointers.

   An entry is a hint: the handle knows its real position, so leaving a bucket
   costs nothing here. The owner drops stale entries when it drains a bucket.

   The finest buckets are 2^15 ns (33 us) wide; deadlines within one bucket are
   put in exact order elsewhere (heap.h). */
#ifndef TL_WHEEL_H
#define TL_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TL_WHEEL_TICK_BITS = 15,
    TL_WHEEL_LEVEL_BITS = 6,
    TL_WHEEL_FANOUT = 1 << TL_WHEEL_LEVEL_BITS,
    TL_WHEEL_LEVELS = 8, /* 15 + 8 * 6 = 63 bits: every positive int64 */
    TL_WHEEL_BUCKETS = TL_WHEEL_LEVELS * TL_WHEEL_FANOUT,
    TL_CHUNK_ENTRIES = 29
};

/* 128 bytes: two cache lines, 4.4 bytes an entry. */
typedef struct tl_chunk {
    struct tl_chunk *next;
    uint32_t used;
    uint32_t entries[TL_CHUNK_ENTRIES];
} tl_chunk;

typedef struct tl_wheel {
    uint64_t base;   /* in ticks; entries lie after it */
    uint32_t levels; /* bit n: level n has an occupied bucket */
    uint64_t occupied[TL_WHEEL_LEVELS];
    tl_chunk *buckets[TL_WHEEL_BUCKETS];
    tl_chunk *spare; /* freed chunks, kept up to a bound */
    size_t spares;
    size_t entries; /* stale ones included */
    size_t chunks;  /* spares included */
} tl_wheel;

typedef bool tl_wheel_keep(uint32_t slot, int bucket, void *context);

void tl_wheel_init(tl_wheel *wheel);
void tl_wheel_free(tl_wheel *wheel);

/* The bucket of a deadline; -1 if the deadline is not after the base's tick. */
int tl_wheel_bucket(const tl_wheel *wheel, int64_t deadline_ns);
/* Append to a bucket. -ENOMEM. */
int tl_wheel_push(tl_wheel *wheel, int bucket, uint32_t slot);
/* Detach the whole content of a bucket; give each chunk to tl_wheel_recycle
   after reading it. */
tl_chunk *tl_wheel_take(tl_wheel *wheel, int bucket);
tl_chunk *tl_wheel_recycle(tl_wheel *wheel, tl_chunk *chunk);
/* The earliest bucket that has entries; -1 if no bucket has any. */
int tl_wheel_first(const tl_wheel *wheel);
/* The first and the last nanosecond of a bucket. */
int64_t tl_wheel_start(const tl_wheel *wheel, int bucket);
int64_t tl_wheel_end(const tl_wheel *wheel, int bucket);
/* The first bucket that time reaches or passes on the way to now_ns: its
   entries must be placed again after the base has moved. -1: none. */
int tl_wheel_passed(const tl_wheel *wheel, int64_t now_ns);
/* Advance the base. Every passed bucket must have been taken. */
void tl_wheel_advance(tl_wheel *wheel, int64_t now_ns);
/* Reset the base, in either direction; the wheel must be empty. */
void tl_wheel_rebase(tl_wheel *wheel, int64_t now_ns);
/* Move the base to the start of the first bucket, which may be ahead of
   time, so that its content can be spread over finer buckets. */
void tl_wheel_enter(tl_wheel *wheel, int bucket);
/* Entries in a bucket, stale ones included. */
size_t tl_wheel_count(const tl_wheel *wheel, int bucket);
/* Keep only the entries that keep() wants and give memory back. */
void tl_wheel_filter(tl_wheel *wheel, tl_wheel_keep *keep, void *context);
size_t tl_wheel_bytes(const tl_wheel *wheel);
/* Aborts when counts or occupancy are wrong. For tests. */
void tl_wheel_check(const tl_wheel *wheel);

#endif
