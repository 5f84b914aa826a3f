/* timerlua.h: exact timers, tasks and sockets, scripted in Lua, inside another
   program; timerlua(3), docs/embedding.md.

   A runtime is one Lua state and one loop, and belongs to the thread that
   made it. Several, each in its own thread, share nothing. The host either
   gives its thread away (tl_run), or keeps its own main loop: it waits until
   tl_fd is readable, beside whatever else it waits for, and calls tl_step.

   Functions that return int give 0 or more, or a negative errno or TL_E...;
   the text of the last failure is in tl_error. All but tl_stop, tl_post,
   tl_post_event and tl_version belong to the runtime's thread and answer
   TL_EWRONGTHREAD elsewhere; after a fork(2) the child is answered -ECHILD by
   all of them, and only tl_free does anything. Where NULL is given for a
   runtime they answer -EINVAL.

   Nothing here changes the locale, writes to standard error, ends the process
   or jumps out of a call; a signal's handler or mask is changed only with
   TL_SIGNALS, and for a script that listens to it. An exception of C++ must not
   leave a callback: where it is thrown through Lua's frames, it becomes the
   error "C++ exception", TL_ERAISED, and what was being done is not completed.
   Times are in nanoseconds. */
#ifndef TIMERLUA_H
#define TIMERLUA_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define TL_API __attribute__((visibility("default")))
#else
#define TL_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_runtime tl_runtime;
struct lua_State; /* of LuaJIT: lua.h, lauxlib.h */

/* --- errors ------------------------------------------------------------- */

/* Beside the negative errnos: a limit of tl_config is reached; a function of
   the script raised an error; the call came from another thread. */
enum { TL_ELIMIT = -4352, TL_ERAISED = -4353, TL_EWRONGTHREAD = -4354 };

/* The text of the last failure of a call for this runtime, and of the last
   error of the script that no on_error hook was told; "" when there was none,
   and for another thread. tl_stop, tl_post and tl_post_event, which any thread
   and signal handlers may call, keep no text. Valid until the next call. */
TL_API const char *tl_error(tl_runtime *runtime);

/* --- configuration ------------------------------------------------------ */

/* What scripts may not do, and, with SIGNALS, may. NO_FFI: no require "ffi", no
   bytecode, no modules in C, and of debug only traceback and getinfo. NO_JIT:
   nothing is compiled to machine code. NO_IO: no files and standard streams.
   NO_EXEC: no other programs. What is forbidden raises an error that says so.
   VIRTUAL_CLOCK: time stands still while there is something to do and then
   goes to the next deadline, so that nothing is waited for.
   KEEP_RUNNING: tl_run waits for posts although nothing else is left.
   SIGNALS: scripts may take signals by tl.signal and a kqueue, which raise an
   error without it. A signal that is taken is blocked in the runtime's thread
   until it is taken no more, at the latest by tl_free; threads that are started
   meanwhile inherit that. The kernel gives a signal of the process to any
   thread that does not block it, and does there what it did before: so block it
   in all others, best before they are started. */
enum {
    TL_NO_FFI = 1,
    TL_NO_JIT = 2,
    TL_NO_IO = 4,
    TL_NO_EXEC = 8,
    TL_VIRTUAL_CLOCK = 16,
    TL_KEEP_RUNNING = 32,
    TL_SIGNALS = 64
};

/* How a runtime is to be. Set size to sizeof(tl_config) and all else that is
   not wanted to 0; a library of a later version takes the smaller struct. */
typedef struct tl_config {
    size_t size;
    uint32_t flags;
    /* The most that there may be at a time, 0 for no limit. timers: of C and
       Lua. descriptors: that the loop waits for, those of sockets, watches,
       pipes and child processes among them. tasks: those that wait or are to
       begin. Lua is answered nil, message, "ELIMIT", or where a task cannot
       begin or wait, an error. */
    uint32_t max_timers;
    uint32_t max_descriptors;
    uint32_t max_tasks;
    /* The most memory of the Lua state in bytes, 0 for no limit. Beyond it the
       script sees "not enough memory". With a limit scripts are interpreted, as
       by TL_NO_JIT, since LuaJIT's compiled code does not survive a lack of
       memory. Of what is not Lua's, only the limits above bound the size.
       The limit holds for all of the script, finalizers at tl_free and
       __tostring of errors among it. 256 KiB beyond it are kept to tell of
       errors; the runtime's own small needs, a KiB for a task that comes to
       wait, may take half of the limit besides. */
    size_t max_memory;
    /* Room for posts in bytes, rounded up to a power of two; 0 for 65536, at
       most 2^30. A post of a function takes 32, one of an event 16 and its
       name and data. */
    size_t post_bytes;
    /* Tell on_log of a callback that took longer; 0 for never. */
    int64_t warn_callback_ns;
    /* What tl_step takes for a budget below 0. */
    int64_t turn_budget_ns;
    void *data; /* for the hooks */
    /* An error of the script that nobody caught, with its traceback. Without
       this hook it is kept for tl_error. Either way it is counted. */
    void (*on_error)(tl_runtime *runtime, const char *text, size_t length,
                     void *data);
    /* What the script prints, without the line's end, and warnings. Without
       this hook print writes to standard output, and warnings are dropped. */
    void (*on_log)(tl_runtime *runtime, const char *text, size_t length,
                   void *data);
} tl_config;

