/* Descriptors of any kind: see timerlua_abi.h and descriptor.h. */
#include "sys/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

void tl_descriptor_close(int fd)
{
    (void)close(fd); /* never retried: Linux has freed the number, close(2) */
}

int tl_descriptor_duplicate(int fd)
{
    int duplicate = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return duplicate < 0 ? -errno : duplicate;
}

bool tl_descriptor_is_ready(int fd, int interest)
{
    struct pollfd one = {.fd = fd,
                         .events = interest == TL_READ ? POLLIN : POLLOUT};
    return poll(&one, 1, 0) != 0;
}

void tl_descriptor_await(int fd, int interest)
{
    struct pollfd one = {.fd = fd,
                         .events = interest == TL_READ ? POLLIN : POLLOUT};
    while (poll(&one, 1, -1) < 0 && errno == EINTR)
        ;
}
