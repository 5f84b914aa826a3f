/* Child processes as the kernel has them: started, signalled, reaped. Every
   function is in timerlua_abi.h; none knows the loop.

   A child begins in our memory, while we are suspended (vfork(2) by means of
   clone(2), which also gives the pidfd). Until the child runs its program, it
   makes only system calls, on a stack of its own, and records which step
   failed. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi.h"

enum { STACK_BYTES = 32768, FIRST_FREE = 3, MOST_POLLED = 1024 };

/* The orders for a child, and their outcome. */
typedef struct {
    const tl_spawn *spawn;
    int parent;     /* our process */
    int sources[3]; /* descriptors for its standard ones; negative: untouched */
    int step, error;
    char file[PATH_MAX];
} plan;

/* --- in the child ------------------------------------------------------- */

/* A handler of ours must not run here. Ignored signals stay ignored, except
   SIGPIPE, which programs expect to end them. */
static void default_signals(void)
{
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) != 0 ||
            action.sa_handler == SIG_DFL ||
            (action.sa_handler == SIG_IGN && number != SIGPIPE))
            continue;
        action = (struct sigaction){.sa_handler = SIG_DFL};
        (void)sigaction(number, &action, NULL);
    }
}

/* Descriptors that are to become others are first moved out of the way of dup2,
   which would close the source of another one. */
static bool gather(plan *p)
{
    for (int i = 0; i < 3; i++) {
        int fd = p->spawn->stdio[i];
        p->step = TL_STEP_STDIN + i;
        if (fd == TL_STDIO_NULL && (fd = open("/dev/null", O_RDWR)) < 0)
            return false;
        if (0 <= fd && fd < FIRST_FREE && fd != i &&
            (fd = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE)) < 0)
            return false;
        p->sources[i] = fd;
    }
    return true;
}

static bool put(int fd, int target)
{
    if (fd != target)
        return dup2(fd, target) >= 0;
    int flags = fcntl(fd, F_GETFD);
    return flags >= 0 && fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC) == 0;
}

static bool set_blocking(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return false;
    flags = on ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
    return fcntl(fd, F_SETFL, flags) == 0;
}

static bool arrange_stdio(plan *p)
{
    if (!gather(p))
        return false;
    for (int i = 0; i < 3; i++) {
        int fd = p->sources[i] == TL_STDIO_STDOUT ? 1 : p->sources[i];
        p->step = TL_STEP_STDIN + i;
        if (fd < 0)
            continue;
        if (!put(fd, i))
            return false;
        if (p->spawn->options & TL_SPAWN_BLOCKING << i &&
            !set_blocking(i, true))
            return false;
    }
    /* descriptors that a library or io.open left open to children; older
       kernels do not know the call, and then they stay open */
    (void)syscall(SYS_close_range, FIRST_FREE, ~0U, 4 /* _CLOEXEC */);
    return true;
}

static bool set_limits(plan *p)
{
    for (int i = 0; i < p->spawn->limit_count; i++) {
        const tl_spawn_limit *l = &p->spawn->limits[i];
        struct rlimit limit = {.rlim_cur = l->soft, .rlim_max = l->hard};
        p->step = TL_STEP_LIMIT + i;
        if (setrlimit(l->resource, &limit) != 0)
            return false;
    }
    return true;
}

/* By system calls of our own: libc's functions would change all threads of this
   process, which are the parent's. */
static bool set_identity(plan *p)
{
    const tl_spawn *s = p->spawn;
    if (!(s->options & (TL_SPAWN_UID | TL_SPAWN_GID)))
        return true;
    /* groups of ours would go along */
    p->step = TL_STEP_GROUPS;
    if (syscall(SYS_setgroups, 0, NULL) != 0 && geteuid() == 0)
        return false;
    p->step = TL_STEP_GID;
    if (s->options & TL_SPAWN_GID && syscall(SYS_setgid, s->gid) != 0)
        return false;
    p->step = TL_STEP_UID;
    return !(s->options & TL_SPAWN_UID) || syscall(SYS_setuid, s->uid) == 0;
}

