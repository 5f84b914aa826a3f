/* The dispatcher: runs each event's callback in a coroutine. */
#ifndef TL_DISPATCH_H
#define TL_DISPATCH_H

#include <lua.h>
#include <stdbool.h>

#include "state.h"

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
    uint32_t pages_reclaimed;
    bool running;
    bool hosted;        /* the host closes the loop, after the state */
    bool guards_output; /* tell Lua when standard output is lost */
} tl_dispatcher;

/* The dispatcher of a state that has loaded timerlua.core, or NULL. */
tl_dispatcher *tl_dispatcher_of(lua_State *L);
/* core.run(): turns until nothing is left to wait for, or a callback ends the
   run through the shared flags. Pushes whether it was the former. */
int tl_dispatch_run(lua_State *L);

#endif
