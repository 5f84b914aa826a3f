/* Hosted: the dispatcher's work for a program that embeds the loop: calls of
   its C functions, for timers, descriptors and posts, and reports of callbacks
   that take long. */
#ifndef TL_HOSTED_H
#define TL_HOSTED_H

#include "lua/state.h"

/* Run an event whose handle has a C function; false if there is none. */
bool tl__hosted_event(tl_dispatcher *d, const tl_event *event);
/* Run the calls and events posted until now. */
void tl__hosted_posts(tl_dispatcher *d, lua_State *L);
/* An event that began at an instant of tl_clock_kernel_ns is over: report it to
   the host if it took long. */
void tl__hosted_over(tl_dispatcher *d, int64_t began_ns, const char *what);
/* Whether the time of the step is over. */
static inline bool tl__hosted_late(const tl_dispatcher *d)
{
    return d->step_ends_ns != 0 &&
           tl_clock_kernel_ns(TL_MONOTONIC) >= d->step_ends_ns;
}
/* Write a description of an event's target into text; before it runs. */
void tl__hosted_name(tl_dispatcher *d, lua_State *L, const tl_event *event,
                     int kind, char *text, size_t size);

#endif
