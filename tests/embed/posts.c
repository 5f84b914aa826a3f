/* Eight threads post to a runtime that works, and stop it: their posts arrive,
   once, in the order of each thread. Built with ThreadSanitizer by the spec.
   posts POSTS run|step */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <timerlua.h>

#include "require.h"

enum { SENDERS = 8 };

static size_t most, received, expected[SENDERS], ticks;
static size_t refused[SENDERS];

static void take(size_t sender, size_t number)
{
    REQUIRE(sender < SENDERS && number == expected[sender]);
    expected[sender]++;
    if (++received == most * SENDERS)
        REQUIRE(tl_stop(rt, 0) == 0);
}

static void on_post(tl_runtime *runtime, void *argument)
{
    REQUIRE(runtime == rt);
    take((size_t)argument % SENDERS, (size_t)argument / SENDERS);
}

static void on_log(tl_runtime *runtime, const char *text, size_t length,
                   void *data)
{
    (void)runtime, (void)length, (void)data;
    size_t sender = 0, number = 0;
    REQUIRE(sscanf(text, "sender\t%zu %zu", &sender, &number) == 2);
    take(sender, number);
}

static void on_error(tl_runtime *runtime, const char *text, size_t length,
                     void *data)
{
    (void)runtime, (void)length, (void)data;
    fprintf(stderr, "%s\n", text);
    exit(1);
}

static void tick(tl_runtime *runtime, uint64_t id, void *argument)
{
    (void)runtime, (void)id, (void)argument;
    ticks++;
}

static int post(size_t sender, size_t number)
{
    char text[64];
    if (number % 4 != 3)
        return tl_post(rt, on_post, (void *)(number * SENDERS + sender));
    int length = snprintf(text, sizeof text, "%zu %zu%*s", sender, number,
                          (int)(number % 13), "");
    return tl_post_event(rt, "sender", text, (size_t)length);
}

static void *send_all(void *argument)
{
    size_t sender = (size_t)argument;
    for (size_t number = 0; number < most;) {
        int error = post(sender, number);
        REQUIRE(error == 0 || error == -EAGAIN);
        number += error == 0;
        refused[sender] += error != 0;
        if (error != 0)
            (void)sched_yield();
        if (number % 100 == 99)
            REQUIRE(tl_stop(rt, (int)sender) == 0);
    }
    return NULL;
}

static void work(int steps)
{
    while (received < most * SENDERS) {
        if (!steps) {
            REQUIRE(tl_run(rt) >= 0);
            continue;
        }
        struct pollfd fd = {.fd = tl_fd(rt), .events = POLLIN};
        REQUIRE(poll(&fd, 1, 10000) == 1); /* none is slept on */
        REQUIRE(tl_step(rt, 100000) >= 0);
    }
}

int main(int argc, char **argv)
{
    static const char script[] = "require'timerlua'.on('post', print)";
    pthread_t threads[SENDERS];
    tl_config config = {.size = sizeof config,
                        .flags = TL_KEEP_RUNNING,
                        .post_bytes = 4096,
                        .on_log = on_log,
                        .on_error = on_error};
    most = (size_t)atoi(argv[argc - 2]);
    REQUIRE((rt = tl_new(&config)) != NULL);
    REQUIRE(tl_load_string(rt, script, sizeof script - 1, NULL) == 0);
    REQUIRE(tl_every(rt, 100000, tick, NULL, NULL) == 0);
    for (size_t i = 0; i < SENDERS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, send_all, (void *)i) == 0);
    work(strcmp(argv[argc - 1], "step") == 0);
    size_t waited = 0;
    for (size_t i = 0; i < SENDERS; i++) {
        pthread_join(threads[i], NULL);
        waited += refused[i];
    }
    tl_runtime_stats stats;
    REQUIRE(tl_stats(rt, &stats, sizeof stats) == 0);
    REQUIRE(stats.posts == most * SENDERS && stats.refused == waited);
    REQUIRE(received == most * SENDERS && tl_free(rt) == 0);
    return 0;
}
