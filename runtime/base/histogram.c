/* The log-linear histogram: see histogram.h. */
#include "base/histogram.h"

/* The greatest value that falls into a bucket. */
static int64_t bucket_top(int bucket)
{
    if (bucket < TL_HISTOGRAM_SUBS)
        return bucket;
    int shift = bucket / TL_HISTOGRAM_SUBS - 1;
    int64_t low = (int64_t)(TL_HISTOGRAM_SUBS + bucket % TL_HISTOGRAM_SUBS)
                  << shift;
    return low + ((INT64_C(1) << shift) - 1);
}

int64_t tl_histogram_quantile(const tl_histogram *histogram, double quantile)
{
    double wanted = quantile * (double)histogram->count;
    double seen = 0;
    for (int b = 0; b < TL_HISTOGRAM_BUCKETS; b++) {
        seen += (double)histogram->buckets[b];
        if (seen > 0 && seen >= wanted) {
            int64_t top = bucket_top(b);
            return top < histogram->max ? top : histogram->max;
        }
    }
    return histogram->max;
}
