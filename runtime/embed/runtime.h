/* The inside of a runtime, for the files that implement timerlua.h. */
#ifndef TL_RUNTIME_H
#define TL_RUNTIME_H

#include <errno.h>
#include <lua.h>
#include <pthread.h>

#include "lua/state.h"
#include "loop/loop.h"
#include "embed/memory.h"
#include "embed/time_limit.h"
#include "loop/posts.h"
#include "timerlua.h"

/* C functions that are called protected; their closures are made at the start,
   so that calling a body needs no memory. */
enum {
    TL_BODY_STEP,
    TL_BODY_RUN,
    TL_BODY_MODULES,
    TL_BODY_LOAD,
    TL_BODY_CALL,
    TL_BODY_CALL_THEN,
    TL_BODY_ENDED,
    TL_BODIES
};

typedef struct tl_pending tl_pending; /* call_then.c */

/* Values of a call that has ended, while the host is told. */
typedef struct tl_outcome_values {
    lua_State *L; /* NULL for none */
    int first;    /* index */
} tl_outcome_values;

struct tl_runtime {
    lua_State *L;
    lua_State *runner; /* where everything runs; the host's stack is that of
                          L */
    tl_dispatcher *d;
    tl_loop *loop;
    pthread_t owner;
    tl_config config;
    tl_posts posts;
    tl_memory memory;
    tl_time_limit time_limit;
    int bodies[TL_BODIES]; /* in the registry */
    int embedding_ref;     /* the module timerlua.embedding */
    int cancelled_ref;     /* the metatable of a cancelled task's error */
    char named[64];        /* the global of the last tl_call */
    int named_ref;         /* ... as a Lua string */
    int results_ref;       /* strings that tl_call returned */
    tl_pending *pending;   /* calls whose results come later */
    tl_outcome_values results;
    bool calling;   /* inside tl_run or tl_step */
    bool ending;    /* tl_free runs finalizers */
    bool told_done; /* the host knows that nothing is left */
    int status;
    void *frame; /* of the body being called */
    char error[2048];
};

/* Keep a text for tl_error, and return the error. */
int tl__runtime_fail(tl_runtime *rt, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* 0 if the caller may use the runtime. */
static inline int tl__runtime_check(tl_runtime *rt)
{
    if (rt == NULL)
        return -EINVAL;
    if (!pthread_equal(rt->owner, pthread_self()))
        return TL_EWRONGTHREAD;
    if (rt->ending)
        return -ECANCELED;
    if (!tl_poller_forked(&rt->loop->poller))
        return 0;
    return tl__runtime_fail(rt, -ECHILD, "it is another process's");
}

/* Whether the call comes from inside a function of the script. */
static inline bool tl__runtime_nested(const tl_runtime *rt)
{
    return rt->d->current != NULL;
}

/* Whether the call comes from inside another use of the runtime. */
static inline bool tl__runtime_busy(const tl_runtime *rt)
{
    return rt->calling || rt->d->running || rt->frame != NULL ||
           tl__runtime_nested(rt);
}

/* Call a body with a frame of its own: 0; -ENOMEM or TL_ERAISED with a text
   kept. The body's value, if there is one, is *answer. */
int tl__runtime_protected(tl_runtime *rt, int body, void *frame, int *answer);
/* The runtime that a body is called for. */
tl_runtime *tl__runtime_of(lua_State *L);
/* Load the Lua modules unless they are loaded. */
int tl__runtime_modules(tl_runtime *rt);
/* The host waits from now on: make the descriptor report work to it. 1 if there
   is work already. That nothing is left is also reported, once. */
int tl__runtime_leave(tl_runtime *rt);
/* Something was begun or ended for the host outside a step. */
void tl__runtime_changed(tl_runtime *rt);

/* Push core.outcome, for timerlua.embedding. */
void tl__pending_open(tl_runtime *rt, lua_State *L);
/* The runtime ends: no call that goes on will have results. */
void tl__pending_cancel(tl_runtime *rt, bool telling);

/* --- bodies, each where its function of timerlua.h is ------------------- */

int tl__body_run(lua_State *L);
int tl__body_ended(lua_State *L);
int tl__body_load(lua_State *L);
int tl__body_call(lua_State *L);
int tl__body_call_then(lua_State *L);

#endif
