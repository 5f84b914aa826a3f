/* The messages that a service manager expects of a daemon, without the
   manager's library: the protocol of sd_notify(3). See timerlua_abi.h. */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

enum { NS_PER_US = 1000 };

/* The length of the address, or -EAFNOSUPPORT, -ENAMETOOLONG. */
static int to_address(const char *name, struct sockaddr_un *address)
{
    size_t length = strlen(name);
    if (name[0] != '/' && name[0] != '@')
        return -EAFNOSUPPORT;
    if (length >= sizeof address->sun_path)
        return -ENAMETOOLONG;
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, name, length);
    if (name[0] == '@') /* its name begins with a zero byte, unix(7) */
        address->sun_path[0] = '\0';
    return (int)(offsetof(struct sockaddr_un, sun_path) + length +
                 (name[0] == '/'));
}

int tl_manager_tell(const char *name, const char *text, uint32_t length)
{
    struct sockaddr_un address;
    int size = to_address(name, &address);
    if (size < 0)
        return size;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    ssize_t sent;
    do
        sent = sendto(fd, text, length, MSG_NOSIGNAL,
                      (const struct sockaddr *)&address, (socklen_t)size);
    while (sent < 0 && errno == EINTR);
    int error = sent < 0 ? -errno : 0;
    (void)close(fd);
    return error;
}

double tl_manager_clock(void)
{
    int64_t us = tl_clock_kernel_ns(TL_MONOTONIC) / NS_PER_US;
    return (double)us;
}
