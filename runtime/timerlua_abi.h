/* The binary interface between the C core and Lua.

   The C compiler includes this file and ffi.cdef reads the same bytes, so the
   file has no preprocessor line. Everything Lua may touch is here; the structs
   behind the opaque names are not. Fields that Lua reads often are 32-bit or
   double, because LuaJIT boxes 64-bit ones.

   Scripts can write what they like where Lua keeps slots and generations. So a
   function that is given a handle acts on it only if the handle is of the
   function's own kind and not the host program's; and no address that Lua keeps
   where scripts can write is given to any function.

   No function enters Lua. A function may block only where a line of its
   contract begins with the word Blocks, and only for as long as that line says.
   All other functions return at once, with two exceptions: another process
   takes the data that was ready in a shared description (tl_standard_lend), and
   a socket with TL_OPTION_LINGER is closed. Functions that return int return 0
   or a negative errno, -ESTALE when the handle has ended, unless their
   contracts say otherwise or their names are questions. Times whose names end
   in _ns are in nanoseconds, in _s in seconds. A loop belongs to one thread;
   only tl_loop_wake may be called from any thread and from signal handlers. */

typedef struct tl_loop tl_loop;

enum { TL_ABI_VERSION = 1 };

/* clock_gettime(2): MONOTONIC stands still during suspend, BOOTTIME keeps
   counting, and REALTIME is the wall clock and can be stepped. */
enum { TL_MONOTONIC = 0, TL_REALTIME = 1, TL_BOOTTIME = 2, TL_CLOCKS = 3 };

/* Our own statuses in addition to the negative errnos, and below all of them:
   the peer has ended its direction; the queue's limit is reached; a line is
   longer than receive_limit; the connection is still being made; the connection
   is open for sending only, or for receiving only; the wait has timed out,
   where ETIMEDOUT could also come from TCP; the host's limit on timers, tasks
   or descriptors is reached, see timerlua.h. */
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

/* The kinds of handles. TL_TIMER runs a callback; TL_SLEEP resumes a suspended
   task; TL_TASK starts a task; TL_WATCH reports a file descriptor. TL_STREAM is
   a connection, TL_LISTENER accepts connections, and TL_DATAGRAM is a datagram
   socket; TL_READINESS is a descriptor of the script's that a task waits
   for. */
enum { TL_FREE = 0, TL_TIMER = 1, TL_SLEEP = 2, TL_TASK = 3, TL_WATCH = 4 };
enum { TL_STREAM = 5, TL_LISTENER = 6, TL_DATAGRAM = 7, TL_READINESS = 8 };
enum { TL_KINDS = 9 };

/* Options of tl_timer_start. TL_RECUR: interval_ns is the period; otherwise
   interval_ns is only remembered for a later reset. */
enum { TL_RECUR = 4, TL_UNREF = 8 };

/* The readiness of a watched descriptor, in both directions. In an interest,
   TL_EDGE: report changes only, epoll(7); TL_OURS, in that of tl_watch_start:
   the descriptor is timerlua's own, tl_descriptor_kept. */
enum {
    TL_READ = 1,
    TL_WRITE = 2,
    TL_ERROR = 4,
    TL_HANGUP = 8,
    TL_EDGE = 16,
    TL_OURS = 32
};

/* A handle: a slot of the table and the generation of the slot's use. A slot is
   reused; a (slot, generation) pair never is. Slot 0 is no handle. */
typedef struct tl_id {
    uint32_t slot;
    uint32_t generation;
} tl_id;

/* Handles are kept in pages of 2^TL_PAGE_BITS slots; Lua keeps its data for
   each handle in pages of the same size. */
enum { TL_PAGE_BITS = 10 };

typedef struct tl_handle_info {
    double due;          /* seconds on its clock; for a paused timer, the time
                            left to wait */
    double period;       /* seconds; 0 if there is no period */
    double late;         /* seconds from due to the start of the callback */
    double missed;       /* ticks skipped just before this run */
    double missed_total; /* ticks skipped since the start */
    double runs;         /* callbacks begun */
    int32_t kind;
    int32_t clock;
    int32_t fd;      /* -1 if there is no descriptor */
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
    double sent;         /* bytes the kernel accepted */
    double unsent;       /* bytes taken from scripts and dropped, because the
                            connection broke or was closed first */
    double handles;      /* live now, all kinds */
    double active;       /* handles that keep the loop running */
    double bytes;        /* held by the core's tables */
    double errors;       /* uncaught errors reported so far */
} tl_loop_stats;

/* The dispatcher and Lua share this state of the running callback. */
typedef struct tl_shared {
    uint32_t current_slot; /* the handle whose callback runs, or 0 */
    uint32_t current_generation;
    int32_t adopted;   /* Lua: the running coroutine has become a task */
    int32_t interrupt; /* Lua: leave the run after this callback */
    int32_t stopped;   /* leave the run for good */
    int32_t errors;    /* uncaught errors, for the exit status */
    uint32_t resumes;  /* resumes of coroutines so far: distinguishes successive
                          callbacks on the same handle */
    int32_t errors_told; /* errors already reflected in an exit status */
    double stop_grace_s; /* for what stops the script: handlers, or a callback
                            that has to return first */
    int32_t output_told; /* the loss of standard output has been reported */
} tl_shared;

/* Address families; Linux's numbers, address_families(7). */
enum { TL_UNIX = 1, TL_INET = 2, TL_INET6 = 10 };

/* Reports to the program that embeds the loop. */
enum { TL_TELL_OF_ERROR = 0, TL_TELL_OF_LOG = 1, TL_TELL_OF_SLOWNESS = 2 };
/* The most bytes that one receive takes; a longer datagram is lost. */
enum { TL_SCRATCH_BYTES = 65536 };

/* The text of an address never exceeds this length. */
enum { TL_ADDRESS_TEXT = 128 };

/* A socket address as the kernel takes it: a sockaddr and its length. The bytes
   are aligned for a sockaddr and hold any address that accept(2) and similar
   calls return for these families. */
typedef struct tl_address {
    uint32_t length; /* the number of bytes in use; 0 is no address */
    uint8_t bytes[112];
} tl_address;

/* The meaning of an address's text: an address; a name to be looked up, and a
   port; a port alone; an inherited descriptor. */
enum {
    TL_ENDPOINT_ADDRESS = 1,
    TL_ENDPOINT_NAME = 2,
    TL_ENDPOINT_ANY = 3,
    TL_ENDPOINT_FD = 4
};
typedef struct tl_endpoint {
    int32_t kind;
    int32_t port;         /* 0 for FD and unix: */
    int32_t fd;           /* FD: the number, or -1 for a named descriptor */
    uint32_t host_start;  /* NAME, and FD with a name: the name's position in
                             the text */
    uint32_t host_length; /* 0 if there is no name */
    tl_address address;   /* ADDRESS: with the port */
} tl_endpoint;

/* === base/ ============================================================== */

/* --- values ------------------------------------------------------------- */

/* The longest delay in seconds: int64 nanoseconds, 292 years. */
double tl_max_seconds(void);
/* The smallest number of nanoseconds that, read back as a double, is not less
   than seconds; 0.3 gives 300000000, 1e-10 gives 1. Below 0 and NaN give 0,
   more than tl_max_seconds gives INT64_MAX. */
int64_t tl_seconds_to_ns(double seconds);
/* "250ms", "1h30m", "1.5s": numbers with units w d h m s ms us ns, largest
   first, each at most once. -EINVAL, -ERANGE. */
int tl_duration_parse(const char *text, size_t length, int64_t *ns);
/* "ENOMEM" and "Cannot allocate memory" for ENOMEM or -ENOMEM, "ELIMIT" and so
   on for TL_LIMIT; "EUNKNOWN" and "unknown error" for a number that is not an
   errno. */
