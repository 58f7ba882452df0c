#include "tests/support/cmocka_all.h"

#include "engine/base/histogram.h"

#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void quantiles_are_never_low_and_at_most_a_thirty_second_high(void **state)
{
    (void)state;
    enum { VALUES = 20000 };
    static struct assay_histogram histogram;
    static uint64_t values[VALUES];
    uint64_t random = 7;
    for (int i = 0; i < VALUES; i++) {
        values[i] = test_random(&random) >> (test_random(&random) % 64);
        assay_histogram_record(&histogram, values[i]);
    }
    qsort(values, VALUES, sizeof values[0], by_value);
    for (int percent = 1; percent <= 100; percent++) {
        const uint64_t exact = values[VALUES * percent / 100 - 1];
        const uint64_t read = assay_histogram_quantile(&histogram, percent / 100.0);
        assert_true(read >= exact);
        assert_true(read - exact <= exact / 32);
    }
    assert_int_equal(histogram.count, VALUES);
    assert_true(histogram.max == values[VALUES - 1]);
}

static void small_values_are_exact_and_the_ends_have_buckets(void **state)
{
    (void)state;
    static struct assay_histogram histogram;
    assert_int_equal(assay_histogram_quantile(&histogram, 0.5), 0);
    for (uint64_t value = 0; value < 32; value++) {
        static struct assay_histogram one;
        one = (struct assay_histogram){0};
        assay_histogram_record(&one, value);
        assert_int_equal(assay_histogram_quantile(&one, 1), value);
    }
    assay_histogram_record(&histogram, UINT64_MAX);
    assert_true(assay_histogram_quantile(&histogram, 1) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_never_low_and_at_most_a_thirty_second_high),
        cmocka_unit_test(small_values_are_exact_and_the_ends_have_buckets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
