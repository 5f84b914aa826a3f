/* The resolver without c-ares: getaddrinfo(3) in helper threads, which take
   lookups from a queue and put finished lookups in another. A pipe reports the
   first finished lookup there. Knows nothing of the loop.

   A lookup that hangs holds its thread until the C library gives up, so a
   thread is started whenever all others are busy, up to a limit. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/lookup.h"

enum { MOST_THREADS = 16 };

typedef struct worker {
    tl_resolver *resolver;
    pthread_t thread;
    tl_lookup *running; /* NULL while it waits for work */
} worker;

struct tl_resolver {
    pthread_mutex_t lock; /* over everything down to workers */
    pthread_cond_t work;
    tl_lookups waiting;
    tl_lookups over;
    bool closing;
    int load;    /* lookups that wait or run */
    int threads; /* started so far; none ends before the resolver is closed */
    int users;   /* threads, and the loop until it has closed the resolver */
    worker workers[MOST_THREADS];
    int pipe[2];     /* contains a byte while over is not empty */
    bool watched;    /* the change for the pipe was taken */
    tl_lookup *told; /* the last that was handed out */
};

/* --- the threads -------------------------------------------------------- */

/* glibc distinguishes timeouts, refusals and failures of servers by errno. */
static int again_status(int error)
{
    if (error == ETIMEDOUT)
        return TL_LOOKUP_TIMED_OUT;
    return error == ECONNREFUSED ? TL_LOOKUP_UNREACHABLE
                                 : TL_LOOKUP_SERVER_FAILED;
}

static int lookup_status(int result, int error)
{
    switch (result) {
    case 0:
        return 0;
    case EAI_NONAME:
        return TL_LOOKUP_NOT_FOUND;
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
        return TL_LOOKUP_NO_DATA;
    case EAI_AGAIN:
        return again_status(error);
    case EAI_MEMORY:
        return TL_LOOKUP_NO_MEMORY;
    case EAI_SYSTEM:
        return error == ENOMEM ? TL_LOOKUP_NO_MEMORY : again_status(error);
    default:
        return TL_LOOKUP_SERVER_FAILED;
    }
}

static void copy_list(tl_lookup *lookup, const struct addrinfo *list)
{
    const struct addrinfo *entry;
    size_t count = 0;
    for (entry = list; entry != NULL; entry = entry->ai_next)
        count++;
    tl_lookup_reserve(lookup, count);
    for (entry = list; entry != NULL; entry = entry->ai_next)
        tl_lookup_add(lookup, entry->ai_addr, entry->ai_addrlen);
}

static void look_up(tl_lookup *lookup)
{
    struct addrinfo hints = {.ai_family = lookup->family,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    errno = 0;
    int result = getaddrinfo(lookup->name, NULL, &hints, &list);
    lookup->status = lookup_status(result, errno);
    if (result == 0) {
        copy_list(lookup, list);
        freeaddrinfo(list);
    } else if (tl_lookup_is_localhost(lookup)) {
        tl_lookup_set_loopback(lookup);
    }
}

static void put_over(tl_resolver *r, tl_lookup *lookup)
{
    bool first = r->over.first == NULL;
    if (lookup->cancelled) {
        tl_lookup_free(lookup);
        first = true; /* to report that the thread is free again */
    } else {
        tl_lookups_put(&r->over, lookup);
    }
    /* a full pipe has been noticed already */
    if (first && write(r->pipe[1], "", 1) < 0)
        return;
}

static void release(tl_resolver *r)
{
    tl_lookups_free(&r->waiting);
    tl_lookups_free(&r->over);
    tl_lookup_free(r->told);
    for (int i = 0; i < 2; i++)
        if (r->pipe[i] >= 0)
            (void)close(r->pipe[i]);
    (void)pthread_cond_destroy(&r->work);
    (void)pthread_mutex_destroy(&r->lock);
    free(r);
}

/* One user less, with the lock held, which is released; the last one releases
   the resolver. */
static void leave(tl_resolver *r)
{
    bool last = --r->users == 0;
    (void)pthread_mutex_unlock(&r->lock);
    if (last)
        release(r);
}

/* Returns with the lock held, when the resolver is closing. */
static void serve(tl_resolver *r, worker *self)
{
    while (!r->closing) {
        tl_lookup *lookup = tl_lookups_take(&r->waiting);
        if (lookup == NULL) {
            (void)pthread_cond_wait(&r->work, &r->lock);
            continue;
        }
        self->running = lookup;
        (void)pthread_mutex_unlock(&r->lock);
        look_up(lookup);
        (void)pthread_mutex_lock(&r->lock);
        if (r->closing) { /* no caller waits for the thread */
            tl_lookup_free(lookup);
            return;
        }
        self->running = NULL;
        r->load--;
        put_over(r, lookup);
    }
}

static void *run(void *arg)
{
    worker *self = arg;
    tl_resolver *r = self->resolver;
    (void)pthread_mutex_lock(&r->lock);
    serve(r, self);
    leave(r);
    return NULL;
}

/* --- opening and closing ------------------------------------------------ */

/* With the lock held, or before there is any thread. Signals are for the loop's
   thread. */
static int start_thread(tl_resolver *r)
{
    worker *added = &r->workers[r->threads];
    added->resolver = r;
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&added->thread, NULL, run, added);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0) {
        r->threads++;
        r->users++;
    }
    return -error;
}

