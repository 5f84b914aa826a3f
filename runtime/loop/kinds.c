/* Kinds: see kinds.h. The rows of handles that wait for an instant are here;
   these handles differ only in the code that they run, which is known in
   lua/. */
#include "loop/kinds.h"

#include "loop/handle_ops.h"

const tl_kind tl__timer_kind = {
    .name = "timer",
    .noun = "timer",
    .group = TL_GROUP_TIMERS,
    .finish = tl__nothing_to_finish,
    .dispose = tl__nothing_to_dispose,
    .drop = tl__handle_end,
    .hold = tl__nothing_to_hold,
    .done = tl__timed_done,
};

const tl_kind tl__sleep_kind = {
    .name = "sleep",
    .noun = "task",
    .group = TL_GROUP_TASKS,
    .finish = tl__nothing_to_finish,
    .dispose = tl__nothing_to_dispose,
    .drop = tl__handle_end,
    .hold = tl__nothing_to_hold,
    .done = tl__timed_done,
};

const tl_kind tl__task_kind = {
    .name = "task",
    .noun = "task",
    .group = TL_GROUP_TASKS,
    .finish = tl__nothing_to_finish,
    .dispose = tl__nothing_to_dispose,
    .drop = tl__handle_end,
    .hold = tl__nothing_to_hold,
    .done = tl__timed_done,
};

const char *tl_kind_name(tl_loop *loop, int kind)
{
    bool known = kind >= 0 && kind < TL_KINDS_MOST && loop->kinds[kind] != NULL;
    return known ? loop->kinds[kind]->name : NULL;
}

void tl__nothing_to_finish(tl_loop *loop)
{
    (void)loop;
}

void tl__nothing_to_dispose(tl_loop *loop, tl_handle *handle)
{
    (void)loop;
    (void)handle;
}

void tl__nothing_to_hold(tl_loop *loop, tl_id id, tl_handle *handle)
{
    (void)loop;
    (void)id;
    (void)handle;
}

void tl__kind_hold(tl_loop *loop, tl_id id, tl_handle *handle)
{
    (void)loop;
    (void)id;
    handle->flags |= TL_FLAG_BUSY;
}

bool tl__kind_posted(tl_loop *loop, tl_id id, tl_handle *handle, int *ready)
{
    (void)loop;
    (void)id;
    (void)handle;
    *ready = 0;
    return true;
}
