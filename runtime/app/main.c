/* The program timerlua: signals and exit status around the owner of a Lua
   state.

   Ways to end, and what each owes:

                              "stop"    children      queued  terminal,  PID
                              handlers                output  O_NONBLOCK file
     by itself, tl.stop, an
     error, first HUP INT TERM  yes    TERM, KILL      yes      yes      yes
     os.exit                    no     TERM, KILL      yes      yes      yes
     TERM ... and a callback
     beyond the grace, a
     second of these, QUIT,
     ABRT, ALRM, USR1 ...       no     TERM: kernel    no       yes      no
     KILL, a fault              no     TERM: kernel    no       no       no

   The loop and program.lua see to the handlers and the children, exit(3) to the
   PID file, and this file to the rest. The kernel's TERM comes from
   TL_SPAWN_FOLLOWS. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/grace.h"
#include "app/holder.h"
#include "app/state_owner.h"

/* Written before the handlers are set, read by them; NULL once the loop is
   closed. */
static tl_state_owner *_Atomic signalled_owner;
static atomic_bool stopping;
static tl_grace grace;

static tl_loop *signalled_loop(void)
{
    tl_state_owner *owner = atomic_load(&signalled_owner);
    return owner != NULL ? tl_state_owner_loop(owner) : NULL;
}

static void end_by_signal(int number)
{
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

/* End by a signal at once, but restore the terminal first. */
static void on_fatal(int number)
{
    tl_loop *loop = signalled_loop();
    if (loop != NULL)
        tl_standard_restore(loop);
    end_by_signal(number);
}

static void catch_by(int number, struct sigaction action)
{
    struct sigaction before;
    (void)sigemptyset(&action.sa_mask);
    /* nohup and shells' background jobs ignore signals on purpose */
    if (sigaction(number, NULL, &before) == 0 && before.sa_handler == SIG_IGN)
        return;
    (void)sigaction(number, &action, NULL);
}

static void catch_signal(int number, void (*handler)(int), int flags)
{
    catch_by(number,
             (struct sigaction){.sa_handler = handler, .sa_flags = flags});
}

/* SA_RESETHAND shows signals.c that this is the default action, except for the
   terminal: a signal that the descriptor has already taken must not end the
   process after all. */
static void catch_fatal(int number)
{
    catch_signal(number, on_fatal, (int)SA_RESETHAND);
}

/* The grace is over: end what still holds the loop. Handlers that wait have
   their own end, in stop.lua. */
static void on_grace_over(tl_state_owner *owner, int number)
{
    if (owner == NULL || !tl_state_owner_is_held(owner) ||
        tl_grace_change(&grace, tl_state_owner_grace(owner)))
        return;
    tl_standard_restore(tl_state_owner_loop(owner));
    tl_holder_report(owner, number);
    end_by_signal(number);
}

/* The first signal asks the loop to end; a second one ends the process. */
static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)context;
    int saved = errno;
    tl_state_owner *owner = atomic_load(&signalled_owner);
    if (tl_grace_sent(&grace, info)) {
        on_grace_over(owner, number);
    } else if (atomic_exchange(&stopping, true) || owner == NULL) {
        on_fatal(number);
    } else {
        tl_loop_wake(tl_state_owner_loop(owner), number);
        (void)tl_state_owner_is_held(owner); /* since this is the first look */
        tl_grace_begin(&grace, number, tl_state_owner_grace(owner));
    }
    errno = saved;
}

/* os.exit leaves nothing queued behind. It does not return to the loop, so a
   signal that comes while the last reader takes its time ends the process. */
static void on_exit_called(void)
{
    atomic_store(&stopping, true);
    tl_grace_end(&grace);
    tl_loop *loop = signalled_loop();
    if (loop != NULL)
        (void)tl_standard_end(loop);
    atomic_store(&signalled_owner, NULL);
}

/* Writing to a closed pipe is an error that the writer sees. A handler rather
   than SIG_IGN: programs that the script starts do not inherit a handler. */
static void ignore_signal(int number)
{
    (void)number;
}

/* A parent that ignores SIGCHLD hands that on by exec, and the kernel would
   drop the exit status of each child. */
static void keep_children(void)
{
    (void)signal(SIGCHLD, SIG_DFL);
}

/* If one of the descriptors 0 to 2 is closed, the next file to be opened would
   become standard input or output. /dev/null takes the number instead, open for
   the other direction, so that its use fails as that of a closed descriptor
   does. */
static void hold_numbers(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

static const int orderly[] = {SIGHUP, SIGINT, SIGTERM};

static void catch_signals(void)
{
    static const int fatal[] = {SIGQUIT, SIGABRT,   SIGALRM, SIGUSR1, SIGUSR2,
                                SIGPWR,  SIGVTALRM, SIGPROF, SIGXCPU, SIGXFSZ};
    for (size_t i = 0; i < sizeof orderly / sizeof *orderly; i++)
        catch_by(orderly[i], (struct sigaction){.sa_sigaction = on_signal,
                                                .sa_flags = SA_SIGINFO});
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
        catch_fatal(fatal[i]);
    catch_signal(SIGPIPE, ignore_signal, 0);
}

/* Send what stdio still has. False, and a report of the loss unless the script
   has had one, if output could not be written: disk full, pipe closed. */
static bool send_rest(int lost, bool told)
{
    int status = fflush(stdout) != 0 ? -errno : lost;
    bool is_sent = status == 0 && !ferror(stdout);
    if (!is_sent && !told) {
        fputs("timerlua: standard output cannot be written", stderr);
        const char *text = status ? tl_error_text(status) : "";
        if (status)
            fprintf(stderr, ": %c%s (%s)", tolower((unsigned char)*text),
                    text + 1, tl_error_name(status));
        fputc('\n', stderr);
    }
    return is_sent;
}

int main(int argc, char **argv)
{
    hold_numbers();
    keep_children();
    tl_state_owner *owner = tl_state_owner_open();
    if (owner == NULL)
        return EXIT_FAILURE;
    atomic_store(&signalled_owner, owner);
    (void)atexit(on_exit_called);
    catch_signals();
    int ended_by = 0;
    int code = tl_state_owner_run(owner, argc, argv, &ended_by);
    tl_grace_end(&grace);
    /* a signal that comes now ends a process whose last output has no reader */
    for (size_t i = 0; i < sizeof orderly / sizeof *orderly; i++)
        catch_fatal(orderly[i]);
    int lost = tl_state_owner_finish(owner);
    bool told = tl_loop_shared(tl_state_owner_loop(owner))->output_told;
    atomic_store(&signalled_owner, NULL);
    tl_state_owner_close(owner);
    if (!send_rest(lost, told) && code == 0)
        code = EXIT_FAILURE;
    if (ended_by) { /* so that shells and service managers see it */
        (void)fflush(NULL);
        end_by_signal(ended_by);
    }
    return code;
}
