/* The time that a callback of the script may take, tl_config.max_callback_ns in
   timerlua.h. A hook looks at the clock after every ten instructions at first,
   up to every hundred while they are quick, and every one if they are slow; in
   a callback that has taken longer it raises an error, and then again at every
   instruction until the callback has ended, so that no pcall keeps the error.
   Interpreted code only: compiled code calls no hooks.

   The hook is set all the time, because only the thread that runs a state may
   set it: lua_sethook(3) writes LuaJIT's dispatch table, which that thread may
   be writing, too (LuaJIT's issues 1012 and 1460). Measured, interpreted code
   takes 1.1 to 1.5 times as long with it. */
#ifndef TL_TIME_LIMIT_H
#define TL_TIME_LIMIT_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct tl_time_limit {
    lua_State *L;
    int64_t limit_ns;  /* 0: none */
    int64_t began_ns;  /* of the callback that runs; 0 for none */
    int64_t looked_ns; /* the last look at the clock, or began_ns */
    int count; /* instructions between two looks; 0 before the hook is set */
} tl_time_limit;

/* Begin to limit callbacks. */
void tl__time_limit_open(tl_time_limit *limit, lua_State *L, int64_t limit_ns);
/* Before the state ends. */
void tl__time_limit_close(tl_time_limit *limit);
/* A callback begins, or has ended. */
void tl__time_limit_note(tl_time_limit *limit, bool begins);

#endif