const char *tl_error_name(int error);
const char *tl_error_text(int error);
/* The status for a name, -ENOMEM for "ENOMEM"; 0 for an unknown name or an
   alias: the system calls ENOTSUP "EOPNOTSUPP". */
int tl_error_status(const char *name);

/* === sys/ =============================================================== */

/* --- constants of the system's headers ---------------------------------- */

/* The value of a name such as "SO_REUSEADDR"; -EINVAL for an unknown name. */
int64_t tl_system_constant(const char *name);

/* --- addresses ---------------------------------------------------------- */

/* "127.0.0.1:80", "[::1]:80", "[fe80::1%lo]:80", "localhost:80", ":80",
   "unix:/path", "unix:@abstract", "fd:3", "fd:name". The endpoint is written
   only on success; no name is looked up.
   -EINVAL: none of these forms.
   -ERANGE: the port is not 0 to 65535 in 1 to 5 digits.
   -ENAMETOOLONG: a path or abstract name of more than 107 bytes, a host name of
   more than 253 or with a label of more than 63, or a descriptor name of more
   than 255.
   -EAFNOSUPPORT: an IPv6 address without its brackets.
   -ENODEV: no interface has the name after the %.
   -EBADF: a descriptor number that is not an int. */
int tl_address_parse(const char *text, size_t length, tl_endpoint *endpoint);
/* "127.0.0.1", "::1", "fe80::1%lo", and a port. -EINVAL, -ENODEV; -ERANGE if
   the port is not 0 to 65535. */
int tl_address_numeric(const char *host, size_t length, int port,
                       tl_address *address);
/* 0.0.0.0 and 127.0.0.1, or, with inet6, :: and ::1. -ERANGE. */
int tl_address_any(int inet6, int port, tl_address *address);
int tl_address_loopback(int inet6, int port, tl_address *address);
/* TL_UNIX, TL_INET or TL_INET6; 0 for another family or a truncated address. */
int tl_address_family(const tl_address *address);
/* -EAFNOSUPPORT if the address is neither TL_INET nor TL_INET6. */
int tl_address_port(const tl_address *address);
/* "127.0.0.1", "::1", "fe80::1%2": the interface is written as its number.
   Returns the length, without a terminating zero; -EAFNOSUPPORT as above;
   -ENOSPC if size is too small, which TL_ADDRESS_TEXT never is. */
int tl_address_host(const tl_address *address, char *text, size_t size);
/* In the form that tl_address_parse reads; "unix:" for a socket without a name.
   A path that begins with @ is written as "unix:./@path". Returns as above. */
int tl_address_format(const tl_address *address, char *text, size_t size);

/* --- descriptors of any kind -------------------------------------------- */

/* Close any descriptor that was opened through this interface. */
void tl_descriptor_close(int fd);
/* Returns a duplicate of fd, close-on-exec, or a negative errno. */
int tl_descriptor_duplicate(int fd);

/* The descriptor of a C stream, a FILE, for Lua's io files; -1 if there is
   none. */
int tl_stdio_descriptor(void *stream);
/* Whether data written to a C stream was lost, ferror(3): 0 or a negative
   errno, which is the cause if the last call was the one that failed. */
int tl_stdio_failed(void *stream);

/* --- sockets as the kernel has them ------------------------------------- */

enum { TL_SOCKET_STREAM = 0, TL_SOCKET_DATAGRAM = 1 };
enum { TL_SHUTDOWN_RECEIVE = 0, TL_SHUTDOWN_SEND = 1, TL_SHUTDOWN_BOTH = 2 };

/* setsockopt(2), tcp(7), ip(7), ipv6(7). Values are 0 or 1, except for
   KEEPALIVE (seconds of silence before the first probe, 0 for none), LINGER
   (seconds that close(2) may take, socket(7), or TL_LINGER_OFF), DEFER_ACCEPT
   (seconds), SNDBUF and RCVBUF (bytes), and TTL and MULTICAST_TTL (hops). */
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

/* Returns a new socket, non-blocking and close-on-exec, for addresses of this
   family, or a negative errno. */
int tl_socket_open(const tl_address *address, int kind);
int tl_socket_bind(int fd, const tl_address *address);
int tl_socket_listen(int fd, int backlog);
int tl_socket_set(int fd, int option, int value);
int tl_socket_get(int fd, int option); /* negative errno below TL_LINGER_OFF */
/* The socket's own address, or its peer's. */
int tl_socket_name(int fd, int peer, tl_address *address);
/* Whether a socket that has been connected to this address is its own peer, as
   TCP allows. */
int tl_socket_is_own_peer(int fd, const tl_address *to);
/* The type of an inherited descriptor, TL_SOCKET_STREAM or TL_SOCKET_DATAGRAM.
   The descriptor is made non-blocking and close-on-exec, and *listening is set.
   -EBADF, -ENOTSOCK. */
int tl_socket_inherit(int fd, int *listening);
/* Join or leave a multicast group on an interface; NULL for any interface. */
int tl_socket_group(int fd, const tl_address *group, const char *interface,
                    int join);
int tl_socket_multicast_from(int fd, const char *interface);
/* The file of a bound Unix socket: 0, or -EINVAL for a socket without a
   file. */
typedef struct tl_file {
    uint64_t device;
    uint64_t inode;
} tl_file;
int tl_socket_file(const tl_address *address, tl_file *file);
/* Remove the file, unless its name belongs to another file by now. */
void tl_socket_unlink(const tl_address *address, const tl_file *file);
/* Bind and, unless backlog is below 0, listen. The file of a Unix socket never
   has more permissions than mode, and has these at the end; below 0:
   those that the umask leaves. take_over: a file of a socket that nobody has
   any more is removed first. -EADDRINUSE: the path is in use, or another
   process is taking over a file of the same folder. After another error than
   -EADDRINUSE, the file may be there.
   Blocks: for 0.1 s at most, while another process takes over. */
int tl_socket_bind_file(int fd, const tl_address *address, int mode,
                        int take_over, int backlog);

/* --- plain sockets ------------------------------------------------------ */

/* Returns the descriptor of a new socket, non-blocking and close-on-exec. */
int tl_plain_open(int family, int type, int protocol);
int tl_plain_pair(int family, int type, int protocol, int32_t *pair);
/* Returns the new connection, non-blocking and close-on-exec; sets *peer. */
int tl_socket_accept(int fd, tl_address *peer);
/* 0 when connected, or -EINPROGRESS. -EAGAIN: a Unix socket's backlog is full,
   unix(7); try again later. */
int tl_socket_connect(int fd, const tl_address *address);
/* The pending error, SO_ERROR, as a negative errno; 0 if there is none. */
int tl_socket_error(int fd);
/* TL_SHUTDOWN_... */
int tl_socket_shutdown(int fd, int how);
/* Returns the number of bytes received; 0 is the end of a stream. flags:
   MSG_PEEK and others, recv(2). -EAGAIN: the call would block. *from is set
   unless from is NULL. The part of a datagram that does not fit is lost. */
int tl_plain_receive(int fd, char *bytes, uint32_t room, int flags,
                     tl_address *from);
/* Returns the number of bytes from `start` to `count` that the kernel accepted,
   without SIGPIPE. If to is NULL, the bytes go to the connected address.
   -EAGAIN. */
int tl_plain_send(int fd, const char *bytes, size_t start, size_t count,
                  int flags, const tl_address *to);
/* Any option: setsockopt(2) takes the bytes unchanged; getsockopt(2) fills
   them, and their number is returned. */
int tl_plain_set(int fd, int level, int name, const char *bytes,
                 uint32_t count);
