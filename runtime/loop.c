/* The loop: see loop.h for turns, timerlua_abi.h for what Lua calls. */
#include "loop.h"

#include <errno.h>
#include <malloc.h>
#include <math.h>
#include <stdlib.h>

#include "check.h"

/* Pages of handles given back before the C heap is trimmed: 8 MiB. */
enum { TRIM_PAGES = 256 };

/* --- life --------------------------------------------------------------- */

static int64_t wall_offset(const tl_loop *loop)
{
    return tl_clock_read(&loop->clock, TL_REALTIME) -
           tl_clock_read(&loop->clock, TL_MONOTONIC);
}

tl_loop *tl_loop_open(void)
{
    tl_loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL)
        return NULL;
    int error = tl_poller_open(&loop->poller);
    if (error) {
        free(loop);
        errno = -error;
        return NULL;
    }
    tl_clock_init(&loop->clock);
    tl_handles_init(&loop->handles);
    for (int c = 0; c < TL_CLOCKS; c++) {
        tl_timers_init(&loop->timers[c], &loop->handles, c);
        tl_wheel_advance(&loop->timers[c].wheel,
                         tl_clock_read(&loop->clock, c));
    }
    loop->slack_ns = TL_DEFAULT_SLACK_NS;
    loop->wall_offset_ns = wall_offset(loop);
    return loop;
}

void tl_loop_close(tl_loop *loop)
{
    for (uint32_t slot = 0;
         (slot = tl_handles_walk(&loop->handles, slot + 1)) != 0;)
        tl_handles_close(&loop->handles, slot);
    for (int c = 0; c < TL_CLOCKS; c++)
        tl_timers_free(&loop->timers[c]);
    tl_handles_free(&loop->handles);
    tl_poller_close(&loop->poller);
    free(loop);
}

tl_shared *tl_loop_shared(tl_loop *loop)
{
    return &loop->shared;
}

/* --- handles ------------------------------------------------------------ */

static tl_handle *find(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    return tl_handles_find(&loop->handles, slot, generation);
}

static tl_timers *store_of(tl_loop *loop, const tl_handle *handle)
{
    return &loop->timers[handle->flags & TL_CLOCK_MASK];
}

static void set_active(tl_loop *loop, tl_handle *handle, bool active)
{
    if (active == !!(handle->flags & TL_FLAG_ACTIVE))
        return;
    handle->flags ^= TL_FLAG_ACTIVE;
    if (!(handle->flags & TL_FLAG_UNREF))
        loop->active += active ? 1 : (size_t)-1;
}

int tl_handle_open(tl_loop *loop, tl_id *id, int kind)
{
    return tl_handles_open(&loop->handles, kind, id);
}

static void leave_queue(tl_loop *loop, uint32_t slot, tl_handle *handle)
{
    if (handle->kind == TL_WATCH && handle->flags & TL_FLAG_ACTIVE) {
        tl_poller_remove(&loop->poller, handle->at.watch.fd);
        loop->watches--;
    } else if (handle->kind != TL_WATCH) {
        tl_timers_remove(store_of(loop, handle), slot);
    }
    set_active(loop, handle, false);
}

static void end_handle(tl_loop *loop, uint32_t slot, tl_handle *handle)
{
    leave_queue(loop, slot, handle);
    tl_handles_close(&loop->handles, slot);
}

void tl_handle_close(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_handle *handle = find(loop, slot, generation);
    if (handle != NULL)
        end_handle(loop, slot, handle);
}

int tl_handle_done(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_handle *handle = find(loop, slot, generation);
    if (handle == NULL)
        return 0;
    handle->flags &= (uint8_t)~TL_FLAG_BUSY;
    if (handle->flags & (TL_FLAG_ACTIVE | TL_FLAG_PAUSED))
        return 0;
    end_handle(loop, slot, handle);
    return 1;
}

