/* The time limit of callbacks: see time_limit.h.

   Hooks are the state's, so that one set by another thread reaches whichever
   coroutine runs; it is a store to a table that the interpreter reads, as when
   a signal handler sets it. If a finalizer's end overwrites the store, the
   thread sets the hook again. A hook that comes late finds another callback,
   and removes itself. */
#include "embed/time_limit.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "embed/runtime.h"

enum { AGAIN_NS = 10000000 }; /* until the hook is set once more */

static int64_t over_ns(tl_time_limit *limit)
{
    int64_t began_ns = atomic_load(&limit->began_ns);
    return began_ns == 0
               ? -1
               : tl_clock_kernel_ns(TL_MONOTONIC) - began_ns - limit->limit_ns;
}

static void interrupt(lua_State *L, lua_Debug *where)
{
    tl_runtime *rt = tl_of(L);
    if (rt == NULL || over_ns(&rt->time_limit) < 0) {
        (void)lua_sethook(L, NULL, 0, 0);
        return;
    }
    static const char ours[] = "[timerlua]";
    (void)lua_getinfo(L, "Sl", where);
    /* the modules inside end by themselves, and must not be cut in between; but
       a script may give its chunk such a name, too */
    if (strncmp(where->short_src, ours, sizeof ours - 1) == 0 &&
        over_ns(&rt->time_limit) < rt->time_limit.limit_ns)
        return;
    (void)lua_pushfstring(L,
                          "%s:%d: this callback took longer than the %f s "
                          "allowed",
                          where->short_src, where->currentline,
                          (double)rt->time_limit.limit_ns / 1e9);
    (void)lua_error(L);
}

/* Wait for news, or until an instant of the monotonic clock. */
static void rest(tl_time_limit *limit, int64_t until_ns)
{
    struct timespec until = tl_timespec(until_ns);
    (void)pthread_cond_timedwait(&limit->news, &limit->mutex, &until);
}

/* One look at the callback that runs; the mutex is held. */
static void look(tl_time_limit *limit)
{
    int64_t began_ns = atomic_load(&limit->began_ns);
    if (began_ns == 0) {
        atomic_store(&limit->resting, true);
        if (atomic_load(&limit->began_ns) == 0) /* else it saw no resting */
            (void)pthread_cond_wait(&limit->news, &limit->mutex);
        atomic_store(&limit->resting, false);
    } else if (over_ns(limit) < 0) {
        rest(limit, began_ns + limit->limit_ns);
    } else {
        (void)lua_sethook(limit->L, interrupt, LUA_MASKCOUNT, 1);
        rest(limit, tl_clock_kernel_ns(TL_MONOTONIC) + AGAIN_NS);
    }
}

static void *watch(void *argument)
{
    tl_time_limit *limit = argument;
    pthread_mutex_lock(&limit->mutex);
    while (!limit->ending)
        look(limit);
    pthread_mutex_unlock(&limit->mutex);
    return NULL;
}

/* The thread takes no signals of the host's. */
static int start(tl_time_limit *limit)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&limit->thread, NULL, watch, limit);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

int tl__time_limit_open(tl_time_limit *limit, lua_State *L, int64_t limit_ns)
{
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&limit->mutex, NULL);
    (void)pthread_cond_init(&limit->news, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    limit->L = L;
    limit->limit_ns = limit_ns;
    int error = start(limit);
    if (error)
        limit->limit_ns = 0;
    return error;
}

static void wake(tl_time_limit *limit)
{
    pthread_mutex_lock(&limit->mutex);
    (void)pthread_cond_signal(&limit->news);
    pthread_mutex_unlock(&limit->mutex);
}

void tl__time_limit_close(tl_time_limit *limit, bool forked)
{
    if (limit->limit_ns == 0 || forked)
        return;
    pthread_mutex_lock(&limit->mutex);
    limit->ending = true;
    (void)pthread_cond_signal(&limit->news);
    pthread_mutex_unlock(&limit->mutex);
    (void)pthread_join(limit->thread, NULL);
    (void)lua_sethook(limit->L, NULL, 0, 0);
    (void)pthread_cond_destroy(&limit->news);
    (void)pthread_mutex_destroy(&limit->mutex);
}

void tl__time_limit_note(tl_time_limit *limit, bool begins)
{
    int64_t now_ns = begins ? tl_clock_kernel_ns(TL_MONOTONIC) : 0;
    atomic_store(&limit->began_ns, now_ns);
    if (begins && atomic_load(&limit->resting))
        wake(limit);
}
