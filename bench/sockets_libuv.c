/*
 * The socket workloads on libuv in C: sockets_libuv http|close|echo PORT
 * Written as its guide does: one uv_write for each answer.
 */
#include "hello.h"

#include <uv.h>

struct connection {
    uv_tcp_t tcp; /* first, so that the handle is the connection */
    struct bytes in;
};

struct answer {
    uv_write_t request; /* first, so that the request is the answer */
    char bytes[];
};

enum mode { MODE_HTTP, MODE_CLOSE, MODE_ECHO };

static enum mode mode;
static char input[BUFFER_SIZE];

static void on_closed(uv_handle_t *handle)
{
    struct connection *c = (struct connection *)handle;

    free(c->in.data);
    free(c);
}

static void end(struct connection *c)
{
    if (!uv_is_closing((uv_handle_t *)c))
        uv_close((uv_handle_t *)c, on_closed);
}

static void on_written(uv_write_t *request, int status)
{
    struct connection *c = (struct connection *)request->handle;

    free(request);
    if (status < 0 || mode == MODE_CLOSE)
        end(c);
}

static void answer(struct connection *c, const char *bytes, size_t size)
{
    struct answer *a = malloc(sizeof *a + size);
    uv_buf_t buffer;

    need(a != NULL, "malloc");
    memcpy(a->bytes, bytes, size);
    buffer = uv_buf_init(a->bytes, (unsigned)size);
    if (uv_write(&a->request, (uv_stream_t *)c, &buffer, 1, on_written) != 0) {
        free(a);
        end(c);
    }
}

static size_t serve(struct connection *c, const char *bytes, size_t size)
{
    const char *at = bytes;
    const char *next;

    if (mode == MODE_ECHO) {
        answer(c, bytes, size);
        return size;
    }
    while ((next = end_of_request(at, bytes + size))) {
        answer(c, HELLO, HELLO_SIZE);
        at = next;
        if (mode == MODE_CLOSE)
            return size;
    }
    return (size_t)(at - bytes);
}

/* What is left of a request goes in front of what is read next. */
static void lend(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct connection *c = (struct connection *)handle;

    (void)suggested;
    *buffer =
        uv_buf_init(input + c->in.size, (unsigned)(sizeof input - c->in.size));
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    struct connection *c = (struct connection *)stream;
    size_t size = c->in.size;
    size_t used;

    (void)buffer;
    if (got < 0) {
        end(c);
        return;
    }
    if (size > 0)
        memcpy(input, c->in.data, size);
    drop(&c->in, size);
    size += (size_t)got;
    used = serve(c, input, size);
    keep(&c->in, input + used, size - used);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct connection *c = calloc(1, sizeof *c);

    need(status == 0 && c != NULL, "connection");
    uv_tcp_init(listener->loop, &c->tcp);
    need(uv_accept(listener, (uv_stream_t *)c) == 0, "accept");
    uv_tcp_nodelay(&c->tcp, 1);
    uv_read_start((uv_stream_t *)c, lend, on_read);
}

static void run(int port)
{
    uv_loop_t *loop = uv_default_loop();
    struct sockaddr_in address;
    uv_tcp_t listener;

    uv_ip4_addr("127.0.0.1", port, &address);
    uv_tcp_init(loop, &listener);
    need(uv_tcp_bind(&listener, (struct sockaddr *)&address, 0) == 0, "bind");
    need(uv_listen((uv_stream_t *)&listener, BACKLOG, on_connection) == 0,
         "listen");
    uv_run(loop, UV_RUN_DEFAULT);
}

int main(int argc, char **argv)
{
    static const char *const names[] = {
        [MODE_HTTP] = "http", [MODE_CLOSE] = "close", [MODE_ECHO] = "echo"};

    for (mode = MODE_HTTP; argc == 3 && mode <= MODE_ECHO; mode++)
        if (strcmp(names[mode], argv[1]) == 0)
            run(atoi(argv[2]));
    fputs("usage: sockets_libuv http|close|echo PORT\n", stderr);
    return 2;
}
