/* Sockets that scripts open themselves, for timerlua.socket: the plain system
   calls, except that none blocks and none raises SIGPIPE. Declared in
   timerlua_abi.h. */
#include <errno.h>
#include <sys/socket.h>

#include "abi.h"

int tl_plain_open(int family, int type, int protocol)
{
    int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    return fd < 0 ? -errno : fd;
}

int tl_plain_pair(int family, int type, int protocol, int32_t *pair)
{
    int fds[2];
    if (socketpair(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol, fds))
        return -errno;
    pair[0] = fds[0];
    pair[1] = fds[1];
    return 0;
}

int tl_plain_receive(int fd, char *bytes, uint32_t room, int flags,
                     tl_address *from)
{
    socklen_t size = sizeof from->bytes;
    ssize_t got;
    do
        got = recvfrom(fd, bytes, room, flags | MSG_DONTWAIT,
                       from != NULL ? (void *)from->bytes : NULL,
                       from != NULL ? &size : NULL);
    while (got < 0 && errno == EINTR);
    if (from != NULL)
        from->length = got < 0 ? 0 : (uint32_t)size;
    if (got < 0)
        return -errno;
    return got > (ssize_t)room ? (int)room : (int)got; /* for MSG_TRUNC */
}

int tl_plain_send(int fd, const char *bytes, size_t start, size_t count,
                  int flags, const tl_address *to)
{
    ssize_t sent;
    do
        sent = sendto(fd, bytes + start, count - start,
                      flags | MSG_NOSIGNAL | MSG_DONTWAIT,
                      to != NULL ? (const void *)to->bytes : NULL,
                      to != NULL ? to->length : 0);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : (int)sent; /* Linux takes less than 2 GiB */
}

int tl_plain_set(int fd, int level, int name, const char *bytes, uint32_t count)
{
    return setsockopt(fd, level, name, bytes, count) ? -errno : 0;
}

int tl_plain_get(int fd, int level, int name, char *bytes, uint32_t room)
{
    socklen_t size = room;
    return getsockopt(fd, level, name, bytes, &size) ? -errno : (int)size;
}
