/* The queue of bytes against a plain array, with random steps.
   buffer_test SEED STEPS */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "check.h"

enum { MOST = 200000, QUEUES = 100 };

static uint64_t state;

static uint64_t random64(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

typedef struct {
    tl_buffer buffer;
    char *bytes; /* the model: the bytes held */
    size_t length;
} queue;

static tl_buffer_pool pool;
static queue queues[QUEUES];
static char piece[MOST];

static void check(const queue *q)
{
    const tl_buffer *b = &q->buffer;
    TL_CHECK(b->start <= b->end && b->end <= b->capacity, "out of its memory");
    TL_CHECK((b->memory == NULL) == (b->capacity == 0), "memory and capacity");
    TL_CHECK(tl_buffer_length(b) == q->length, "another length");
    TL_CHECK(q->length == 0 ||
                 memcmp(tl_buffer_bytes(b), q->bytes, q->length) == 0,
             "other bytes");
    TL_CHECK(pool.count >= 0 && pool.count <= TL_PIECES_KEPT, "the pool");
}

static size_t random_size(size_t most)
{
    size_t size = (size_t)(random64() >> (random64() % 64));
    return size % (most + 1);
}

static void append(queue *q)
{
    size_t count = random_size(MOST - q->length);
    char first = (char)random64();
    for (size_t i = 0; i < count; i++)
        piece[i] = (char)(first + (char)(i * 7));
    TL_CHECK(tl_buffer_append(&q->buffer, &pool, piece, count) == 0, "memory");
    if (count > 0)
        memcpy(q->bytes + q->length, piece, count);
    q->length += count;
}

static void reserve(queue *q)
{
    size_t count = random64() % 4 ? random_size(MOST) : TL_LARGE_BYTES;
    TL_CHECK(tl_buffer_reserve(&q->buffer, &pool, count) == 0, "memory");
    TL_CHECK(tl_buffer_room(&q->buffer) >= count, "less room than asked for");
    TL_CHECK(q->buffer.capacity <= 8 * (q->length + count) + TL_PIECE_BYTES ||
                 q->buffer.capacity <= 8 * (size_t)MOST,
             "far more memory than is held");
}

static void consume(queue *q)
{
    size_t count = random64() % 4 ? random_size(q->length) : q->length;
    const char *before = tl_buffer_bytes(&q->buffer);
    tl_buffer_consume(&q->buffer, count);
    TL_CHECK(count == 0 || memcmp(before, q->bytes, count) == 0,
             "what is consumed does not stay readable");
    q->length -= count;
    memmove(q->bytes, q->bytes + count, q->length);
}

static void release(queue *q)
{
    tl_buffer_release(&q->buffer, &pool);
    TL_CHECK(q->length > 0 || q->buffer.memory == NULL,
             "empty, but has memory");
}

static void clear(queue *q)
{
    tl_buffer_clear(&q->buffer, &pool);
    q->length = 0;
    TL_CHECK(q->buffer.memory == NULL, "cleared, but has memory");
}

static void step(void)
{
    static void (*const steps[])(queue *) = {append,  append,  consume, consume,
                                             reserve, release, clear};
    queue *q = &queues[random64() % (random64() % 2 ? 3 : QUEUES)];
    steps[random64() % (sizeof steps / sizeof *steps)](q);
    check(q);
}

/* A sum that exceeds any number. */
static void refuses(void)
{
    queue *q = &queues[0];
    while (q->length == 0)
        append(q);
    TL_CHECK(tl_buffer_reserve(&q->buffer, &pool, SIZE_MAX) != 0,
             "room for more than there is");
    check(q);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    state = strtoull(argv[1], NULL, 10) * 2654435761u + 1;
    long steps = strtol(argv[2], NULL, 10);
    for (int i = 0; i < QUEUES; i++)
        if ((queues[i].bytes = malloc(MOST)) == NULL)
            return 1;
    for (long i = 0; i < steps; i++)
        step();
    refuses();
    for (int i = 0; i < QUEUES; i++) {
        clear(&queues[i]);
        free(queues[i].bytes);
    }
    tl_buffer_pool_free(&pool);
    TL_CHECK(pool.free == NULL && pool.count == 0 && pool.large == NULL,
             "the pool is not empty");
    printf("ok: %ld steps\n", steps);
    return 0;
}
