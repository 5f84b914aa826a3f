/* Memory: the amount that the Lua state of a host's runtime may use,
   tl_config.max_memory in timerlua.h. LuaJIT's own allocator stays underneath,
   and returns all its memory to the system when the state ends. */
#ifndef TL_MEMORY_H
#define TL_MEMORY_H

#include <lua.h>
#include <stdbool.h>

#include "lua/state.h"

typedef struct tl_memory {
    lua_Alloc allocate; /* LuaJIT's own */
    void *arena;
    lua_State *L;
    const tl_dispatcher *d; /* knows what is running */
    size_t used, limit;
    bool loading; /* the script is being loaded */
    bool closing; /* the state is being closed */
} tl_memory;

/* Limit a state to limit bytes from now on; 0 for no limit. The state's
   dispatcher is d. */
void tl__memory_limit(tl_memory *memory, lua_State *L, const tl_dispatcher *d,
                      size_t limit);

#endif
