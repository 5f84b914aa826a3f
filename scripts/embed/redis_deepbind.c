/* Loads a Redis module, its first argument, whose own libraries come before
   redis-server's: that exports the functions of the Lua inside it, which have
   the same names as LuaJIT's, and loads modules without RTLD_DEEPBIND. The
   other arguments are the module's. See redis_module.c. */
#include <dlfcn.h>
#include <stddef.h>

struct RedisModuleCtx;
struct RedisModuleString;
typedef int on_load(struct RedisModuleCtx *, struct RedisModuleString **, int);
typedef int get_api(const char *name, void *function);

int RedisModule_OnLoad(struct RedisModuleCtx *ctx,
                       struct RedisModuleString **argv, int argc)
{
    const char *(*text)(const struct RedisModuleString *, size_t *length);
    if (argc < 1 || (*(get_api **)ctx)("RedisModule_StringPtrLen", &text) != 0)
        return 1;
    void *module =
        dlopen(text(argv[0], NULL), RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    on_load *load = NULL;
    if (module != NULL)
        *(void **)&load = dlsym(module, "RedisModule_OnLoad");
    return load != NULL ? load(ctx, argv + 1, argc - 1) : 1;
}
