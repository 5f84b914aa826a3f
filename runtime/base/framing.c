/* Framing: see framing.h. */
#include "base/framing.h"

#include <string.h>

/* A line ends with LF; one CR before it belongs to the end. RFC 9112, 2.2 has
   the same rule for readers. */
static bool find_line(tl_want *want, const char *bytes, size_t length,
                      tl_part *part)
{
    const char *lf = NULL;
    if (length > want->seen)
        lf = memchr(bytes + want->seen, '\n', length - want->seen);
    want->seen = length;
    if (lf == NULL)
        return false;
    part->length = (size_t)(lf - bytes);
    part->advance = part->length + 1;
    if (part->length > 0 && lf[-1] == '\r')
        part->length--;
    want->seen = 0;
    return true;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

bool tl_framing_find(tl_want *want, const char *bytes, size_t length,
                     tl_part *part)
{
    switch (want->kind) {
    case TL_WANT_LINE:
        return find_line(want, bytes, least(length, want->limit), part);
    case TL_WANT_COUNT:
        if (length < want->count)
            return false;
        *part = (tl_part){want->count, want->count};
        return true;
    case TL_WANT_SOME:
        part->length = least(length, want->count);
        part->advance = part->length;
        return length > 0;
    case TL_WANT_MORE:
        *part = (tl_part){least(length, want->limit), 0};
        return part->length > want->count;
    default:
        return false; /* TL_WANT_ALL: complete when the stream ends */
    }
}

size_t tl_framing_missing(const tl_want *want, size_t length)
{
    if (want->kind == TL_WANT_COUNT && want->count > length)
        return want->count - length;
    return 1;
}
