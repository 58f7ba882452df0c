#include "scorers/model.h"
#include "tests/support/lightgbm_text.h"

#include <math.h>

/*
 * Parity with the library itself is tests/e2e/test_predict.py; here the reader and the walk are
 * held to the format's rules with models made up at random, and to their refusals.
 */

static char text[1 << 19];

static enum assay_status read_bytes(struct assay_arena *arena, const char *bytes, size_t size,
                                    const struct assay_model **model, struct assay_err *err)
{
    *err = (struct assay_err){0};
    return assay_model_read(model, arena, ASSAY_MODEL_LIGHTGBM, "m.txt",
                            (struct assay_str){.ptr = bytes, .len = (uint32_t)size}, err);
}

static double leaf(const struct text_tree *tree, const double row[])
{
    int at = tree->leaves == 1 ? -1 : 0;
    while (at >= 0) {
        const int left = text_goes_left(tree, at, row[tree->feature[at]]);
        at = left ? tree->left[at] : tree->right[at];
    }
    return tree->value[~at];
}

static void make(struct text_model *model, int trees, int classes, const char *objective,
                 uint64_t *random)
{
    *model = (struct text_model){
        .features = 5, .classes = classes, .trees = trees, .version = "v4", .objective = objective};
    for (int i = 0; i < trees; i++) {
        text_grow(&model->tree[i], 1 + (int)(test_random(random) % 32), 5, 1000, random);
    }
}

static void draw_row(double row[5], uint64_t *random)
{
    for (int f = 0; f < 5; f++) {
        row[f] = test_random(random) % 6 == 0 ? (double)NAN : text_value(random);
    }
}

static void raw_scores_are_leaves_added_in_tree_order_for_each_class(void **state)
{
    (void)state;
    static struct text_model made;
    uint64_t random = 21;
    for (int round = 0; round < 60; round++) {
        const int classes = 1 + round % 3;
        make(&made, 12, classes, NULL, &random);
        struct assay_arena *arena = assay_arena_create(1 << 22);
        const struct assay_model *model = NULL;
        struct assay_err err;
        assert_int_equal(read_bytes(arena, text, text_print(text, &made), &model, &err), ASSAY_OK);
        assert_int_equal(assay_model_output_count(model), classes);
        for (int r = 0; r < 200; r++) {
            double row[5];
            double raw[3];
            double predicted[3];
            double sums[3] = {0};
            draw_row(row, &random);
            for (int i = 0; i < 12; i++) {
                sums[i % classes] += leaf(&made.tree[i], row);
            }
            assay_model_score(model, row, raw, predicted);
            assert_memory_equal(raw, sums, (size_t)classes * sizeof raw[0]);
            assert_memory_equal(predicted, raw, (size_t)classes * sizeof raw[0]);
        }
        assay_arena_destroy(arena);
    }
}

/* Trees that are chains: deeper than the fast walk takes, or of more features than it has slots. */
static void make_chains(struct text_model *model, int features, int splits, uint64_t *random)
{
    *model = (struct text_model){.features = features, .classes = 1, .trees = 18, .version = "v4"};
    for (int t = 0; t < model->trees; t++) {
        struct text_tree *tree = &model->tree[t];
        tree->leaves = splits + 1;
        for (int i = 0; i < splits; i++) {
            tree->feature[i] = (t * splits + i) % features;
            tree->threshold[i] = 3 * text_value(random);
            tree->decision[i] =
                (int)(test_random(random) % 2) * 2 + (int)(test_random(random) % 3) * 4;
            tree->left[i] = ~i;
            tree->right[i] = i + 1 < splits ? i + 1 : ~splits;
            tree->node_rows[i] = 1000 - i;
            tree->leaf_rows[i] = 1;
            tree->value[i] = (double)(t + 1) / (i + 3);
        }
        tree->leaf_rows[splits] = 1000 - splits;
    }
}

