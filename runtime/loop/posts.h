/* Posts: what other threads and signal handlers have a loop's thread do,
   functions of C and events for Lua. One write to the poller's eventfd wakes
   the loop for many posts. */
#ifndef TL_POSTS_H
#define TL_POSTS_H

#include "base/ring.h"
#include "timerlua.h"

struct tl_loop;

/* Each post reads signalled, each that finds no room counts in refused, and
   each that is handled in handled: three cache lines. */
typedef struct tl_posts {
    tl_ring ring;
    bool signalled; /* atomically: somebody has woken the loop for a post */
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

/* Add one; -EAGAIN, -EMSGSIZE. Any thread, signal handlers. */
int tl__posts_add(tl_posts *posts, struct tl_loop *loop, uint32_t kind,
                  const void *first, size_t first_length, const void *second,
                  size_t second_length);
/* From here on whoever adds one wakes the loop. To be called before the loop
   waits, and then tl__posts_has; the other order would sleep on a post. */
void tl__posts_listen(tl_posts *posts);
bool tl__posts_has(tl_posts *posts);

#endif
