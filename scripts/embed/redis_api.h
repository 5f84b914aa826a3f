/* The part of Redis's module API that redis_module.c uses, for there is no
   package of redismodule.h. Names, types and numbers are those of the modules
   API reference (redis.io, "Modules API reference", Redis 7.0); a module gets
   the functions by name from RedisModule_GetApi, whose address stands first in
   the context that RedisModule_OnLoad is given. */
#ifndef REDIS_API_H
#define REDIS_API_H

#include <stddef.h>

typedef struct RedisModuleCtx RedisModuleCtx;
typedef struct RedisModuleString RedisModuleString;
typedef struct RedisModuleCallReply RedisModuleCallReply;
typedef void RedisModuleEventLoopFunc(int fd, void *data, int mask);

enum { REDISMODULE_OK = 0, REDISMODULE_ERR = 1, REDISMODULE_APIVER_1 = 1 };
enum { REDISMODULE_EVENTLOOP_READABLE = 1 };
enum {
    REDISMODULE_REPLY_STRING = 0,
    REDISMODULE_REPLY_ERROR = 1,
    REDISMODULE_REPLY_INTEGER = 2
};

#define REDIS_API(function)                                                    \
    function(void, SetModuleAttribs,                                           \
             (RedisModuleCtx *, const char *name, int version,                 \
              int api)) function(RedisModuleCtx *,                             \
                                 GetDetachedThreadSafeContext,                 \
                                 (RedisModuleCtx *))                           \
        function(int, EventLoopAdd,                                            \
                 (int fd, int mask, RedisModuleEventLoopFunc *, void *data))   \
            function(int, EventLoopDel, (int fd, int mask)) function(          \
                void, Log,                                                     \
                (RedisModuleCtx *, const char *level, const char *format,      \
                 ...))                                                         \
                function(RedisModuleString *, CreateString,                    \
                         (RedisModuleCtx *, const char *bytes, size_t length)) \
                    function(void, FreeString,                                 \
                             (RedisModuleCtx *, RedisModuleString *))          \
                        function(const char *, StringPtrLen,                   \
                                 (const RedisModuleString *, size_t *length))  \
                            function(RedisModuleCallReply *, Call,             \
                                     (RedisModuleCtx *, const char *command,   \
                                      const char *format,                      \
                                      ...)) function(int, CallReplyType,       \
                                                     (RedisModuleCallReply *)) \
                                function(long long, CallReplyInteger,          \
                                         (RedisModuleCallReply *))             \
                                    function(const char *, CallReplyStringPtr, \
                                             (RedisModuleCallReply *,          \
                                              size_t * length))                \
                                        function(void, FreeCallReply,          \
                                                 (RedisModuleCallReply *))

#define DECLARE_API(result, name, parameters)                                  \
    static result(*RedisModule_##name) parameters;
REDIS_API(DECLARE_API)

typedef int redis_get_api(const char *name, void *function);

/* Find them; how many this Redis does not have. */
static inline int redis_find_api(RedisModuleCtx *context)
{
    redis_get_api *get = *(redis_get_api **)context;
    int missing = 0;
#define FIND_API(result, name, parameters)                                     \
    missing += get("RedisModule_" #name, &RedisModule_##name) != REDISMODULE_OK;
    REDIS_API(FIND_API)
    return missing;
}

#endif
