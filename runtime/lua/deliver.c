/* Delivery: see deliver.h. */
#include "lua/deliver.h"
#include "loop/agenda.h"
#include "loop/loop.h"

#include <errno.h>

#include "lua/anchors.h"
#include "lua/coroutines.h"
#include "lua/protected.h"
#include "net/datagram.h"
#include "net/listener.h"
#include "loop/readiness.h"
#include "net/stream.h"

/* The number of receives from one connection before other handles get their
   turn. An edge is reported once, so more is received then; the rest is
   posted. */
enum { READS_LEVEL = 2, READS_EDGE = 16 };

/* --- timers, tasks and watches ------------------------------------------- */

/* Push the target anchored for a handle; a handle without one ends, for memory
   ran out when it was started. */
static bool push_or_end(tl_dispatcher *d, lua_State *L, tl_id id)
{
    if (tl__push_anchor(L, id.slot))
        return true;
    tl_handle_close(d->loop, id.slot, id.generation);
    return false;
}

/* The same for a handle that is over as soon as its event comes. */
static bool push_and_end(tl_dispatcher *d, lua_State *L, tl_id id)
{
    if (!push_or_end(d, L, id))
        return false;
    tl_handle_close(d->loop, id.slot, id.generation);
    tl__forget_anchor(L, id.slot);
    return true;
}

static void deliver_timer(tl_dispatcher *d, lua_State *L, const tl_event *event)
{
    tl_id id = event->id;
    if (!push_or_end(d, L, id))
        return;
    int obj = lua_gettop(L) - 1;
    int nargs = tl__push_target(d, L, obj);
    if (tl__call(d, L, id, obj, nargs) &&
        tl_handle_done(d->loop, id.slot, id.generation))
        tl__forget_anchor(L, id.slot);
}

/* A watch's callback gets the readiness after the watch. */
static void deliver_watch(tl_dispatcher *d, lua_State *L, const tl_event *event)
{
    if (!push_or_end(d, L, event->id))
        return;
    int obj = lua_gettop(L) - 1;
    int nargs = tl__push_target(d, L, obj);
    lua_rawgeti(L, LUA_REGISTRYINDEX, d->ready_ref);
    lua_rawgeti(L, -1, event->ready);
    lua_xmove(L, d->idle, 1);
    lua_insert(d->idle, -nargs);
    lua_pop(L, 1);
    (void)tl__call(d, L, event->id, obj, nargs + 1);
}

static void deliver_task(tl_dispatcher *d, lua_State *L, const tl_event *event)
{
    if (!push_and_end(d, L, event->id))
        return;
    int obj = lua_gettop(L) - 1;
    int nargs = tl__push_target(d, L, 0);
    tl__call_task(d, L, event->id, obj, nargs);
}

static void deliver_sleep(tl_dispatcher *d, lua_State *L, const tl_event *event)
{
    if (push_and_end(d, L, event->id))
        tl__resume(d, L, event);
}

/* --- connections -------------------------------------------------------- */

/* Call one of the functions anchored for a flowing connection. */
static void tell(tl_dispatcher *d, lua_State *L, tl_id id, int what,
                 const tl_view *view, int status)
{
    int top = lua_gettop(L);
    if (!tl__push_anchor(L, id.slot))
        return;
    if (what == TL_TELL_CLOSE)
        tl__forget_anchor(L, id.slot);
    if (lua_istable(L, -1))
        lua_rawgeti(L, -1, what);
    if (lua_isfunction(L, -1)) {
        int nargs = 1;
        lua_pushvalue(L, top + 1);
        if (what == TL_TELL_DATA)
            tl__push_bytes(d, L, view->bytes, (size_t)view->length), nargs++;
        else if (what == TL_TELL_ERROR || what == TL_TELL_CLOSE)
            lua_pushinteger(L, status), nargs++;
        lua_xmove(L, d->idle, nargs + 1);
        (void)tl__call(d, L, id, top + 1, nargs);
    }
    lua_settop(L, top);
}

static void tell_all(tl_dispatcher *d, lua_State *L, tl_id id, int reads)
{
    tl_view view;
    int what, status = 0;
    while ((what = tl__stream_next(d->loop, id, &reads, &view, &status)) != 0) {
        tell(d, L, id, what, &view, status);
        tl__after_callback(d->loop);
        if (d->loop->shared.interrupt || d->loop->shared.stopped)
            return;
    }
}

static bool serve_reader(tl_dispatcher *d, lua_State *L, tl_id id, int reads)
{
    tl_id reader = tl__stream_reader(d->loop, id);
    if (reader.slot == 0 || !tl__takes_values(L, reader))
        return false;
    tl_view view;
    int result = tl__stream_serve(d->loop, id, &reads, &view, &reader);
    if (result != 0)
        tl__wake_with(d, L, reader, &view, result == 1);
    return true;
}

static void run_stream(tl_dispatcher *d, lua_State *L, tl_id id, int ready)
{
    tl_handle *handle;
    tl_stream *s = tl__stream_find(d->loop, id, &handle);
    if (s == NULL)
        return;
    bool wanted = tl__stream_wants_data(d->loop, handle, s);
    if (!tl__stream_progress(d->loop, id, handle, s, ready))
        return;
    int reads = s->options & TL_STREAM_EDGE ? READS_EDGE : READS_LEVEL;
    if (s->options & TL_STREAM_FLOWING)
        tell_all(d, L, id, reads);
    else
        wanted = serve_reader(d, L, id, reads);
    tl__stream_settle(d->loop, id, ready, !wanted);
}

