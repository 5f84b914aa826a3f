/*
 * Child processes in plain C: P1 by posix_spawn and waitpid, P2 a pump that
 * gives a child what it takes and takes what it gives, by epoll.
 */
#include "measure.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/wait.h>

extern char **environ;

enum { MOST_BYTES = 65536 };

static char bytes[MOST_BYTES];

static pid_t spawn(char **words, posix_spawn_file_actions_t *actions)
{
    pid_t child;

    if (posix_spawnp(&child, words[0], actions, NULL, words, environ))
        abort();
    return child;
}

static void spawn_and_reap(void)
{
    char *words[] = {"/bin/true", NULL};
    double cpu = cpu_seconds();
    int64_t start = now_ns();
    int started = 0;
    int ended = 0;

    for (; ended < SPAWNS; ended++) {
        while (started < SPAWNS && started - ended < SPAWNED_AT_ONCE) {
            spawn(words, NULL);
            started++;
        }
        int status;
        struct rusage use;
        if (wait4(-1, &status, 0, &use) < 0 || status != 0)
            abort();
    }
    put("cpu_us", (cpu_seconds() - cpu) * 1e6 / SPAWNS);
    put("spawns_s", SPAWNS / ((double)(now_ns() - start) * 1e-9));
}

/* ends[0] is ours, not to block; the other is for the child. */
static void pipe_to(int ends[2], bool to_child)
{
    int pair[2];

    if (pipe2(pair, O_CLOEXEC))
        abort();
    ends[0] = pair[to_child];
    ends[1] = pair[!to_child];
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
}

static void add(int epoll, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
        abort();
}

/* Give what is taken; true when all of it has been. */
static bool feed(int fd, int64_t *left)
{
    while (*left > 0) {
        size_t count = *left < MOST_BYTES ? (size_t)*left : MOST_BYTES;
        ssize_t written = write(fd, bytes, count);
        if (written < 0)
            return false;
        *left -= written;
    }
    close(fd);
    return true;
}

/* Take what there is; true at the end. */
static bool drain(int fd, int64_t *taken)
{
    ssize_t got;

    while ((got = read(fd, bytes, sizeof bytes)) > 0)
        *taken += got;
    return got == 0;
}

static void pump(void)
{
    char *words[] = {"cat", NULL};
    int input[2], output[2];
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int64_t left = PUMPED_BYTES, taken = 0;
    posix_spawn_file_actions_t actions;
    int64_t start = now_ns();
    bool over = false;

    pipe_to(input, true);
    pipe_to(output, false);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input[1], 0);
    posix_spawn_file_actions_adddup2(&actions, output[1], 1);
    spawn(words, &actions);
    close(input[1]);
    close(output[1]);
    add(epoll, input[0], EPOLLOUT);
    add(epoll, output[0], EPOLLIN);
    while (!over) {
        struct epoll_event events[2];
        int count = epoll_wait(epoll, events, 2, -1);
        for (int i = 0; i < count; i++)
            if (events[i].data.fd == input[0])
                feed(input[0], &left);
            else
                over = drain(output[0], &taken);
    }
    if (taken != PUMPED_BYTES || wait(NULL) < 0)
        abort();
    put("mb_s", PUMPED_BYTES * 1e-6 / ((double)(now_ns() - start) * 1e-9));
    put("cpu_ms", cpu_seconds() * 1e3);
}

int main(int argc, char **argv)
{
    static const struct workload table[] = {
        {"P1", spawn_and_reap},
        {"P2", pump},
        {NULL, NULL},
    };

    return run_workload(table, argc > 1 ? argv[1] : NULL);
}
