#include "engine/base/number.h"
#include "tests/support/cmocka_all.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * Oracle for assay_ratio: x is the nearest f64 to n / d exactly if |n - x d| <= |n - y d| for both
 * neighbours y. With x = m 2^e and operands below 2^100 the distances are compared in long double
 * only where they differ clearly; the decisive cases are built so that the quotient is known.
 */
static void ratio_of_products_gives_back_the_factor(void **state)
{
    (void)state;
    uint64_t random = 42;
    for (int i = 0; i < 200000; i++) {
        /* An exact quotient with 53 significant bits, hidden behind a common factor. */
        const int64_t quotient = (int64_t)(test_random(&random) >> 11);
        const uint64_t factor = (test_random(&random) >> (test_random(&random) % 50)) | 1;
        const assay_int128 numerator = (assay_int128)quotient * factor;
        assert_true(assay_ratio(numerator, factor) == (double)quotient);
        assert_true(assay_ratio(-numerator, factor) == -(double)quotient);
        const double halved = (double)quotient / 4;
        assert_true(assay_ratio(numerator, (assay_uint128)factor * 4) == halved);
    }
}

/* n / d lies exactly half-way, or just beside it: (2q + 1) / 2 with q of 53 bits. */
static void ratio_rounds_ties_to_even_and_sees_one_unit_in_the_last_place(void **state)
{
    (void)state;
    uint64_t random = 43;
    for (int i = 0; i < 200000; i++) {
        const uint64_t whole = test_random(&random) >> 11 | UINT64_C(1) << 52;
        const uint64_t factor = test_random(&random) >> 10 | 1;
        const assay_int128 half = ((assay_int128)whole * 2 + 1) * factor;
        const assay_uint128 two = (assay_uint128)factor * 2;
        const double down = (double)whole;
        const double up = (double)(whole + 1);
        assert_true(assay_ratio(half, two) == (whole % 2 == 0 ? down : up));
        assert_true(assay_ratio(half - 1, two) == down);
        assert_true(assay_ratio(half + 1, two) == up);
    }
}

static void ratio_holds_at_the_ends_of_128_bits(void **state)
{
    (void)state;
    const assay_int128 largest = (assay_int128)(~(assay_uint128)0 >> 1);
    assert_true(assay_ratio(largest, 1) == 0x1p127);
    assert_true(assay_ratio(-largest - 1, 1) == -0x1p127);
    assert_true(assay_ratio(1, ~(assay_uint128)0) == 0x1p-128);
    assert_true(assay_ratio(0, ~(assay_uint128)0) == 0.0);
    assert_true(assay_ratio(largest, ~(assay_uint128)0) == 0.5);
    assert_true(assay_ratio(1, 3) == 1.0 / 3.0);
}

static void printed_numbers_read_back_and_are_short(void **state)
{
    (void)state;
    uint64_t random = 44;
    char text[ASSAY_NUMBER_TEXT_BYTES];
    for (int i = 0; i < 100000; i++) {
        const uint64_t bits = test_random(&random);
        double value = 0;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) {
            continue;
        }
        const size_t length = assay_number_print(value, text);
        double back = 0;
        assert_true(assay_number_parse((struct assay_str){text, (uint32_t)length}, &back));
        assert_true(back == value);
    }
    assert_int_equal(assay_number_print(0.1, text), 3);
    assert_string_equal(text, "0.1");
    (void)assay_number_print(-9007199254740991.0, text);
    assert_string_equal(text, "-9007199254740991");
}

/* Numbers as they are met, and next to powers of two and of ten, where rounding is asymmetric. */
static double awkward(uint64_t *random, int kind)
{
    const double unit = (double)(test_random(random) >> 11) * 0x1p-53;
    const double above = (double)(test_random(random) % 3);
    switch (kind % 5) {
    case 0:
        return unit;
    case 1:
        return (double)(test_random(random) % 2000000) / 1000 - 500;
    case 2:
        return nextafter(ldexp(1, (int)(test_random(random) % 80) - 20), above - 1 + unit);
    case 3:
        return nextafter(pow(10, (double)(test_random(random) % 20) - 5), above * 1e300);
    default:
        return exp(unit * 60 - 15);
    }
}

static void a_number_is_the_first_of_15_to_17_digits_that_reads_back(void **state)
{
    (void)state;
    uint64_t random = 45;
    for (int i = 0; i < 200000; i++) {
        const double value = awkward(&random, i);
        char text[ASSAY_NUMBER_TEXT_BYTES];
        char expected[64];
        const size_t length = assay_number_print(value, text);
        int digits = 15;
        do {
            (void)snprintf(expected, sizeof expected, "%.*g", digits++, value);
        } while (strtod(expected, NULL) != value);
        if (value == trunc(value) && fabs(value) < 0x1p53) {
            (void)snprintf(expected, sizeof expected, "%.0f", value);
        }
        assert_string_equal(text, expected);
        assert_int_equal(length, strlen(expected));
    }
}

static void only_json_shaped_numbers_parse(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     "-",   "+1",  ".5", "1.", "1e", "1e+",
                                      "0x10", "nan", "inf", " 1", "1 ", "1,5"};
    double value = 0;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(assay_number_parse(assay_str_of(bad[i]), &value));
    }
    assert_true(assay_number_parse(assay_str_of("1e400"), &value));
    assert_true(isinf(value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ratio_of_products_gives_back_the_factor),
        cmocka_unit_test(ratio_rounds_ties_to_even_and_sees_one_unit_in_the_last_place),
        cmocka_unit_test(ratio_holds_at_the_ends_of_128_bits),
        cmocka_unit_test(printed_numbers_read_back_and_are_short),
        cmocka_unit_test(a_number_is_the_first_of_15_to_17_digits_that_reads_back),
        cmocka_unit_test(only_json_shaped_numbers_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
