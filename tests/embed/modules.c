/* A host that only waits on tl_fd, for a script that uses all modules: what its
   process looks like after tl_free, whenever that is.
   modules [steps=N] [fork=1] [acts=N] [descriptors=N] [timers=N] SCRIPT
   steps: free it after so many; fork: have a child call child() and free it;
   acts: call act() between steps, at random, up to N times.
   The script has wakeups(): how often tl_fd became readable so far; a function
   by_hand that it sets is called between two steps, by the Lua API alone. */
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <timerlua.h>
#include <unistd.h>

enum { SIGNALS = 65 };

typedef struct state {
    sigset_t mask;
    struct sigaction actions[SIGNALS];
    int flags[3];
    int fds;
} state;

static unsigned long wakeups;

static int lua_wakeups(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)wakeups);
    return 1;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void look(state *s)
{
    memset(s, 0, sizeof *s);
    pthread_sigmask(SIG_SETMASK, NULL, &s->mask);
    for (int number = 1; number < SIGNALS; number++)
        sigaction(number, NULL, &s->actions[number]);
    for (int fd = 0; fd < 3; fd++)
        s->flags[fd] = fcntl(fd, F_GETFL);
    for (int fd = 0; fd < 1024; fd++)
        s->fds += fcntl(fd, F_GETFD) >= 0;
}

/* State that differs from before. */
static void compare(const state *before)
{
    state after;
    look(&after);
    for (int number = 1; number < SIGNALS; number++) {
        if (sigismember(&before->mask, number) !=
            sigismember(&after.mask, number))
            fprintf(stderr, "the mask of signal %d is another\n", number);
        if (before->actions[number].sa_handler !=
            after.actions[number].sa_handler)
            fprintf(stderr, "the handler of signal %d is another\n", number);
    }
    for (int fd = 0; fd < 3; fd++)
        if (before->flags[fd] != after.flags[fd])
            fprintf(stderr, "fd %d has flags %x, not %x\n", fd, after.flags[fd],
                    before->flags[fd]);
    if (after.fds != before->fds)
        fprintf(stderr, "%d descriptors, not %d\n", after.fds, before->fds);
    if (waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD)
        fprintf(stderr, "a child is left\n");
}

static void on_error(tl_runtime *rt, const char *text, size_t length,
                     void *data)
{
    (void)rt, (void)data;
    fprintf(stderr, "error: %.*s\n", (int)length, text);
}

static void on_log(tl_runtime *rt, const char *text, size_t length, void *data)
{
    (void)rt, (void)data;
    fprintf(stderr, "%.*s\n", (int)length, text);
}

/* A child of the host, with a copy of the runtime. */
static void run_child(tl_runtime *rt, lua_State *L)
{
    pid_t pid = fork();
    if (pid == 0) {
        lua_getglobal(L, "child");
        if (lua_pcall(L, 0, 0, 0) != 0)
            fprintf(stderr, "child: %s\n", lua_tostring(L, -1));
        int freed = tl_free(rt);
        _exit(freed ? 1 : 0);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    if (status != 0)
        fprintf(stderr, "the child ended with %x\n", (unsigned)status);
}

/* The script's requests between two steps, if any. */
static void do_by_hand(lua_State *L)
{
    lua_getglobal(L, "by_hand");
    if (!lua_isnil(L, -1) && lua_pcall(L, 0, 0, 0) != 0)
        fprintf(stderr, "by hand: %s\n", lua_tostring(L, -1));
    lua_settop(L, 0);
}

static int run(tl_runtime *rt, unsigned long steps, unsigned long acts)
{
    int result = TL_IDLE;
    for (; result >= 0 && result != TL_DONE && steps > 0; steps--) {
        struct pollfd fd = {.fd = tl_fd(rt), .events = POLLIN};
        if (acts > 0 && rand() % 4 == 0) {
            acts--;
            int called = tl_call(rt, "act", "");
            if (called != 0 && called != -EINPROGRESS)
                fprintf(stderr, "act: %s\n", tl_error(rt));
        }
        do_by_hand(tl_lua(rt));
        if (poll(&fd, 1, 5000) == 0) {
            fprintf(stderr, "it stalls\n");
            (void)tl_call(rt, "stuck", "");
            return result;
        }
        wakeups++;
        result = tl_step(rt, 0);
    }
    return result;
}

int main(int argc, char **argv)
{
    unsigned long steps = (unsigned long)-1, forks = 0, acts = 0;
    unsigned long descriptors = 0, timers = 0, seed = 1;
    struct {
        const char *name;
        unsigned long *value;
    } options[] = {{"steps=", &steps},   {"fork=", &forks},
                   {"acts=", &acts},     {"descriptors=", &descriptors},
                   {"timers=", &timers}, {"seed=", &seed}};
    for (int i = 1; i < argc - 1; i++)
        for (size_t k = 0; k < sizeof options / sizeof *options; k++) {
            size_t length = strlen(options[k].name);
            if (strncmp(argv[i], options[k].name, length) == 0)
                *options[k].value = strtoul(argv[i] + length, NULL, 10);
        }
    srand((unsigned)seed);
    state before;
    look(&before);
    tl_config config = {.size = sizeof config,
                        .flags = TL_SIGNALS,
                        .max_descriptors = (uint32_t)descriptors,
                        .max_timers = (uint32_t)timers,
                        .on_error = on_error,
                        .on_log = on_log};
    tl_runtime *rt = tl_new(&config);
    lua_State *L = tl_lua(rt);
    lua_register(L, "wakeups", lua_wakeups);
    lua_pushinteger(L, (lua_Integer)seed);
    lua_setglobal(L, "seed");
    int loaded = tl_load_file(rt, argv[argc - 1]);
    if (loaded)
        fprintf(stderr, "load %d: %s\n", loaded, tl_error(rt));
    if (forks)
        run_child(rt, L);
    run(rt, steps, acts);
    double began = now();
    int freed = tl_free(rt);
    if (freed || now() - began > 3)
        fprintf(stderr, "freed: %d after %.1f s\n", freed, now() - began);
    compare(&before);
    return 0;
}
