/* A libuv program that gives a script timers and sockets: tl_fd is one poll
   handle of its loop, beside a timer of its own:
       cc libuv_host.c $(pkg-config --cflags --libs timerlua libuv) \
           -o libuv_host
       ./libuv_host hosted.lua */
#include <stdio.h>
#include <timerlua.h>
#include <uv.h>

enum { BUDGET_NS = 1000000, BEAT_MS = 10 };

static tl_runtime *runtime;
static uv_poll_t poller;
static uv_timer_t timer;
static unsigned beats;
static int state;

static void step(uv_poll_t *handle, int status, int events)
{
    (void)events;
    state = status < 0 ? status : tl_step(runtime, BUDGET_NS);
    if (state >= 0 && state != TL_DONE)
        return;
    uv_close((uv_handle_t *)handle, NULL);
    uv_close((uv_handle_t *)&timer, NULL);
}

static void beat(uv_timer_t *handle)
{
    (void)handle;
    beats++;
}

int main(int argc, char **argv)
{
    runtime = tl_new(NULL);
    if (argc < 2 || runtime == NULL || tl_load_file(runtime, argv[1]) < 0) {
        fprintf(stderr, "%s: %s\n", argv[0], tl_error(runtime));
        return 1;
    }
    uv_loop_t *loop = uv_default_loop();
    uv_timer_init(loop, &timer);
    uv_timer_start(&timer, beat, BEAT_MS, BEAT_MS);
    uv_poll_init(loop, &poller, tl_fd(runtime));
    uv_poll_start(&poller, UV_READABLE, step);
    uv_run(loop, UV_RUN_DEFAULT);
    printf("the loop beat %s\n", beats >= 5 ? "meanwhile" : "too seldom");
    uv_loop_close(loop);
    if (state < 0)
        fprintf(stderr, "%s: %s\n", argv[0], tl_strerror(state));
    return tl_free(runtime) != 0 || state < 0;
}