int tl_plain_get(int fd, int level, int name, char *bytes, uint32_t room);

/* --- pipes and files ---------------------------------------------------- */

/* Create two connected descriptors, non-blocking and close-on-exec: the reading
   and writing ends of a pipe, or a pair of Unix stream sockets. -EMFILE,
   -ENFILE. */
int tl_file_pipe(int32_t *fds);
int tl_socket_pair(int32_t *fds);

int tl_file_is_terminal(int fd);

/* --- child processes ---------------------------------------------------- */

/* The source of a child's descriptor, if not one of our descriptors: inherited
   unchanged; /dev/null; or, for standard error, the same as standard output. */
enum { TL_STDIO_INHERIT = -1, TL_STDIO_NULL = -2, TL_STDIO_STDOUT = -3 };

/* Options of a tl_spawn. GROUP: join the process group `group`; 0 for a new
   group. SESSION: begin a session. BLOCKING, for standard input, and times 2
   and 4 for the other two streams: remove O_NONBLOCK from the descriptor.
   FOLLOWS: the kernel sends the child TERM when the thread that started the
   child has ended, for whatever reason, PR_SET_PDEATHSIG(2const); this does not
   work for a program that gains privileges when run, as with a set-user-ID
   bit. */
enum {
    TL_SPAWN_GROUP = 1,
    TL_SPAWN_SESSION = 2,
    TL_SPAWN_NICE = 4,
    TL_SPAWN_GID = 8,
    TL_SPAWN_UID = 16,
    TL_SPAWN_BLOCKING = 32,
    TL_SPAWN_FOLLOWS = 256
};

/* The step that failed. */
enum {
    TL_STEP_CLONE = 0,
    TL_STEP_STDIN = 1,
    TL_STEP_STDOUT = 2,
    TL_STEP_STDERR = 3,
    TL_STEP_GROUP = 4,
    TL_STEP_SESSION = 5,
    TL_STEP_NICE = 6,
    TL_STEP_LIMIT = 7, /* the first of limits; the next ones are 8 ... */
    TL_STEP_CWD = 100,
    TL_STEP_GROUPS = 101,
    TL_STEP_GID = 102,
    TL_STEP_UID = 103,
    TL_STEP_FOLLOWS = 104,
    TL_STEP_EXEC = 105
};

/* setrlimit(2); all bits set means no limit. */
typedef struct tl_spawn_limit {
    uint64_t soft;
    uint64_t hard;
    int32_t resource;
} tl_spawn_limit;

typedef struct tl_spawn {
    const char *const *argv; /* ends with NULL; argv[0] names the program */
    const char *const *env;  /* "NAME=value"; NULL: as here */
    const char *path;        /* the directories, separated by colons, in which a
                                program without a slash is looked up */
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
    int32_t pidfd; /* close-on-exec; readable once the child has ended */
    int32_t step;  /* TL_STEP_... if there was an error */
} tl_spawned;

typedef struct tl_process_exit {
    double user_s; /* processor time of the child and of its own reaped
                      children */
    double system_s;
    double max_rss; /* bytes; of the largest of these processes */
    int32_t code;   /* -1 if a signal ended the child */
    int32_t signal; /* 0 if the child ended by itself */
    int32_t core;   /* the child left a core file */
} tl_process_exit;

/* Start a program. Signals that are caught here, and SIGPIPE in any case, have
   their default action in the child, and no signal is blocked. Only the three
   standard descriptors stay open.
   Blocks: until the program runs or has failed to start, which takes no longer
   than the kernel needs to load the program. */
int tl_process_spawn(const tl_spawn *spawn, tl_spawned *spawned);
/* Return how a child has ended, and forget the child. -EAGAIN: the child has
   not ended. -ECHILD: other code has reaped the child before. */
int tl_process_reap(int pid, tl_process_exit *ended);
/* The same, but the child is not forgotten: its number remains reserved, and so
   does the number of a group that it led. */
int tl_process_look(int pid, tl_process_exit *ended);
/* Whether a process of a group runs; an ended process does not count. Looks at
   every process of the system. -ENOENT: there is no /proc; -EMFILE, -ENFILE
   ... */
int tl_group_lives(int group);
/* Send a signal to a child that was not reaped; group: to the child's process
   group. -ESRCH: the child has ended. */
int tl_process_kill(int pid, int pidfd, int number, int group);
/* Wait until all children have ended, regardless of the loop's clock; the
   pidfds of ended children are set to -1. If the kernel lacks memory, the
   function does not wait.
   Blocks: for at most this many seconds. */
void tl_process_await(int32_t *pidfds, uint32_t count, double seconds);
/* "NAME=value"; the last entry is NULL. */
const char *const *tl_process_environment(void);
int tl_process_id(void);

/* --- limits of the process ---------------------------------------------- */

/* The number of descriptors that the process may have, and the limit to which
   the process may raise that number, getrlimit(2); infinity if there is no
   limit. */
int tl_limits_nofile(double *soft, double *hard);
/* Set the soft limit, 0 <= soft <= 2^53, and raise a lower hard limit to the
   same value. -EPERM: more than the process may have. */
int tl_limits_set_nofile(double soft);
/* RLIMIT_NOFILE for "nofile" and so on; -EINVAL for an unknown name. */
int tl_limits_resource(const char *name);

/* --- file events -------------------------------------------------------- */

/* inotify(7): its events, each followed by a name if length is not 0, padded
   with zeros to length; and its constants. */
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

/* Returns a descriptor that is readable when there are events, to be closed by
   tl_descriptor_close. -EMFILE, -ENFILE, -ENOMEM. */
int tl_inotify_open(void);
/* Watch the file that a path names for additional events. Returns the number of
   the watch, which is the same for the same file; -ENOENT, -ENOTDIR, -EACCES,
   -ENOSPC ... */
int tl_inotify_add(int fd, const char *path, uint32_t mask);
/* Remove a watch (fine if the watch has ended). */
void tl_inotify_remove(int fd, int watch);
/* Take whole events. Returns the number of bytes, or -EAGAIN. */
int tl_inotify_read(int fd, char *bytes, int room);
/* Room for any path, including the terminating zero: PATH_MAX. */
enum { TL_PATH_ROOM = 4096 };
/* Returns 0 or a negative errno; text is zero-terminated. */
int tl_working_directory(char *text, int room);
/* Read the target of a symbolic link, without a terminating zero. Returns the
   number of bytes, or -EINVAL (not a symbolic link), -ENOENT ... */
int tl_link_target(const char *path, char *text, int room);

/* A number that tells two states of a file apart: of its inode, size and time
   of modification, and for a directory of its inode. Or a negative errno:
   stat(2). The number is at least 0; two states have the same by chance once in
   2^53. */
double tl_file_stamp(const char *path);
/* A directory's entries, in no order; opendir(3). -ENOENT, -ENOTDIR, -EACCES,
   -EMFILE, -ENFILE, -ENOMEM. */
typedef struct tl_listing tl_listing;
int tl_listing_open(tl_listing **listing, const char *path);
/* The next entry but "." and "..", itself if it is a link: 1, 0 at the end, or
   a negative errno. The name is valid until the next call. */
int tl_listing_next(tl_listing *listing, const char **name, double *stamp);
void tl_listing_close(tl_listing *listing);
/* Read a regular file of less than `room` bytes. Returns the number of bytes,
   without a terminating zero; -EFBIG, -EINVAL (not a regular file), -EISDIR,
   -ENOENT, -EACCES ... */
int tl_file_content(const char *path, char *bytes, int room);

/* --- service managers --------------------------------------------------- */

/* Send a text to a service manager's socket, sd_notify(3): a path, or "@" and
   the name of an abstract socket. -EAGAIN when the socket's queue is full. */
