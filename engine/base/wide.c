#include "engine/base/wide.h"

#include "engine/base/assert.h"

#include <math.h>

struct assay_wide assay_wide_of(assay_uint128 value)
{
    return (struct assay_wide){.word = {(uint64_t)value, (uint64_t)(value >> 64)}};
}

/* Modulo 2^256. @return the carry. */
static uint64_t add_words(struct assay_wide *sum, const struct assay_wide *other)
{
    uint64_t carry = 0;
    for (int i = 0; i < ASSAY_WIDE_WORDS; i++) {
        const assay_uint128 word = (assay_uint128)sum->word[i] + other->word[i] + carry;
        sum->word[i] = (uint64_t)word;
        carry = (uint64_t)(word >> 64);
    }
    return carry;
}

/* Modulo 2^256. @return the borrow. */
static uint64_t sub_words(struct assay_wide *rest, const struct assay_wide *other)
{
    uint64_t borrow = 0;
    for (int i = 0; i < ASSAY_WIDE_WORDS; i++) {
        const assay_uint128 word = (assay_uint128)rest->word[i] - other->word[i] - borrow;
        rest->word[i] = (uint64_t)word;
        borrow = (uint64_t)(word >> 64) & 1U;
    }
    return borrow;
}

struct assay_wide assay_wide_add(struct assay_wide a, struct assay_wide b)
{
    const uint64_t carry = add_words(&a, &b);
    ASSAY_ASSERT(carry == 0);
    return a;
}

struct assay_wide assay_wide_sub(struct assay_wide a, struct assay_wide b)
{
    const uint64_t borrow = sub_words(&a, &b);
    ASSAY_ASSERT(borrow == 0);
    return a;
}

struct assay_wide assay_wide_scale(struct assay_wide a, uint64_t b)
{
    uint64_t carry = 0;
    for (int i = 0; i < ASSAY_WIDE_WORDS; i++) {
        const assay_uint128 word = (assay_uint128)a.word[i] * b + carry;
        a.word[i] = (uint64_t)word;
        carry = (uint64_t)(word >> 64);
    }
    ASSAY_ASSERT(carry == 0);
    return a;
}

struct assay_wide assay_wide_product(assay_uint128 a, assay_uint128 b)
{
    struct assay_wide sum = assay_wide_scale(assay_wide_of(a), (uint64_t)b);
    const struct assay_wide high = assay_wide_scale(assay_wide_of(a), (uint64_t)(b >> 64));
    const struct assay_wide shifted = {.word = {0, high.word[0], high.word[1], high.word[2]}};
    (void)add_words(&sum, &shifted); /* a product of 128 bits each fits */
    return sum;
}

static int bit_length(const struct assay_wide *value)
{
    for (int i = ASSAY_WIDE_WORDS; i > 0; i--) {
        if (value->word[i - 1] != 0) {
            return 64 * i - __builtin_clzll(value->word[i - 1]);
        }
    }
    return 0;
}

static void shift_up(struct assay_wide *value, int bits)
{
    const int words = bits / 64;
    const int rest = bits % 64;
    for (int i = ASSAY_WIDE_WORDS - 1; i >= 0; i--) {
        const uint64_t high = i >= words ? value->word[i - words] : 0;
        const uint64_t low = i > words ? value->word[i - words - 1] : 0;
        value->word[i] = rest == 0 ? high : high << rest | low >> (64 - rest);
    }
}

static bool is_less(const struct assay_wide *a, const struct assay_wide *b)
{
    for (int i = ASSAY_WIDE_WORDS; i > 0; i--) {
        if (a->word[i - 1] != b->word[i - 1]) {
            return a->word[i - 1] < b->word[i - 1];
        }
    }
    return false;
}

/* As in number.c: both are aligned to the same top bit, divided to 56 digits and a sticky one, and
 * the quotient is converted once, which rounds it correctly. */
double assay_wide_ratio(struct assay_wide numerator, struct assay_wide denominator)
{
    enum { DIGITS = 56, BITS = 64 * ASSAY_WIDE_WORDS };
    const int numerator_bits = bit_length(&numerator);
    const int denominator_bits = bit_length(&denominator);
    ASSAY_ASSERT(denominator_bits > 0);
    if (numerator_bits == 0) {
        return 0;
    }
    shift_up(&numerator, BITS - numerator_bits);
    shift_up(&denominator, BITS - denominator_bits);
    bool carry = false; /* the 257th bit of what is left of the numerator */
    uint64_t quotient = 0;
    for (int digit = 0; digit < DIGITS; digit++) {
        const bool fits = carry || !is_less(&numerator, &denominator);
        if (fits) {
            (void)sub_words(&numerator, &denominator); /* modulo 2^256: the carry pays for it */
        }
        quotient = quotient << 1 | (fits ? 1U : 0U);
        carry = numerator.word[ASSAY_WIDE_WORDS - 1] >> 63 != 0;
        shift_up(&numerator, 1);
    }
    const bool sticky = carry || bit_length(&numerator) > 0;
    quotient = quotient << 1 | (sticky ? 1U : 0U);
    return ldexp((double)quotient, numerator_bits - denominator_bits - DIGITS);
}
