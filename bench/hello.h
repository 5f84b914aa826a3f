/*
 * What the socket workloads agree on in C: the answer to a request, the end of
 * its headers, the sizes. The servers in other languages answer the same bytes,
 * where they let one choose.
 */
#ifndef BENCH_HELLO_H
#define BENCH_HELLO_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define END_OF_HEADERS "\r\n\r\n"
#define HELLO                                                                  \
    "HTTP/1.1 200 OK\r\n"                                                      \
    "Content-Type: text/plain\r\n"                                             \
    "Content-Length: 5" END_OF_HEADERS "hello"

enum {
    HELLO_SIZE = sizeof HELLO - 1,
    END_SIZE = sizeof END_OF_HEADERS - 1,
    BUFFER_SIZE = 65536,
    BACKLOG = 1024
};

/* Bytes that have to wait: the beginning of a request, the end of an answer.
 * Empty means freed, so that an idle connection holds none. */
struct bytes {
    char *data;
    size_t size;
};

static inline void keep(struct bytes *kept, const char *data, size_t size)
{
    if (size == 0)
        return;
    kept->data = realloc(kept->data, kept->size + size);
    if (!kept->data)
        abort();
    memcpy(kept->data + kept->size, data, size);
    kept->size += size;
}

static inline void drop(struct bytes *kept, size_t size)
{
    kept->size -= size;
    if (kept->size > 0) {
        memmove(kept->data, kept->data + size, kept->size);
        return;
    }
    free(kept->data);
    kept->data = NULL;
}

/* One past the first request in the bytes, or NULL if it is not whole yet. */
static inline const char *end_of_request(const char *from, const char *end)
{
    const char *found =
        memmem(from, (size_t)(end - from), END_OF_HEADERS, END_SIZE);

    return found ? found + END_SIZE : NULL;
}

static inline void need(int good, const char *what)
{
    if (good)
        return;
    perror(what);
    exit(1);
}

#endif
