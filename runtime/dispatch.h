/* The dispatcher: runs each event's callback in a coroutine, and is the Lua
   module "timerlua.core" through which Lua reaches the loop. */
#ifndef TL_DISPATCH_H
#define TL_DISPATCH_H

#include <lua.h>

#include "abi.h"

/* The module's loader; one loop for each lua_State. Visible to dlopen. */
__attribute__((visibility("default"))) int luaopen_timerlua_core(lua_State *L);
/* The loop of a state that has loaded the module. */
tl_loop *tl_dispatch_loop(lua_State *L);

#endif