/* --- life --------------------------------------------------------------- */

/* "0.1.0" */
TL_API const char *tl_version(void);

/* A runtime for this thread; config may be NULL. NULL with errno set: EINVAL
   for a config that says what cannot be, ENOMEM, EMFILE, ENFILE; ELIBBAD when
   the program has functions of another Lua that stand before LuaJIT's (load
   this library with RTLD_DEEPBIND then). */
TL_API tl_runtime *tl_new(const tl_config *config);
/* End it: what was queued for sockets, pipes and standard output is sent as far
   as the kernel takes it at once, everything is closed, tasks and timers are
   forgotten, finalizers run, signals and standard streams are as they were.
   Child processes of the script get TERM and after at most 1 s KILL, and are
   reaped, within 2 s; not those that were detached. -EBUSY inside one of its
   callbacks, in a function that tl_lua's state runs, and in a finalizer, where
   all others answer -ECANCELED. No other thread may be about to call it. In a
   forked child its descriptors there and the memory outside Lua are let go; no
   finalizer runs, and the Lua state's memory stays. Fine for NULL. */
TL_API int tl_free(tl_runtime *runtime);

/* The Lua state, for lua.h: to register functions and userdata, to read and
   set variables. NULL for another thread. Functions of Lua that may raise are
   to be called inside lua_pcall or lua_cpcall, as everywhere; leave the stack
   as it was. */
TL_API struct lua_State *tl_lua(tl_runtime *runtime);

/* --- scripts ------------------------------------------------------------ */

/* Start code as the main task: it runs until it first waits. chunkname is as
   for luaL_loadbuffer, NULL for "=(tl_load_string)". -ENOEXEC: it does not
   compile; TL_ERAISED: it failed before it waited; -EBUSY inside a callback
   of the script. */
TL_API int tl_load_string(tl_runtime *runtime, const char *code, size_t length,
                          const char *chunkname);
/* The same for a file, whose first line may begin with #. -ENOENT, -EACCES,
   -EISDIR ... */
TL_API int tl_load_file(tl_runtime *runtime, const char *path);

/* Call a global function, or one in tables, as "module.function". signature
   has a letter for each argument, then, after >, one for each result:
       letter   argument              result
       s        const char *, or NULL const char **
       S        const char *, size_t  const char **, size_t *
       d        double                double *
       i        int                   int *
       I        int64_t               int64_t *
       b        int                   int *
       p        void *                void **
       n        (nil, no argument)    (dropped)
   Results beyond those in the signature are dropped, and NULL may be given for
   one. NULL for s and p is nil. I must be within 2^53, which a Lua number
   holds. Texts that are results are valid until the next tl_call or tl_step.
   -ENOENT: there is no such function. -EINVAL: no such signature. -EDOM: a
   result is of another type or out of range; then no result is stored.
   -ERANGE: an I argument is out of range. TL_ERAISED: it failed.
   -EINPROGRESS: it waits; it goes on as a task, and its results are dropped.
   -ECANCELED: it ended by os.exit or was cancelled. Inside a function that the
   script has called it cannot wait. */
TL_API int tl_call(tl_runtime *runtime, const char *function,
                   const char *signature, ...);

/* --- running ------------------------------------------------------------ */

/* Run until nothing is left to wait for, or until stopped: the exit status, 0
   or what was given to tl_stop, tl.stop or os.exit, 1 after an error that
   nobody caught, since the status before. The script's tl.on("stop") handlers
   have run then. Blocks. -EBUSY inside a callback. */
TL_API int tl_run(tl_runtime *runtime);

/* End tl_run, or have tl_step answer TL_DONE, with a status from 0 to 255,
   after the tl.on("stop") handlers have run, at most 5 s. Of several before
   that the last one's status counts. Any thread, signal handlers. */
TL_API int tl_stop(tl_runtime *runtime, int status);

