/* A host that runs one script and reports the script's outcome and its own.
   host [flags=N] [memory=BYTES] [timers=N] [descriptors=N] [tasks=N]
        [warn=NS] [quiet=1] [run=1] SCRIPT */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <timerlua.h>

static void on_error(tl_runtime *rt, const char *text, size_t length,
                     void *data)
{
    (void)rt, (void)data;
    printf("error: %.*s\n", (int)length, text);
}

static void on_log(tl_runtime *rt, const char *text, size_t length, void *data)
{
    (void)rt, (void)data;
    printf("log: %.*s\n", (int)length, text);
}

static int step_until_done(tl_runtime *rt)
{
    int result = TL_IDLE;
    while (result >= 0 && result != TL_DONE) {
        struct pollfd fd = {.fd = tl_fd(rt), .events = POLLIN};
        if (poll(&fd, 1, 10000) == 0)
            return -1000;
        result = tl_step(rt, 0);
    }
    return result;
}

int main(int argc, char **argv)
{
    unsigned long flags = 0, memory = 0, timers = 0, descriptors = 0;
    unsigned long tasks = 0, warn = 0, quiet = 0, run = 0;
    struct {
        const char *name;
        unsigned long *value;
    } options[] = {{"flags", &flags},   {"memory", &memory},
                   {"timers", &timers}, {"descriptors", &descriptors},
                   {"tasks", &tasks},   {"warn", &warn},
                   {"quiet", &quiet},   {"run", &run}};
    for (int i = 1; i < argc - 1; i++)
        for (size_t k = 0; k < sizeof options / sizeof *options; k++) {
            size_t length = strlen(options[k].name);
            if (strncmp(argv[i], options[k].name, length) == 0 &&
                argv[i][length] == '=')
                *options[k].value = strtoul(argv[i] + length + 1, NULL, 10);
        }
    tl_config config = {
        .size = sizeof config,
        .flags = (uint32_t)flags,
        .max_timers = (uint32_t)timers,
        .max_descriptors = (uint32_t)descriptors,
        .max_tasks = (uint32_t)tasks,
        .max_memory = memory,
        .warn_callback_ns = (int64_t)warn,
        .on_error = quiet ? NULL : on_error,
        .on_log = quiet ? NULL : on_log,
    };
    tl_runtime *rt = tl_new(&config);
    if (rt == NULL) {
        perror("tl_new");
        return 1;
    }
    int loaded = tl_load_file(rt, argv[argc - 1]);
    if (loaded != 0)
        printf("load: %d: %s\n", loaded, tl_error(rt));
    int result = run ? tl_run(rt) : step_until_done(rt);
    if (quiet)
        printf("kept: %s\n", tl_error(rt));
    tl_runtime_stats stats;
    tl_stats(rt, &stats, sizeof stats);
    printf("%s %d, status %d, errors %d\n", run ? "ran" : "stepped", result,
           stats.status, (int)stats.errors);
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            printf("fd %d is closed\n", fd);
    printf("free: %d\n", tl_free(rt));
    return 0;
}
