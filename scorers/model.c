#include "scorers/model_pvt.h"

#include "engine/base/hash.h"

struct kind_row {
    const char *name;
    enum assay_status (*read)(struct assay_model **out, const struct assay_model_input *input);
};

static const struct kind_row kinds[] = {
    [ASSAY_MODEL_SCORECARD] = {"scorecard", assay_scorecard_read},
    [ASSAY_MODEL_LOGISTIC] = {"logistic", assay_logistic_read},
    [ASSAY_MODEL_LIGHTGBM] = {"lightgbm", assay_lightgbm_read},
};
static_assert(sizeof kinds / sizeof kinds[0] == ASSAY_MODEL_KIND_END, "table and enum differ");

const char *assay_model_kind_name(enum assay_model_kind kind)
{
    ASSAY_ASSERT(kind < ASSAY_MODEL_KIND_END);
    return kinds[kind].name;
}

enum assay_model_kind assay_model_kind_of(struct assay_str name)
{
    enum assay_model_kind kind = 0;
    while (kind < ASSAY_MODEL_KIND_END && !assay_str_equal(name, assay_str_of(kinds[kind].name))) {
        kind++;
    }
    return kind;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

enum assay_model_kind assay_model_kind_guess(struct assay_str bytes)
{
    uint32_t at = 0;
    while (at < bytes.len && is_blank(bytes.ptr[at])) {
        at++;
    }
    const struct assay_str rest = {.ptr = bytes.ptr + at, .len = bytes.len - at};
    if (rest.len >= 5 && memcmp(rest.ptr, "tree", 4) == 0 && is_blank(rest.ptr[4])) {
        return ASSAY_MODEL_LIGHTGBM;
    }
    /* Our own documents name their kind in their first few members. */
    const size_t head = rest.len < 4096 ? rest.len : 4096;
    const char *member = head == 0 ? NULL : memmem(rest.ptr, head, "\"kind\"", 6);
    if (member == NULL) {
        return ASSAY_MODEL_KIND_END;
    }
    const char *text = member + 6;
    const char *end = rest.ptr + rest.len;
    while (text < end && (is_blank(*text) || *text == ':')) {
        text++;
    }
    const char *close = text == end ? NULL : memchr(text + 1, '"', (size_t)(end - text - 1));
    if (close == NULL || *text != '"') {
        return ASSAY_MODEL_KIND_END;
    }
    return assay_model_kind_of(
        (struct assay_str){.ptr = text + 1, .len = (uint32_t)(close - text - 1)});
}

enum assay_status assay_model_read(const struct assay_model **out, struct assay_arena *arena,
                                   enum assay_model_kind kind, const char *where,
                                   struct assay_str bytes, struct assay_err *err)
{
    ASSAY_ASSERT(out != NULL && arena != NULL);
    ASSAY_ASSERT(kind < ASSAY_MODEL_KIND_END);
    *out = NULL;
    if (bytes.ptr == NULL || bytes.len == 0) {
        assay_err_set(err, ASSAY_E_MODEL, where, "the model file is empty");
        assay_err_remedy(err, "export the model again");
        return ASSAY_E_MODEL;
    }
    const struct assay_arena_mark mark = assay_arena_mark(arena);
    const struct assay_model_input input = {arena, where == NULL ? "" : where, bytes, err};
    struct assay_model *model = NULL;
    const enum assay_status status = kinds[kind].read(&model, &input);
    if (status != ASSAY_OK) {
        assay_arena_rewind(arena, mark);
        return status;
    }
    ASSAY_ASSERT(model->feature_count > 0 && model->feature_count <= ASSAY_MODEL_FEATURES_MAX);
    ASSAY_ASSERT(model->output_count > 0 && model->output_count <= ASSAY_MODEL_OUTPUTS_MAX);
    const struct assay_hash128 hash = assay_hash128(bytes.ptr, bytes.len, 0);
    model->kind = kind;
    model->hash[0] = hash.low;
    model->hash[1] = hash.high;
    *out = model;
    return ASSAY_OK;
}

enum assay_model_kind assay_model_kind_get(const struct assay_model *model)
{
    return model->kind;
}

void assay_model_hash(const struct assay_model *model, uint64_t hash[2])
{
    hash[0] = model->hash[0];
    hash[1] = model->hash[1];
}

uint32_t assay_model_feature_count(const struct assay_model *model)
{
    return model->feature_count;
}

struct assay_str assay_model_feature_name(const struct assay_model *model, uint32_t index)
{
    ASSAY_ASSERT(index < model->feature_count);
    return model->features[index];
}

uint32_t assay_model_output_count(const struct assay_model *model)
{
    return model->output_count;
}

bool assay_model_is_probability(const struct assay_model *model)
{
    return model->probability;
}

struct assay_str assay_model_event(const struct assay_model *model)
{
    return model->event;
}

bool assay_model_raw_rises(const struct assay_model *model)
{
    return !model->raw_falls;
}

void assay_model_score(const struct assay_model *model, const double row[], double raw[],
                       double predicted[])
{
    model->ops->score(model, row, raw, predicted);
}

double assay_model_logit_slope(const struct assay_model *model)
{
    return model->logit_slope;
}

double assay_model_explain(const struct assay_model *model, const double row[],
                           struct assay_arena *scratch, double contributions[])
{
    return model->ops->explain(model, row, model->raw_falls, scratch, contributions);
}

double assay_model_explain_toward(const struct assay_model *model, const double row[], bool most,
                                  struct assay_arena *scratch, double contributions[])
{
    return model->ops->explain(model, row, most, scratch, contributions);
}

uint32_t assay_model_repeated_name(struct assay_arena *arena, const struct assay_str names[],
                                   uint32_t count)
{
    const struct assay_arena_mark mark = assay_arena_mark(arena);
    uint32_t size = 16;
    while (size < 2 * count) {
        size *= 2;
    }
    /* Open addressing; a slot holds index + 1. */
    uint32_t *slots = assay_arena_array(arena, size, sizeof *slots);
    if (slots == NULL) {
        return UINT32_MAX;
    }
    uint32_t found = count;
    for (uint32_t i = 0; i < count && found == count; i++) {
        uint32_t slot = (uint32_t)assay_hash64(names[i].ptr, names[i].len, 0) & (size - 1);
        while (slots[slot] != 0 && !assay_str_equal(names[slots[slot] - 1], names[i])) {
            slot = (slot + 1) & (size - 1);
        }
        found = slots[slot] != 0 ? i : count;
        slots[slot] = i + 1;
    }
    assay_arena_rewind(arena, mark);
    return found;
}