int tl_manager_tell(const char *socket, const char *text, uint32_t length);
/* CLOCK_MONOTONIC itself, even while time is virtual; in microseconds. */
double tl_manager_clock(void);

/* Write the process's number into a file that appears complete and is locked by
   flock(2) while the process lives. *holder: for -EEXIST, the process that
   holds the file, 0 if that number cannot be read. The file is removed by
   tl_pid_file_remove or exit(3), unless another file has its name by then; a
   killed process leaves the file behind, and the next process replaces it.
   -ENOTUNIQ: the name belongs to another file, whose content is not a number
   and which stays unchanged. */
typedef struct tl_pid_file tl_pid_file;
int tl_pid_file_make(tl_pid_file **file, const char *path, int32_t *holder);
void tl_pid_file_remove(tl_pid_file *file);

/* --- timer descriptors -------------------------------------------------- */

/* Timers as the kernel has them, timerfd_create(2): clocks, flags and errors
   are Linux's. initial_ns is the time left until the timer expires or, in a
   setting with the flag for absolute times, the instant on the timer's clock;
   0: the timer is stopped. interval_ns: 0, the timer expires once. */
typedef struct tl_timerfd_setting {
    int64_t initial_ns;
    int64_t interval_ns;
} tl_timerfd_setting;

/* Returns a new descriptor; -EINVAL, -EPERM, -EMFILE, -ENFILE, -ENODEV,
   -ENOMEM. */
int tl_timerfd_create(int clock, int flags);
/* Set the timer or, with initial_ns 0, stop it; both times >= 0. *before
   receives the previous setting. -EBADF, -EINVAL; -ECANCELED: the clock was
   stepped before, the new setting applies, and *before is unknown. */
int tl_timerfd_settime(int fd, int flags, int64_t initial_ns,
                       int64_t interval_ns, tl_timerfd_setting *before);
int tl_timerfd_gettime(int fd, tl_timerfd_setting *setting);
/* The number of expirations since the timer was last read or set, at least 1;
   or a negative errno: -EAGAIN, not yet; -ECANCELED, the clock was stepped;
   -EBADF; -EINVAL, fd is not a timer. look: fd may be blocking, so poll it
   first.
   Blocks: without look, until the timer expires, if fd is blocking. */
double tl_timerfd_read(int fd, int look);
/* Whether reads of fd are non-blocking: 1, 0, -EBADF. */
int tl_timerfd_nonblocking(int fd);
int tl_timerfd_close(int fd);

/* --- epoll and poll for scripts ----------------------------------------- */

/* A descriptor and its readiness, EPOLLIN and so on. The rest is room for the
   kernel's own form, from which these fields are filled in place. */
typedef struct tl_ready_fd {
    int32_t fd;
    uint32_t events;
    uint32_t spare[2];
} tl_ready_fd;

/* Returns a new epoll set, close-on-exec, or a negative errno. */
int tl_epoll_open(void);
/* The operations of epoll_ctl(2). */
enum { TL_EPOLL_ADD = 1, TL_EPOLL_DEL = 2, TL_EPOLL_MOD = 3 };
int tl_epoll_control(int set, int operation, int fd, uint32_t events);
/* Returns the number of entries of `ready` that were filled, at most `most` (at
   least 1); or a negative errno, -EINTR after a signal.
   Blocks: for at most *timeout_ns, from which the elapsed time is subtracted;
   negative: indefinitely; 0: not at all. */
int tl_epoll_wait(int set, tl_ready_fd *ready, int most, int64_t *timeout_ns);

/* struct pollfd of poll(2); a negative fd is skipped. */
typedef struct tl_poll_fd {
    int32_t fd;
    int16_t events;
    int16_t revents;
} tl_poll_fd;

/* Returns the number of entries that have revents, or a negative errno.
   Blocks: as tl_epoll_wait does. */
int tl_poll_wait(tl_poll_fd *fds, int count, int64_t *timeout_ns);
/* Add the entries to an epoll set that reports when any of them has news, which
   need not be what the entry asked for: the caller waits on the set and then
   polls again. Returns 1 if there is news already, 0 if not, or a negative
   errno: -ENOMEM, -ENOSPC, -ELOOP. */
int tl_poll_gather(const tl_poll_fd *fds, int count, int set);

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
    TL_KQ_LAST = -13 /* filters between these that are not listed are not
                        supported */
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
    int32_t ended; /* set by the queue: the event's descriptor was closed */
} tl_kevent;

/* Returns NULL and sets *error on failure: -ENOMEM, -EMFILE, -ENFILE. */
tl_kqueue *tl_kqueue_open(int32_t *error);
/* Close the queue and all that it opened; signals that the queue blocked are
   unblocked. */
void tl_kqueue_close(tl_kqueue *queue);
/* The queue's epoll descriptor: readable when there may be an event to take.
   Once tl_kqueue_take has returned 0, the descriptor is not readable again
   until there is an event. */
int tl_kqueue_fd(const tl_kqueue *queue);
/* Add, modify, delete, enable or disable. -ENOENT: the event to be changed does
   not exist. -ENOTSUP: Linux has no equivalent of the filter or of one of its
   notes. -EINVAL: no such filter; no such signal; a timer with a negative time
   or with two units; this queue itself. -EBADF; -ESRCH: no such process.
   -EBUSY: the signal is already blocked, so other code takes it. From the
   carriers: -EMFILE, -ENFILE, -ENOMEM, -ENOSPC, -EACCES (a file that may not be
   read cannot be watched) ... */
int tl_kqueue_change(tl_kqueue *queue, const tl_kevent *change);
/* Take the events that are there now, at most `most` (at least 1). Returns
   their number. */
int tl_kqueue_take(tl_kqueue *queue, tl_kevent *events, int most);
/* Returns 1 for each event that has ended since the last call: the event was
   deleted or reported for the last time, its descriptor was closed, or a change
   of the event failed. Sets ident and filter. Returns 0 when there are no
   more. */
int tl_kqueue_ended(tl_kqueue *queue, tl_kevent *event);
/* Wait until the queue's descriptor is readable. Returns 1 when it is readable,
   0 when the time is over, or -EINTR.
   Blocks: as tl_epoll_wait does. */
int tl_kqueue_block(const tl_kqueue *queue, int64_t *timeout_ns);

/* --- names -------------------------------------------------------------- */

/* A resolver looks up names and knows nothing of the loop: the resolver reports
   the descriptors to be watched and the time of its next call, and puts
   finished lookups in a queue. */
typedef struct tl_resolver tl_resolver;

/* Reasons why a name has no addresses. */
enum {
    TL_LOOKUP_NOT_FOUND = 1,
    TL_LOOKUP_NO_DATA = 2, /* the host has no address of the family */
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
    /* in the order in which to try them, RFC 6724, with port 0; owned by the
       resolver until the next call of tl_resolver_next */
    const tl_address *addresses;
} tl_lookup_result;

/* This descriptor is now to be watched for TL_READ | TL_WRITE; 0 to stop
   watching. */
typedef struct tl_resolver_change {
    int32_t fd;
    int32_t interest;
} tl_resolver_change;

/* Open a resolver, which reads the system's configuration; servers is NULL, or
   a list such as "127.0.0.1:53,[::1]:5353" of servers to ask instead. Returns
   NULL and sets *error on failure: -ENOMEM; -EINVAL for invalid servers;
   -ENOTSUP for any servers if the system's resolver is used; -EMFILE, -ENFILE,
   -EAGAIN if the resolver needs a pipe and a thread. */
