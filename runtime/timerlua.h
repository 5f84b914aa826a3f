/* timerlua.h: exact timers, tasks and sockets, scripted in Lua, inside another
   program; see timerlua(3) and docs/embedding.md.

   A runtime is one Lua state and one loop, and belongs to the thread that
   created it. Several runtimes, each in its own thread, share nothing. The host
   either gives its thread to the runtime (tl_run) or keeps its own main loop:
   that loop waits until tl_fd is readable, along with its other descriptors,
   and then calls tl_step.

   Functions that return int return 0 or more on success, and a negative errno
   or TL_E... on failure; tl_error returns the text of the last failure. All
   functions except tl_stop, tl_post, tl_post_event, tl_data, tl_strerror and
   tl_version must be called from the runtime's thread and return
   TL_EWRONGTHREAD elsewhere. In a child of fork(2), all functions return
   -ECHILD, and only tl_free has any effect. A NULL runtime gives -EINVAL.

   No function here changes the locale, writes to standard error, ends the
   process or jumps out of a call. A signal's handler or mask is changed only
   with TL_SIGNALS, and only for a script that listens for the signal. A C++
   exception must not leave a callback: an exception thrown through Lua's frames
   becomes the error "C++ exception", TL_ERAISED, and the interrupted operation
   is not completed. A callback must not be left by longjmp, siglongjmp or the
   errors of a host that are made of these (PostgreSQL, Perl, R): catch the jump
   inside the callback, return, and go on with it after tl_step. Otherwise only
   tl_abandon can end the runtime. Times are in nanoseconds. */
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
struct lua_State; /* LuaJIT's: lua.h, lauxlib.h */

/* --- errors ------------------------------------------------------------- */

/* In addition to the negative errnos: a limit in tl_config was reached; a
   function of the script raised an error; the call came from the wrong
   thread. */
enum { TL_ELIMIT = -4352, TL_ERAISED = -4353, TL_EWRONGTHREAD = -4354 };

/* The text of an error that a function of this header returns, in English and
   without particulars; may be called from any thread. */
TL_API const char *tl_strerror(int error);

/* The text of this runtime's last failed call, or of the last script error that
   was not passed to an on_error hook; "" if there was none, or in another
   thread. tl_stop, tl_post and tl_post_event, which may be called from any
   thread and from signal handlers, record no text. Valid until the next
   call. */
TL_API const char *tl_error(tl_runtime *runtime);

/* --- configuration ------------------------------------------------------ */

/* Restrictions on scripts and, with SIGNALS, a permission. NO_FFI: no require
   "ffi", no bytecode, no modules in C, and only traceback and getinfo from
   debug. NO_JIT: nothing is compiled to machine code. NO_IO: no files and no
   standard streams. NO_FFI and NO_IO: the numbers of descriptors that the
   script did not open are refused, except those that LISTEN_FDS counts.
   NO_EXEC: no other programs. A forbidden operation raises an error that says
   so. VIRTUAL_CLOCK: time stands still while there is work to
   do and then jumps to the next deadline, so that no timer has to be waited
   for; it also stands still once nothing is left to wait for. KEEP_RUNNING:
   tl_run waits for posts even when nothing else is left. SIGNALS: scripts may
   receive signals through tl.signal and a kqueue; without this flag, both raise
   an error. A signal that a script listens for is blocked in the runtime's
   thread until the script stops listening, at the latest until tl_free; threads
   started in the meantime inherit the blocked mask. The kernel delivers a
   signal sent to the process to any thread that does not block the signal, and
   there the signal has its former effect. Block the signal in all other threads
   too, preferably before they are started. */
enum {
    TL_NO_FFI = 1,
    TL_NO_JIT = 2,
    TL_NO_IO = 4,
    TL_NO_EXEC = 8,
    TL_VIRTUAL_CLOCK = 16,
    TL_KEEP_RUNNING = 32,
    TL_SIGNALS = 64
};

/* The configuration of a runtime. Set size to sizeof(tl_config), and set every
   unused field to 0; a later version of the library accepts the smaller
   struct. */
