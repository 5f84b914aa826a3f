/* What the hosts of these specs share: a runtime, and a check that tells its
   line and the runtime's text. */
#ifndef REQUIRE_H
#define REQUIRE_H

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <timerlua.h>

static tl_runtime *rt;

#define REQUIRE(condition)                                                     \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%d: %s: %s\n", __LINE__, #condition,              \
                    tl_error(rt));                                             \
            exit(1);                                                           \
        }                                                                      \
    } while (0)

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
