/* Durations: the written duration is the one waited for, to the nanosecond, and
   never less.
   duration_test SEED COUNT decimals|nanoseconds|any|long|parsing|digits */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "check.h"

/* Up to 2^23 s, doubles are closer together than nanoseconds, so each
   nanosecond has its own double. */
#define FINE_NS (INT64_C(8388608) * 1000000000)

static uint64_t state;

static uint64_t random64(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void test_decimals(long count)
{
    for (int64_t k = 0; k <= 1000000; k++)
        TL_CHECK(tl_seconds_to_ns((double)k / 1000) == k * 1000000,
                 "k/1000 s is not k ms");
    for (long i = 0; i < count; i++) {
        int64_t k = (int64_t)(random64() % 8388608000u);
        TL_CHECK(tl_seconds_to_ns((double)k / 1000) == k * 1000000,
                 "k/1000 s is not k ms");
    }
}

static void test_nanoseconds(long count)
{
    for (int64_t n = 0; n <= 100000; n++)
        TL_CHECK(tl_seconds_to_ns((double)n / 1e9) == n,
                 "n nanoseconds do not come back");
    for (long i = 0; i < count; i++) {
        int64_t n = (int64_t)(random64() % (uint64_t)FINE_NS);
        n >>= random64() % 53;
        TL_CHECK(tl_seconds_to_ns((double)n / 1e9) == n,
                 "n nanoseconds do not come back");
    }
}

/* Any double: the nanoseconds are not less when read back, and are the least
   such number where nanoseconds can be told apart. */
static void test_any(long count)
{
    for (long i = 0; i < count; i++) {
        double seconds =
            ldexp((double)(random64() >> 11), -(int)(random64() % 100) - 20);
        if (seconds > tl_max_seconds())
            continue;
        int64_t ns = tl_seconds_to_ns(seconds);
        TL_CHECK((ns == 0) == (seconds <= 0), "only 0 s is 0 ns");
        if (seconds >= 8388608) /* test_long's */
            continue;
        TL_CHECK((double)ns / 1e9 >= seconds, "less than was asked for");
        TL_CHECK(ns == 0 || (double)(ns - 1) / 1e9 < seconds,
                 "more than was asked for");
    }
    TL_CHECK(tl_seconds_to_ns(5e-324) == 1, "the least double is not 1 ns");
}

typedef struct {
    const char *text;
    int error;
    int64_t ns;
} example;

static void test_examples(const example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const example *e = &examples[i];
        int64_t ns = -7;
        int error = tl_duration_parse(e->text, strlen(e->text), &ns);
        if (error != e->error || (error == 0 && ns != e->ns))
            fprintf(stderr, "\"%s\": %d, %lld\n", e->text, error,
                    (long long)ns);
        TL_CHECK(error == e->error, "another outcome than expected");
        TL_CHECK(error != 0 || ns == e->ns, "another value than expected");
        TL_CHECK(error == 0 || ns == -7, "an error wrote a value");
    }
}

static const example good[] = {
    {"250ms", 0, 250000000},
    {"1h30m", 0, INT64_C(5400000000000)},
    {"1.5s", 0, 1500000000},
    {"1w1d1h1m1s1ms1us1ns", 0, INT64_C(694861001001001)},
    {"0s", 0, 0},
    {"0.1ns", 0, 1},
    {"1.0000000001s", 0, 1000000001},
    {".5s", 0, 500000000},
    {"1 s", 0, 1000000000},
    {"1  min  30 sec", 0, INT64_C(90000000000)},
    {"2 days 3 microseconds", 0, INT64_C(172800000003000)},
    {"9223372036854775808ns", -ERANGE, 0},
    {"9223372036854775us807ns", 0, INT64_MAX},
    {"9223372036854775us808ns", -ERANGE, 0},
    {"15250w", 0, INT64_C(9223200000000000000)},
    {"15251w", -ERANGE, 0},
};

