/*
 * Runs a command and prints its wall time and peak memory. A small C program
 * because a child's recorded peak begins with the memory of the process that
 * forked it: forked from a driver in Lua, every peer would look that large.
 */
#include "measure.h"

#include <sys/wait.h>

int main(int argc, char **argv)
{
    struct rusage use;
    int64_t start = now_ns();
    int status = 0;
    pid_t child;

    if (argc < 2)
        return 2;
    child = fork();
    if (child == 0) {
        execvp(argv[1], argv + 1);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &use) != child || status != 0)
        return 1;
    put("wall_ms", (double)(now_ns() - start) * 1e-6);
    put("peak_mib", (double)use.ru_maxrss / 1024);
    return 0;
}
