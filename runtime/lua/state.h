/* The parts of a dispatcher: shared by the files of lua/. */
#ifndef TL_LUA_STATE_H
#define TL_LUA_STATE_H

#include <lua.h>
#include <stdbool.h>

#include "loop/state.h"
#include "store/natives.h"

struct tl_posts;

/* The dispatcher's requests that need memory. */
enum {
    TL_ASK_THREAD,
    TL_ASK_STRING,
    TL_ASK_TRACEBACK,
    TL_ASK_COLLECT,
    TL_ASKS
};

typedef struct tl_dispatcher tl_dispatcher;
typedef struct tl_kind_entry tl_kind_entry;

/* Handle an event; L has the anchors at TL_ANCHORS_INDEX. */
typedef void tl_delivery(tl_dispatcher *d, lua_State *L, const tl_event *event);

struct tl_dispatcher {
    tl_loop *loop;
    const tl_kind_entry *kinds; /* by number, deliver.h */
    lua_State *idle;    /* the coroutine for the next callback, anchored */
    lua_State *current; /* the coroutine resumed last, NULL between callbacks */
    int idle_ref;
    int anchors_ref;
    int spares_ref; /* array of idle coroutines */
    int spares;
    int ready_ref;         /* texts of readiness, "rw" and so on */
    int hooks_ref;         /* Lua functions by the names of TL_HOOK_... */
    int asks_ref[TL_ASKS]; /* see tl__ask */
    int turns_ref;
    int raised_ref; /* array of errors that finalizers raised, to be reported */
    int raised;
    uint32_t unkept; /* ... and the number of those that were too many to
                        keep */
    bool closing;    /* nothing is kept any more: there will be no later
                        report */
    tl_view asked;   /* the bytes of a string, or ... */
    lua_State *asked_of;
    uint32_t pages_reclaimed;
    bool running;
    bool hosted;        /* the host closes the loop, after the state */
    bool guards_output; /* notify Lua when standard output is lost */

    /* the fields below are for a program that embeds the loop, see hosted.h */
    tl_runtime *runtime; /* NULL if there is none */
    void (*tell)(tl_runtime *runtime, int what, const char *text,
                 size_t length);
    struct tl_posts *posts;
    tl_natives natives;
    bool bare;    /* the Lua modules are not loaded */
    bool collect; /* memory has run out: its last user is garbage */
    bool in_hook; /* the script may use memory that is kept for hooks */
    /* a coroutine is entered, or left; NULL: nobody cares */
    void (*entered)(tl_runtime *runtime, bool enters);
    int64_t warn_ns;      /* report callbacks longer than this; 0: none */
    int64_t step_ends_ns; /* nothing begins after this; 0: no such time */
    uint64_t slow;
    int stop_reason; /* of a stop while bare */
};

#endif
