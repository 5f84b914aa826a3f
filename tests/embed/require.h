/* A runtime, and a check that tells its line and the text of the runtime. */
#ifndef REQUIRE_H
#define REQUIRE_H

#include <stdio.h>
#include <stdlib.h>
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

#endif
