/* Makes calls of one function fail, for the faults specs, which compile it and
   load it before the program.

   FAULT=function:n:errno:times  the n-th counted call and those after it, as
                            many as times says, fail with errno; n = 0: none
   FAULT_LOG=file           gets the number of counted calls at the end
   FAULT_MOST=k             a receive or send moves at most k bytes
   FAULT_STORM=k            what a signal may interrupt is interrupted k times
                            before it is done
   FAULT_EXCEPT=from:size,...  hexadecimal: functions of the program, by their
                            addresses in the file, whose calls do not count

   Allocations count only when the program's own code asks for them, so those
   of libc (and of LuaJIT, which maps its memory) never fail. The compiler's
   unwinder is in the program too, and ends it when an allocation fails: what
   LuaJIT's calls of its __register_frame allocate is to be excepted.

   What the kernel promises stays true: an edge that was cut short, or denied by
   EAGAIN, is reported again, as it is when more comes; a connect(2) that was
   interrupted goes on; a descriptor that is taken out of an epoll set is out of
   it, whatever the call returns. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DESCRIPTORS = 4096, EXCEPTIONS = 16 };

static char target[32];
static int wanted, error, times, calls;
static size_t most;
static unsigned storm, interruptible;
static uintptr_t program_from, program_to;
static struct {
    uintptr_t from, size;
} except[EXCEPTIONS];

static int find_program(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    for (int i = 0; i < EXCEPTIONS; i++)
        except[i].from += info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        uintptr_t from = info->dlpi_addr + header->p_vaddr;
        if (header->p_type == PT_LOAD && header->p_flags & PF_X) {
            program_from = from;
            program_to = from + header->p_memsz;
        }
    }
    return 1; /* the first object is the program */
}

static size_t number(const char *name)
{
    const char *text = getenv(name);
    return text != NULL ? strtoul(text, NULL, 10) : 0;
}

__attribute__((constructor)) static void prepare(void)
{
    const char *fault = getenv("FAULT");
    if (fault == NULL ||
        sscanf(fault, "%31[^:]:%d:%d:%d", target, &wanted, &error, &times) != 4)
        target[0] = '\0';
    most = number("FAULT_MOST");
    storm = (unsigned)number("FAULT_STORM");
    const char *text = getenv("FAULT_EXCEPT");
    for (int i = 0, length = 0; text != NULL && i < EXCEPTIONS; i++) {
        if (sscanf(text, "%" SCNxPTR ":%" SCNxPTR "%n", &except[i].from,
                   &except[i].size, &length) != 2)
            break;
        text += length + (text[length] == ',');
    }
    dl_iterate_phdr(find_program, NULL);
}

__attribute__((destructor)) static void tell(void)
{
    const char *path = getenv("FAULT_LOG");
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
    if (fd < 0)
        return;
    char text[16];
    int length = snprintf(text, sizeof text, "%d", calls);
    ssize_t written = write(fd, text, (size_t)length);
    (void)written;
    close(fd);
}

static int fails(const char *function)
{
    if (strcmp(function, target) != 0)
        return 0;
    calls++;
    if (wanted == 0 || calls < wanted || calls - wanted >= times)
        return 0;
    errno = error;
    return 1;
}

static int from_program(void *caller)
{
    uintptr_t address = (uintptr_t)caller;
    for (int i = 0; i < EXCEPTIONS; i++)
        if (address - except[i].from < except[i].size)
            return 0;
    return program_from <= address && address < program_to;
}

#define REAL(name)        ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define CALLED_BY_PROGRAM from_program(__builtin_return_address(0))

int epoll_create1(int flags)
{
    return fails("epoll_create1") ? -1 : REAL(epoll_create1)(flags);
}

int eventfd(unsigned count, int flags)
{
    int (*real)(unsigned, int) =
        (int (*)(unsigned, int))dlsym(RTLD_NEXT, "eventfd");
    return fails("eventfd") ? -1 : real(count, flags);
}

int timerfd_create(int clock, int flags)
{
    return fails("timerfd_create") ? -1 : REAL(timerfd_create)(clock, flags);
}

int timerfd_settime(int fd, int flags, const struct itimerspec *when,
                    struct itimerspec *before)
{
    if (fails("timerfd_settime"))
        return -1;
    return REAL(timerfd_settime)(fd, flags, when, before);
}

int timerfd_gettime(int fd, struct itimerspec *now)
{
    return fails("timerfd_gettime") ? -1 : REAL(timerfd_gettime)(fd, now);
}

