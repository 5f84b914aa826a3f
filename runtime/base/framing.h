/* Framing: where the part that a reader wants ends in a run of bytes.

   Pure. */
#ifndef TL_FRAMING_H
#define TL_FRAMING_H

#include <stdbool.h>
#include <stddef.h>

#include "abi.h"

/* A reader's request: one of TL_WANT_..., and its number of bytes. */
typedef struct tl_want {
    int kind;
    size_t count;     /* for TL_WANT_TEXT, the text's length: at least 1 */
    const char *text; /* for TL_WANT_TEXT */
    size_t limit; /* bytes that are looked at, terminator included; for lines,
                     texts and TL_WANT_MORE */
    size_t seen;  /* bytes already searched in vain; for lines and texts */
} tl_want;

typedef struct tl_part {
    size_t length;  /* bytes given to the reader */
    size_t advance; /* bytes consumed, terminator included */
} tl_part;

/* Whether the request is for the bytes before a terminator, within a limit. */
bool tl_framing_searches(const tl_want *want);
/* Whether the wanted part is complete in bytes[0 .. length - 1]; *part is
   written only then. */
bool tl_framing_find(tl_want *want, const char *bytes, size_t length,
                     tl_part *part);
/* The least number of further bytes needed; a hint for the size of a read. */
size_t tl_framing_missing(const tl_want *want, size_t length);

#endif
