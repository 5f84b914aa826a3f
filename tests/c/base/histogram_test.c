/* The histogram against the sorted values themselves.
   histogram_test SEED COUNT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "base/histogram.h"

static uint64_t state;

static uint64_t random64(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* At least the true value, at most 1/16 above it. */
static void expect_near(int64_t got, int64_t truth)
{
    TL_CHECK(got >= truth, "a quantile is too small");
    TL_CHECK(got - truth <= truth / 16, "a quantile is too great");
}

static void expect_quantile(const tl_histogram *histogram,
                            const int64_t *sorted, long count, double quantile)
{
    long rank = (long)ceil(quantile * (double)count);
    if (rank < 1)
        rank = 1;
    int64_t got = tl_histogram_quantile(histogram, quantile);
    expect_near(got, sorted[rank - 1]);
    TL_CHECK(got <= sorted[count - 1], "a quantile exceeds the maximum");
}

static void test_values(long count, int bits)
{
    static tl_histogram histogram;
    histogram = (tl_histogram){0};
    TL_CHECK(tl_histogram_quantile(&histogram, 0.5) == 0 &&
                 tl_histogram_quantile(&histogram, 1) == 0,
             "an empty histogram has quantiles");
    int64_t *values = malloc((size_t)count * sizeof *values);
    TL_CHECK(values != NULL, "out of memory");
    double sum = 0;
    for (long i = 0; i < count; i++) {
        values[i] = (int64_t)(random64() >> (64 - bits));
        if (bits == 63 && i > 0)
            values[i] >>= random64() % 63;
        tl_histogram_record(&histogram, values[i]);
        sum += (double)values[i];
    }
    qsort(values, (size_t)count, sizeof *values, compare);
    TL_CHECK(histogram.count == (uint64_t)count, "values are miscounted");
    TL_CHECK(histogram.max == values[count - 1], "the maximum is another");
    TL_CHECK(fabs(histogram.sum - sum) <= sum * 1e-12, "the sum is another");
    static const double quantiles[] = {0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999};
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++)
        expect_quantile(&histogram, values, count, quantiles[i]);
    for (int i = 0; i < 200; i++)
        expect_quantile(&histogram, values, count,
                        (double)(random64() >> 11) / 9007199254740992.0);
    TL_CHECK(tl_histogram_quantile(&histogram, 1) == values[count - 1],
             "the whole share is not the maximum");
    free(values);
}

/* Every value has one bucket, buckets ascend, and both ends are inside. */
static void test_buckets(void)
{
    for (int64_t value = 1; value < 100000; value++) {
        int step = tl_histogram_bucket(value) - tl_histogram_bucket(value - 1);
        TL_CHECK(step == 0 || step == 1, "buckets leave a gap");
    }
    for (int bit = 1; bit < 63; bit++)
        TL_CHECK(tl_histogram_bucket(INT64_C(1) << bit) ==
                     tl_histogram_bucket((INT64_C(1) << bit) - 1) + 1,
                 "a power of two does not begin a bucket");
    TL_CHECK(tl_histogram_bucket(0) == 0, "the first bucket is not 0's");
    TL_CHECK(tl_histogram_bucket(INT64_MAX) == TL_HISTOGRAM_BUCKETS - 1,
             "the last bucket is not the greatest value's");
}

static void test_ends(void)
{
    static tl_histogram histogram;
    tl_histogram_record(&histogram, -5);
    TL_CHECK(histogram.buckets[0] == 1 && histogram.max == 0,
             "a negative value does not count as 0");
    TL_CHECK(histogram.sum >= 0 && histogram.sum <= 0,
             "a negative value changes the sum");
    tl_histogram_record(&histogram, INT64_MAX);
    TL_CHECK(tl_histogram_quantile(&histogram, 0.5) == 0, "the median moved");
    TL_CHECK(tl_histogram_quantile(&histogram, 1) == INT64_MAX,
             "the greatest value does not come back");
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: histogram_test SEED COUNT\n");
        return 2;
    }
    state = strtoull(argv[1], NULL, 10) * 0x9E3779B97F4A7C15u + 1;
    long count = atol(argv[2]);
    test_buckets();
    test_ends();
    for (int bits = 1; bits <= 63; bits++)
        test_values(1 + (long)(random64() % (uint64_t)count), bits);
    printf("ok: seed %s, up to %ld values\n", argv[1], count);
    return 0;
}
