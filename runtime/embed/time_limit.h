/* The time that a callback of the script may take, tl_config.max_callback_ns in
   timerlua.h. A thread waits for that time to pass; then it sets a hook, which
   raises an error in the callback, at every instruction until the callback has
   ended, so that no pcall keeps it. Interpreted code only: compiled code calls
   no hooks. */
#ifndef TL_TIME_LIMIT_H
#define TL_TIME_LIMIT_H

#include <lua.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct tl_time_limit {
    lua_State *L;
    int64_t limit_ns;         /* 0: none, and no thread */
    _Atomic int64_t began_ns; /* of the callback that runs; 0 for none */
    atomic_bool resting;      /* the thread waits for a callback to begin */
    pthread_mutex_t mutex;
    pthread_cond_t news;
    bool ending;
    pthread_t thread;
} tl_time_limit;

/* Begin to limit callbacks. -EAGAIN: there can be no thread. */
int tl__time_limit_open(tl_time_limit *limit, lua_State *L, int64_t limit_ns);
/* Before the state ends. In a forked process the thread does not exist. */
void tl__time_limit_close(tl_time_limit *limit, bool forked);
/* A callback begins, or has ended. */
void tl__time_limit_note(tl_time_limit *limit, bool begins);

#endif
