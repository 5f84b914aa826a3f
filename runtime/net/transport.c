/* Transports on descriptors: see transport.h. */
#include "net/transport.h"

#include "sys/file.h"
#include "sys/socket.h"

enum { FILE_TRAITS = TL_PIECEWISE | TL_REFUSABLE };

/* Nothing is to be done before bytes may go. */
static int no_handshake(tl_end end)
{
    (void)end;
    return 0;
}

static int close_descriptor(tl_end end, int how)
{
    (void)how;
    tl_descriptor_close(end.fd);
    return 0;
}

/* --- sockets ------------------------------------------------------------ */

/* The socket is writable, so connect(2) is over. */
static int socket_handshake(tl_end end)
{
    return tl_socket_error(end.fd);
}

static ssize_t socket_read(tl_end end, void *bytes, size_t room)
{
    return tl_socket_receive(end.fd, bytes, room);
}

static ssize_t socket_write(tl_end end, const void *bytes, size_t count)
{
    return tl_socket_send(end.fd, bytes, count);
}

static ssize_t socket_writev(tl_end end, const struct iovec *parts, int count)
{
    return tl_socket_send_parts(end.fd, parts, count);
}

static int socket_close(tl_end end, int how)
{
    switch (how) {
    case TL_END_SENDING:
        return tl_socket_shutdown(end.fd, TL_SHUTDOWN_SEND);
    case TL_END_RECEIVING:
        return tl_socket_shutdown(end.fd, TL_SHUTDOWN_RECEIVE);
    case TL_CLOSE_RESET:
        tl_socket_reset(end.fd);
        return 0;
    default:
        return close_descriptor(end, how);
    }
}

static const tl_transport socket_transport = {
    .traits = TL_HALVES | TL_RESETS,
    .handshake = socket_handshake,
    .read = socket_read,
    .write = socket_write,
    .writev = socket_writev,
    .close = socket_close,
};

/* --- files -------------------------------------------------------------- */

static ssize_t file_read(tl_end end, void *bytes, size_t room)
{
    return tl_file_read(end.fd, bytes, room);
}

static ssize_t file_write(tl_end end, const void *bytes, size_t count)
{
    return tl_file_write(end.fd, &(struct iovec){(void *)bytes, count}, 1);
}

static ssize_t file_writev(tl_end end, const struct iovec *parts, int count)
{
    return tl_file_write(end.fd, parts, count);
}

static const tl_transport file_transport = {
    .traits = FILE_TRAITS,
    .handshake = no_handshake,
    .read = file_read,
    .write = file_write,
    .writev = file_writev,
    .close = close_descriptor,
};

/* --- files where SIGPIPE would end the process -------------------------- */

static ssize_t pipe_write(tl_end end, const void *bytes, size_t count)
{
    const struct iovec part = {(void *)bytes, count};
    return tl_file_write_quietly(end.fd, &part, 1);
}

static ssize_t pipe_writev(tl_end end, const struct iovec *parts, int count)
{
    return tl_file_write_quietly(end.fd, parts, count);
}

static const tl_transport pipe_transport = {
    .traits = FILE_TRAITS,
    .handshake = no_handshake,
    .read = file_read,
    .write = pipe_write,
    .writev = pipe_writev,
    .close = close_descriptor,
};

/* --- both, lent --------------------------------------------------------- */

static ssize_t lent_read(tl_end end, void *bytes, size_t room)
{
    return tl_file_read_lent(end.fd, bytes, room);
}

static ssize_t lent_file_write(tl_end end, const void *bytes, size_t count)
{
    const struct iovec part = {(void *)bytes, count};
    return tl_file_write_lent(end.fd, &part, false);
}

/* The first part exceeds the limit of a call, or the next call continues. */
static ssize_t lent_file_writev(tl_end end, const struct iovec *parts,
                                int count)
{
    (void)count;
    return tl_file_write_lent(end.fd, parts, false);
}

static ssize_t lent_pipe_write(tl_end end, const void *bytes, size_t count)
{
    const struct iovec part = {(void *)bytes, count};
    return tl_file_write_lent(end.fd, &part, true);
}

static ssize_t lent_pipe_writev(tl_end end, const struct iovec *parts,
                                int count)
{
    (void)count;
    return tl_file_write_lent(end.fd, parts, true);
}

static const tl_transport lent_file_transport = {
    .traits = FILE_TRAITS,
    .handshake = no_handshake,
    .read = lent_read,
    .write = lent_file_write,
    .writev = lent_file_writev,
    .close = close_descriptor,
};

static const tl_transport lent_pipe_transport = {
    .traits = FILE_TRAITS,
    .handshake = no_handshake,
    .read = lent_read,
    .write = lent_pipe_write,
    .writev = lent_pipe_writev,
    .close = close_descriptor,
};

/* --- choosing ----------------------------------------------------------- */

const tl_transport *tl__transport_for(int options)
{
    if (!(options & TL_STREAM_FILE))
        return &socket_transport;
    bool kills = !(options & TL_STREAM_RECEIVE_ONLY) && tl_file_pipe_kills();
    return kills ? &pipe_transport : &file_transport;
}

const tl_transport *tl__transport_lent(const tl_transport *transport)
{
    if (transport == &file_transport)
        return &lent_file_transport;
    return transport == &pipe_transport ? &lent_pipe_transport : transport;
}
