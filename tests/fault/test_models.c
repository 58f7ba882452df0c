/* Reading a model of each kind. */
#include "scorers/model.h"
#include "tests/fault/fail_alloc.h"

#include <stdio.h>

struct file {
    enum assay_model_kind kind;
    struct assay_str bytes;
};

static enum assay_status attempt(void *context, struct assay_err *err)
{
    const struct file *file = context;
    const struct assay_model *model = NULL;
    struct assay_arena *arena = assay_arena_create(1 << 22);
    if (arena == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "test", "no arena");
    }
    const enum assay_status status =
        assay_model_read(&model, arena, file->kind, "m", file->bytes, err);
    assert_int_equal(status == ASSAY_OK, model != NULL);
    assay_arena_destroy(arena);
    return status;
}

static void read_with_faults(enum assay_model_kind kind, const char *path)
{
    static char bytes[1 << 16];
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    const size_t count = fread(bytes, 1, sizeof bytes, in);
    (void)fclose(in);
    assert_true(count > 0 && count < sizeof bytes);
    struct file file = {.kind = kind, .bytes = {.ptr = bytes, .len = (uint32_t)count}};
    fault_every(attempt, &file);
}

static void reading_a_scorecard_survives_every_failed_allocation(void **state)
{
    (void)state;
    read_with_faults(ASSAY_MODEL_SCORECARD, "tests/fault/lender/models/card.json");
}

static void reading_a_logistic_model_survives_every_failed_allocation(void **state)
{
    (void)state;
    read_with_faults(ASSAY_MODEL_LOGISTIC, "tests/fault/lender/models/logistic.json");
}

static void reading_a_lightgbm_model_survives_every_failed_allocation(void **state)
{
    (void)state;
    read_with_faults(ASSAY_MODEL_LIGHTGBM, "config/models/credit.lgb.txt");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_a_scorecard_survives_every_failed_allocation),
        cmocka_unit_test(reading_a_logistic_model_survives_every_failed_allocation),
        cmocka_unit_test(reading_a_lightgbm_model_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
