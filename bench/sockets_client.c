/*
 * The clients of the socket workloads that are not wrk or ab:
 *   sockets_client check http|close|echo PORT   waits for the server, tries it
 *   sockets_client echo PORT SECONDS            100 connections, 64 bytes
 *   sockets_client idle PORT PID                memory of 10,000 connections
 */
#include "hello.h"
#include "measure.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define HELLO_END END_OF_HEADERS "hello"
#define REQUEST   "GET / HTTP/1.1\r\nHost: 127.0.0.1" END_OF_HEADERS

enum {
    ECHOES = 100,
    ECHO_SIZE = 64,
    IDLE = 10000,
    PATIENCE_S = 5,
    PAUSE_US = 20000,
    SETTLE_US = 300000 /* until the server has done what it does after */
};

static int try_connect(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    struct timeval patience = {.tv_sec = PATIENCE_S};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    need(fd >= 0, "socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

static int connect_to(int port)
{
    int fd = try_connect(port);

    need(fd >= 0, "connect");
    return fd;
}

static int connect_when_up(int port)
{
    int64_t until = now_ns() + (int64_t)PATIENCE_S * 1000000000;
    int fd;

    while ((fd = try_connect(port)) < 0 && now_ns() < until)
        usleep(10000);
    need(fd >= 0, "the server does not listen");
    errno = 0; /* what the tries have left there is no cause of what follows */
    return fd;
}

static void send_text(int fd, const char *text, size_t size)
{
    need(send(fd, text, size, MSG_NOSIGNAL) == (ssize_t)size, "send");
}

/* Answers of other lengths than HELLO are those of servers that will not be
 * told what to say; they all end in the same five letters. */
static void await_hellos(int fd, int count)
{
    char bytes[4096];
    size_t size = 0;

    while (count > 0) {
        ssize_t got = recv(fd, bytes + size, sizeof bytes - 1 - size, 0);
        const char *at = bytes;

        need(got > 0, "no answer");
        size += (size_t)got;
        bytes[size] = 0;
        for (char *next; (next = strstr(at, HELLO_END)); count--)
            at = next + sizeof HELLO_END - 1;
        size -= (size_t)(at - bytes);
        memmove(bytes, at, size);
    }
    need(count == 0 && size == 0, "an answer too many");
}

/* Time for a piece to arrive as a read of its own, and for an answer that
 * should not come. */
static void await_silence(int fd)
{
    char byte;

    usleep(PAUSE_US);
    need(recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN,
         "an answer to no request");
}

/* A request in two pieces, and then the end of one with a whole one: nobody
 * gets a figure who takes a read for a request. */
static void check_keep_alive(int fd)
{
    size_t half = sizeof REQUEST - 4; /* in the midst of END_OF_HEADERS */

    send_text(fd, REQUEST, half);
    await_silence(fd);
    send_text(fd, REQUEST + half, sizeof REQUEST - 1 - half);
    await_hellos(fd, 1);
    send_text(fd, REQUEST, half);
    await_silence(fd);
    send_text(fd, &(REQUEST REQUEST)[half], 2 * sizeof REQUEST - 2 - half);
    await_hellos(fd, 2);
    await_silence(fd);
}

static void check_close(int fd)
{
    size_t half = sizeof REQUEST - 4;
    char byte;

    send_text(fd, REQUEST, half);
    await_silence(fd);
    send_text(fd, REQUEST + half, sizeof REQUEST - 1 - half);
    await_hellos(fd, 1);
    need(recv(fd, &byte, 1, 0) == 0, "not closed after the answer");
}

static void check_echo(int fd)
{
    char sent[ECHO_SIZE] = "echo";
    char received[ECHO_SIZE];

    send_text(fd, sent, sizeof sent);
    need(recv(fd, received, sizeof received, MSG_WAITALL) == ECHO_SIZE, "echo");
    need(memcmp(sent, received, ECHO_SIZE) == 0, "not what was sent");
}

static void check(const char *mode, int port)
{
    int fd = connect_when_up(port);

    if (strcmp(mode, "echo") == 0)
        check_echo(fd);
    else if (strcmp(mode, "close") == 0)
        check_close(fd);
    else
        check_keep_alive(fd);
    close(fd);
}

/* S3: each connection sends its bytes again as soon as all are back. */

struct echo {
    int fd;
    size_t received;
    char sent[ECHO_SIZE], bytes[ECHO_SIZE];
};

static struct echo echoes[ECHOES];

static long receive_echo(struct echo *e)
{
    size_t left = ECHO_SIZE - e->received;
    ssize_t got = recv(e->fd, e->bytes + e->received, left, MSG_DONTWAIT);

    if (got < 0 && errno == EAGAIN)
        return 0;
    need(got > 0, "recv");
    e->received += (size_t)got;
    if (e->received < ECHO_SIZE)
        return 0;
    need(memcmp(e->sent, e->bytes, ECHO_SIZE) == 0, "not what was sent");
    e->received = 0;
    send_text(e->fd, e->sent, ECHO_SIZE);
    return 1;
}

static void start_echoes(int poller, int port)
{
    for (int i = 0; i < ECHOES; i++) {
        struct echo *e = &echoes[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = e};

        e->fd = connect_to(port);
        memset(e->sent, '0' + i % 64, ECHO_SIZE);
        need(epoll_ctl(poller, EPOLL_CTL_ADD, e->fd, &event) == 0, "epoll_ctl");
    }
    for (int i = 0; i < ECHOES; i++)
        send_text(echoes[i].fd, echoes[i].sent, ECHO_SIZE);
}

static void echo(int port, double seconds)
{
    struct epoll_event events[ECHOES];
    int poller = epoll_create1(0);
    int64_t start, spent;
    long trips = 0;

    start_echoes(poller, port);
    start = now_ns();
    do {
        int count = epoll_wait(poller, events, ECHOES, PATIENCE_S * 1000);

        need(count > 0, "no echo");
        for (int i = 0; i < count; i++)
            trips += receive_echo(events[i].data.ptr);
        spent = now_ns() - start;
    } while ((double)spent < seconds * 1e9);
    printf("requests %ld\nrequests_s %.0f\n", trips,
           (double)trips * 1e9 / (double)spent);
}

/* S5: each connection has had one answer, as one that is kept alive has. */

struct memory {
    long rss, anonymous; /* KiB */
};

static struct memory memory_of(const char *pid)
{
    struct memory memory = {0};
    char path[64], line[256];
    FILE *file;

    snprintf(path, sizeof path, "/proc/%s/smaps_rollup", pid);
    file = fopen(path, "r");
    need(file != NULL, path);
    while (fgets(line, sizeof line, file)) {
        sscanf(line, "Rss: %ld", &memory.rss);
        sscanf(line, "Anonymous: %ld", &memory.anonymous);
    }
    fclose(file);
    return memory;
}

/* Reset when it is closed: ten thousand in TIME_WAIT would be in the way. */
static int connect_and_ask(int port)
{
    struct linger reset = {.l_onoff = 1};
    int fd = connect_to(port);

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    send_text(fd, REQUEST, sizeof REQUEST - 1);
    await_hellos(fd, 1);
    return fd;
}

static void idle(int port, const char *pid)
{
    struct rlimit files;
    struct memory before, after;

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    close(connect_and_ask(port)); /* what the first one costs is not counted */
    usleep(SETTLE_US);
    before = memory_of(pid);
    for (int i = 0; i < IDLE; i++)
        connect_and_ask(port);
    usleep(SETTLE_US);
    after = memory_of(pid);
    printf("requests %d\n", IDLE);
    put("rss_bytes", (double)(after.rss - before.rss) * 1024 / IDLE);
    put("anon_bytes",
        (double)(after.anonymous - before.anonymous) * 1024 / IDLE);
}

int main(int argc, char **argv)
{
    const char *what = argc == 4 ? argv[1] : "";

    if (strcmp(what, "check") == 0)
        check(argv[2], atoi(argv[3]));
    else if (strcmp(what, "echo") == 0)
        echo(atoi(argv[2]), atof(argv[3]));
    else if (strcmp(what, "idle") == 0)
        idle(atoi(argv[2]), argv[3]);
    else
        return 2; /* how it is used is told above */
    return 0;
}