tl_resolver *tl_resolver_open(const char *servers, int32_t *error);
/* Begin a lookup of a name of at most 253 bytes, none of them zero; family is
   TL_INET, TL_INET6 or 0. The lookup may be over on return. Afterwards, as
   after tl_resolver_process, take all changes and all results. The caller
   chooses ticket; each ticket is for one lookup at a time. -ENOMEM. */
int tl_resolver_start(tl_resolver *resolver, const char *name, size_t length,
                      int family, uint32_t ticket);
/* Drop the result of a lookup (fine if the result was reported). */
void tl_resolver_cancel(tl_resolver *resolver, uint32_t ticket);
/* Returns 1 and the next change of the watched descriptors, in order, or 0 if
   there is none. A descriptor whose interest is 0 may be closed, and its number
   may belong to another file. */
int tl_resolver_next_change(tl_resolver *resolver, tl_resolver_change *change);
/* Seconds until tl_resolver_process is to be called; negative for never. Walks
   the lookups. */
double tl_resolver_timeout(tl_resolver *resolver);
/* A descriptor is ready or, with -1 and 0, time has passed. */
void tl_resolver_process(tl_resolver *resolver, int fd, int ready);
/* Returns 1 and the next finished lookup, or 0 if there is none. */
int tl_resolver_next(tl_resolver *resolver, tl_lookup_result *result);
/* Whether a cancelled lookup still occupies the resolver; the lookup is over
   when a descriptor is ready. */
int tl_resolver_is_stuck(tl_resolver *resolver);
/* End all lookups without a result, and wait for none of them. */
void tl_resolver_close(tl_resolver *resolver);
/* "ENOTFOUND" and "host not found" for a TL_LOOKUP_ status. */
const char *tl_lookup_error_name(int status);
const char *tl_lookup_error_text(int status);

/* === loop/ ============================================================== */

/* --- loop --------------------------------------------------------------- */

tl_shared *tl_loop_shared(tl_loop *loop);
/* How long after its deadline a timer may run so that one sleep serves several
   timers. Slack never delays a lone timer. */
void tl_loop_set_slack(tl_loop *loop, int64_t slack_ns);
int64_t tl_loop_slack_ns(tl_loop *loop);
/* Deliver steps of the wall clock even while no timer follows that clock.
   -EMFILE, -ENFILE, -ENOMEM. */
int tl_loop_want_jumps(tl_loop *loop, int on);
/* End a blocking wait; the reason (a signal's number, TL_REASON_STOP + an exit
   status from 0 to 255, or 0) is kept until it is taken. Async-signal-safe;
   callable from any thread. */
enum { TL_REASON_STOP = 256 };
void tl_loop_wake(tl_loop *loop, int reason);
/* Keep the loop running even though no handle does, or stop doing so. */
void tl_loop_hold(tl_loop *loop, int on);
/* Leave the run for good, after this callback. */
void tl_loop_stop(tl_loop *loop);
/* Whether a timer is due by now. */
int tl_loop_due(tl_loop *loop);
void tl_loop_stats_get(tl_loop *loop, tl_loop_stats *stats);
/* The lateness of the callbacks begun so far, to within 1/16 of its value.
   quantile is 0..1; 0 if no timer has fired. */
double tl_lateness_count(tl_loop *loop);
double tl_lateness_quantile(tl_loop *loop, double quantile);
double tl_lateness_mean(tl_loop *loop);

/* --- clock -------------------------------------------------------------- */

/* Fresh readings; that of TL_MONOTONIC may be up to 1 us behind
   clock_gettime(2), and is never ahead. */
double tl_now(tl_loop *loop, int clock);
int64_t tl_now_ns(tl_loop *loop, int clock);
/* Make time virtual, starting from the present reading of each clock; wall_ns <
   0 keeps the wall clock's reading too. Or make time real again: -EBUSY while
   timers are armed. */
int tl_clock_virtual(tl_loop *loop, int64_t wall_ns);
/* The same from readings that are alike in every run: 0, and wall_ns for the
   wall clock. -EBUSY while timers are armed. */
int tl_clock_virtual_from(tl_loop *loop, int64_t wall_ns);
int tl_clock_real(tl_loop *loop);
int tl_clock_is_virtual(tl_loop *loop);
/* Virtual time only, otherwise -EPERM. Step the wall clock; add suspended time,
   seen by the boottime and wall clocks but not by the monotonic clock. */
int tl_clock_step_wall(tl_loop *loop, int64_t step_ns);
int tl_clock_suspend(tl_loop *loop, int64_t asleep_ns);

/* --- handles ------------------------------------------------------------ */

/* Allocate a handle that is not queued: for tasks and sleeps that are woken by
   tl_wait_wake. -ECHILD in a forked process, where nothing wakes them. */
int tl_handle_open(tl_loop *loop, tl_id *id, int kind);
/* "timer" for TL_TIMER and so on, as in the field `kind` of an object in Lua;
   NULL for an unknown kind. */
const char *tl_kind_name(tl_loop *loop, int kind);
int tl_handle_info_get(tl_loop *loop, uint32_t slot, uint32_t generation,
                       tl_handle_info *info);
/* The generation of the first live handle at or after *slot, and *slot set to
   the handle's slot; 0 if there is none. Walks the table. */
uint32_t tl_handle_walk(tl_loop *loop, uint32_t *slot);
/* End every handle. Nothing more is reported about
   these handles; connections send their queued data and then close. The
   standard streams stay open for remaining output. Descriptors of watches stay
   with their owners. */
void tl_loop_drop(tl_loop *loop);
/* The handle's callback is over: the handle ends unless it is queued or paused.
   Returns 1 if the handle ended. */
int tl_handle_done(tl_loop *loop, uint32_t slot, uint32_t generation);

/* --- timers ------------------------------------------------------------- */

/* Start a one-shot timer on the monotonic clock, delay_s from now, 0 <= delay_s
   <= tl_max_seconds. The short form of tl_timer_start, for the hot path. */
int tl_timer_after(tl_loop *loop, tl_id *id, double delay_s);
/* Start a timer of any form. first_ns is the deadline on the timer's clock if
   absolute is set, otherwise the delay. options: a clock | TL_RECUR |
   TL_UNREF. */
int tl_timer_start(tl_loop *loop, tl_id *id, int64_t first_ns,
                   int64_t interval_ns, int options, int absolute);
/* Queue a timer again, delay_ns from now; or, if delay_ns <
   0, after the handle's own interval from now, or at the time that the handle's
   repetition gives as the next after now. -EINVAL: the handle was started at an
   instant, or its repetition is over. The previous setting no longer
   applies. */
int tl_timer_rearm(tl_loop *loop, uint32_t slot, uint32_t generation,
                   int64_t delay_ns);
/* The hot form of tl_timer_rearm: seconds, in the range of tl_timer_after. */
int tl_timer_reset(tl_loop *loop, uint32_t slot, uint32_t generation,
                   double delay_s);
/* Like tl_timer_rearm, but for an instant: nanoseconds on the handle's clock,
   any int64. An instant in the past is due on the next turn, in the order of
   the instants, and late by the time since; INT64_MAX is never reached. The
   grid of a recurring timer is anchored again at the instant. */
int tl_timer_rearm_at(tl_loop *loop, uint32_t slot, uint32_t generation,
                      int64_t deadline_ns);
/* Change the period, or make a one-shot timer periodic, or a periodic timer
   one-shot (0). */
int tl_timer_period(tl_loop *loop, uint32_t slot, uint32_t generation,
                    int64_t period_ns);
/* Leave the queue for good. TL_CANCELLED: the handle was queued or paused.
   TL_ENDED: this call ended the handle; forget its callback. Otherwise the
   handle lives on, because its callback runs, or it has ended with many others
   whose callbacks are forgotten together, in the next turn or, with TL_FULL,
   now. */
