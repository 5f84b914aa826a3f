/* The holder of the loop: see holder.h.

   Lua may be interrupted at any instruction, also in a compiled trace, where no
   hook runs, so the handler itself must not ask it for names. A forked copy of
   the process may try: if it fails, or hangs on a lock that was held, the copy
   alone is lost, and the report is shorter. */
#include "app/holder.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* The text of a report; a pipe takes as much at once, pipe(7). */
enum { TEXT_BYTES = 2048 };

static const char *shorter(int number)
{
    switch (number) {
    case SIGHUP:
        return "timerlua: SIGHUP: a callback does not return to the loop; "
               "ending at once\n";
    case SIGINT:
        return "timerlua: SIGINT: a callback does not return to the loop; "
               "ending at once\n";
    default:
        return "timerlua: SIGTERM: a callback does not return to the loop; "
               "ending at once\n";
    }
}

/* In the copy, for two seconds at most; a fault leaves no core file. */
_Noreturn static void ask(tl_state_owner *owner, int number, int out)
{
    char text[TEXT_BYTES];
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)signal(SIGALRM, SIG_DFL);
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGALRM);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
    (void)alarm(2);
    size_t length = tl_state_owner_holder(owner, number, text, sizeof text);
    _exit(write(out, text, length) == (ssize_t)length ? 0 : 1);
}

/* Returns the length of the text, 0 when there is none. */
static size_t ask_copy(tl_state_owner *owner, int number, char *text)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return 0;
    pid_t copy = _Fork();
    if (copy == 0)
        ask(owner, number, ends[1]);
    (void)close(ends[1]);
    ssize_t length;
    do
        length = read(ends[0], text, TEXT_BYTES);
    while (length < 0 && errno == EINTR);
    (void)close(ends[0]);
    while (copy > 0 && waitpid(copy, NULL, 0) < 0 && errno == EINTR)
        continue;
    return length > 0 ? (size_t)length : 0;
}

/* A reader who does not read must not keep the process. */
static void tell(const char *text, size_t length)
{
    struct pollfd error = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&error, 1, 0) == 1 && error.revents & POLLOUT)
        (void)!write(STDERR_FILENO, text, length);
}

void tl_holder_report(tl_state_owner *owner, int number)
{
    char text[TEXT_BYTES];
    size_t length = ask_copy(owner, number, text);
    if (length > 0)
        tell(text, length);
    else
        tell(shorter(number), strlen(shorter(number)));
}
