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

/* Where the text first occurs, or NULL. memchr(3) jumps from one occurrence of
   the first byte to the next, and passes the usual bytes between them several
   times as fast as memmem(3) does. Where that byte is common, memmem is faster,
   and its time is linear whatever a peer sends. */
static const char *find_text(const char *bytes, size_t length, const char *text,
                             size_t count)
{
    enum { JUMP_BYTES = 16, FIRST_JUMPS = 8 };
    if (length < count)
        return NULL;
    const char *at = bytes, *last = bytes + length - count;
    size_t jumps = 0;
    for (;; at++) {
        if (at > last ||
            (at = memchr(at, text[0], (size_t)(last - at) + 1)) == NULL)
            return NULL;
        if (memcmp(at, text, count) == 0)
            return at;
        if (jumps++ > FIRST_JUMPS + (size_t)(at - bytes) / JUMP_BYTES)
            return memmem(at, (size_t)(last - at) + count, text, count);
    }
}

/* The end of bytes searched in vain may be the beginning of the text. */
static bool find_before_text(tl_want *want, const char *bytes, size_t length,
                             tl_part *part)
{
    size_t from = want->seen < want->count ? 0 : want->seen - want->count + 1;
    const char *found = NULL;
    if (length > want->seen)
        found = find_text(bytes + from, length - from, want->text, want->count);
    want->seen = length;
    if (found == NULL)
        return false;
    part->length = (size_t)(found - bytes);
    part->advance = part->length + want->count;
    want->seen = 0;
    return true;
}

bool tl_framing_find(tl_want *want, const char *bytes, size_t length,
                     tl_part *part)
{
    switch (want->kind) {
    case TL_WANT_LINE:
        return find_line(want, bytes, least(length, want->limit), part);
    case TL_WANT_TEXT:
        return find_before_text(want, bytes, least(length, want->limit), part);
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

bool tl_framing_searches(const tl_want *want)
{
    return want->kind == TL_WANT_LINE || want->kind == TL_WANT_TEXT;
}

size_t tl_framing_missing(const tl_want *want, size_t length)
{
    if (want->kind == TL_WANT_COUNT && want->count > length)
        return want->count - length;
    return 1;
}
