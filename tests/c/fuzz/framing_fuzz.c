/* Any bytes, received in pieces of any size, through a connection's buffer: a
   reader gets the part that a plain loop finds in the whole input. The first
   byte is the request, the next three determine how the pieces are cut. A text
   is the beginning of the input. */
#include <stdbool.h>
#include <string.h>

#include "base/buffer.h"
#include "check.h"
#include "base/framing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t state;

static uint32_t random32(void)
{
    state = state * 1664525 + 1013904223;
    return state >> 8;
}

/* The part at the beginning of bytes, according to the whole; or false. */
static bool expect(const tl_want *want, const char *bytes, size_t length,
                   tl_part *part)
{
    if (want->kind == TL_WANT_COUNT) {
        *part = (tl_part){want->count, want->count};
        return length >= want->count;
    }
    if (want->kind == TL_WANT_TEXT) {
        const char *at = memmem(bytes, length, want->text, want->count);
        if (at == NULL)
            return false;
        *part =
            (tl_part){(size_t)(at - bytes), (size_t)(at - bytes) + want->count};
        return true;
    }
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != '\n')
            continue;
        bool cr = i > 0 && bytes[i - 1] == '\r';
        *part = (tl_part){cr ? i - 1 : i, i + 1};
        return true;
    }
    return false;
}

/* Take the complete part, and compare it with the whole from *at on. */
static void take_all(tl_want *want, tl_buffer *in, const char *whole,
                     size_t length, size_t *at)
{
    tl_part part = {SIZE_MAX, SIZE_MAX}, expected;
    while (tl_framing_find(want, tl_buffer_bytes(in), tl_buffer_length(in),
                           &part)) {
        TL_CHECK(expect(want, whole + *at, length - *at, &expected),
                 "a part that is not there");
        TL_CHECK(part.length == expected.length &&
                     part.advance == expected.advance,
                 "another part than of the whole");
        TL_CHECK(memcmp(tl_buffer_bytes(in), whole + *at, part.length) == 0,
                 "other bytes than of the whole");
        tl_buffer_consume(in, part.advance);
        *at += part.advance;
        part = (tl_part){SIZE_MAX, SIZE_MAX};
    }
    TL_CHECK(part.length == SIZE_MAX && part.advance == SIZE_MAX,
             "an incomplete part is described");
    TL_CHECK(tl_framing_missing(want, tl_buffer_length(in)) > 0,
             "nothing is missing");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int kinds[] = {TL_WANT_LINE, TL_WANT_LINE, TL_WANT_COUNT,
                                TL_WANT_TEXT};
    size_t count = size > 0 ? 1 + (data[0] & 63u) : 0;
    if (size < 4 + count)
        return 0;
    tl_want want = {.kind = kinds[data[0] >> 6],
                    .limit = SIZE_MAX,
                    .text = (const char *)data + 4,
                    .count = count};
    state = data[1] | (uint32_t)data[2] << 8;
    uint32_t most = 1 + data[3];
    const char *whole = (const char *)data + 4;
    size_t length = size - 4, given = 0, at = 0;
    tl_buffer_pool pool = {0};
    tl_buffer in = {0};
    while (given < length) {
        size_t piece = 1 + random32() % most;
        if (piece > length - given)
            piece = length - given;
        int error = tl_buffer_append(&in, &pool, whole + given, piece);
        TL_CHECK(error == 0, "no memory");
        given += piece;
        take_all(&want, &in, whole, length, &at);
        tl_buffer_release(&in, &pool);
    }
    tl_part none;
    TL_CHECK(!expect(&want, whole + at, length - at, &none),
             "a part was not given");
    TL_CHECK(tl_buffer_length(&in) == length - at, "bytes are lost");
    TL_CHECK(length == at ||
                 memcmp(tl_buffer_bytes(&in), whole + at, length - at) == 0,
             "what is left has changed");
    tl_buffer_clear(&in, &pool);
    tl_buffer_pool_free(&pool);
    return 0;
}
