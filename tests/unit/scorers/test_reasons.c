#include "tests/unit/scorers/policy_kit.h"

/*
 * Reasons are promises to a person: "this cost you that much". So they are checked against the
 * score itself: what the model gives when the feature is set to its best.
 */

enum { FEATURES = 6, ROUNDS = 120, ROWS = 20 };

static const char *const names[FEATURES] = {"user.f0", "user.f1", "user.f2",
                                            "user.f3", "user.f4", "user.f5"};

static void set_row(const struct kit *kit, struct assay_value values[], const double row[FEATURES])
{
    const struct assay_policy *policy = kit->policies->items[0];
    kit_nulls(kit, policy, values);
    for (int f = 0; f < FEATURES; f++) {
        kit_set(kit, policy, values, PAY_USER, names[f], kit_number(row[f]));
    }
}

static struct assay_verdict_of_policy decide(const struct kit *kit, const double row[FEATURES])
{
    struct assay_value values[KIT_VALUES_MAX];
    const struct assay_event event = kit_pay();
    struct assay_verdict_of_policy verdict;
    memset(&verdict, 0xA5, sizeof verdict);
    set_row(kit, values, row);
    assay_policy_evaluate(kit->policies->items[0], &event, values, kit->arena, &verdict);
    return verdict;
}

static double random_cell(uint64_t *random)
{
    const uint64_t draw = test_random(random) >> 30;
    return draw % 6 == 0 ? (double)NAN : (double)(draw / 6 % 11) - 1;
}

static void random_row(double row[FEATURES], uint64_t *random)
{
    for (int f = 0; f < FEATURES; f++) {
        row[f] = random_cell(random);
    }
}

static int index_of(struct assay_str feature)
{
    for (int f = 0; f < FEATURES; f++) {
        if (assay_str_equal(feature, assay_str_of(names[f]))) {
            return f;
        }
    }
    fail_msg("a reason names no column");
    return 0;
}

static void assert_ordered(const struct assay_verdict_of_policy *verdict)
{
    for (uint32_t i = 0; i < verdict->reason_count; i++) {
        assert_true(verdict->reasons[i].points < 0);
        if (i > 0) {
            const struct assay_reason *a = &verdict->reasons[i - 1];
            const struct assay_reason *b = &verdict->reasons[i];
            assert_true(
                a->points < b->points ||
                (a->points == b->points && (assay_str_compare(a->code, b->code) < 0 ||
                                            (assay_str_equal(a->code, b->code) &&
                                             assay_str_compare(a->feature, b->feature) < 0))));
        }
    }
}

static void assert_adds_up(const struct assay_verdict_of_policy *verdict)
{
    double sum = verdict->baseline;
    assert_int_equal(verdict->contribution_count, FEATURES);
    for (uint32_t c = 0; c < verdict->contribution_count; c++) {
        sum += verdict->contributions[c];
    }
    assert_true(fabs(sum - verdict->raw) <= 1e-9);
}

/* --- scorecards --- */

static void open_card(struct kit *kit, const char *points_for, bool likelier, uint64_t *random)
{
    char text[8192];
    kit_open(kit);
    kit_random_card(text, sizeof text, FEATURES, points_for, random);
    kit_model(kit, "card", ASSAY_MODEL_SCORECARD, text);
    struct assay_policy_source *source = kit_policy(kit, "credit");
    source->model = assay_str_of("card");
    source->reasons_max = FEATURES;
    if (likelier) {
        kit_scale(source, 20, 600, 50, true);
    }
    (void)kit_compile(kit);
}

/* How many points the card gives for column f at each value it tells apart, missing included. */
static double best_gain(const struct kit *kit, const double row[FEATURES], int f, double toward)
{
    static const double values[] = {NAN, -1, 2, 4, 6, 8};
    const double now = decide(kit, row).raw;
    double best = 0;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        double moved[FEATURES];
        memcpy(moved, row, sizeof moved);
        moved[f] = values[i];
        best = fmax(best, toward * (decide(kit, moved).raw - now));
    }
    return best;
}

