/* Sockets as the kernel has them: every socket(2), accept(2), connect(2),
   recv(2), send(2) and setsockopt(2) of the program's own sockets is here;
   those that scripts open themselves have plain.c. All sockets are non-blocking
   and close-on-exec; no call raises SIGPIPE; EINTR is retried.

   Functions return what they made or moved, or a negative errno; -EAGAIN is
   normal. */
#ifndef TL_SOCKET_H
#define TL_SOCKET_H

#include <sys/types.h>
#include <sys/uio.h>

#include "abi.h"

/* What Lua calls too is in timerlua_abi.h. */

/* Close so that the peer sees a reset. */
void tl_socket_reset(int fd);
/* Undo it, for a datagram socket. */
int tl_socket_disconnect(int fd);
/* AF_INET and its kin, or a negative errno. */
int tl_socket_family(int fd);
/* An IPv4 address for a socket of IPv6. */
void tl_socket_map(const tl_address *address, tl_address *mapped);

ssize_t tl_socket_receive(int fd, void *bytes, size_t room);
ssize_t tl_socket_send(int fd, const void *bytes, size_t count);
ssize_t tl_socket_send_parts(int fd, const struct iovec *parts, int count);

/* A datagram and where it came from; *size is its true length, which is more
   than room when it was cut. */
ssize_t tl_socket_receive_from(int fd, void *bytes, size_t room,
                               tl_address *from);
/* to NULL: where the socket is connected to. */
ssize_t tl_socket_send_to(int fd, const void *bytes, size_t count,
                          const tl_address *to);

#endif
