#include "scorers/model.h"
#include "tests/support/cmocka_all.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char card[] =
    "{\n"
    "  \"kind\": \"scorecard\", \"event\": \"bad\", \"points_for\": \"non-event\",\n"
    "  \"points\": 600, \"odds\": 50, \"pdo\": 20,\n"
    "  \"base\": 500, \"base_split\": \"apart\",\n"
    "  \"features\": [\n"
    "    {\"name\": \"user.age\", \"missing\": -3, \"bins\": [\n"
    "      {\"to\": 25, \"points\": 5},\n"
    "      {\"from\": 25, \"to\": 40.5, \"points\": 20},\n"
    "      {\"from\": 40.5, \"points\": 35}],\n"
    "     \"special\": [{\"value\": -999, \"points\": 1}, {\"value\": 25, \"points\": 2}]},\n"
    "    {\"name\": \"user.pay_count_30d\", \"missing\": 0, \"bins\": [\n"
    "      {\"to\": 0, \"points\": -10}, {\"from\": 0, \"points\": 10}]}\n"
    "  ]\n"
    "}\n";

static enum assay_status read_text(struct assay_arena *arena, const char *text,
                                   const struct assay_model **model, struct assay_err *err)
{
    *err = (struct assay_err){0};
    return assay_model_read(model, arena, ASSAY_MODEL_SCORECARD, "c.json", assay_str_of(text), err);
}

static void edit(const char *from, const char *to, char out[4096])
{
    const char *at = strstr(card, from);
    assert_non_null(at);
    (void)snprintf(out, 4096, "%.*s%s%s", (int)(at - card), card, to, at + strlen(from));
}

static double points_of(const struct assay_model *model, double age, double count)
{
    const double row[2] = {age, count};
    double raw = 0;
    double predicted = 0;
    assay_model_score(model, row, &raw, &predicted);
    return raw;
}