static bool set_attributes(plan *p)
{
    const tl_spawn *s = p->spawn;
    p->step = TL_STEP_SESSION;
    if (s->options & TL_SPAWN_SESSION && setsid() < 0)
        return false;
    p->step = TL_STEP_GROUP;
    if (s->options & TL_SPAWN_GROUP && setpgid(0, s->group) != 0)
        return false;
    p->step = TL_STEP_NICE;
    if (s->options & TL_SPAWN_NICE && setpriority(PRIO_PROCESS, 0, s->nice))
        return false;
    if (!set_limits(p))
        return false;
    p->step = TL_STEP_CWD;
    if (s->cwd != NULL && chdir(s->cwd) != 0)
        return false;
    return set_identity(p);
}

/* After the change of identity, which resets this setting. */
static bool follow(plan *p)
{
    if (!(p->spawn->options & TL_SPAWN_FOLLOWS))
        return true;
    p->step = TL_STEP_FOLLOWS;
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0)
        return false;
    errno = EINTR;
    return getppid() == p->parent; /* it was not killed meanwhile */
}

static void execute(const plan *p, const char *file)
{
    const tl_spawn *s = p->spawn;
    const char *const *env = s->env != NULL ? s->env : tl_process_environment();
    (void)execve(file, (char *const *)s->argv, (char *const *)env);
}

/* A folder that lacks the program, or is not a folder, does not end the
   search. */
static bool search_goes_on(int code)
{
    return code == ENOENT || code == ENOTDIR || code == EACCES ||
           code == ESTALE || code == ENODEV || code == ETIMEDOUT;
}

/* Like execvp(3), except that a file that is not a program is not given to a
   shell. */
static void search(plan *p)
{
    const char *name = p->spawn->argv[0], *folder = p->spawn->path;
    size_t length = strlen(name);
    int denied = 0;
    errno = ENOENT;
    while (folder != NULL) {
        const char *end = strchrnul(folder, ':');
        size_t prefix = (size_t)(end - folder);
        if (prefix + length + 2 > sizeof p->file) {
            errno = ENAMETOOLONG;
        } else {
            memcpy(p->file, folder, prefix);
            if (prefix > 0) /* an empty prefix is the working directory */
                p->file[prefix++] = '/';
            memcpy(p->file + prefix, name, length + 1);
            execute(p, p->file);
            if (!search_goes_on(errno))
                return;
            if (errno == EACCES)
                denied = EACCES;
        }
        folder = *end == ':' ? end + 1 : NULL;
    }
    if (denied)
        errno = denied;
}

static int child(void *argument)
{
    plan *p = argument;
    default_signals();
    if (arrange_stdio(p) && set_attributes(p) && follow(p)) {
        p->step = TL_STEP_EXEC;
        sigset_t none;
        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        if (p->spawn->argv[0][0] == '\0')
            errno = ENOENT;
        else if (strchr(p->spawn->argv[0], '/') != NULL)
            execute(p, p->spawn->argv[0]);
        else
            search(p);
    }
    p->error = errno != 0 ? errno : EINVAL;
    _exit(127);
}

/* --- in the parent ------------------------------------------------------ */

static int start(plan *p, tl_spawned *spawned)
{
    _Alignas(16) char stack[STACK_BYTES];
    int pidfd = -1;
    int pid = clone(child, stack + sizeof stack,
                    CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, p, &pidfd);
    if (pid < 0)
        return -errno;
    spawned->pid = pid;
    spawned->pidfd = pidfd;
    return 0;
}