static void check_card_reasons(const struct kit *kit, const double row[FEATURES], double toward)
{
    const struct assay_verdict_of_policy verdict = decide(kit, row);
    double lost[FEATURES] = {0};
    assert_ordered(&verdict);
    assert_adds_up(&verdict);
    for (uint32_t i = 0; i < verdict.reason_count; i++) {
        const int f = index_of(verdict.reasons[i].feature);
        lost[f] = -verdict.reasons[i].points;
        assert_true(row[f] == verdict.reasons[i].value ||
                    (isnan(row[f]) && isnan(verdict.reasons[i].value)));
        assert_int_equal(verdict.reasons[i].code.len, 0);
    }
    for (int f = 0; f < FEATURES; f++) { /* those that are not named could not gain anything */
        assert_true(lost[f] == best_gain(kit, row, f, toward));
    }
}

static void a_feature_at_its_best_wins_back_exactly_the_points_lost(void **state)
{
    (void)state;
    static const struct {
        const char *points_for;
        bool likelier;
        double toward; /* where raw is better */
    } ways[] = {
        {"non-event", false, 1}, {"event", false, -1}, {"non-event", true, -1}, {"event", true, 1}};
    uint64_t random = 11;
    for (int round = 0; round < ROUNDS; round++) {
        const size_t way = (size_t)round % 4;
        struct kit kit;
        double row[FEATURES];
        open_card(&kit, ways[way].points_for, ways[way].likelier, &random);
        for (int i = 0; i < 3; i++) {
            random_row(row, &random);
            check_card_reasons(&kit, row, ways[way].toward);
        }
        kit_close(&kit);
    }
}

static void a_card_of_the_other_class_gives_the_same_reasons(void **state)
{
    (void)state;
    /* Points for the event, negated, are points for the non-event. */
    static const char *const cards[2] = {
        "{\"kind\":\"scorecard\",\"event\":\"bad\",\"points_for\":\"non-event\",\"points\":0,"
        "\"odds\":1,\"pdo\":20,\"base\":0,\"base_split\":\"apart\",\"features\":["
        "{\"name\":\"user.f0\",\"missing\":-30,\"bins\":[{\"to\":3,\"points\":-20},"
        "{\"from\":3,\"points\":40}]}]}",
        "{\"kind\":\"scorecard\",\"event\":\"bad\",\"points_for\":\"event\",\"points\":0,"
        "\"odds\":1,\"pdo\":20,\"base\":0,\"base_split\":\"apart\",\"features\":["
        "{\"name\":\"user.f0\",\"missing\":30,\"bins\":[{\"to\":3,\"points\":20},"
        "{\"from\":3,\"points\":-40}]}]}"};
    static const double values[] = {1, 5, NAN};
    static const double points[] = {-60, 0, -70};
    for (int c = 0; c < 2; c++) {
        struct kit kit;
        kit_open(&kit);
        kit_model(&kit, "card", ASSAY_MODEL_SCORECARD, cards[c]);
        kit_policy(&kit, "credit")->model = assay_str_of("card");
        (void)kit_compile(&kit);
        for (int i = 0; i < 3; i++) {
            const struct assay_value value = kit_number(values[i]);
            const struct assay_event event = kit_pay();
            struct assay_verdict_of_policy verdict;
            assay_policy_evaluate(kit.policies->items[0], &event, &value, kit.arena, &verdict);
            assert_int_equal(verdict.reason_count, points[i] < 0 ? 1 : 0);
            assert_true(points[i] == 0 || verdict.reasons[0].points == points[i]);
        }
        kit_close(&kit);
    }
}

/* --- trees --- */

static void open_forest(struct kit *kit, int trees, const char *objective, bool average,
                        bool likelier, uint64_t *random)
{
    static char text[1 << 20];
    kit_open(kit);
    kit_random_forest(text, sizeof text, FEATURES, trees, objective, average, random);
    kit_model(kit, "trees", ASSAY_MODEL_LIGHTGBM, text);
    struct assay_policy_source *source = kit_policy(kit, "credit");
    source->model = assay_str_of("trees");
    source->reasons_max = FEATURES;
    kit_scale(source, 40, 600, 50, likelier);
    (void)kit_compile(kit);
}

