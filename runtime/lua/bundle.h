/* The bundle: the Lua modules inside the program or library, for require. */
#ifndef TL_BUNDLE_H
#define TL_BUNDLE_H

#include <lua.h>

/* Make require find the modules, and timerlua.core, in a state with its
   standard libraries. Raises an error if memory runs out. */
void tl_bundle_preload(lua_State *L);
/* The version of these modules: "0.1.0". */
const char *tl_bundle_version(void);

#endif