static void undo(const plan *p, const tl_spawned *spawned)
{
    while (waitpid(spawned->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    (void)close(spawned->pidfd);
    for (int i = 0; i < 3; i++)
        if (p->spawn->options & TL_SPAWN_BLOCKING << i &&
            p->spawn->stdio[i] >= 0)
            (void)set_blocking(p->spawn->stdio[i], false);
}

int tl_process_spawn(const tl_spawn *spawn, tl_spawned *spawned)
{
    plan p = {.spawn = spawn, .step = TL_STEP_CLONE, .parent = getpid()};
    /* a signal's handler must run in one of the two processes only; libc's
       function would leave out the signals that libc itself uses */
    uint64_t all = UINT64_MAX, before = 0;
    (void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
    int error = start(&p, spawned);
    if (error == 0 && p.error != 0) {
        error = -p.error;
        undo(&p, spawned);
    }
    (void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL,
                  sizeof before);
    spawned->step = p.step;
    return error;
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void add_usage(tl_process_exit *ended, const struct rusage *usage)
{
    ended->user_s = seconds_of(usage->ru_utime);
    ended->system_s = seconds_of(usage->ru_stime);
    ended->max_rss = (double)usage->ru_maxrss * 1024;
}

/* The system call itself, since libc's function has no rusage. */
int tl_process_look(int pid, tl_process_exit *ended)
{
    siginfo_t info = {.si_pid = 0};
    struct rusage usage;
    if (syscall(SYS_waitid, P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT,
                &usage) < 0)
        return -errno;
    if (info.si_pid == 0)
        return -EAGAIN;
    bool signalled = info.si_code != CLD_EXITED;
    *ended = (tl_process_exit){
        .code = signalled ? -1 : info.si_status,
        .signal = signalled ? info.si_status : 0,
        .core = info.si_code == CLD_DUMPED,
    };
    add_usage(ended, &usage);
    return 0;
}

int tl_process_reap(int pid, tl_process_exit *ended)
{
    int status;
    struct rusage usage;
    int result = wait4(pid, &status, WNOHANG, &usage);
    if (result < 0)
        return -errno;
    if (result == 0)
        return -EAGAIN;
    bool signalled = WIFSIGNALED(status);
    *ended = (tl_process_exit){
        .code = signalled ? -1 : WEXITSTATUS(status),
        .signal = signalled ? WTERMSIG(status) : 0,
        .core = signalled && WCOREDUMP(status),
    };
    add_usage(ended, &usage);
    return 0;
}

int tl_process_kill(int pid, int pidfd, int number, int group)
{
    long result = -1;
    errno = ENOSYS;
    if (!group)
        result = syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0);
    /* a sandbox may not know the call; until the child is reaped, its number
       stays reserved */
    if (result != 0 && errno == ENOSYS)
        result = kill(group ? -pid : pid, number);
    return result == 0 ? 0 : -errno;
}

/* Wait for the first of up to MOST_POLLED children; the pidfds of ended ones
   become -1. Returns whether any child is left to wait for: none if the kernel
   lacks memory. */
static bool await_first(int32_t *pidfds, uint32_t count, int64_t *timeout_ns)
{
    tl_poll_fd polled[MOST_POLLED];
    for (uint32_t i = 0; i < count; i++)
        polled[i] = (tl_poll_fd){.fd = pidfds[i], .events = POLLIN};
    int ended = tl_poll_wait(polled, (int)count, timeout_ns);
    if (ended < 0 && ended != -EINTR)
        return false;
    bool left = false;
    for (uint32_t i = 0; i < count; i++) {
        if (ended > 0 && polled[i].revents != 0)
            pidfds[i] = -1;
        left = left || pidfds[i] >= 0;
    }
    return left;
}

static void await_some(int32_t *pidfds, uint32_t count, int64_t *timeout_ns)
{
    int64_t at_once_ns = 0; /* so that no child is missed when the time is
                               over */
    bool left = await_first(pidfds, count, &at_once_ns);
    while (left && *timeout_ns > 0)
        left = await_first(pidfds, count, timeout_ns);
}

void tl_process_await(int32_t *pidfds, uint32_t count, double seconds)
{
    int64_t timeout_ns = (int64_t)(seconds * 1e9) + 1;
    for (uint32_t i = 0; i < count; i += MOST_POLLED) {
        uint32_t some = count - i < MOST_POLLED ? count - i : MOST_POLLED;
        await_some(pidfds + i, some, &timeout_ns);
    }
}

const char *const *tl_process_environment(void)
{
    return (const char *const *)environ;
}
