#include "scorers/model.h"
#include "tests/support/lightgbm_text.h"

#include <math.h>

/*
 * The oracle is the definition: Shapley values over all subsets of features, where the value of a
 * subset is the tree's output with unknown features averaged by training rows (Algorithm 1 of
 * Lundberg et al. 2018). Exponential, so trees read few features here.
 */

enum { FEATURES = 5, SUBSETS = 1 << FEATURES };

static char text[1 << 18];

static int goes_left(const struct text_tree *tree, int node, double x)
{
    const int missing = tree->decision[node] >> 2 & 3;
    const int default_left = tree->decision[node] >> 1 & 1;
    const double zero = (double)1e-35F;
    if (missing == 2 && isnan(x)) {
        return default_left;
    }
    x = isnan(x) || (x >= -zero && x <= zero) ? 0 : x;
    if (missing == 1 && x == 0) {
        return default_left;
    }
    return x <= tree->threshold[node];
}

static double rows_of(const struct text_tree *tree, int at)
{
    return at < 0 ? tree->leaf_rows[~at] : tree->node_rows[at];
}

/* Expected output when the features of @p known are known. */
static double expected(const struct text_tree *tree, int at, const double row[], unsigned known)
{
    if (at < 0) {
        return tree->value[~at];
    }
    const int left = tree->left[at];
    const int right = tree->right[at];
    if ((known >> tree->feature[at] & 1) != 0) {
        const int child = goes_left(tree, at, row[tree->feature[at]]) ? left : right;
        return expected(tree, child, row, known);
    }
    const double rows = rows_of(tree, at);
    double sum = 0;
    if (rows_of(tree, left) > 0) {
        sum += rows_of(tree, left) / rows * expected(tree, left, row, known);
    }
    if (rows_of(tree, right) > 0) {
        sum += rows_of(tree, right) / rows * expected(tree, right, row, known);
    }
    return sum;
}

/* Adds the tree's Shapley values; returns its expected value. */
static double shapley(const struct text_tree *tree, const double row[], double sums[])
{
    static const double factorial[] = {1, 1, 2, 6, 24, 120};
    double values[SUBSETS];
    const int root = tree->leaves == 1 ? -1 : 0;
    for (unsigned s = 0; s < SUBSETS; s++) {
        values[s] = expected(tree, root, row, s);
    }
    for (int f = 0; f < FEATURES; f++) {
        for (unsigned s = 0; s < SUBSETS; s++) {
            if ((s >> f & 1) == 0) {
                const int size = __builtin_popcount(s);
                sums[f] += factorial[size] * factorial[FEATURES - size - 1] / factorial[FEATURES] *
                           (values[s | 1U << f] - values[s]);
            }
        }
    }
    return values[0];
}

static void make(struct text_model *model, int trees, int classes, int rows, uint64_t *random)
{
    *model = (struct text_model){
        .features = FEATURES, .classes = classes, .trees = trees, .version = "v4"};
    for (int i = 0; i < trees; i++) {
        text_grow(&model->tree[i], 1 + (int)(test_random(random) % TEXT_LEAVES_MAX), FEATURES, rows,
                  random);
    }
}

static const struct assay_model *read_text(struct assay_arena *arena, const struct text_model *made)
{
    const struct assay_model *model = NULL;
    struct assay_err err = {0};
    const struct assay_str bytes = {.ptr = text, .len = (uint32_t)text_print(text, made)};
    assert_int_equal(assay_model_read(&model, arena, ASSAY_MODEL_LIGHTGBM, "m", bytes, &err),
                     ASSAY_OK);
    return model;
}

/* @p rows: training rows of a tree. Few of them leave nodes that no row reached. */
static void compare(int rows, uint64_t seed)
{
    static struct text_model made;
    uint64_t random = seed;
    struct assay_arena *scratch = assay_arena_create(1 << 20);
    for (int round = 0; round < 40; round++) {
        struct assay_arena *arena = assay_arena_create(1 << 22);
        const int classes = 1 + round % 2;
        make(&made, 6, classes, rows, &random);
        const struct assay_model *model = read_text(arena, &made);
        for (int r = 0; r < 20; r++) {
            double row[FEATURES];
            double found[FEATURES];
            double truth[FEATURES] = {0};
            double base = 0;
            double size = 0;
            for (int f = 0; f < FEATURES; f++) {
                row[f] = test_random(&random) % 6 == 0 ? (double)NAN : text_value(&random);
            }
            for (int i = 0; i < made.trees; i += classes) {
                base += shapley(&made.tree[i], row, truth);
            }
            const double baseline = assay_model_explain(model, row, scratch, found);
            for (int f = 0; f < FEATURES; f++) {
                size += fabs(truth[f]);
            }
            assert_true(fabs(baseline - base) <= 1e-12 * (fabs(base) + size));
            for (int f = 0; f < FEATURES; f++) {
                assert_true(fabs(found[f] - truth[f]) <= 1e-9 * size);
            }
        }
        assay_arena_destroy(arena);
    }
    assert_int_equal(assay_arena_used(scratch), 0);
    assay_arena_destroy(scratch);
}

static void contributions_are_the_shapley_values_of_the_definition(void **state)
{
    (void)state;
    compare(1000000, 31);
}

static void branches_that_no_training_row_took_leave_contributions_finite_and_exact(void **state)
{
    (void)state;
    compare(8, 32);
}

static void baseline_and_contributions_add_up_to_the_raw_score(void **state)
{
    (void)state;
    static struct text_model made;
    uint64_t random = 33;
    struct assay_arena *arena = assay_arena_create(1 << 22);
    struct assay_arena *scratch = assay_arena_create(1 << 20);
    make(&made, TEXT_TREES_MAX, 1, 100000, &random);
    const struct assay_model *model = read_text(arena, &made);
    for (int r = 0; r < 500; r++) {
        double row[FEATURES];
        double found[FEATURES];
        double raw = 0;
        double predicted = 0;
        for (int f = 0; f < FEATURES; f++) {
            row[f] = text_value(&random);
        }
        assay_model_score(model, row, &raw, &predicted);
        double sum = assay_model_explain(model, row, scratch, found);
        double size = fabs(sum);
        for (int f = 0; f < FEATURES; f++) {
            sum += found[f];
            size += fabs(found[f]);
        }
        assert_true(fabs(sum - raw) <= 1e-12 * size);
    }
    assay_arena_destroy(scratch);
    assay_arena_destroy(arena);
}

static void a_full_scratch_arena_is_told_by_nan(void **state)
{
    (void)state;
    static struct text_model made;
    uint64_t random = 34;
    struct assay_arena *arena = assay_arena_create(1 << 22);
    struct assay_arena *scratch = assay_arena_create(64);
    make(&made, 8, 1, 1000, &random);
    const double row[FEATURES] = {0};
    double found[FEATURES];
    assert_true(isnan(assay_model_explain(read_text(arena, &made), row, scratch, found)));
    assay_arena_destroy(scratch);
    assay_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contributions_are_the_shapley_values_of_the_definition),
        cmocka_unit_test(branches_that_no_training_row_took_leave_contributions_finite_and_exact),
        cmocka_unit_test(baseline_and_contributions_add_up_to_the_raw_score),
        cmocka_unit_test(a_full_scratch_arena_is_told_by_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
