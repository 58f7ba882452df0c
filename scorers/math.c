#include "scorers/math.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/*
 * Argument reduction in the manner of Cody and Waite (1980): x = k ln 2 + r with |r| <= ln 2 / 2,
 * where ln 2 is split into a part of few bits, whose product with k is exact, and the rest. What
 * rounding takes from r is kept in a second number and added back. Then the Taylor series, long
 * enough that its remainder is below 2^-57 of the result.
 */

/* ln 2 = LN2_HIGH + LN2_LOW; LN2_HIGH has 33 significant bits: k LN2_HIGH is exact below 2^20. */
static const double LN2_HIGH = 0x1.62e42fee00000p-1;
static const double LN2_LOW = 0x1.a39ef35793c76p-33;
static const double LN2 = 0x1.62e42fefa39efp-1;
static const double INVERSE_LN2 = 0x1.71547652b82fep+0;

/* Nearest integer of |x| < 2^51, ties to even: the addition leaves no bits below the point. */
static double nearest(double x)
{
    const double shift = 0x1.8p52;
    const volatile double shifted = x + shift;
    return shifted - shift;
}

static double from_bits(uint64_t bits)
{
    double value = 0;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t to_bits(double value)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* 2^k for -1022 <= k <= 1023. */
static double power_of_two(int k)
{
    return from_bits((uint64_t)(k + 1023) << 52);
}

/* y 2^k with one rounding, for y in [0.5, 2]. */
static double scale(double y, int k)
{
    if (k > 1023) {
        return y * 0x1p1023 * power_of_two(k - 1023);
    }
    if (k < -1000) {
        return y * 0x1p-1000 * power_of_two(k + 1000); /* only the second product can round */
    }
    return y * power_of_two(k);
}

/* e^(r + tail) for |r| <= 0.35 and a tail far below it. */
static double exp_reduced(double r, double tail)
{
    /* 1/13!, 1/12!, ... 1/3!: the terms of e^r - 1 - r - r^2/2 over r^3. */
    static const double terms[] = {
        1.0 / 6227020800.0, 1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0,
        1.0 / 362880.0,     1.0 / 40320.0,     1.0 / 5040.0,     1.0 / 720.0,
        1.0 / 120.0,        1.0 / 24.0,        1.0 / 6.0,
    };
    double sum = terms[0];
    for (unsigned i = 1; i < sizeof terms / sizeof terms[0]; i++) {
        sum = sum * r + terms[i];
    }
    const double square = r * r;
    /* Smallest first; d/dr e^r is about 1 + r, which is what the tail is multiplied by. */
    const double rest = (tail + tail * r) + (square * 0.5 + square * r * sum);
    return 1.0 + (r + rest);
}

double assay_exp(double x)
{
    if (isnan(x)) {
        return x;
    }
    if (x > 710.0) {
        return INFINITY;
    }
    if (x < -746.0) {
        return 0.0;
    }
    const double k = nearest(x * INVERSE_LN2);
    const double high = x - k * LN2_HIGH;
    const double low = k * LN2_LOW;
    const double r = high - low;
    const double tail = (high - r) - low;
    return scale(exp_reduced(r, tail), (int)k);
}

double assay_exp2(double x)
{
    if (isnan(x)) {
        return x;
    }
    if (x >= 1024.0) {
        return INFINITY;
    }
    if (x < -1076.0) {
        return 0.0;
    }
    const double k = nearest(x);
    const double t = x - k; /* exact */
    /* t ln 2 to twice the precision: halves of 26 and 33 bits, the product of the upper ones exact
     * but for a few bits, which the sum below keeps in `low`. */
    const double t_high = from_bits(to_bits(t) & ~UINT64_C(0x7FFFFFFF));
    const double t_low = t - t_high;
    const double high = t_high * 0x1.62e42p-1; /* 22 bits and 20 bits: exact */
    const double low = t_high * (LN2 - 0x1.62e42p-1) + t_low * LN2;
    const double r = high + low;
    const double tail = (high - r) + low;
    return scale(exp_reduced(r, tail), (int)k);
}

/*
 * x = 2^k m with m in [sqrt(1/2), sqrt(2)); f = m - 1 is exact and with s = f / (2 + f)
 * ln(1 + f) = 2 atanh(s) = 2s + 2s^3/3 + 2s^5/5 + ... As 2s = f - s f, and s f = s (f^2/2 + ...),
 * the leading term can be the exact f and only small terms are rounded.
 */
double assay_log(double x)
{
    if (isnan(x) || x < 0) {
        return NAN;
    }
    if (x == 0) {
        return -INFINITY;
    }
    if (isinf(x)) {
        return x;
    }
    int exponent = 0;
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        exponent = -54;
    }
    const uint64_t bits = to_bits(x);
    exponent += (int)(bits >> 52) - 1023;
    double m = from_bits((bits & UINT64_C(0xFFFFFFFFFFFFF)) | UINT64_C(1023) << 52);
    if (m > 0x1.6a09e667f3bcdp+0) {
        m *= 0.5;
        exponent++;
    }
    const double f = m - 1.0;
    const double s = f / (2.0 + f);
    const double z = s * s;
    double sum = 0;
    for (int odd = 25; odd >= 3; odd -= 2) {
        sum = (sum + 2.0 / odd) * z;
    }
    const double half_square = 0.5 * f * f;
    const double k = exponent;
    /* k ln 2 + f - (f^2/2 - s (f^2/2 + sum)) */
    return k * LN2_HIGH - ((half_square - (s * (half_square + sum) + k * LN2_LOW)) - f);
}

double assay_sigmoid(double x)
{
    return 1.0 / (1.0 + assay_exp(-x));
}
