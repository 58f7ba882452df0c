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

/* The same quotient for the small numbers that nearly all are: in 128 bits, and where they are
 * exact in f64 one division. @return false: they may not be small. */
static bool divide_small(uint32_t scale, const struct tally *tally, uint64_t free, double *variance)
{
    enum { SCALE_MAX = 4, FOUND_LOG = 24, SUM_LOG = 62, SQUARES_LOG = 100 };
    static const assay_uint128 exact = (assay_uint128)1 << 53;
    const assay_int128 sum_max = (assay_int128)1 << SUM_LOG;
    if (scale > SCALE_MAX || tally->found >> FOUND_LOG != 0 || tally->squares_high != 0 ||
        tally->squares >> SQUARES_LOG != 0 || tally->sum >= sum_max || tally->sum <= -sum_max) {
        return false;
    }
    const uint64_t unit = (uint64_t)assay_pow10(scale) * (uint64_t)assay_pow10(scale);
    const assay_uint128 weight = (assay_uint128)unit * (tally->found * free);
    const assay_uint128 spread =
        tally->squares * tally->found - (assay_uint128)(tally->sum * tally->sum);
    *variance = spread <= exact && weight <= exact
                    ? (double)(uint64_t)spread / (double)(uint64_t)weight
                    : assay_ratio((assay_int128)spread, weight);
    return true;
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
    double variance = 0;
    if (!divide_small(scale, tally, free, &variance)) {
        const assay_uint128 unit = (assay_uint128)assay_pow10(scale) * (uint64_t)assay_pow10(scale);
        const struct assay_wide weight =
            assay_wide_product(unit, (assay_uint128)tally->found * free);
        variance = assay_wide_ratio(spread_of(tally), weight);
    }
    if (kind == ASSAY_AGG_VAR_POP || kind == ASSAY_AGG_VAR_SAMP) {
        return variance;
    }
    if (kind != ASSAY_AGG_CV) {
        return sqrt(variance);
    }
    return tally->sum == 0 ? ASSAY_NULL_NUMBER : sqrt(variance) / average(scale, tally);
}