int poll(struct pollfd *descriptors, nfds_t count, int timeout)
{
    if (CALLED_BY_PROGRAM && fails("poll"))
        return -1;
    return REAL(poll)(descriptors, count, timeout);
}

/* The last setting of each descriptor in an epoll set. */
static struct registration {
    int epfd; /* 0: not */
    struct epoll_event event;
} registrations[DESCRIPTORS];

int epoll_ctl(int epfd, int operation, int fd, struct epoll_event *event)
{
    bool removes = operation == EPOLL_CTL_DEL;
    if (0 <= fd && fd < DESCRIPTORS) {
        registrations[fd].epfd = removes ? 0 : epfd;
        if (!removes)
            registrations[fd].event = *event;
    }
    if (fails("epoll_ctl")) {
        int code = errno;
        if (removes)
            (void)REAL(epoll_ctl)(epfd, operation, fd, event);
        errno = code;
        return -1;
    }
    return REAL(epoll_ctl)(epfd, operation, fd, event);
}

/* Have an edge reported again if the program did not read it to the end. */
static void renew_edge(int fd)
{
    struct registration *r = &registrations[fd < DESCRIPTORS ? fd : 0];
    int saved = errno;
    if (fd < DESCRIPTORS && r->epfd > 0 && r->event.events & EPOLLET)
        (void)REAL(epoll_ctl)(r->epfd, EPOLL_CTL_MOD, fd, &r->event);
    errno = saved;
}

static int interrupted(void)
{
    if (storm == 0 || interruptible++ % (storm + 1) == storm)
        return 0;
    errno = EINTR;
    return 1;
}

int epoll_wait(int epfd, struct epoll_event *events, int count, int timeout)
{
    if (fails("epoll_wait") || interrupted())
        return -1;
    return REAL(epoll_wait)(epfd, events, count, timeout);
}

int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
          const sigset_t *mask)
{
    if ((CALLED_BY_PROGRAM && fails("ppoll")) || interrupted())
        return -1;
    return REAL(ppoll)(fds, count, timeout, mask);
}

/* --- sockets ------------------------------------------------------------ */

/* As fails, for calls of the program itself, and an edge is not lost. */
#define DENIED(name, fd)                                                       \
    (CALLED_BY_PROGRAM && fails(name) &&                                       \
     (errno != EAGAIN || (renew_edge(fd), 1)))

int socket(int domain, int type, int protocol)
{
    if (CALLED_BY_PROGRAM && fails("socket"))
        return -1;
    return REAL(socket)(domain, type, protocol);
}

int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    if (DENIED("accept4", fd) || interrupted())
        return -1;
    return REAL(accept4)(fd, address, length, flags);
}

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    bool denied = CALLED_BY_PROGRAM && fails("connect");
    bool goes_on = denied && (error == EINTR || error == EINPROGRESS);
    if (denied && !goes_on)
        return -1;
    int result = REAL(connect)(fd, address, length);
    if ((result == 0 || errno == EINPROGRESS) && (goes_on || interrupted())) {
        errno = goes_on ? error : EINTR;
        return -1;
    }
    return result;
}

int bind(int fd, const struct sockaddr *address, socklen_t length)
{
    return DENIED("bind", fd) ? -1 : REAL(bind)(fd, address, length);
}

int listen(int fd, int backlog)
{
    return DENIED("listen", fd) ? -1 : REAL(listen)(fd, backlog);
}

int shutdown(int fd, int how)
{
    return DENIED("shutdown", fd) ? -1 : REAL(shutdown)(fd, how);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
    if (DENIED("setsockopt", fd))
        return -1;
    return REAL(setsockopt)(fd, level, name, value, size);
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
    if (DENIED("getsockopt", fd))
        return -1;
    return REAL(getsockopt)(fd, level, name, value, size);
}

int getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
    if (DENIED("getsockname", fd))
        return -1;
    return REAL(getsockname)(fd, address, length);
}

int getpeername(int fd, struct sockaddr *address, socklen_t *length)
{
    if (DENIED("getpeername", fd))
        return -1;
    return REAL(getpeername)(fd, address, length);
}

int fcntl(int fd, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    long argument = va_arg(arguments, long);
    va_end(arguments);
    return DENIED("fcntl", fd) ? -1 : REAL(fcntl)(fd, command, argument);
}

static size_t cut(size_t count)
{
    return most > 0 && count > most ? most : count;
}