int tl_handle_ref(tl_loop *loop, uint32_t slot, uint32_t generation, int on)
{
    tl_handle *handle = find(loop, slot, generation);
    if (handle == NULL)
        return -ESTALE;
    bool referenced = !(handle->flags & TL_FLAG_UNREF);
    if (referenced == !!on)
        return 0;
    handle->flags ^= TL_FLAG_UNREF;
    if (handle->flags & TL_FLAG_ACTIVE)
        loop->active += on ? 1 : (size_t)-1;
    return 0;
}

static double seconds(int64_t ns)
{
    return (double)ns / 1e9;
}

static void recurrence_info(const tl_handle *handle, tl_handle_info *info)
{
    const tl_recurrence *r = handle->repeat.recurrence;
    info->period = seconds(r->period_ns);
    info->missed = (double)r->missed;
    info->missed_total = (double)r->missed_total;
    info->runs = (double)r->runs;
    if (handle->flags & TL_FLAG_BUSY)
        info->due = seconds(r->due_ns);
}

int tl_handle_info_get(tl_loop *loop, uint32_t slot, uint32_t generation,
                       tl_handle_info *info)
{
    const tl_handle *handle = find(loop, slot, generation);
    if (handle == NULL)
        return -ESTALE;
    *info = (tl_handle_info){
        .late = (double)handle->late_s,
        .kind = handle->kind,
        .clock = handle->flags & TL_CLOCK_MASK,
        .fd = -1,
        .active = !!(handle->flags & TL_FLAG_ACTIVE),
        .paused = !!(handle->flags & TL_FLAG_PAUSED),
        .referenced = !(handle->flags & TL_FLAG_UNREF),
    };
    if (handle->kind == TL_WATCH) {
        info->fd = handle->at.watch.fd;
        return 0;
    }
    info->due = seconds(handle->at.deadline_ns);
    if (handle->flags & TL_FLAG_RECUR)
        recurrence_info(handle, info);
    else
        info->runs = handle->flags & TL_FLAG_BUSY ? 1 : 0;
    return 0;
}

uint32_t tl_handle_walk(tl_loop *loop, uint32_t *slot)
{
    *slot = tl_handles_walk(&loop->handles, *slot);
    return *slot ? tl_handles_at(&loop->handles, *slot)->generation : 0;
}

/* --- timers ------------------------------------------------------------- */

static int queue_until(tl_loop *loop, uint32_t slot, tl_handle *handle,
                       int64_t deadline_ns)
{
    int error = tl_timers_move(store_of(loop, handle), slot, deadline_ns);
    if (error)
        return error;
    handle->flags &= (uint8_t)~TL_FLAG_PAUSED;
    set_active(loop, handle, true);
    loop->armed++;
    return 0;
}

static int start(tl_loop *loop, tl_id *id, int kind, int64_t deadline_ns,
                 int64_t interval_ns, int options)
{
    int error = tl_handles_open(&loop->handles, kind, id);
    if (error)
        return error;
    tl_handle *handle = tl_handles_at(&loop->handles, id->slot);
    handle->flags = (uint8_t)(options & (TL_CLOCK_MASK | TL_FLAG_UNREF));
    handle->repeat.interval_ns = interval_ns;
    if (options & TL_RECUR)
        error = tl_timer_period(loop, id->slot, id->generation, interval_ns);
    if (error == 0)
        error = queue_until(loop, id->slot, handle, deadline_ns);
    if (error)
        tl_handles_close(&loop->handles, id->slot);
    return error;
}

static int64_t from_now(tl_loop *loop, int clock, int64_t delay_ns)
{
    return tl_deadline(tl_clock_read(&loop->clock, clock), delay_ns);
}

int tl_timer_after(tl_loop *loop, tl_id *id, double delay_s)
{
    int64_t delay_ns = tl_seconds_to_ns(delay_s);
    return start(loop, id, TL_TIMER, from_now(loop, TL_MONOTONIC, delay_ns),
                 delay_ns, TL_MONOTONIC);
}

int tl_sleep_start(tl_loop *loop, tl_id *id, int64_t delay_ns)
{
    return start(loop, id, TL_SLEEP, from_now(loop, TL_MONOTONIC, delay_ns),
                 delay_ns, TL_MONOTONIC);
}