enum { TL_CANCELLED = 1, TL_ENDED = 2, TL_FULL = 4 };
int tl_timer_cancel(tl_loop *loop, uint32_t slot, uint32_t generation);

/* The current deadline, in seconds on the handle's clock; NaN when not
   queued. */
double tl_timer_deadline(tl_loop *loop, uint32_t slot, uint32_t generation);
/* Set whether the timer keeps the loop running while it waits. */
int tl_timer_ref(tl_loop *loop, uint32_t slot, uint32_t generation, int on);
/* Leave the queue and keep the time left to wait; and resume the wait. */
int tl_timer_pause(tl_loop *loop, uint32_t slot, uint32_t generation);
int tl_timer_resume(tl_loop *loop, uint32_t slot, uint32_t generation);

/* --- waits -------------------------------------------------------------- */

/* For suspended tasks and for tasks that are about to begin: TL_SLEEP and
   TL_TASK. Start a wait that ends by itself, delay_s or delay_ns from now.
   -ECHILD in a forked process. */
int tl_sleep_after(tl_loop *loop, tl_id *id, double delay_s);
int tl_sleep_start(tl_loop *loop, tl_id *id, int64_t delay_ns);
/* Have the wait end, or the task begin, on the next turn. */
int tl_wait_wake(tl_loop *loop, uint32_t slot, uint32_t generation);
/* As tl_timer_deadline. */
double tl_wait_deadline(tl_loop *loop, uint32_t slot, uint32_t generation);
/* End the handle: nothing is resumed. */
int tl_wait_close(tl_loop *loop, uint32_t slot, uint32_t generation);

/* --- watched descriptors ------------------------------------------------ */

/* Watch fd; interest is a combination of TL_READ | TL_WRITE | TL_EDGE, and
   TL_OURS. -EBADF, -EPERM (a regular file), -EEXIST (watched already), -ENOSPC
   from epoll_ctl(2). */
int tl_watch_start(tl_loop *loop, tl_id *id, int fd, int interest);
/* Watch for another interest from now on. With 0 the watch rests: it reports
   nothing, not even errors, and does not keep the loop running. Errors as
   above, after which the watch rests. */
int tl_watch_interest(tl_loop *loop, uint32_t slot, uint32_t generation,
                      int interest);

/* End a watch and close its descriptor, which no other process has for long. A
   child that is being started may have the descriptor for a moment, so the
   watch should be edge-triggered: until then the kernel keeps reporting the
   descriptor. */
void tl_watch_close(tl_loop *loop, uint32_t slot, uint32_t generation);
/* As tl_timer_cancel and tl_timer_ref. */
int tl_watch_cancel(tl_loop *loop, uint32_t slot, uint32_t generation);
int tl_watch_ref(tl_loop *loop, uint32_t slot, uint32_t generation, int on);

/* --- readiness of the script's own descriptors -------------------------- */

/* Create a place for waits for fd, which still belongs to the caller. fd enters
   the poller with the first wait and leaves the poller when fd is reported and
   no task waits, so that a task which waits repeatedly costs no epoll_ctl(2).
   -ENOMEM. */
int tl_readiness_open(tl_loop *loop, tl_id *id, int fd);
/* Resume the waiting handle, with no values, when fd is ready for one of
   interest, TL_READ | TL_WRITE, or has an error or a hang-up. -EBUSY: another
   handle waits. -EEXIST: fd has another use in this loop. -EBADF, -EPERM (a
   regular file), -ENOSPC, -ENOMEM: epoll_ctl(2). */
int tl_readiness_await(tl_loop *loop, uint32_t slot, uint32_t generation,
                       int interest, uint32_t waiter_slot,
                       uint32_t waiter_generation);
/* Call before fd is closed; the waiting handle is resumed (fine if the handle
   has ended). */
void tl_readiness_close(tl_loop *loop, uint32_t slot, uint32_t generation);
int tl_readiness_ref(tl_loop *loop, uint32_t slot, uint32_t generation, int on);
/* Wait for fd. Returns 1 when fd is ready, 0 when the time is over, -EBADF, or
   -EINTR after a signal. A negative fd is never ready.
   Blocks: for at most *timeout_ns, from which the elapsed time is subtracted;
   negative: indefinitely; 0: not at all. */
int tl_readiness_block(int fd, int interest, int64_t *timeout_ns);

/* --- signals ------------------------------------------------------------ */

/* A received signal, as signalfd(2) reports it. */
typedef struct tl_signal {
    int32_t number;
    int32_t pid;   /* the sender; 0: the kernel */
    uint32_t uid;  /* valid if pid is not 0 */
    int32_t value; /* the value given to sigqueue(3) */
    int32_t has_value;
} tl_signal;

/* The signal's name without SIG, "TERM"; NULL for signals without a name, such
   as the realtime signals. */
const char *tl_signal_name(int number);
/* The first or the last realtime signal, signal(7). */
int tl_signal_realtime(int last);

/* Start to receive a signal through the returned descriptor, the same for all
   signals: the descriptor is readable when a signal has arrived. The calling
   thread blocks the signal in the meantime; the process's disposition of the
   signal stays set. -EMFILE, -ENFILE, -ENOMEM; -ECHILD in a forked child. */
int tl_signals_listen(tl_loop *loop, int number);
/* Take the next signal that has arrived. Returns 1, or 0 if there is none. */
int tl_signals_next(tl_loop *loop, tl_signal *signal);
/* Stop receiving a signal; the mask is restored. Signals still pending go to
   the process's handler; without a handler they are dropped, and the number
   dropped is returned. again: a signal already taken is also to be sent to the
   handler. The descriptor is closed with the last signal. */
int tl_signals_leave(tl_loop *loop, int number, int again);
/* While on, programs that are started do not begin with these signals blocked
   (except realtime signals); signals that arrive in the meantime wait to be
   taken. For use around every call that starts a program and knows nothing of
   masks. While on, and afterwards until tl_signals_leave, a signal has a
   handler. -ENOMEM, -ECHILD. */
int tl_signals_lend(tl_loop *loop, int on);

/* === net/ =============================================================== */

/* --- connections -------------------------------------------------------- */

/* Options of a connection. FLOWING: data goes to the connection's callback as
   it arrives; otherwise data stays until a reader takes it. FILE: the
   descriptor is not a socket and is used by read(2) and writev(2); a descriptor
   that epoll refuses, such as a regular file, is always ready. SEND_ONLY,
   RECEIVE_ONLY: an end of a pipe; shutting down its direction closes the
   connection. SHARED: other processes use the connection too, so closing it
   only closes the descriptor. */
enum { TL_STREAM_FLOWING = 1, TL_STREAM_EDGE = 2, TL_STREAM_FILE = 4 };
enum { TL_STREAM_SEND_ONLY = 0x10000, TL_STREAM_RECEIVE_ONLY = 0x20000 };
enum { TL_STREAM_SHARED = 0x40000 };

/* The request of a reader: up to count bytes, exactly count bytes, a line, all
   bytes until the end; a report when more than count bytes are buffered; or the
   bytes before a text of count bytes, which is consumed with them. */
enum {
    TL_WANT_SOME = 0,
    TL_WANT_COUNT = 1,
    TL_WANT_LINE = 2,
    TL_WANT_ALL = 3,
    TL_WANT_MORE = 4,
    TL_WANT_TEXT = 5
};
/* Added to the request in tl_stream_await: bytes that arrive without completing
   the request do not restart the wait's timeout. */
enum { TL_WANT_IN_TOTAL = 16 };
/* Added to the request in tl_stream_take: ask the kernel even if it had no more
   data the last time. */
enum { TL_WANT_AFRESH = 32 };

