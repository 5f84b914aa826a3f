/* Finalizers of the script: where memory is asked for the collector may run,
   and with it a __gc, whose error LuaJIT raises right there. Half-way between
   an event and its end that would lose the event, so the dispatcher asks
   protected, keeps what was raised, and asks again: a finalizer runs once, so
   there is an end to it. Newer LuaJIT, as of Debian 13, raises none of them: it
   has an event, "errfin", for each, which by default prints it. There it is
   taken from the event and kept in the same way. */
#ifndef TL_PROTECTED_H
#define TL_PROTECTED_H

#include "lua/state.h"

/* Prepare for what follows: once, where errors may still be raised. */
void tl__protected_init(tl_dispatcher *d, lua_State *L);
/* The state is about to end, where newer LuaJIT still tells of errors: tell of
   what is kept, and of what comes, at once and without Lua. */
void tl__protected_close(tl_dispatcher *d, lua_State *L);
/* Push what is asked for, TL_ASK_...; out of memory is raised. */
void tl__ask(tl_dispatcher *d, lua_State *L, int what);
void tl__push_bytes(tl_dispatcher *d, lua_State *L, const char *bytes,
                    size_t length);
void tl__push_traceback(tl_dispatcher *d, lua_State *L, lua_State *co);
void tl__collect(tl_dispatcher *d, lua_State *L);
/* When d->collect says so and nothing holds the coroutine any more. */
void tl__collect_after(tl_dispatcher *d, lua_State *L);
/* Where a finalizer raises an error while compiled code is left, LuaJIT 2.1
   itself crashes, as plain luajit shows. A script that has done so once is
   interpreted from then on. */
void tl__stop_compiling(lua_State *L);

#endif
