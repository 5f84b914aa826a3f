/* A kind of handle that no file of the runtime knows, made here: a bell, which
   has its own pipe and is informed when that pipe is written to. The loop
   treats the bell as its row says, and counts, names, holds and ends it like
   any other.
   kinds_test SEED STEPS */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "loop/agenda.h"
#include "loop/descriptor.h"
#include "loop/handle_ops.h"
#include "loop/kinds.h"
#include "loop/loop.h"

enum { BELL = TL_KINDS };

static int finished, disposed, dropped, posted, renewed;
static bool is_polite; /* whether a bell gives way */
static tl_loop *loop;

/* --- the kind ----------------------------------------------------------- */

static int bell_open(tl_id *id, int fd)
{
    int error = tl__agendas_reserve(loop);
    if (error == 0)
        error = tl_handles_open(&loop->handles, BELL, id);
    if (error)
        return error;
    tl_handle *handle = tl_handles_at(&loop->handles, id->slot);
    handle->at.watch.fd = fd;
    error = tl__descriptor_take(loop, fd, id->slot);
    if (error == 0)
        error = tl__descriptor_interest(loop, *id, handle, TL_READ);
    tl__set_active(loop, handle, true);
    return error;
}

static void finish(tl_loop *its_loop)
{
    TL_CHECK(its_loop == loop && disposed == 0, "handles are gone before");
    finished++;
}

static void dispose(tl_loop *its_loop, tl_handle *handle)
{
    TL_CHECK(its_loop == loop, "another loop");
    (void)close(handle->at.watch.fd);
    disposed++;
}

static void drop(tl_loop *its_loop, tl_id id, tl_handle *handle)
{
    int fd = handle->at.watch.fd;
    tl__handle_end(its_loop, id, handle);
    (void)close(fd);
    dropped++;
}

static bool is_posted(tl_loop *its_loop, tl_id id, tl_handle *handle,
                      int *ready)
{
    posted++;
    return tl__kind_posted(its_loop, id, handle, ready);
}

static void renew(tl_loop *its_loop, tl_id id, tl_handle *handle)
{
    renewed++;
    TL_CHECK(tl__descriptor_interest(its_loop, id, handle, TL_READ) == 0,
             "it does not enter the new poller");
}

static bool give_way(tl_loop *its_loop, tl_id id, tl_handle *handle)
{
    if (is_polite)
        (void)tl__descriptor_interest(its_loop, id, handle, 0);
    return is_polite;
}

static const tl_kind bell_kind = {
    .name = "bell",
    .noun = "bell of a test",
    .group = TL_GROUP_DESCRIPTORS,
    .owns_descriptor = true,
    .finish = finish,
    .dispose = dispose,
    .drop = drop,
    .hold = tl__kind_hold,
    .done = tl__descriptor_done,
    .posted = is_posted,
    .renew = renew,
    .give_way = give_way,
};

static const tl_kind *const kinds[TL_KINDS_MOST] = {
    [TL_TIMER] = &tl__timer_kind,
    [TL_WATCH] = &tl__watch_kind,
    [BELL] = &bell_kind,
};

/* --- the loop's treatment of it ------------------------------------------ */

/* A turn that has this one event of a bell and no other event. */
static tl_handle *expect_event(tl_id id, int ready)
{
    tl_event event, other;
    TL_CHECK(tl_loop_collect(loop) == TL_COLLECTED, "nothing is collected");
    tl_handle *handle = tl_loop_begin(loop, &event);
    TL_CHECK(handle != NULL && handle->kind == BELL &&
                 event.id.slot == id.slot && event.ready == ready,
             "no bell, or another");
    TL_CHECK(tl_loop_begin(loop, &other) == NULL, "something else happened");
    return handle;
}

static void ring(const int ends[2])
{
    TL_CHECK(write(ends[1], "x", 1) == 1, "the pipe is full");
}

static void hush(const int ends[2])
{
    char byte;
    TL_CHECK(read(ends[0], &byte, 1) == 1, "the bell was not rung");
}

static void test_count(tl_id bell, int fd)
{
    tl_id refused;
    tl_handle_info info;
    TL_CHECK(strcmp(tl_kind_name(loop, BELL), "bell") == 0, "another name");
    TL_CHECK(tl_kind_name(loop, TL_FREE) == NULL &&
                 tl_kind_name(loop, BELL + 1) == NULL &&
                 tl_kind_name(loop, -1) == NULL &&
                 tl_kind_name(loop, TL_KINDS_MOST) == NULL,
             "what is no kind has a name");
    TL_CHECK(tl_handle_open(loop, &refused, BELL + 1) == -EINVAL,
             "a handle of no kind");
    TL_CHECK(loop->handles.counts[TL_GROUP_DESCRIPTORS] == 1 &&
                 loop->handles.counts[TL_GROUP_TIMERS] == 0,
             "it is counted elsewhere");
    loop->handles.limits[TL_GROUP_DESCRIPTORS] = 1;
    TL_CHECK(bell_open(&refused, fd) == TL_LIMIT, "it is not limited");
    loop->handles.limits[TL_GROUP_DESCRIPTORS] = UINT32_MAX;
    TL_CHECK(tl_handle_info_get(loop, bell.slot, bell.generation, &info) == 0 &&
                 info.kind == BELL && info.fd == fd && info.active,
             "it is not what it is");
    TL_CHECK(tl_descriptor_taken(loop, fd), "its descriptor is anybody's");
    TL_CHECK(isnan(tl_timer_deadline(loop, bell.slot, bell.generation)),
             "it has a deadline");
}