static void deep_and_wide_models_score_by_the_same_rules(void **state)
{
    (void)state;
    static struct text_model made;
    static double row[2400];
    static const int shapes[][2] = {{50, 60}, {50, 64}, {50, 65}, {50, 139}, {2400, 120}};
    uint64_t random = 25;
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        make_chains(&made, shapes[s][0], shapes[s][1], &random);
        struct assay_arena *arena = assay_arena_create(1 << 22);
        const struct assay_model *model = NULL;
        struct assay_err err;
        assert_int_equal(read_bytes(arena, text, text_print(text, &made), &model, &err), ASSAY_OK);
        for (int r = 0; r < 50; r++) {
            for (int f = 0; f < made.features; f++) {
                row[f] = test_random(&random) % 40 == 0 ? (double)NAN : 20 + text_value(&random);
            }
            double sum = 0;
            double raw = 0;
            double predicted = 0;
            for (int t = 0; t < made.trees; t++) {
                sum += leaf(&made.tree[t], row);
            }
            assay_model_score(model, row, &raw, &predicted);
            assert_true(raw == sum);
        }
        assay_arena_destroy(arena);
    }
}

static double square(double x)
{
    return x < 0 ? -x * x : x * x;
}

static double same(double x)
{
    return x;
}

static double logistic(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

static double logistic_half(double x)
{
    return 1.0 / (1.0 + exp(-0.5 * x));
}

static double log1p_exp(double x)
{
    return log1p(exp(x));
}

static void each_objective_has_its_link_and_says_whether_it_is_a_probability(void **state)
{
    (void)state;
    static const struct {
        const char *objective;
        double (*link)(double);
        bool probability;
    } cases[] = {
        {"regression", same, false},
        {"regression sqrt", square, false},
        {"regression_l1", same, false},
        {"regression_l1 sqrt", square, false},
        {"huber", same, false},
        {"fair", same, false},
        {"quantile", same, false},
        {"mape", same, false},
        {"poisson", exp, false},
        {"gamma", exp, false},
        {"tweedie", exp, false},
        {"binary sigmoid:1", logistic, true},
        {"binary sigmoid:0.5", logistic_half, true},
        {"cross_entropy", logistic, true},
        {"xentropy", logistic, true},
        {"cross_entropy_lambda", log1p_exp, false},
        {"lambdarank", same, false},
        {"rank_xendcg", same, false},
        {"custom", same, false},
    };
    static struct text_model made;
    uint64_t random = 22;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        for (int average = 0; average < 2; average++) {
            make(&made, 7, 1, cases[c].objective, &random);
            made.average = average;
            struct assay_arena *arena = assay_arena_create(1 << 22);
            const struct assay_model *model = NULL;
            struct assay_err err;
            assert_int_equal(read_bytes(arena, text, text_print(text, &made), &model, &err),
                             ASSAY_OK);
            assert_int_equal(assay_model_is_probability(model), cases[c].probability);
            assert_true(assay_model_raw_rises(model));
            for (int r = 0; r < 50; r++) {
                double row[5];
                double raw = 0;
                double predicted = 0;
                draw_row(row, &random);
                assay_model_score(model, row, &raw, &predicted);
                assert_true(predicted == cases[c].link(average ? raw / 7 : raw));
            }
            assay_arena_destroy(arena);
        }
    }
}

static void multi_class_predictions_are_softmax_or_one_against_all(void **state)
{
    (void)state;
    static struct text_model made;
    uint64_t random = 23;
    static const char *const names[] = {"multiclass num_class:3",
                                        "multiclassova num_class:3 sigmoid:1"};
    for (int c = 0; c < 2; c++) {
        make(&made, 9, 3, names[c], &random);
        struct assay_arena *arena = assay_arena_create(1 << 22);
        const struct assay_model *model = NULL;
        struct assay_err err;
        assert_int_equal(read_bytes(arena, text, text_print(text, &made), &model, &err), ASSAY_OK);
        for (int r = 0; r < 50; r++) {
            double row[5];
            double raw[3];
            double predicted[3];
            draw_row(row, &random);
            assay_model_score(model, row, raw, predicted);
            const double most = fmax(raw[0], fmax(raw[1], raw[2]));
            const double e[3] = {exp(raw[0] - most), exp(raw[1] - most), exp(raw[2] - most)};
            const double sum = e[0] + e[1] + e[2];
            for (int k = 0; k < 3; k++) {
                assert_true(predicted[k] == (c == 0 ? e[k] / sum : logistic(raw[k])));
            }
        }
        assay_arena_destroy(arena);
    }
}