/* A descriptor, the same for life, to be waited for and not to be read: it is
   readable exactly when tl_step has work, or TL_DONE to tell. epoll(7)
   level-triggered, poll(2) and select(2) do. -ECHILD, TL_EWRONGTHREAD. */
TL_API int tl_fd(tl_runtime *runtime);

enum {
    TL_IDLE = 0, /* there is something to wait for */
    TL_MORE = 1, /* there is work left; tl_fd is readable */
    TL_DONE = 2  /* nothing is left to wait for, or it was stopped */
};
/* Handle what is ready: for budget_ns 0 one batch; else for as long as there is
   work and less than that has passed, which is looked at after each callback
   and post, the first of which runs in any case. Never blocks. After TL_DONE it
   can go on: with what is posted, started or loaded later, or, when it was
   stopped, with what was left. -EBUSY inside a callback; -ENOMEM ... */
TL_API int tl_step(tl_runtime *runtime, int64_t budget_ns);

/* Nanoseconds until the next timer is due; 0 when tl_fd is readable, or inside
   a callback when work is left that is known of; -1 when there is no timer. */
TL_API int64_t tl_next(tl_runtime *runtime);

/* --- posts from anywhere ------------------------------------------------ */

typedef void tl_post_function(tl_runtime *runtime, void *argument);
/* Have a function called in the runtime's thread. Any thread, signal handlers;
   never blocks, takes no lock. The posts of one thread keep their order, events
   included. -EAGAIN: there is no room (tl_config.post_bytes), try again. */
TL_API int tl_post(tl_runtime *runtime, tl_post_function *function,
                   void *argument);
/* The same for an event: the tl.on("post") handlers of the script get its name
   and its bytes, which are copied. -EMSGSIZE: more than an eighth of
   tl_config.post_bytes. */
TL_API int tl_post_event(tl_runtime *runtime, const char *name,
                         const void *bytes, size_t length);

/* --- timers and descriptors for C --------------------------------------- */

typedef void tl_timer_function(tl_runtime *runtime, uint64_t id,
                               void *argument);
/* Call a function once, delay_ns from now, never early; or every period_ns,
   where tick k is due at the start + k * period_ns and missed ones are
   skipped. *id, unless NULL, gets a name that is never used again. -EINVAL: a
   negative delay, a period that is not positive, no function. -ENOMEM,
   TL_ELIMIT. */
TL_API int tl_after(tl_runtime *runtime, int64_t delay_ns,
                    tl_timer_function *function, void *argument, uint64_t *id);
TL_API int tl_every(tl_runtime *runtime, int64_t period_ns,
                    tl_timer_function *function, void *argument, uint64_t *id);

enum { TL_WATCH_READ = 1, TL_WATCH_WRITE = 2 };
enum { TL_WATCH_ERROR = 4, TL_WATCH_HANGUP = 8 }; /* in ready only */
typedef void tl_watch_function(tl_runtime *runtime, uint64_t id, int fd,
                               int ready, void *argument);
/* Call a function on every turn on which a descriptor is ready. Cancel it
   before the descriptor is closed. -EBADF, -EPERM (a regular file), -EEXIST
   (watched already), -EINVAL, -ENOMEM, -ENOSPC, TL_ELIMIT. */
TL_API int tl_watch(tl_runtime *runtime, int fd, int interest,
                    tl_watch_function *function, void *argument, uint64_t *id);

/* End a timer or watch of these: 1, or 0 when it has run or was ended before.
   It is not called any more, also if it was ready already. */
TL_API int tl_cancel(tl_runtime *runtime, uint64_t id);

/* --- figures ------------------------------------------------------------ */

typedef struct tl_runtime_stats {
    uint64_t turns;   /* batches of ready events handled */
    uint64_t fired;   /* timers run */
    uint64_t errors;  /* of the script that nobody caught */
    uint64_t posts;   /* handled */
    uint64_t refused; /* posts that there was no room for */
    uint64_t slow;    /* callbacks longer than warn_callback_ns */
    uint64_t timers;  /* live now */
    uint64_t descriptors;
    uint64_t tasks;      /* that wait or are to begin */
    uint64_t lua_bytes;  /* memory of the Lua state */
    uint64_t core_bytes; /* memory of timers, sockets and posts */
    int status;          /* exit status of the last run that ended */
} tl_runtime_stats;
/* Fill the first `size` bytes, sizeof(tl_runtime_stats). -EINVAL: NULL, or
   more than there are. */
TL_API int tl_stats(tl_runtime *runtime, tl_runtime_stats *stats, size_t size);

#ifdef __cplusplus
}
#endif

#endif
