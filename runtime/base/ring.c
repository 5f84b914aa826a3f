/* A ring of records: see ring.h. */
#include "base/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST = 512, PADDING = UINT32_MAX, GIVE_BACK_PART = 8 };

/* Before each record, aligned to 8 bytes; size is 0 until the record is
   published, and counts this header and the padding for alignment. */
typedef struct header {
    uint32_t size;
    uint32_t kind;
    uint32_t first_length;
    uint32_t second_length;
} header;

int tl_ring_open(tl_ring *ring, size_t capacity)
{
    size_t rounded = LEAST;
    if (capacity > TL_RING_MOST)
        return -EINVAL;
    while (rounded < capacity)
        rounded *= 2;
    *ring = (tl_ring){.capacity = rounded};
    ring->bytes = calloc(1, rounded);
    return ring->bytes != NULL ? 0 : -ENOMEM;
}

void tl_ring_free(tl_ring *ring)
{
    free(ring->bytes);
    *ring = (tl_ring){0};
}

static header *header_at(const tl_ring *ring, uint64_t position)
{
    return (header *)(void *)(ring->bytes + (position & (ring->capacity - 1)));
}

/* Sequentially consistent, as are the next checks of the adder (does the taker
   sleep?) and of the taker (is there a record?): one of them sees the other, so
   no record is slept on. */
static void publish(header *at, size_t size)
{
    __atomic_store_n(&at->size, (uint32_t)size, __ATOMIC_SEQ_CST);
}

static bool fits(const tl_ring *ring, uint64_t tail, uint64_t head, size_t size)
{
    return head > tail || tail - head + size <= ring->capacity;
}

/* Whether size bytes are free behind tail. The taker's head is read only if its
   last known value does not suffice. That value may be more than a ring's
   length behind tail, for a slow adder writes a head that it read long ago.
   head may be ahead of a tail that was read long ago: then the compare-and-swap
   fails, and tail is read again. */
static bool has_room(tl_ring *ring, uint64_t tail, size_t size)
{
    uint64_t head = __atomic_load_n(&ring->seen, __ATOMIC_ACQUIRE);
    if (fits(ring, tail, head, size))
        return true;
    head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
    __atomic_store_n(&ring->seen, head, __ATOMIC_RELEASE);
    return fits(ring, tail, head, size);
}

/* Claim size bytes in one piece. False when there is no room. */
static bool claim(tl_ring *ring, size_t size, uint64_t *position)
{
    uint64_t tail = __atomic_load_n(&ring->tail, __ATOMIC_RELAXED);
    size_t padding;
    do {
        size_t to_end = ring->capacity - (tail & (ring->capacity - 1));
        padding = size > to_end ? to_end : 0;
        if (!has_room(ring, tail, size + padding))
            return false;
    } while (!__atomic_compare_exchange_n(&ring->tail, &tail,
                                          tail + size + padding, true,
                                          __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    if (padding > 0) {
        /* at least 16 bytes: all sizes are multiples of that */
        header *rest = header_at(ring, tail);
        rest->kind = PADDING;
        publish(rest, padding);
    }
    *position = tail + padding;
    return true;
}

int tl_ring_add(tl_ring *ring, uint32_t kind, const void *first,
                size_t first_length, const void *second, size_t second_length)
{
    size_t most = ring->capacity / 8;
    if (first_length > most || second_length > most)
        return -EMSGSIZE;
    size_t size = sizeof(header) + first_length + second_length;
    size = (size + sizeof(header) - 1) & ~(sizeof(header) - 1);
    if (size > most)
        return -EMSGSIZE;
    uint64_t position;
    if (!claim(ring, size, &position))
        return -EAGAIN;
    header *at = header_at(ring, position);
    at->kind = kind;
    at->first_length = (uint32_t)first_length;
    at->second_length = (uint32_t)second_length;
    char *bytes = (char *)(at + 1);
    if (first_length == sizeof(header)) /* a function; no call of memcpy then */
        memcpy(bytes, first, sizeof(header));
    else if (first_length > 0)
        memcpy(bytes, first, first_length);
    if (second_length > 0)
        memcpy(bytes + first_length, second, second_length);
    publish(at, size);
    return 0;
}

uint64_t tl_ring_mark(const tl_ring *ring)
{
    return __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
}

void tl_ring_give_back(tl_ring *ring)
{
    if (ring->head != ring->taken)
        __atomic_store_n(&ring->head, ring->taken, __ATOMIC_RELEASE);
}

void tl_ring_drop(tl_ring *ring)
{
    header *at = header_at(ring, ring->taken);
    size_t size = at->size;
    if (size == 2 * sizeof(header))
        memset(at, 0, 2 * sizeof(header));
    else
        memset(at, 0, size);
    ring->taken += size;
    if (ring->taken - ring->head >= ring->capacity / GIVE_BACK_PART)
        tl_ring_give_back(ring);
}

bool tl_ring_has(tl_ring *ring)
{
    header *at = header_at(ring, ring->taken);
    return __atomic_load_n(&at->size, __ATOMIC_SEQ_CST) != 0;
}

bool tl_ring_next(tl_ring *ring, uint64_t mark, tl_record *record)
{
    while (ring->taken < mark && tl_ring_has(ring)) {
        const header *at = header_at(ring, ring->taken);
        if (at->kind != PADDING) {
            *record = (tl_record){at->kind, (const char *)(at + 1),
                                  at->first_length, NULL, at->second_length};
            record->second = record->first + at->first_length;
            return true;
        }
        tl_ring_drop(ring);
    }
    return false;
}