static const char good[] = "tree\n"                       /* line 1 */
                           "version=v4\n"                 /* 2 */
                           "num_class=1\n"                /* 3 */
                           "num_tree_per_iteration=1\n"   /* 4 */
                           "label_index=0\n"              /* 5 */
                           "max_feature_idx=1\n"          /* 6 */
                           "objective=binary sigmoid:1\n" /* 7 */
                           "feature_names=age income\n"   /* 8 */
                           "feature_infos=[0:1] [0:1]\n"  /* 9 */
                           "tree_sizes=284\n"             /* 10 */
                           "\n"                           /* 11 */
                           "Tree=0\n"                     /* 12 */
                           "num_leaves=3\n"               /* 13 */
                           "num_cat=0\n"                  /* 14 */
                           "split_feature=0 1\n"          /* 15 */
                           "split_gain=1 nan\n"           /* 16 */
                           "threshold=30.5 inf\n"         /* 17 */
                           "decision_type=2 8\n"          /* 18 */
                           "left_child=1 -1\n"            /* 19 */
                           "right_child=-2 -3\n"          /* 20 */
                           "leaf_value=0.25 -1e-3 5\n"    /* 21 */
                           "leaf_weight=1 2 3\n"          /* 22 */
                           "leaf_count=10 20 30\n"        /* 23 */
                           "internal_value=1 2\n"         /* 24 */
                           "internal_weight=1 2\n"        /* 25 */
                           "internal_count=60 40\n"       /* 26 */
                           "is_linear=0\n"                /* 27 */
                           "shrinkage=1\n"                /* 28 */
                           "\n"
                           "\n"
                           "end of trees\n";

/* `good` with one piece replaced; tree_sizes is left out unless it is the piece. */
static size_t edited(const char *from, const char *to, char out[4096])
{
    char plain[4096];
    (void)snprintf(plain, sizeof plain, "%s", good);
    if (strstr(from, "tree_sizes") == NULL) {
        char *line = strstr(plain, "tree_sizes=284\n");
        memmove(line, line + strlen("tree_sizes=284"), strlen(line) - strlen("tree_sizes=284") + 1);
    }
    const char *at = strstr(plain, from);
    assert_non_null(at);
    return (size_t)snprintf(out, 4096, "%.*s%s%s", (int)(at - plain), plain, to, at + strlen(from));
}

