/* The timers of one clock: see timers.h.

   The field where of a queued handle names its place: the front, or a bucket.
   An entry there counts only if the handle says so; for the front, whose
   entries carry a copy of the deadline, the order of arming must match too. An
   entry that outlived its handle's stay may match again after the handle came
   back: then two entries name one place, the first to be read moves the handle,
   and the second no longer matches. */
#include "store/timers.h"

#include <errno.h>
#include <stdlib.h>

#include "check.h"

enum {
    STALE_ALLOWANCE = 1024, /* stale entries not worth a sweep */
    ENTRIES_EACH = 4, /* entries a timer, from which a sweep is worth it */
    SWEPT = 1 << 15,  /* in where, during a sweep: beyond every bucket */
    PULL_LIMIT = 512  /* buckets up to this size go to the heap whole */
};

void tl_timers_init(tl_timers *timers, tl_handles *handles, int clock)
{
    timers->handles = handles;
    timers->clock = clock;
    timers->order = 0;
    timers->queued = 0;
    tl_wheel_init(&timers->wheel);
    tl_heap_init(&timers->front);
}

void tl_timers_free(tl_timers *timers)
{
    tl_wheel_free(&timers->wheel);
    tl_heap_free(&timers->front);
}

static bool is_queued(const tl_handle *handle)
{
    return handle->where == TL_IN_FRONT || handle->where >= TL_IN_WHEEL;
}

static bool is_here(const tl_timers *timers, const tl_handle *handle, int where)
{
    return handle != NULL && handle->where == where &&
           (handle->flags & TL_CLOCK_MASK) == timers->clock;
}

/* For any handle, even one whose field where means something else. */
static bool is_queued_here(const tl_timers *timers, const tl_handle *handle)
{
    return !tl__has_descriptor(timers->handles, handle) && is_queued(handle) &&
           is_here(timers, handle, handle->where);
}

/* Whether an entry is the first one met in this sweep for its handle: a slot
   that left a bucket and came back has two there. */
static bool first_in_bucket(uint32_t slot, int bucket, void *context)
{
    const tl_timers *timers = context;
    tl_handle *handle = tl_handles_peek(timers->handles, slot);
    if (!is_here(timers, handle, TL_IN_WHEEL + bucket))
        return false;
    handle->where |= SWEPT;
    return true;
}

static bool unmark(uint32_t slot, int bucket, void *context)
{
    const tl_timers *timers = context;
    (void)bucket;
    tl_handles_at(timers->handles, slot)->where &= (uint16_t)~SWEPT;
    return true;
}

static bool in_front(const tl_heap_entry *entry, void *context)
{
    const tl_timers *timers = context;
    const tl_handle *handle = tl_handles_peek(timers->handles, entry->slot);
    return is_here(timers, handle, TL_IN_FRONT) &&
           handle->order == entry->order &&
           handle->at.deadline_ns == entry->deadline_ns;
}

static void push_front(tl_timers *timers, uint32_t slot, tl_handle *handle)
{
    tl_heap_push(&timers->front,
                 (tl_heap_entry){handle->at.deadline_ns, handle->order, slot});
    handle->where = TL_IN_FRONT;
}

/* Put a handle, whose deadline and order are set, where it belongs. */
static int place(tl_timers *timers, uint32_t slot, tl_handle *handle)
{
    int64_t deadline_ns = handle->at.deadline_ns;
    int bucket = tl_wheel_bucket(&timers->wheel, deadline_ns);
    if (bucket >= 0 && tl_wheel_push(&timers->wheel, bucket, slot) == 0) {
        handle->where = (uint16_t)(TL_IN_WHEEL + bucket);
        return 0;
    }
    /* No bucket, or no memory for a chunk: the front takes any deadline. */
    int error = tl_heap_reserve(&timers->front, 1 + TL_TIMERS_HEADROOM);
    if (error)
        return error;
    push_front(timers, slot, handle);
    return 0;
}

