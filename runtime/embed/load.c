/* Loading a script into a runtime: see timerlua.h. */
#include <fcntl.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lua/anchors.h"
#include "lua/dispatch.h"
#include "lua/hooks.h"
#include "lua/protected.h"
#include "lua/hosted.h"
#include "embed/runtime.h"
#include "loop/agenda.h"

typedef struct frame {
    const char *code;
    size_t length;
    const char *chunkname;
    int outcome;
} frame;

/* On top of L is a function of timerlua.embedding's and its nargs arguments:
   call it. */
static void call_embedding(const tl_runtime *rt, lua_State *L, const char *name,
                           int nargs, int results)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->embedding_ref);
    lua_getfield(L, -1, name);
    lua_remove(L, -2);
    lua_insert(L, -nargs - 1);
    lua_call(L, nargs, results);
}

/* Why the main task ended already, if it failed. */
static int outcome_of(tl_runtime *rt, lua_State *L)
{
    call_embedding(rt, L, "failure", 0, 1);
    const char *text = lua_tostring(L, -1);
    if (text == NULL)
        return 0;
    return tl__runtime_fail(rt, TL_ERAISED, "%s", text);
}

int tl__body_load(lua_State *L)
{
    tl_runtime *rt = tl__runtime_of(L);
    frame *f = rt->frame;
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->d->anchors_ref);
    bool binary = f->length > 0 && f->code[0] == LUA_SIGNATURE[0];
    if (binary && rt->config.flags & TL_NO_FFI) {
        f->outcome =
            tl__runtime_fail(rt, -ENOEXEC, "bytecode is not allowed here");
        return 0;
    }
    rt->memory.loading = true;
    int status = luaL_loadbuffer(L, f->code, f->length, f->chunkname);
    if (status != 0) {
        f->outcome =
            tl__runtime_fail(rt, status == LUA_ERRMEM ? -ENOMEM : -ENOEXEC,
                             "%s", lua_tostring(L, -1));
        return 0;
    }
    call_embedding(rt, L, "prepare", 1, 2);
    rt->memory.loading = false;
    tl_id id = {(uint32_t)lua_tonumber(L, -2), (uint32_t)lua_tonumber(L, -1)};
    lua_settop(L, TL_ANCHORS_INDEX);
    tl__dispatch_begin(rt->d, L, id, TL_TASK);
    tl__after_callback(rt->loop);
    if (rt->d->collect)
        tl__collect_after(rt->d, L);
    if (rt->d->raised > 0)
        tl__tell_raised(rt->d, L);
    f->outcome = outcome_of(rt, L);
    return 0;
}

int tl_load_string(tl_runtime *runtime, const char *code, size_t length,
                   const char *chunkname)
{
    int error = tl__runtime_check(runtime);
    if (error)
        return error;
    tl_runtime *rt = runtime;
    if (code == NULL && length > 0)
        return tl__runtime_fail(rt, -EINVAL, "tl_load_string: no code");
    if (tl__runtime_nested(rt))
        return tl__runtime_fail(rt, -EBUSY, "called inside a callback");
    frame f = {code != NULL ? code : "", length,
               chunkname != NULL ? chunkname : "=(tl_load_string)", 0};
    error = tl__runtime_modules(rt);
    int64_t began_ns = tl_clock_kernel_ns(TL_MONOTONIC);
    if (error == 0)
        error = tl__runtime_protected(rt, TL_BODY_LOAD, &f, NULL);
    rt->memory.loading = false;
    if (rt->d->warn_ns > 0)
        tl__hosted_over(rt->d, began_ns, "the main task, until it waited,");
    rt->told_done = false;
    if (error == 0)
        error = f.outcome;
    (void)tl__runtime_leave(rt); /* the next step reports its error, too */
    tl__runtime_changed(rt);
    return error;
}

/* --- files -------------------------------------------------------------- */

/* All of a file, zero-terminated, in *text; the caller frees it. */
static int read_all(int fd, char **text, size_t *length)
{
    size_t capacity = 4096, used = 0;
    char *bytes = malloc(capacity);
    while (bytes != NULL) {
        ssize_t got = read(fd, bytes + used, capacity - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            *text = bytes;
            *length = used;
            return got < 0 ? -errno : 0;
        }
        used += (size_t)got;
        if (used < capacity)
            continue;
        capacity *= 2;
        char *grown = realloc(bytes, capacity);
        if (grown == NULL)
            free(bytes);
        bytes = grown;
    }
    *text = NULL;
    return -ENOMEM;
}

/* A first line that begins with # is not Lua; its newline stays, so that lines
   keep their numbers. */
static size_t skip_first(const char *text, size_t length)
{
    if (length == 0 || text[0] != '#')
        return 0;
    const char *end = memchr(text, '\n', length);
    return end != NULL ? (size_t)(end - text) : length;
}

static int load_text(tl_runtime *rt, const char *path, const char *text,
                     size_t length)
{
    size_t size = strlen(path) + 2;
    char *name = malloc(size);
    if (name == NULL)
        return tl__runtime_fail(rt, -ENOMEM, "%s: %s", path,
                                tl_error_text(-ENOMEM));
    name[0] = '@';
    memcpy(name + 1, path, size - 1);
    size_t skipped = skip_first(text, length);
    int error = tl_load_string(rt, text + skipped, length - skipped, name);
    free(name);
    return error;
}

int tl_load_file(tl_runtime *runtime, const char *path)
{
    int error = tl__runtime_check(runtime);
    if (error)
        return error;
    if (path == NULL)
        return tl__runtime_fail(runtime, -EINVAL, "tl_load_file: no path");
    char *text = NULL;
    size_t length = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    error = fd < 0 ? -errno : read_all(fd, &text, &length);
    if (fd >= 0)
        (void)close(fd);
    if (error)
        (void)tl__runtime_fail(runtime, error, "%s: %s", path,
                               tl_error_text(error));
    else
        error = load_text(runtime, path, text, length);
    free(text);
    return error;
}
