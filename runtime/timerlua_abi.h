/* The binary interface between the C core and Lua.

   The C compiler includes this file and ffi.cdef reads the same bytes, so it
   has no preprocessor line. Everything Lua may touch is here; the structs
   behind the opaque names are not. Fields Lua reads often are 32-bit or
   double, because LuaJIT boxes 64-bit ones.

   No function enters Lua. A function may wait only where a line of its contract
   begins with the word Blocks, and as long as is said there. All others return
   at once, but for two cases: another process takes what was ready in a
   description that it shares (tl_standard_lend), and a socket with
   TL_OPTION_LINGER is closed. Functions that return int give 0 or a negative
   errno, -ESTALE when the handle has ended, unless they say otherwise or their
   name is a question. Times whose name ends in _ns are nanoseconds, in _s
   seconds. One loop belongs to one thread; only tl_loop_wake is safe from any
   thread and from signal handlers. */

typedef struct tl_loop tl_loop;

enum { TL_ABI_VERSION = 1 };

/* clock_gettime(2): MONOTONIC stands still in suspend, BOOTTIME counts on,
   REALTIME is the wall clock and can be stepped. */
enum { TL_MONOTONIC = 0, TL_REALTIME = 1, TL_BOOTTIME = 2, TL_CLOCKS = 3 };

/* Statuses of our own beside the negative errnos, below any of them: the peer
   has ended its direction; the queue's limit is reached; a line is longer than
   receive_limit; the connection is still being made; it is open for sending
   only, or for receiving only; the time of a wait is over, where ETIMEDOUT
   could also be TCP's; the host's limit for timers, tasks or descriptors is
   reached, see timerlua.h. */
enum {
    TL_EOF = -4096,
    TL_QUEUE_FULL = -4097,
    TL_LINE_TOO_LONG = -4098,
    TL_NOT_CONNECTED = -4099,
    TL_NO_RECEIVING = -4100,
    TL_NO_SENDING = -4101,
    TL_TIME_OVER = -4102,
    TL_LIMIT = -4352
};

/* What a handle is. TL_TIMER runs a callback; TL_SLEEP resumes a suspended
   task; TL_TASK starts one; TL_WATCH reports a file descriptor. TL_STREAM is
   a connection, TL_LISTENER makes them, TL_DATAGRAM is a UDP socket;
   TL_READINESS is a descriptor of the script's that a task waits for. Those
   from TL_WATCH on have a descriptor. */
enum { TL_FREE = 0, TL_TIMER = 1, TL_SLEEP = 2, TL_TASK = 3, TL_WATCH = 4 };
enum { TL_STREAM = 5, TL_LISTENER = 6, TL_DATAGRAM = 7, TL_READINESS = 8 };
enum { TL_KINDS = 9 };

/* Options of tl_timer_start. TL_RECUR: interval_ns is the period, otherwise
   it is only remembered for a later reset. */
enum { TL_RECUR = 4, TL_UNREF = 8 };

/* Readiness of a watched descriptor, in both directions. TL_EDGE, in an
   interest: report changes only, epoll(7). */
enum { TL_READ = 1, TL_WRITE = 2, TL_ERROR = 4, TL_HANGUP = 8, TL_EDGE = 16 };

/* A handle: a slot of the table and the generation of its use. A slot is
   used again, a (slot, generation) pair never is. slot 0 is no handle. */
typedef struct tl_id {
    uint32_t slot;
    uint32_t generation;
} tl_id;

/* Handles are kept in pages of 2^TL_PAGE_BITS slots; what Lua keeps for each is
   in pages of the same kind. */
enum { TL_PAGE_BITS = 10 };

typedef struct tl_handle_info {
    double due;          /* seconds on its clock; for a paused timer, what
                            was left to wait */
    double period;       /* seconds; 0 without one */
    double late;         /* seconds from due to the start of the callback */
    double missed;       /* ticks skipped just before this run */
    double missed_total; /* ticks skipped since the start */
    double runs;         /* callbacks begun */
    int32_t kind;
    int32_t clock;
    int32_t fd;      /* -1 when it has none */
    int32_t active;  /* queued, or watching */
    int32_t running; /* its callback has begun and is not over */
    int32_t paused;
    int32_t referenced;
} tl_handle_info;

typedef struct tl_loop_stats {
    double armed; /* timers put in the queue, re-arming included */
    double fired;
    double cancelled;
    double turns;        /* batches collected */
    double wakeups;      /* returns from a blocking wait */
    double waits;        /* epoll_wait calls */
    double timerfd_sets; /* timerfd_settime calls */
    double reads;        /* reads of the wall clock's timerfd */
    double controls;     /* epoll_ctl calls */
    double accepts;      /* accept4 calls */
    double receives;     /* recv and recvmsg calls */
    double sends;        /* send, sendmsg and sendto calls */
    double received;     /* bytes */
    double sent;         /* bytes the kernel took */
    double unsent;       /* bytes taken from scripts and dropped, because the
                            connection broke or was closed first */
    double handles;      /* live now, all kinds */
    double active;       /* handles that keep the loop running */
    double bytes;        /* held by the core's tables */
    double errors;       /* uncaught errors reported so far */
} tl_loop_stats;

/* What the dispatcher and Lua tell each other about the running callback. */
typedef struct tl_shared {
    uint32_t current_slot; /* the handle whose callback runs, or 0 */
    uint32_t current_generation;
    int32_t adopted;   /* Lua: the running coroutine has become a task */
    int32_t interrupt; /* Lua: leave the run after this callback */
    int32_t stopped;   /* leave it for good */
    int32_t errors;    /* uncaught errors, for the exit status */
    uint32_t resumes;  /* of coroutines so far: tells one callback from the next
                          on the same handle */
    int32_t errors_told; /* those that an exit status has told of */
} tl_shared;

/* Families of addresses; the numbers of Linux, address_families(7). */
enum { TL_UNIX = 1, TL_INET = 2, TL_INET6 = 10 };

/* What the program that embeds the loop is told. */
enum { TL_TELL_OF_ERROR = 0, TL_TELL_OF_LOG = 1, TL_TELL_OF_SLOWNESS = 2 };
/* Most bytes that one receive takes; a datagram with more is lost. */
enum { TL_SCRATCH_BYTES = 65536 };

/* No address's text is longer. */
enum { TL_ADDRESS_TEXT = 128 };

/* A socket address as the kernel takes it: a sockaddr and its length. The
   bytes are aligned for one and hold all that accept(2) and its kind give for
   these families. */
typedef struct tl_address {
    uint32_t length; /* of the bytes in use; 0 is no address */
    uint8_t bytes[112];
} tl_address;

/* What an address's text says: an address; a name to be looked up, and a
   port; a port alone; a descriptor that was inherited. */
enum {
    TL_ENDPOINT_ADDRESS = 1,
    TL_ENDPOINT_NAME = 2,
    TL_ENDPOINT_ANY = 3,
    TL_ENDPOINT_FD = 4
};
typedef struct tl_endpoint {
    int32_t kind;
    int32_t port;         /* 0 for FD and unix: */
    int32_t fd;           /* FD: the number, or -1 when it has a name */
    uint32_t host_start;  /* NAME, and FD with a name: where the text has it */
    uint32_t host_length; /* 0 when it has none */
    tl_address address;   /* ADDRESS: with the port */
} tl_endpoint;

