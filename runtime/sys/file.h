/* Descriptors that are not sockets, as the kernel has them: every read(2),
   writev(2) and pipe2(2) for connections is here. EINTR is retried.

   Functions return the descriptor or the number of bytes, or a negative errno;
   -EAGAIN is normal if the descriptor is non-blocking. */
#ifndef TL_FILE_H
#define TL_FILE_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "abi.h"

/* Functions that Lua calls too are in timerlua_abi.h. */

ssize_t tl_file_read(int fd, void *bytes, size_t room);
/* At most 1 MiB in a call, so that a disk does not keep all other handles
   waiting. */
ssize_t tl_file_write(int fd, const struct iovec *parts, int count);
/* The same for a process that SIGPIPE would end: two more system calls. */
ssize_t tl_file_write_quietly(int fd, const struct iovec *parts, int count);
/* For a descriptor that blocks: -EAGAIN if there is nothing to read or no room,
   and at most a page is written. Another user of the descriptor may be faster;
   then the call blocks. */
ssize_t tl_file_read_lent(int fd, void *bytes, size_t room);
ssize_t tl_file_write_lent(int fd, const struct iovec *part, bool quietly);
/* Whether SIGPIPE ends the process, signal(7): the program catches the signal,
   but a plain luajit and other hosts may not. */
bool tl_file_pipe_kills(void);

#endif
