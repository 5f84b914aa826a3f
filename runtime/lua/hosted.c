/* Hosted: see hosted.h. */
#include "lua/hosted.h"

#include <stdio.h>
#include <string.h>

#include "loop/kinds.h"
#include "loop/posts.h"
#include "lua/anchors.h"
#include "lua/hooks.h"
#include "lua/protected.h"

bool tl__hosted_event(tl_dispatcher *d, const tl_event *event)
{
    tl_native *found = tl_natives_find(&d->natives, event->id);
    if (found == NULL)
        return false;
    tl_native native = *found; /* the handle may be cancelled, and its page
                                  given back */
    native.run(d->runtime, event->id, &native, event->ready);
    return true;
}

static void run_post(tl_dispatcher *d, lua_State *L, const tl_record *record)
{
    if (record->kind == TL_POST_FUNCTION) {
        tl_post_call call;
        memcpy(&call, record->first, sizeof call);
        tl_ring_drop(&d->posts->ring);
        call.function(d->runtime, call.argument);
        return;
    }
    tl__push_bytes(d, L, record->first, record->first_length);
    tl__push_bytes(d, L, record->second, record->second_length);
    tl_ring_drop(&d->posts->ring);
    if (d->bare) {
        static const char text[] = "an event was posted, but no script runs";
        tl__tell(d, TL_TELL_OF_ERROR, text, sizeof text - 1);
        lua_pop(L, 2);
        return;
    }
    tl__call_hook(d, L, TL_HOOK_POST, 2);
}

void tl__hosted_posts(tl_dispatcher *d, lua_State *L)
{
    tl__posts_listen(d->posts);
    uint64_t mark = tl_ring_mark(&d->posts->ring);
    tl_record record;
    const tl_shared *shared = &d->loop->shared;
    while (!shared->interrupt && !shared->stopped &&
           tl_ring_next(&d->posts->ring, mark, &record)) {
        int64_t began_ns =
            d->warn_ns > 0 ? tl_clock_kernel_ns(TL_MONOTONIC) : 0;
        d->posts->handled++;
        run_post(d, L, &record);
        if (d->warn_ns > 0)
            tl__hosted_over(d, began_ns, "a post");
        if (tl__hosted_late(d))
            break;
    }
    tl_ring_give_back(&d->posts->ring);
}

/* Where a task that waits is, in the script's code. */
static void find_script(lua_State *co, lua_Debug *info)
{
    for (int level = 0; lua_getstack(co, level, info); level++) {
        (void)lua_getinfo(co, "Sl", info);
        info->linedefined = info->currentline;
        if (info->currentline > 0 &&
            strncmp(info->short_src, "[timerlua]", 10) != 0)
            return;
    }
}

void tl__hosted_name(tl_dispatcher *d, lua_State *L, const tl_event *event,
                     int kind, char *text, size_t size)
{
    int top = lua_gettop(L);
    lua_Debug info = {0};
    const char *noun = d->loop->kinds[kind]->noun;
    if (tl_natives_find(&d->natives, event->id) != NULL) {
        (void)snprintf(text, size, "a %s of C", noun);
        return;
    }
    if (tl__push_anchor(L, event->id.slot)) {
        if (lua_istable(L, -1))
            lua_rawgeti(L, -1, 1);
        if (lua_isfunction(L, -1)) {
            lua_pushvalue(L, -1);
            (void)lua_getinfo(L, ">S", &info);
        } else if (lua_isthread(L, -1)) {
            find_script(lua_tothread(L, -1), &info);
        }
    }
    (void)snprintf(text, size, info.linedefined > 0 ? "a %s (%s:%d)" : "a %s",
                   noun, info.short_src, info.linedefined);
    lua_settop(L, top);
}

void tl__hosted_over(tl_dispatcher *d, int64_t began_ns, const char *what)
{
    int64_t took_ns = tl_clock_kernel_ns(TL_MONOTONIC) - began_ns;
    if (took_ns <= d->warn_ns)
        return;
    d->slow++;
    char text[256];
    int length = snprintf(text, sizeof text, "%s took %.3f ms", what,
                          (double)took_ns / 1e6);
    tl__tell(d, TL_TELL_OF_SLOWNESS, text, (size_t)length);
}