int tl_timer_start(tl_loop *loop, tl_id *id, int64_t first_ns,
                   int64_t interval_ns, int options, int absolute)
{
    int clock = options & TL_CLOCK_MASK;
    if (clock >= TL_CLOCKS || interval_ns < 0 || (!absolute && first_ns < 0) ||
        (options & TL_RECUR && interval_ns == 0))
        return -EINVAL;
    if (!absolute)
        first_ns = from_now(loop, clock, first_ns);
    return start(loop, id, TL_TIMER, first_ns, interval_ns, options);
}

static int64_t interval_of(const tl_handle *handle)
{
    return handle->flags & TL_FLAG_RECUR
               ? handle->repeat.recurrence->period_ns
               : handle->repeat.interval_ns;
}

int tl_timer_rearm(tl_loop *loop, uint32_t slot, uint32_t generation,
                   int64_t delay_ns)
{
    tl_handle *handle = find(loop, slot, generation);
    if (handle == NULL || handle->kind == TL_WATCH)
        return -ESTALE;
    if (delay_ns < 0)
        delay_ns = interval_of(handle);
    int clock = handle->flags & TL_CLOCK_MASK;
    return queue_until(loop, slot, handle, from_now(loop, clock, delay_ns));
}

int tl_timer_reset(tl_loop *loop, uint32_t slot, uint32_t generation,
                   double delay_s)
{
    return tl_timer_rearm(loop, slot, generation, tl_seconds_to_ns(delay_s));
}

int tl_timer_period(tl_loop *loop, uint32_t slot, uint32_t generation,
                    int64_t period_ns)
{
    tl_handle *handle = find(loop, slot, generation);
    if (handle == NULL || handle->kind != TL_TIMER)
        return -ESTALE;
    bool recurs = handle->flags & TL_FLAG_RECUR;
    if (period_ns > 0 && recurs) {
        handle->repeat.recurrence->period_ns = period_ns;
    } else if (period_ns > 0) {
        tl_recurrence *recurrence = calloc(1, sizeof *recurrence);
        if (recurrence == NULL)
            return -ENOMEM;
        recurrence->period_ns = period_ns;
        handle->repeat.recurrence = recurrence;
        handle->flags |= TL_FLAG_RECUR;
    } else if (recurs) {
        period_ns = handle->repeat.recurrence->period_ns;
        free(handle->repeat.recurrence);
        handle->repeat.interval_ns = period_ns;
        handle->flags &= (uint8_t)~TL_FLAG_RECUR;
    }
    return 0;
}

int tl_timer_cancel(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_handle *handle = find(loop, slot, generation);
    if (handle == NULL)
        return 0;
    bool waited = handle->flags & (TL_FLAG_ACTIVE | TL_FLAG_PAUSED);
    leave_queue(loop, slot, handle);
    handle->flags &= (uint8_t)~TL_FLAG_PAUSED;
    loop->cancelled += waited;
    if (handle->flags & TL_FLAG_BUSY)
        return waited ? TL_CANCELLED : 0;
    tl_handles_close(&loop->handles, slot);
    return waited ? TL_CANCELLED | TL_ENDED : TL_ENDED;
}

double tl_timer_deadline(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_handle *handle = find(loop, slot, generation);
    if (handle == NULL || handle->kind == TL_WATCH ||
        !(handle->flags & TL_FLAG_ACTIVE))
        return NAN;
    return seconds(handle->at.deadline_ns);
}

int tl_timer_pause(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_handle *handle = find(loop, slot, generation);
    if (handle == NULL || handle->kind != TL_TIMER)
        return -ESTALE;
    if (!(handle->flags & TL_FLAG_ACTIVE))
        return 0;
    int clock = handle->flags & TL_CLOCK_MASK;
    leave_queue(loop, slot, handle);
    /* An instant on the wall clock stays that instant. */
    if (clock != TL_REALTIME) {
        int64_t now_ns = tl_clock_read(&loop->clock, clock);
        int64_t left_ns = handle->at.deadline_ns - now_ns;
        handle->at.deadline_ns = left_ns > 0 ? left_ns : 0;
    }
    handle->flags |= TL_FLAG_PAUSED;
    return 0;
}