static void sweep(tl_timers *timers)
{
    tl_wheel_filter(&timers->wheel, first_in_bucket, timers);
    tl_wheel_filter(&timers->wheel, unmark, timers);
    tl_heap_filter(&timers->front, in_front, timers);
    tl_heap_trim(&timers->front);
}

/* Sweeping costs the number of entries and removes three quarters of them or
   more, so it is O(1) for each cancel or early re-arm that made an entry stale.
   An entry is 4 bytes, and reading its handle is slow. */
static void sweep_if_worth(tl_timers *timers)
{
    size_t entries = timers->wheel.entries + timers->front.count;
    if (entries > ENTRIES_EACH * timers->queued + STALE_ALLOWANCE)
        sweep(timers);
}

static int by_order(const void *a, const void *b)
{
    const tl_handle *x = *(tl_handle *const *)a, *y = *(tl_handle *const *)b;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* The 32-bit order of arming is used up, once in four billion armings: renumber
   the queued handles, keeping their order. */
static int renumber(tl_timers *timers)
{
    tl_handle **queued = malloc((timers->queued + 1) * sizeof(tl_handle *));
    if (queued == NULL)
        return -ENOMEM;
    sweep(timers);
    uint32_t count = 0, slot = 0;
    while ((slot = tl_handles_walk(timers->handles, slot + 1)) != 0) {
        tl_handle *handle = tl_handles_at(timers->handles, slot);
        if (is_queued_here(timers, handle))
            queued[count++] = handle;
    }
    TL_CHECK(count == timers->queued, "queued handles are miscounted");
    qsort(queued, count, sizeof(tl_handle *), by_order);
    for (uint32_t i = 0; i < count; i++)
        queued[i]->order = i + 1;
    timers->order = count;
    free(queued);
    for (size_t i = 0; i < timers->front.count; i++) {
        tl_heap_entry *entry = &timers->front.entries[i];
        entry->order = tl_handles_at(timers->handles, entry->slot)->order;
    }
    return 0;
}

/* Give a handle its new deadline and its place among equal deadlines. */
static int set_deadline(tl_timers *timers, tl_handle *handle,
                        int64_t deadline_ns)
{
    if (timers->order == UINT32_MAX) {
        int error = renumber(timers);
        if (error)
            return error;
    }
    handle->at.deadline_ns = deadline_ns;
    handle->order = ++timers->order;
    return 0;
}

int tl_timers_add(tl_timers *timers, uint32_t slot, int64_t deadline_ns)
{
    tl_handle *handle = tl_handles_at(timers->handles, slot);
    int error = set_deadline(timers, handle, deadline_ns);
    if (error == 0)
        error = place(timers, slot, handle);
    if (error == 0)
        timers->queued++;
    return error;
}

void tl_timers_put_back(tl_timers *timers, uint32_t slot)
{
    tl_handle *handle = tl_handles_at(timers->handles, slot);
    if (place(timers, slot, handle) != 0)
        push_front(timers, slot, handle); /* the headroom is for this */
    timers->queued++;
}

void tl_timers_again(tl_timers *timers, uint32_t slot, int64_t deadline_ns)
{
    tl_handle *handle = tl_handles_at(timers->handles, slot);
    /* This fails only when the order is worn out, once in four billion armings,
       and memory has run out too: ties are then in no order. */
    if (set_deadline(timers, handle, deadline_ns) != 0)
        handle->at.deadline_ns = deadline_ns;
    tl_timers_put_back(timers, slot);
}

int tl_timers_move(tl_timers *timers, uint32_t slot, int64_t deadline_ns)
{
    tl_handle *handle = tl_handles_at(timers->handles, slot);
    if (!is_queued(handle))
        return tl_timers_add(timers, slot, deadline_ns);
    if (tl_timers_postpone(timers, handle, deadline_ns))
        return 0;
    tl_handle before = *handle;
    int error = set_deadline(timers, handle, deadline_ns);
    if (error)
        return error;
    bool stays = handle->where >= TL_IN_WHEEL &&
                 (deadline_ns >= before.at.deadline_ns ||
                  tl_wheel_bucket(&timers->wheel, deadline_ns) ==
                      handle->where - TL_IN_WHEEL);
    if (stays) /* the bucket is not after the deadline: moved when reached */
        return 0;
    error = place(timers, slot, handle);
    if (error)
        *handle = before; /* its old entry is still there */
    else
        sweep_if_worth(timers);
    return error;
}

void tl_timers_rebase(tl_timers *timers, int64_t now_ns)
{
    TL_CHECK(timers->queued == 0, "timers are queued on the old time");
    sweep(timers);
    tl_wheel_rebase(&timers->wheel, now_ns);
}

void tl_timers_remove(tl_timers *timers, uint32_t slot)
{
    tl_handle *handle = tl_handles_at(timers->handles, slot);
    bool was_queued = is_queued(handle);
    handle->where = TL_NOWHERE;
    if (!was_queued)
        return;
    timers->queued--;
    sweep_if_worth(timers);
}

/* Place the handles of one chunk again: handles due by front_ns go to the
   front. The next chunk's handles are fetched from memory meanwhile. */
static void redistribute_chunk(tl_timers *timers, const tl_chunk *chunk,
                               int where, int64_t front_ns)
{
    const tl_chunk *next = chunk->next;
    for (uint32_t i = 0; i < chunk->used; i++) {
        if (next != NULL && i < next->used)
            __builtin_prefetch(
                tl_handles_peek(timers->handles, next->entries[i]));
        uint32_t slot = chunk->entries[i];
        tl_handle *handle = tl_handles_peek(timers->handles, slot);
        if (!is_here(timers, handle, where))
            continue;
        if (handle->at.deadline_ns <= front_ns) {
            push_front(timers, slot, handle);
        } else {
            int error = place(timers, slot, handle);
            if (error) /* count entries were reserved */
                push_front(timers, slot, handle);
        }
    }
}

/* Empty the first bucket: as a whole into the front, or spread over finer
   buckets. Handles re-armed to a later deadline move on to their buckets.
   -ENOMEM leaves the bucket unchanged. */
static int empty_bucket(tl_timers *timers, int bucket, bool whole)
{
    size_t count = tl_wheel_count(&timers->wheel, bucket);
    int error = tl_heap_reserve(&timers->front, count + TL_TIMERS_HEADROOM);
    if (error)
        return error;
    int64_t front_ns = INT64_MIN;
    if (whole)
        front_ns = tl_wheel_end(&timers->wheel, bucket);
    else
        tl_wheel_enter(&timers->wheel, bucket);
    tl_chunk *chunk = tl_wheel_take(&timers->wheel, bucket);
    while (chunk != NULL) {
        redistribute_chunk(timers, chunk, TL_IN_WHEEL + bucket, front_ns);
        chunk = tl_wheel_recycle(&timers->wheel, chunk);
    }
    return 0;
}

/* Drop stale entries from the top of the front. */
static void clean_front(tl_timers *timers)
{
    while (timers->front.count > 0 &&
           !in_front(&timers->front.entries[0], timers))
        (void)tl_heap_pop(&timers->front);
}

/* Bring buckets to the front until the wheel has nothing before limit_ns nor
   before the front's first entry. A big bucket is spread over finer ones, which
   may put the base ahead of time: a timer armed before the base goes to the
   front. */
static void settle(tl_timers *timers, int64_t limit_ns)
{
    for (;;) {
        clean_front(timers);
        int bucket = tl_wheel_first(&timers->wheel);
        if (bucket < 0)
            return;
        int64_t start_ns = tl_wheel_start(&timers->wheel, bucket);
        if (timers->front.count > 0 && start_ns > limit_ns &&
            timers->front.entries[0].deadline_ns <= start_ns)
            return;
        bool whole = bucket < TL_WHEEL_FANOUT ||
                     tl_wheel_count(&timers->wheel, bucket) <= PULL_LIMIT;
        if (empty_bucket(timers, bucket, whole) != 0)
            return; /* the bucket's start stands in: a wake-up too early */
    }
}

bool tl_timers_next(tl_timers *timers, int64_t *deadline_ns)
{
    if (timers->queued == 0)
        return false;
    settle(timers, INT64_MIN);
    int bucket = tl_wheel_first(&timers->wheel);
    *deadline_ns = INT64_MAX;
    if (timers->front.count > 0)
        *deadline_ns = timers->front.entries[0].deadline_ns;
    if (bucket >= 0 && tl_wheel_start(&timers->wheel, bucket) < *deadline_ns)
        *deadline_ns = tl_wheel_start(&timers->wheel, bucket);
    return true;
}

bool tl_timers_last_within(tl_timers *timers, int64_t slack_ns,
                           int64_t *deadline_ns)
{
    if (!tl_timers_next(timers, deadline_ns) || slack_ns <= 0)
        return timers->queued > 0;
    int64_t limit_ns = tl_deadline(*deadline_ns, slack_ns);
    settle(timers, limit_ns);
    int64_t last_ns =
        tl_heap_last_until(&timers->front, limit_ns, in_front, timers);
    if (last_ns > *deadline_ns)
        *deadline_ns = last_ns;
    return true;
}

size_t tl_timers_expire(tl_timers *timers, int64_t now_ns, uint32_t *slots,
                        size_t most)
{
    size_t count = 0;
    for (; count < most; count++) {
        /* One bucket at a time: the front stays small however many timers are
           due. */
        settle(timers, INT64_MIN);
        if (timers->front.count == 0 ||
            timers->front.entries[0].deadline_ns > now_ns)
            break;
        slots[count] = tl_heap_pop(&timers->front).slot;
        tl_handles_at(timers->handles, slots[count])->where = TL_IN_BATCH;
    }
    timers->queued -= count;
    tl_heap_trim(&timers->front);
    if (count < most && tl_wheel_passed(&timers->wheel, now_ns) < 0)
        tl_wheel_advance(&timers->wheel, now_ns);
    return count;
}

size_t tl_timers_bytes(const tl_timers *timers)
{
    return tl_wheel_bytes(&timers->wheel) +
           timers->front.capacity * sizeof(tl_heap_entry);
}

static size_t entries_for(const tl_timers *timers, uint32_t slot)
{
    const tl_handle *handle = tl_handles_at(timers->handles, slot);
    size_t found = 0;
    if (handle->where == TL_IN_FRONT) {
        for (size_t i = 0; i < timers->front.count; i++)
            found += timers->front.entries[i].slot == slot &&
                     in_front(&timers->front.entries[i], (void *)timers);
        return found;
    }
    const tl_chunk *chunk = timers->wheel.buckets[handle->where - TL_IN_WHEEL];
    for (; chunk != NULL; chunk = chunk->next)
        for (uint32_t i = 0; i < chunk->used; i++)
            found += chunk->entries[i] == slot;
    return found;
}

void tl_timers_check(tl_timers *timers)
{
    tl_wheel_check(&timers->wheel);
    tl_heap_check(&timers->front);
    size_t queued = 0;
    int64_t least_ns = INT64_MAX, next_ns;
    uint32_t slot = 0;
    while ((slot = tl_handles_walk(timers->handles, slot + 1)) != 0) {
        const tl_handle *handle = tl_handles_at(timers->handles, slot);
        if (!is_queued_here(timers, handle))
            continue;
        queued++;
        if (handle->at.deadline_ns < least_ns)
            least_ns = handle->at.deadline_ns;
        TL_CHECK(entries_for(timers, slot) >= 1, "a queued handle is lost");
        if (handle->where >= TL_IN_WHEEL)
            TL_CHECK(
                handle->at.deadline_ns >=
                    tl_wheel_start(&timers->wheel, handle->where - TL_IN_WHEEL),
                "a handle lies in a bucket after its deadline");
    }
    TL_CHECK(queued == timers->queued, "queued handles are miscounted");
    TL_CHECK(tl_timers_next(timers, &next_ns) == (queued > 0),
             "next contradicts the count");
    TL_CHECK(queued == 0 || next_ns == least_ns, "next is not the least");
}
