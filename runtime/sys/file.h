/* Descriptors that are no sockets, as the kernel has them: every read(2),
   writev(2) and pipe2(2) for connections is here. EINTR is retried.

   Functions return what they made or moved, or a negative errno; -EAGAIN is
   normal where the descriptor is non-blocking. */
#ifndef TL_FILE_H
#define TL_FILE_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "abi.h"

/* What Lua calls too is in timerlua_abi.h. */

ssize_t tl_file_read(int fd, void *bytes, size_t room);
/* At most 1 MiB in a call, so that a disk does not keep all others waiting. */
ssize_t tl_file_write(int fd, const struct iovec *parts, int count);
/* The same where SIGPIPE would end the process: two system calls more. */
ssize_t tl_file_write_quietly(int fd, const struct iovec *parts, int count);
/* For a descriptor that blocks: -EAGAIN while nothing is there or there is no
   room, and a page at most is written. Somebody else who uses it may be faster;
   then they block. */
ssize_t tl_file_read_lent(int fd, void *bytes, size_t room);
ssize_t tl_file_write_lent(int fd, const struct iovec *part, bool quietly);
/* Whether SIGPIPE ends the process, signal(7): the program catches it, but a
   plain luajit and other hosts may not. */
bool tl_file_pipe_kills(void);

#endif