static void contributions_and_baseline_are_raw_and_reasons_their_harmful_part(void **state)
{
    (void)state;
    uint64_t random = 12;
    for (int round = 0; round < ROUNDS; round++) {
        const bool average = round % 3 == 2;
        const double sigmoid = round % 2 == 0 ? 1 : 2;
        const int trees = 1 + round % 4;
        const bool likelier = round % 5 == 0;
        struct kit kit;
        open_forest(&kit, trees, round % 2 == 0 ? "binary sigmoid:1" : "binary sigmoid:2", average,
                    likelier, &random);
        const double slope = sigmoid / (average ? trees : 1);
        for (int i = 0; i < ROWS / 4; i++) {
            double row[FEATURES];
            random_row(row, &random);
            const struct assay_verdict_of_policy verdict = decide(&kit, row);
            assert_adds_up(&verdict);
            assert_ordered(&verdict);
            /* The whole of the points is the score's distance from the score of the baseline. */
            double lost = 0;
            for (uint32_t r = 0; r < verdict.reason_count; r++) {
                lost += verdict.reasons[r].points;
            }
            double expected = 0;
            double all = 0;
            for (int f = 0; f < FEATURES; f++) {
                const double points =
                    40 / log(2) * slope * verdict.contributions[f] * (likelier ? 1 : -1);
                expected += points < 0 ? points : 0;
                all += points;
            }
            assert_true(fabs(lost - expected) <= 1e-9 * (1 + fabs(expected)));
            const double odds = slope * verdict.baseline * (likelier ? 1 : -1);
            const double score = 600 + 40 / log(2) * (odds - log(50)) + all;
            assert_true(fabs(score - verdict.score) <= 0.5 + 1e-6);
        }
        kit_close(&kit);
    }
}

static void unscaled_trees_give_reasons_in_raw(void **state)
{
    (void)state;
    static char text[1 << 20];
    uint64_t random = 13;
    struct kit kit;
    kit_open(&kit);
    kit_random_forest(text, sizeof text, FEATURES, 3, "regression", false, &random);
    kit_model(&kit, "trees", ASSAY_MODEL_LIGHTGBM, text);
    struct assay_policy_source *source = kit_policy(&kit, "credit");
    source->model = assay_str_of("trees");
    source->reasons_max = FEATURES;
    (void)kit_compile(&kit);
    for (int i = 0; i < ROWS; i++) {
        double row[FEATURES];
        random_row(row, &random);
        const struct assay_verdict_of_policy verdict = decide(&kit, row);
        assert_ordered(&verdict);
        for (uint32_t r = 0; r < verdict.reason_count; r++) {
            const int f = index_of(verdict.reasons[r].feature);
            assert_true(verdict.reasons[r].points == -verdict.contributions[f]);
        }
        assert_true(isnan(verdict.score) && isnan(verdict.probability));
    }
    kit_close(&kit);
}

/* --- families, limits, ties --- */

static const char flat_card[] =
    "{\"kind\":\"scorecard\",\"event\":\"bad\",\"points_for\":\"non-event\",\"points\":600,"
    "\"odds\":50,\"pdo\":20,\"base\":500,\"base_split\":\"apart\",\"features\":["
    "{\"name\":\"user.f5\",\"missing\":0,\"bins\":[{\"to\":1,\"points\":0},{\"from\":1,\"points\":"
    "10}]},"
    "{\"name\":\"user.f4\",\"missing\":0,\"bins\":[{\"to\":1,\"points\":0},{\"from\":1,\"points\":"
    "10}]},"
    "{\"name\":\"user.f3\",\"missing\":0,\"bins\":[{\"to\":1,\"points\":0},{\"from\":1,\"points\":"
    "10}]},"
    "{\"name\":\"user.f2\",\"missing\":0,\"bins\":[{\"to\":1,\"points\":0},{\"from\":1,\"points\":"
    "10}]},"
    "{\"name\":\"user.f1\",\"missing\":0,\"bins\":[{\"to\":1,\"points\":0},{\"from\":1,\"points\":"
    "12}]},"
    "{\"name\":\"user.f0\",\"missing\":0,\"bins\":[{\"to\":1,\"points\":0},{\"from\":1,\"points\":"
    "7}]}]}";

