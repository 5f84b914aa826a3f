/* The program timerlua: signals and exit status around a host. */
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "host.h"

/* Written before the handlers are set, read by them. */
static tl_loop *signalled_loop;
static atomic_bool stopping;

/* The first signal asks the loop to end; a second one ends the process, also
   when the script never returns to the loop. */
static void on_signal(int number)
{
    if (atomic_exchange(&stopping, true)) {
        (void)signal(number, SIG_DFL);
        (void)raise(number);
        return;
    }
    tl_loop_wake(signalled_loop, number);
}

/* Writing to a closed pipe is an error that the writer sees. A handler rather
   than SIG_IGN: programs that the script starts do not inherit it. */
static void ignore_signal(int number)
{
    (void)number;
}

static void catch_signal(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    struct sigaction before;
    (void)sigemptyset(&action.sa_mask);
    /* nohup and shells' background jobs ignore signals on purpose */
    if (sigaction(number, NULL, &before) == 0 && before.sa_handler == SIG_IGN)
        return;
    (void)sigaction(number, &action, NULL);
}

/* End by the signal that ended the script, so that shells and service managers
   see what happened. */
static void end_by_signal(int number)
{
    (void)fflush(NULL);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

int main(int argc, char **argv)
{
    tl_host *host = tl_host_open();
    if (host == NULL)
        return EXIT_FAILURE;
    signalled_loop = tl_host_loop(host);
    catch_signal(SIGPIPE, ignore_signal);
    catch_signal(SIGINT, on_signal);
    catch_signal(SIGTERM, on_signal);
    int ended_by = 0;
    int code = tl_host_run(host, argc, argv, &ended_by);
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    tl_host_close(host);
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == 0)
        code = EXIT_FAILURE; /* output was lost: disk full, pipe closed */
    if (ended_by)
        end_by_signal(ended_by);
    return code;
}
