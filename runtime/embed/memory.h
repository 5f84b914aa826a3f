/* Memory: what the Lua state of a host's runtime may use, tl_config.max_memory
   in timerlua.h. LuaJIT's own allocator stays beneath, and returns its memory
   to the system as a whole at the state's end. */
#ifndef TL_MEMORY_H
#define TL_MEMORY_H

#include <lua.h>
#include <stdbool.h>

#include "lua/state.h"

typedef struct tl_memory {
    lua_Alloc allocate; /* LuaJIT's own */
    void *arena;
    lua_State *L;
    const tl_dispatcher *d; /* tells what runs */
    size_t used, limit;
    bool loading; /* the script is being loaded */
    bool closing; /* the state is being closed */
} tl_memory;

/* Have a state use no more than limit bytes from now on; 0 for as much as it
   likes. Its dispatcher is d. */
void tl__memory_limit(tl_memory *memory, lua_State *L, const tl_dispatcher *d,
                      size_t limit);

#endif
