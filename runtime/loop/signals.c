/* The set of signals that a loop listens to: see timerlua_abi.h.

   A signal is blocked in the loop's thread and taken from a signalfd, so no
   code of a script runs inside a signal handler. The process's disposition of
   the signal stays set: the kernel keeps a blocked signal even if it is
   ignored, and unblocking restores the former effect. Only programs that are
   started need more, since they inherit the blocked signals: see lending. */
#include "loop/signals.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static const char *const names[] = {
    [SIGHUP] = "HUP",       [SIGINT] = "INT",       [SIGQUIT] = "QUIT",
    [SIGILL] = "ILL",       [SIGTRAP] = "TRAP",     [SIGABRT] = "ABRT",
    [SIGBUS] = "BUS",       [SIGFPE] = "FPE",       [SIGKILL] = "KILL",
    [SIGUSR1] = "USR1",     [SIGSEGV] = "SEGV",     [SIGUSR2] = "USR2",
    [SIGPIPE] = "PIPE",     [SIGALRM] = "ALRM",     [SIGTERM] = "TERM",
    [SIGSTKFLT] = "STKFLT", [SIGCHLD] = "CHLD",     [SIGCONT] = "CONT",
    [SIGSTOP] = "STOP",     [SIGTSTP] = "TSTP",     [SIGTTIN] = "TTIN",
    [SIGTTOU] = "TTOU",     [SIGURG] = "URG",       [SIGXCPU] = "XCPU",
    [SIGXFSZ] = "XFSZ",     [SIGVTALRM] = "VTALRM", [SIGPROF] = "PROF",
    [SIGWINCH] = "WINCH",   [SIGIO] = "IO",         [SIGPWR] = "PWR",
    [SIGSYS] = "SYS",
};

const char *tl_signal_name(int number)
{
    bool known = 0 < number && number < (int)(sizeof names / sizeof *names);
    return known ? names[number] : NULL;
}

int tl_signal_realtime(int last)
{
    return last ? SIGRTMAX : SIGRTMIN;
}

void tl__signals_init(tl_loop *loop)
{
    tl_signals *signals = &loop->signals;
    signals->fd = -1;
    (void)sigemptyset(&signals->taken);
    (void)sigemptyset(&signals->blocked);
    (void)sigemptyset(&signals->lent);
}

static sigset_t only(int number)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, number);
    return set;
}

