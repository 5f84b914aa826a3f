/* The part of the poller that is the same for all verbs: see poller.h. */
#include "loop/poller.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void tl_poller_init(tl_poller *poller, const tl_poller_verbs *verbs,
                    void *behind, const char *here)
{
    *poller = (tl_poller){.verbs = verbs, .behind = behind, .here = here};
}

void tl_poller_close(tl_poller *poller)
{
    poller->verbs->close(poller);
    free(poller->owners);
    *poller = (tl_poller){0};
}

int tl_poller_fd(const tl_poller *poller)
{
    return poller->verbs->fd(poller);
}

bool tl_poller_keeps(const tl_poller *poller, int fd)
{
    return poller->verbs->keeps(poller, fd);
}

bool tl_poller_has_news(const tl_poller *poller)
{
    return !tl_poller_forked(poller) && poller->verbs->has_news(poller);
}

/* --- descriptors -------------------------------------------------------- */

static int make_owners(tl_poller *poller, size_t count)
{
    if (count <= poller->owner_count)
        return 0;
    size_t doubled = poller->owner_count * 2;
    if (count < doubled)
        count = doubled;
    uint32_t *owners = realloc(poller->owners, count * sizeof *owners);
    if (owners == NULL)
        return -ENOMEM;
    memset(owners + poller->owner_count, 0,
           (count - poller->owner_count) * sizeof *owners);
    poller->owners = owners;
    poller->owner_count = count;
    return 0;
}

static bool owns(const tl_poller *poller, int fd, tl_id id)
{
    return fd >= 0 && (size_t)fd < poller->owner_count &&
           poller->owners[fd] == id.slot;
}

uint32_t tl_poller_owner(const tl_poller *poller, int fd)
{
    bool known = fd >= 0 && (size_t)fd < poller->owner_count;
    return known ? poller->owners[fd] : 0;
}

int tl_poller_add(tl_poller *poller, int fd, int interest, tl_id id)
{
    if (tl_poller_forked(poller))
        return -ECHILD;
    /* the kernel first: it knows whether the descriptor exists, so an invalid
       number cannot decide how much memory the owners take */
    int error = poller->verbs->add(poller, fd, interest, id);
    if (error)
        return error;
    error = make_owners(poller, (size_t)fd + 1);
    if (error)
        poller->verbs->remove(poller, fd);
    else
        poller->owners[fd] = id.slot;
    return error;
}

int tl_poller_change(tl_poller *poller, int fd, int interest, tl_id id)
{
    if (!owns(poller, fd, id))
        return -EBADF;
    if (tl_poller_forked(poller))
        return -ECHILD;
    return poller->verbs->change(poller, fd, interest, id);
}

void tl_poller_remove(tl_poller *poller, int fd, tl_id id)
{
    if (!owns(poller, fd, id))
        return;
    poller->owners[fd] = 0;
    if (!tl_poller_forked(poller))
        poller->verbs->remove(poller, fd);
}

void tl_poller_forget(tl_poller *poller, int fd, tl_id id)
{
    if (owns(poller, fd, id))
        poller->owners[fd] = 0;
}

int tl_poller_renew(tl_poller *poller)
{
    return tl_poller_forked(poller) ? -ECHILD : poller->verbs->renew(poller);
}

/* --- clocks and signals ------------------------------------------------- */

int tl_poller_reserve(tl_poller *poller, int clock)
{
    return tl_poller_forked(poller) ? -ECHILD
                                    : poller->verbs->reserve(poller, clock);
}

int tl_poller_set_deadline(tl_poller *poller, int clock, int64_t deadline_ns)
{
    if (deadline_ns == poller->deadline_ns[clock])
        return 0;
    if (tl_poller_forked(poller))
        return -ECHILD;
    int error = poller->verbs->set_deadline(poller, clock, deadline_ns);
    if (error == 0)
        poller->deadline_ns[clock] = deadline_ns;
    return error;
}

bool tl_poller_take_step(tl_poller *poller)
{
    bool stepped = poller->clock_stepped;
    poller->clock_stepped = false;
    return stepped;
}

int tl_poller_signals(tl_poller *poller, int fd, const sigset_t *set)
{
    return tl_poller_forked(poller) ? -ECHILD
                                    : poller->verbs->signals(poller, fd, set);
}

int tl_poller_next_signal(tl_poller *poller, int fd, tl_signal *signal)
{
    return tl_poller_forked(poller)
               ? -ECHILD
               : poller->verbs->next_signal(poller, fd, signal);
}

void tl_poller_end_signals(tl_poller *poller, int fd)
{
    poller->verbs->end_signals(poller, fd);
}

/* --- waiting ------------------------------------------------------------ */

int tl_poller_wait(tl_poller *poller, bool block, tl_ready *ready)
{
    if (tl_poller_forked(poller))
        return -ECHILD;
    poller->counts.waits++;
    poller->counts.wakeups += block;
    return poller->verbs->wait(poller, block, ready);
}

void tl_poller_wake(tl_poller *poller)
{
    if (!tl_poller_forked(poller))
        poller->verbs->wake(poller);
}

tl_poller_counts tl_poller_counted(const tl_poller *poller)
{
    return poller->counts;
}
