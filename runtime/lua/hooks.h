/* Hooks: Lua functions that the core calls, core.hooks by name; and, where
   there are none, reports to the program that embeds the loop. */
#ifndef TL_HOOKS_H
#define TL_HOOKS_H

#include "lua/state.h"

/* The Lua functions that are called; core.hooks has them by these names. */
enum {
    TL_HOOK_FINISH,
    TL_HOOK_SIGNAL,
    TL_HOOK_JUMP,
    TL_HOOK_IDLE,
    TL_HOOK_DONE,
    TL_HOOK_OUTPUT,
    TL_HOOK_POST,
    TL_HOOK_RAISED,
    TL_HOOK_BROKEN,
    TL_HOOKS
};

/* Push a table with false for each hook: no hook has been set yet. */
void tl__push_hooks(lua_State *L);

/* Report to the program that embeds the loop, or on standard error if there is
   no such program. */
void tl__tell(tl_dispatcher *d, int what, const char *text, size_t length);
/* Call a hook, in a coroutine so that the hook may wait, with the nargs values
   on the top of L; pops them. */
void tl__call_hook(tl_dispatcher *d, lua_State *L, int hook, int nargs);
/* Report to Lua the errors that finalizers raised meanwhile: between two
   callbacks. */
void tl__tell_raised(tl_dispatcher *d, lua_State *L);

#endif