static ssize_t moved(int fd, ssize_t result, size_t count)
{
    if (result > 0 && cut(count) < count)
        renew_edge(fd);
    return result;
}

ssize_t recv(int fd, void *bytes, size_t count, int flags)
{
    if (DENIED("recv", fd) || interrupted())
        return -1;
    return moved(fd, REAL(recv)(fd, bytes, cut(count), flags), count);
}

ssize_t send(int fd, const void *bytes, size_t count, int flags)
{
    if (DENIED("send", fd) || interrupted())
        return -1;
    return moved(fd, REAL(send)(fd, bytes, cut(count), flags), count);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    if (DENIED("sendmsg", fd) || interrupted())
        return -1;
    struct iovec first = message->msg_iov[0];
    struct msghdr part = *message;
    if (cut(first.iov_len) < first.iov_len || (most > 0 && first.iov_len > 0)) {
        first.iov_len = cut(first.iov_len);
        part.msg_iov = &first;
        part.msg_iovlen = 1;
    }
    ssize_t result = REAL(sendmsg)(fd, &part, flags);
    if (result > 0 && most > 0)
        renew_edge(fd);
    return result;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    if (DENIED("recvmsg", fd) || interrupted())
        return -1;
    return REAL(recvmsg)(fd, message, flags);
}

/* Datagrams are not cut, because the rest would be lost. */
static size_t cut_stream(int fd, size_t count)
{
    int type = 0;
    socklen_t size = sizeof type;
    REAL(getsockopt)(fd, SOL_SOCKET, SO_TYPE, &type, &size);
    return type == SOCK_STREAM ? cut(count) : count;
}

ssize_t sendto(int fd, const void *bytes, size_t count, int flags,
               const struct sockaddr *to, socklen_t length)
{
    if (DENIED("sendto", fd) || interrupted())
        return -1;
    size_t part = cut_stream(fd, count);
    return moved(fd, REAL(sendto)(fd, bytes, part, flags, to, length), count);
}

ssize_t recvfrom(int fd, void *bytes, size_t count, int flags,
                 struct sockaddr *from, socklen_t *length)
{
    if (DENIED("recvfrom", fd) || interrupted())
        return -1;
    size_t part = cut_stream(fd, count);
    return moved(fd, REAL(recvfrom)(fd, bytes, part, flags, from, length),
                 count);
}

/* --- child processes ---------------------------------------------------- */

/* Most of these are called by a child that shares our memory, counts included,
   until it runs its program. */

int clone(int (*fn)(void *), void *stack, int flags, void *argument, ...)
{
    va_list arguments;
    va_start(arguments, argument);
    pid_t *parent = va_arg(arguments, pid_t *);
    va_end(arguments);
    return CALLED_BY_PROGRAM && fails("clone")
               ? -1
               : REAL(clone)(fn, stack, flags, argument, parent, NULL, NULL);
}

int execve(const char *path, char *const argv[], char *const env[])
{
    return CALLED_BY_PROGRAM && fails("execve") ? -1
                                                : REAL(execve)(path, argv, env);
}

pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage)
{
    return CALLED_BY_PROGRAM && fails("wait4")
               ? -1
               : REAL(wait4)(pid, status, options, usage);
}

