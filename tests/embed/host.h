/* What hosts do with their runtime: load, wait for it, run it to its end. */
#ifndef HOST_H
#define HOST_H

#include <poll.h>
#include <string.h>

#include "require.h"

static inline int load(const char *code)
{
    return tl_load_string(rt, code, strlen(code), "=script");
}

static inline int readable(int timeout_ms)
{
    struct pollfd fd = {.fd = tl_fd(rt), .events = POLLIN};
    return poll(&fd, 1, timeout_ms);
}

/* Steps until TL_DONE; what is waited for comes within 5 s. */
static inline void finish(void)
{
    for (int result = TL_IDLE; result != TL_DONE;) {
        REQUIRE(readable(5000) == 1);
        REQUIRE((result = tl_step(rt, 0)) >= 0);
    }
}

#endif