typedef struct tl_config {
    size_t size;
    uint32_t flags;
    /* The largest number allowed at a time; 0 for no limit. timers: from C and
       from Lua. descriptors: all that the loop waits for, including those of
       sockets, watches, pipes and child processes. tasks: waiting or about to
       begin. At a limit, Lua receives nil, message, "ELIMIT", or an error where
       a task cannot begin or wait. */
    uint32_t max_timers;
    uint32_t max_descriptors;
    uint32_t max_tasks;
    /* The memory limit of the Lua state in bytes; 0 for no limit. Beyond it the
       script gets the error "not enough memory". With a limit, scripts are
       interpreted, as with TL_NO_JIT, because LuaJIT's compiled code does not
       survive running out of memory. Memory outside the Lua state is bounded
       only by the limits above. The limit applies to the whole script,
       including finalizers run by tl_free and the __tostring of errors. A
       reserve of 256 KiB beyond the limit is kept for reporting errors. The
       runtime's own small allocations, such as a KiB for each task that begins
       to wait, may take up to half of the limit in addition. */
    size_t max_memory;
    /* The size of the queue of posts in bytes, rounded up to a power of two; 0
       for 65536, at most 2^30. A posted function takes 32 bytes; a posted event
       takes 16 bytes plus its name and data. */
    size_t post_bytes;
    /* Report callbacks that take longer than this to on_log; 0 for never. */
    int64_t warn_callback_ns;
    /* The budget that tl_step uses when its own budget is negative. */
    int64_t turn_budget_ns;
    void *data; /* passed to the hooks */
    /* Receives each uncaught error of the script, with its traceback. Without
       this hook the error is kept for tl_error. Either way the error is
       counted. */
    void (*on_error)(tl_runtime *runtime, const char *text, size_t length,
                     void *data);
    /* Receives the script's printed lines, without the newline, and warnings.
       Without this hook print writes to standard output, and warnings are
       dropped. */
    void (*on_log)(tl_runtime *runtime, const char *text, size_t length,
                   void *data);
    /* The longest that the script may run without waiting or returning to the
       host; 0 for no limit. Then an error is raised in what runs, with its
       place, and again after each pcall until the callback or call has ended.
       With a limit, scripts are interpreted, as with TL_NO_JIT, cannot use
       debug.sethook, and a hook looks at the clock after at most a hundred
       instructions, fewer when they take long. A function in C that does not
       return, as a pattern that takes for ever, is not interrupted, nor is a
       finalizer, or a function that the host calls by the Lua API. */
    int64_t max_callback_ns;
} tl_config;

/* --- life --------------------------------------------------------------- */

/* "0.1.0" */
TL_API const char *tl_version(void);

/* Create a runtime for this thread; config may be NULL. Returns NULL with errno
   set on failure. EINVAL: the config is invalid. ENOMEM, EMFILE, ENFILE.
   ELIBBAD: the program contains functions of another Lua that take precedence
   over LuaJIT's (in that case load this library with RTLD_DEEPBIND). */
TL_API tl_runtime *tl_new(const tl_config *config);
/* Destroy a runtime. Data queued for sockets, pipes and standard output is sent
   as far as the kernel accepts it at once; all descriptors are closed, tasks
   and timers are discarded, finalizers run, and signals and standard streams
   are restored. The script's child processes, except detached ones, receive
   TERM and, after at most 1 s, KILL; they are reaped within 2 s. -EBUSY: called
   inside one of the runtime's callbacks, in a function run by tl_lua's state,
   or in a finalizer run by tl_free, where all other functions return
   -ECANCELED. No other thread may be about to call a function for this runtime.
   In a forked child, tl_free releases the runtime's descriptors there and the
   memory outside Lua; no finalizer runs, and the Lua state's memory stays
   allocated. Fine for NULL. */
TL_API int tl_free(tl_runtime *runtime);

