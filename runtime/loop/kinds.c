/* Kinds: see kinds.h. */
#include "loop/kinds.h"

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

bool tl__never_gives_way(tl_loop *loop, tl_id id, tl_handle *handle)
{
    (void)loop;
    (void)id;
    (void)handle;
    return false;
}
