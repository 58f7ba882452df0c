/*
 * engine/base/wide.h - whole numbers of 256 bits: room for what sums of squares multiply to.
 */
#ifndef ASSAY_BASE_WIDE_H
#define ASSAY_BASE_WIDE_H

#include "engine/base/number.h"

enum { ASSAY_WIDE_WORDS = 4 };

/** A number from 0 to 2^256 - 1. */
struct assay_wide {
    uint64_t word[ASSAY_WIDE_WORDS]; /* the lowest first */
};

/** A number as a wide one. Thread: any; pure. */
struct assay_wide assay_wide_of(assay_uint128 value);

/** The sum; it must fit. Thread: any; pure. */
struct assay_wide assay_wide_add(struct assay_wide a, struct assay_wide b);

/** The difference; @p b must not be greater than @p a. Thread: any; pure. */
struct assay_wide assay_wide_sub(struct assay_wide a, struct assay_wide b);

/** The product, which always fits. Thread: any; pure. */
struct assay_wide assay_wide_product(assay_uint128 a, assay_uint128 b);

/** The product with a small number; it must fit. Thread: any; pure. */
struct assay_wide assay_wide_scale(struct assay_wide a, uint64_t b);

/**
 * The f64 nearest to the rational numerator / denominator, ties to even.
 *
 * @param denominator greater than 0. Thread: any; pure. Cost: some 60 shifts of 256 bits.
 */
double assay_wide_ratio(struct assay_wide numerator, struct assay_wide denominator);

#endif