int tl_timer_resume(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_handle *handle = find(loop, slot, generation);
    if (handle == NULL || handle->kind != TL_TIMER)
        return -ESTALE;
    if (!(handle->flags & TL_FLAG_PAUSED))
        return 0;
    int clock = handle->flags & TL_CLOCK_MASK;
    int64_t deadline_ns = handle->at.deadline_ns;
    if (clock != TL_REALTIME)
        deadline_ns = from_now(loop, clock, deadline_ns);
    return queue_until(loop, slot, handle, deadline_ns);
}

/* --- watched descriptors ------------------------------------------------ */

int tl_watch_start(tl_loop *loop, tl_id *id, int fd, int interest)
{
    int error = tl_handles_open(&loop->handles, TL_WATCH, id);
    if (error)
        return error;
    tl_handle *handle = tl_handles_at(&loop->handles, id->slot);
    handle->at.watch.fd = fd;
    handle->at.watch.interest = (uint32_t)interest;
    error = tl_poller_add(&loop->poller, fd, interest, *id);
    if (error) {
        tl_handles_close(&loop->handles, id->slot);
        return error;
    }
    loop->watches++;
    set_active(loop, handle, true);
    return 0;
}

/* --- clock -------------------------------------------------------------- */

double tl_now(tl_loop *loop, int clock)
{
    return seconds(tl_clock_read(&loop->clock, clock));
}

int64_t tl_now_ns(tl_loop *loop, int clock)
{
    return tl_clock_read(&loop->clock, clock);
}

int tl_clock_virtual(tl_loop *loop, int64_t wall_ns)
{
    tl_clock_make_virtual(&loop->clock, wall_ns);
    loop->wall_offset_ns = wall_offset(loop);
    return 0;
}

int tl_clock_real(tl_loop *loop)
{
    for (int c = 0; c < TL_CLOCKS; c++)
        if (loop->timers[c].queued > 0)
            return -EBUSY;
    tl_clock_make_real(&loop->clock);
    loop->wall_offset_ns = wall_offset(loop);
    return 0;
}

int tl_clock_is_virtual(tl_loop *loop)
{
    return loop->clock.is_virtual;
}

/* The wall clock may have been stepped: add up by how much. */
static void note_step(tl_loop *loop)
{
    int64_t offset_ns = wall_offset(loop);
    loop->jump_s += seconds(offset_ns - loop->wall_offset_ns);
    loop->wall_offset_ns = offset_ns;
}

int tl_clock_step_wall(tl_loop *loop, int64_t step_ns)
{
    if (!loop->clock.is_virtual)
        return -EPERM;
    tl_clock_step(&loop->clock, step_ns);
    note_step(loop);
    return 0;
}

int tl_clock_suspend(tl_loop *loop, int64_t asleep_ns)
{
    if (!loop->clock.is_virtual)
        return -EPERM;
    tl_clock_sleep(&loop->clock, asleep_ns);
    note_step(loop);
    return 0;
}

double tl_loop_take_jump(tl_loop *loop)
{
    double jump_s = loop->jump_s;
    loop->jump_s = 0;
    return jump_s;
}

void tl_loop_want_jumps(tl_loop *loop, int on)
{
    loop->want_jumps = on;
}

void tl_loop_set_slack(tl_loop *loop, int64_t slack_ns)
{
    loop->slack_ns = slack_ns;
}

int64_t tl_loop_slack_ns(tl_loop *loop)
{
    return loop->slack_ns;
}

/* --- waking ------------------------------------------------------------- */

void tl_loop_wake(tl_loop *loop, int reason)
{
    if (reason)
        atomic_store(&loop->wake_reason, reason);
    atomic_store(&loop->woken, true);
    tl_poller_wake(&loop->poller);
}

int tl_loop_take_reason(tl_loop *loop)
{
    return atomic_exchange(&loop->wake_reason, 0);
}

/* --- turns -------------------------------------------------------------- */

