/* A four-ary min-heap of deadlines: the few entries that are due next, in
   exact order. Entries are copies, so ordering touches no handle. */
#ifndef TL_HEAP_H
#define TL_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tl_heap_entry {
    int64_t deadline_ns;
    uint32_t order; /* of arming; least first among equal deadlines */
    uint32_t slot;
} tl_heap_entry;

typedef struct tl_heap {
    tl_heap_entry *entries;
    size_t count;
    size_t capacity;
} tl_heap;

typedef bool tl_heap_keep(const tl_heap_entry *entry, void *context);

void tl_heap_init(tl_heap *heap);
void tl_heap_free(tl_heap *heap);
/* Make room for extra more entries. -ENOMEM leaves the heap as it was. */
int tl_heap_reserve(tl_heap *heap, size_t extra);
/* Add an entry; room must have been reserved. */
void tl_heap_push(tl_heap *heap, tl_heap_entry entry);
/* Remove the least entry; the heap must not be empty. */
tl_heap_entry tl_heap_pop(tl_heap *heap);
/* Keep only the entries that keep() wants. */
void tl_heap_filter(tl_heap *heap, tl_heap_keep *keep, void *context);
/* Give back memory that a much fuller heap needed (fine if there is none). */
void tl_heap_trim(tl_heap *heap);
/* The greatest deadline up to limit_ns among the entries that keep() wants,
   INT64_MIN when there is none. Visits only the entries up to the limit. */
int64_t tl_heap_last_until(const tl_heap *heap, int64_t limit_ns,
                           tl_heap_keep *keep, void *context);
/* Aborts when the order is broken. For tests. */
void tl_heap_check(const tl_heap *heap);

#endif
