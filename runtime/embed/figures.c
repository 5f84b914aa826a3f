/* Figures of a runtime: tl_stats in timerlua.h. */
#include <string.h>

#include "embed/runtime.h"

int tl_stats(tl_runtime *runtime, tl_runtime_stats *stats, size_t size)
{
    int error = tl__runtime_check(runtime);
    if (error)
        return error;
    const tl_loop *loop = runtime->loop;
    tl_loop_stats of_loop;
    tl_loop_stats_get(runtime->loop, &of_loop);
    const tl_runtime_stats all = {
        .turns = loop->turns,
        .fired = loop->fired,
        .errors = (uint64_t)loop->shared.errors,
        .posts = runtime->posts.handled,
        .refused = __atomic_load_n(&runtime->posts.refused, __ATOMIC_RELAXED),
        .slow = runtime->d->slow,
        .timers = loop->handles.counts[TL_GROUP_TIMERS],
        .descriptors = loop->handles.counts[TL_GROUP_DESCRIPTORS],
        .tasks = loop->handles.counts[TL_GROUP_TASKS],
        .lua_bytes = (uint64_t)lua_gc(runtime->L, LUA_GCCOUNT, 0) * 1024 +
                     (uint64_t)lua_gc(runtime->L, LUA_GCCOUNTB, 0),
        .core_bytes = (uint64_t)of_loop.bytes + runtime->d->natives.bytes +
                      runtime->posts.ring.capacity + sizeof *runtime,
        .status = runtime->status,
    };
    if (size > sizeof all || stats == NULL)
        return tl__runtime_fail(runtime, -EINVAL, "tl_stats: no such figures");
    memcpy(stats, &all, size);
    return 0;
}
