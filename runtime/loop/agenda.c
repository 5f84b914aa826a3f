/* Agendas: see agenda.h. */
#include "loop/agenda.h"

#include <errno.h>
#include <stdlib.h>

#include "loop/kinds.h"
#include "loop/wakeup.h"

int tl__agenda_reserve(tl_agenda *agenda, size_t more)
{
    size_t needed = agenda->count + more;
    if (needed <= agenda->capacity)
        return 0;
    size_t capacity = needed < 32 ? 32 : 2 * needed;
    tl_id *ids = realloc(agenda->ids, capacity * sizeof *ids);
    if (ids == NULL)
        return -ENOMEM;
    agenda->ids = ids;
    agenda->capacity = capacity;
    return 0;
}

int tl__agendas_reserve(tl_loop *loop)
{
    size_t more = (size_t)loop->handles.live + 1;
    int error = tl__agenda_reserve(&loop->deferred, more);
    return error ? error : tl__agenda_reserve(&loop->posted, more);
}

void tl__agendas_free(tl_loop *loop)
{
    free(loop->posted.ids);
    free(loop->deferred.ids);
}

void tl__post(tl_loop *loop, tl_id id, tl_handle *handle)
{
    if (handle->where & TL_POSTED)
        return;
    handle->where |= TL_POSTED;
    tl__agenda_add(&loop->posted, id);
    tl__wakeup_work(loop);
}

void tl__defer(tl_loop *loop, tl_id id)
{
    tl__agenda_add(&loop->deferred, id);
    tl__wakeup_work(loop);
}

void tl__do_deferred(tl_loop *loop)
{
    for (size_t i = 0; i < loop->deferred.count; i++) {
        tl_id id = loop->deferred.ids[i];
        tl_handle *handle =
            tl_handles_find(&loop->handles, id.slot, id.generation);
        if (handle != NULL)
            tl__kind_of(loop, handle)->deferred(loop, id, handle);
    }
    loop->deferred.count = 0;
}
