#include "scorers/quadrature.h"
#include "tests/support/cmocka_all.h"

#include <math.h>

static void a_rule_of_n_points_integrates_powers_up_to_2n_less_1(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= ASSAY_QUADRATURE_POINTS_MAX; n++) {
        double points[ASSAY_QUADRATURE_POINTS_MAX];
        double weights[ASSAY_QUADRATURE_POINTS_MAX];
        assay_quadrature(n, points, weights);
        for (uint32_t degree = 0; degree < 2 * n; degree++) {
            double sum = 0;
            for (uint32_t i = 0; i < n; i++) {
                sum += weights[i] * pow(points[i], degree);
            }
            assert_true(fabs(sum * (degree + 1) - 1) < 1e-13);
        }
        double sum = 0; /* one degree more is not exact */
        for (uint32_t i = 0; i < n && n < 12; i++) {
            sum += weights[i] * pow(points[i], 2 * n);
        }
        assert_true(n >= 12 || fabs(sum * (2 * n + 1) - 1) > 1e-13);
    }
}

static void points_ascend_inside_and_are_symmetric_with_positive_weights(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= ASSAY_QUADRATURE_POINTS_MAX; n++) {
        double points[ASSAY_QUADRATURE_POINTS_MAX];
        double weights[ASSAY_QUADRATURE_POINTS_MAX];
        assay_quadrature(n, points, weights);
        for (uint32_t i = 0; i < n; i++) {
            assert_true(points[i] > (i == 0 ? 0 : points[i - 1]) && points[i] < 1);
            assert_true(weights[i] > 0);
            assert_true(fabs(points[i] + points[n - 1 - i] - 1) < 1e-15);
            assert_true(fabs(weights[i] - weights[n - 1 - i]) < 1e-14);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_of_n_points_integrates_powers_up_to_2n_less_1),
        cmocka_unit_test(points_ascend_inside_and_are_symmetric_with_positive_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