static void test_events(tl_id bell, const int ends[2])
{
    ring(ends);
    tl_handle *handle = expect_event(bell, TL_READ);
    hush(ends);
    tl__kind_of(loop, handle)->hold(loop, bell, handle);
    TL_CHECK(handle->flags & TL_FLAG_BUSY && posted == 0, "it is not held");
    TL_CHECK(tl_handle_done(loop, bell.slot, bell.generation) == 0,
             "it ends with its callback");
    (void)expect_event(bell, 0);
    TL_CHECK(posted == 1 && !(handle->flags & TL_FLAG_BUSY),
             "it was not posted once, or is held still");
}

/* A watch ends whose descriptor was closed while a duplicate of it lives: only
   a new poller stops the reports. */
static void test_renewal(tl_id bell, const int ends[2])
{
    int others[2];
    tl_id watch;
    tl_event event;
    TL_CHECK(pipe(others) == 0 &&
                 tl_watch_start(loop, &watch, others[0], TL_READ) == 0,
             "not watched");
    int duplicate = dup(others[0]);
    (void)close(others[0]);
    tl_handle_close(loop, watch.slot, watch.generation);
    ring(others);
    TL_CHECK(tl_loop_collect(loop) == TL_COLLECTED &&
                 tl_loop_begin(loop, &event) == NULL,
             "an ended watch is told");
    TL_CHECK(renewed == 1, "the bell was not informed of the new poller");
    ring(ends);
    (void)expect_event(bell, TL_READ);
    hush(ends);
    (void)close(duplicate);
    (void)close(others[1]);
}

/* A watch of the bell's descriptor: refused, unless the bell gives way. */
static void test_watch(tl_id bell, const int ends[2])
{
    tl_id watch;
    tl_event event;
    TL_CHECK(tl_watch_start(loop, &watch, ends[0], TL_READ) == -EEXIST,
             "a watch takes the descriptor");
    is_polite = true;
    TL_CHECK(tl_watch_start(loop, &watch, ends[0], TL_READ) == 0,
             "the bell does not give way");
    ring(ends);
    TL_CHECK(tl_loop_collect(loop) == TL_COLLECTED &&
                 tl_loop_begin(loop, &event) != NULL &&
                 event.id.slot == watch.slot &&
                 tl_loop_begin(loop, &event) == NULL,
             "the watch is not told, or the bell is, too");
    hush(ends);
    TL_CHECK(tl_timer_cancel(loop, bell.slot, bell.generation) == 0 &&
                 tl_handles_find(&loop->handles, bell.slot, bell.generation),
             "a bell is cancelled like a timer");
    TL_CHECK(tl_watch_cancel(loop, watch.slot, watch.generation) ==
                 (TL_CANCELLED | TL_ENDED),
             "a watch is not cancelled");
}

static void open_one(tl_id *bell, int ends[2])
{
    TL_CHECK(pipe(ends) == 0 && bell_open(bell, ends[0]) == 0, "no bell");
}

int main(int argc, char **argv)
{
    tl_id bells[4];
    int ends[4][2];
    if (argc != 3) {
        fprintf(stderr, "usage: kinds_test SEED STEPS\n");
        return 2;
    }
    loop = tl_loop_open(kinds);
    TL_CHECK(loop != NULL, "the loop does not open");
    open_one(&bells[0], ends[0]);
    test_count(bells[0], ends[0][0]);
    test_events(bells[0], ends[0]);
    test_renewal(bells[0], ends[0]);
    test_watch(bells[0], ends[0]);
    open_one(&bells[1], ends[1]);
    tl_handle_close(loop, bells[1].slot, bells[1].generation);
    TL_CHECK(dropped == 1 && loop->handles.live == 1, "it has not ended");
    tl_loop_drop(loop);
    tl_loop_check(loop);
    TL_CHECK(dropped == 2 && loop->handles.live == 0 && loop->active == 0 &&
                 loop->watches == 0,
             "it was not dropped");
    open_one(&bells[2], ends[2]);
    open_one(&bells[3], ends[3]);
    tl_loop_check(loop);
    tl_loop_close(loop);
    TL_CHECK(finished == 1 && disposed == 2 && dropped == 2,
             "the end of the loop is not reported, or to others");
    for (int i = 0; i < 4; i++)
        (void)close(ends[i][1]);
    printf("ok: seed %s, %s steps\n", argv[1], argv[2]);
    return 0;
}
