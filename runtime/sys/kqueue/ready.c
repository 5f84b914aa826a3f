/* READ and WRITE of a kqueue: see kqueue.h. Their epoll sets and, for
   descriptors that epoll(7) refuses (files, which are always ready), a look at
   the file. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/kqueue/kqueue.h"

static uint32_t interest_of(const tl_knote *knote)
{
    bool reads = knote->filter == TL_KQ_READ;
    /* With a low-water mark, readiness has to be judged: each change comes
       once, and reported conditions are checked again. */
    bool by_change = knote->flags & TL_KQ_CLEAR || knote->fflags & TL_KQ_LOWAT;
    return (reads ? (uint32_t)EPOLLIN | EPOLLRDHUP : (uint32_t)EPOLLOUT) |
           (by_change ? (uint32_t)EPOLLET : 0);
}

static int control(tl_kqueue *queue, tl_knote *knote, int operation)
{
    int set = *tl__kqueue_set(queue, knote->filter);
    if (operation == EPOLL_CTL_ADD)
        knote->serial = ++queue->serial;
    struct epoll_event event = {.events = interest_of(knote),
                                .data.u64 = (uint64_t)knote->serial << 32 |
                                            (uint64_t)knote->ident};
    if (epoll_ctl(set, operation, (int)knote->ident, &event) != 0)
        return -errno;
    knote->in_set = operation != EPOLL_CTL_DEL;
    return 0;
}

static int open_set(tl_kqueue *queue, int filter)
{
    int *set = tl__kqueue_set(queue, filter);
    if (*set >= 0)
        return 0;
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0)
        return -errno;
    int error = tl__kqueue_join(queue, fd, set);
    if (error)
        (void)close(fd);
    else
        *set = fd;
    return error;
}

bool tl__kqueue_renew_set(tl_kqueue *queue, int filter)
{
    int *set = tl__kqueue_set(queue, filter);
    int old = *set;
    *set = -1;
    if (open_set(queue, filter) != 0) {
        *set = old;
        return false;
    }
    (void)close(old);
    for (uint32_t i = 0; i < queue->bucket_count; i++) {
        for (tl_knote *knote = queue->buckets[i], *next; knote != NULL;
             knote = next) {
            next = knote->next;
            struct stat now;
            if (knote->filter == filter && knote->in_set &&
                (!tl__kqueue_is_open(knote, &now) ||
                 control(queue, knote, EPOLL_CTL_ADD) != 0)) {
                knote->in_set = false;
                tl__kqueue_end(queue, knote); /* the descriptor was closed */
            }
        }
    }
    return true;
}

static int attach(tl_kqueue *queue, tl_knote *knote)
{
    return open_set(queue, knote->filter);
}

/* A file, or another descriptor that epoll refuses because it is always ready.
   A reader at the end of a file waits for inotify. */
static int enable_plain(tl_kqueue *queue, tl_knote *knote)
{
    int error = 0;
    if (knote->filter == TL_KQ_READ && S_ISREG(knote->was.st_mode) &&
        knote->watch < 0)
        error = tl__kqueue_watch(queue, knote);
    if (error == 0)
        error = tl__kqueue_activate(queue, knote);
    knote->plain = error == 0;
    return error;
}

/* Also has a descriptor that is ready reported again. */
static int enable(tl_kqueue *queue, tl_knote *knote, bool on)
{
    if (knote->plain)
        return on ? enable_plain(queue, knote) : 0;
    if (!on) {
        if (knote->in_set)
            (void)control(queue, knote, EPOLL_CTL_DEL);
        knote->in_set = false;
        return 0;
    }
    int error = -ENOENT;
    if (knote->in_set)
        error = control(queue, knote, EPOLL_CTL_MOD);
    if (error == -ENOENT) /* also when it was closed, and came again */
        error = control(queue, knote, EPOLL_CTL_ADD);
    return error == -EPERM ? enable_plain(queue, knote) : error;
}

static int modify(tl_kqueue *queue, tl_knote *knote)
{
    (void)queue;
    knote->told = false;
    return 0;
}

static void detach(tl_kqueue *queue, tl_knote *knote)
{
    tl__kqueue_unwatch(queue, knote);
    if (knote->in_set && !queue->closing)
        (void)control(queue, knote, EPOLL_CTL_DEL);
}

/* --- reports ------------------------------------------------------------ */

/* Bytes queued to be received, or to be sent. The type of a request is another
   one in each C library, so that it cannot be an argument. */
static int queued(int fd, bool sending)
{
    int count = 0;
    int result =
        sending ? ioctl(fd, TIOCOUTQ, &count) : ioctl(fd, FIONREAD, &count);
    return result == 0 ? count : -errno;
}

