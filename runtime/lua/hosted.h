/* Hosted: what the dispatcher does for a program that embeds the loop: calls
   its C functions, for timers, descriptors and posts, and tells it of callbacks
   that take long. */
#ifndef TL_HOSTED_H
#define TL_HOSTED_H

#include "lua/state.h"

/* Run an event whose handle has a C function; false when it has none. */
bool tl__hosted_event(tl_dispatcher *d, const tl_event *event, int kind);
/* Run what was posted until now. */
void tl__hosted_posts(tl_dispatcher *d, lua_State *L);
/* An event is over that began at an instant of tl_clock_kernel_ns: tell the
   host when that took long. */
void tl__hosted_over(tl_dispatcher *d, int64_t began_ns, const char *what);
/* Whether the time of the step is over. */
static inline bool tl__hosted_late(const tl_dispatcher *d)
{
    return d->step_ends_ns != 0 &&
           tl_clock_kernel_ns(TL_MONOTONIC) >= d->step_ends_ns;
}
/* The text of what an event runs, into text; before it runs. */
void tl__hosted_name(tl_dispatcher *d, lua_State *L, const tl_event *event,
                     int kind, char *text, size_t size);

#endif
