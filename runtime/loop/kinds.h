/* Kinds: what a handle of each kind does, one row a kind. A row stands in the
   file of the kind's functions, in loop/ or above it, and whoever opens a loop
   gives it the table of all rows, by their numbers in timerlua_abi.h: so the
   loop knows none of the kinds that are above it. What the script is told by
   an event of each kind is beside that table: lua/kinds.h. */
#ifndef TL_KINDS_H
#define TL_KINDS_H

#include "loop/state.h"

typedef struct tl_kind {
    const char *name; /* as the field `kind` of its object in Lua has it */
    const char *noun; /* the same in a sentence: "a UDP socket" */
    uint8_t group;    /* TL_GROUP_...: what it is counted and limited with */
    bool owns_descriptor; /* so nothing else closes it, and no watch has it */

    /* The loop is about to close: do what is owed, while all handles are still
       there. Once for each kind. */
    void (*finish)(tl_loop *loop);
    /* The loop closes: release what the handle has beside its record. */
    void (*dispose)(tl_loop *loop, tl_handle *handle);
    /* End it, and tell nothing of it any more. */
    void (*drop)(tl_loop *loop, tl_id id, tl_handle *handle);
    /* Its callback waits: do not run it again until it is over. */
    void (*hold)(tl_loop *loop, tl_id id, tl_handle *handle);
    /* Its callback is over. 1 when the handle has ended by this. */
    int (*done)(tl_loop *loop, tl_id id, tl_handle *handle);

    /* NULL where it has no descriptor. */

    /* It was posted: whether an event comes of that, with *ready. */
    bool (*posted)(tl_loop *loop, tl_id id, tl_handle *handle, int *ready);
    /* The poller is a new one, which does not have its descriptor yet. */
    void (*renew)(tl_loop *loop, tl_id id, tl_handle *handle);
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
/* Its callback is held since it began, or may run again while it waits. */
void tl__nothing_to_hold(tl_loop *loop, tl_id id, tl_handle *handle);
/* It is busy until its callback is over. */
void tl__kind_hold(tl_loop *loop, tl_id id, tl_handle *handle);
/* An event comes of every post. */
bool tl__kind_posted(tl_loop *loop, tl_id id, tl_handle *handle, int *ready);

#endif