static void bins_hold_their_start_and_special_values_come_first(void **state)
{
    (void)state;
    struct assay_arena *arena = assay_arena_create(1 << 20);
    const struct assay_model *model = NULL;
    struct assay_err err;
    assert_int_equal(read_text(arena, card, &model, &err), ASSAY_OK);
    static const double cases[][2] = {
        {24.999, 5}, {25, 2},   {25.5, 20},  {40.499999999999993, 20}, {40.5, 35}, {1e300, 35},
        {-1e300, 5}, {-999, 1}, {-998.9, 5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(points_of(model, cases[i][0], 7) == 500 + cases[i][1] + 10);
    }
    assert_true(points_of(model, nextafter(25, 0), 7) == 515);
    assert_true(points_of(model, nextafter(25, 99), 7) == 530);
    assert_true(points_of(model, (double)NAN, (double)NAN) == 497);
    assert_true(points_of(model, HUGE_VAL, -HUGE_VAL) == 525);
    assert_true(points_of(model, 50, -0.0) == 545); /* -0 is 0 */
    assert_int_equal(assay_model_kind_get(model), ASSAY_MODEL_SCORECARD);
    assert_int_equal(assay_model_feature_count(model), 2);
    assert_true(assay_str_equal(assay_model_feature_name(model, 0), assay_str_of("user.age")));
    assert_true(assay_str_equal(assay_model_event(model), assay_str_of("bad")));
    assay_arena_destroy(arena);
}

/* A card of one feature whose points are chosen by the value, to reach any total. */
static double probability_at(const char *direction, double points)
{
    char text[1024];
    (void)snprintf(text, sizeof text,
                   "{\"kind\":\"scorecard\",\"event\":\"bad\",\"points_for\":\"%s\","
                   "\"points\":600,\"odds\":50,\"pdo\":20,\"base\":%.17g,\"base_split\":\"apart\","
                   "\"features\":[{\"name\":\"x\",\"bins\":[{\"points\":0}],\"missing\":0}]}",
                   direction, points);
    struct assay_arena *arena = assay_arena_create(1 << 20);
    const struct assay_model *model = NULL;
    struct assay_err err;
    assert_int_equal(read_text(arena, text, &model, &err), ASSAY_OK);
    assert_true(assay_model_is_probability(model));
    assert_int_equal(assay_model_raw_rises(model), strcmp(direction, "event") == 0);
    const double row[1] = {0};
    double raw = 0;
    double predicted = 0;
    assay_model_score(model, row, &raw, &predicted);
    assert_true(raw == points);
    assay_arena_destroy(arena);
    return predicted;
}

static void odds_are_as_stated_and_double_every_pdo(void **state)
{
    (void)state;
    assert_true(probability_at("non-event", 600) == 1.0 / 51.0);
    for (int k = -40; k <= 40; k++) {
        const double odds = 50 * ldexp(1, k);
        const double good = 1 / (1 + odds); /* of the event, when the others earn the points */
        assert_true(fabs(probability_at("non-event", 600 + 20 * k) - good) <= 1e-15 * good);
        const double earned = odds / (1 + odds);
        assert_true(fabs(probability_at("event", 600 + 20 * k) - earned) <= 1e-15 * earned);
        const double half = 1 / (1 + 50 * exp2(k + 0.5));
        assert_true(fabs(probability_at("non-event", 610 + 20 * k) - half) <= 1e-14 * half);
    }
    assert_true(probability_at("non-event", 1e9) == 0 && probability_at("non-event", -1e9) == 1);
    assert_true(probability_at("event", 1e9) == 1 && probability_at("event", -1e9) == 0);
}

static void contributions_are_points_short_of_the_best_and_add_up(void **state)
{
    (void)state;
    struct assay_arena *arena = assay_arena_create(1 << 20);
    const struct assay_model *model = NULL;
    struct assay_err err;
    char rising[4096];
    edit("\"non-event\"", "\"event\"", rising);
    static const double ages[] = {-999, 0, 25, 30, 99};
    for (int direction = 0; direction < 2; direction++) {
        assert_int_equal(read_text(arena, direction == 0 ? card : rising, &model, &err), ASSAY_OK);
        for (size_t i = 0; i < sizeof ages / sizeof ages[0]; i++) {
            const double row[2] = {ages[i], i % 2 == 0 ? 3 : (double)NAN};
            double found[2];
            const double base = assay_model_explain(model, row, arena, found);
            assert_true(base + found[0] + found[1] == points_of(model, row[0], row[1]));
            if (direction == 0) {
                assert_true(base == 500 + 35 + 10);
                assert_true(found[0] <= 0 && found[1] <= 0);
            } else {
                assert_true(base == 500 - 3 - 10); /* the least: points speak for the event */
                assert_true(found[0] >= 0 && found[1] >= 0);
            }
        }
    }
    assay_arena_destroy(arena);
}

static void mistakes_are_named_with_line_column_and_bin(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *where, *what;
    } cases[] = {
        {"\"from\": 25, \"to\"", "\"from\": 26, \"to\"", "c.json:8:7",
         "bin 2 of feature \"user.age\": a gap"},
        {"\"from\": 25, \"to\"", "\"from\": 24, \"to\"", "c.json:8:7",
         "bin 2 of feature \"user.age\": it overlaps"},
        {"\"from\": 40.5, ", "", "c.json:9:7", "bin 3 of feature \"user.age\": it has no \"from\""},
        {"\"to\": 40.5, ", "", "c.json:8:7", "bin 2 of feature \"user.age\": it has no \"to\""},
        {"{\"to\": 25,", "{\"from\": 0, \"to\": 25,", "c.json:7:7",
         "bin 1 of feature \"user.age\": values below"},
        {"\"points\": 35", "\"to\": 99, \"points\": 35", "c.json:9:7",
         "bin 3 of feature \"user.age\": values from"},
        {"\"to\": 40.5", "\"to\": 25", "c.json:8:7", "\"from\" is not below"},
        {"{\"value\": 25,", "{\"value\": -999,", "c.json:10:48", "twice"},
        {"\"pdo\": 20", "\"pdo\": 0", "c.json:3:37", "pdo"},
        {"\"odds\": 50", "\"odds\": -1", "c.json:3:26", "odds"},
        {"\"odds\": 50", "\"odds\": 1e999", "c.json:3:26", "f64"},
        {"\"pdo\": 20,", "", "c.json:1:1", "has no \"pdo\""},
        {"\"points_for\": \"non-event\"", "\"points_for\": \"good\"", "c.json:2:55",
         "unknown word"},
        {"\"apart\"", "\"equal\"", "c.json:4:31", "unknown word"},
        {"\"apart\"", "\"included\"", "c.json:4:11", "base must be 0"},
        {"\"missing\": -3, ", "", "c.json:6:5", "no \"missing\""},
        {"\"missing\": -3", "\"mising\": -3", "c.json:6:27", "unknown member \"mising\""},
        {"\"missing\": -3", "\"missing\": null", "c.json:6:37", "wrong type"},
        {"\"missing\": -3", "\"missing\": -3, \"missing\": 2", "c.json:6:42", "twice"},
        {"user.pay_count_30d", "user.age", "c.json:5:15", "\"user.age\" is given twice"},
        {"user.pay_count_30d", "", "c.json:11:15", "empty"},
        {"user.pay_count_30d", "a\\u0001", "c.json:11:15", "control"},
        {"\"scorecard\"", "\"logistic\"", "c.json:2:12", "unknown word"},
        {"\"bad\"", "7", "c.json:2:33", "wrong type"},
        {"\"base\": 500,", "\"base\": 500", "c.json:4:15", "not JSON"},
        {"  ]\n}\n", "  ]\n}\n{}", "c.json:15:1", "after the end"},
        {"{\n", "kind: scorecard\n{\n", "c.json:1:1", "does not begin"},
        {"{\"to\": 25, \"points\": 5}", "7", "c.json:7:7", "must be an object"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        char text[4096];
        struct assay_arena *arena = assay_arena_create(1 << 20);
        const struct assay_model *model = NULL;
        struct assay_err err;
        edit(cases[c].from, cases[c].to, text);
        const enum assay_status status = read_text(arena, text, &model, &err);
        if (status == ASSAY_OK || strcmp(err.where, cases[c].where) != 0) {
            print_error("case %zu: %s: %s\n", c, err.where, err.what);
        }
        assert_int_equal(status, ASSAY_E_MODEL);
        assert_string_equal(err.where, cases[c].where);
        assert_non_null(strstr(err.what, cases[c].what));
        assert_true(err.remedy[0] != '\0');
        assay_arena_destroy(arena);
    }
}

static void yaml_that_is_not_json_is_told_what_to_write(void **state)
{
    (void)state;
    struct assay_arena *arena = assay_arena_create(1 << 20);
    const struct assay_model *model = NULL;
    struct assay_err err;
    assert_int_equal(read_text(arena, "kind: scorecard\n", &model, &err), ASSAY_E_MODEL);
    assert_non_null(strstr(err.remedy, "scorecards are written as JSON, a subset of YAML"));
    assert_int_equal(read_text(arena, "{kind: scorecard}\n", &model, &err), ASSAY_E_MODEL);
    assert_non_null(strstr(err.remedy, "scorecards are written as JSON, a subset of YAML"));
    assay_arena_destroy(arena);
}

static void every_shorter_file_is_refused_and_a_full_arena_is_a_status(void **state)
{
    (void)state;
    const struct assay_model *model = NULL;
    struct assay_err err;
    for (size_t size = 0; size < sizeof card - 2; size++) {
        struct assay_arena *arena = assay_arena_create(1 << 20);
        const struct assay_str bytes = {.ptr = card, .len = (uint32_t)size};
        assert_int_equal(assay_model_read(&model, arena, ASSAY_MODEL_SCORECARD, "c", bytes, &err),
                         ASSAY_E_MODEL);
        assay_arena_destroy(arena);
    }
    bool read = false;
    for (size_t max = 16; !read; max += 16) {
        struct assay_arena *arena = assay_arena_create(max);
        const enum assay_status status = read_text(arena, card, &model, &err);
        read = status == ASSAY_OK;
        assert_true(read || status == ASSAY_E_NO_MEMORY);
        assay_arena_destroy(arena);
        assert_true(max < (1 << 18));
    }
}

/* Random cuts against a plain search for the bin that holds the value. */
static void the_bin_found_is_the_one_that_holds_the_value(void **state)
{
    (void)state;
    uint64_t random = 41;
    static char text[1 << 16];
    for (int round = 0; round < 100; round++) {
        const int bins = 1 + (int)(test_random(&random) % 60);
        double starts[64];
        double at = -50;
        size_t used = (size_t)sprintf(
            text, "{\"kind\":\"scorecard\",\"event\":\"e\",\"points_for\":\"event\",\"points\":0,"
                  "\"odds\":1,\"pdo\":1,\"base\":0,\"base_split\":\"included\",\"features\":"
                  "[{\"name\":\"x\",\"missing\":0,\"bins\":[");
        for (int b = 0; b < bins; b++) {
            used += (size_t)sprintf(text + used, "%s{\"points\":%d", b == 0 ? "" : ",", b);
            if (b > 0) {
                starts[b] = at;
                used += (size_t)sprintf(text + used, ",\"from\":%.17g", at);
            }
            at += (double)(1 + test_random(&random) % 100) / 7;
            if (b < bins - 1) {
                used += (size_t)sprintf(text + used, ",\"to\":%.17g", at);
            }
            used += (size_t)sprintf(text + used, "}");
        }
        (void)sprintf(text + used, "]}]}");
        struct assay_arena *arena = assay_arena_create(1 << 20);
        const struct assay_model *model = NULL;
        struct assay_err err;
        assert_int_equal(read_text(arena, text, &model, &err), ASSAY_OK);
        for (int i = 0; i < 300; i++) {
            double x = (double)(test_random(&random) % 10000) / 10 - 100;
            if (i < bins && i > 0) {
                x = i % 2 == 0 ? starts[i] : nextafter(starts[i], -HUGE_VAL);
            }
            int expected = 0;
            while (expected + 1 < bins && x >= starts[expected + 1]) {
                expected++;
            }
            double raw = 0;
            double predicted = 0;
            assay_model_score(model, &x, &raw, &predicted);
            assert_true(raw == expected);
        }
        assay_arena_destroy(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bins_hold_their_start_and_special_values_come_first),
        cmocka_unit_test(odds_are_as_stated_and_double_every_pdo),
        cmocka_unit_test(contributions_are_points_short_of_the_best_and_add_up),
        cmocka_unit_test(mistakes_are_named_with_line_column_and_bin),
        cmocka_unit_test(yaml_that_is_not_json_is_told_what_to_write),
        cmocka_unit_test(every_shorter_file_is_refused_and_a_full_arena_is_a_status),
        cmocka_unit_test(the_bin_found_is_the_one_that_holds_the_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
