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
        const int child = text_goes_left(tree, at, row[tree->feature[at]]) ? left : right;
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
        text_grow(&model->tree[i], 1 + (int)(test_random(random) % 32), FEATURES, rows, random);
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

/*
 * A chain: feature i above 0 goes on to split i + 1, the last leaf gives 1, all others 0. The value
 * of a set of known features is then a product, and its Shapley values follow from the coefficients
 * of the product of (o_k y + z_k): long ways, which the oracle above could not enumerate.
 */
enum { CHAIN_MAX = 513 };

static size_t print_chain(char *out, int splits, const int rows[])
{
    int feature[CHAIN_MAX], decision[CHAIN_MAX] = {0}, left[CHAIN_MAX], right[CHAIN_MAX];
    int leaf_rows[CHAIN_MAX + 1];
    double threshold[CHAIN_MAX] = {0}, value[CHAIN_MAX + 1] = {0};
    for (int i = 0; i < splits; i++) {
        feature[i] = i;
        left[i] = ~i;
        right[i] = i + 1 < splits ? i + 1 : ~splits;
        leaf_rows[i] = rows[i] - rows[i + 1];
    }
    leaf_rows[splits] = rows[splits];
    value[splits] = 1;
    size_t used = (size_t)sprintf(out,
                                  "tree\nversion=v4\nnum_class=1\nlabel_index=0\n"
                                  "max_feature_idx=%d\nfeature_names=",
                                  splits - 1);
    for (int i = 0; i < splits; i++) {
        used += (size_t)sprintf(out + used, "f%d ", i);
    }
    used += (size_t)sprintf(out + used, "\n\nTree=0\nnum_leaves=%d\nnum_cat=0\n", splits + 1);
    used += text_ints(out + used, "split_feature", feature, splits);
    used += text_reals(out + used, "threshold", threshold, splits);
    used += text_ints(out + used, "decision_type", decision, splits);
    used += text_ints(out + used, "left_child", left, splits);
    used += text_ints(out + used, "right_child", right, splits);
    used += text_reals(out + used, "leaf_value", value, splits + 1);
    used += text_ints(out + used, "leaf_count", leaf_rows, splits + 1);
    used += text_ints(out + used, "internal_count", rows, splits);
    return used + (size_t)sprintf(out + used, "\nend of trees\n");
}

static double chain_value(int splits, const double zero[], const int one[], int j)
{
    long double known[CHAIN_MAX] = {1}; /* by number of known features */
    int others = 0;
    for (int k = 0; k < splits; k++) {
        if (k == j) {
            continue;
        }
        for (int s = ++others; s > 0; s--) {
            known[s] = known[s] * (long double)zero[k] + known[s - 1] * one[k];
        }
        known[0] *= (long double)zero[k];
    }
    long double sum = 0;
    long double weight = 1.0L / splits; /* s! (m - 1 - s)! / m! */
    for (int s = 0; s <= others; s++) {
        sum += weight * known[s];
        weight = weight * (s + 1) / (others - s > 0 ? others - s : 1);
    }
    return (double)((one[j] - (long double)zero[j]) * sum);
}

static void long_ways_have_the_shapley_values_of_a_product(void **state)
{
    (void)state;
    uint64_t random = 35;
    struct assay_arena *scratch = assay_arena_create(1 << 22);
    for (int splits = 1; splits < CHAIN_MAX; splits += splits < 90 ? 1 : 211) {
        int rows[CHAIN_MAX + 1] = {1000000000};
        int one[CHAIN_MAX];
        double zero[CHAIN_MAX];
        double row[CHAIN_MAX];
        double found[CHAIN_MAX];
        for (int i = 0; i < splits; i++) {
            const double lost = (double)(test_random(&random) % 10000) / 10000;
            const double share = 1 - lost * (splits < 60 ? 0.3 : 15.0 / splits);
            rows[i + 1] = (int)(rows[i] * share);
            zero[i] = (double)rows[i + 1] / rows[i];
            one[i] = test_random(&random) % 8 != 0;
            row[i] = one[i] ? 1 : -1;
        }
        struct assay_arena *arena = assay_arena_create(1 << 20);
        const struct assay_model *model = NULL;
        struct assay_err err = {0};
        const struct assay_str bytes = {.ptr = text,
                                        .len = (uint32_t)print_chain(text, splits, rows)};
        assert_int_equal(assay_model_read(&model, arena, ASSAY_MODEL_LIGHTGBM, "m", bytes, &err),
                         ASSAY_OK);
        (void)assay_model_explain(model, row, scratch, found);
        double size = 0;
        for (int j = 0; j < splits; j++) {
            size += fabs(found[j]);
        }
        for (int j = 0; j < splits; j++) {
            assert_true(fabs(found[j] - chain_value(splits, zero, one, j)) <= 1e-12 * size);
        }
        assay_arena_destroy(arena);
    }
    assay_arena_destroy(scratch);
}

static void a_way_of_more_than_512_features_is_refused(void **state)
{
    (void)state;
    int rows[CHAIN_MAX + 1];
    for (int i = 0; i <= CHAIN_MAX; i++) {
        rows[i] = 1000 - i;
    }
    struct assay_arena *arena = assay_arena_create(1 << 20);
    const struct assay_model *model = NULL;
    struct assay_err err = {0};
    const struct assay_str bytes = {.ptr = text, .len = (uint32_t)print_chain(text, 513, rows)};
    assert_int_equal(assay_model_read(&model, arena, ASSAY_MODEL_LIGHTGBM, "m", bytes, &err),
                     ASSAY_E_UNSUPPORTED);
    assert_non_null(strstr(err.what, "513 features, more than 512"));
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
        cmocka_unit_test(long_ways_have_the_shapley_values_of_a_product),
        cmocka_unit_test(a_way_of_more_than_512_features_is_refused),
        cmocka_unit_test(a_full_scratch_arena_is_told_by_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
