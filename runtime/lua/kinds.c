/* All kinds of handles: see kinds.h. */
#include "lua/kinds.h"

#include "lua/deliver.h"
#include "net/datagram.h"
#include "net/listener.h"
#include "net/stream.h"

const tl_kind *const tl__kinds[TL_KINDS_MOST] = {
    [TL_TIMER] = &tl__timer_kind,       [TL_SLEEP] = &tl__sleep_kind,
    [TL_TASK] = &tl__task_kind,         [TL_WATCH] = &tl__watch_kind,
    [TL_STREAM] = &tl__stream_kind,     [TL_LISTENER] = &tl__listener_kind,
    [TL_DATAGRAM] = &tl__datagram_kind, [TL_READINESS] = &tl__readiness_kind,
};

tl_delivery *const tl__deliveries[TL_KINDS_MOST] = {
    [TL_TIMER] = tl__deliver_timer,
    [TL_SLEEP] = tl__deliver_sleep,
    [TL_TASK] = tl__deliver_task,
    [TL_WATCH] = tl__deliver_watch,
    [TL_STREAM] = tl__deliver_stream,
    [TL_LISTENER] = tl__deliver_listener,
    [TL_DATAGRAM] = tl__deliver_datagram,
    [TL_READINESS] = tl__deliver_readiness,
};
