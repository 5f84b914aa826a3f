/* Queues of bytes: see buffer.h. */
#include "base/buffer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

void tl_buffer_pool_free(tl_buffer_pool *pool)
{
    while (pool->free != NULL) {
        void *piece = pool->free;
        pool->free = *(void **)piece;
        free(piece);
    }
    pool->count = 0;
    free(pool->large);
    pool->large = NULL;
}

/* Malloc would give its pages back to the system each time. */
static void *take_large(tl_buffer_pool *pool)
{
    char *large = pool->large;
    pool->large = NULL;
    return large != NULL ? large : malloc(TL_LARGE_BYTES);
}

static void *take_piece(tl_buffer_pool *pool)
{
    if (pool->free == NULL)
        return malloc(TL_PIECE_BYTES);
    void *piece = pool->free;
    pool->free = *(void **)piece;
    pool->count--;
    return piece;
}

static void give_memory(tl_buffer *buffer, tl_buffer_pool *pool)
{
    if (buffer->capacity == TL_LARGE_BYTES && pool->large == NULL) {
        pool->large = buffer->memory;
    } else if (buffer->capacity != TL_PIECE_BYTES ||
               pool->count >= TL_PIECES_KEPT) {
        free(buffer->memory);
    } else {
        *(void **)buffer->memory = pool->free;
        pool->free = buffer->memory;
        pool->count++;
    }
    buffer->memory = NULL;
    buffer->capacity = 0;
}

static int grow(tl_buffer *buffer, size_t capacity)
{
    char *memory = realloc(buffer->memory, capacity);
    if (memory == NULL)
        return -ENOMEM;
    buffer->memory = memory;
    buffer->capacity = capacity;
    return 0;
}

int tl_buffer_reserve(tl_buffer *buffer, tl_buffer_pool *pool, size_t count)
{
    if (count <= tl_buffer_room(buffer))
        return 0;
    size_t length = tl_buffer_length(buffer), needed;
    if (__builtin_add_overflow(length, count, &needed))
        return -ENOMEM;
    if (buffer->memory == NULL &&
        (needed <= TL_PIECE_BYTES || needed == TL_LARGE_BYTES)) {
        bool large = needed == TL_LARGE_BYTES;
        buffer->memory = large ? take_large(pool) : take_piece(pool);
        if (buffer->memory == NULL)
            return -ENOMEM;
        buffer->capacity = large ? TL_LARGE_BYTES : TL_PIECE_BYTES;
        return 0;
    }
    /* a move costs no more than the bytes consumed before it */
    if (buffer->memory != NULL && buffer->start >= length &&
        buffer->start > 0) {
        memmove(buffer->memory, tl_buffer_bytes(buffer), length);
        buffer->start = 0;
        buffer->end = length;
        if (count <= tl_buffer_room(buffer))
            return 0;
    }
    needed = buffer->end + count;
    size_t doubled = buffer->capacity * 2;
    return grow(buffer, needed > doubled ? needed : doubled);
}

int tl_buffer_append(tl_buffer *buffer, tl_buffer_pool *pool, const char *bytes,
                     size_t count)
{
    int error = tl_buffer_reserve(buffer, pool, count);
    if (error)
        return error;
    if (count > 0)
        memcpy(buffer->memory + buffer->end, bytes, count);
    buffer->end += count;
    return 0;
}

void tl_buffer_consume(tl_buffer *buffer, size_t count)
{
    TL_CHECK(count <= tl_buffer_length(buffer), "consuming more than is held");
    buffer->start += count;
}

void tl_buffer_release(tl_buffer *buffer, tl_buffer_pool *pool)
{
    if (tl_buffer_length(buffer) > 0)
        return;
    if (buffer->memory != NULL)
        give_memory(buffer, pool);
    buffer->start = buffer->end = 0;
}

void tl_buffer_clear(tl_buffer *buffer, tl_buffer_pool *pool)
{
    buffer->start = buffer->end;
    tl_buffer_release(buffer, pool);
}