/* --- handles ------------------------------------------------------------ */

/* Take a handle that is not queued: for tasks and sleeps that are woken by
   tl_timer_rearm. */
int tl_handle_open(tl_loop *loop, tl_id *id, int kind);
/* "timer" for TL_TIMER and so on, as the field `kind` of an object in Lua;
   NULL for what is no kind. */
const char *tl_kind_name(tl_loop *loop, int kind);
/* End a handle now, whatever it waits for (fine if it has ended); a connection
   sends what it has queued before. */
void tl_handle_close(tl_loop *loop, uint32_t slot, uint32_t generation);
int tl_handle_info_get(tl_loop *loop, uint32_t slot, uint32_t generation,
                       tl_handle_info *info);
/* The generation of the first live handle at or after *slot, which is set to
   its slot; 0 when there is none. Walks the table. */
uint32_t tl_handle_walk(tl_loop *loop, uint32_t *slot);
/* End every handle, as tl_handle_close does. Nothing of them is told any more;
   connections send what they have queued, and then close. The standard streams
   stay open, for what is still to be written. Descriptors of watches stay
   their owners'. */
void tl_loop_drop(tl_loop *loop);
/* Whether the handle keeps the loop running while it is active. */
int tl_handle_ref(tl_loop *loop, uint32_t slot, uint32_t generation, int on);
/* Its callback is over: the handle ends unless it is queued or paused.
   1 when it ended. */
int tl_handle_done(tl_loop *loop, uint32_t slot, uint32_t generation);

/* --- timers ------------------------------------------------------------- */

/* Start a one-shot on the monotonic clock, delay_s from now, 0 <= delay_s <=
   tl_max_seconds. The short form of tl_timer_start, for the hot path. */
int tl_timer_after(tl_loop *loop, tl_id *id, double delay_s);
/* Start a timer of any form. first_ns is the deadline on its clock when
   absolute, else the delay. options: a clock | TL_RECUR | TL_UNREF. */
int tl_timer_start(tl_loop *loop, tl_id *id, int64_t first_ns,
                   int64_t interval_ns, int options, int absolute);
/* The same two for a suspended task: kind TL_SLEEP. */
int tl_sleep_after(tl_loop *loop, tl_id *id, double delay_s);
int tl_sleep_start(tl_loop *loop, tl_id *id, int64_t delay_ns);
/* Put any handle but a watch in the queue again, delay_ns from now, or, for
   delay_ns < 0, its own interval from now, or what its repetition says comes
   after now; -EINVAL when it was started at an instant, or its repetition is
   over. The old setting counts no more. */
int tl_timer_rearm(tl_loop *loop, uint32_t slot, uint32_t generation,
                   int64_t delay_ns);
/* The hot form of tl_timer_rearm: seconds, in the range of tl_timer_after. */
int tl_timer_reset(tl_loop *loop, uint32_t slot, uint32_t generation,
                   double delay_s);
/* As tl_timer_rearm, but to an instant: nanoseconds on the handle's clock, any
   int64. An instant in the past is due on the next turn, and not late;
   INT64_MAX never comes. A recurring timer's grid is anchored anew there. */
int tl_timer_rearm_at(tl_loop *loop, uint32_t slot, uint32_t generation,
                      int64_t deadline_ns);
/* Change the period, or make a one-shot periodic and back (0). */
int tl_timer_period(tl_loop *loop, uint32_t slot, uint32_t generation,
                    int64_t period_ns);
/* Leave the queue for good. TL_CANCELLED: it was queued or paused. TL_ENDED:
   the handle has ended by this; while its callback runs, it lives on. */
enum { TL_CANCELLED = 1, TL_ENDED = 2 };
int tl_timer_cancel(tl_loop *loop, uint32_t slot, uint32_t generation);
/* The deadline in force, in seconds on its clock; NaN when not queued. */
double tl_timer_deadline(tl_loop *loop, uint32_t slot, uint32_t generation);
/* Leave the queue and keep what is left to wait; and go on with it. */
int tl_timer_pause(tl_loop *loop, uint32_t slot, uint32_t generation);
int tl_timer_resume(tl_loop *loop, uint32_t slot, uint32_t generation);

/* --- watched descriptors ------------------------------------------------ */

/* Watch fd; interest is of TL_READ | TL_WRITE | TL_EDGE. -EBADF, -EPERM
   (a regular file), -EEXIST (watched already), -ENOSPC from epoll_ctl(2). */
int tl_watch_start(tl_loop *loop, tl_id *id, int fd, int interest);

/* End a watch, and close its descriptor, which no other process has for long. A
   child that is being started may have it for a moment, so it should be
   edge-triggered: until then the kernel goes on reporting it. */
void tl_watch_close(tl_loop *loop, uint32_t slot, uint32_t generation);

/* --- readiness of the script's own descriptors -------------------------- */

/* A place for waits for fd, which stays the caller's. It enters the poller
   with the first wait and leaves it when it is reported and nobody waits, so
   that a task which waits again and again costs no epoll_ctl(2). -ENOMEM. */
int tl_readiness_open(tl_loop *loop, tl_id *id, int fd);
/* Have the waiting handle resumed, with nothing, when fd is ready for one of
   interest, TL_READ | TL_WRITE, or has an error or a hang-up. -EBUSY: another
   one waits. -EEXIST: fd is somebody else's in this loop. -EBADF, -EPERM
   (a regular file), -ENOSPC, -ENOMEM: epoll_ctl(2). */
int tl_readiness_await(tl_loop *loop, uint32_t slot, uint32_t generation,
                       int interest, uint32_t waiter_slot,
                       uint32_t waiter_generation);
/* Before fd is closed; who waits is resumed (fine if it has ended). */
void tl_readiness_close(tl_loop *loop, uint32_t slot, uint32_t generation);
/* Wait for fd. 1 when it is ready, 0 when the time is over, -EBADF, -EINTR
   after a signal. A negative fd is never ready.
   Blocks: at most *timeout_ns, from which the time it took is taken; negative:
   for ever; not for 0. */
int tl_readiness_block(int fd, int interest, int64_t *timeout_ns);

/* --- descriptors of any kind -------------------------------------------- */

/* A descriptor that was made here, whatever it is. */
void tl_descriptor_close(int fd);
/* A duplicate of fd, close-on-exec; or a negative errno. */
int tl_descriptor_duplicate(int fd);

/* The descriptor of a C stream, a FILE, for Lua's io files; -1 when it has
   none. */
int tl_stdio_descriptor(void *stream);
/* Whether something written to a C stream was lost, ferror(3). */
int tl_stdio_failed(void *stream);

/* --- signals ------------------------------------------------------------ */

/* A signal that came, as signalfd(2) tells it. */
typedef struct tl_signal {
    int32_t number;
    int32_t pid;   /* who sent it; 0: the kernel did */
    uint32_t uid;  /* when there is a pid */
    int32_t value; /* that sigqueue(3) was given */
    int32_t has_value;
} tl_signal;

