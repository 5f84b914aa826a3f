/* A poller on a kernel that a test scripts. Descriptors are numbers; the test
   decides which are open and ready, what the clocks read, and what wakes,
   interrupts or fails. The rules of epoll(7) apply: an entry belongs to a
   number and to the open file behind it, and stays while a duplicate keeps that
   file open. No system call is made. A wait that nothing would end aborts. */
#ifndef TL_SCRIPTED_POLLER_H
#define TL_SCRIPTED_POLLER_H

#include <errno.h>

#include "check.h"
#include "loop/poller.h"

enum { SCRIPTED_FDS = 16, SCRIPTED_FILES = 64, SCRIPTED_ENTRIES = 128 };

typedef struct scripted_file {
    int references; /* descriptors and duplicates elsewhere */
    int ready;      /* TL_READ ... */
} scripted_file;

typedef struct scripted_entry {
    int fd, file, interest;
    tl_id id;
} scripted_entry;

typedef struct scripted scripted;

/* Events during the loop's wait; they end the wait. */
typedef struct scripted_plan {
    void (*happen)(scripted *s); /* NULL for nothing */
    int64_t after_ns;
} scripted_plan;

struct scripted {
    char here;                 /* 0: a forked process looks at it */
    int file_of[SCRIPTED_FDS]; /* -1 for a closed number */
    scripted_file files[SCRIPTED_FILES];
    scripted_entry entries[SCRIPTED_ENTRIES];
    int entry_count;
    int64_t now_ns[TL_CLOCKS];
    int64_t set_ns[TL_CLOCKS];
    bool woken, stepped;
    scripted_plan plan;
    /* the errno that the next call of its kind fails with, or 0 */
    int wait_error, add_error, renew_error, reserve_error, deadline_error;
};

/* --- the script's side -------------------------------------------------- */

static inline bool scripted_is_open(const scripted *s, int fd)
{
    return fd >= 0 && fd < SCRIPTED_FDS && s->file_of[fd] >= 0;
}

/* Open a number that is closed, with a new file behind it. */
static inline void scripted_open(scripted *s, int fd)
{
    TL_CHECK(!scripted_is_open(s, fd), "the number is open");
    int file = 0;
    while (s->files[file].references > 0)
        TL_CHECK(++file < SCRIPTED_FILES, "too many files");
    s->files[file] = (scripted_file){.references = 1};
    s->file_of[fd] = file;
}

/* A file without an open descriptor leaves the set, epoll(7). */
static inline void scripted_release(scripted *s, int file)
{
    if (--s->files[file].references > 0)
        return;
    int kept = 0;
    for (int i = 0; i < s->entry_count; i++)
        if (s->entries[i].file != file)
            s->entries[kept++] = s->entries[i];
    s->entry_count = kept;
}

static inline void scripted_close(scripted *s, int fd)
{
    int file = s->file_of[fd];
    s->file_of[fd] = -1;
    scripted_release(s, file);
}

static inline void scripted_go(scripted *s, int64_t by_ns)
{
    for (int c = 0; c < TL_CLOCKS; c++)
        s->now_ns[c] += by_ns;
}

/* Only a clock that is set notices, timerfd_create(2). */
static inline void scripted_step(scripted *s, int64_t by_ns)
{
    s->now_ns[TL_REALTIME] += by_ns;
    s->stepped = s->stepped || s->set_ns[TL_REALTIME] != 0;
}

static inline int scripted_fail(int *error)
{
    int taken = *error;
    *error = 0;
    return -taken;
}

/* --- the verbs ---------------------------------------------------------- */

static inline scripted *scripted_of(const tl_poller *poller)
{
    return poller->behind;
}

static inline scripted_entry *scripted_find(scripted *s, int fd)
{
    for (int i = 0; i < s->entry_count; i++)
        if (s->entries[i].fd == fd && s->entries[i].file == s->file_of[fd])
            return &s->entries[i];
    return NULL;
}

static inline void scripted_end(tl_poller *poller)
{
    (void)poller; /* it belongs to the test */
}

static inline bool scripted_keeps(const tl_poller *poller, int fd)
{
    return fd == poller->verbs->fd(poller);
}

static inline int scripted_fd(const tl_poller *poller)
{
    (void)poller;
    return SCRIPTED_FDS;
}

static inline int scripted_add(tl_poller *poller, int fd, int interest,
                               tl_id id)
{
    scripted *s = scripted_of(poller);
    TL_CHECK(!(interest & TL_EDGE), "no script has edges");
    if (!scripted_is_open(s, fd))
        return -EBADF;
    if (scripted_find(s, fd) != NULL)
        return -EEXIST;
    if (s->add_error)
        return scripted_fail(&s->add_error);
    TL_CHECK(s->entry_count < SCRIPTED_ENTRIES, "too many entries");
    s->entries[s->entry_count++] =
        (scripted_entry){fd, s->file_of[fd], interest, id};
    return 0;
}

static inline int scripted_change(tl_poller *poller, int fd, int interest,
                                  tl_id id)
{
    scripted *s = scripted_of(poller);
    if (!scripted_is_open(s, fd))
        return -EBADF;
    scripted_entry *entry = scripted_find(s, fd);
    if (entry == NULL)
        return -ENOENT;
    entry->interest = interest;
    entry->id = id;
    return 0;
}

static inline void scripted_remove(tl_poller *poller, int fd)
{
    scripted *s = scripted_of(poller);
    scripted_entry *entry =
        scripted_is_open(s, fd) ? scripted_find(s, fd) : NULL;
    if (entry != NULL)
        *entry = s->entries[--s->entry_count];
}

