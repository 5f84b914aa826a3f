/* Statistics of a loop: counters and lateness, see timerlua_abi.h. */
#include "loop/cancels.h"

void tl_loop_stats_get(tl_loop *loop, tl_loop_stats *stats)
{
    tl__cancels_settle(loop);
    size_t bytes =
        sizeof *loop + tl_handles_bytes(&loop->handles) + loop->owned_bytes;
    for (int c = 0; c < TL_CLOCKS; c++)
        bytes += tl_timers_bytes(&loop->timers[c]);
    tl_poller_counts counts = tl_poller_counted(&loop->poller);
    *stats = (tl_loop_stats){
        .armed = (double)loop->armed,
        .fired = (double)loop->fired,
        .cancelled = (double)loop->cancelled,
        .turns = (double)loop->turns,
        .wakeups = (double)counts.wakeups,
        .waits = (double)counts.waits,
        .timerfd_sets = (double)counts.timerfd_sets,
        .reads = (double)counts.reads,
        .controls = (double)counts.controls,
        .accepts = (double)loop->traffic.accepts,
        .receives = (double)loop->traffic.receives,
        .sends = (double)loop->traffic.sends,
        .received = (double)loop->traffic.received,
        .sent = (double)loop->traffic.sent,
        .unsent = (double)loop->traffic.unsent,
        .handles = (double)loop->handles.live,
        .active = (double)loop->active,
        .bytes = (double)bytes,
        .errors = (double)loop->shared.errors,
    };
}

double tl_lateness_count(tl_loop *loop)
{
    return (double)loop->lateness.count;
}

double tl_lateness_quantile(tl_loop *loop, double quantile)
{
    return tl__seconds(tl_histogram_quantile(&loop->lateness, quantile));
}

double tl_lateness_mean(tl_loop *loop)
{
    if (loop->lateness.count == 0)
        return 0;
    return loop->lateness.sum / (double)loop->lateness.count / 1e9;
}
