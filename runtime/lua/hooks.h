/* Hooks: functions of Lua's that the core calls, core.hooks by name; and what
   is told where there are none, to the program that embeds the loop. */
#ifndef TL_HOOKS_H
#define TL_HOOKS_H

#include "lua/state.h"

/* Lua functions that are called; core.hooks has them by these names. */
enum {
    TL_HOOK_FINISH,
    TL_HOOK_SIGNAL,
    TL_HOOK_JUMP,
    TL_HOOK_IDLE,
    TL_HOOK_OUTPUT,
    TL_HOOK_POST,
    TL_HOOK_RAISED,
    TL_HOOK_BROKEN,
    TL_HOOKS
};

/* Push a table with false for each hook: nobody has taken it yet. */
void tl__push_hooks(lua_State *L);

/* Tell the program that embeds the loop; on standard error when there is
   none. */
void tl__tell(tl_dispatcher *d, int what, const char *text, size_t length);
/* Call a hook, in a coroutine so that it may wait, with the nargs values on
   the top of L; pops them. */
void tl__call_hook(tl_dispatcher *d, lua_State *L, int hook, int nargs);
/* Tell Lua of what finalizers raised meanwhile: between two callbacks. */
void tl__tell_raised(tl_dispatcher *d, lua_State *L);

#endif
