#include "features/record_pvt.h"

#include "engine/base/wide.h"

/*
 * Spread of a column, from its count n, sum S and sum of squares Q, all exact. n Q - S^2 is n^2
 * times the population variance: below 2^186 for 2^40 values, so it is never rounded; the variance
 * is one correctly rounded quotient, the deviation its square root.
 */

double assay_moment_range(const struct assay_field_def *def, const struct tally *tally)
{
    if (tally->found == 0) {
        return ASSAY_NULL_NUMBER;
    }
    const assay_int128 range = (assay_int128)tally->max.integer - tally->min.integer;
    return assay_ratio(range, (assay_uint128)assay_pow10(def->scale));
}

/* n Q - S^2, which is never negative. */
static struct assay_wide spread_of(const struct tally *tally)
{
    struct assay_wide squares = assay_wide_of(tally->squares);
    squares.word[2] = tally->squares_high;
    const assay_uint128 sum =
        tally->sum < 0 ? -(assay_uint128)tally->sum : (assay_uint128)tally->sum;
    return assay_wide_sub(assay_wide_scale(squares, tally->found), assay_wide_product(sum, sum));
}

static double average(uint32_t scale, const struct tally *tally)
{
    return assay_ratio(tally->sum, (assay_uint128)assay_pow10(scale) * tally->found);
}

double assay_moment_value(enum assay_agg_kind kind, uint32_t scale, const struct tally *tally)
{
    const bool sample = kind == ASSAY_AGG_VAR_SAMP || kind == ASSAY_AGG_STDDEV_SAMP;
    const uint64_t free = tally->found - (sample ? 1 : 0);
    if (tally->found == 0 || free == 0) {
        return ASSAY_NULL_NUMBER;
    }
    const assay_uint128 unit = (assay_uint128)assay_pow10(scale) * (uint64_t)assay_pow10(scale);
    const struct assay_wide weight = assay_wide_product(unit, (assay_uint128)tally->found * free);
    const double variance = assay_wide_ratio(spread_of(tally), weight);
    if (kind == ASSAY_AGG_VAR_POP || kind == ASSAY_AGG_VAR_SAMP) {
        return variance;
    }
    if (kind != ASSAY_AGG_CV) {
        return sqrt(variance);
    }
    return tally->sum == 0 ? ASSAY_NULL_NUMBER : sqrt(variance) / average(scale, tally);
}