/* Destroy a runtime of which a callback was left by a jump: functions that work
   outside callbacks only, as tl_step and tl_free, return -EBUSY from then on.
   To be called outside all callbacks; otherwise as tl_free. -ECANCELED: the
   callback was one of tl_free's own; its memory is lost. */
TL_API int tl_abandon(tl_runtime *runtime);

/* The runtime that a Lua state belongs to, for functions of the host's that
   scripts call, with any of the script's coroutines; NULL if it belongs to
   none. */
TL_API tl_runtime *tl_of(struct lua_State *L);
/* tl_config.data; may be called from any thread. */
TL_API void *tl_data(tl_runtime *runtime);

/* The Lua state, for use with lua.h: to register functions and userdata, and to
   read and set variables. NULL in another thread. As everywhere, Lua API
   functions that may raise an error must be called inside lua_pcall or
   lua_cpcall; leave the stack unchanged. */
TL_API struct lua_State *tl_lua(tl_runtime *runtime);

/* --- scripts ------------------------------------------------------------ */

/* Start code as the main task, which runs until it first waits. chunkname is as
   for luaL_loadbuffer; NULL for "=(tl_load_string)". -ENOEXEC: the code does
   not compile. TL_ERAISED: the task failed before it first waited. -EBUSY:
   called inside a callback of the script. */
TL_API int tl_load_string(tl_runtime *runtime, const char *code, size_t length,
                          const char *chunkname);
/* The same for a file; its first line may begin with #. -ENOENT, -EACCES,
   -EISDIR ... */
TL_API int tl_load_file(tl_runtime *runtime, const char *path);

/* Call a global function, or a function in a table, as "module.function".
   signature has a letter for each argument and then, after >, a letter for each
   result:
       letter   argument              result
          s        const char *, or NULL const char **
          S        const char *, size_t  const char **, size_t *
          d        double                double *
          i        int                   int *
          I        int64_t               int64_t *
          b        int                   int *
          p        void *                void **
          n        (nil, no argument)    (dropped)
   Results beyond those in the signature are dropped, and a result's pointer may
   be NULL. NULL for s and p is nil. I must be within 2^53, the range that a Lua
   number holds exactly. Result strings are valid until the next tl_call or
   tl_step.
   -ENOENT: there is no such function. -EINVAL: invalid signature. -EDOM: a
   result has another type or is out of range; no result is stored. -ERANGE: an
   I argument is out of range. TL_ERAISED: the function failed. -EINPROGRESS:
   the function waits; it continues as a task, and its results are dropped.
   -ECANCELED: the function was ended by os.exit or was cancelled. A call made
   inside a function that the script has called cannot wait. */
TL_API int tl_call(tl_runtime *runtime, const char *function,
                   const char *signature, ...);

typedef void tl_outcome_function(tl_runtime *runtime, int outcome,
                                 void *argument);
/* Call a function of the script, named as for tl_call, as a task that begins on
   the next turn and may wait; signature has letters for arguments only. When
   the function has ended, in whatever way, the host's function is called, once:
   with 0, and tl_results has the values that were returned; TL_ERAISED, and
   tl_error has the text; or -ECANCELED, for a task that was cancelled, or that
   tl_free finds not ended. There it is inside a function of the script, as in
   a function that the script calls. May be called anywhere. If tl_call_then
   itself fails, the host's function is not called. -ENOENT, -EINVAL, -ERANGE:
   as for tl_call. TL_ERAISED: the task cannot begin. -ENOMEM. */
TL_API int tl_call_then(tl_runtime *runtime, tl_outcome_function *function,
                        void *argument, const char *name, const char *signature,
                        ...);
/* Inside that function: store results, with a letter and a pointer for each, as
   for tl_call. Result strings are valid until the function returns. -EDOM: a
   result has another type or is out of range; no result is stored. -EINVAL:
   there are no results here, or the letters are invalid. */
TL_API int tl_results(tl_runtime *runtime, const char *letters, ...);

/* --- running ------------------------------------------------------------ */

