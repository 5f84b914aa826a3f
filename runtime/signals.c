/* The set of signals that a loop listens to: see timerlua_abi.h.

   A signal is blocked in the loop's thread and taken from a signalfd, so no
   code runs inside a signal handler. What the process does with the signal
   otherwise is not touched: the kernel keeps a blocked signal even where it is
   ignored, and unblocking is all that restores it. */
#include "signals.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>
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

/* The signal is blocked by now: have the descriptor take it, too. */
static int take(tl_signals *signals, int number, bool was_blocked)
{
    sigset_t wanted = signals->taken;
    (void)sigaddset(&wanted, number);
    int fd = tl_poller_signals(signals->fd, &wanted);
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
    int result = take(signals, number, was_blocked);
    if (result < 0 && !was_blocked)
        unblock(number);
    return result;
}

int tl_signals_next(tl_loop *loop, tl_signal *signal)
{
    if (tl_poller_forked(&loop->poller))
        return -ECHILD;
    return tl_poller_next_signal(loop->signals.fd, signal);
}

static bool has_handler(int number)
{
    struct sigaction action;
    if (sigaction(number, NULL, &action) != 0)
        return false;
    return action.sa_flags & SA_SIGINFO ||
           (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN);
}

/* Unblocked, what is pending would end the process, or be ignored, because of
   a signal that came while it was listened to. */
static int drop(int number)
{
    sigset_t set = only(number);
    const struct timespec at_once = {0, 0};
    int dropped = 0;
    while (sigtimedwait(&set, NULL, &at_once) == number)
        dropped++;
    return dropped;
}

int tl_signals_leave(tl_loop *loop, int number, int again)
{
    tl_signals *signals = &loop->signals;
    if (sigismember(&signals->taken, number) != 1)
        return 0;
    (void)sigdelset(&signals->taken, number);
    /* the descriptor of a forked child is its parent's, too */
    if (sigisemptyset(&signals->taken)) {
        (void)close(signals->fd);
        signals->fd = -1;
    } else if (!tl_poller_forked(&loop->poller)) {
        (void)tl_poller_signals(signals->fd, &signals->taken);
    }
    if (sigismember(&signals->blocked, number) == 1)
        return 0; /* pending it was before, pending it stays */
    int dropped = 0;
    if (!has_handler(number))
        dropped = drop(number);
    else if (again)
        (void)raise(number); /* comes when it is unblocked */
    unblock(number);
    return dropped;
}

void tl__signals_close(tl_loop *loop)
{
    for (int number = 1; number <= SIGRTMAX && loop->signals.fd >= 0; number++)
        (void)tl_signals_leave(loop, number, 0);
}
