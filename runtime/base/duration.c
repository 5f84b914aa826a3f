/* Durations: seconds as doubles and texts like "1h30m" to nanoseconds. The
   result is never less than the requested duration. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "abi.h"

static const struct {
    const char *names; /* each between two spaces */
    int64_t ns;
} units[] = {
    /* largest first: the order in which a text must name them */
    {" w week weeks ", INT64_C(604800000000000)},
    {" d day days ", INT64_C(86400000000000)},
    {" h hour hours hr hrs ", INT64_C(3600000000000)},
    {" m min mins minute minutes ", INT64_C(60000000000)},
    {" s sec secs second seconds ", 1000000000},
    {" ms msec millisecond milliseconds ", 1000000},
    {" us usec microsecond microseconds ", 1000},
    {" ns nsec nanosecond nanoseconds ", 1},
};
enum { UNITS = sizeof units / sizeof *units, LONGEST_UNIT = 12 };

double tl_max_seconds(void)
{
    /* the greatest double whose nanoseconds fit: INT64_MAX / 1e9 rounded down
       to where doubles are 2^-19 s apart */
    return 9223372036.0;
}

/* From here on (2^23 s, 97 days) doubles are more than 1 ns apart. */
#define COARSE_SECONDS 8388608.0

int64_t tl_seconds_to_ns(double seconds)
{
    if (!(seconds > 0)) /* NaN, too */
        return 0;
    if (seconds >= COARSE_SECONDS) {
        if (seconds > tl_max_seconds())
            return INT64_MAX;
        /* exact: the fraction has at most 29 bits, 1e9 has 21 that count */
        int64_t whole = (int64_t)seconds;
        double fraction_ns = (seconds - (double)whole) * 1e9;
        return whole * 1000000000 + (int64_t)ceil(fraction_ns);
    }
    int64_t ns = (int64_t)(seconds * 1e9);
    /* the product is off by less than 2 ns, and values below 2^53 ns are read
       back exactly */
    while ((double)ns / 1e9 < seconds)
        ns++;
    while (ns > 0 && (double)(ns - 1) / 1e9 >= seconds)
        ns--;
    return ns;
}

/* Digits with at most one point among them: value = digits / 10^decimals, and a
   little more if digits that no longer fit were not zero. */
struct number {
    int64_t digits;
    int decimals;
    bool more;
};

/* digits * 10 + digit, if an int64 holds it. */
static bool append_digit(int64_t *digits, int digit)
{
    int64_t longer;
    if (__builtin_mul_overflow(*digits, 10, &longer) ||
        __builtin_add_overflow(longer, digit, &longer))
        return false;
    *digits = longer;
    return true;
}

static int parse_number(const char **text, const char *end, struct number *n)
{
    bool point = false, any = false;
    *n = (struct number){0};
    for (; *text < end; ++*text) {
        char c = **text;
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (!isdigit((unsigned char)c))
            break;
        any = true;
        if (!n->more && append_digit(&n->digits, c - '0'))
            n->decimals += point;
        else if (point)
            n->more |= c != '0';
        else
            return -ERANGE;
    }
    return any ? 0 : -EINVAL;
}

static void skip_spaces(const char **text, const char *end)
{
    while (*text < end && **text == ' ')
        ++*text;
}

static int parse_unit(const char **text, const char *end)
{
    char name[LONGEST_UNIT + 3] = " ";
    size_t length = 0;
    for (; *text < end && isalpha((unsigned char)**text); ++*text) {
        if (length == LONGEST_UNIT)
            return -EINVAL;
        name[++length] = **text;
    }
    name[length + 1] = ' ';
    for (int u = 0; length > 0 && u < UNITS; u++)
        if (strstr(units[u].names, name) != NULL)
            return u;
    return -EINVAL;
}

/* digits * unit / 10^decimals, rounded up. */
static int scale(struct number n, int64_t unit_ns, int64_t *ns)
{
    __int128 product = (__int128)n.digits * unit_ns + n.more;
    for (; n.decimals > 0; n.decimals--)
        product = (product + 9) / 10;
    if (product > INT64_MAX)
        return -ERANGE;
    *ns = (int64_t)product;
    return 0;
}

int tl_duration_parse(const char *text, size_t length, int64_t *ns)
{
    const char *end = text + length;
    int previous = -1;
    int64_t total_ns = 0;
    if (length == 0)
        return -EINVAL;
    while (text < end) {
        struct number n;
        int64_t part_ns;
        int error = parse_number(&text, end, &n);
        if (error)
            return error;
        skip_spaces(&text, end);
        int unit = parse_unit(&text, end);
        if (unit <= previous)
            return -EINVAL; /* unknown, repeated or out of order */
        previous = unit;
        error = scale(n, units[unit].ns, &part_ns);
        if (error)
            return error;
        if (__builtin_add_overflow(total_ns, part_ns, &total_ns))
            return -ERANGE;
        const char *before = text;
        skip_spaces(&text, end);
        if (text == end && text != before)
            return -EINVAL; /* a space at the end */
    }
    *ns = total_ns;
    return 0;
}