/* The signal's name without SIG, "TERM"; NULL for those without one, as the
   realtime signals are. */
const char *tl_signal_name(int number);
/* The first realtime signal or the last, signal(7). */
int tl_signal_realtime(int last);

/* Take a signal from now on by the descriptor that is returned, the same for
   all: it is readable when one came. The calling thread blocks the signal
   meanwhile; what the process does with it otherwise stays set. -EMFILE,
   -ENFILE, -ENOMEM; -ECHILD in a forked child. */
int tl_signals_listen(tl_loop *loop, int number);
/* The next one that came: 1, 0 when there is none. */
int tl_signals_next(tl_loop *loop, tl_signal *signal);
/* Take it no more; the mask is as before. What still is under way goes to the
   handler that the process has for it; without one it is dropped, and how many
   were is returned. again: one that was taken is to go there, too. The
   descriptor is closed with the last signal. */
int tl_signals_leave(tl_loop *loop, int number, int again);
/* While on, programs that are started do not begin with these signals blocked
   (but for realtime ones); what comes meanwhile waits to be taken. Around every
   call that starts one and knows nothing of masks. Meanwhile, and afterwards
   until a signal is left, it has a handler. -ENOMEM, -ECHILD. */
int tl_signals_lend(tl_loop *loop, int on);

/* --- service managers --------------------------------------------------- */

/* Send a text to a manager's socket, sd_notify(3): a path, or "@" and the name
   of an abstract one. -EAGAIN when its queue is full. */
int tl_manager_tell(const char *socket, const char *text, uint32_t length);
/* CLOCK_MONOTONIC itself, also while time is virtual; in microseconds. */
double tl_manager_clock(void);

/* Write the process's number into a file that appears complete, and is locked
   by flock(2) while the process lives. *holder: for -EEXIST, who holds it, 0
   when that cannot be read. It is removed by tl_pid_file_remove or exit(3),
   unless another file has its name by then; killed, the process leaves it, and
   the next one replaces it. -ENOTUNIQ: the name is another file's, one with
   something else than a number in it, which stays as it is. */
typedef struct tl_pid_file tl_pid_file;
int tl_pid_file_make(tl_pid_file **file, const char *path, int32_t *holder);
void tl_pid_file_remove(tl_pid_file *file);

/* --- timer descriptors -------------------------------------------------- */

/* Timers as the kernel has them, timerfd_create(2): clocks, flags and errors
   are Linux's. initial_ns is what is left until the timer expires, or, in a
   setting with the flag for absolute times, the instant on its clock; 0: it
   is stopped. interval_ns: 0, it expires once. */
typedef struct tl_timerfd_setting {
    int64_t initial_ns;
    int64_t interval_ns;
} tl_timerfd_setting;

/* A new descriptor; -EINVAL, -EPERM, -EMFILE, -ENFILE, -ENODEV, -ENOMEM. */
int tl_timerfd_create(int clock, int flags);
/* Set or, with initial_ns 0, stop it; both times >= 0. *before is what was set
   until now. -EBADF, -EINVAL; -ECANCELED: the clock was stepped before, the new
   setting holds, and *before is not known. */
int tl_timerfd_settime(int fd, int flags, int64_t initial_ns,
                       int64_t interval_ns, tl_timerfd_setting *before);
int tl_timerfd_gettime(int fd, tl_timerfd_setting *setting);
/* How often it has expired since it was last read or set, at least 1; or a
   negative errno: -EAGAIN, not yet; -ECANCELED, the clock was stepped; -EBADF;
   -EINVAL, fd is something else. look: fd may be a blocking one, so ask first.
   Blocks: without look, until it expires, where fd is a blocking one. */
double tl_timerfd_read(int fd, int look);
/* Whether reads of fd do not block: 1, 0, -EBADF. */
int tl_timerfd_nonblocking(int fd);
int tl_timerfd_close(int fd);

/* --- limits of the process ---------------------------------------------- */

/* How many descriptors the process may have, and to what it may raise that,
   getrlimit(2); infinity where there is no limit. */
int tl_limits_nofile(double *soft, double *hard);
/* Set the first, 0 <= soft <= 2^53, and the second with it where it is lower.
   -EPERM: more than the process may have. */
int tl_limits_set_nofile(double soft);
/* RLIMIT_NOFILE for "nofile" and so on; -EINVAL for what is none. */
int tl_limits_resource(const char *name);

/* --- epoll and poll for scripts ----------------------------------------- */

/* A descriptor and what it is ready for, EPOLLIN and so on. The rest is room
   for the kernel's own form, which these are made of in place. */
typedef struct tl_ready_fd {
    int32_t fd;
    uint32_t events;
    uint32_t spare[2];
} tl_ready_fd;

/* A new epoll set, close-on-exec; or a negative errno. */
int tl_epoll_open(void);
/* What epoll_ctl(2) does. */
enum { TL_EPOLL_ADD = 1, TL_EPOLL_DEL = 2, TL_EPOLL_MOD = 3 };
int tl_epoll_control(int set, int operation, int fd, uint32_t events);
/* How many of `ready` were filled, at most `most` (at least 1); or a negative
   errno, -EINTR after a signal.
   Blocks: at most *timeout_ns, from which the time it took is taken; negative:
   for ever; not for 0. */
int tl_epoll_wait(int set, tl_ready_fd *ready, int most, int64_t *timeout_ns);

/* poll(2)'s struct pollfd; a negative fd is passed over. */
typedef struct tl_poll_fd {
    int32_t fd;
    int16_t events;
    int16_t revents;
} tl_poll_fd;

/* How many have revents; or a negative errno.
   Blocks: as tl_epoll_wait does. */
int tl_poll_wait(tl_poll_fd *fds, int count, int64_t *timeout_ns);
/* Put them into an epoll set that reports when any has news, which need not be
   what it asked for: to wait there and then poll again. 1 when there is news
   already, else 0 or a negative errno: -ENOMEM, -ENOSPC, -ELOOP. */
int tl_poll_gather(const tl_poll_fd *fds, int count, int set);

/* --- file events -------------------------------------------------------- */

/* inotify(7): its events, in which a name follows when length is not 0, with
   zeroes up to length; and its numbers. */
typedef struct tl_file_event {
    int32_t watch; /* -1 for TL_FILE_OVERFLOW */
    uint32_t mask;
    uint32_t cookie; /* the same for both sides of a move */
    uint32_t length;
} tl_file_event;
enum {
    TL_FILE_MODIFY = 0x2,
    TL_FILE_MOVED_FROM = 0x40,
    TL_FILE_MOVED_TO = 0x80,
    TL_FILE_CREATE = 0x100,
    TL_FILE_DELETE = 0x200,
    TL_FILE_DELETE_SELF = 0x400,
    TL_FILE_MOVE_SELF = 0x800,
    TL_FILE_UNMOUNT = 0x2000,
    TL_FILE_OVERFLOW = 0x4000,
    TL_FILE_IGNORED = 0x8000,
    TL_FILE_ONLY_DIRECTORY = 0x1000000
};

/* A descriptor that is readable when there are events. -EMFILE, -ENFILE,
   -ENOMEM. It is closed by tl_descriptor_close. */