static int option(int fd, int level, int name)
{
    int value = 0;
    socklen_t size = sizeof value;
    return getsockopt(fd, level, name, &value, &size) == 0 ? value : 0;
}

/* Connections that wait to be accepted: tcp(7) gives the number; there is no
   way to get it for Unix sockets. */
static int backlog(int fd)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    if (option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 0)
        return 0;
    if (option(fd, SOL_SOCKET, SO_PROTOCOL) != IPPROTO_TCP ||
        getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
        info.tcpi_unacked == 0)
        return 1;
    return (int)info.tcpi_unacked;
}

/* Linux returns the error of a socket once, so the error is kept for later
   reports, and for those of the other filter. */
static void tell_end(tl_kqueue *queue, tl_knote *knote, tl_kevent *event)
{
    int other = knote->filter == TL_KQ_READ ? TL_KQ_WRITE : TL_KQ_READ;
    tl_knote *peer = tl__kqueue_find(queue, knote->ident, other);
    event->flags |= TL_KQ_EOF;
    if (S_ISSOCK(knote->was.st_mode) && knote->error == 0)
        knote->error = option((int)knote->ident, SOL_SOCKET, SO_ERROR);
    if (peer != NULL && peer->was.st_ino == knote->was.st_ino &&
        knote->error != 0)
        peer->error = knote->error;
    event->fflags = (uint32_t)knote->error;
}

static int look_at_file(tl_knote *knote, tl_kevent *event)
{
    struct stat now;
    if (!tl__kqueue_is_open(knote, &now)) {
        event->ended = 1; /* the descriptor was closed */
        return 0;
    }
    bool reads = knote->filter == TL_KQ_READ && S_ISREG(now.st_mode);
    off_t left = 0;
    if (reads) {
        left = now.st_size - lseek((int)knote->ident, 0, SEEK_CUR);
        event->data = (double)left;
    }
    if (knote->flags & TL_KQ_CLEAR && knote->told &&
        (!reads || now.st_size == knote->was.st_size))
        return 0;
    if (reads && (left == 0 || (knote->fflags & TL_KQ_LOWAT && left > 0 &&
                                left < knote->data)))
        return 0;
    knote->told = true;
    knote->was.st_size = now.st_size;
    return 1;
}

static int look_read(tl_kqueue *queue, tl_knote *knote, uint32_t ready,
                     tl_kevent *event)
{
    if (knote->plain)
        return look_at_file(knote, event);
    int fd = (int)knote->ident;
    struct stat now;
    if (!tl__kqueue_is_open(knote, &now))
        return -EBADF;
    int count = queued(fd, false);
    if (count < 0)
        count = S_ISSOCK(knote->was.st_mode) ? backlog(fd) : 0;
    event->data = count;
    if (ready & (uint32_t)(EPOLLHUP | EPOLLRDHUP))
        tell_end(queue, knote, event);
    else if (knote->fflags & TL_KQ_LOWAT && count < knote->data &&
             !(ready & (uint32_t)EPOLLERR))
        return 0;
    return 1;
}

/* An upper bound: the kernel counts whole pages, and its own overhead. */
static double room(int fd, mode_t mode)
{
    int most = 0, used = 0;
    if (S_ISSOCK(mode)) {
        most = option(fd, SOL_SOCKET, SO_SNDBUF);
        used = queued(fd, true);
    } else if (S_ISFIFO(mode)) {
        most = fcntl(fd, F_GETPIPE_SZ);
        used = queued(fd, false);
    }
    return used < 0 || most <= used ? 0 : most - used;
}

static int look_write(tl_kqueue *queue, tl_knote *knote, uint32_t ready,
                      tl_kevent *event)
{
    if (knote->plain)
        return look_at_file(knote, event);
    int fd = (int)knote->ident;
    struct stat now;
    if (!tl__kqueue_is_open(knote, &now))
        return -EBADF;
    event->data = room(fd, knote->was.st_mode);
    bool is_socket = S_ISSOCK(knote->was.st_mode);
    uint32_t end = (uint32_t)EPOLLHUP | (is_socket ? 0 : (uint32_t)EPOLLERR);
    if (ready & end)
        tell_end(queue, knote, event);
    return 1;
}

const tl_knote_filter tl__kqueue_read = {
    .fflags = TL_KQ_LOWAT,
    .by_descriptor = true,
    .attach = attach,
    .modify = modify,
    .enable = enable,
    .detach = detach,
    .look = look_read,
};

/* Room is reported only after a write has failed for lack of room, so there is
   no low-water mark. */
const tl_knote_filter tl__kqueue_write = {
    .by_descriptor = true,
    .attach = attach,
    .modify = modify,
    .enable = enable,
    .detach = detach,
    .look = look_write,
};
