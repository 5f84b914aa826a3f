/* A program with a main loop of its own, epoll(7), that gives a script timers
   and reads its own standard input meanwhile:
       cc epoll_host.c $(pkg-config --cflags --libs timerlua) -o epoll_host
       echo hello | ./epoll_host script.lua */
#include <stdio.h>
#include <sys/epoll.h>
#include <timerlua.h>
#include <unistd.h>

static int watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

int main(int argc, char **argv)
{
    tl_runtime *runtime = tl_new(NULL);
    if (argc < 2 || runtime == NULL || tl_load_file(runtime, argv[1]) < 0) {
        fprintf(stderr, "%s: %s\n", argv[0], tl_error(runtime));
        return 1;
    }
    int epoll = epoll_create1(EPOLL_CLOEXEC), state = TL_IDLE;
    watch(epoll, tl_fd(runtime));
    watch(epoll, STDIN_FILENO);
    while (state >= 0 && state != TL_DONE) {
        struct epoll_event event;
        char line[256];
        ssize_t got = 0;
        if (epoll_wait(epoll, &event, 1, -1) == 1 && event.data.fd != 0)
            state = tl_step(runtime, 1000000);
        else if ((got = read(STDIN_FILENO, line, sizeof line)) > 0)
            (void)tl_call(runtime, "on_input", "S", line, (size_t)got);
        else
            epoll_ctl(epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
    }
    if (state < 0)
        fprintf(stderr, "%s: %s\n", argv[0], tl_error(runtime));
    return tl_free(runtime) != 0 || state < 0;
}