/* Run until nothing is left to wait for, or until stopped. Returns the exit
   status: the status given to tl_stop, tl.stop or os.exit; otherwise 1 if there
   was an uncaught error since the last status was returned, or 0. By then the
   script's tl.on("stop") handlers have run, each once: a second run calls only
   handlers that were added since. Blocks. -EBUSY: called inside a
   callback. */
TL_API int tl_run(tl_runtime *runtime);

/* End tl_run, or make tl_step return TL_DONE, with a status from 0 to 255,
   after the tl.on("stop") handlers have run for at most 5 s. If tl_stop is
   called several times before then, the last status counts. May be called from
   any thread and from signal handlers. */
TL_API int tl_stop(tl_runtime *runtime, int status);

/* A descriptor, the same for the runtime's whole life, to be waited for but not
   to be read: it is readable exactly when tl_step has work, or TL_DONE to
   report. Suitable for level-triggered epoll(7), poll(2) and select(2).
   -ECHILD, TL_EWRONGTHREAD. */
TL_API int tl_fd(tl_runtime *runtime);

enum {
    TL_IDLE = 0, /* there is something to wait for */
    TL_MORE = 1, /* there is work left; tl_fd is readable */
    TL_DONE = 2  /* nothing is left to wait for, or the runtime was stopped;
                    timers that keep nothing running may be left */
};
/* The negative answers of tl_step: -EBUSY, called inside a callback, or a
   callback was left by a jump (tl_abandon); -ENOMEM and TL_ERAISED, the step
   was cut short, and the next may do better; -ECHILD, TL_EWRONGTHREAD,
   -ECANCELED and -EINVAL, no step of this caller's will ever succeed; others,
   from the kernel: what the step found has been done, but the next wait could
   not be prepared, which the next step tries again.

   Handle ready events and posts. With budget_ns 0, handle one batch; otherwise,
   continue while there is work and less than budget_ns has passed. The time is
   checked after each callback and post, and the first always runs. Never
   blocks. The tl.on("stop") handlers run before TL_DONE, as in tl_run. After
   TL_DONE, tl_step can continue: with work that is posted, started or loaded
   later, or, if the runtime was stopped, with the work that was left. */
TL_API int tl_step(tl_runtime *runtime, int64_t budget_ns);

/* Nanoseconds until a timer makes tl_fd readable, which may be later than the
   timer is due, by the slack; 0 exactly when tl_fd is readable or, inside a
   callback, when more work is known to be left; -1 when no timer will. To be
   used as the limit of a wait for tl_fd: a step that comes sooner is harmless,
   and finds nothing to do. */
TL_API int64_t tl_next(tl_runtime *runtime);

/* --- posts from anywhere ------------------------------------------------ */

typedef void tl_post_function(tl_runtime *runtime, void *argument);
/* Call a function in the runtime's thread. May be called from any thread and
   from signal handlers; never blocks and takes no lock. Posts from one thread,
   including events, keep their order. -EAGAIN: there is no room
   (tl_config.post_bytes); try again. */
TL_API int tl_post(tl_runtime *runtime, tl_post_function *function,
                   void *argument);
/* The same for an event: the script's tl.on("post") handlers receive its name
   and its bytes, which are copied. -EMSGSIZE: the event is larger than an
   eighth of tl_config.post_bytes. */
TL_API int tl_post_event(tl_runtime *runtime, const char *name,
                         const void *bytes, size_t length);

/* --- timers and descriptors for C --------------------------------------- */

typedef void tl_timer_function(tl_runtime *runtime, uint64_t id,
                               void *argument);
/* Call a function once, delay_ns from now, never early; or every period_ns,
   where tick k is due at the start + k * period_ns, and missed ticks are
   skipped. *id, unless id is NULL, receives an identifier that is never used
   again. -EINVAL: the delay is negative, the period is not positive, or the
   function is NULL. -ENOMEM, TL_ELIMIT. */
TL_API int tl_after(tl_runtime *runtime, int64_t delay_ns,
                    tl_timer_function *function, void *argument, uint64_t *id);
TL_API int tl_every(tl_runtime *runtime, int64_t period_ns,
                    tl_timer_function *function, void *argument, uint64_t *id);

