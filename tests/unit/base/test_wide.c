#include "engine/base/wide.h"
#include "tests/support/cmocka_all.h"

#include <math.h>

static assay_uint128 random_128(uint64_t *random)
{
    const assay_uint128 value = (assay_uint128)test_random(random) << 64 | test_random(random);
    return value >> (test_random(random) % 128);
}

static void assert_wide(struct assay_wide found, struct assay_wide expected)
{
    assert_memory_equal(&found, &expected, sizeof found);
}

static void the_ratio_of_narrow_numbers_is_the_narrow_ratio(void **state)
{
    (void)state;
    uint64_t random = 7;
    for (int i = 0; i < 100000; i++) {
        const assay_uint128 numerator = random_128(&random) >> 1;
        const assay_uint128 denominator = random_128(&random) | 1;
        const double expected = assay_ratio((assay_int128)numerator, denominator);
        assert_true(assay_wide_ratio(assay_wide_of(numerator), assay_wide_of(denominator)) ==
                    expected);
        /* a common factor changes nothing */
        const assay_uint128 factor = random_128(&random) | 1;
        assert_true(assay_wide_ratio(assay_wide_product(numerator, factor),
                                     assay_wide_product(denominator, factor)) == expected);
    }
}

static void a_ratio_beside_a_tie_is_rounded_to_its_side(void **state)
{
    (void)state;
    uint64_t random = 8;
    const struct assay_wide one = assay_wide_of(1);
    for (int i = 0; i < 100000; i++) {
        const uint64_t whole = test_random(&random) >> 11 | UINT64_C(1) << 52;
        const assay_uint128 factor = random_128(&random) | 1;
        const struct assay_wide two = assay_wide_product(factor, 2);
        const struct assay_wide half = assay_wide_product(factor, (assay_uint128)whole * 2 + 1);
        const double down = (double)whole;
        const double up = (double)(whole + 1);
        assert_true(assay_wide_ratio(half, two) == (whole % 2 == 0 ? down : up));
        assert_true(assay_wide_ratio(assay_wide_sub(half, one), two) == down);
        assert_true(assay_wide_ratio(assay_wide_add(half, one), two) == up);
    }
}

static void products_distribute_over_sums_and_carries_are_kept(void **state)
{
    (void)state;
    uint64_t random = 9;
    for (int i = 0; i < 100000; i++) {
        const assay_uint128 a = random_128(&random) >> 1;
        const assay_uint128 b = random_128(&random) >> 1;
        const assay_uint128 c = random_128(&random);
        const struct assay_wide ac = assay_wide_product(a, c);
        const struct assay_wide bc = assay_wide_product(c, b);
        const struct assay_wide both = assay_wide_product(a + b, c);
        assert_wide(assay_wide_add(ac, bc), both);
        assert_wide(assay_wide_sub(both, bc), ac);
        assert_wide(assay_wide_scale(assay_wide_of(a), (uint64_t)c),
                    assay_wide_product(a, (uint64_t)c));
    }
    const struct assay_wide low = {.word = {UINT64_MAX, UINT64_MAX, UINT64_MAX, 6}};
    assert_wide(assay_wide_add(low, assay_wide_of(1)), (struct assay_wide){.word = {0, 0, 0, 7}});
}

static void the_ends_of_256_bits_divide(void **state)
{
    (void)state;
    const struct assay_wide largest = {.word = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    assert_true(assay_wide_ratio(largest, assay_wide_of(1)) == 0x1p256);
    assert_true(assay_wide_ratio(assay_wide_of(1), largest) == 0x1p-256);
    assert_true(assay_wide_ratio(assay_wide_of(0), largest) == 0.0);
    assert_true(assay_wide_ratio(largest, largest) == 1.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ratio_of_narrow_numbers_is_the_narrow_ratio),
        cmocka_unit_test(a_ratio_beside_a_tie_is_rounded_to_its_side),
        cmocka_unit_test(products_distribute_over_sums_and_carries_are_kept),
        cmocka_unit_test(the_ends_of_256_bits_divide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
