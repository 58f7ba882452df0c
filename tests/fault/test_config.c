/* Loading a folder: YAML, schema, expressions, plan, model, catalogue, policies, settings. */
#include "engine/config/config.h"
#include "tests/fault/fail_alloc.h"

#include <stdio.h>

enum { DIAGNOSTICS_MAX = 20 };

/* The first message, or nothing. */
static enum assay_status outcome(const struct assay_config *config, const struct assay_diags *diags,
                                 struct assay_err *err)
{
    if (config != NULL) {
        assert_int_equal(assay_diags_count(diags), 0);
        return ASSAY_OK;
    }
    assert_true(assay_diags_count(diags) > 0);
    if (assay_diags_kept(diags) > 0) {
        const struct assay_str message = assay_diags_at(diags, 0)->message;
        return assay_err_set(err, ASSAY_E_CONFIG, "folder", "%.*s", (int)message.len,
                             message.ptr == NULL ? "" : message.ptr);
    }
    return ASSAY_E_CONFIG;
}

static enum assay_status load_within(size_t bytes_max, struct assay_err *err)
{
    struct assay_arena *arena = assay_arena_create(bytes_max);
    struct assay_arena *talk = assay_arena_create(1 << 20);
    struct assay_diags *diags = talk == NULL ? NULL : assay_diags_create(talk, DIAGNOSTICS_MAX);
    enum assay_status status = ASSAY_E_NO_MEMORY;
    if (arena == NULL || diags == NULL) {
        (void)assay_err_set(err, status, "test", "no arenas");
    } else {
        status = outcome(assay_config_load(arena, "tests/fault/lender", diags), diags, err);
        /* What is printed must not need what is missing. */
        FILE *out = fopen("/dev/null", "w");
        if (out != NULL) {
            assay_diags_print(diags, out);
            (void)fclose(out);
        }
    }
    assay_arena_destroy(talk);
    assay_arena_destroy(arena);
    return status;
}

static enum assay_status attempt(void *context, struct assay_err *err)
{
    (void)context;
    return load_within((size_t)64 << 20, err);
}

static void loading_a_folder_survives_every_failed_allocation(void **state)
{
    (void)state;
    fault_every(attempt, NULL);
}

/* A full arena stays full: the limit moves up until the folder fits. */
static void loading_a_folder_into_too_small_an_arena_says_so(void **state)
{
    (void)state;
    size_t bytes = 64;
    struct assay_err err = {0};
    while (load_within(bytes, &err) != ASSAY_OK) {
        assert_true(err.what[0] != '\0');
        err = (struct assay_err){0};
        bytes += bytes / 16;
        assert_true(bytes < (size_t)64 << 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loading_a_folder_survives_every_failed_allocation),
        cmocka_unit_test(loading_a_folder_into_too_small_an_arena_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