int tl_inotify_open(void);
/* Watch what a path names for more events: the number of the watch, the same
   for the same file; -ENOENT, -ENOTDIR, -EACCES, -ENOSPC ... */
int tl_inotify_add(int fd, const char *path, uint32_t mask);
/* Fine if it has ended. */
void tl_inotify_remove(int fd, int watch);
/* Take events, whole ones: how many bytes, or -EAGAIN. */
int tl_inotify_read(int fd, char *bytes, int room);
/* Room for any path, with the zero at its end: PATH_MAX. */
enum { TL_PATH_ROOM = 4096 };
/* 0 or a negative errno; with a zero at the end. */
int tl_working_directory(char *text, int room);
/* What a symbolic link names, without a zero at the end: how many bytes, or
   -EINVAL (it is none), -ENOENT ... */
int tl_link_target(const char *path, char *text, int room);

/* --- kqueue's carriers -------------------------------------------------- */

/* BSD's kernel event queue on epoll, timerfd, signalfd, inotify and pidfd. The
   numbers here are those of FreeBSD's sys/event.h. */
enum {
    TL_KQ_READ = -1,
    TL_KQ_WRITE = -2,
    TL_KQ_VNODE = -4,
    TL_KQ_PROC = -5,
    TL_KQ_SIGNAL = -6,
    TL_KQ_TIMER = -7,
    TL_KQ_LAST = -13 /* those between that are not here are not supported */
};
enum {
    TL_KQ_ADD = 0x0001,
    TL_KQ_DELETE = 0x0002,
    TL_KQ_ENABLE = 0x0004,
    TL_KQ_DISABLE = 0x0008,
    TL_KQ_ONESHOT = 0x0010,
    TL_KQ_CLEAR = 0x0020,
    TL_KQ_DISPATCH = 0x0080,
    TL_KQ_EOF = 0x8000
};
enum { TL_KQ_LOWAT = 0x0001 };
enum {
    TL_KQ_NOTE_DELETE = 0x0001,
    TL_KQ_NOTE_WRITE = 0x0002,
    TL_KQ_NOTE_EXTEND = 0x0004,
    TL_KQ_NOTE_ATTRIB = 0x0008,
    TL_KQ_NOTE_LINK = 0x0010,
    TL_KQ_NOTE_RENAME = 0x0020,
    TL_KQ_NOTE_REVOKE = 0x0040
};
enum {
    TL_KQ_SECONDS = 0x0001,
    TL_KQ_MSECONDS = 0x0002,
    TL_KQ_USECONDS = 0x0004,
    TL_KQ_NSECONDS = 0x0008,
    TL_KQ_ABSTIME = 0x0010
};

typedef struct tl_kqueue tl_kqueue;

/* ident and data are whole numbers. */
typedef struct tl_kevent {
    double ident;
    double data;
    int32_t filter;
    uint32_t flags;
    uint32_t fflags;
    int32_t ended; /* the queue's own: its descriptor was closed */
} tl_kevent;

/* NULL with *error: -ENOMEM, -EMFILE, -ENFILE. */
tl_kqueue *tl_kqueue_open(int32_t *error);
/* Close it and all that it opened; signals that it blocked are unblocked. */
void tl_kqueue_close(tl_kqueue *queue);
/* Its epoll descriptor: readable when there may be something to take, and not
   again before there is, once tl_kqueue_take has returned 0. */
int tl_kqueue_fd(const tl_kqueue *queue);
/* Add, modify, delete, enable or disable. -ENOENT: to be changed, but not
   there. -ENOTSUP: a filter, or a note of it, that Linux has nothing for.
   -EINVAL: no filter; no signal; a timer of less than 0 or of two units; this
   queue itself. -EBADF; -ESRCH: no process. -EBUSY: the signal is blocked, so
   somebody else takes it. Of the carriers: -EMFILE, -ENFILE, -ENOMEM, -ENOSPC,
   -EACCES (a file that may not be read cannot be watched) ... */
int tl_kqueue_change(tl_kqueue *queue, const tl_kevent *change);
/* What there is now, at most `most` (at least 1); how many. */
int tl_kqueue_take(tl_kqueue *queue, tl_kevent *events, int most);
/* Once for each that has ended since: deleted, reported for the last time, or
   because its descriptor was closed or a change of it failed. Sets ident and
   filter. 0: no more. */
int tl_kqueue_ended(tl_kqueue *queue, tl_kevent *event);
/* Wait until its descriptor is readable. 1: it is; 0: the time is over; or
   -EINTR.
   Blocks: as tl_epoll_wait does. */
int tl_kqueue_block(const tl_kqueue *queue, int64_t *timeout_ns);

/* --- sockets as the kernel has them ------------------------------------- */

enum { TL_SOCKET_STREAM = 0, TL_SOCKET_DATAGRAM = 1 };
enum { TL_SHUTDOWN_RECEIVE = 0, TL_SHUTDOWN_SEND = 1, TL_SHUTDOWN_BOTH = 2 };

/* setsockopt(2), tcp(7), ip(7), ipv6(7). Values are 0 or 1, but for KEEPALIVE
   (seconds of silence before the first probe, 0 for none), LINGER (seconds that
   close(2) may take, socket(7), or TL_LINGER_OFF), DEFER_ACCEPT (seconds),
   SNDBUF and RCVBUF (bytes), TTL and MULTICAST_TTL (hops). */
enum {
    TL_OPTION_NODELAY = 0,
    TL_OPTION_CORK = 1,
    TL_OPTION_KEEPALIVE = 2,
    TL_OPTION_LINGER = 3,
    TL_OPTION_SNDBUF = 4,
    TL_OPTION_RCVBUF = 5,
    TL_OPTION_TTL = 6,
    TL_OPTION_DEFER_ACCEPT = 7,
    TL_OPTION_REUSEADDR = 8,
    TL_OPTION_REUSEPORT = 9,
    TL_OPTION_V6ONLY = 10,
    TL_OPTION_BROADCAST = 11,
    TL_OPTION_MULTICAST_TTL = 12,
    TL_OPTION_MULTICAST_LOOP = 13
};
enum { TL_LINGER_OFF = -32768 };

/* A new socket, non-blocking and close-on-exec, for an address of this kind;
   or a negative errno. */
int tl_socket_open(const tl_address *address, int kind);
int tl_socket_bind(int fd, const tl_address *address);
int tl_socket_listen(int fd, int backlog);
int tl_socket_set(int fd, int option, int value);
int tl_socket_get(int fd, int option); /* negative errno below TL_LINGER_OFF */
/* Its own address, or its peer's. */
int tl_socket_name(int fd, int peer, tl_address *address);
/* What an inherited descriptor is: TL_SOCKET_STREAM or TL_SOCKET_DATAGRAM,
   made non-blocking and close-on-exec; *listening is set. -EBADF, -ENOTSOCK. */
int tl_socket_inherit(int fd, int *listening);
/* Join or leave a multicast group on an interface, NULL for any. */
int tl_socket_group(int fd, const tl_address *group, const char *interface,
                    int join);