static const example bad[] = {
    {"", -EINVAL, 0},     {"1", -EINVAL, 0},
    {"s", -EINVAL, 0},    {".s", -EINVAL, 0},
    {"1x", -EINVAL, 0},   {"1m1h", -EINVAL, 0},
    {"1s1s", -EINVAL, 0}, {"-1s", -EINVAL, 0},
    {"+1s", -EINVAL, 0},  {" 1s", -EINVAL, 0},
    {"1s ", -EINVAL, 0},  {"1 s ", -EINVAL, 0},
    {"1S", -EINVAL, 0},   {"1.2.3s", -EINVAL, 0},
    {"1e3s", -EINVAL, 0}, {"0x1s", -EINVAL, 0},
    {"nan", -EINVAL, 0},  {"1secsecs", -EINVAL, 0},
    {"1h30", -EINVAL, 0}, {"soon", -EINVAL, 0},
    {"1 ", -EINVAL, 0},   {"1 microsecondss", -EINVAL, 0},
};

/* Random texts in all units, against exact arithmetic. */
static void test_texts(long count)
{
    static const char *const names[] = {"w", "d",  "h",  "m",
                                        "s", "ms", "us", "ns"};
    static const int64_t units[] = {INT64_C(604800000000000),
                                    INT64_C(86400000000000),
                                    INT64_C(3600000000000),
                                    INT64_C(60000000000),
                                    INT64_C(1000000000),
                                    1000000,
                                    1000,
                                    1};
    for (long i = 0; i < count; i++) {
        char text[400];
        int length = 0;
        int64_t expected_ns = 0, ns = 0;
        for (int u = 0; u < 8; u++) {
            if (random64() % 2 && (u < 7 || length > 0))
                continue;
            unsigned whole = (unsigned)(random64() % 500);
            unsigned part = (unsigned)(random64() % 10000);
            length +=
                sprintf(text + length, "%u.%04u%s", whole, part, names[u]);
            __int128 scaled =
                (__int128)(whole * INT64_C(10000) + part) * units[u];
            expected_ns += (int64_t)((scaled + 9999) / 10000);
        }
        TL_CHECK(tl_duration_parse(text, (size_t)length, &ns) == 0,
                 "a good text is refused");
        TL_CHECK(ns == expected_ns, "a text means another duration");
    }
}

/* Where doubles are coarser than nanoseconds, they are still exact numbers: a
   whole number of seconds is exactly that, and no timer ends earlier. */
static void test_long(long count)
{
    for (long i = 0; i < count; i++) {
        int64_t halves = (int64_t)(random64() % 18446744072u);
        TL_CHECK(tl_seconds_to_ns((double)halves / 2) == halves * 500000000,
                 "a whole number of half seconds is not exact");
        double seconds =
            ldexp((double)(random64() >> 11), -20 - (int)(random64() % 10));
        if (seconds < 8388608 || seconds > tl_max_seconds())
            continue;
        /* 53 - 30 bits above the point: 2^30 times it is a whole number */
        __int128 asked = (__int128)ldexp(seconds, 30) * 1000000000;
        __int128 given = (__int128)tl_seconds_to_ns(seconds) << 30;
        TL_CHECK(given >= asked, "a long delay ends before it was asked to");
    }
}

/* Many digits do not make a number great. */
static void test_digits(long count)
{
    static const example digits[] = {
        {"00000000000000000001s", 0, 1000000000},
        {"0.0000000000000000001s", 0, 1},
        {"0.2500000000000000000000s", 0, 250000000},
        {"9223372036854775807ns", 0, INT64_MAX},
    };
    (void)count;
    test_examples(digits, sizeof digits / sizeof *digits);
}

static void test_parsing(long count)
{
    int64_t ns;
    test_examples(good, sizeof good / sizeof *good);
    test_examples(bad, sizeof bad / sizeof *bad);
    TL_CHECK(tl_duration_parse("1s\0", 3, &ns) == -EINVAL, "NUL is a unit");
    test_texts(count);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(long count);
    } tests[] = {{"decimals", test_decimals}, {"nanoseconds", test_nanoseconds},
                 {"any", test_any},           {"long", test_long},
                 {"parsing", test_parsing},   {"digits", test_digits}};
    if (argc != 4) {
        fprintf(stderr, "usage: duration_test SEED COUNT "
                        "decimals|nanoseconds|any|long|parsing|digits\n");
        return 2;
    }
    state = strtoull(argv[1], NULL, 10) * 0x9E3779B97F4A7C15u + 1;
    bool found = false;
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        if (strcmp(argv[3], tests[i].name) != 0)
            continue;
        found = true;
        tests[i].run(atol(argv[2]));
    }
    TL_CHECK(found, "no test of that name");
    printf("ok: %s, seed %s, %s values\n", argv[3], argv[1], argv[2]);
    return 0;
}