static void open_flat(struct kit *kit, uint32_t max, const char *catalogue,
                      const struct kit_rule *rule)
{
    kit_open(kit);
    kit_model(kit, "card", ASSAY_MODEL_SCORECARD, flat_card);
    struct assay_policy_source *source = kit_policy(kit, "credit");
    source->model = assay_str_of("card");
    source->reasons_max = max;
    source->catalogue = kit_str(catalogue);
    source->catalogue_path = "reasons.csv";
    kit_rules(kit, source, rule, rule == NULL ? 0 : 1);
    (void)kit_compile(kit);
}

static void assert_reasons(const struct assay_verdict_of_policy *verdict, const char *expected)
{
    char text[512] = "";
    size_t used = 0;
    for (uint32_t i = 0; i < verdict->reason_count; i++) {
        const struct assay_reason *reason = &verdict->reasons[i];
        used += (size_t)snprintf(text + used, sizeof text - used, "%.*s %.*s %g;",
                                 (int)reason->code.len, reason->code.ptr, (int)reason->feature.len,
                                 reason->feature.ptr == NULL ? "" : reason->feature.ptr,
                                 reason->points);
    }
    assert_string_equal(text, expected);
}

static const double zeroes[FEATURES] = {0};

static void ties_go_by_code_then_feature_and_the_mildest_fall_off(void **state)
{
    (void)state;
    static const char catalogue[] = "feature,family,code,en,zh\n"
                                    "user.f4,a,R9,x,x\nuser.f5,b,R1,y,y\n";
    struct kit kit;
    open_flat(&kit, 6, NULL, NULL);
    struct assay_verdict_of_policy verdict = decide(&kit, zeroes);
    assert_reasons(&verdict, " user.f1 -12; user.f2 -10; user.f3 -10; user.f4 -10; user.f5 -10;"
                             " user.f0 -7;");
    kit_close(&kit);
    for (uint32_t max = 0; max <= 6; max++) {
        open_flat(&kit, max, catalogue, NULL);
        static const char *const all =
            " user.f1 -12; user.f2 -10; user.f3 -10;R1 user.f5 -10;R9 user.f4 -10; user.f0 -7;";
        char expected[256] = "";
        const char *end = all;
        for (uint32_t i = 0; i < max; i++) {
            end = strchr(end, ';') + 1;
        }
        (void)snprintf(expected, sizeof expected, "%.*s", (int)(end - all), all);
        verdict = decide(&kit, zeroes);
        assert_reasons(&verdict, expected);
        kit_close(&kit);
    }
}

static void features_of_one_code_are_one_reason_whose_points_add_up(void **state)
{
    (void)state;
    static const char catalogue[] = "feature,family,code,en,zh\n"
                                    "user.f0,a,R1,x,x\nuser.f3,a,R1,x,x\nuser.f2,a,R1,x,x\n";
    struct kit kit;
    open_flat(&kit, 3, catalogue, NULL);
    struct assay_verdict_of_policy verdict = decide(&kit, zeroes);
    assert_reasons(&verdict, "R1 user.f2 -27; user.f1 -12; user.f4 -10;");
    const double some[FEATURES] = {0, 0, 5, 5, 5, 5}; /* f2 and f3 are at their best */
    verdict = decide(&kit, some);
    assert_reasons(&verdict, " user.f1 -12;R1 user.f0 -7;");
    kit_close(&kit);
}

static void the_rule_that_held_speaks_first_and_no_code_speaks_twice(void **state)
{
    (void)state;
    static const char catalogue[] = "feature,family,code,en,zh\n"
                                    "user.f0,a,R1,x,x\nuser.f3,a,R1,x,x\n,b,R7,y,y\n";
    struct kit kit;
    struct assay_verdict_of_policy verdict;
    open_flat(&kit, 3, catalogue, &(struct kit_rule){"pay.amount > 3 and user.f4 < 3", "no", "R7"});
    verdict = decide(&kit, zeroes);
    assert_reasons(&verdict, "R7 user.f4 nan;R1 user.f3 -17; user.f1 -12;");
    assert_true(verdict.reasons[0].value == 0);
    kit_close(&kit);
    open_flat(&kit, 3, catalogue, &(struct kit_rule){"pay.amount > 3", "no", "R1"});
    verdict = decide(&kit, zeroes);
    assert_reasons(&verdict, "R1 pay.amount -17; user.f1 -12; user.f2 -10;");
    assert_true(verdict.reasons[0].value == 12.5);
    kit_close(&kit);
    open_flat(&kit, 0, catalogue, &(struct kit_rule){"score > 3", "no", "R7"});
    verdict = decide(&kit, zeroes);
    assert_reasons(&verdict, "R7  nan;");
    assert_null(verdict.reasons[0].feature.ptr);
    assert_int_equal(verdict.contribution_count, 0);
    assert_true(isnan(verdict.baseline));
    kit_close(&kit);
    open_flat(&kit, 3, catalogue, &(struct kit_rule){"user.f0 > 100", "no", "R7"});
    verdict = decide(&kit, zeroes);
    assert_int_equal(verdict.rule, ASSAY_NONE); /* a rule that did not hold says nothing */
    assert_reasons(&verdict, "R1 user.f3 -17; user.f1 -12; user.f2 -10;");
    kit_close(&kit);
}

