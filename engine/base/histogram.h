/*
 * engine/base/histogram.h - counts of durations in log-linear buckets of a stated relative error.
 *
 * Each power of two is cut into 32 equal buckets, so a value read back is at most 1/32 (3.2 %)
 * above the one recorded; values below 32 are exact. After HdrHistogram (Tene 2012), fixed in size.
 *
 * Discipline: one thread records; others read after a hand-over. Plain data, no pointers.
 */
#ifndef ASSAY_BASE_HISTOGRAM_H
#define ASSAY_BASE_HISTOGRAM_H

#include <stdint.h>

enum {
    ASSAY_HISTOGRAM_STEPS = 32, /* buckets per power of two */
    ASSAY_HISTOGRAM_BUCKETS = ASSAY_HISTOGRAM_STEPS * 60,
};

/** Zero-initialise to begin. */
struct assay_histogram {
    uint64_t count;
    uint64_t max;
    double sum;
    uint64_t buckets[ASSAY_HISTOGRAM_BUCKETS];
};

/** Count one value; any 64-bit value has a bucket. Thread: the owner. Cost: a shift and an add. */
void assay_histogram_record(struct assay_histogram *histogram, uint64_t value);
/**
 * The value that at least @p share of the values do not exceed: the upper end of its bucket, but
 * never above the greatest value seen.
 *
 * @param share 0 to 1. @return 0 when nothing was recorded. Thread: any, when nobody records.
 */
uint64_t assay_histogram_quantile(const struct assay_histogram *histogram, double share);

#endif
