#include "scorers/model.h"
#include "tests/support/lightgbm_text.h"

#include <math.h>
#include <stdlib.h>

/*
 * Seeded mutation of good model files: whatever the readers make of them, they end, stay inside
 * memory (run under AddressSanitizer), say what is wrong, and a model they accept scores and
 * explains any row. The seed is fixed, so a failure comes again.
 */

enum { ROUNDS = 40000, BYTES_MAX = 1 << 16 };

static const char card[] =
    "{\"kind\":\"scorecard\",\"event\":\"bad\",\"points_for\":\"non-event\",\"points\":600,"
    "\"odds\":50,\"pdo\":20,\"base\":500,\"base_split\":\"apart\",\n\"features\":[\n"
    "{\"name\":\"age\",\"missing\":-3,\"bins\":[{\"to\":25,\"points\":5},\n"
    "{\"from\":25,\"to\":40.5,\"points\":20},{\"from\":40.5,\"points\":35}],\n"
    "\"special\":[{\"value\":-999,\"points\":1}]},\n"
    "{\"name\":\"pay\\u00e9\",\"missing\":0,\"bins\":[{\"points\":-10}]}]}\n";
static const char logit[] =
    "{\"kind\":\"logistic\",\"event\":\"churned\",\"intercept\":-1.25,\n\"features\":[\n"
    "{\"name\":\"a\",\"coefficient\":0.1,\"mean\":3,\"missing\":4},\n"
    "{\"name\":\"b\",\"coefficient\":-2e-3,\"mean\":100,\"missing\":0}]}\n";

static const char *const splices[] = {
    "-1",
    "0",
    "1",
    "2147483648",
    "99999999999999999999",
    "1e999",
    "nan",
    "inf",
    "\n",
    "=",
    " ",
    "\r\n",
    "Tree=0",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\u0000",
    "null",
    "\xFF",
    "num_leaves=",
    "left_child=",
    "is_linear=1",
    "end of trees",
    "16777216",
};

static size_t splice(char bytes[], size_t size, size_t at, size_t gone, const char *put, size_t len)
{
    if (size - gone + len > BYTES_MAX) {
        return size;
    }
    memmove(bytes + at + len, bytes + at + gone, size - at - gone);
    memcpy(bytes + at, put, len);
    return size - gone + len;
}

static size_t mutate(char bytes[], size_t size, uint64_t *random)
{
    const size_t at = size == 0 ? 0 : test_random(random) % size;
    size_t gone = test_random(random) % 12;
    gone = gone > size - at ? size - at : gone;
    switch (test_random(random) % 10) {
    case 0:
        if (size > 0) {
            bytes[at] = (char)(test_random(random) >> 30);
        }
        return size;
    case 1:
        return at; /* cut */
    case 2: {      /* a piece again */
        char piece[12];
        memcpy(piece, bytes + at, gone);
        return splice(bytes, size, test_random(random) % (size + 1), 0, piece, gone);
    }
    case 3:
        return splice(bytes, size, at, gone, "", 0);
    case 4:
    case 5: {
        const char *put = splices[test_random(random) % (sizeof splices / sizeof splices[0])];
        return splice(bytes, size, at, gone, put, strlen(put));
    }
    default: { /* another digit: most likely to be accepted */
        size_t digit = at;
        while (digit < size && (bytes[digit] < '0' || bytes[digit] > '9')) {
            digit++;
        }
        if (digit < size) {
            bytes[digit] = (char)('0' + test_random(random) % 10);
        }
        return size;
    }
    }
}

static void score_some(const struct assay_model *model, struct assay_arena *arena, uint64_t *random)
{
    const uint32_t count = assay_model_feature_count(model);
    double *row = assay_arena_array(arena, count, sizeof *row);
    double *found = assay_arena_array(arena, count, sizeof *found);
    double raw[ASSAY_MODEL_OUTPUTS_MAX];
    double predicted[ASSAY_MODEL_OUTPUTS_MAX];
    if (row == NULL || found == NULL) {
        return;
    }
    for (int i = 0; i < 4; i++) {
        for (uint32_t f = 0; f < count; f++) {
            row[f] = test_random(random) % 5 == 0 ? (double)NAN : text_value(random);
        }
        assay_model_score(model, row, raw, predicted);
        (void)assay_model_explain(model, row, arena, found);
    }
}

static void run(enum assay_model_kind kind, const char *good, size_t good_size, uint64_t seed)
{
    /* Sized to the bytes, so that reading past their end is seen. */
    static char bytes[BYTES_MAX];
    int accepted = 0;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t random = seed + (uint64_t)round * UINT64_C(0x9E3779B97F4A7C15);
        size_t size = good_size;
        memcpy(bytes, good, good_size);
        for (uint64_t edits = 1 + test_random(&random) % 4; edits > 0; edits--) {
            size = mutate(bytes, size, &random);
        }
        char *exact = malloc(size + 1);
        assert_non_null(exact);
        char *tight = exact + 1; /* ends where the allocation ends */
        memcpy(tight, bytes, size);
        struct assay_arena *arena = assay_arena_create(8 << 20);
        const struct assay_model *model = NULL;
        struct assay_err err = {0};
        const struct assay_str text = {.ptr = tight, .len = (uint32_t)size};
        (void)assay_model_kind_guess(text);
        const enum assay_status status = assay_model_read(&model, arena, kind, "f", text, &err);
        if (status == ASSAY_OK) {
            accepted++;
            score_some(model, arena, &random);
        } else {
            assert_int_equal(err.status, status);
            assert_true(err.what[0] != '\0');
        }
        assay_arena_destroy(arena);
        free(exact);
    }
    print_message("  %s: %d of %d accepted\n", assay_model_kind_name(kind), accepted, ROUNDS);
    assert_true(accepted > 0 && accepted < ROUNDS);
}

static void mutated_scorecards_are_read_or_refused(void **state)
{
    (void)state;
    run(ASSAY_MODEL_SCORECARD, card, sizeof card - 1, 61);
}

static void mutated_logistic_models_are_read_or_refused(void **state)
{
    (void)state;
    run(ASSAY_MODEL_LOGISTIC, logit, sizeof logit - 1, 62);
}

static void mutated_lightgbm_models_are_read_or_refused(void **state)
{
    (void)state;
    static struct text_model made = {.features = 4, .classes = 2, .trees = 4, .version = "v4"};
    static char text[BYTES_MAX];
    uint64_t random = 63;
    for (int i = 0; i < made.trees; i++) {
        text_grow(&made.tree[i], 1 + 3 * i, made.features, 500, &random);
    }
    size_t size = text_print(text, &made);
    run(ASSAY_MODEL_LIGHTGBM, text, size, 64);
    /* Without tree_sizes more mutations get past the first check. */
    char *line = strstr(text, "tree_sizes=");
    char *end = strchr(line, '\n');
    memmove(line, end + 1, size - (size_t)(end + 1 - text) + 1);
    size -= (size_t)(end + 1 - line);
    run(ASSAY_MODEL_LIGHTGBM, text, size, 65);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mutated_scorecards_are_read_or_refused),
        cmocka_unit_test(mutated_logistic_models_are_read_or_refused),
        cmocka_unit_test(mutated_lightgbm_models_are_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
