/* Connections, idle: those that a listener accepted and on which no byte has
   moved for some time. Moving bytes costs nothing: a look compares the number
   of bytes with that of the look before. */
#include "loop/handle_ops.h"
#include "net/stream.h"

/* Handles of any kind in one call, which then takes about 0.1 ms. */
enum { MOST_VISITED = 4096 };

void tl__stream_watch_idle(tl_stream *s, tl_id listener)
{
    s->listener = listener;
    s->moved = UINT64_MAX; /* not looked at yet */
}

/* A byte may have moved at any time before the look that noticed it, so a
   connection is idle for longer than it is seen to be. */
static bool is_still(tl_stream *s, int64_t now_ns, int64_t limit_ns)
{
    uint64_t moved = s->received + s->sent;
    if (moved != s->moved) {
        s->moved = moved;
        s->still_since_ns = now_ns;
    }
    return now_ns - s->still_since_ns >= limit_ns;
}

/* Bytes that the peer has sent while the script was busy are moving, too. */
static bool is_idle(tl_loop *loop, const tl_handle *handle, tl_stream *s,
                    int64_t now_ns, int64_t limit_ns)
{
    return is_still(s, now_ns, limit_ns) &&
           !(tl__stream_receive_ahead(loop, handle, s) &&
             !is_still(s, now_ns, limit_ns));
}

int tl_stream_next_idle(tl_loop *loop, uint32_t listener_slot,
                        uint32_t listener_generation, double limit_s, tl_id *id)
{
    int64_t now_ns = tl_now_ns(loop, TL_MONOTONIC);
    int64_t limit_ns = tl_seconds_to_ns(limit_s);
    uint32_t slot = id->slot, end = slot + MOST_VISITED;
    if (tl_poller_forked(&loop->poller)) /* its sockets are the parent's */
        return TL_IDLE_NONE;
    while ((slot = tl_handles_walk(&loop->handles, slot + 1)) != 0) {
        tl_handle *handle = tl_handles_at(&loop->handles, slot);
        if (slot > end) {
            id->slot = end;
            return TL_IDLE_MORE;
        }
        if (handle->kind != TL_STREAM)
            continue;
        tl_stream *s = handle->stream;
        if (s->listener.slot != listener_slot ||
            s->listener.generation != listener_generation ||
            s->state & (TL_IS_CLOSED | TL_IS_CLOSING) ||
            !is_idle(loop, handle, s, now_ns, limit_ns))
            continue;
        *id = (tl_id){slot, tl_handles_generation(&loop->handles, slot)};
        tl__stream_expire(loop, *id, handle, s);
        return TL_IDLE_FOUND;
    }
    return TL_IDLE_NONE;
}
