/* The Lua module "timerlua.core", through which Lua reaches a loop. */
#ifndef TL_MODULE_H
#define TL_MODULE_H

#include <lua.h>

#include "abi.h"

/* The module's loader, found by name when the module is a shared library. */
__attribute__((visibility("default"))) int luaopen_timerlua_core(lua_State *L);
/* The dispatcher of a state, with a new loop if it has none; raises. */
struct tl_dispatcher *tl_module_open(lua_State *L);
/* The dispatcher of a state that has loaded the module, or NULL. */
struct tl_dispatcher *tl_dispatcher_of(lua_State *L);
/* The loop of a state that has loaded the module, or NULL. */
tl_loop *tl_module_loop(lua_State *L);
/* The state is about to be closed. */
void tl_module_closing(lua_State *L);

#endif