static void deliver_stream(tl_dispatcher *d, lua_State *L,
                           const tl_event *event)
{
    run_stream(d, L, event->id, event->ready);
}

/* --- listeners ---------------------------------------------------------- */

/* Errors of the connection that was to be accepted, not of the listener:
   accept(2) says to go on. */
static bool is_passing(int status)
{
    switch (-status) {
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

/* Call the listener's function with a new connection's handle, or with nil and
   the reason why there is none. */
static void tell_accepted(tl_dispatcher *d, lua_State *L, tl_id listener,
                          tl_id id, int status)
{
    int top = lua_gettop(L);
    if (!tl__push_anchor(L, listener.slot))
        return;
    lua_pushvalue(L, top + 1);
    if (status == 0) {
        lua_pushnumber(L, id.slot);
        lua_pushnumber(L, id.generation);
    } else {
        lua_pushnil(L);
        lua_pushinteger(L, status);
    }
    lua_xmove(L, d->idle, 4);
    (void)tl__call(d, L, listener, top + 1, 3);
    lua_settop(L, top);
    tl__after_callback(d->loop);
}

static void deliver_listener(tl_dispatcher *d, lua_State *L,
                             const tl_event *event)
{
    tl_id listener = event->id;
    int most = tl__listener_burst(d->loop, listener), accepted = 0;
    int status = 0;
    while (accepted < most && status != -EAGAIN) {
        tl_id id = {0, 0};
        status = tl__listener_accept(d->loop, listener, &id);
        if (status == -EAGAIN)
            break;
        accepted++;
        if (is_passing(status))
            continue;
        tell_accepted(d, L, listener, id, status);
        if (status == 0)
            run_stream(d, L, id, 0);
        if (status < 0 || d->loop->shared.interrupt || d->loop->shared.stopped)
            break;
    }
    tl__listener_settle(d->loop, listener, accepted, status != -EAGAIN);
}

/* --- datagram sockets --------------------------------------------------- */

/* Call the function anchored for a datagram, or the one for an error. */
static void tell_datagram(tl_dispatcher *d, lua_State *L, tl_id id, int what,
                          const tl_view views[2], int status)
{
    int top = lua_gettop(L);
    if (!tl__push_anchor(L, id.slot))
        return;
    if (lua_istable(L, -1))
        lua_rawgeti(L, -1, what);
    if (!lua_isfunction(L, -1)) {
        lua_settop(L, top);
        return;
    }
    lua_pushvalue(L, top + 1);
    if (what == TL_TELL_DATA) {
        for (int i = 0; i < 2; i++)
            tl__push_bytes(d, L, views[i].bytes, (size_t)views[i].length);
    } else {
        lua_pushinteger(L, status);
        lua_pushnumber(L, views[0].length);
    }
    lua_xmove(L, d->idle, 4);
    (void)tl__call(d, L, id, top + 1, 3);
    lua_settop(L, top);
    tl__after_callback(d->loop);
}

static int serve_datagram(tl_dispatcher *d, lua_State *L, tl_id id,
                          tl_id reader)
{
    tl_view views[2] = {{0}};
    if (!tl__takes_values(L, reader))
        return 0;
    int what = tl__datagram_serve(d->loop, id, views);
    if (what != 0)
        tl__wake_with(d, L, reader, views, what == TL_TELL_DATA ? 2 : 0);
    return what != 0;
}

static void deliver_datagram(tl_dispatcher *d, lua_State *L,
                             const tl_event *event)
{
    tl_id id = event->id;
    int most = tl__datagram_begin(d->loop, id, event->ready), taken = 0;
    const tl_shared *shared = &d->loop->shared;
    tl_id reader = tl__datagram_reader(d->loop, id);
    if (reader.slot != 0)
        taken = serve_datagram(d, L, id, reader);
    else
        while (taken < most && !shared->interrupt && !shared->stopped) {
            tl_view views[2] = {{0}};
            int status = 0;
            int what = tl__datagram_next(d->loop, id, views, &status);
            if (what == 0)
                break;
            taken++;
            tell_datagram(d, L, id, what, views, status);
        }
    tl__datagram_settle(d->loop, id, event->ready, taken, most);
}

/* --- the script's own descriptors --------------------------------------- */

static void deliver_readiness(tl_dispatcher *d, lua_State *L,
                              const tl_event *event)
{
    tl_id waiter = tl__readiness_take(d->loop, event->id);
    if (waiter.slot != 0 && tl__takes_values(L, waiter))
        tl__wake_with(d, L, waiter, NULL, 0);
}

/* --- all kinds ------------------------------------------------------------ */

const tl_kind_entry tl__kinds[TL_KINDS_MOST] = {
    [TL_TIMER] = {&tl__timer_kind, deliver_timer},
    [TL_SLEEP] = {&tl__sleep_kind, deliver_sleep},
    [TL_TASK] = {&tl__task_kind, deliver_task},
    [TL_WATCH] = {&tl__watch_kind, deliver_watch},
    [TL_STREAM] = {&tl__stream_kind, deliver_stream},
    [TL_LISTENER] = {&tl__listener_kind, deliver_listener},
    [TL_DATAGRAM] = {&tl__datagram_kind, deliver_datagram},
    [TL_READINESS] = {&tl__readiness_kind, deliver_readiness},
};