/* Clocks, as of clock_gettime(2): MONOTONIC stands still while the machine is
   asleep, BOOTTIME does not, and REALTIME is the wall clock, which can be
   stepped. */
enum { TL_CLOCK_MONOTONIC = 0, TL_CLOCK_REALTIME = 1, TL_CLOCK_BOOTTIME = 2 };
/* The runtime's time, a fresh reading: since 1970 for TL_CLOCK_REALTIME,
   otherwise since boot, and virtual with TL_VIRTUAL_CLOCK. That of
   TL_CLOCK_MONOTONIC may be up to 1000 ns behind clock_gettime(2), and is never
   ahead. -EINVAL. */
TL_API int64_t tl_clock_ns(tl_runtime *runtime, int clock);
/* Call a function at an instant of a clock, which may have passed, and unless
   period_ns is 0 again each period_ns from that instant on; missed ticks are
   skipped. When the wall clock is stepped, its timers follow. -EMFILE, -ENFILE:
   no descriptor is left for the clock; others as above. */
TL_API int tl_at(tl_runtime *runtime, int clock, int64_t instant_ns,
                 int64_t period_ns, tl_timer_function *function, void *argument,
                 uint64_t *id);
/* Run a timer delay_ns from now instead of at its time, on its own clock; ticks
   of a period follow from there. -ESTALE: the timer has run, unless its
   function is running now, or was cancelled. -EINVAL: the delay is negative.
   -ENOMEM. */
TL_API int tl_reset(tl_runtime *runtime, uint64_t id, int64_t delay_ns);

enum { TL_WATCH_READ = 1, TL_WATCH_WRITE = 2 };
enum { TL_WATCH_ERROR = 4, TL_WATCH_HANGUP = 8 }; /* in ready only */
typedef void tl_watch_function(tl_runtime *runtime, uint64_t id, int fd,
                               int ready, void *argument);
/* Call a function on every turn in which a descriptor is ready. Cancel the
   watch before closing the descriptor. -EBADF, -EPERM (a regular file), -EEXIST
   (watched already), -EINVAL, -ENOMEM, -ENOSPC, TL_ELIMIT. */
TL_API int tl_watch(tl_runtime *runtime, int fd, int interest,
                    tl_watch_function *function, void *argument, uint64_t *id);

/* Watch for another interest from now on; with 0 the watch rests: nothing is
   reported, and it keeps no run going. -ESTALE: the watch was cancelled.
   -EINVAL; errors as of tl_watch, after which the watch rests. */
TL_API int tl_interest(tl_runtime *runtime, uint64_t id, int interest);

/* Cancel a timer or watch created by the functions above. Returns 1, or 0 if
   the timer has already run or the timer or watch was already cancelled. The
   function is not called after this, even if the timer or watch was already
   ready. */
TL_API int tl_cancel(tl_runtime *runtime, uint64_t id);

/* --- figures ------------------------------------------------------------ */

typedef struct tl_runtime_stats {
    uint64_t turns;   /* batches of ready events handled */
    uint64_t fired;   /* timers run */
    uint64_t errors;  /* uncaught errors of the script */
    uint64_t posts;   /* posts handled */
    uint64_t refused; /* posts refused for lack of room */
    uint64_t slow;    /* callbacks longer than warn_callback_ns */
    uint64_t timers;  /* timers live now */
    uint64_t descriptors;
    uint64_t tasks;      /* tasks waiting or about to begin */
    uint64_t lua_bytes;  /* memory of the Lua state */
    uint64_t core_bytes; /* memory of timers, sockets and posts */
    int status;          /* exit status of the last run that ended */
} tl_runtime_stats;
/* Fill the first `size` bytes of *stats; size is normally
   sizeof(tl_runtime_stats). -EINVAL: stats is NULL, or size exceeds the
   library's own struct. */
TL_API int tl_stats(tl_runtime *runtime, tl_runtime_stats *stats, size_t size);

#ifdef __cplusplus
}
#endif

#endif