tl_resolver *tl_resolver_open(const char *servers, int32_t *error)
{
    *error = servers != NULL ? -ENOTSUP : 0;
    tl_resolver *r = *error ? NULL : calloc(1, sizeof *r);
    if (r == NULL) {
        *error = *error ? *error : -ENOMEM;
        return NULL;
    }
    (void)pthread_mutex_init(&r->lock, NULL);
    (void)pthread_cond_init(&r->work, NULL);
    r->pipe[0] = r->pipe[1] = -1;
    r->users = 1;
    if (pipe2(r->pipe, O_CLOEXEC | O_NONBLOCK) < 0) {
        *error = -errno;
    } else {
        (void)pthread_mutex_lock(&r->lock);
        *error = start_thread(r);
        (void)pthread_mutex_unlock(&r->lock);
    }
    if (*error) {
        release(r);
        return NULL;
    }
    return r;
}

/* A thread in getaddrinfo outlives the Lua state, so the library that contains
   its code must stay, too. In the program, where no library is found, the code
   stays anyway. */
static void pin_library(void)
{
    Dl_info info;
    if (dladdr((const void *)&lookup_status, &info) != 0)
        (void)dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

/* Threads that wait end at once, and are waited for, since their code may be
   unloaded next; nobody waits for those that are busy. */
void tl_resolver_close(tl_resolver *r)
{
    pthread_t ending[MOST_THREADS];
    int count = 0;
    (void)pthread_mutex_lock(&r->lock);
    r->closing = true;
    for (int i = 0; i < r->threads; i++)
        if (r->workers[i].running == NULL)
            ending[count++] = r->workers[i].thread;
        else
            (void)pthread_detach(r->workers[i].thread);
    if (count < r->threads)
        pin_library();
    (void)pthread_cond_broadcast(&r->work);
    (void)pthread_mutex_unlock(&r->lock);
    for (int i = 0; i < count; i++)
        (void)pthread_join(ending[i], NULL);
    (void)pthread_mutex_lock(&r->lock);
    leave(r);
}

/* --- lookups ------------------------------------------------------------ */

int tl_resolver_start(tl_resolver *r, const char *name, size_t length,
                      int family, uint32_t ticket)
{
    tl_lookup *lookup = tl_lookup_new(name, length, family, ticket);
    if (lookup == NULL)
        return -ENOMEM;
    (void)pthread_mutex_lock(&r->lock);
    tl_lookups_put(&r->waiting, lookup);
    if (++r->load > r->threads && r->threads < MOST_THREADS)
        (void)start_thread(r); /* without it, the others serve the queue */
    (void)pthread_cond_signal(&r->work);
    (void)pthread_mutex_unlock(&r->lock);
    return 0;
}

void tl_resolver_cancel(tl_resolver *r, uint32_t ticket)
{
    (void)pthread_mutex_lock(&r->lock);
    for (int i = 0; i < r->threads; i++) {
        tl_lookup *running = r->workers[i].running;
        if (running != NULL && running->ticket == ticket)
            running->cancelled = true;
    }
    tl_lookup *waiting = tl_lookups_remove(&r->waiting, ticket);
    if (waiting != NULL)
        r->load--;
    tl_lookup_free(waiting);
    tl_lookup_free(tl_lookups_remove(&r->over, ticket));
    (void)pthread_mutex_unlock(&r->lock);
}

int tl_resolver_next(tl_resolver *r, tl_lookup_result *result)
{
    tl_lookup_free(r->told);
    (void)pthread_mutex_lock(&r->lock);
    r->told = tl_lookups_take(&r->over);
    (void)pthread_mutex_unlock(&r->lock);
    if (r->told == NULL)
        return 0;
    tl_lookup_tell(r->told, result);
    return 1;
}

/* --- driving ------------------------------------------------------------ */

int tl_resolver_next_change(tl_resolver *r, tl_resolver_change *change)
{
    if (r->watched)
        return 0;
    r->watched = true;
    *change = (tl_resolver_change){.fd = r->pipe[0], .interest = TL_READ};
    return 1;
}

double tl_resolver_timeout(tl_resolver *r)
{
    (void)r;
    return -1;
}

void tl_resolver_process(tl_resolver *r, int fd, int ready)
{
    char bytes[64];
    if (fd < 0 || !(ready & TL_READ))
        return;
    while (read(fd, bytes, sizeof bytes) > 0)
        continue;
    (void)r;
}

int tl_resolver_is_stuck(tl_resolver *r)
{
    (void)pthread_mutex_lock(&r->lock);
    bool stuck = false;
    for (int i = 0; i < r->threads; i++)
        stuck = stuck || r->workers[i].running != NULL;
    (void)pthread_mutex_unlock(&r->lock);
    return stuck;
}
