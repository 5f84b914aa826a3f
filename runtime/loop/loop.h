/* The loop: joins handles, timers, clocks and the poller into turns. A turn
   collects ready events into a batch; the dispatcher (dispatch.c) then runs the
   batch, one callback after the other, through tl_loop_begin and
   tl_handle_done. Collecting and dispatching never mix. */
#ifndef TL_LOOP_H
#define TL_LOOP_H

#include "loop/state.h"

/* Results of tl_loop_collect besides a negative errno. */
enum { TL_COLLECTED = 0, TL_NOTHING_LEFT = 1 };

/* A loop for handles of these kinds: TL_KINDS_MOST rows by number, NULL where
   there is no such kind; the rows must live as long as the loop. NULL with
   errno set when memory or descriptors run out. */
tl_loop *tl_loop_open(const struct tl_kind *const *kinds);
/* The same on another poller than epoll's. The loop owns the poller from now
   on; on failure the poller still belongs to the caller. */
tl_loop *tl_loop_open_on(const struct tl_kind *const *kinds,
                         const tl_poller *poller);
void tl_loop_close(tl_loop *loop);

/* Wait, if need be, and fill the batch, which must be used up. The batch may
   stay empty: then the loop was woken. TL_NOTHING_LEFT: no handle is active.
   -ECHILD: this process was forked from the loop's. */
int tl_loop_collect(tl_loop *loop);
/* The same without waiting, for a host that waits itself; this uses up the
   descriptor's news. An empty batch with TL_COLLECTED: there is something to
   wait for. */
int tl_loop_look(tl_loop *loop);
/* The next event of the batch whose handle still wants the event: its callback
   begins now. Returns the handle, NULL at the end of the batch. */
tl_handle *tl_loop_begin(tl_loop *loop, tl_event *event);
/* End a handle of any kind now, even while it waits (fine if the handle has
   ended); a connection first sends its queued data. */
void tl_handle_close(tl_loop *loop, uint32_t slot, uint32_t generation);
/* Take the reason of the last wake-up; 0 for none. */
int tl_loop_take_reason(tl_loop *loop);
/* Whether there is one. */
static inline bool tl_loop_has_reason(const tl_loop *loop)
{
    return atomic_load_explicit(&loop->wake_reason, memory_order_relaxed) != 0;
}
/* Aborts if anything is inconsistent. For tests. */
void tl_loop_check(tl_loop *loop);

#endif
