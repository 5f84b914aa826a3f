/* A program that draws frames: each has time for the script, and what does not
   fit into it is left for the next frame:
       cc game_host.c $(pkg-config --cflags --libs timerlua) -o game_host
       ./game_host hosted.lua */
#include <stdio.h>
#include <time.h>
#include <timerlua.h>

enum { FRAME_NS = 5000000, BUDGET_NS = 1000000, SECOND_NS = 1000000000 };

static void wait_for(struct timespec *frame)
{
    frame->tv_nsec += FRAME_NS;
    if (frame->tv_nsec >= SECOND_NS) {
        frame->tv_nsec -= SECOND_NS;
        frame->tv_sec++;
    }
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, frame, NULL) != 0)
        continue;
}

int main(int argc, char **argv)
{
    tl_runtime *runtime = tl_new(NULL);
    if (argc < 2 || runtime == NULL || tl_load_file(runtime, argv[1]) < 0) {
        fprintf(stderr, "%s: %s\n", argv[0], tl_error(runtime));
        return 1;
    }
    struct timespec frame;
    clock_gettime(CLOCK_MONOTONIC, &frame);
    int state = TL_IDLE;
    unsigned frames = 0, full = 0;
    while (state >= 0 && state != TL_DONE) {
        wait_for(&frame);
        /* here the frame is drawn */
        state = tl_step(runtime, BUDGET_NS);
        frames++;
        full += state == TL_MORE;
    }
    printf("%u frames, %u of them full\n", frames, full);
    if (state < 0)
        fprintf(stderr, "%s: %s\n", argv[0], tl_error(runtime));
    return tl_free(runtime) != 0 || state < 0;
}
