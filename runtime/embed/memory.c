/* Memory: see memory.h. */
#include "embed/memory.h"

#include <stdint.h>

enum {
    RESERVE = 256 * 1024, /* for reporting that memory is used up */
    SMALL = 4096          /* the most that the dispatcher takes at a time */
};

static size_t add(size_t a, size_t b)
{
    return a < SIZE_MAX - b ? a + b : SIZE_MAX;
}

/* The limit is for the script. The dispatcher's own needs, mostly a few hundred
   bytes for a coroutine, are met beyond the limit, so that no event is lost
   halfway; but only up to a bound, since finalizers and __tostring may run
   there. */
static size_t limit_now(const tl_memory *memory, size_t wanted)
{
    const tl_dispatcher *d = memory->d;
    size_t limit = memory->limit;
    if (d->bare)
        return SIZE_MAX; /* there is no script, and the modules are loaded */
    if (!d->in_hook && (memory->loading || d->current != NULL))
        return limit;
    if (!d->in_hook && !memory->closing && wanted <= SMALL)
        limit = add(limit, limit / 2);
    return add(limit, RESERVE);
}

/* The last step of closing a state is to return its memory to LuaJIT's own
   allocator. Finalizers have run by the time the dispatcher's memory is
   released, which the registry holds until then. */
static bool is_over(const tl_memory *memory, const void *block, size_t old)
{
    const char *first = block, *d = (const void *)memory->d;
    return memory->closing && first != NULL && d >= first && d < first + old;
}

static void *allocate(void *data, void *block, size_t old, size_t size)
{
    tl_memory *memory = data;
    if (size > old) {
        size_t limit = limit_now(memory, size - old);
        if (memory->used > limit || size - old > limit - memory->used)
            return NULL;
    }
    if (size == 0 && is_over(memory, block, old))
        lua_setallocf(memory->L, memory->allocate, memory->arena);
    void *result = memory->allocate(memory->arena, block, old, size);
    if (result != NULL || size == 0)
        memory->used = memory->used + size - old;
    return result;
}

void tl__memory_limit(tl_memory *memory, lua_State *L, const tl_dispatcher *d,
                      size_t limit)
{
    if (limit == 0)
        return;
    memory->allocate = lua_getallocf(L, &memory->arena);
    memory->L = L;
    memory->d = d;
    memory->limit = limit;
    memory->used = (size_t)lua_gc(L, LUA_GCCOUNT, 0) * 1024;
    lua_setallocf(L, allocate, memory);
    /* begin to collect again at once, since garbage counts */
    (void)lua_gc(L, LUA_GCSETPAUSE, 100);
    (void)lua_gc(L, LUA_GCSETSTEPMUL, 400);
}