int tl_socket_multicast_from(int fd, const char *interface);
/* Which file a bound Unix socket has: 0, -EINVAL for one without. */
typedef struct tl_file {
    uint64_t device;
    uint64_t inode;
} tl_file;
int tl_socket_file(const tl_address *address, tl_file *file);
/* Remove it, unless its name is another file's by now. */
void tl_socket_unlink(const tl_address *address, const tl_file *file);
int tl_process_id(void);

/* --- plain sockets ------------------------------------------------------ */

/* What the system's headers have for a name such as "SO_REUSEADDR"; -EINVAL
   for one that is not known here. */
int tl_plain_constant(const char *name);
/* A new socket, non-blocking and close-on-exec: its descriptor. */
int tl_plain_open(int family, int type, int protocol);
int tl_plain_pair(int family, int type, int protocol, int32_t *pair);
/* The new connection, non-blocking and close-on-exec; peer is set. */
int tl_socket_accept(int fd, tl_address *peer);
/* 0 when connected, -EINPROGRESS. -EAGAIN: a Unix socket's backlog is full,
   unix(7); try again later. */
int tl_socket_connect(int fd, const tl_address *address);
/* The pending error, SO_ERROR, as a negative errno; 0 for none. */
int tl_socket_error(int fd);
/* TL_SHUTDOWN_... */
int tl_socket_shutdown(int fd, int how);
/* How many bytes came; 0 is the end of a stream. flags: MSG_PEEK and others,
   recv(2). -EAGAIN: it would block. from, unless NULL, is set. What of a
   datagram has no room is lost. */
int tl_plain_receive(int fd, char *bytes, uint32_t room, int flags,
                     tl_address *from);
/* How many of the bytes from `start` to `count` the kernel took, without
   SIGPIPE. to NULL: where the socket is connected. -EAGAIN. */
int tl_plain_send(int fd, const char *bytes, size_t start, size_t count,
                  int flags, const tl_address *to);
/* Any option: setsockopt(2) takes the bytes as they are, getsockopt(2) fills
   them and gives their number. */
int tl_plain_set(int fd, int level, int name, const char *bytes,
                 uint32_t count);
int tl_plain_get(int fd, int level, int name, char *bytes, uint32_t room);

/* --- pipes and files ---------------------------------------------------- */

/* Two connected descriptors, non-blocking and close-on-exec: a pipe's reading
   and writing end, a pair of Unix stream sockets. -EMFILE, -ENFILE. */
int tl_file_pipe(int32_t *fds);
int tl_socket_pair(int32_t *fds);
/* Make a descriptor non-blocking and close-on-exec. -EBADF: it is closed, or
   not open for what shall be done with it. */
int tl_file_inherit(int fd, int reads, int writes);

int tl_file_is_terminal(int fd);

/* --- standard streams --------------------------------------------------- */

/* Connect descriptor 0, 1 or 2, in its direction only; each once. 1 when its
   description, which other processes share, is non-blocking until the end, for
   want of another way. -EBADF: it is closed, or not open for its direction.
   -EEXIST, -EMFILE, -ENOMEM, -ECHILD. What stdio has read ahead is taken
   over. The descriptor itself stays open until the connection is closed; in a
   host, then too. */
int tl_standard_open(tl_loop *loop, tl_id *id, int number, int options);
/* A child is to share some of them: take O_NONBLOCK off their descriptions
   again, where it was set, for good. From then on these are asked first whether
   they are ready, and written to by a page at most. */
void tl_standard_lend(tl_loop *loop);
/* At the end: send what is queued for 1 and 2, and restore. 0, or why output
   was lost.
   Blocks: until there is room or nobody who reads; never in a host. */
int tl_standard_end(tl_loop *loop);
/* Have the descriptions and the terminal as they were before.
   Async-signal-safe. */
void tl_standard_restore(tl_loop *loop);

/* --- connections -------------------------------------------------------- */

/* Options of a connection. FLOWING: data goes to its callback as it comes;
   otherwise it stays until a reader takes it. FILE: it is no socket, but
   something for read(2) and writev(2); what epoll refuses, such as a regular
   file, is always ready. SEND_ONLY, RECEIVE_ONLY: a pipe's end; to shut down
   its direction closes it. SHARED: other processes use it too, so that closing
   it does nothing but that. */
enum { TL_STREAM_FLOWING = 1, TL_STREAM_EDGE = 2, TL_STREAM_FILE = 4 };
enum { TL_STREAM_SEND_ONLY = 0x10000, TL_STREAM_RECEIVE_ONLY = 0x20000 };
enum { TL_STREAM_SHARED = 0x40000 };

/* What a reader wants: up to count bytes, count bytes, a line, all until the
   end; or to know of more than count bytes buffered. */
enum {
    TL_WANT_SOME = 0,
    TL_WANT_COUNT = 1,
    TL_WANT_LINE = 2,
    TL_WANT_ALL = 3,
    TL_WANT_MORE = 4
};
/* Added to what tl_stream_await is told: bytes that come, but not all that is
   wanted, do not start the wait's time anew. */
enum { TL_WANT_IN_TOTAL = 16 };
/* Added to what tl_stream_take is told: ask the kernel although it had no more
   the last time. */
enum { TL_WANT_AFRESH = 32 };

/* What a writer waits for: room below the low-water mark, an empty queue, the
   connection to be made. */
enum { TL_AWAIT_ROOM = 0, TL_AWAIT_SENT = 1, TL_AWAIT_CONNECTED = 2 };

/* What to tell the callbacks of a flowing connection; their places in the
   table that is anchored for it. */
enum {
    TL_TELL_OPEN = 1,
    TL_TELL_DATA = 2,
    TL_TELL_DRAIN = 3,
    TL_TELL_EOF = 4,
    TL_TELL_ERROR = 5,
    TL_TELL_CLOSE = 6
};

typedef struct tl_view {
    const char *bytes;
    double length;
} tl_view;

typedef struct tl_stream_info {
    double received; /* bytes */
    double sent;     /* bytes the kernel took */
    double queued;   /* bytes it did not take yet */
    double buffered; /* bytes received that nobody took yet */
    int32_t fd;
    int32_t above_high;
    int32_t connecting;
    int32_t paused;
    int32_t ended;   /* the peer has ended its direction */
    int32_t closing; /* closed here, but bytes are queued */
    int32_t send_error;
    int32_t receive_error;
} tl_stream_info;

/* Take over a connected socket, or with TL_STREAM_FILE something else that is
   non-blocking. It is closed when the handle ends. */
int tl_stream_start(tl_loop *loop, tl_id *id, int fd, int options);
/* Take over an unconnected socket, and begin to connect it. After an error
   fd is still the caller's. */
int tl_stream_connect(tl_loop *loop, tl_id *id, int fd, int options,
                      const tl_address *address);
/* 1 when connected, 0 while it is under way, else why it failed. */
int tl_stream_connected(tl_loop *loop, uint32_t slot, uint32_t generation);
/* Marks of the queue, in bytes: a writer waits above high until low; more
   than limit is refused. receive_limit: the longest line. */
int tl_stream_limits(tl_loop *loop, uint32_t slot, uint32_t generation,
                     double high, double low, double limit,
                     double receive_limit);
