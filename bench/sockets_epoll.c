/*
 * HTTP and echo by hand on epoll, the yardstick of the socket workloads:
 * level-triggered, one recv for each readiness, sent at once.
 *   sockets_epoll http|batch|close|echo PORT
 * http writes once for each request, batch once for all that one recv brought.
 */
#include "hello.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256 };

struct connection {
    int fd;
    bool closing, broken;
    uint32_t watched;
    struct bytes in, out;
};

/* Takes what it can from the bytes and returns how much that was. */
typedef size_t serve_fn(struct connection *, const char *bytes, size_t size);

static int poller;
static serve_fn *serve;
static char input[BUFFER_SIZE], output[BUFFER_SIZE];

static void transmit(struct connection *c, const char *bytes, size_t size)
{
    ssize_t sent = 0;

    if (c->out.size == 0)
        sent = send(c->fd, bytes, size, MSG_NOSIGNAL);
    if (sent < 0) {
        c->broken = errno != EAGAIN;
        sent = 0;
    }
    keep(&c->out, bytes + sent, size - (size_t)sent);
}

static size_t serve_each(struct connection *c, const char *bytes, size_t size)
{
    const char *at = bytes;
    const char *next;

    while ((next = end_of_request(at, bytes + size))) {
        transmit(c, HELLO, HELLO_SIZE);
        at = next;
    }
    return (size_t)(at - bytes);
}

static size_t serve_batch(struct connection *c, const char *bytes, size_t size)
{
    const char *at = bytes;
    const char *next;
    size_t filled = 0;

    while ((next = end_of_request(at, bytes + size))) {
        if (filled + HELLO_SIZE > sizeof output) {
            transmit(c, output, filled);
            filled = 0;
        }
        memcpy(output + filled, HELLO, HELLO_SIZE);
        filled += HELLO_SIZE;
        at = next;
    }
    if (filled > 0)
        transmit(c, output, filled);
    return (size_t)(at - bytes);
}

static size_t serve_one(struct connection *c, const char *bytes, size_t size)
{
    if (!end_of_request(bytes, bytes + size))
        return 0;
    transmit(c, HELLO, HELLO_SIZE);
    c->closing = true;
    return size;
}

static size_t serve_echo(struct connection *c, const char *bytes, size_t size)
{
    transmit(c, bytes, size);
    return size;
}

static void end(struct connection *c)
{
    close(c->fd);
    free(c->in.data);
    free(c->out.data);
    free(c);
}

/* While bytes wait to be sent, none are read. */
static void settle(struct connection *c)
{
    struct epoll_event event = {.data.ptr = c};

    if (c->broken || (c->closing && c->out.size == 0)) {
        end(c);
        return;
    }
    event.events = c->out.size > 0 ? EPOLLOUT : EPOLLIN;
    if (event.events == c->watched)
        return;
    need(epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event) == 0, "epoll_ctl");
    c->watched = event.events;
}

static void on_readable(struct connection *c)
{
    size_t size = c->in.size;
    size_t used;
    ssize_t got;

    if (size > 0)
        memcpy(input, c->in.data, size);
    got = recv(c->fd, input + size, sizeof input - size, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        end(c);
        return;
    }
    drop(&c->in, size);
    size += (size_t)got;
    used = serve(c, input, size);
    keep(&c->in, input + used, size - used);
    settle(c);
}

static void on_writable(struct connection *c)
{
    ssize_t sent = send(c->fd, c->out.data, c->out.size, MSG_NOSIGNAL);

    if (sent >= 0)
        drop(&c->out, (size_t)sent);
    else
        c->broken = errno != EAGAIN;
    settle(c);
}

static void accept_all(int listener)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct connection *c = calloc(1, sizeof *c);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

        need(c != NULL, "calloc");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        c->fd = fd;
        c->watched = EPOLLIN;
        need(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
    }
    need(errno == EAGAIN || errno == ECONNABORTED, "accept4");
}

static int listen_on(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    need(fd >= 0, "socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    need(bind(fd, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    need(listen(fd, BACKLOG) == 0, "listen");
    return fd;
}

static void run(int listener)
{
    struct epoll_event events[EVENTS];
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

    poller = epoll_create1(0);
    need(epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event) == 0, "epoll_ctl");
    for (;;) {
        int count = epoll_wait(poller, events, EVENTS, -1);

        for (int i = 0; i < count; i++) {
            if (!events[i].data.ptr)
                accept_all(listener);
            else if (events[i].events & EPOLLOUT)
                on_writable(events[i].data.ptr);
            else
                on_readable(events[i].data.ptr);
        }
    }
}

static serve_fn *serve_named(const char *mode)
{
    static const struct {
        const char *name;
        serve_fn *serve;
    } table[] = {
        {"http", serve_each},
        {"batch", serve_batch},
        {"close", serve_one},
        {"echo", serve_echo},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(table[i].name, mode) == 0)
            return table[i].serve;
    return NULL;
}

int main(int argc, char **argv)
{
    serve = argc == 3 ? serve_named(argv[1]) : NULL;
    if (!serve) {
        fputs("usage: sockets_epoll http|batch|close|echo PORT\n", stderr);
        return 2;
    }
    run(listen_on(atoi(argv[2])));
}
