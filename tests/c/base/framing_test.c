/* Texts and lines, received in pieces, against a plain search of the whole.
   framing_test SEED STEPS */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/framing.h"
#include "check.h"

enum { MOST = 2000, MOST_TEXT = 40 };

static uint64_t state;

static uint64_t random64(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static size_t random_below(size_t bound)
{
    return (size_t)(random64() % bound);
}

/* Of few letters, so that beginnings of the text are common, or of many. */
static void draw(char *bytes, size_t length, size_t letters)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] = (char)('\n' + random_below(letters));
}

/* The plain search: the part before the text's first occurrence. */
static bool expect(const char *bytes, size_t length, const char *text,
                   size_t count, tl_part *part)
{
    for (size_t at = 0; at + count <= length; at++)
        if (memcmp(bytes + at, text, count) == 0) {
            *part = (tl_part){at, at + count};
            return true;
        }
    return false;
}

/* A line is the part before LF, but for a CR. */
static bool expect_for(const tl_want *want, const char *bytes, size_t length,
                       tl_part *part)
{
    if (length > want->limit)
        length = want->limit;
    if (want->kind == TL_WANT_TEXT)
        return expect(bytes, length, want->text, want->count, part);
    bool found = expect(bytes, length, "\n", 1, part);
    if (found && part->length > 0 && bytes[part->length - 1] == '\r')
        part->length--;
    return found;
}

/* The bytes lie in memory of their exact size, so that the address sanitizer
   sees each step beyond them. */
static bool find(tl_want *want, const char *bytes, size_t length, tl_part *part)
{
    char *exact = malloc(length + 1);
    TL_CHECK(exact != NULL, "memory");
    memcpy(exact + 1, bytes, length);
    bool found = tl_framing_find(want, exact + 1, length, part);
    free(exact);
    return found;
}

static void play(void)
{
    static char bytes[MOST];
    char text[MOST_TEXT];
    size_t letters = 1 + random_below(random_below(2) ? 3 : 200);
    size_t length = random_below(MOST), given = 0;
    size_t count = 1 + random_below(random_below(2) ? 4 : MOST_TEXT);
    size_t most = 1 + random_below(random_below(2) ? 3 : MOST);
    draw(bytes, length, letters);
    draw(text, count, letters);
    if (length >= count && random_below(2)) /* one that occurs, perhaps late */
        memcpy(bytes + random_below(length - count + 1), text, count);
    tl_want want = {
        .kind = random_below(4) ? TL_WANT_TEXT : TL_WANT_LINE,
        .count = count,
        .text = text,
        .limit = random_below(2) ? SIZE_MAX : 1 + random_below(MOST),
    };
    bool found = false;
    while (given < length && !found) {
        size_t piece = 1 + random_below(most);
        given += piece < length - given ? piece : length - given;
        tl_part part = {SIZE_MAX, SIZE_MAX}, expected = part;
        found = find(&want, bytes, given, &part);
        TL_CHECK(found == expect_for(&want, bytes, given, &expected),
                 "found, or not found, by one search only");
        TL_CHECK(part.length == expected.length &&
                     part.advance == expected.advance,
                 "another part");
        TL_CHECK(want.seen == (found                ? 0
                               : given < want.limit ? given
                                                    : want.limit),
                 "bytes would be searched again");
    }
}

int main(int argc, char **argv)
{
    TL_CHECK(argc == 3, "framing_test SEED STEPS");
    state = strtoull(argv[1], NULL, 10) * 0x9e3779b97f4a7c15u + 1;
    long steps = strtol(argv[2], NULL, 10);
    for (long i = 0; i < steps; i++)
        play();
    printf("ok: %ld inputs\n", steps);
    return 0;
}