/* Give and use up what is wanted: 1 and *view, valid until the next call for
   this connection. -EAGAIN: not there yet. TL_EOF or an errno: it will never
   be there. -EBUSY: another reader waits. TL_LINE_TOO_LONG. */
int tl_stream_take(tl_loop *loop, uint32_t slot, uint32_t generation, int want,
                   double count, tl_view *view);
/* Everything that is buffered, used up. */
int tl_stream_take_rest(tl_loop *loop, uint32_t slot, uint32_t generation,
                        tl_view *view);
/* Look at what is buffered, and use up count bytes of it. */
int tl_stream_peek(tl_loop *loop, uint32_t slot, uint32_t generation,
                   tl_view *view);
int tl_stream_skip(tl_loop *loop, uint32_t slot, uint32_t generation,
                   double count);
/* Receive at most room bytes into memory of the caller's: the count, or as
   tl_stream_take. */
double tl_stream_take_into(tl_loop *loop, uint32_t slot, uint32_t generation,
                           char *bytes, double room);
/* After -EAGAIN: have the waiting handle resumed with the wanted bytes as a
   string, or with nothing when they will not come. It keeps the loop running
   as long as it waits, unless the connection is unreferenced. -EBUSY. */
int tl_stream_await(tl_loop *loop, uint32_t slot, uint32_t generation, int want,
                    double count, uint32_t waiter_slot,
                    uint32_t waiter_generation);
/* Queue bytes; they are copied. 1 when the queue is above its high-water mark
   now. TL_QUEUE_FULL: none is taken. -EBUSY: another writer
   waits for room. -EPIPE, -ECONNRESET ... */
int tl_stream_send(tl_loop *loop, uint32_t slot, uint32_t generation,
                   const char *bytes, size_t count);
/* Give the kernel what it takes now: 0, or -EAGAIN when some is left. */
int tl_stream_flush(tl_loop *loop, uint32_t slot, uint32_t generation);
/* Send until at most `most` bytes are queued: 0, or why that will never be.
   Blocks: until then. */
int tl_stream_drain(tl_loop *loop, uint32_t slot, uint32_t generation,
                    double most);
/* Whether what a writer waits for, TL_AWAIT_..., is so: 0, -EAGAIN or why it
   never will. */
int tl_stream_sent(tl_loop *loop, uint32_t slot, uint32_t generation, int what);
/* After -EAGAIN: wake the waiting handle when it is so or will never be.
   -EBUSY: another writer waits. */
int tl_stream_await_sent(tl_loop *loop, uint32_t slot, uint32_t generation,
                         int what, uint32_t waiter_slot,
                         uint32_t waiter_generation);
/* Have data go to callbacks as it comes from now on: options as for
   tl_stream_start. TL_TELL_OPEN is told first. -EBUSY: a reader waits. */
int tl_stream_flow(tl_loop *loop, uint32_t slot, uint32_t generation,
                   int options);
/* Whether another reader, or writer, waits. */
int tl_stream_busy(tl_loop *loop, uint32_t slot, uint32_t generation,
                   int writer);
/* End a direction; sending ends once the queue is empty. -EALREADY.
   -ENOTSOCK: a file of two directions knows no end of sending. */
int tl_stream_shutdown(tl_loop *loop, uint32_t slot, uint32_t generation,
                       int how);
int tl_stream_pause(tl_loop *loop, uint32_t slot, uint32_t generation, int on);
/* tl_handle_ref for it and for the wait of its reader. */
int tl_stream_ref(tl_loop *loop, uint32_t slot, uint32_t generation, int on);
/* Close once the queue is empty. 1 when bytes are left to send. */
int tl_stream_close(tl_loop *loop, uint32_t slot, uint32_t generation);
/* After 1: this timer, which limits how long that may take, comes due at once
   when it is over. */
void tl_stream_closing(tl_loop *loop, uint32_t slot, uint32_t generation,
                       uint32_t timer_slot, uint32_t timer_generation);
/* Close at once, and have the peer see a reset. What is queued is dropped;
   the number of its bytes is returned. status is what TL_TELL_CLOSE tells: 0
   or a negative errno. */
double tl_stream_abort(tl_loop *loop, uint32_t slot, uint32_t generation,
                       int status);
/* Whether a connection, listener or datagram socket has this descriptor. */
int tl_descriptor_taken(tl_loop *loop, int fd);
/* Where `length` bytes first occur in what is buffered, at or behind `from`;
   -1 when they do not. */
double tl_stream_find(tl_loop *loop, uint32_t slot, uint32_t generation,
                      double from, const char *bytes, size_t length);
int tl_stream_info_get(tl_loop *loop, uint32_t slot, uint32_t generation,
                       tl_stream_info *info);
/* Where an accepted connection came from. */
int tl_stream_peer(tl_loop *loop, uint32_t slot, uint32_t generation,
                   tl_address *peer);

/* --- listeners ---------------------------------------------------------- */

/* Take over a listening socket; its connections get these options. */
int tl_listener_start(tl_loop *loop, tl_id *id, int fd, int options);
int tl_listener_pause(tl_loop *loop, uint32_t slot, uint32_t generation,
                      int on);
/* Close it. */
int tl_listener_close(tl_loop *loop, uint32_t slot, uint32_t generation);

/* --- datagram sockets --------------------------------------------------- */

/* Take over a datagram socket of whatever family. flowing: datagrams go to its
   callback as they come; otherwise they stay in the kernel until a reader
   takes them. After an error fd is still the caller's. Where the socket is of
   IPv6, addresses of IPv4 may be given as they are. */
int tl_datagram_start(tl_loop *loop, tl_id *id, int fd, int flowing);
int tl_datagram_bind(tl_loop *loop, uint32_t slot, uint32_t generation,
                     const tl_address *address);
/* Exchange datagrams with one address only; with NULL, with all again. */
int tl_datagram_connect(tl_loop *loop, uint32_t slot, uint32_t generation,
                        const tl_address *address);
/* 1: a datagram and the text of where it came from, valid until the next call
   for any socket. -EAGAIN: none is there, or so many were taken at once that
   others are to get their turn. -EMSGSIZE: it was longer than 65536 bytes and
   is lost; data->length is how long. -EBUSY: another reader waits, or a
   callback takes them. -ECONNREFUSED and others: of something sent before. */
int tl_datagram_take(tl_loop *loop, uint32_t slot, uint32_t generation,
                     tl_view *data, tl_view *from);
/* After -EAGAIN: have the waiting handle resumed with the two as strings, or
   with nothing when an error is to be taken. -EBUSY. */
int tl_datagram_await(tl_loop *loop, uint32_t slot, uint32_t generation,
                      uint32_t waiter_slot, uint32_t waiter_generation);
/* Send one datagram now, with to NULL to where the socket is connected.
   -EAGAIN: there is no room; nothing is queued. -EAFNOSUPPORT: no address for
   this socket. -EMSGSIZE, -EDESTADDRREQ, -ENETUNREACH, -ECONNREFUSED ... */
int tl_datagram_send(tl_loop *loop, uint32_t slot, uint32_t generation,
                     const char *bytes, size_t count, const tl_address *to);
