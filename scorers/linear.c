#include "scorers/json_doc_pvt.h"
#include "scorers/math.h"

#include <math.h>

/*
 * raw = intercept + c_1 x_1 + c_2 x_2 + ..., added in the file's order, so that the bits do not
 * depend on the machine; a missing value counts as what the file says for that feature.
 */

struct linear {
    struct assay_model model;
    double intercept;
    const double *coefficients;
    const double *means;
    const double *missing;
    double baseline; /* raw score of the mean row */
};

static const struct linear *linear_of(const struct assay_model *model)
{
    return (const struct linear *)(const void *)model;
}

static double value_of(const struct linear *linear, const double row[], uint32_t i)
{
    return isnan(row[i]) ? linear->missing[i] : row[i];
}

static void score(const struct assay_model *model, const double row[], double raw[],
                  double predicted[])
{
    const struct linear *linear = linear_of(model);
    double sum = linear->intercept;
    for (uint32_t i = 0; i < model->feature_count; i++) {
        sum += linear->coefficients[i] * value_of(linear, row, i);
    }
    raw[0] = sum;
    predicted[0] = assay_sigmoid(sum);
}

static double explain(const struct assay_model *model, const double row[], bool most,
                      struct assay_arena *scratch, double contributions[])
{
    (void)scratch;
    (void)most;
    const struct linear *linear = linear_of(model);
    for (uint32_t i = 0; i < model->feature_count; i++) {
        contributions[i] = linear->coefficients[i] * (value_of(linear, row, i) - linear->means[i]);
    }
    return linear->baseline;
}

static const struct assay_model_ops linear_ops = {score, explain};

struct columns {
    struct assay_str *names;
    double *coefficients, *means, *missing;
};

static enum assay_status read_feature(const struct json_doc *doc, struct json_value item,
                                      struct columns *columns, uint32_t i)
{
    struct json_field fields[] = {
        {.name = "name", .kind = JSON_STRING, .required = true},
        {.name = "coefficient", .kind = JSON_NUMBER, .required = true},
        {.name = "mean", .kind = JSON_NUMBER, .required = true},
        {.name = "missing", .kind = JSON_NUMBER, .required = true},
    };
    enum assay_status status =
        assay_json_doc_object(doc, item, "a feature", fields, sizeof fields / sizeof fields[0]);
    if (status == ASSAY_OK) {
        status = assay_json_doc_text(doc, fields[0].value, &columns->names[i]);
    }
    if (status == ASSAY_OK) {
        status = assay_json_doc_real(doc, fields[1].value, &columns->coefficients[i]);
    }
    if (status == ASSAY_OK) {
        status = assay_json_doc_real(doc, fields[2].value, &columns->means[i]);
    }
    return status == ASSAY_OK ? assay_json_doc_real(doc, fields[3].value, &columns->missing[i])
                              : status;
}

static enum assay_status read_features(const struct json_doc *doc, struct json_value array,
                                       struct linear *linear)
{
    const uint32_t count = assay_json_doc_count(doc, array);
    if (count == 0 || count > ASSAY_MODEL_FEATURES_MAX) {
        (void)assay_json_doc_fail(doc, array.raw.ptr, "%u features", count);
        assay_err_allowed(doc->err, "1 to %d", ASSAY_MODEL_FEATURES_MAX);
        return ASSAY_E_MODEL;
    }
    struct columns columns = {.names = assay_arena_array(doc->arena, count, sizeof *columns.names),
                              .coefficients = assay_arena_array(doc->arena, count, sizeof(double)),
                              .means = assay_arena_array(doc->arena, count, sizeof(double)),
                              .missing = assay_arena_array(doc->arena, count, sizeof(double))};
    if (columns.names == NULL || columns.coefficients == NULL || columns.means == NULL ||
        columns.missing == NULL) {
        return assay_json_doc_full(doc);
    }
    struct json_items items = {.doc = doc, .array = array};
    for (uint32_t i = 0; assay_json_doc_next(&items); i++) {
        const enum assay_status status = read_feature(doc, items.item, &columns, i);
        if (status != ASSAY_OK) {
            return status;
        }
    }
    linear->model.features = columns.names;
    linear->model.feature_count = count;
    linear->coefficients = columns.coefficients;
    linear->means = columns.means;
    linear->missing = columns.missing;
    return assay_json_doc_unique(doc, array, columns.names, count);
}

enum assay_status assay_logistic_read(struct assay_model **out,
                                      const struct assay_model_input *input)
{
    const struct json_doc doc = {input->arena, input->where, input->bytes, input->err,
                                 "logistic model"};
    struct json_value root;
    struct json_field fields[] = {
        {.name = "kind", .kind = JSON_STRING, .required = true},
        {.name = "event", .kind = JSON_STRING, .required = true},
        {.name = "intercept", .kind = JSON_NUMBER, .required = true},
        {.name = "features", .kind = JSON_ARRAY, .required = true},
    };
    struct linear *linear = assay_arena_alloc(input->arena, sizeof *linear);
    if (linear == NULL) {
        return assay_json_doc_full(&doc);
    }
    enum assay_status status = assay_json_doc_open(&doc, &root);
    if (status == ASSAY_OK) {
        status = assay_json_doc_object(&doc, root, "the model", fields,
                                       sizeof fields / sizeof fields[0]);
    }
    if (status == ASSAY_OK) {
        status = assay_json_doc_choice(&doc, fields[0].value, "logistic", NULL, NULL);
    }
    if (status == ASSAY_OK) {
        status = assay_json_doc_text(&doc, fields[1].value, &linear->model.event);
    }
    if (status == ASSAY_OK) {
        status = assay_json_doc_real(&doc, fields[2].value, &linear->intercept);
    }
    if (status == ASSAY_OK) {
        status = read_features(&doc, fields[3].value, linear);
    }
    if (status != ASSAY_OK) {
        return status;
    }
    linear->model.ops = &linear_ops;
    linear->model.output_count = 1;
    linear->model.probability = true;
    linear->model.logit_slope = 1;
    double predicted = 0;
    score(&linear->model, linear->means, &linear->baseline, &predicted);
    *out = &linear->model;
    return ASSAY_OK;
}
