#include "engine/config/describe.h"

#include "tests/support/cmocka_all.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* Everything that is printed for programs is JSON and says what the definitions say. */

struct bench {
    struct assay_arena *arena;
    struct assay_diags *diags;
    const struct assay_config *config;
};

static int load(void **state, const char *folder)
{
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    bench->arena = assay_arena_create((size_t)64 << 20);
    assert_non_null(bench->arena);
    bench->diags = assay_diags_create(bench->arena, 100);
    assert_non_null(bench->diags);
    bench->config = assay_config_load(bench->arena, folder, bench->diags);
    *state = bench;
    return 0;
}

static int load_good(void **state)
{
    return load(state, "tests/unit/config/cases/good_all_files");
}

static int load_bad(void **state)
{
    return load(state, "tests/unit/config/cases/all_files_at_once");
}

static int unload(void **state)
{
    struct bench *bench = *state;
    assay_arena_destroy(bench->arena);
    free(bench);
    return 0;
}

enum what { ERRORS, SETTINGS, SCHEMA, DEFINITIONS, SUMMARY, DIAGS };

static json_t *printed(const struct bench *bench, enum what what)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    switch (what) {
    case ERRORS:
        assay_config_print_errors(out, true);
        break;
    case SETTINGS:
        assay_config_print_settings(out, true);
        break;
    case SCHEMA:
        assay_config_print_schema(bench->config, out);
        break;
    case DEFINITIONS:
        assay_config_print_definitions(bench->config, out, true);
        break;
    case SUMMARY:
        assay_config_print_summary(bench->config, out, true);
        break;
    case DIAGS:
        assay_config_print_diags(bench->diags, out);
        break;
    }
    (void)fclose(out);
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        fail_msg("not JSON at %d: %s", error.position, error.text);
    }
    free(text);
    return root;
}

static const char *text_at(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    assert_non_null(text);
    return text;
}

static void definitions_are_listed_in_file_order(void **state)
{
    const struct bench *bench = *state;
    assert_non_null(bench->config);
    json_t *root = printed(bench, DEFINITIONS);
    const json_t *features = json_object_get(root, "features");
    assert_int_equal(json_array_size(features), bench->config->plan->feature_count);
    const json_t *first = json_array_get(features, 0);
    assert_string_equal(text_at(first, "name"), "user.pay_count_1m");
    assert_string_equal(text_at(first, "entity"), "user");
    assert_string_equal(text_at(first, "kind"), "number");
    assert_string_equal(text_at(first, "definition"), "count(payment) over 1m");
    assert_int_equal(strlen(text_at(first, "hash")), 32);
    const json_t *policy = json_array_get(json_object_get(root, "policies"), 0);
    assert_string_equal(text_at(policy, "name"), "payment");
    assert_string_equal(text_at(policy, "trigger"), "payment");
    assert_true(json_is_null(json_object_get(policy, "model")));
    const json_t *needs = json_object_get(policy, "needs");
    assert_int_equal(json_array_size(needs), 3);
    const json_t *last = json_array_get(needs, 2);
    assert_string_equal(text_at(last, "feature"), "device.users_7d");
    assert_string_equal(text_at(last, "role"), "device");
    json_decref(root);
}

static void summary_counts(void **state)
{
    const struct bench *bench = *state;
    json_t *root = printed(bench, SUMMARY);
    assert_true(json_is_true(json_object_get(root, "ok")));
    assert_int_equal(json_integer_value(json_object_get(root, "events")), 5);
    assert_int_equal(json_integer_value(json_object_get(root, "entities")), 2);
    assert_int_equal(json_integer_value(json_object_get(root, "features")), 20);
    assert_int_equal(json_integer_value(json_object_get(root, "policies")), 1);
    json_decref(root);
}

static bool requires(const json_t *event, const char *name)
{
    size_t index = 0;
    const json_t *item = NULL;
    json_array_foreach(json_object_get(event, "required"), index, item)
    {
        if (strcmp(json_string_value(item), name) == 0) {
            return true;
        }
    }
    return false;
}

static void schema_requires_what_the_decoder_requires(void **state)
{
    const struct bench *bench = *state;
    json_t *root = printed(bench, SCHEMA);
    assert_string_equal(text_at(root, "$schema"), "https://json-schema.org/draft/2020-12/schema");
    const json_t *events = json_object_get(root, "$defs");
    assert_int_equal(json_object_size(events), 5);
    assert_int_equal(json_array_size(json_object_get(root, "oneOf")), 5);
    const json_t *payment = json_object_get(events, "payment");
    assert_true(requires(payment, "type"));
    assert_true(requires(payment, "time"));
    assert_true(requires(payment, "user"));
    assert_false(requires(payment, "device")); /* optional */
    assert_false(requires(payment, "amount"));
    const json_t *fields = json_object_get(payment, "properties");
    assert_int_equal(json_object_size(fields), 8);
    assert_string_equal(text_at(json_object_get(fields, "type"), "const"), "payment");
    const json_t *voice = json_object_get(json_object_get(events, "voice_check"), "properties");
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(voice, "print"), "maxItems")), 64);
    json_decref(root);
}

static void diagnostics_keep_their_places(void **state)
{
    const struct bench *bench = *state;
    assert_null(bench->config);
    json_t *root = printed(bench, DIAGS);
    assert_true(json_is_false(json_object_get(root, "ok")));
    const json_t *errors = json_object_get(root, "errors");
    assert_int_equal(json_array_size(errors), assay_diags_count(bench->diags));
    const json_t *first = json_array_get(errors, 0);
    assert_string_equal(text_at(first, "code"), "AS0211");
    assert_string_equal(text_at(first, "file"),
                        "tests/unit/config/cases/all_files_at_once/features.yaml");
    assert_int_equal(json_integer_value(json_object_get(first, "line")), 24);
    assert_int_equal(json_integer_value(json_object_get(first, "column")), 20);
    assert_string_equal(text_at(first, "hint"), "did you mean \"amount\"?");
    json_decref(root);
}

static void reference_tables_are_whole(void **state)
{
    const struct bench *bench = *state;
    json_t *errors = printed(bench, ERRORS);
    assert_true(json_array_size(errors) > 30);
    size_t index = 0;
    const json_t *item = NULL;
    json_array_foreach(errors, index, item)
    {
        assert_true(strlen(text_at(item, "summary")) > 0);
        assert_true(strlen(text_at(item, "help")) > 0);
    }
    json_decref(errors);
    json_t *settings = printed(bench, SETTINGS);
    json_array_foreach(settings, index, item)
    {
        assert_true(strlen(text_at(item, "type")) > 0);
        assert_true(strlen(text_at(item, "text")) > 0);
    }
    json_decref(settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(definitions_are_listed_in_file_order, load_good, unload),
        cmocka_unit_test_setup_teardown(summary_counts, load_good, unload),
        cmocka_unit_test_setup_teardown(schema_requires_what_the_decoder_requires, load_good,
                                        unload),
        cmocka_unit_test_setup_teardown(diagnostics_keep_their_places, load_bad, unload),
        cmocka_unit_test_setup_teardown(reference_tables_are_whole, load_good, unload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
