/* Callbacks: the script's functions, run in coroutines.

   What a handle runs is anchored in pages that mirror the handles' own:
   anchors[page][2i+1] what to run, anchors[page][2i+2] its object. To run is
   a function, a suspended coroutine, or a bound call: a table with either at
   [1], its arguments from [2] on, and the index of the last at [0]; for a
   flowing connection, a table of functions by TL_TELL_... */
#ifndef TL_CALLBACKS_H
#define TL_CALLBACKS_H

#include <lua.h>
#include <stdbool.h>

#include "natives.h"
#include "state.h"

struct tl_posts;

/* What a program that embeds the loop is told. */
enum { TL_TELL_OF_ERROR, TL_TELL_OF_LOG, TL_TELL_OF_SLOWNESS };

/* What the dispatcher needs memory for. */
enum {
    TL_ASK_THREAD,
    TL_ASK_STRING,
    TL_ASK_TRACEBACK,
    TL_ASK_COLLECT,
    TL_ASKS
};

typedef struct tl_dispatcher {
    tl_loop *loop;
    lua_State *idle;    /* the coroutine for the next callback, anchored */
    lua_State *current; /* the one resumed last, NULL between callbacks */
    int idle_ref;
    int anchors_ref;
    int spares_ref; /* array of idle coroutines */
    int spares;
    int ready_ref; /* texts of readiness, "rw" and so on */
    int hooks_ref; /* Lua functions: finish, signal, jump, idle, output */
    int asks_ref[TL_ASKS]; /* see tl__ask */
    int turns_ref;
    int raised_ref; /* array of what finalizers raised, to be told */
    int raised;
    uint32_t unkept; /* ... and how many were too many to be kept */
    bool closing;    /* nothing is kept any more: there is no later */
    tl_view asked;   /* the bytes of a string, or ... */
    lua_State *asked_of;
    uint32_t pages_reclaimed;
    bool running;
    bool hosted;        /* the host closes the loop, after the state */
    bool guards_output; /* tell Lua when standard output is lost */

    /* what follows is for a program that embeds the loop, see hosted.h */
    tl_runtime *runtime; /* NULL when there is none */
    void (*tell)(tl_runtime *runtime, int what, const char *text,
                 size_t length);
    struct tl_posts *posts;
    tl_natives natives;
    bool bare;            /* the Lua modules are not loaded */
    bool collect;         /* memory has run out: what used it is garbage */
    bool in_hook;         /* it may use memory that is kept for it */
    int64_t warn_ns;      /* a callback longer than this is told of; 0: none */
    int64_t step_ends_ns; /* nothing begins after this; 0: no such time */
    uint64_t slow;
    int stop_reason; /* of a stop while bare */
} tl_dispatcher;

/* Index of the table of anchors, in the state that runs the loop. */
enum { TL_ANCHORS_INDEX = 1 };

/* Lua functions in core.hooks. */
enum {
    TL_HOOK_FINISH,
    TL_HOOK_SIGNAL,
    TL_HOOK_JUMP,
    TL_HOOK_IDLE,
    TL_HOOK_OUTPUT,
    TL_HOOK_POST,
    TL_HOOK_RAISED,
    TL_HOOK_BROKEN
};

/* The dispatcher of a state that has loaded timerlua.core, or NULL. */
tl_dispatcher *tl_dispatcher_of(lua_State *L);

/* Where a page of anchors has what a slot runs; its object is behind it. */
int tl__what_index(uint32_t slot);
/* Push the object of a handle, and what it runs; false when it has neither. */
bool tl__push_anchor(lua_State *L, uint32_t slot);
void tl__forget_anchor(lua_State *L, uint32_t slot);

/* Tell the program that embeds the loop; on standard error when there is
   none. */
void tl__tell(tl_dispatcher *d, int what, const char *text, size_t length);
/* Tell Lua of what finalizers raised meanwhile: between two callbacks. */
void tl__tell_raised(tl_dispatcher *d, lua_State *L);
/* When d->collect says so and nothing holds the coroutine any more. */
void tl__collect_after(tl_dispatcher *d, lua_State *L);
/* Call a hook, in a coroutine so that it may wait, with the nargs values on
   the top of L; pops them. */
void tl__call_hook(tl_dispatcher *d, lua_State *L, int hook, int nargs);
/* Run the function that the idle coroutine has with nargs arguments for the
   host: 0 when it has returned, its results from 1 on. Needs neither memory nor
   protection. Then, protected, settle what came of it: 0; LUA_YIELD: it waits,
   and goes on as a task; else L has the error value and a traceback on top.
   Where enter gave 0 and nothing was adopted, emptying the coroutine will do
   instead. */
int tl__enter_for_host(tl_dispatcher *d, int nargs);
int tl__settle_for_host(tl_dispatcher *d, lua_State *L, int status);
/* Start a callback: L has its object, and on top of it what to run. */
void tl__start(tl_dispatcher *d, lua_State *L, const tl_event *event, int kind);
/* Run the function that the idle coroutine has with nargs arguments, as a
   callback of this handle; obj is the index of its object in L. */
void tl__call(tl_dispatcher *d, lua_State *L, tl_id id, int kind, int obj,
              int nargs);
/* Resume what waited: it is on top of L, maybe bound; its object below it. */
void tl__resume(tl_dispatcher *d, lua_State *L, const tl_event *event);
/* Whether what waits at this handle has not been woken with values yet. */
bool tl__takes_values(lua_State *L, tl_id waiter);
/* Resume what waits there, with count strings, maybe none; the handle ends. */
void tl__wake_with(tl_dispatcher *d, lua_State *L, tl_id waiter,
                   const tl_view *views, int count);

#endif
