/* Posts: see posts.h. */
#include "loop/posts.h"

#include <errno.h>

#include "loop/state.h"

int tl__posts_add(tl_posts *posts, struct tl_loop *loop, uint32_t kind,
                  const void *first, size_t first_length, const void *second,
                  size_t second_length)
{
    if (tl_poller_forked(&loop->poller))
        return -ECHILD;
    int error = tl_ring_add(&posts->ring, kind, first, first_length, second,
                            second_length);
    if (error != 0) {
        __atomic_fetch_add(&posts->refused, 1, __ATOMIC_RELAXED);
        return error;
    }
    /* the load alone keeps the line shared while many post */
    if (!__atomic_load_n(&posts->signalled, __ATOMIC_SEQ_CST) &&
        !__atomic_exchange_n(&posts->signalled, true, __ATOMIC_SEQ_CST))
        tl_poller_wake(&loop->poller);
    return 0;
}

void tl__posts_listen(tl_posts *posts)
{
    __atomic_store_n(&posts->signalled, false, __ATOMIC_SEQ_CST);
}

bool tl__posts_has(tl_posts *posts)
{
    return tl_ring_has(&posts->ring);
}
