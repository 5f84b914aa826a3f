/* A GLib program that gives a script timers and sockets: tl_fd is one source
   of its main loop, beside a timeout of its own:
       cc glib_host.c $(pkg-config --cflags --libs timerlua glib-2.0) \
           -o glib_host
       ./glib_host hosted.lua */
#include <glib-unix.h>
#include <stdio.h>
#include <timerlua.h>

enum { BUDGET_NS = 1000000, BEAT_MS = 10 };

typedef struct host {
    GMainLoop *loop;
    tl_runtime *runtime;
    unsigned beats;
    int state;
} host;

static gboolean step(gint fd, GIOCondition condition, gpointer data)
{
    host *h = data;
    (void)fd, (void)condition;
    h->state = tl_step(h->runtime, BUDGET_NS);
    if (h->state >= 0 && h->state != TL_DONE)
        return G_SOURCE_CONTINUE;
    g_main_loop_quit(h->loop);
    return G_SOURCE_REMOVE;
}

static gboolean beat(gpointer data)
{
    ((host *)data)->beats++;
    return G_SOURCE_CONTINUE;
}

int main(int argc, char **argv)
{
    host h = {.runtime = tl_new(NULL)};
    if (argc < 2 || h.runtime == NULL || tl_load_file(h.runtime, argv[1]) < 0) {
        fprintf(stderr, "%s: %s\n", argv[0], tl_error(h.runtime));
        return 1;
    }
    h.loop = g_main_loop_new(NULL, FALSE);
    g_unix_fd_add(tl_fd(h.runtime), G_IO_IN, step, &h);
    guint timeout = g_timeout_add(BEAT_MS, beat, &h);
    g_main_loop_run(h.loop);
    printf("the loop beat %s\n", h.beats >= 5 ? "meanwhile" : "too seldom");
    g_source_remove(timeout);
    g_main_loop_unref(h.loop);
    if (h.state < 0)
        fprintf(stderr, "%s: %s\n", argv[0], tl_error(h.runtime));
    return tl_free(h.runtime) != 0 || h.state < 0;
}
