/* Descriptors 0 to 2: see borrowed.h. */
#include "net/borrowed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "net/net.h"

/* Of devices.txt in the kernel's documentation. */
enum { MAJOR_MEMORY = 1, MAJOR_TERMINAL = 5, MINOR_MULTIPLEXER = 2 };
enum { MINOR_NULL = 3, MINOR_ZERO = 5, MINOR_FULL = 7 };

/* Whether no operation on the descriptor ever waits. */
static bool is_immediate(const struct stat *kind)
{
    if (!S_ISCHR(kind->st_mode))
        return !S_ISFIFO(kind->st_mode) && (kind->st_mode & S_IFMT) != 0;
    unsigned device = minor(kind->st_rdev);
    return major(kind->st_rdev) == MAJOR_MEMORY &&
           (device == MINOR_NULL || device == MINOR_ZERO ||
            device == MINOR_FULL);
}

/* Whether opening the file again gives the same file. The multiplexer of pseudo
   terminals would make a new terminal, and other devices may allow one user
   only. */
static bool is_reopenable(const struct stat *kind, int number)
{
    if (S_ISFIFO(kind->st_mode))
        return true;
    bool multiplexer = major(kind->st_rdev) == MAJOR_TERMINAL &&
                       minor(kind->st_rdev) == MINOR_MULTIPLEXER;
    return S_ISCHR(kind->st_mode) && !multiplexer && isatty(number);
}

static int reopen(int number)
{
    char path[32];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", number);
    int mode = number == STDIN_FILENO ? O_RDONLY : O_WRONLY;
    return open(path, mode | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

static int duplicate(int number)
{
    int fd = fcntl(number, F_DUPFD_CLOEXEC, TL_BORROWED_COUNT);
    return fd < 0 ? -errno : fd;
}

/* Make the shared description non-blocking until it is given back. */
static int share(tl_borrowed *b, int number, int flags, bool lent)
{
    int fd = duplicate(number);
    if (fd < 0 || flags & O_NONBLOCK || lent)
        return fd;
    atomic_store(&b->fd, fd); /* a signal may come right after the next line */
    atomic_store(&b->flags, flags);
    if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0)
        return fd;
    int error = -errno;
    atomic_store(&b->flags, -1);
    (void)close(fd);
    return error;
}

static int open_own(tl_borrowed *b, int number, int *options, bool lent)
{
    struct stat kind;
    int flags = fcntl(number, F_GETFL);
    if (flags < 0 || fstat(number, &kind))
        return -errno;
    int mode = flags & O_ACCMODE;
    if (mode == (number == STDIN_FILENO ? O_WRONLY : O_RDONLY))
        return -EBADF;
    *options =
        TL_STREAM_SHARED |
        (number == STDIN_FILENO ? TL_STREAM_RECEIVE_ONLY : TL_STREAM_SEND_ONLY);
    if (S_ISSOCK(kind.st_mode))
        return duplicate(number);
    *options |= TL_STREAM_FILE;
    if (is_immediate(&kind))
        return duplicate(number);
    int fd = is_reopenable(&kind, number) ? reopen(number) : -1;
    return fd >= 0 ? fd : share(b, number, flags, lent);
}

/* The settings of the terminal that input comes from. Output alone says
   nothing: a pager that displays the output has settings of its own. */
static void keep_terminal(tl_borrowed *b, int fd)
{
    if (tcgetattr(fd, &b->terminal) == 0)
        atomic_store(&b->has_terminal, true);
}

void tl__borrowed_init(tl_borrowed *borrowed)
{
    atomic_store(&borrowed->fd, -1);
    atomic_store(&borrowed->flags, -1);
}

int tl__borrow(tl_loop *loop, int number, int *fd, int *options)
{
    int error = tl__net_open(loop);
    if (error)
        return error;
    tl_borrowed *b = &loop->net->borrowed[number];
    if (atomic_load(&b->fd) >= 0)
        return -EEXIST;
    *fd = open_own(b, number, options, loop->lent);
    if (*fd < 0)
        return *fd;
    atomic_store(&b->fd, *fd);
    if (number == STDIN_FILENO)
        keep_terminal(b, *fd);
    return 0;
}

bool tl__borrowed_blocks(int fd)
{
    struct stat kind;
    return fstat(fd, &kind) == 0 && !S_ISSOCK(kind.st_mode) &&
           !is_immediate(&kind) && !(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

/* --- giving back -------------------------------------------------------- */

static bool is_same(const struct termios *a, const struct termios *b)
{
    return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag &&
           a->c_cflag == b->c_cflag && a->c_lflag == b->c_lflag &&
           memcmp(a->c_cc, b->c_cc, sizeof a->c_cc) == 0;
}

/* Restore the terminal, unless another program has it now. */
static void restore_terminal(tl_borrowed *b, int fd)
{
    struct termios now;
    pid_t foreground = tcgetpgrp(fd);
    if (!atomic_exchange(&b->has_terminal, false) ||
        (foreground >= 0 && foreground != getpgrp()) || tcgetattr(fd, &now) ||
        is_same(&now, &b->terminal))
        return;
    (void)tcsetattr(fd, TCSANOW, &b->terminal);
}

static void restore(tl_borrowed *b)
{
    int fd = atomic_load(&b->fd);
    if (fd < 0)
        return;
    restore_terminal(b, fd);
    int flags = atomic_exchange(&b->flags, -1);
    if (flags >= 0)
        (void)fcntl(fd, F_SETFL, flags);
}

void tl_standard_restore(tl_loop *loop)
{
    if (loop->net == NULL || tl_poller_forked(&loop->poller))
        return;
    int saved = errno;
    for (int i = 0; i < TL_BORROWED_COUNT; i++)
        restore(&loop->net->borrowed[i]);
    errno = saved;
}

void tl__borrowed_undo(tl_loop *loop, int number)
{
    tl_borrowed *b = &loop->net->borrowed[number];
    int fd = atomic_load(&b->fd);
    restore(b);
    atomic_store(&b->fd, -1);
    (void)close(fd);
}

static void seal(int number)
{
    int mode = number == STDIN_FILENO ? O_WRONLY : O_RDONLY;
    int fd = open("/dev/null", mode | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fd != number) {
        (void)dup2(fd, number);
        (void)close(fd);
    }
}

void tl__borrowed_close(tl_loop *loop, tl_id id)
{
    for (int i = 0; i < TL_BORROWED_COUNT && loop->net != NULL; i++) {
        tl_borrowed *b = &loop->net->borrowed[i];
        if (atomic_load(&b->fd) < 0 || b->id.slot != id.slot ||
            b->id.generation != id.generation)
            continue;
        restore(b);
        atomic_store(&b->fd, -1);
        if (!loop->hosted) /* the number belongs to the host, and stays
                              unchanged */
            seal(i);
    }
}