/* The condition that a writer waits for: room below the low-water mark, an
   empty queue, a completed connection, or the end of closing. */
enum {
    TL_AWAIT_ROOM = 0,
    TL_AWAIT_SENT = 1,
    TL_AWAIT_CONNECTED = 2,
    TL_AWAIT_CLOSED = 3
};

/* Good results other than 0: the data is there, the queue is above its
   high-water mark, the connection is made. */
enum { TL_TAKEN = 1, TL_ABOVE_HIGH = 1, TL_CONNECTED = 1 };

/* Reports to the callbacks of a flowing connection; the numbers are the
   callbacks' positions in the table that is anchored for the connection. */
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
    double sent;     /* bytes the kernel accepted */
    double queued;   /* bytes not yet accepted by the kernel */
    double buffered; /* bytes received but not yet taken */
    int32_t fd;
    int32_t above_high;
    int32_t connecting;
    int32_t paused;
    int32_t ended;   /* the peer has ended its direction */
    int32_t closing; /* closed here: by the script, but bytes are still queued;
                        or because it was idle */
    int32_t send_error;
    int32_t receive_error;
} tl_stream_info;

/* Take over a connected socket or, with TL_STREAM_FILE, another kind of
   non-blocking descriptor. The descriptor is closed when the handle ends. */
int tl_stream_start(tl_loop *loop, tl_id *id, int fd, int options);
/* Take over an unconnected socket and begin to connect it. After an error, fd
   still belongs to the caller. */
int tl_stream_connect(tl_loop *loop, tl_id *id, int fd, int options,
                      const tl_address *address);
/* TL_CONNECTED, 0 while connecting, otherwise the error of the connection. */
int tl_stream_connected(tl_loop *loop, uint32_t slot, uint32_t generation);
/* Marks of the queue, in bytes: above high a writer waits until low; a write
   that would exceed limit is refused. receive_limit: the longest line, or the
   bytes before a text and the text. */
int tl_stream_limits(tl_loop *loop, uint32_t slot, uint32_t generation,
                     double high, double low, double limit,
                     double receive_limit);
/* Return and consume the requested data: TL_TAKEN and *view, valid until the
   next call for this connection. -EAGAIN: the data has not arrived yet. TL_EOF
   or an errno: the data will never arrive. -EBUSY: another reader waits.
   TL_LINE_TOO_LONG. text: NULL, except for TL_WANT_TEXT. */
int tl_stream_take(tl_loop *loop, uint32_t slot, uint32_t generation, int want,
                   double count, const char *text, tl_view *view);
/* Return and consume all buffered data. */
int tl_stream_take_rest(tl_loop *loop, uint32_t slot, uint32_t generation,
                        tl_view *view);
/* Look at the buffered data, and consume count bytes of it. */
int tl_stream_peek(tl_loop *loop, uint32_t slot, uint32_t generation,
                   tl_view *view);
int tl_stream_skip(tl_loop *loop, uint32_t slot, uint32_t generation,
                   double count);
/* Receive at most room bytes into the caller's memory. Returns the count, or a
   status as for tl_stream_take. */
double tl_stream_take_into(tl_loop *loop, uint32_t slot, uint32_t generation,
                           char *bytes, double room);
/* After -EAGAIN: resume the waiting handle with the requested bytes as a
   string, or with no values if they will not arrive. The wait keeps the loop
   running, unless the connection is unreferenced. Keeps a copy of the text.
   -EBUSY, -ENOMEM. */
int tl_stream_await(tl_loop *loop, uint32_t slot, uint32_t generation, int want,
                    double count, const char *text, uint32_t waiter_slot,
                    uint32_t waiter_generation);
/* Queue a copy of the bytes. Returns 0, or TL_ABOVE_HIGH if the queue is now
   above its high-water mark. TL_QUEUE_FULL: no bytes were taken. -EBUSY:
   another writer waits for room. -EPIPE, -ECONNRESET ... */
int tl_stream_send(tl_loop *loop, uint32_t slot, uint32_t generation,
                   const char *bytes, size_t count);
/* Give the kernel the bytes that it accepts now. Returns 0, or -EAGAIN if bytes
   are left. */
int tl_stream_flush(tl_loop *loop, uint32_t slot, uint32_t generation);
/* Send until at most `most` bytes are queued. Returns 0, or the error that
   prevents sending for good.
   Blocks: until then. */
int tl_stream_drain(tl_loop *loop, uint32_t slot, uint32_t generation,
                    double most);
/* Whether the condition that a writer waits for, TL_AWAIT_..., holds: 0,
   -EAGAIN, or the error that prevents the condition for good. */
int tl_stream_sent(tl_loop *loop, uint32_t slot, uint32_t generation, int what);
/* After -EAGAIN: wake the waiting handle when the condition holds or can no
   longer hold. -EBUSY: another writer waits. */
int tl_stream_await_sent(tl_loop *loop, uint32_t slot, uint32_t generation,
                         int what, uint32_t waiter_slot,
                         uint32_t waiter_generation);
/* From now on, pass data to callbacks as it arrives; options are as for
   tl_stream_start. TL_TELL_OPEN is reported first. -EBUSY: a reader waits. */
int tl_stream_flow(tl_loop *loop, uint32_t slot, uint32_t generation,
                   int options);
/* Whether another reader, or another writer, waits. */
int tl_stream_busy(tl_loop *loop, uint32_t slot, uint32_t generation,
                   int writer);
/* End a direction; sending ends once the queue is empty. -EALREADY. -ENOTSOCK:
   a file open in both directions has no end of sending. */
int tl_stream_shutdown(tl_loop *loop, uint32_t slot, uint32_t generation,
                       int how);
int tl_stream_pause(tl_loop *loop, uint32_t slot, uint32_t generation, int on);
/* Set whether the connection, and the wait of its reader, keep the loop
   running. */
int tl_stream_ref(tl_loop *loop, uint32_t slot, uint32_t generation, int on);
/* Close once the queue is empty and the peer has ended its direction; what the
   peer still sends is dropped, within the limits of tl_stream_lingers. Returns
   1 if closing takes longer than this call. */
int tl_stream_close(tl_loop *loop, uint32_t slot, uint32_t generation);
/* After a result of 1: this timer limits the time that sending may take, starts
   anew with linger_s when the queue is empty, and becomes due at once when
   closing is over. */
void tl_stream_closing(tl_loop *loop, uint32_t slot, uint32_t generation,
                       uint32_t timer_slot, uint32_t timer_generation);
/* The time for closing is over. A connection with bytes to send is reset, and
   TL_TELL_CLOSE reports -ETIMEDOUT; one that only drops input is closed. */
void tl_stream_close_late(tl_loop *loop, uint32_t slot, uint32_t generation);
/* For how long after the last byte was sent, and for how many bytes, a closing
   connection goes on to drop what the peer sends; 0 bytes: not at all. */
void tl_stream_lingers(tl_loop *loop, uint32_t slot, uint32_t generation,
                       double linger_s, double bytes);
/* Close at once, so that the peer sees a reset. Queued data is dropped, and the
   number of its bytes is returned. status is the value that TL_TELL_CLOSE
   reports: 0 or a negative errno. */
double tl_stream_abort(tl_loop *loop, uint32_t slot, uint32_t generation,
                       int status);
/* Of the connections that this listener accepted, close one on which no byte
   has moved for limit_s, or longer if looks are rare: the next one after
   id->slot, 0 at first. Readers and writers are told -ETIME, and callbacks by
   TL_TELL_ERROR. Found: *id is that connection. More: the look is to go on from
   *id, on another turn. */
enum { TL_IDLE_NONE = 0, TL_IDLE_FOUND = 1, TL_IDLE_MORE = 2 };
int tl_stream_next_idle(tl_loop *loop, uint32_t listener_slot,
                        uint32_t listener_generation, double limit_s,
                        tl_id *id);
