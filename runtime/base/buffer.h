/* A queue of bytes in one piece of memory: bytes that a socket has received and
   no reader has taken yet, or bytes to be sent. An empty buffer holds no
   memory; the usual small pieces come from a pool and go back to it, and so
   does one large piece, for connections that receive much.

   Pure: no system call but malloc. */
#ifndef TL_BUFFER_H
#define TL_BUFFER_H

#include <stddef.h>

enum {
    TL_PIECE_BYTES = 4096, /* of each pooled piece */
    TL_PIECES_KEPT = 64,
    TL_LARGE_BYTES = 65536 /* a pipe's capacity, pipe(7) */
};

typedef struct tl_buffer_pool {
    void *free; /* list of pieces; each begins with the next piece's address */
    int count;
    char *large; /* TL_LARGE_BYTES, or NULL */
} tl_buffer_pool;

typedef struct tl_buffer {
    char *memory;
    size_t start, end; /* the bytes held are memory[start .. end - 1] */
    size_t capacity;
} tl_buffer;

void tl_buffer_pool_free(tl_buffer_pool *pool);

static inline size_t tl_buffer_length(const tl_buffer *buffer)
{
    return buffer->end - buffer->start;
}

static inline char *tl_buffer_bytes(const tl_buffer *buffer)
{
    return buffer->memory + buffer->start;
}

static inline size_t tl_buffer_room(const tl_buffer *buffer)
{
    return buffer->capacity - buffer->end;
}

/* Make room for count more bytes after those held; -ENOMEM. Moves the bytes. */
int tl_buffer_reserve(tl_buffer *buffer, tl_buffer_pool *pool, size_t count);
/* Append a copy of count bytes; -ENOMEM appends none. */
int tl_buffer_append(tl_buffer *buffer, tl_buffer_pool *pool, const char *bytes,
                     size_t count);
/* Drop the first count bytes. They stay readable until the next reserve or
   release. */
void tl_buffer_consume(tl_buffer *buffer, size_t count);
/* Give the memory back if the buffer is empty. */
void tl_buffer_release(tl_buffer *buffer, tl_buffer_pool *pool);
/* Drop everything. */
void tl_buffer_clear(tl_buffer *buffer, tl_buffer_pool *pool);

#endif
