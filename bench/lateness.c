/* What recording one lateness costs: runtime/base/histogram.h on values as they
   occur, microseconds to milliseconds. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../runtime/base/histogram.h"

enum { VALUES = 4096, ROUNDS = 5000 };

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(void)
{
    static tl_histogram histogram;
    static int64_t values[VALUES];
    for (int i = 0; i < VALUES; i++)
        values[i] = rand() % (1 << (10 + rand() % 12));
    double start = now_ns();
    for (int r = 0; r < ROUNDS; r++)
        for (int i = 0; i < VALUES; i++)
            tl_histogram_record(&histogram, values[i]);
    printf("record_ns %.2f\n", (now_ns() - start) / ROUNDS / VALUES);
    return histogram.count == (uint64_t)ROUNDS * VALUES ? 0 : 1;
}
