#include "scorers/math.h"
#include "tests/support/cmocka_all.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

/* long double has 11 more bits than f64 here, so it serves as the true value. */
static_assert(LDBL_MANT_DIG >= 64, "the oracle needs a wider type");

static double ulp_error(double found, long double truth)
{
    const double rounded = (double)truth;
    if (found == rounded || !isfinite(rounded)) {
        return 0;
    }
    const double away = fabs(rounded);
    const double ulp = away < 0x1p-1022 ? 0x1p-1074 : nextafter(away, HUGE_VAL) - away;
    return (double)(fabsl((long double)found - truth) / (long double)ulp);
}

struct function {
    const char *name;
    double (*ours)(double);
    long double (*truth)(long double);
    double (*libm)(double);
    double low, high;
    double tiny; /* also tested within this distance of `near` */
    double near;
};

static const struct function functions[] = {
    {"exp", assay_exp, expl, exp, -746, 710, 1, 0},
    {"exp2", assay_exp2, exp2l, exp2, -1076, 1024, 1, 0},
    {"log", assay_log, logl, log, 0, 1e6, 0.25, 1},
};

static double draw(const struct function *function, uint64_t *random)
{
    const double unit = (double)(test_random(random) >> 11) * 0x1p-53;
    if (test_random(random) % 2 == 0) {
        return function->low + unit * (function->high - function->low);
    }
    return function->near + (2 * unit - 1) * function->tiny;
}

static void results_are_within_one_ulp_of_the_truth_and_of_libm(void **state)
{
    (void)state;
    for (size_t f = 0; f < sizeof functions / sizeof functions[0]; f++) {
        const struct function *function = &functions[f];
        uint64_t random = 11;
        double worst = 0;
        for (int i = 0; i < 400000; i++) {
            const double x = draw(function, &random);
            const double ours = function->ours(x);
            const double error = ulp_error(ours, function->truth((long double)x));
            worst = error > worst ? error : worst;
            const double libm = function->libm(x);
            assert_true(ours == libm || nextafter(ours, libm) == libm);
        }
        print_message("  %s: worst error %.3f ulp\n", function->name, worst);
        assert_true(worst < 0.85); /* measured: 0.78, 0.83, 0.66 */
    }
}

static void logarithms_of_all_magnitudes_are_within_one_ulp(void **state)
{
    (void)state;
    uint64_t random = 12;
    double worst = 0;
    for (int i = 0; i < 400000; i++) {
        const uint64_t bits = test_random(&random) % UINT64_C(0x7FF0000000000000);
        double x = 0;
        memcpy(&x, &bits, sizeof x);
        const double error = ulp_error(assay_log(x), logl((long double)x));
        worst = error > worst ? error : worst;
    }
    assert_true(worst < 1.0);
}

static void ends_of_the_line_and_exact_values_hold(void **state)
{
    (void)state;
    assert_true(assay_exp(0) == 1 && assay_exp2(0) == 1 && assay_log(1) == 0);
    assert_true(isnan(assay_exp(NAN)) && isnan(assay_exp2(NAN)) && isnan(assay_log(NAN)));
    assert_true(assay_exp(HUGE_VAL) == HUGE_VAL && assay_exp(-HUGE_VAL) == 0);
    assert_true(assay_exp2(HUGE_VAL) == HUGE_VAL && assay_exp2(-HUGE_VAL) == 0);
    assert_true(assay_exp(710) == HUGE_VAL && assay_exp(-746) == 0);
    assert_true(assay_exp2(1024) == HUGE_VAL && assay_exp2(-1074) == 0x1p-1074);
    assert_true(assay_log(0) == -HUGE_VAL && isnan(assay_log(-1)));
    assert_true(assay_log(HUGE_VAL) == HUGE_VAL);
    for (int k = -1074; k < 1024; k++) {
        assert_true(assay_exp2(k) == ldexp(1, k));
    }
    assert_true(assay_sigmoid(0) == 0.5);
    assert_true(assay_sigmoid(1000) == 1 && assay_sigmoid(-1000) == 0);
    assert_true(isnan(assay_sigmoid(NAN)));
}

static void the_sigmoid_never_falls(void **state)
{
    (void)state;
    double before = 0;
    for (int i = -80000; i <= 80000; i++) {
        const double value = assay_sigmoid(i / 1000.0);
        assert_true(value >= before && value <= 1);
        before = value;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_are_within_one_ulp_of_the_truth_and_of_libm),
        cmocka_unit_test(logarithms_of_all_magnitudes_are_within_one_ulp),
        cmocka_unit_test(ends_of_the_line_and_exact_values_hold),
        cmocka_unit_test(the_sigmoid_never_falls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
