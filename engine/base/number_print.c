#include "engine/base/number.h"

#include "engine/base/assert.h"

#include <math.h>
#include <stdio.h>

/*
 * Printing without the detour over text: for 1e-4 <= x < 1e15 (Steele and White, "How to print
 * floating-point numbers accurately", 1990, in integers of a fixed width). x = mantissa / 2^shift,
 * and with k = 16 - floor(log10 x) the product mantissa * 10^k < 2^124 is exact: x as 17 digits
 * before the point and `shift` bits behind it.
 */
struct decimal {
    assay_uint128 scaled; /* mantissa * 10^k */
    uint64_t mantissa;
    uint32_t shift;
    int power; /* floor(log10 x) */
};

enum { SIGNIFICANT = 17 };

static assay_uint128 power_of_ten(int exponent)
{
    return exponent <= 18 ? (assay_uint128)assay_pow10((uint32_t)exponent)
                          : (assay_uint128)assay_pow10(18) *
                                (assay_uint128)assay_pow10((uint32_t)exponent - 18);
}

static struct decimal decompose(double magnitude)
{
    int exponent = 0;
    const double fraction = frexp(magnitude, &exponent);
    struct decimal out = {.mantissa = (uint64_t)ldexp(fraction, 53),
                          .shift = (uint32_t)(53 - exponent),
                          .power = (int)floor(log10(magnitude))};
    for (;;) { /* log10 may be off by one next to a power of ten */
        out.scaled = out.mantissa * power_of_ten(SIGNIFICANT - 1 - out.power);
        const uint64_t whole = (uint64_t)(out.scaled >> out.shift);
        if (whole >= (uint64_t)assay_pow10(SIGNIFICANT)) {
            out.power++;
        } else if (whole < (uint64_t)assay_pow10(SIGNIFICANT - 1)) {
            out.power--;
        } else {
            return out;
        }
    }
}

/* The nearest number of @p digits digits, as 17 digits; ties to even. */
static uint64_t rounded(const struct decimal *decimal, uint32_t digits)
{
    const uint64_t whole = (uint64_t)(decimal->scaled >> decimal->shift);
    const assay_uint128 rest = decimal->scaled & (((assay_uint128)1 << decimal->shift) - 1);
    const uint64_t step = (uint64_t)assay_pow10(SIGNIFICANT - digits);
    const uint64_t kept = whole / step;
    /* what is cut off and half of a step, in halves of the last bit */
    const assay_uint128 cut = (((assay_uint128)(whole % step) << decimal->shift) + rest) << 1;
    const assay_uint128 half = (assay_uint128)step << decimal->shift;
    const bool up = cut > half || (cut == half && kept % 2 == 1);
    return (kept + (up ? 1 : 0)) * step;
}

/* Does reading the number back give x? It does within half the way to x's neighbours. */
static bool reads_back(const struct decimal *decimal, uint64_t number)
{
    const assay_uint128 given = (assay_uint128)number << decimal->shift;
    const bool below = given < decimal->scaled;
    const assay_uint128 off = below ? decimal->scaled - given : given - decimal->scaled;
    /* below a power of two the neighbour is half as far */
    const bool near = below && decimal->mantissa == UINT64_C(1) << 52;
    const assay_uint128 reach = power_of_ten(SIGNIFICANT - 1 - decimal->power);
    const assay_uint128 scaled_off = off * (near ? 4 : 2);
    return scaled_off < reach || (scaled_off == reach && decimal->mantissa % 2 == 0);
}

/* 17 digits with a point behind the first power + 1, without zeros at the end. */
static size_t put_fixed(uint64_t number, int power, char out[ASSAY_NUMBER_TEXT_BYTES])
{
    char digits[SIGNIFICANT];
    for (int i = SIGNIFICANT; i > 0; i--) {
        digits[i - 1] = (char)('0' + number % 10);
        number /= 10;
    }
    int count = SIGNIFICANT;
    while (count > power + 1 && count > 1 && digits[count - 1] == '0') {
        count--;
    }
    size_t used = 0;
    for (int i = power < 0 ? power : 0; i < count; i++) {
        if (i == power + 1) {
            out[used++] = '.';
        }
        out[used++] = i < 0 ? '0' : digits[i];
    }
    out[used] = '\0';
    return used;
}

/* @return 0: not in the range of this way. */
static size_t print_fixed(double value, char out[ASSAY_NUMBER_TEXT_BYTES])
{
    const double magnitude = fabs(value);
    if (magnitude < 1e-4 || magnitude >= 1e15) {
        return 0;
    }
    const struct decimal decimal = decompose(magnitude);
    uint32_t digits = 15; /* always survive the way back; 17 always identify */
    uint64_t number = rounded(&decimal, digits);
    while (digits < SIGNIFICANT && !reads_back(&decimal, number)) {
        number = rounded(&decimal, ++digits);
    }
    const bool carries = number == (uint64_t)assay_pow10(SIGNIFICANT);
    out[0] = '-';
    char *at = out + (value < 0 ? 1 : 0);
    return (size_t)(at - out) +
           put_fixed(carries ? number / 10 : number, decimal.power + (carries ? 1 : 0), at);
}

static size_t print_whole(int64_t value, char out[ASSAY_NUMBER_TEXT_BYTES])
{
    char digits[20];
    size_t count = 0;
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    size_t used = 0;
    if (value < 0) {
        out[used++] = '-';
    }
    while (count > 0) {
        out[used++] = digits[--count];
    }
    out[used] = '\0';
    return used;
}

size_t assay_number_print(double value, char out[ASSAY_NUMBER_TEXT_BYTES])
{
    ASSAY_ASSERT(isfinite(value));
    if (value == trunc(value) && fabs(value) < 0x1p53) {
        return print_whole((int64_t)value, out);
    }
    const size_t fixed = print_fixed(value, out);
    if (fixed != 0) {
        return fixed;
    }
    /* 15 digits always survive the way back; 17 always identify. */
    int length = 0;
    for (int digits = 15; digits <= 17; digits++) {
        length = snprintf(out, ASSAY_NUMBER_TEXT_BYTES, "%.*g", digits, value);
        double back = 0;
        if (assay_number_parse((struct assay_str){.ptr = out, .len = (uint32_t)length}, &back) &&
            back == value) {
            break;
        }
    }
    ASSAY_ASSERT(length > 0 && length < ASSAY_NUMBER_TEXT_BYTES);
    return (size_t)length;
}