static const struct {
    const char *from, *to;
    enum assay_status status;
    const char *where, *what;
} malformed[] = {
    {"tree\n", "trees\n", ASSAY_E_MODEL, "m.txt:1", "not a LightGBM"},
    {"version=v4", "version=v5", ASSAY_E_UNSUPPORTED, "m.txt:2", "version"},
    {"version=v4", "version=v1", ASSAY_E_UNSUPPORTED, "m.txt:2", "version"},
    {"version=v4\n", "", ASSAY_E_UNSUPPORTED, "m.txt:1", "version"},
    {"num_class=1\n", "", ASSAY_E_MODEL, "m.txt:1", "num_class"},
    {"num_class=1", "num_class=0", ASSAY_E_MODEL, "m.txt:3", "num_class"},
    {"num_class=1", "num_class=65", ASSAY_E_MODEL, "m.txt:3", "num_class"},
    {"num_class=1", "num_class=1\nnum_class=1", ASSAY_E_MODEL, "m.txt:4", "twice"},
    {"iteration=1", "iteration=2", ASSAY_E_MODEL, "m.txt:4", "num_class"},
    {"idx=1", "idx=2", ASSAY_E_MODEL, "m.txt:8", "feature_names has 2"},
    {"idx=1", "idx=-1", ASSAY_E_MODEL, "m.txt:6", "max_feature_idx"},
    {"idx=1", "idx=4096", ASSAY_E_MODEL, "m.txt:6", "max_feature_idx"},
    {"age income", "age age", ASSAY_E_MODEL, "m.txt:8", "twice"},
    {"feature_names=age income\n", "", ASSAY_E_MODEL, "m.txt:1", "feature_names"},
    {"binary sigmoid:1", "binary", ASSAY_E_MODEL, "m.txt:7", "objective"},
    {"binary sigmoid:1", "binary sigmoid:0", ASSAY_E_UNSUPPORTED, "m.txt:7", "objective"},
    {"binary sigmoid:1", "binary sigmoid:x", ASSAY_E_UNSUPPORTED, "m.txt:7", "objective"},
    {"binary sigmoid:1", "survival", ASSAY_E_UNSUPPORTED, "m.txt:7", "objective"},
    {"binary sigmoid:1", "huber sqrt", ASSAY_E_MODEL, "m.txt:7", "objective"},
    {"binary sigmoid:1", "multiclass num_class:3", ASSAY_E_MODEL, "m.txt:7", "objective"},
    {"label_index", "lable_index", ASSAY_E_UNSUPPORTED, "m.txt:5", "unknown key"},
    {"tree_sizes=284", "tree_sizes=285", ASSAY_E_MODEL, "m.txt:10", "tree_sizes says 285"},
    {"tree_sizes=284", "tree_sizes=284 284", ASSAY_E_MODEL, "m.txt:31", "Tree=1"},
    {"tree_sizes=284", "tree_sizes=", ASSAY_E_MODEL, "m.txt:12", "without trees"},
    {"Tree=0", "Tree=1", ASSAY_E_MODEL, "m.txt:12", "expected Tree=0"},
    {"num_leaves=3\n", "", ASSAY_E_MODEL, "m.txt:12", "no \"num_leaves\""},
    {"num_leaves=3", "num_leaves=0", ASSAY_E_MODEL, "m.txt:13", "without leaves"},
    {"num_leaves=3", "num_leaves=2", ASSAY_E_MODEL, "m.txt:21", "more than 2"},
    {"num_leaves=3", "num_leaves=4", ASSAY_E_MODEL, "m.txt:21", "has 3 values"},
    {"num_leaves=3", "num_leaves=9999999", ASSAY_E_MODEL, "m.txt:12", "leaf_value"},
    {"num_leaves=3", "num_leaves=3\nnum_leaves=3", ASSAY_E_MODEL, "m.txt:14", "twice"},
    {"num_cat=0", "num_cat=1", ASSAY_E_UNSUPPORTED, "m.txt:12", "categorical"},
    {"num_cat=0", "num_cat=0\ncat_boundaries=0 1", ASSAY_E_UNSUPPORTED, "m.txt:12", "categorical"},
    {"is_linear=0", "is_linear=1", ASSAY_E_UNSUPPORTED, "m.txt:12", "linear tree"},
    {"is_linear=0", "leaf_const=1 2 3", ASSAY_E_UNSUPPORTED, "m.txt:12", "linear tree"},
    {"is_linear=0", "is_linear=2", ASSAY_E_MODEL, "m.txt:27", "is_linear"},
    {"shrinkage=1", "shrink=1", ASSAY_E_UNSUPPORTED, "m.txt:28", "unknown key"},
    {"shrinkage=1", "shrinkage", ASSAY_E_MODEL, "m.txt:28", "key=value"},
    {"split_feature=0 1", "split_feature=0 2", ASSAY_E_MODEL, "m.txt:15", "bad value 2"},
    {"split_feature=0 1", "split_feature=-1 1", ASSAY_E_MODEL, "m.txt:15", "bad value 1"},
    {"split_feature=0 1\n", "", ASSAY_E_MODEL, "m.txt:12", "no \"split_feature\""},
    {"30.5 inf", "30.5 nan", ASSAY_E_MODEL, "m.txt:17", "bad value 2"},
    {"30.5 inf", "30,5 inf", ASSAY_E_MODEL, "m.txt:17", "bad value 1"},
    {"30.5 inf", "30.5", ASSAY_E_MODEL, "m.txt:17", "has 1 values"},
    {"decision_type=2 8", "decision_type=3 8", ASSAY_E_UNSUPPORTED, "m.txt:18", "categorical"},
    {"decision_type=2 8", "decision_type=2 12", ASSAY_E_UNSUPPORTED, "m.txt:18", "decision"},
    {"decision_type=2 8", "decision_type=2 24", ASSAY_E_UNSUPPORTED, "m.txt:18", "decision"},
    {"decision_type=2 8\n", "", ASSAY_E_MODEL, "m.txt:12", "no \"decision_type\""},
    {"left_child=1 -1", "left_child=0 -1", ASSAY_E_MODEL, "m.txt:19", "not a tree"},
    {"left_child=1 -1", "left_child=-1 -1", ASSAY_E_MODEL, "m.txt:19", "not a tree"},
    {"left_child=1 -1", "left_child=1 0", ASSAY_E_MODEL, "m.txt:19", "not a tree"},
    {"left_child=1 -1", "left_child=2 -1", ASSAY_E_MODEL, "m.txt:19", "bad value 1"},
    {"right_child=-2 -3", "right_child=-2 -4", ASSAY_E_MODEL, "m.txt:20", "bad value 2"},
    {"right_child=-2 -3", "right_child=-2 -2", ASSAY_E_MODEL, "m.txt:20", "not a tree"},
    {"right_child=-2 -3", "right_child=1 -2", ASSAY_E_MODEL, "m.txt:20", "not a tree"},
    {"0.25 -1e-3 5", "0.25 inf 5", ASSAY_E_MODEL, "m.txt:21", "bad value 2"},
    {"0.25 -1e-3 5", "0.25 1e999 5", ASSAY_E_MODEL, "m.txt:21", "bad value 2"},
    {"leaf_count=10 20 30", "leaf_count=10 -20 30", ASSAY_E_MODEL, "m.txt:23", "bad value 2"},
    {"internal_count=60", "internal_count=0", ASSAY_E_MODEL, "m.txt:26", "root"},
    {"internal_count=60 40\n", "", ASSAY_E_MODEL, "m.txt:12", "no \"internal_count\""},
    {"end of trees", "end", ASSAY_E_MODEL, "m.txt:31", "end of trees"},
    {"end of trees\n", "", ASSAY_E_MODEL, "m.txt:30", "end of trees"},
    {"end of trees\n", "Tree=1\n", ASSAY_E_MODEL, "m.txt:31", "num_leaves"},
};

