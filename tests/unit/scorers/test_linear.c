#include "scorers/math.h"
#include "scorers/model.h"
#include "tests/support/cmocka_all.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char logit[] =
    "{\"kind\": \"logistic\", \"event\": \"churned\", \"intercept\": -1.25,\n"
    " \"features\": [\n"
    "  {\"name\": \"a\", \"coefficient\": 0.1, \"mean\": 3, \"missing\": 4},\n"
    "  {\"name\": \"\\u5e74\\u9f84\", \"coefficient\": -2e-3, \"mean\": 100, \"missing\": 0},\n"
    "  {\"name\": \"c\", \"coefficient\": 0.7, \"mean\": 0.5, \"missing\": 0.5}]}\n";

static enum assay_status read_text(struct assay_arena *arena, const char *text,
                                   const struct assay_model **model, struct assay_err *err)
{
    *err = (struct assay_err){0};
    return assay_model_read(model, arena, ASSAY_MODEL_LOGISTIC, "l.json", assay_str_of(text), err);
}

static void raw_is_the_sum_in_file_order_with_missing_as_stated(void **state)
{
    (void)state;
    struct assay_arena *arena = assay_arena_create(1 << 20);
    const struct assay_model *model = NULL;
    struct assay_err err;
    uint64_t random = 51;
    assert_int_equal(read_text(arena, logit, &model, &err), ASSAY_OK);
    assert_int_equal(assay_model_output_count(model), 1);
    assert_true(assay_model_is_probability(model) && assay_model_raw_rises(model));
    assert_true(assay_str_equal(assay_model_feature_name(model, 1),
                                assay_str_of("\xE5\xB9\xB4\xE9\xBE\x84")));
    assert_true(assay_str_equal(assay_model_event(model), assay_str_of("churned")));
    for (int i = 0; i < 10000; i++) {
        double row[3];
        for (int f = 0; f < 3; f++) {
            row[f] = test_random(&random) % 4 == 0
                         ? (double)NAN
                         : (double)(int64_t)test_random(&random) * 0x1p-60;
        }
        const double a = isnan(row[0]) ? 4 : row[0];
        const double b = isnan(row[1]) ? 0 : row[1];
        const double c = isnan(row[2]) ? 0.5 : row[2];
        const double sum = -1.25 + 0.1 * a + -2e-3 * b + 0.7 * c;
        double raw = 0;
        double predicted = 0;
        assay_model_score(model, row, &raw, &predicted);
        assert_true(raw == sum);
        assert_true(predicted == assay_sigmoid(sum));
        assert_true(fabs(predicted - 1 / (1 + exp(-sum))) <= 4e-16);
        double found[3];
        const double base = assay_model_explain(model, row, arena, found);
        assert_true(found[0] == 0.1 * (a - 3) && found[1] == -2e-3 * (b - 100));
        const double all = base + found[0] + found[1] + found[2];
        assert_true(fabs(all - raw) <= 1e-14 * (1 + fabs(raw)));
    }
    assay_arena_destroy(arena);
}

static void mistakes_are_named_with_line_and_column(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *where, *what;
    } cases[] = {
        {"\"kind\": \"logistic\"", "\"kind\": \"scorecard\"", "l.json:1:11", "unknown word"},
        {"\"mean\": 3, ", "", "l.json:3:3", "no \"mean\""},
        {", \"missing\": 4", "", "l.json:3:3", "no \"missing\""},
        {"\"coefficient\": 0.1", "\"coeficient\": 0.1", "l.json:3:18", "unknown member"},
        {"\"coefficient\": 0.1", "\"coefficient\": \"0.1\"", "l.json:3:33", "wrong type"},
        {"\"c\"", "\"a\"", "l.json:2:14", "\"a\" is given twice"},
        {"0.1", "01", "l.json:3:32", "not JSON"},
        {"0.1", "NaN", "l.json:3:32", "not JSON"},
        {"0.1", "1e400", "l.json:3:32", "f64"},
        {"\"intercept\": -1.25,", "", "l.json:1:1", "no \"intercept\""},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        char text[2048];
        const char *at = strstr(logit, cases[c].from);
        struct assay_arena *arena = assay_arena_create(1 << 20);
        const struct assay_model *model = NULL;
        struct assay_err err;
        assert_non_null(at);
        (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - logit), logit, cases[c].to,
                       at + strlen(cases[c].from));
        assert_int_equal(read_text(arena, text, &model, &err), ASSAY_E_MODEL);
        if (strcmp(err.where, cases[c].where) != 0) {
            print_error("case %zu: %s: %s\n", c, err.where, err.what);
        }
        assert_string_equal(err.where, cases[c].where);
        assert_non_null(strstr(err.what, cases[c].what));
        assert_true(err.remedy[0] != '\0');
        assay_arena_destroy(arena);
    }
}

static void an_empty_list_of_features_is_refused(void **state)
{
    (void)state;
    struct assay_arena *arena = assay_arena_create(1 << 20);
    const struct assay_model *model = NULL;
    struct assay_err err;
    assert_int_equal(read_text(arena,
                               "{\"kind\":\"logistic\",\"event\":\"e\",\"intercept\":0,"
                               "\"features\":[]}",
                               &model, &err),
                     ASSAY_E_MODEL);
    assert_non_null(strstr(err.what, "0 features"));
    assay_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_is_the_sum_in_file_order_with_missing_as_stated),
        cmocka_unit_test(mistakes_are_named_with_line_and_column),
        cmocka_unit_test(an_empty_list_of_features_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
