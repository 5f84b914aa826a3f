/* Kinds: the behavior of each kind of handle, one row a kind. A row stands in
   the file of the kind's functions, in loop/ or above it, and the opener of a
   loop gives it the table of all rows, by their numbers in timerlua_abi.h: so
   the loop knows none of the kinds that are above it. How the events of each
   kind run the script is in that table, too: lua/deliver.c. */
#ifndef TL_KINDS_H
#define TL_KINDS_H

#include "loop/state.h"

typedef struct tl_kind {
    const char *name; /* as in the field `kind` of its object in Lua */
    const char *noun; /* the same in a sentence: "a UDP socket" */
    uint8_t group;    /* TL_GROUP_...: the group that counts and limits it */
    bool owns_descriptor;  /* so no other code closes it, and no watch has it */
    bool records_lateness; /* in the statistics of the loop */

    /* The loop is about to close: complete pending duties while all handles are
       still there. Once for each kind. */
    void (*finish)(tl_loop *loop);
    /* The loop closes: release what the handle owns besides its record. */
    void (*dispose)(tl_loop *loop, tl_handle *handle);
    /* All handles are gone: release what they shared. NULL for nothing. */
    void (*close)(tl_loop *loop);
    /* End the handle, and report nothing more about it. */
    void (*drop)(tl_loop *loop, tl_id id, tl_handle *handle);
    /* The handle's callback waits: do not run it again until it is over. */
    void (*hold)(tl_loop *loop, tl_id id, tl_handle *handle);
    /* The handle's callback is over. 1 if this ended the handle. */
    int (*done)(tl_loop *loop, tl_id id, tl_handle *handle);

    /* NULL for a kind without a descriptor. */

    /* The handle was posted: whether that gives an event, with *ready. */
    bool (*posted)(tl_loop *loop, tl_id id, tl_handle *handle, int *ready);
    /* The callback that deferred the handle is over. NULL if the kind never
       defers one: agenda.h. */
    void (*deferred)(tl_loop *loop, tl_id id, tl_handle *handle);
    /* The poller is new and does not have the handle's descriptor yet. */
    void (*renew)(tl_loop *loop, tl_id id, tl_handle *handle);
    /* A watch is to have the handle's descriptor in the poller. True if the
       handle has left the poller for it. */
    bool (*give_way)(tl_loop *loop, tl_id id, tl_handle *handle);
} tl_kind;

extern const tl_kind tl__timer_kind;
extern const tl_kind tl__sleep_kind;
extern const tl_kind tl__task_kind;
extern const tl_kind tl__watch_kind;
extern const tl_kind tl__readiness_kind;

static inline const tl_kind *tl__kind_of(const tl_loop *loop,
                                         const tl_handle *handle)
{
    return loop->kinds[handle->kind];
}

/* --- what several kinds do ---------------------------------------------- */

void tl__nothing_to_finish(tl_loop *loop);
void tl__nothing_to_dispose(tl_loop *loop, tl_handle *handle);
/* The callback has been held since it began, or may run again while it
   waits. */
void tl__nothing_to_hold(tl_loop *loop, tl_id id, tl_handle *handle);
/* The handle is busy until its callback is over. */
void tl__kind_hold(tl_loop *loop, tl_id id, tl_handle *handle);
/* Every post gives an event. */
bool tl__kind_posted(tl_loop *loop, tl_id id, tl_handle *handle, int *ready);
bool tl__never_gives_way(tl_loop *loop, tl_id id, tl_handle *handle);

#endif
