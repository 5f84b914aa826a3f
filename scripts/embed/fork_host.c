/* A host that forks workers: each frees the runtime that it inherited, and has
   one of its own:
       cc fork_host.c $(pkg-config --cflags --libs timerlua) -o fork_host
       ./fork_host */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <timerlua.h>
#include <unistd.h>

static tl_runtime *start(const char *code)
{
    tl_runtime *runtime = tl_new(NULL);
    if (runtime == NULL ||
        tl_load_string(runtime, code, strlen(code), "=script") < 0) {
        fprintf(stderr, "%s\n", runtime ? tl_error(runtime) : "no runtime");
        exit(1);
    }
    return runtime;
}

/* The status is the worker's result. */
static int work(tl_runtime *inherited, int number)
{
    tl_free(inherited); /* releases it here; the parent's goes on */
    tl_runtime *own = start("local tl = require 'timerlua'\n"
                            "function work(n) tl.sleep(0.01 * n)\n"
                            "  os.exit(n * n) end");
    (void)tl_call(own, "work", "i", number); /* -EINPROGRESS: it waits */
    return tl_run(own);
}

int main(void)
{
    tl_runtime *runtime = start("require 'timerlua'.after(0.001, function()\n"
                                "  print 'the parent goes on' end)");
    for (int number = 1; number <= 3; number++)
        if (fork() == 0)
            exit(work(runtime, number));
    int status = tl_run(runtime), sum = 0, ended;
    while (wait(&ended) > 0)
        sum += WEXITSTATUS(ended);
    printf("the workers' sum is %d\n", sum);
    return tl_free(runtime) != 0 || status != 0;
}