static void collect_due(tl_loop *loop)
{
    uint32_t slots[TL_BATCH_TIMERS];
    size_t found = 0;
    for (int c = 0; c < TL_CLOCKS && found < TL_BATCH_TIMERS; c++) {
        tl_timers *timers = &loop->timers[c];
        if (timers->queued == 0)
            continue;
        found += tl_timers_expire(timers, tl_clock_read(&loop->clock, c),
                                  slots + found, TL_BATCH_TIMERS - found);
    }
    for (size_t i = 0; i < found; i++) {
        const tl_handle *handle = tl_handles_at(&loop->handles, slots[i]);
        loop->batch[loop->batch_count++] =
            (tl_event){{slots[i], handle->generation}, 0};
    }
}

static int collect_ready(tl_loop *loop, bool block)
{
    tl_ready ready[TL_POLL_MOST];
    int count = tl_poller_wait(&loop->poller, block, ready);
    for (int i = 0; i < count; i++)
        loop->batch[loop->batch_count++] =
            (tl_event){ready[i].id, ready[i].ready};
    if (tl_poller_take_step(&loop->poller))
        note_step(loop);
    return count < 0 ? count : 0;
}

static int set_deadlines(tl_loop *loop)
{
    for (int c = 0; c < TL_CLOCKS; c++) {
        int64_t deadline_ns;
        bool any = tl_timers_last_within(&loop->timers[c], loop->slack_ns,
                                         &deadline_ns);
        if (!any)
            deadline_ns = c == TL_REALTIME && loop->want_jumps ? INT64_MAX : 0;
        int error = tl_poller_set_deadline(&loop->poller, c, deadline_ns);
        if (error)
            return error;
    }
    return 0;
}

/* Virtual time: go to the next deadline of any clock. False when there is
   none to go to. */
static bool jump(tl_loop *loop)
{
    int64_t least_ns = INT64_MAX;
    bool any = false;
    for (int c = 0; c < TL_CLOCKS; c++) {
        int64_t next_ns;
        if (!tl_timers_next(&loop->timers[c], &next_ns))
            continue;
        any = true;
        int64_t wait_ns = next_ns - tl_clock_read(&loop->clock, c);
        if (wait_ns < least_ns)
            least_ns = wait_ns;
    }
    if (any && least_ns > 0)
        tl_clock_go(&loop->clock, least_ns);
    return any;
}

int tl_loop_due(tl_loop *loop)
{
    if (loop->batch_next < loop->batch_count)
        return 1;
    for (int c = 0; c < TL_CLOCKS; c++) {
        int64_t next_ns;
        if (tl_timers_next(&loop->timers[c], &next_ns) &&
            next_ns <= tl_clock_read(&loop->clock, c))
            return 1;
    }
    return 0;
}

/* Wait until something is ready, and take it. */
static int collect_waiting(tl_loop *loop)
{
    if (atomic_exchange(&loop->woken, false))
        return 0;
    if (loop->clock.is_virtual) {
        int error = loop->watches ? collect_ready(loop, false) : 0;
        if (error || loop->batch_count > 0)
            return error;
        if (!jump(loop))
            error = collect_ready(loop, true);
        collect_due(loop);
        return error;
    }
    int error = set_deadlines(loop);
    if (error == 0)
        error = collect_ready(loop, true);
    if (error)
        return error;
    collect_due(loop);
    return 0;
}

/* After a program shrank, give the C heap's free memory back to the system
   too. */
static void trim(tl_loop *loop)
{
    if (loop->handles.given_back - loop->pages_trimmed < TRIM_PAGES)
        return;
    loop->pages_trimmed = loop->handles.given_back;
    (void)malloc_trim(0);
}

int tl_loop_collect(tl_loop *loop)
{
    TL_CHECK(loop->batch_next >= loop->batch_count,
             "collecting before the batch is used up");
    loop->batch_count = loop->batch_next = 0;
    loop->turns++;
    if (loop->active == 0)
        return TL_NOTHING_LEFT;
    collect_due(loop);
    if (loop->batch_count > 0)
        return loop->watches ? collect_ready(loop, false) : 0;
    trim(loop);
    return collect_waiting(loop);
}

