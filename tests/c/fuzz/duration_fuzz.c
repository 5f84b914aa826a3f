/* Any bytes as a duration's text: an accepted text means the same when it is
   written in nanoseconds, or with a zero before it; only zero is 0 ns; and no
   beginning of the text means more. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "abi.h"
#include "check.h"

enum { MOST = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_zero(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] >= '1' && text[i] <= '9')
            return false;
    return true;
}

static void check_value(const char *text, size_t size, int64_t ns)
{
    char other[MOST + 1];
    int64_t again;
    TL_CHECK(ns >= 0, "a duration is negative");
    TL_CHECK((ns == 0) == is_zero(text, size), "only zero is 0 ns");
    int length = snprintf(other, sizeof other, "%lldns", (long long)ns);
    TL_CHECK(tl_duration_parse(other, (size_t)length, &again) == 0 &&
                 again == ns,
             "the nanoseconds mean another duration");
    other[0] = '0';
    memcpy(other + 1, text, size);
    TL_CHECK(tl_duration_parse(other, size + 1, &again) == 0 && again == ns,
             "a zero before a number changes it");
    for (size_t part = 1; part < size; part++)
        TL_CHECK(tl_duration_parse(text, part, &again) != 0 || again <= ns ||
                     text[part] == 's',
                 "a part is more than the whole");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    int64_t ns = -7;
    if (size == 0 || size > MOST)
        return 0;
    int error = tl_duration_parse(text, size, &ns);
    TL_CHECK(error == 0 || error == -EINVAL || error == -ERANGE,
             "an error that is not declared");
    TL_CHECK(error == 0 || ns == -7, "an error wrote a value");
    if (error == 0)
        check_value(text, size, ns);
    return 0;
}