static void unblock(int number)
{
    sigset_t set = only(number);
    (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* The signal is blocked by now: make the descriptor take it, too. */
static int take(tl_loop *loop, int number, bool was_blocked)
{
    tl_signals *signals = &loop->signals;
    sigset_t wanted = signals->taken;
    (void)sigaddset(&wanted, number);
    int fd = tl_poller_signals(&loop->poller, signals->fd, &wanted);
    if (fd < 0)
        return fd;
    signals->fd = fd;
    signals->taken = wanted;
    if (was_blocked)
        (void)sigaddset(&signals->blocked, number);
    else
        (void)sigdelset(&signals->blocked, number);
    return fd;
}

int tl_signals_listen(tl_loop *loop, int number)
{
    tl_signals *signals = &loop->signals;
    if (tl_poller_forked(&loop->poller))
        return -ECHILD;
    if (number <= 0 || number > SIGRTMAX)
        return -EINVAL;
    if (sigismember(&signals->taken, number) == 1)
        return signals->fd;
    sigset_t set = only(number), before;
    int error = pthread_sigmask(SIG_BLOCK, &set, &before);
    if (error)
        return -error;
    bool was_blocked = sigismember(&before, number) == 1;
    int result = take(loop, number, was_blocked);
    if (result < 0 && !was_blocked)
        unblock(number);
    return result;
}

int tl_signals_next(tl_loop *loop, tl_signal *signal)
{
    return tl_poller_next_signal(&loop->poller, loop->signals.fd, signal);
}

/* --- lending ------------------------------------------------------------ */

/* The handler of a lent signal: the signal is queued again, and blocked again
   in the interrupted code, so that the descriptor gets it later. A program that
   is started does not inherit handlers. */
static void put_back(int number, siginfo_t *info, void *context)
{
    int saved = errno;
    ucontext_t *interrupted = context;
    (void)sigaddset(&interrupted->uc_sigmask, number);
    if (syscall(SYS_rt_sigqueueinfo, getpid(), number, info) != 0)
        (void)kill(getpid(), number);
    errno = saved;
}

static bool is_put_back(const struct sigaction *action)
{
    return action->sa_flags & SA_SIGINFO && action->sa_sigaction == put_back;
}

/* A handler that is called only once is the default action by other means:
   main.c's end by a signal, which restores the terminal. */
static bool is_handler(const struct sigaction *action)
{
    if (action->sa_flags & (int)SA_RESETHAND)
        return false;
    return action->sa_flags & SA_SIGINFO ||
           (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN);
}

static bool is_ignored(const struct sigaction *action)
{
    return !is_handler(action) && action->sa_handler == SIG_IGN;
}

/* An ignored signal stays blocked: unblocked, the signal would be lost here,
   and with a handler it would not be ignored there. */
static void prepare_lending(tl_signals *signals, int number)
{
    struct sigaction *kept = &signals->kept[number];
    if (sigismember(&signals->taken, number) != 1 ||
        sigismember(&signals->blocked, number) == 1 ||
        sigismember(&signals->lent, number) == 1 ||
        sigaction(number, NULL, kept) != 0 || is_ignored(kept))
        return;
    struct sigaction action = {.sa_sigaction = put_back,
                               .sa_flags = SA_SIGINFO | SA_RESTART};
    (void)sigfillset(&action.sa_mask);
    if (sigaction(number, &action, NULL) == 0)
        (void)sigaddset(&signals->lent, number);
}

/* The handler stays until the signal is left: setting a signal to its default
   action, where that is to be ignored, discards the signal even while it is
   blocked, sigaction(2). Realtime signals would change their order, so they are
   not lent. */
int tl_signals_lend(tl_loop *loop, int on)
{
    tl_signals *signals = &loop->signals;
    if (tl_poller_forked(&loop->poller))
        return -ECHILD;
    if (on && signals->kept == NULL)
        signals->kept = calloc((size_t)SIGRTMIN, sizeof *signals->kept);
    if (on && signals->kept == NULL)
        return -ENOMEM;
    for (int number = 1; on && number < SIGRTMIN; number++)
        prepare_lending(signals, number);
    return -pthread_sigmask(on ? SIG_UNBLOCK : SIG_BLOCK, &signals->lent, NULL);
}

/* The process's action for a signal, from before it was lent or now. */
static struct sigaction action_of(const tl_signals *signals, int number)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    (void)sigaction(number, NULL, &action);
    return is_put_back(&action) ? signals->kept[number] : action;
}

static void end_lending(tl_signals *signals, int number)
{
    struct sigaction now;
    if (sigismember(&signals->lent, number) != 1)
        return;
    (void)sigdelset(&signals->lent, number);
    /* other code may have set another handler meanwhile */
    if (sigaction(number, NULL, &now) == 0 && is_put_back(&now))
        (void)sigaction(number, &signals->kept[number], NULL);
}

/* --- leaving ------------------------------------------------------------ */

/* Once unblocked, a pending signal would end the process, or be ignored,
   although it arrived while the loop listened for it. */
static int drop(int number)
{
    sigset_t set = only(number);
    const struct timespec at_once = {0, 0};
    int dropped = 0;
    while (sigtimedwait(&set, NULL, &at_once) == number)
        dropped++;
    return dropped;
}

/* sigisemptyset(3) of glibc 2.36 overlooks the signals above 32. */
static bool is_empty(const sigset_t *set)
{
    for (int number = 1; number <= SIGRTMAX; number++)
        if (sigismember(set, number) == 1)
            return false;
    return true;
}

/* The descriptor of a forked child is also its parent's. */
static void take_no_more(tl_loop *loop, int number)
{
    tl_signals *signals = &loop->signals;
    (void)sigdelset(&signals->taken, number);
    if (is_empty(&signals->taken)) {
        tl_poller_end_signals(&loop->poller, signals->fd);
        signals->fd = -1;
    } else { /* -ECHILD: the parent's descriptor stays as it is */
        (void)tl_poller_signals(&loop->poller, signals->fd, &signals->taken);
    }
}

int tl_signals_leave(tl_loop *loop, int number, int again)
{
    tl_signals *signals = &loop->signals;
    if (sigismember(&signals->taken, number) != 1)
        return 0;
    take_no_more(loop, number);
    if (sigismember(&signals->blocked, number) == 1)
        return 0; /* a signal that was pending before stays pending */
    struct sigaction action = action_of(signals, number);
    int dropped = is_handler(&action) ? 0 : drop(number);
    end_lending(signals, number);
    if (is_handler(&action) && again)
        (void)raise(number); /* delivered once it is unblocked */
    unblock(number);
    return dropped;
}

void tl__signals_close(tl_loop *loop)
{
    tl_signals *signals = &loop->signals;
    for (int number = 1; number <= SIGRTMAX && signals->fd >= 0; number++)
        (void)tl_signals_leave(loop, number, 0);
    free(signals->kept);
    signals->kept = NULL;
}
