/* A host whose errors are jumps, as those of PostgreSQL, Perl and R: a callback
   catches the jump, returns, and the host goes on with it after the step:
       cc jump_host.c $(pkg-config --cflags --libs timerlua) -o jump_host
       ./jump_host */
#include <setjmp.h>
#include <stdio.h>
#include <timerlua.h>

static jmp_buf *handler; /* of the innermost try */
static const char *pending;

static void host_error(const char *text)
{
    pending = text;
    longjmp(*handler, 1);
}

static void work(int number)
{
    if (number == 3)
        host_error("the third is broken");
    printf("work %d\n", number);
}

/* What every callback of such a host looks like. */
static void tick(tl_runtime *runtime, uint64_t id, void *argument)
{
    int *number = argument;
    jmp_buf *outer = handler, here;
    handler = &here;
    if (setjmp(here) == 0)
        work(++*number);
    else
        tl_cancel(runtime, id);
    handler = outer;
}

static void run(tl_runtime *runtime)
{
    int number = 0, result = TL_MORE;
    tl_every(runtime, 1000000, tick, &number, NULL);
    while (result >= 0 && result != TL_DONE && pending == NULL)
        result = tl_step(runtime, 0);
    if (pending != NULL)
        host_error(pending); /* now nothing of the runtime is skipped */
    if (result < 0)
        host_error(tl_strerror(result));
}

int main(void)
{
    tl_runtime *runtime = tl_new(NULL);
    jmp_buf here;
    handler = &here;
    if (setjmp(here) == 0)
        run(runtime);
    else
        printf("error: %s\n", pending);
    return tl_free(runtime); /* 0: the runtime is in order */
}