/* A call with this many arguments, none of which is examined. */
#define MAY_FAIL(name, parameters, ...)                                        \
    int name parameters                                                        \
    {                                                                          \
        return CALLED_BY_PROGRAM && fails(#name) ? -1                          \
                                                 : REAL(name)(__VA_ARGS__);    \
    }

MAY_FAIL(dup2, (int fd, int target), fd, target)
MAY_FAIL(chdir, (const char *path), path)
MAY_FAIL(setpgid, (pid_t pid, pid_t group), pid, group)
MAY_FAIL(setpriority, (__priority_which_t which, id_t who, int value), which,
         who, value)
MAY_FAIL(kill, (pid_t pid, int number), pid, number)

pid_t setsid(void)
{
    return CALLED_BY_PROGRAM && fails("setsid") ? -1 : REAL(setsid)();
}

static const char *name_of(long number)
{
    switch (number) {
    case SYS_pidfd_send_signal:
        return "pidfd_send_signal";
    case SYS_setgroups:
        return "setgroups";
    case SYS_setgid:
        return "setgid";
    case SYS_setuid:
        return "setuid";
    case SYS_pidfd_open:
        return "pidfd_open";
    case SYS_epoll_pwait2:
        return "epoll_pwait2";
    default:
        return "another";
    }
}

long syscall(long number, ...)
{
    long a[6];
    va_list arguments;
    va_start(arguments, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(arguments, long);
    va_end(arguments);
    if (CALLED_BY_PROGRAM && fails(name_of(number)))
        return -1;
    if (number == SYS_epoll_pwait2 && interrupted())
        return -1;
    return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* --- signals, files ----------------------------------------------------- */

int signalfd(int fd, const sigset_t *set, int flags)
{
    return fails("signalfd") ? -1 : REAL(signalfd)(fd, set, flags);
}

int pthread_sigmask(int how, const sigset_t *set, sigset_t *before)
{
    if (CALLED_BY_PROGRAM && fails("pthread_sigmask"))
        return errno;
    return REAL(pthread_sigmask)(how, set, before);
}

int flock(int fd, int operation)
{
    return fails("flock") ? -1 : REAL(flock)(fd, operation);
}

int link(const char *from, const char *to)
{
    return fails("link") ? -1 : REAL(link)(from, to);
}

int rename(const char *from, const char *to)
{
    return fails("rename") ? -1 : REAL(rename)(from, to);
}

ssize_t write(int fd, const void *bytes, size_t count)
{
    if (CALLED_BY_PROGRAM && fails("write"))
        return -1;
    return REAL(write)(fd, bytes, count);
}

/* --- files and pipes ---------------------------------------------------- */

/* Reads of timers and events never wait, and return everything at once. */
ssize_t read(int fd, void *buffer, size_t count)
{
    if (!CALLED_BY_PROGRAM)
        return REAL(read)(fd, buffer, count);
    if (DENIED("read", fd))
        return -1;
    if (count == sizeof(uint64_t))
        return REAL(read)(fd, buffer, count);
    if (interrupted())
        return -1;
    return moved(fd, REAL(read)(fd, buffer, cut(count)), count);
}

/* --- limits ------------------------------------------------------------- */

int getrlimit(__rlimit_resource_t resource, struct rlimit *limit)
{
    if (CALLED_BY_PROGRAM && fails("getrlimit"))
        return -1;
    return REAL(getrlimit)(resource, limit);
}

int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
    if (CALLED_BY_PROGRAM && fails("setrlimit"))
        return -1;
    return REAL(setrlimit)(resource, limit);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    if (DENIED("writev", fd) || interrupted())
        return -1;
    if (most == 0)
        return REAL(writev)(fd, parts, count);
    struct iovec first = {parts->iov_base, cut(parts->iov_len)};
    ssize_t result = REAL(writev)(fd, &first, 1);
    renew_edge(fd);
    return result;
}

/* Of the program's own: libc has others for itself. */
int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    int mode = va_arg(arguments, int);
    va_end(arguments);
    if (CALLED_BY_PROGRAM && fails("open"))
        return -1;
    return REAL(open)(path, flags, mode);
}

int pipe2(int fds[2], int flags)
{
    return CALLED_BY_PROGRAM && fails("pipe2") ? -1 : REAL(pipe2)(fds, flags);
}

int socketpair(int domain, int type, int protocol, int fds[2])
{
    if (CALLED_BY_PROGRAM && fails("socketpair"))
        return -1;
    return REAL(socketpair)(domain, type, protocol, fds);
}

int inotify_init1(int flags)
{
    if (CALLED_BY_PROGRAM && fails("inotify_init1"))
        return -1;
    return REAL(inotify_init1)(flags);
}

int inotify_add_watch(int fd, const char *path, uint32_t mask)
{
    if (CALLED_BY_PROGRAM && fails("inotify_add_watch"))
        return -1;
    return REAL(inotify_add_watch)(fd, path, mask);
}

/* --- memory ------------------------------------------------------------- */

void *malloc(size_t size)
{
    static void *(*real)(size_t);
    if (real == NULL)
        real = REAL(malloc);
    return CALLED_BY_PROGRAM && fails("malloc") ? NULL : real(size);
}

void *realloc(void *old, size_t size)
{
    static void *(*real)(void *, size_t);
    if (real == NULL)
        real = REAL(realloc);
    return CALLED_BY_PROGRAM && fails("realloc") ? NULL : real(old, size);
}

void *calloc(size_t count, size_t size)
{
    static void *(*real)(size_t, size_t);
    if (real == NULL)
        real = REAL(calloc);
    return CALLED_BY_PROGRAM && fails("calloc") ? NULL : real(count, size);
}
