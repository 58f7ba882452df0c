#include "engine/base/number.h"

#include "engine/base/assert.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

static size_t skip_digits(struct assay_str text, size_t at)
{
    while (at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9') {
        at++;
    }
    return at;
}

static bool has_number_shape(struct assay_str text)
{
    size_t at = text.len > 0 && text.ptr[0] == '-' ? 1 : 0;
    size_t digits = skip_digits(text, at);
    if (digits == at) {
        return false;
    }
    at = digits;
    if (at < text.len && text.ptr[at] == '.') {
        digits = skip_digits(text, at + 1);
        if (digits == at + 1) {
            return false;
        }
        at = digits;
    }
    if (at < text.len && (text.ptr[at] == 'e' || text.ptr[at] == 'E')) {
        at++;
        if (at < text.len && (text.ptr[at] == '+' || text.ptr[at] == '-')) {
            at++;
        }
        digits = skip_digits(text, at);
        if (digits == at) {
            return false;
        }
        at = digits;
    }
    return at == text.len;
}

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void make_c_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    ASSAY_ASSERT(c_locale != (locale_t)0);
}

bool assay_number_parse(struct assay_str text, double *out)
{
    ASSAY_ASSERT(out != NULL);
    char copy[513];
    if (text.len >= sizeof copy || !has_number_shape(text)) {
        return false;
    }
    (void)pthread_once(&c_locale_once, make_c_locale);
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *out = strtod_l(copy, NULL, c_locale);
    return true;
}

static int bit_length(assay_uint128 value)
{
    const uint64_t high = (uint64_t)(value >> 64);
    const uint64_t low = (uint64_t)value;
    if (high != 0) {
        return 128 - __builtin_clzll(high);
    }
    return low == 0 ? 0 : 64 - __builtin_clzll(low);
}

/*
 * Schoolbook division to 56 bits and a sticky bit, then one correctly rounded conversion: 57 bits
 * are enough for round-to-nearest-even of a normal f64 (a quotient of 128-bit integers is never
 * subnormal). Both operands are aligned to the same top bit first, so the first digit is the
 * quotient's leading one or the one after it.
 */
static double long_division(assay_uint128 numerator, assay_uint128 denominator)
{
    enum { DIGITS = 56 };
    const int up_numerator = 128 - bit_length(numerator);
    const int up_denominator = 128 - bit_length(denominator);
    const assay_uint128 divisor = denominator << up_denominator;
    assay_uint128 rest = numerator << up_numerator;
    bool carry = false; /* the 129th bit of rest */
    uint64_t quotient = 0;

    for (int digit = 0; digit < DIGITS; digit++) {
        const bool fits = carry || rest >= divisor;
        if (fits) {
            rest -= divisor; /* modulo 2^128: the true difference is below the divisor */
        }
        quotient = quotient << 1 | (fits ? 1U : 0U);
        carry = rest >> 127 != 0;
        rest <<= 1;
    }
    const bool sticky = carry || rest != 0;
    quotient = quotient << 1 | (sticky ? 1U : 0U);
    /* The first digit has weight 2^(up_denominator - up_numerator). */
    return ldexp((double)quotient, up_denominator - up_numerator - DIGITS);
}

double assay_ratio(assay_int128 numerator, assay_uint128 denominator)
{
    ASSAY_ASSERT(denominator > 0);
    const assay_uint128 magnitude =
        numerator < 0 ? -(assay_uint128)numerator : (assay_uint128)numerator;
    const assay_uint128 exact = (assay_uint128)1 << 53;
    if (magnitude <= exact && denominator <= exact) {
        const double quotient = (double)(uint64_t)magnitude / (double)(uint64_t)denominator;
        return numerator < 0 ? -quotient : quotient;
    }
    if (magnitude == 0) {
        return 0; /* has no leading bit to align */
    }
    const double quotient = long_division(magnitude, denominator);
    return numerator < 0 ? -quotient : quotient;
}

int64_t assay_pow10(uint32_t exponent)
{
    ASSAY_ASSERT(exponent <= 18);
    int64_t power = 1;
    for (uint32_t i = 0; i < exponent; i++) {
        power *= 10;
    }
    return power;
}
