/* The content of small files, such as time zones: see timerlua_abi.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi.h"

static int read_all(int fd, char *bytes, int room)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
    int count = 0;
    while (count < room) {
        ssize_t got = read(fd, bytes + count, (size_t)(room - count));
        if (got == 0)
            return count;
        if (got > 0)
            count += (int)got;
        else if (errno != EINTR)
            return -errno;
    }
    return -EFBIG;
}

/* O_NONBLOCK: the opening of a pipe without a writer does not wait. */
int tl_file_content(const char *path, char *bytes, int room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return -errno;
    int status = read_all(fd, bytes, room);
    (void)close(fd);
    return status;
}