/* --- purity --- */

static void the_same_inputs_give_the_same_bits(void **state)
{
    (void)state;
    uint64_t random = 14;
    for (int round = 0; round < 20; round++) {
        struct kit kit;
        double row[FEATURES];
        open_forest(&kit, 3, "binary sigmoid:1", false, false, &random);
        for (int i = 0; i < ROWS; i++) {
            random_row(row, &random);
            const struct assay_verdict_of_policy a = decide(&kit, row);
            const struct assay_verdict_of_policy b = decide(&kit, row);
            assert_memory_equal(&a.raw, &b.raw, sizeof a.raw);
            assert_memory_equal(&a.score, &b.score, sizeof a.score);
            assert_memory_equal(&a.probability, &b.probability, sizeof a.probability);
            assert_memory_equal(&a.baseline, &b.baseline, sizeof a.baseline);
            assert_memory_equal(a.contributions, b.contributions, FEATURES * sizeof(double));
            assert_int_equal(a.reason_count, b.reason_count);
            assert_memory_equal(a.reasons, b.reasons, a.reason_count * sizeof a.reasons[0]);
        }
        kit_close(&kit);
    }
}

static void full_scratch_is_told_and_changes_no_outcome(void **state)
{
    (void)state;
    uint64_t random = 15;
    struct kit kit;
    open_forest(&kit, 3, "binary sigmoid:1", false, false, &random);
    const double row[FEATURES] = {1, 2, 3, 4, 5, 6};
    const struct assay_verdict_of_policy whole = decide(&kit, row);
    assert_false(whole.unexplained);
    struct assay_value values[KIT_VALUES_MAX];
    const struct assay_event event = kit_pay();
    bool both[2] = {false, false};
    set_row(&kit, values, row);
    for (size_t bytes = 1; bytes < 1 << 16; bytes *= 2) {
        struct assay_arena *scratch = assay_arena_create(bytes);
        struct assay_verdict_of_policy verdict;
        assert_non_null(scratch);
        assay_policy_evaluate(kit.policies->items[0], &event, values, scratch, &verdict);
        both[verdict.unexplained] = true;
        assert_memory_equal(&verdict.score, &whole.score, sizeof whole.score);
        assert_int_equal(verdict.reason_count, verdict.unexplained ? 0 : whole.reason_count);
        assert_int_equal(verdict.contribution_count, verdict.unexplained ? 0 : FEATURES);
        assert_int_equal(isnan(verdict.baseline), verdict.unexplained);
        assay_arena_destroy(scratch);
    }
    assert_true(both[false] && both[true]);
    kit_close(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_feature_at_its_best_wins_back_exactly_the_points_lost),
        cmocka_unit_test(a_card_of_the_other_class_gives_the_same_reasons),
        cmocka_unit_test(contributions_and_baseline_are_raw_and_reasons_their_harmful_part),
        cmocka_unit_test(unscaled_trees_give_reasons_in_raw),
        cmocka_unit_test(ties_go_by_code_then_feature_and_the_mildest_fall_off),
        cmocka_unit_test(features_of_one_code_are_one_reason_whose_points_add_up),
        cmocka_unit_test(the_rule_that_held_speaks_first_and_no_code_speaks_twice),
        cmocka_unit_test(the_same_inputs_give_the_same_bits),
        cmocka_unit_test(full_scratch_is_told_and_changes_no_outcome),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