/* Whether a connection, listener or datagram socket uses this descriptor. */
int tl_descriptor_taken(tl_loop *loop, int fd);
/* Whether a script may not close this descriptor by its number, or change it:
   it is the loop's (its poller's, that of its signals), one of its sockets', or
   watched with TL_OURS or by the host. */
int tl_descriptor_kept(tl_loop *loop, int fd);
int tl_stream_info_get(tl_loop *loop, uint32_t slot, uint32_t generation,
                       tl_stream_info *info);
/* The address from which a connection was accepted. */
int tl_stream_peer(tl_loop *loop, uint32_t slot, uint32_t generation,
                   tl_address *peer);
/* A child now has the descriptor of a connection: close the descriptor here,
   and do nothing that the peer could notice. */
void tl_stream_hand_over(tl_loop *loop, uint32_t slot, uint32_t generation);

/* --- listeners ---------------------------------------------------------- */

/* Take over a listening socket; its connections get these options. */
int tl_listener_start(tl_loop *loop, tl_id *id, int fd, int options);
int tl_listener_pause(tl_loop *loop, uint32_t slot, uint32_t generation,
                      int on);
int tl_listener_ref(tl_loop *loop, uint32_t slot, uint32_t generation, int on);
/* Close the listener. */
int tl_listener_close(tl_loop *loop, uint32_t slot, uint32_t generation);

/* --- datagram sockets --------------------------------------------------- */

/* Take over a datagram socket of any family. flowing: datagrams go to the
   socket's callback as they arrive; otherwise they stay in the kernel until a
   reader takes them. After an error, fd still belongs to the caller. For an
   IPv6 socket, IPv4 addresses may be given unchanged. */
int tl_datagram_start(tl_loop *loop, tl_id *id, int fd, int flowing);
int tl_datagram_bind(tl_loop *loop, uint32_t slot, uint32_t generation,
                     const tl_address *address);
/* Exchange datagrams with one address only; with NULL, with all addresses
   again. */
int tl_datagram_connect(tl_loop *loop, uint32_t slot, uint32_t generation,
                        const tl_address *address);
/* Returns TL_TAKEN, a datagram, and the text of its source address, both valid
   until the next call for any socket. -EAGAIN: there is no datagram, or so many
   were taken at once that other handles must get their turn. -EMSGSIZE: the
   datagram was longer than 65536 bytes and is lost; data->length is its length.
   -EBUSY: another reader waits, or a callback takes the datagrams.
   -ECONNREFUSED and others: the error of an earlier send. */
int tl_datagram_take(tl_loop *loop, uint32_t slot, uint32_t generation,
                     tl_view *data, tl_view *from);
/* After -EAGAIN: resume the waiting handle with the datagram and its source as
   strings, or with no values if there is an error to be taken. -EBUSY. */
int tl_datagram_await(tl_loop *loop, uint32_t slot, uint32_t generation,
                      uint32_t waiter_slot, uint32_t waiter_generation);
/* Send one datagram now; if to is NULL, to the address to which the socket is
   connected. -EAGAIN: there is no room; the datagram is not queued.
   -EAFNOSUPPORT: the address has the wrong family for this socket. -EMSGSIZE,
   -EDESTADDRREQ, -ENETUNREACH, -ECONNREFUSED ... */
int tl_datagram_send(tl_loop *loop, uint32_t slot, uint32_t generation,
                     const char *bytes, size_t count, const tl_address *to);
/* After -EAGAIN: wake the waiting handle, possibly one of many, when there is
   room. -EOPNOTSUPP: the kernel would not report room, because the socket is a
   Unix socket that is not connected. */
int tl_datagram_await_room(tl_loop *loop, uint32_t slot, uint32_t generation,
                           uint32_t waiter_slot, uint32_t waiter_generation);
/* A wait for the socket has ended (fine if the handle was woken): the wait no
   longer keeps the loop running. */
void tl_datagram_leave(tl_loop *loop, uint32_t slot, uint32_t generation,
                       uint32_t waiter_slot, uint32_t waiter_generation);
int tl_datagram_pause(tl_loop *loop, uint32_t slot, uint32_t generation,
                      int on);
int tl_datagram_ref(tl_loop *loop, uint32_t slot, uint32_t generation, int on);
/* Close the socket; waiting handles are woken. */
int tl_datagram_close(tl_loop *loop, uint32_t slot, uint32_t generation);

/* --- standard streams --------------------------------------------------- */

enum { TL_STAYS_NONBLOCKING = 1 };
/* Connect descriptor 0, 1 or 2, in its direction only, each once. Returns
   TL_STAYS_NONBLOCKING if the description, which other processes share, does so
   until the end, because there is no other way. -EBADF: the descriptor is
   closed, or not open for its direction. -EEXIST, -EMFILE, -ENOMEM, -ECHILD.
   Data that stdio has read ahead is taken over. The descriptor itself stays
   open until the connection is closed; in a host, also after that. */
int tl_standard_open(tl_loop *loop, tl_id *id, int number, int options);
/* Call before a child shares some of the standard streams: O_NONBLOCK is
   removed from their descriptions, where it was set, for good. From then on
   each stream is polled before it is read or written, and a write is at most a
   page. */
void tl_standard_lend(tl_loop *loop);
/* At the end: send the data queued for 1 and 2, and restore the streams.
   Returns 0, or the reason why output was lost.
   Blocks: until there is room or no reader is left; never in a host. */
int tl_standard_end(tl_loop *loop);
/* 0, or a negative errno: why the connection of standard output cannot send any
   more. */
int tl_standard_lost(tl_loop *loop);
/* Restore the descriptions and the terminal to their former state.
   Async-signal-safe. */
void tl_standard_restore(tl_loop *loop);

/* --- calendar ------------------------------------------------------------ */

/* Which restrictions of days a schedule has: none, of the month, of the week,
   or two of which one or both are to be met. */
enum {
    TL_DAYS_ALL = 0,
    TL_DAYS_OF_MONTH = 1,
    TL_DAYS_OF_WEEK = 2,
    TL_DAYS_EITHER = 3,
    TL_DAYS_BOTH = 4
};
/* Of schedules that name years, as in systemd. */
enum { TL_FIRST_YEAR = 1970, TL_LAST_YEAR = 2199 };

/* What every language of schedules is brought into: sets as bits. Seconds,
   minutes, hours and days of the week begin with bit 0, months with bit 1, days
   of the month with bit 0 for day 1. */
typedef struct tl_fields {
    uint64_t second, minute;
    uint32_t hour, month;
    uint32_t day;      /* of the month */
    uint32_t from_end; /* bit 0 is the last day */
    uint32_t nearest;  /* as day: the working day next to it in the month */
    uint32_t year[8];  /* bit 0 is TL_FIRST_YEAR; unless any_year */
    uint8_t weekday;   /* bit 0 is Sunday */
    uint8_t nth[6];    /* weekdays: the first to the fifth in the month at 1 to
                          5, the last at 0 */
    uint8_t rule;      /* TL_DAYS_ALL ... */
    uint8_t last_working_day, any_year;
    uint8_t any_date; /* every day of every year */
    uint8_t is_fixed; /* no * and no step in hour and minute */
} tl_fields;

/* The first time from `reading` on, or the last one up to it, that is in the
   fields, which are to have a second, a minute and an hour. Readings are whole
   seconds since 1970-01-01T00:00 on a local clock, up to 1e12 of either sign.
   Infinity, or -infinity, if there is none. */
double tl_fields_from(const tl_fields *fields, double reading);
double tl_fields_to(const tl_fields *fields, double reading);
