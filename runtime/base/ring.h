/* A ring of records of different sizes: many threads and signal handlers add,
   and one thread takes. No lock, no allocation: an adder claims room by one
   compare-and-swap and publishes its record by storing its size; the taker
   clears the records it has taken, so that a claimed record has size 0 until it
   is published. The scheme is that of Aeron's many-to-one ring buffer.

   Records of one adder keep their order. Pure: no system call. */
#ifndef TL_RING_H
#define TL_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Padding between the fields that adders write and those that the taker
   writes. */
enum { TL_CACHE_LINE = 64 };

enum { TL_RING_MOST = 1 << 30 }; /* bytes: a record counts its own in 32 bits */

typedef struct tl_ring {
    char *bytes; /* owned; zero outside records */
    size_t capacity;
    char line[TL_CACHE_LINE];
    uint64_t tail; /* bytes claimed since the start; adders, atomically */
    uint64_t seen; /* head as an adder last saw it; atomically */
    char tail_line[TL_CACHE_LINE];
    uint64_t head; /* bytes given back to adders; written by the taker */
    char head_line[TL_CACHE_LINE];
    uint64_t taken; /* bytes taken, the taker's own */
    char taken_line[TL_CACHE_LINE];
} tl_ring;

/* Open a ring of capacity bytes, rounded up to a power of two, at least 512.
   -ENOMEM; -EINVAL beyond TL_RING_MOST. */
int tl_ring_open(tl_ring *ring, size_t capacity);
void tl_ring_free(tl_ring *ring);

/* Add a record made of two parts. -EAGAIN: no room; -EMSGSIZE: more than an
   eighth of the capacity. */
int tl_ring_add(tl_ring *ring, uint32_t kind, const void *first,
                size_t first_length, const void *second, size_t second_length);

typedef struct tl_record {
    uint32_t kind;
    const char *first; /* aligned to 8 bytes */
    size_t first_length;
    const char *second;
    size_t second_length;
} tl_record;

/* How far adders have claimed: for taking the records that existed at a given
   moment. */
uint64_t tl_ring_mark(const tl_ring *ring);
/* The next record before mark, valid until tl_ring_drop; false when there is
   none, or when the next record is not published yet. */
bool tl_ring_next(tl_ring *ring, uint64_t mark, tl_record *record);
void tl_ring_drop(tl_ring *ring);
/* Give taken room back to adders; tl_ring_drop does so only from time to
   time, because each time costs the adders a cache line. To be called after
   taking. */
void tl_ring_give_back(tl_ring *ring);
/* Whether there is a record to take. */
bool tl_ring_has(tl_ring *ring);

#endif
