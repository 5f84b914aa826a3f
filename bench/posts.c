/*
 * E2: distinct messages from other threads into a loop's thread, by tl_post, or
 * by uv_async_send and a queue under a mutex, which is how it is done with
 * libuv: calls of uv_async_send are merged, so it carries no message itself.
 *     posts tl|array|list THREADS [ROOM]
 * The queue is a list with a node from malloc for each message, or the quickest
 * of its kind: an array, swapped for an empty one by the reader. ROOM is for
 * how many messages; without it, or 0, for all of them where a queue grows, and
 * what tl_post has by default. A sender who finds no room gives its turn away.
 */
#include "measure.h"

#include <pthread.h>
#include <sched.h>
#include <timerlua.h>
#include <uv.h>

enum { MESSAGES = 2000000, MOST_THREADS = 8, POST_BYTES = 32 };

static int threads, each, room;
static int64_t received;
static int next[MOST_THREADS]; /* what each sender's next message has to be */

static void *message_of(int sender, int number)
{
    return (void *)(uintptr_t)((uint64_t)sender << 32 | (uint32_t)number);
}

/* In the loop's thread; whether it was the last one. */
static int take(const void *message)
{
    uint64_t bits = (uintptr_t)message;

    if (next[bits >> 32]++ != (int)(uint32_t)bits)
        abort();
    return ++received == (int64_t)threads * each;
}

/* libtimerlua */

static tl_runtime *runtime;

static void posted(tl_runtime *rt, void *message)
{
    if (take(message))
        tl_stop(rt, 0);
}

static void *post_many(void *sender)
{
    int self = (int)(intptr_t)sender;

    for (int i = 0; i < each; i++)
        while (tl_post(runtime, posted, message_of(self, i)) != 0)
            sched_yield();
    return NULL;
}

/* libuv */

static struct array {
    void **items;
    size_t count, size;
} filling, draining;
static struct node {
    struct node *next;
    void *message;
} * first, **last = &first;
static int with_list;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uv_async_t async;

static void append(void *message)
{
    if (filling.count == filling.size) {
        filling.size = filling.size ? 2 * filling.size : 1024;
        filling.items =
            realloc(filling.items, filling.size * sizeof *filling.items);
        if (!filling.items)
            abort();
    }
    filling.items[filling.count++] = message;
}

static void push_to_array(void *message)
{
    pthread_mutex_lock(&mutex);
    while (room > 0 && filling.count >= (size_t)room) {
        pthread_mutex_unlock(&mutex);
        sched_yield();
        pthread_mutex_lock(&mutex);
    }
    append(message);
    pthread_mutex_unlock(&mutex);
}

static void push_to_list(void *message)
{
    struct node *node = malloc(sizeof *node);

    if (!node)
        abort();
    *node = (struct node){NULL, message};
    pthread_mutex_lock(&mutex);
    *last = node;
    last = &node->next;
    pthread_mutex_unlock(&mutex);
}

static void take_array(void)
{
    struct array swap;

    pthread_mutex_lock(&mutex);
    swap = filling;
    filling = draining;
    draining = swap;
    pthread_mutex_unlock(&mutex);
    for (size_t i = 0; i < draining.count; i++)
        if (take(draining.items[i]))
            uv_close((uv_handle_t *)&async, NULL);
    draining.count = 0;
}

static void take_list(void)
{
    struct node *node;

    pthread_mutex_lock(&mutex);
    node = first;
    first = NULL;
    last = &first;
    pthread_mutex_unlock(&mutex);
    while (node) {
        struct node *after = node->next;

        if (take(node->message))
            uv_close((uv_handle_t *)&async, NULL);
        free(node);
        node = after;
    }
}

static void arrived(uv_async_t *handle)
{
    (void)handle;
    if (with_list)
        take_list();
    else
        take_array();
}

static void push(void *message)
{
    if (with_list)
        push_to_list(message);
    else
        push_to_array(message);
    uv_async_send(&async);
}

static void *push_many(void *sender)
{
    int self = (int)(intptr_t)sender;

    for (int i = 0; i < each; i++)
        push(message_of(self, i));
    return NULL;
}

static void loop(int with_uv)
{
    tl_config config = {.size = sizeof config,
                        .flags = TL_KEEP_RUNNING,
                        .post_bytes = (size_t)room * POST_BYTES};

    if (with_uv) {
        uv_async_init(uv_default_loop(), &async, arrived);
        return;
    }
    runtime = tl_new(&config);
    if (!runtime)
        abort();
}

int main(int argc, char **argv)
{
    pthread_t senders[MOST_THREADS];
    int with_uv = argc > 1 && strcmp(argv[1], "tl") != 0;
    int64_t start;
    double cpu;

    threads = argc > 2 ? atoi(argv[2]) : 1;
    if (threads < 1 || threads > MOST_THREADS)
        return 2;
    with_list = with_uv && strcmp(argv[1], "list") == 0;
    each = MESSAGES / threads;
    room = argc > 3 ? atoi(argv[3]) : 0;
    loop(with_uv);
    start = now_ns();
    cpu = cpu_seconds();
    for (int i = 0; i < threads; i++)
        if (pthread_create(&senders[i], NULL, with_uv ? push_many : post_many,
                           (void *)(intptr_t)i) != 0)
            return 1;
    if (with_uv)
        uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    else
        tl_run(runtime);
    put("messages_s", (double)received * 1e9 / (double)(now_ns() - start));
    put("cpu_ns", (cpu_seconds() - cpu) * 1e9 / (double)received);
    for (int i = 0; i < threads; i++)
        pthread_join(senders[i], NULL);
    tl_free(runtime);
    return 0;
}
