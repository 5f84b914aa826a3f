/* Coroutines: the script's functions run in them, so that each may wait. */
#ifndef TL_COROUTINES_H
#define TL_COROUTINES_H

#include "lua/state.h"

/* Push onto the idle coroutine the target at the top of L, perhaps bound, with
   the object at index obj as its first argument (0: none). Returns the number
   of arguments. */
int tl__push_target(tl_dispatcher *d, lua_State *L, int obj);
/* Run the function that the idle coroutine holds with nargs arguments, as a
   callback of this handle; obj is the index of its object in L. False if the
   callback is not over: it waits, or has become a task. */
bool tl__call(tl_dispatcher *d, lua_State *L, tl_id id, int obj, int nargs);
/* The same for a task: Lua says when it is over. */
void tl__call_task(tl_dispatcher *d, lua_State *L, tl_id id, int obj,
                   int nargs);
/* Resume a wait: its target is on top of L, perhaps bound; its object below. */
void tl__resume(tl_dispatcher *d, lua_State *L, const tl_event *event);
/* Resume the waiter with count strings, perhaps none; its handle ends. */
void tl__wake_with(tl_dispatcher *d, lua_State *L, tl_id waiter,
                   const tl_view *views, int count);

/* Run the function that the idle coroutine holds with nargs arguments for the
   host: 0 when the function has returned, with its results from 1 on. Needs
   neither memory nor protection. Then, protected, settle the outcome: 0;
   LUA_YIELD: the function waits and goes on as a task; otherwise L has the
   error value and a traceback on top. If enter returned 0 and nothing was
   adopted, emptying the coroutine will do instead. */
int tl__enter_for_host(tl_dispatcher *d, int nargs);
int tl__settle_for_host(tl_dispatcher *d, lua_State *L, int status);

/* --- between coroutines.c and hooks.c ------------------------------------ */

/* The next coroutine to be resumed belongs to this handle, {0} for none;
   adopted: the coroutine is a task, so Lua says when it is over. */
void tl__coroutine_begin(tl_dispatcher *d, tl_id id, bool adopted);
/* Resume the coroutine; returns the result of lua_resume. */
int tl__coroutine_enter(tl_dispatcher *d, lua_State *co, int nargs);
/* Whether the values that the coroutine yielded are the token of a wait. */
bool tl__coroutine_waits(tl_dispatcher *d, lua_State *co);
/* The idle coroutine has been put to use: anchor another. */
void tl__coroutine_replace(tl_dispatcher *d, lua_State *L);
/* The coroutine on the top of L is over, or has failed (status, with the error
   value on its own top): tell Lua. Pops it. obj_index: the handle's object. */
void tl__coroutine_finish(tl_dispatcher *d, lua_State *L, int obj_index,
                          int status);

#endif
