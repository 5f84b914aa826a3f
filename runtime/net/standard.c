/* Standard input, output and error as connections: see timerlua_abi.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buffer.h"
#include "net/net.h"
#include "net/stream.h"

#ifdef __GLIBC__
/* The number of bytes that stdio has read ahead and no reader took. */
static size_t read_ahead(FILE *file)
{
    return (size_t)(file->_IO_read_end - file->_IO_read_ptr);
}
#else
static size_t read_ahead(FILE *file)
{
    (void)file;
    return 0;
}
#endif

/* Take over the bytes that io.read left in its buffer. In a file, fflush(3)
   moves the offset back by that number, for other users of the file. */
static int take_over(tl_loop *loop, tl_stream *s)
{
    /* cppcheck-suppress fflushOnInputStream; fflush(3) says what it does */
    (void)fflush(stdin);
    size_t count = read_ahead(stdin);
    if (count == 0)
        return 0;
    int error = tl_buffer_reserve(&s->in, &loop->net->pool, count);
    if (error == 0)
        s->in.end += fread(s->in.memory + s->in.end, 1, count, stdin);
    return error;
}

/* Make a stream poll first if its description blocks. */
static void mark_lent(tl_loop *loop, const tl_borrowed *b)
{
    tl_handle *handle;
    tl_stream *s = tl__stream_find(loop, b->id, &handle);
    if (s != NULL && tl__borrowed_blocks(handle->at.watch.fd))
        s->transport = tl__transport_lent(s->transport);
}

int tl_standard_open(tl_loop *loop, tl_id *id, int number, int options)
{
    int fd, flags = 0;
    if (tl_poller_forked(&loop->poller))
        return -ECHILD;
    int error = tl__borrow(loop, number, &fd, &flags);
    if (error)
        return error;
    error = tl_stream_start(loop, id, fd, flags | options);
    if (error) {
        tl__borrowed_undo(loop, number);
        return error;
    }
    tl_borrowed *b = &loop->net->borrowed[number];
    b->id = *id;
    tl_handle *handle;
    if (loop->lent)
        mark_lent(loop, b);
    if (number == STDIN_FILENO)
        error = take_over(loop, tl__stream_find(loop, *id, &handle));
    if (error) {
        (void)tl_stream_abort(loop, id->slot, id->generation, 0);
        return error;
    }
    return atomic_load(&b->flags) >= 0 ? TL_STAYS_NONBLOCKING : 0;
}

/* Send the queue: all of it, or in a host the part that the kernel takes at
   once. */
static int empty(tl_loop *loop, tl_id id)
{
    tl_handle *handle;
    if (!loop->hosted)
        return tl_stream_drain(loop, id.slot, id.generation, 0);
    tl_stream *s = tl__stream_find(loop, id, &handle);
    if (s == NULL || s->send_error || tl_buffer_length(&s->out) == 0)
        return 0;
    s->state &= ~(uint32_t)TL_IS_BLOCKED;
    (void)tl__stream_send_queue(loop, id, handle, s);
    return 0;
}

void tl_standard_lend(tl_loop *loop)
{
    if (tl_poller_forked(&loop->poller))
        return;
    loop->lent = true;
    for (int i = 0; i < TL_BORROWED_COUNT && loop->net != NULL; i++) {
        int flags = atomic_exchange(&loop->net->borrowed[i].flags, -1);
        if (flags < 0)
            continue;
        (void)fcntl(atomic_load(&loop->net->borrowed[i].fd), F_SETFL, flags);
        for (int k = 0; k < TL_BORROWED_COUNT; k++)
            if (atomic_load(&loop->net->borrowed[k].fd) >= 0)
                mark_lent(loop, &loop->net->borrowed[k]);
    }
}

int tl_standard_lost(tl_loop *loop)
{
    if (loop->net == NULL)
        return 0;
    const tl_borrowed *b = &loop->net->borrowed[STDOUT_FILENO];
    tl_handle *handle;
    const tl_stream *s =
        atomic_load(&b->fd) >= 0 ? tl__stream_find(loop, b->id, &handle) : NULL;
    return s != NULL ? s->send_error : 0;
}

int tl_standard_end(tl_loop *loop)
{
    int lost = 0;
    if (tl_poller_forked(&loop->poller)) /* the parent sends the queued bytes */
        return 0;
    for (int i = 0; i < TL_BORROWED_COUNT && loop->net != NULL; i++) {
        const tl_borrowed *b = &loop->net->borrowed[i];
        if (i == STDIN_FILENO || atomic_load(&b->fd) < 0)
            continue;
        int status = empty(loop, b->id);
        if (status && i == STDOUT_FILENO)
            lost = status;
    }
    tl_standard_restore(loop);
    return lost;
}
