/* A log-linear histogram of nanoseconds: 16 buckets for every power of two,
   so a value is known to within 1/16 of itself. Recording is a few
   instructions; the size is fixed. */
#ifndef TL_HISTOGRAM_H
#define TL_HISTOGRAM_H

#include <stdint.h>

enum {
    TL_HISTOGRAM_SUB_BITS = 4,
    TL_HISTOGRAM_SUBS = 1 << TL_HISTOGRAM_SUB_BITS,
    /* values below 16 have a bucket each; the exponents 4..62 have 16 */
    TL_HISTOGRAM_BUCKETS = (63 - TL_HISTOGRAM_SUB_BITS + 1) * TL_HISTOGRAM_SUBS
};

typedef struct tl_histogram {
    uint64_t count;
    double sum;
    int64_t max;
    uint64_t buckets[TL_HISTOGRAM_BUCKETS];
} tl_histogram;

static inline int tl_histogram_bucket(int64_t value)
{
    if (value < TL_HISTOGRAM_SUBS)
        return (int)value;
    int exponent = 63 - __builtin_clzll((uint64_t)value);
    int sub = (int)(value >> (exponent - TL_HISTOGRAM_SUB_BITS)) &
              (TL_HISTOGRAM_SUBS - 1);
    return (exponent - TL_HISTOGRAM_SUB_BITS + 1) * TL_HISTOGRAM_SUBS + sub;
}

/* Count one value; negative ones count as 0. */
static inline void tl_histogram_record(tl_histogram *histogram, int64_t value)
{
    if (value < 0)
        value = 0;
    histogram->count++;
    histogram->sum += (double)value;
    if (value > histogram->max)
        histogram->max = value;
    histogram->buckets[tl_histogram_bucket(value)]++;
}

/* The value that this share (0..1) of the recorded values does not exceed, to
   within a bucket and never above the maximum; 0 if nothing is recorded. */
int64_t tl_histogram_quantile(const tl_histogram *histogram, double quantile);

#endif