static inline int scripted_renew(tl_poller *poller)
{
    scripted *s = scripted_of(poller);
    if (s->renew_error)
        return scripted_fail(&s->renew_error);
    s->entry_count = 0;
    return 0;
}

static inline int scripted_reserve(tl_poller *poller, int clock)
{
    (void)clock; /* the script has all clocks */
    scripted *s = scripted_of(poller);
    return s->reserve_error ? scripted_fail(&s->reserve_error) : 0;
}

static inline int scripted_set_deadline(tl_poller *poller, int clock,
                                        int64_t deadline_ns)
{
    scripted *s = scripted_of(poller);
    TL_CHECK(deadline_ns != s->set_ns[clock], "set to what it is set to");
    if (s->deadline_error)
        return scripted_fail(&s->deadline_error);
    if (clock == TL_REALTIME && s->stepped)
        tl_poller_note_step(poller);
    if (clock == TL_REALTIME)
        s->stepped = false;
    s->set_ns[clock] = deadline_ns;
    return 0;
}

/* Signals belong to the process, not to a script. */
static inline int scripted_signals(tl_poller *poller, int fd,
                                   const sigset_t *set)
{
    (void)poller;
    (void)fd;
    (void)set;
    return -ENOTSUP;
}

static inline int scripted_next_signal(tl_poller *poller, int fd,
                                       tl_signal *signal)
{
    (void)poller;
    (void)fd;
    (void)signal;
    return 0;
}

static inline void scripted_end_signals(tl_poller *poller, int fd)
{
    (void)poller;
    (void)fd;
}

static inline int scripted_ready(const scripted *s, tl_ready *ready)
{
    int found = 0;
    for (int i = 0; i < s->entry_count; i++) {
        const scripted_entry *entry = &s->entries[i];
        int bits = s->files[entry->file].ready & entry->interest;
        if (bits)
            ready[found++] = (tl_ready){entry->id, bits};
    }
    return found;
}

/* The next deadline of any clock, from now on; false when none is set. */
static inline bool scripted_next(const scripted *s, int64_t *left_ns)
{
    bool any = false;
    *left_ns = INT64_MAX;
    for (int c = 0; c < TL_CLOCKS; c++) {
        int64_t clock_left_ns = s->set_ns[c] - s->now_ns[c];
        any = any || s->set_ns[c] != 0;
        if (s->set_ns[c] != 0 && clock_left_ns < *left_ns)
            *left_ns = clock_left_ns;
    }
    return any;
}

static inline bool scripted_is_quiet(const scripted *s)
{
    tl_ready ready[SCRIPTED_ENTRIES];
    int64_t left_ns;
    bool due = scripted_next(s, &left_ns) && left_ns <= 0;
    return !due && !s->woken && !s->stepped && scripted_ready(s, ready) == 0;
}

static inline bool scripted_has_news(const tl_poller *poller)
{
    return !scripted_is_quiet(scripted_of(poller));
}

/* Time advances to the plan or to the next deadline, whichever is first. */
static inline void scripted_pass_time(scripted *s)
{
    int64_t left_ns;
    bool set = scripted_next(s, &left_ns);
    if (s->plan.happen != NULL && (!set || s->plan.after_ns < left_ns)) {
        scripted_plan plan = s->plan;
        s->plan.happen = NULL;
        scripted_go(s, plan.after_ns);
        plan.happen(s);
        return;
    }
    TL_CHECK(set, "nothing would ever end this wait");
    scripted_go(s, left_ns);
}

static inline int scripted_wait(tl_poller *poller, bool block, tl_ready *ready)
{
    scripted *s = scripted_of(poller);
    if (s->wait_error)
        return scripted_fail(&s->wait_error);
    if (block && scripted_is_quiet(s))
        scripted_pass_time(s);
    for (int c = 0; c < TL_CLOCKS; c++) {
        if (s->set_ns[c] == 0 || s->set_ns[c] > s->now_ns[c])
            continue;
        s->set_ns[c] = 0;
        tl_poller_note_fired(poller, c);
    }
    if (s->stepped) { /* a read reports it, and the clock is unset */
        s->set_ns[TL_REALTIME] = 0;
        tl_poller_note_fired(poller, TL_REALTIME);
        tl_poller_note_step(poller);
    }
    s->woken = s->stepped = false;
    return scripted_ready(s, ready);
}

static inline void scripted_wake(tl_poller *poller)
{
    scripted_of(poller)->woken = true;
}

/* A poller on the script, in which nothing is open yet. */
static inline tl_poller scripted_poller(scripted *s)
{
    static const tl_poller_verbs verbs = {
        .close = scripted_end,
        .fd = scripted_fd,
        .keeps = scripted_keeps,
        .has_news = scripted_has_news,
        .add = scripted_add,
        .change = scripted_change,
        .remove = scripted_remove,
        .renew = scripted_renew,
        .reserve = scripted_reserve,
        .set_deadline = scripted_set_deadline,
        .signals = scripted_signals,
        .next_signal = scripted_next_signal,
        .end_signals = scripted_end_signals,
        .wait = scripted_wait,
        .wake = scripted_wake,
    };
    *s = (scripted){.here = 1};
    for (int fd = 0; fd < SCRIPTED_FDS; fd++)
        s->file_of[fd] = -1;
    tl_poller poller;
    tl_poller_init(&poller, &verbs, s, &s->here);
    return poller;
}

#endif
