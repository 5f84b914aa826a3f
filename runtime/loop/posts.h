/* Posts: calls that other threads and signal handlers request from a loop's
   thread, C functions and events for Lua. One write to the poller's eventfd
   wakes the loop for many posts. */
#ifndef TL_POSTS_H
#define TL_POSTS_H

#include "base/ring.h"
#include "timerlua.h"

struct tl_loop;

/* Each post reads signalled, each refused post counts in refused, and each
   handled post counts in handled: three cache lines. */
typedef struct tl_posts {
    tl_ring ring;
    bool signalled; /* atomically: the loop has been woken for a post */
    char signalled_line[TL_CACHE_LINE];
    uint64_t refused; /* atomically */
    char refused_line[TL_CACHE_LINE];
    uint64_t handled;
} tl_posts;

enum { TL_POST_FUNCTION = 1, TL_POST_EVENT = 2 };

typedef struct tl_post_call {
    tl_post_function *function;
    void *argument;
} tl_post_call;

/* Add a post; -EAGAIN, -EMSGSIZE. Any thread, signal handlers. */
int tl__posts_add(tl_posts *posts, struct tl_loop *loop, uint32_t kind,
                  const void *first, size_t first_length, const void *second,
                  size_t second_length);
/* From here on every adder wakes the loop. To be called before the loop waits,
   and before tl__posts_has; in the other order the loop would sleep on a
   post. */
void tl__posts_listen(tl_posts *posts);
bool tl__posts_has(tl_posts *posts);

#endif