/* A tick's callback is about to run, or is skipped because the one before
   still runs: count what was missed and arm the next tick on the grid. */
static bool begin_tick(tl_loop *loop, uint32_t slot, tl_handle *handle,
                       int64_t late_ns)
{
    tl_recurrence *r = handle->repeat.recurrence;
    int64_t due_ns = handle->at.deadline_ns, next_ns;
    int64_t missed = late_ns / r->period_ns;
    bool busy = handle->flags & TL_FLAG_BUSY;
    if (__builtin_mul_overflow(missed + 1, r->period_ns, &next_ns))
        next_ns = INT64_MAX;
    tl_timers_again(store_of(loop, handle), slot,
                    tl_deadline(due_ns, next_ns));
    r->missed_total += (uint64_t)missed + busy;
    if (busy)
        return false;
    r->missed = (uint64_t)missed;
    r->runs++;
    r->due_ns = due_ns;
    return true;
}

static bool begin_timer(tl_loop *loop, uint32_t slot, tl_handle *handle)
{
    int clock = handle->flags & TL_CLOCK_MASK;
    int64_t late_ns = tl_clock_read(&loop->clock, clock) -
                      handle->at.deadline_ns;
    if (late_ns < 0)
        late_ns = 0; /* the wall clock was stepped back since */
    if (handle->flags & TL_FLAG_RECUR) {
        if (!begin_tick(loop, slot, handle, late_ns))
            return false;
    } else {
        handle->where = TL_NOWHERE;
        set_active(loop, handle, false);
    }
    handle->late_s = (float)seconds(late_ns);
    handle->flags |= TL_FLAG_BUSY;
    loop->fired++;
    if (handle->kind != TL_TASK)
        tl_histogram_record(&loop->lateness, late_ns);
    return true;
}

tl_handle *tl_loop_begin(tl_loop *loop, tl_event *event)
{
    while (loop->batch_next < loop->batch_count) {
        *event = loop->batch[loop->batch_next++];
        tl_handle *handle = find(loop, event->id.slot, event->id.generation);
        if (handle == NULL)
            continue;
        if (handle->kind == TL_WATCH)
            return handle;
        if (handle->where == TL_IN_BATCH &&
            begin_timer(loop, event->id.slot, handle))
            return handle;
    }
    return NULL;
}

/* --- statistics --------------------------------------------------------- */

void tl_loop_stats_get(tl_loop *loop, tl_loop_stats *stats)
{
    size_t bytes = sizeof *loop + tl_handles_bytes(&loop->handles);
    for (int c = 0; c < TL_CLOCKS; c++)
        bytes += tl_timers_bytes(&loop->timers[c]);
    *stats = (tl_loop_stats){
        .armed = (double)loop->armed,
        .fired = (double)loop->fired,
        .cancelled = (double)loop->cancelled,
        .turns = (double)loop->turns,
        .wakeups = (double)loop->poller.wakeups,
        .waits = (double)loop->poller.waits,
        .timerfd_sets = (double)loop->poller.timerfd_sets,
        .reads = (double)loop->poller.reads,
        .controls = (double)loop->poller.controls,
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
    return seconds(tl_histogram_quantile(&loop->lateness, quantile));
}

double tl_lateness_mean(tl_loop *loop)
{
    if (loop->lateness.count == 0)
        return 0;
    return loop->lateness.sum / (double)loop->lateness.count / 1e9;
}

void tl_loop_check(tl_loop *loop)
{
    tl_handles_check(&loop->handles);
    for (int c = 0; c < TL_CLOCKS; c++)
        tl_timers_check(&loop->timers[c]);
    size_t active = 0;
    for (uint32_t slot = 0;
         (slot = tl_handles_walk(&loop->handles, slot + 1)) != 0;) {
        const tl_handle *handle = tl_handles_at(&loop->handles, slot);
        active += handle->flags & TL_FLAG_ACTIVE &&
                  !(handle->flags & TL_FLAG_UNREF);
    }
    TL_CHECK(active == loop->active, "active handles are miscounted");
}