/* After -EAGAIN: wake the waiting handle, one of many maybe, when there is
   room. -EOPNOTSUPP: the kernel would not tell, since the socket is a Unix
   socket that is not connected. */
int tl_datagram_await_room(tl_loop *loop, uint32_t slot, uint32_t generation,
                           uint32_t waiter_slot, uint32_t waiter_generation);
/* A wait for it has ended (fine if it was woken): it keeps the loop running no
   more. */
void tl_datagram_leave(tl_loop *loop, uint32_t slot, uint32_t generation,
                       uint32_t waiter_slot, uint32_t waiter_generation);
int tl_datagram_pause(tl_loop *loop, uint32_t slot, uint32_t generation,
                      int on);
/* Close it; who waits is woken. */
int tl_datagram_close(tl_loop *loop, uint32_t slot, uint32_t generation);

/* --- clock -------------------------------------------------------------- */

double tl_now(tl_loop *loop, int clock);
int64_t tl_now_ns(tl_loop *loop, int clock);
/* Make time virtual, from the present reading of each clock on; wall_ns < 0
   keeps the wall clock's too. Or real again: -EBUSY while timers are armed. */
int tl_clock_virtual(tl_loop *loop, int64_t wall_ns);
int tl_clock_real(tl_loop *loop);
int tl_clock_is_virtual(tl_loop *loop);
/* Virtual time only, else -EPERM. Step the wall clock; add time asleep, seen
   by boottime and the wall but not by monotonic. */
int tl_clock_step_wall(tl_loop *loop, int64_t step_ns);
int tl_clock_suspend(tl_loop *loop, int64_t asleep_ns);

/* --- loop --------------------------------------------------------------- */

tl_shared *tl_loop_shared(tl_loop *loop);
/* How much later than due a timer may run so that one sleep serves several.
   A lone timer is never delayed by it. */
void tl_loop_set_slack(tl_loop *loop, int64_t slack_ns);
int64_t tl_loop_slack_ns(tl_loop *loop);
/* Have steps of the wall clock delivered also while no timer follows it. */
void tl_loop_want_jumps(tl_loop *loop, int on);
/* End a blocking wait; the reason (a signal's number, TL_REASON_STOP + an exit
   status from 0 to 255, or 0) is kept until it is taken. Async-signal-safe, any
   thread. */
enum { TL_REASON_STOP = 256 };
void tl_loop_wake(tl_loop *loop, int reason);
/* Keep the loop running although no handle does, or no more. */
void tl_loop_hold(tl_loop *loop, int on);
/* Leave the run for good, after this callback. */
void tl_loop_stop(tl_loop *loop);
/* Whether a timer is due by now. */
int tl_loop_due(tl_loop *loop);
void tl_loop_stats_get(tl_loop *loop, tl_loop_stats *stats);
/* Lateness of the callbacks begun so far, to within 1/16 of its value.
   quantile is 0..1; 0 when nothing has fired. */
double tl_lateness_count(tl_loop *loop);
double tl_lateness_quantile(tl_loop *loop, double quantile);
double tl_lateness_mean(tl_loop *loop);

/* --- addresses ---------------------------------------------------------- */

/* "127.0.0.1:80", "[::1]:80", "[fe80::1%lo]:80", "localhost:80", ":80",
   "unix:/path", "unix:@abstract", "fd:3", "fd:name". The endpoint is written
   only on success; no name is looked up.
   -EINVAL: none of these forms.
   -ERANGE: the port is not 0 to 65535 in 1 to 5 digits.
   -ENAMETOOLONG: a path or abstract name of more than 107 bytes, a host's
   name of more than 253 or with a label of more than 63, a descriptor's name
   of more than 255.
   -EAFNOSUPPORT: an IPv6 address without its brackets.
   -ENODEV: no interface is called what stands after the %.
   -EBADF: a descriptor's number that is no int. */
int tl_address_parse(const char *text, size_t length, tl_endpoint *endpoint);
/* "127.0.0.1", "::1", "fe80::1%lo", and a port. -EINVAL, -ENODEV; -ERANGE
   when the port is not 0 to 65535. */
int tl_address_numeric(const char *host, size_t length, int port,
                       tl_address *address);
/* 0.0.0.0 and 127.0.0.1, or, with inet6, :: and ::1. -ERANGE. */
int tl_address_any(int inet6, int port, tl_address *address);
int tl_address_loopback(int inet6, int port, tl_address *address);
/* TL_UNIX, TL_INET or TL_INET6; 0 when it is none of them or cut short. */
int tl_address_family(const tl_address *address);
/* -EAFNOSUPPORT when it is neither TL_INET nor TL_INET6. */
int tl_address_port(const tl_address *address);
/* "127.0.0.1", "::1", "fe80::1%2": the interface by its number. Returns the
   length, without a zero at the end; -EAFNOSUPPORT as above, -ENOSPC when size
   is too small, which TL_ADDRESS_TEXT never is. */
int tl_address_host(const tl_address *address, char *text, size_t size);
/* As tl_address_parse reads it; "unix:" for a socket without a name. A path
   that begins with @ is given as "unix:./@path". Returns as above. */
int tl_address_format(const tl_address *address, char *text, size_t size);

/* --- child processes ---------------------------------------------------- */

/* Where a child's descriptor comes from, beside descriptors of ours: it stays
   what it is; /dev/null; for standard error, what standard output is. */
enum { TL_STDIO_INHERIT = -1, TL_STDIO_NULL = -2, TL_STDIO_STDOUT = -3 };

/* What of a tl_spawn is to be done. GROUP: join the process group `group`, 0
   for one of its own. SESSION: begin a session. BLOCKING, for standard input,
   times 2 and 4 for the other two: take O_NONBLOCK off the descriptor. FOLLOWS:
   the kernel sends it TERM when the thread that starts it has ended, however
   that happens, PR_SET_PDEATHSIG(2const); not to a program that gets other
   rights by being run, as with a set-user-ID bit. */
enum {
    TL_SPAWN_GROUP = 1,
    TL_SPAWN_SESSION = 2,
    TL_SPAWN_NICE = 4,
    TL_SPAWN_GID = 8,
    TL_SPAWN_UID = 16,
    TL_SPAWN_BLOCKING = 32,
    TL_SPAWN_FOLLOWS = 256
};

/* Where it failed. */
enum {
    TL_STEP_CLONE = 0,
    TL_STEP_STDIN = 1,
    TL_STEP_STDOUT = 2,
    TL_STEP_STDERR = 3,
    TL_STEP_GROUP = 4,
    TL_STEP_SESSION = 5,
    TL_STEP_NICE = 6,
    TL_STEP_LIMIT = 7, /* the first of limits, the next ones have 8 ... */
    TL_STEP_CWD = 100,
    TL_STEP_GROUPS = 101,
    TL_STEP_GID = 102,
    TL_STEP_UID = 103,
    TL_STEP_FOLLOWS = 104,
    TL_STEP_EXEC = 105
};

/* setrlimit(2); all bits set are no limit. */
typedef struct tl_spawn_limit {
    uint64_t soft;
    uint64_t hard;
    int32_t resource;
} tl_spawn_limit;

