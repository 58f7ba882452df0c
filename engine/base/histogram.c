#include "engine/base/histogram.h"

#include "engine/base/assert.h"

#include <math.h>

enum { STEP_BITS = 5 };
static_assert(1 << STEP_BITS == ASSAY_HISTOGRAM_STEPS, "steps are a power of two");

/*
 * Values below 32 have a bucket each. Above, with e the position of the leading one, the five bits
 * behind it choose among 32 buckets of width 2^(e-5).
 */
static uint32_t bucket_of(uint64_t value)
{
    if (value < ASSAY_HISTOGRAM_STEPS) {
        return (uint32_t)value;
    }
    const uint32_t exponent = 63U - (uint32_t)__builtin_clzll(value);
    const uint32_t step = (uint32_t)(value >> (exponent - STEP_BITS)) & (ASSAY_HISTOGRAM_STEPS - 1);
    return (exponent - STEP_BITS + 1) * ASSAY_HISTOGRAM_STEPS + step;
}

/* Greatest value of a bucket. */
static uint64_t bucket_end(uint32_t bucket)
{
    if (bucket < ASSAY_HISTOGRAM_STEPS) {
        return bucket;
    }
    const uint32_t shift = bucket / ASSAY_HISTOGRAM_STEPS - 1;
    const uint64_t step = ASSAY_HISTOGRAM_STEPS + bucket % ASSAY_HISTOGRAM_STEPS;
    return (step << shift) + ((UINT64_C(1) << shift) - 1);
}

void assay_histogram_record(struct assay_histogram *histogram, uint64_t value)
{
    const uint32_t bucket = bucket_of(value);
    ASSAY_DASSERT(bucket < ASSAY_HISTOGRAM_BUCKETS);
    histogram->buckets[bucket]++;
    histogram->count++;
    histogram->sum += (double)value;
    histogram->max = value > histogram->max ? value : histogram->max;
}

uint64_t assay_histogram_quantile(const struct assay_histogram *histogram, double share)
{
    ASSAY_ASSERT(share >= 0 && share <= 1);
    const uint64_t wanted = (uint64_t)ceil(share * (double)histogram->count);
    uint64_t seen = 0;
    for (uint32_t i = 0; i < ASSAY_HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen >= wanted && seen > 0) {
            const uint64_t end = bucket_end(i);
            return end < histogram->max ? end : histogram->max;
        }
    }
    return histogram->max;
}
