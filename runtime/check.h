/* Assertions with words, on in every build: each costs one predictable
   branch, and a broken core must stop before it fires a wrong timer. */
#ifndef TL_CHECK_H
#define TL_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define TL_CHECK(condition, words)                                             \
    do {                                                                       \
        if (__builtin_expect(!(condition), 0)) {                               \
            fprintf(stderr, "timerlua: %s:%d: broken: %s\n", __FILE__,         \
                    __LINE__, words);                                          \
            abort();                                                           \
        }                                                                      \
    } while (0)

#endif
