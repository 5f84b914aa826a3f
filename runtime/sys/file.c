/* Descriptors that are not sockets: see file.h. */
#include "sys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "sys/descriptor.h"

/* A pipe that is ready for writing has room for a page, pipe(7). */
enum { MOST_WRITTEN = 1 << 20, PAGE = 4096 };

ssize_t tl_file_read(int fd, void *bytes, size_t room)
{
    ssize_t got;
    do
        got = read(fd, bytes, room);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

/* The first parts, up to the most that is written at once. */
static int limit(const struct iovec *parts, int count, struct iovec *limited)
{
    size_t left = MOST_WRITTEN;
    int used = 0;
    while (used < count && left > 0) {
        limited[used] = parts[used];
        if (limited[used].iov_len > left)
            limited[used].iov_len = left;
        left -= limited[used++].iov_len;
    }
    return used;
}

ssize_t tl_file_write(int fd, const struct iovec *parts, int count)
{
    struct iovec limited[2];
    int used = limit(parts, count < 2 ? count : 2, limited);
    ssize_t taken;
    do
        taken = writev(fd, limited, used);
    while (taken < 0 && errno == EINTR);
    return taken < 0 ? -errno : taken;
}

/* A signal raised by a write is pending for this thread, because the signal is
   blocked meanwhile: it is taken away before it can be delivered. A signal that
   was pending before is not ours, and a second one changes nothing. */
ssize_t tl_file_write_quietly(int fd, const struct iovec *parts, int count)
{
    const struct timespec no_time = {0, 0};
    sigset_t broken_pipe, before, pending;
    (void)sigemptyset(&broken_pipe);
    (void)sigaddset(&broken_pipe, SIGPIPE);
    (void)sigemptyset(&pending);
    (void)pthread_sigmask(SIG_BLOCK, &broken_pipe, &before);
    if (sigismember(&before, SIGPIPE) == 1)
        (void)sigpending(&pending);
    ssize_t taken = tl_file_write(fd, parts, count);
    if (taken == -EPIPE && sigismember(&pending, SIGPIPE) != 1)
        while (sigtimedwait(&broken_pipe, NULL, &no_time) < 0 && errno == EINTR)
            ;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return taken;
}

ssize_t tl_file_read_lent(int fd, void *bytes, size_t room)
{
    return tl_descriptor_is_ready(fd, TL_READ) ? tl_file_read(fd, bytes, room)
                                               : -EAGAIN;
}

ssize_t tl_file_write_lent(int fd, const struct iovec *part, bool quietly)
{
    struct iovec little = *part;
    if (little.iov_len > PAGE)
        little.iov_len = PAGE;
    if (!tl_descriptor_is_ready(fd, TL_WRITE))
        return -EAGAIN;
    return quietly ? tl_file_write_quietly(fd, &little, 1)
                   : tl_file_write(fd, &little, 1);
}

bool tl_file_pipe_kills(void)
{
    struct sigaction now;
    return sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL;
}

int tl_file_is_terminal(int fd)
{
    return isatty(fd);
}

int tl_file_pipe(int32_t *fds)
{
    return pipe2(fds, O_CLOEXEC | O_NONBLOCK) ? -errno : 0;
}