static void malformed_files_are_refused_with_line_and_remedy(void **state)
{
    (void)state;
    for (size_t c = 0; c < sizeof malformed / sizeof malformed[0]; c++) {
        char bytes[4096];
        struct assay_arena *arena = assay_arena_create(1 << 20);
        const struct assay_model *model = NULL;
        struct assay_err err;
        const size_t size = edited(malformed[c].from, malformed[c].to, bytes);
        const enum assay_status status = read_bytes(arena, bytes, size, &model, &err);
        if (status != malformed[c].status || strcmp(err.where, malformed[c].where) != 0 ||
            strstr(err.what, malformed[c].what) == NULL || err.remedy[0] == '\0') {
            char told[1200];
            assay_err_format(&err, sizeof told, told);
            print_error("case %zu (%s -> %s): %s %s\n", c, malformed[c].from, malformed[c].to,
                        assay_status_name(status), told);
        }
        assert_int_equal(status, malformed[c].status);
        assert_string_equal(err.where, malformed[c].where);
        assert_non_null(strstr(err.what, malformed[c].what));
        assert_true(err.remedy[0] != '\0');
        assert_null(model);
        assert_int_equal(assay_arena_used(arena), 0);
        assay_arena_destroy(arena);
    }
}

static void versions_2_to_4_read_and_version_2_may_end_after_its_trees(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
    } cases[] = {{"tree_sizes=284", "tree_sizes=284"},
                 {"version=v4", "version=v3"},
                 {"version=v4", "version=v2"},
                 {"binary sigmoid:1", "cross_entropy"},
                 {"num_cat=0\n", ""},
                 {"is_linear=0\n", ""},
                 {"objective=binary sigmoid:1\n", ""}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        char bytes[4096];
        struct assay_arena *arena = assay_arena_create(1 << 20);
        const struct assay_model *model = NULL;
        struct assay_err err;
        size_t size = edited(cases[c].from, cases[c].to, bytes);
        if (c == 2) {
            size -= strlen("end of trees\n");
        }
        assert_int_equal(read_bytes(arena, bytes, size, &model, &err), ASSAY_OK);
        assert_int_equal(assay_model_feature_count(model), 2);
        assert_true(assay_str_equal(assay_model_feature_name(model, 1), assay_str_of("income")));
        const double row[2] = {30.5, NAN};
        double raw = 0;
        double predicted = 0;
        assay_model_score(model, row, &raw, &predicted);
        assert_true(raw == 5); /* left at the threshold; then a missing value goes right */
        assay_arena_destroy(arena);
    }
}

