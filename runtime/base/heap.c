/* A four-ary min-heap: see heap.h. Four children share one cache line. */
#include "base/heap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

/* The least capacity covers the headroom that timers.c keeps: 32 KiB, of which
   only the part in use becomes resident. */
enum { ARITY = 4, LEAST_CAPACITY = 2048 };

void tl_heap_init(tl_heap *heap)
{
    *heap = (tl_heap){0};
}

void tl_heap_free(tl_heap *heap)
{
    free(heap->entries);
    tl_heap_init(heap);
}

static int resize(tl_heap *heap, size_t capacity)
{
    tl_heap_entry *entries = realloc(heap->entries, capacity * sizeof *entries);
    if (entries == NULL)
        return -ENOMEM;
    heap->entries = entries;
    heap->capacity = capacity;
    return 0;
}

int tl_heap_reserve(tl_heap *heap, size_t extra)
{
    size_t wanted = heap->count + extra;
    if (wanted <= heap->capacity)
        return 0;
    size_t capacity = heap->capacity ? heap->capacity : LEAST_CAPACITY;
    while (capacity < wanted)
        capacity *= 2;
    return resize(heap, capacity);
}

static inline bool before(const tl_heap_entry *a, const tl_heap_entry *b)
{
    if (a->deadline_ns != b->deadline_ns)
        return a->deadline_ns < b->deadline_ns;
    return a->order < b->order;
}

static void sift_up(tl_heap *heap, size_t i, tl_heap_entry entry)
{
    while (i > 0) {
        size_t parent = (i - 1) / ARITY;
        if (!before(&entry, &heap->entries[parent]))
            break;
        heap->entries[i] = heap->entries[parent];
        i = parent;
    }
    heap->entries[i] = entry;
}

static void sift_down(tl_heap *heap, size_t i, tl_heap_entry entry)
{
    tl_heap_entry *entries = heap->entries;
    for (;;) {
        size_t child = ARITY * i + 1;
        if (child >= heap->count)
            break;
        size_t end = child + ARITY < heap->count ? child + ARITY : heap->count;
        size_t least = child;
        while (++child < end)
            if (before(&entries[child], &entries[least]))
                least = child;
        if (!before(&entries[least], &entry))
            break;
        entries[i] = entries[least];
        i = least;
    }
    entries[i] = entry;
}

void tl_heap_push(tl_heap *heap, tl_heap_entry entry)
{
    TL_CHECK(heap->count < heap->capacity, "heap grew without room");
    sift_up(heap, heap->count++, entry);
}

tl_heap_entry tl_heap_pop(tl_heap *heap)
{
    TL_CHECK(heap->count > 0, "taking from an empty heap");
    tl_heap_entry least = heap->entries[0];
    heap->count--;
    if (heap->count > 0)
        sift_down(heap, 0, heap->entries[heap->count]);
    return least;
}

void tl_heap_filter(tl_heap *heap, tl_heap_keep *keep, void *context)
{
    size_t kept = 0;
    for (size_t i = 0; i < heap->count; i++)
        if (keep(&heap->entries[i], context))
            heap->entries[kept++] = heap->entries[i];
    heap->count = kept;
    for (size_t i = kept / ARITY + 1; i-- > 0;)
        if (i < kept)
            sift_down(heap, i, heap->entries[i]);
}

void tl_heap_trim(tl_heap *heap)
{
    /* halved a few times only after doubling as often: amortized O(1) */
    if (heap->capacity / 4 > LEAST_CAPACITY && heap->capacity / 4 > heap->count)
        (void)resize(heap, 2 * heap->count + LEAST_CAPACITY);
}

/* Depth is at most 16: log4 of 2^32 entries. */
static void visit_until(const tl_heap *heap, size_t i, int64_t limit_ns,
                        tl_heap_keep *keep, void *context, int64_t *last)
{
    const tl_heap_entry *entry = &heap->entries[i];
    if (entry->deadline_ns > limit_ns)
        return;
    if (entry->deadline_ns > *last && keep(entry, context))
        *last = entry->deadline_ns;
    for (size_t c = ARITY * i + 1; c <= ARITY * i + ARITY; c++)
        if (c < heap->count)
            visit_until(heap, c, limit_ns, keep, context, last);
}

int64_t tl_heap_last_until(const tl_heap *heap, int64_t limit_ns,
                           tl_heap_keep *keep, void *context)
{
    int64_t last = INT64_MIN;
    if (heap->count > 0)
        visit_until(heap, 0, limit_ns, keep, context, &last);
    return last;
}

void tl_heap_check(const tl_heap *heap)
{
    TL_CHECK(heap->count <= heap->capacity, "heap is fuller than full");
    for (size_t i = 1; i < heap->count; i++)
        TL_CHECK(!before(&heap->entries[i], &heap->entries[(i - 1) / ARITY]),
                 "a heap entry is less than its parent");
}