typedef struct tl_spawn {
    const char *const *argv; /* ends with NULL; argv[0] names the program */
    const char *const *env;  /* "NAME=value"; NULL: as here */
    const char *path;        /* where a program without a slash is looked for:
                                folders with colons between them */
    const char *cwd;         /* NULL: as here */
    const tl_spawn_limit *limits;
    int32_t limit_count;
    int32_t options; /* TL_SPAWN_... */
    int32_t stdio[3];
    int32_t group;
    int32_t nice; /* -20 to 19, as setpriority(2) */
    uint32_t uid;
    uint32_t gid;
} tl_spawn;

typedef struct tl_spawned {
    int32_t pid;
    int32_t pidfd; /* close-on-exec; readable once it has ended */
    int32_t step;  /* TL_STEP_... of an error */
} tl_spawned;

typedef struct tl_process_exit {
    double user_s; /* processor time of it and of the children it waited for */
    double system_s;
    double max_rss; /* bytes of the largest of them */
    int32_t code;   /* -1 when a signal ended it */
    int32_t signal; /* 0 when it ended by itself */
    int32_t core;   /* it left a core file */
} tl_process_exit;

/* Start a program. Signals that are caught here, and SIGPIPE in any case, have
   their default action there, and none is blocked. Only the three standard
   descriptors stay open.
   Blocks: until the program runs or has failed to, which takes no longer than
   the kernel needs to load it. */
int tl_process_spawn(const tl_spawn *spawn, tl_spawned *spawned);
/* How a child has ended; it is forgotten by this. -EAGAIN: it has not ended.
   -ECHILD: somebody else has asked before. */
int tl_process_reap(int pid, tl_process_exit *ended);
/* The same, but it is not forgotten: its number stays its own, and that of the
   group that it led. */
int tl_process_look(int pid, tl_process_exit *ended);
/* Whether a process of a group runs, one that has ended being none. A look at
   every process there is. -ENOENT: there is no /proc; -EMFILE, -ENFILE ... */
int tl_group_lives(int group);
/* Send a signal to a child that was not reaped; group: to its process group.
   -ESRCH: it has ended. */
int tl_process_kill(int pid, int pidfd, int number, int group);
/* Wait until all have ended, whatever the clock of the loop; pidfds of those
   that have become -1. Without memory in the kernel it does not wait.
   Blocks: at most so many seconds. */
void tl_process_await(int32_t *pidfds, uint32_t count, double seconds);
/* A child has the descriptor of a connection now: close it here, and do nothing
   that the other side could notice. */
void tl_stream_hand_over(tl_loop *loop, uint32_t slot, uint32_t generation);
/* "NAME=value", the last is NULL. */
const char *const *tl_process_environment(void);

/* --- names -------------------------------------------------------------- */

/* A resolver looks up names and knows nothing of the loop: it says which
   descriptors it wants watched and when it wants to be called, and puts
   lookups that are over in a queue. */
typedef struct tl_resolver tl_resolver;

/* Why a name has no addresses. */
enum {
    TL_LOOKUP_NOT_FOUND = 1,
    TL_LOOKUP_NO_DATA = 2, /* the host has none of the family */
    TL_LOOKUP_SERVER_FAILED = 3,
    TL_LOOKUP_REFUSED = 4,
    TL_LOOKUP_UNREACHABLE = 5,
    TL_LOOKUP_TIMED_OUT = 6,
    TL_LOOKUP_BAD_NAME = 7,
    TL_LOOKUP_BAD_ANSWER = 8,
    TL_LOOKUP_NO_MEMORY = 9
};

typedef struct tl_lookup_result {
    uint32_t ticket;
    int32_t status; /* 0 or a TL_LOOKUP_; not 0 when count is 0 */
    uint32_t count;
    /* in the order to try them in, RFC 6724, with port 0; the resolver's own,
       until the next call of tl_resolver_next */
    const tl_address *addresses;
} tl_lookup_result;

/* From now on this descriptor is to be watched for TL_READ | TL_WRITE; 0 for
   no more. */
typedef struct tl_resolver_change {
    int32_t fd;
    int32_t interest;
} tl_resolver_change;

/* Open a resolver, which reads the system's configuration; servers is NULL or
   "127.0.0.1:53,[::1]:5353" to ask these instead. NULL with *error: -ENOMEM;
   -EINVAL for servers; -ENOTSUP for any where the system's resolver is used;
   -EMFILE, -ENFILE, -EAGAIN where it needs a pipe and a thread. */
tl_resolver *tl_resolver_open(const char *servers, int32_t *error);
/* Begin a lookup of a name of at most 253 bytes, none of them zero; family is
   TL_INET, TL_INET6 or 0. It may be over on return. Afterwards, as after
   tl_resolver_process, take all changes and all results. ticket is the
   caller's, one at a time. -ENOMEM. */
int tl_resolver_start(tl_resolver *resolver, const char *name, size_t length,
                      int family, uint32_t ticket);
/* No result for it any more (fine if it was told). */
void tl_resolver_cancel(tl_resolver *resolver, uint32_t ticket);
/* 1 with the next change of what is watched, in order, 0 when there is none. A
   descriptor whose interest is 0 may be closed, and its number another's. */
int tl_resolver_next_change(tl_resolver *resolver, tl_resolver_change *change);
/* Seconds until tl_resolver_process is to be called; negative for never. Walks
   the lookups. */
double tl_resolver_timeout(tl_resolver *resolver);
/* A descriptor is ready, or with -1 and 0, time has passed. */
void tl_resolver_process(tl_resolver *resolver, int fd, int ready);
/* 1 with the next lookup that is over, 0 when there is none. */
int tl_resolver_next(tl_resolver *resolver, tl_lookup_result *result);
/* Whether a cancelled lookup still occupies it; it is over when a descriptor
   is ready. */
int tl_resolver_is_stuck(tl_resolver *resolver);
/* End all its lookups without a result; it waits for none of them. */
void tl_resolver_close(tl_resolver *resolver);
/* "ENOTFOUND" and "host not found" for a TL_LOOKUP_. */
const char *tl_lookup_error_name(int status);
const char *tl_lookup_error_text(int status);

/* --- values ------------------------------------------------------------- */

/* The most seconds a delay may have: int64 nanoseconds, 292 years. */
double tl_max_seconds(void);
/* The least number of nanoseconds that is not less than seconds when read
   back as a double; 0.3 gives 300000000, 1e-10 gives 1. Needs 0 <= seconds
   <= tl_max_seconds. */
int64_t tl_seconds_to_ns(double seconds);
/* "250ms", "1h30m", "1.5s": numbers with units w d h m s ms us ns, largest
   first, each at most once. -EINVAL, -ERANGE. */
int tl_duration_parse(const char *text, size_t length, int64_t *ns);
/* "ENOMEM" and "Cannot allocate memory" for ENOMEM or -ENOMEM, "ELIMIT" and so
   on for TL_LIMIT; "EUNKNOWN" and
   "unknown error" for what is no errno. */
const char *tl_error_name(int error);
const char *tl_error_text(int error);
/* The status for a name, -ENOMEM for "ENOMEM"; 0 for a name that is none, or is
   a second one: the system calls ENOTSUP "EOPNOTSUPP". */
int tl_error_status(const char *name);
