/* Agendas: lists of handles that need work without news from the kernel; some
   of them may have ended. The loop has two, one for the next turn and one for
   the end of the callback that runs. A live handle stands in each at most once,
   so the room reserved at its start suffices. */
#ifndef TL_AGENDA_H
#define TL_AGENDA_H

#include "loop/state.h"

/* Make sure that tl__agenda_add will find room for `more` handles. -ENOMEM. */
int tl__agenda_reserve(tl_agenda *agenda, size_t more);
static inline void tl__agenda_add(tl_agenda *agenda, tl_id id)
{
    agenda->ids[agenda->count++] = id;
}

/* Make sure that both agendas have room for one more handle. -ENOMEM. */
int tl__agendas_reserve(tl_loop *loop);
void tl__agendas_free(tl_loop *loop);

/* Deliver an event without readiness on the next turn. */
void tl__post(tl_loop *loop, tl_id id, tl_handle *handle);

/* The handle's work that is done once the callback that runs is over. A handle
   must not be deferred again before that. */
void tl__defer(tl_loop *loop, tl_id id);
/* The callback is over. */
void tl__do_deferred(tl_loop *loop);
static inline void tl__after_callback(tl_loop *loop)
{
    if (loop->deferred.count > 0)
        tl__do_deferred(loop);
}

#endif
