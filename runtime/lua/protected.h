/* Finalizers of the script: wherever memory is requested, the collector may
   run, and with it a __gc, whose error LuaJIT raises right there. Halfway
   through an event, that error would lose the event; so the dispatcher makes
   its requests protected, keeps a raised error, and repeats the request: a
   finalizer runs once, so the repeats come to an end. Newer LuaJIT, as of
   Debian 13, raises no such error: it has an event, "errfin", for each, which
   by default prints the error. There the error is taken from the event and kept
   in the same way. */
#ifndef TL_PROTECTED_H
#define TL_PROTECTED_H

#include "lua/state.h"

/* Prepare for the functions below: once, where errors may still be raised. */
void tl__protected_init(tl_dispatcher *d, lua_State *L);
/* The state is about to end, where newer LuaJIT still reports errors: report
   the kept errors, and later ones at once and without Lua. */
void tl__protected_close(tl_dispatcher *d, lua_State *L);
/* Push the result of a request, TL_ASK_...; raises only out of memory. */
void tl__ask(tl_dispatcher *d, lua_State *L, int what);
void tl__push_bytes(tl_dispatcher *d, lua_State *L, const char *bytes,
                    size_t length);
void tl__push_traceback(tl_dispatcher *d, lua_State *L, lua_State *co);
void tl__collect(tl_dispatcher *d, lua_State *L);
/* Collect garbage when d->collect says so and the coroutine is no longer
   held. */
void tl__collect_after(tl_dispatcher *d, lua_State *L);
/* Where a finalizer raises an error while compiled code is left, LuaJIT 2.1
   itself crashes, as plain luajit shows. A script that has done so once is
   interpreted from then on. */
void tl__stop_compiling(lua_State *L);

#endif
