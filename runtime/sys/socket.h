/* Sockets as the kernel has them: every socket(2), accept(2), connect(2),
   recv(2), send(2) and setsockopt(2) of the program's own sockets is here; the
   sockets that scripts open themselves are in plain.c. All sockets are
   non-blocking and close-on-exec; no call raises SIGPIPE; EINTR is retried.

   Functions return the descriptor or the number of bytes, or a negative errno;
   -EAGAIN is normal. */
#ifndef TL_SOCKET_H
#define TL_SOCKET_H

#include <sys/types.h>
#include <sys/uio.h>

#include "abi.h"

/* Functions that Lua calls too are in timerlua_abi.h. */

/* Close so that the peer sees a reset. */
void tl_socket_reset(int fd);
/* Undo tl_socket_connect, for a datagram socket. */
int tl_socket_disconnect(int fd);
/* AF_INET and similar, or a negative errno. */
int tl_socket_family(int fd);
/* The form of an IPv4 address for an IPv6 socket. */
void tl_socket_map(const tl_address *address, tl_address *mapped);

ssize_t tl_socket_receive(int fd, void *bytes, size_t room);
ssize_t tl_socket_send(int fd, const void *bytes, size_t count);
ssize_t tl_socket_send_parts(int fd, const struct iovec *parts, int count);

/* Receive a datagram and its source; *size is its true length, which is more
   than room if the datagram was truncated. */
ssize_t tl_socket_receive_from(int fd, void *bytes, size_t room,
                               tl_address *from);
/* If to is NULL, the datagram goes to the connected address. */
ssize_t tl_socket_send_to(int fd, const void *bytes, size_t count,
                          const tl_address *to);

#endif
