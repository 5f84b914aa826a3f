/* A program that uses the timers only, from C:
       cc timers_host.c $(pkg-config --cflags --libs timerlua) -o timers_host
       ./timers_host */
#include <inttypes.h>
#include <stdio.h>
#include <timerlua.h>

enum { MS = 1000000 };

static void say(tl_runtime *runtime, uint64_t id, void *text)
{
    (void)runtime, (void)id;
    puts(text);
}

/* The fourth tick ends the timer. */
static void tick(tl_runtime *runtime, uint64_t id, void *ticks)
{
    int *count = ticks;
    printf("tick %d\n", ++*count);
    if (*count == 4)
        tl_cancel(runtime, id);
}

int main(void)
{
    tl_runtime *runtime = tl_new(NULL);
    uint64_t never;
    int ticks = 0;
    if (runtime == NULL) {
        perror("tl_new");
        return 1;
    }
    tl_every(runtime, 10 * MS, tick, &ticks, NULL);
    tl_after(runtime, 25 * MS, say, "after 25 ms", NULL);
    tl_after(runtime, 5 * MS, say, "after 5 ms", NULL);
    tl_after(runtime, 1 * MS, say, "never", &never);
    tl_cancel(runtime, never);
    int status = tl_run(runtime); /* until no timer is left */

    tl_runtime_stats stats;
    tl_stats(runtime, &stats, sizeof stats);
    printf("%" PRIu64 " timers fired, %" PRIu64 " left\n", stats.fired,
           stats.timers);
    return tl_free(runtime) != 0 || status != 0;
}