static void every_shorter_file_is_refused(void **state)
{
    (void)state;
    const size_t whole = sizeof good - 2; /* the last line feed may lack */
    for (size_t size = 0; size < whole; size++) {
        struct assay_arena *arena = assay_arena_create(1 << 20);
        const struct assay_model *model = NULL;
        struct assay_err err;
        assert_int_not_equal(read_bytes(arena, good, size, &model, &err), ASSAY_OK);
        assert_true(err.what[0] != '\0' && err.remedy[0] != '\0');
        assay_arena_destroy(arena);
    }
}

static void a_full_arena_is_a_status_at_every_point(void **state)
{
    (void)state;
    static struct text_model made;
    uint64_t random = 24;
    make(&made, 6, 2, NULL, &random);
    const size_t size = text_print(text, &made);
    bool read = false;
    for (size_t max = 16; !read; max += 64) {
        struct assay_arena *arena = assay_arena_create(max);
        const struct assay_model *model = NULL;
        struct assay_err err;
        const enum assay_status status = read_bytes(arena, text, size, &model, &err);
        read = status == ASSAY_OK;
        assert_true(read || status == ASSAY_E_NO_MEMORY);
        assay_arena_destroy(arena);
        assert_true(max < (1 << 20));
    }
}

static void the_hash_is_of_the_bytes_and_the_kind_is_told_from_them(void **state)
{
    (void)state;
    struct assay_arena *arena = assay_arena_create(1 << 20);
    const struct assay_model *models[2];
    struct assay_err err;
    char other[4096];
    uint64_t hashes[2][2];
    assert_int_equal(read_bytes(arena, good, sizeof good - 1, &models[0], &err), ASSAY_OK);
    const size_t size = edited("30.5", "30.6", other);
    assert_int_equal(read_bytes(arena, other, size, &models[1], &err), ASSAY_OK);
    assay_model_hash(models[0], hashes[0]);
    assay_model_hash(models[1], hashes[1]);
    assert_memory_not_equal(hashes[0], hashes[1], sizeof hashes[0]);
    assert_int_equal(assay_model_kind_guess(assay_str_of(good)), ASSAY_MODEL_LIGHTGBM);
    assert_int_equal(assay_model_kind_guess(assay_str_of("treehouse")), ASSAY_MODEL_KIND_END);
    assert_int_equal(assay_model_kind_guess(assay_str_of("")), ASSAY_MODEL_KIND_END);
    assert_int_equal(assay_model_kind_guess(assay_str_of(" {\"kind\" : \"logistic\"")),
                     ASSAY_MODEL_LOGISTIC);
    assert_int_equal(assay_model_kind_guess(assay_str_of("{\"kind\":\"scorecard")),
                     ASSAY_MODEL_KIND_END);
    assay_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_scores_are_leaves_added_in_tree_order_for_each_class),
        cmocka_unit_test(deep_and_wide_models_score_by_the_same_rules),
        cmocka_unit_test(each_objective_has_its_link_and_says_whether_it_is_a_probability),
        cmocka_unit_test(multi_class_predictions_are_softmax_or_one_against_all),
        cmocka_unit_test(malformed_files_are_refused_with_line_and_remedy),
        cmocka_unit_test(versions_2_to_4_read_and_version_2_may_end_after_its_trees),
        cmocka_unit_test(every_shorter_file_is_refused),
        cmocka_unit_test(a_full_arena_is_a_status_at_every_point),
        cmocka_unit_test(the_hash_is_of_the_bytes_and_the_kind_is_told_from_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
