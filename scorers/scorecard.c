#include "scorers/json_doc_pvt.h"
#include "scorers/math.h"

#include <math.h>
#include <stdio.h>

/*
 * Points of a row: base, then each feature's points in the file's order. A feature's points come
 * from `missing` (NaN), from a special value that it equals, or from the one bin that holds it;
 * bins are [from, to) and cover the whole line, which is checked, so every number has points.
 *
 * What tools disagree on is never inferred: the file says which class earns points, and whether the
 * features' points already hold their share of the base.
 */

enum {
    BINS_MAX = 1024,
    SPECIAL_MAX = 256,
};

static const double ln_2 = 0.693147180559945309417232121458;

struct card_feature {
    const double *starts; /* of bins 1, 2, ...; bin 0 begins at -infinity */
    const double *points; /* per bin */
    const double *special_values;
    const double *special_points;
    uint32_t bin_count;
    uint32_t special_count;
    double missing;
    double best[2]; /* the least points it can give, the most */
};

struct card {
    struct assay_model model;
    const struct card_feature *features;
    double base;
    double points, odds, pdo; /* `odds` to 1 at `points`, doubled by pdo more points */
    double baseline[2];       /* points of the row that gives the least, the most */
};

static const struct card *card_of(const struct assay_model *model)
{
    return (const struct card *)(const void *)model;
}

static double points_of(const struct card_feature *feature, double value)
{
    if (isnan(value)) {
        return feature->missing;
    }
    for (uint32_t i = 0; i < feature->special_count; i++) {
        if (value == feature->special_values[i]) {
            return feature->special_points[i];
        }
    }
    /* The bin is the number of starts at or below the value. */
    uint32_t low = 0;
    uint32_t high = feature->bin_count - 1;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (feature->starts[middle] <= value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return feature->points[low];
}

/* Odds double every pdo points in favour of the class that earns them. */
static double probability(const struct card *card, double points)
{
    const double doublings = (points - card->points) / card->pdo;
    return card->model.raw_falls ? 1.0 / (1.0 + card->odds * assay_exp2(doublings))
                                 : 1.0 / (1.0 + assay_exp2(-doublings) / card->odds);
}

static void score(const struct assay_model *model, const double row[], double raw[],
                  double predicted[])
{
    const struct card *card = card_of(model);
    double points = card->base;
    for (uint32_t i = 0; i < model->feature_count; i++) {
        points += points_of(&card->features[i], row[i]);
    }
    raw[0] = points;
    predicted[0] = probability(card, points);
}

static double explain(const struct assay_model *model, const double row[], bool most,
                      struct assay_arena *scratch, double contributions[])
{
    (void)scratch;
    const struct card *card = card_of(model);
    for (uint32_t i = 0; i < model->feature_count; i++) {
        contributions[i] = points_of(&card->features[i], row[i]) - card->features[i].best[most];
    }
    return card->baseline[most];
}

static const struct assay_model_ops card_ops = {score, explain};

struct card_bin {
    struct json_value place;
    bool has_from, has_to;
    double from, to, points;
};

static enum assay_status read_bin(const struct json_doc *doc, struct json_value item,
                                  struct card_bin *bin)
{
    struct json_field fields[] = {
        {.name = "from", .kind = JSON_NUMBER},
        {.name = "to", .kind = JSON_NUMBER},
        {.name = "points", .kind = JSON_NUMBER, .required = true},
    };
    enum assay_status status =
        assay_json_doc_object(doc, item, "a bin", fields, sizeof fields / sizeof fields[0]);
    *bin = (struct card_bin){.place = item,
                             .has_from = fields[0].value.raw.ptr != NULL,
                             .has_to = fields[1].value.raw.ptr != NULL};
    if (status == ASSAY_OK && bin->has_from) {
        status = assay_json_doc_real(doc, fields[0].value, &bin->from);
    }
    if (status == ASSAY_OK && bin->has_to) {
        status = assay_json_doc_real(doc, fields[1].value, &bin->to);
    }
    return status == ASSAY_OK ? assay_json_doc_real(doc, fields[2].value, &bin->points) : status;
}

static enum assay_status bad_bin(const struct json_doc *doc, const struct card_bin *bin,
                                 struct assay_str feature, uint32_t number, const char *what)
{
    return assay_json_doc_fail(doc, bin->place.raw.ptr, "bin %u of feature \"%.*s\": %s", number,
                               (int)(feature.len < 64 ? feature.len : 64), feature.ptr, what);
}

/* Does @p bin, bin @p number of @p count (from 1), go on where @p before ended? */
static enum assay_status check_bin(const struct json_doc *doc, const struct card_bin *before,
                                   const struct card_bin *bin, struct assay_str feature,
                                   uint32_t number, uint32_t count)
{
    if (number == 1 && bin->has_from) {
        return bad_bin(doc, bin, feature, number,
                       "values below its \"from\" have no bin; leave \"from\" out of the first");
    }
    if (number > 1 && !bin->has_from) {
        return bad_bin(doc, bin, feature, number, "it has no \"from\", as only the first may");
    }
    if (number == count && bin->has_to) {
        return bad_bin(doc, bin, feature, number,
                       "values from its \"to\" on have no bin; leave \"to\" out of the last");
    }
    if (number < count && !bin->has_to) {
        return bad_bin(doc, bin, feature, number, "it has no \"to\", as only the last may");
    }
    if (bin->has_from && bin->has_to && bin->from >= bin->to) {
        return bad_bin(doc, bin, feature, number, "\"from\" is not below \"to\"");
    }
    if (number > 1 && bin->from > before->to) {
        return bad_bin(doc, bin, feature, number, "a gap after the bin before it");
    }
    if (number > 1 && bin->from < before->to) {
        return bad_bin(doc, bin, feature, number, "it overlaps the bin before it");
    }
    return ASSAY_OK;
}

static enum assay_status read_bins(const struct json_doc *doc, struct json_value array,
                                   struct assay_str name, struct card_feature *feature)
{
    const uint32_t count = assay_json_doc_count(doc, array);
    if (count == 0 || count > BINS_MAX) {
        (void)assay_json_doc_fail(doc, array.raw.ptr, "feature \"%.*s\" has %u bins",
                                  (int)(name.len < 64 ? name.len : 64), name.ptr, count);
        assay_err_allowed(doc->err, "1 to %d", BINS_MAX);
        return ASSAY_E_MODEL;
    }
    double *starts = assay_arena_array(doc->arena, count, sizeof *starts);
    double *points = assay_arena_array(doc->arena, count, sizeof *points);
    if (starts == NULL || points == NULL) {
        return assay_json_doc_full(doc);
    }
    struct card_bin before = {0};
    struct json_items items = {.doc = doc, .array = array};
    while (assay_json_doc_next(&items)) {
        struct card_bin bin;
        enum assay_status status = read_bin(doc, items.item, &bin);
        if (status == ASSAY_OK) {
            status = check_bin(doc, &before, &bin, name, items.count, count);
        }
        if (status != ASSAY_OK) {
            return status;
        }
        if (items.count > 1) {
            starts[items.count - 2] = bin.from;
        }
        points[items.count - 1] = bin.points;
        before = bin;
    }
    feature->starts = starts;
    feature->points = points;
    feature->bin_count = count;
    return ASSAY_OK;
}

static enum assay_status read_special_item(const struct json_doc *doc, struct json_value item,
                                           uint32_t index, double values[], double points[])
{
    struct json_field fields[] = {
        {.name = "value", .kind = JSON_NUMBER, .required = true},
        {.name = "points", .kind = JSON_NUMBER, .required = true},
    };
    enum assay_status status = assay_json_doc_object(doc, item, "a special value", fields,
                                                     sizeof fields / sizeof fields[0]);
    if (status == ASSAY_OK) {
        status = assay_json_doc_real(doc, fields[0].value, &values[index]);
    }
    if (status == ASSAY_OK) {
        status = assay_json_doc_real(doc, fields[1].value, &points[index]);
    }
    for (uint32_t i = 0; status == ASSAY_OK && i < index; i++) {
        if (values[i] == values[index]) {
            status = assay_json_doc_fail(doc, item.raw.ptr, "the special value is given twice");
        }
    }
    return status;
}

static enum assay_status read_special(const struct json_doc *doc, struct json_value array,
                                      struct card_feature *feature)
{
    if (array.raw.ptr == NULL) {
        return ASSAY_OK;
    }
    const uint32_t count = assay_json_doc_count(doc, array);
    if (count > SPECIAL_MAX) {
        (void)assay_json_doc_fail(doc, array.raw.ptr, "%u special values", count);
        assay_err_allowed(doc->err, "at most %d", SPECIAL_MAX);
        return ASSAY_E_MODEL;
    }
    double *values = assay_arena_array(doc->arena, count, sizeof *values);
    double *points = assay_arena_array(doc->arena, count, sizeof *points);
    if (values == NULL || points == NULL) {
        return assay_json_doc_full(doc);
    }
    struct json_items items = {.doc = doc, .array = array};
    while (assay_json_doc_next(&items)) {
        const enum assay_status status =
            read_special_item(doc, items.item, items.count - 1, values, points);
        if (status != ASSAY_OK) {
            return status;
        }
    }
    feature->special_values = values;
    feature->special_points = points;
    feature->special_count = count;
    return ASSAY_OK;
}

/* The most points a feature can give, or the least. */
static double best_points(const struct card_feature *feature, bool most)
{
    double best = feature->missing;
    for (uint32_t i = 0; i < feature->bin_count; i++) {
        const double points = feature->points[i];
        best = (most ? points > best : points < best) ? points : best;
    }
    for (uint32_t i = 0; i < feature->special_count; i++) {
        const double points = feature->special_points[i];
        best = (most ? points > best : points < best) ? points : best;
    }
    return best;
}

static enum assay_status read_feature(const struct json_doc *doc, struct json_value item,
                                      struct assay_str *name, struct card_feature *feature)
{
    struct json_field fields[] = {
        {.name = "name", .kind = JSON_STRING, .required = true},
        {.name = "bins", .kind = JSON_ARRAY, .required = true},
        {.name = "special", .kind = JSON_ARRAY},
        {.name = "missing", .kind = JSON_NUMBER, .required = true},
    };
    enum assay_status status =
        assay_json_doc_object(doc, item, "a feature", fields, sizeof fields / sizeof fields[0]);
    if (status == ASSAY_OK) {
        status = assay_json_doc_text(doc, fields[0].value, name);
    }
    if (status == ASSAY_OK) {
        status = read_bins(doc, fields[1].value, *name, feature);
    }
    if (status == ASSAY_OK) {
        status = read_special(doc, fields[2].value, feature);
    }
    return status == ASSAY_OK ? assay_json_doc_real(doc, fields[3].value, &feature->missing)
                              : status;
}

static enum assay_status read_features(const struct json_doc *doc, struct json_value array,
                                       struct card *card)
{
    const uint32_t count = assay_json_doc_count(doc, array);
    if (count == 0 || count > ASSAY_MODEL_FEATURES_MAX) {
        (void)assay_json_doc_fail(doc, array.raw.ptr, "%u features", count);
        assay_err_allowed(doc->err, "1 to %d", ASSAY_MODEL_FEATURES_MAX);
        return ASSAY_E_MODEL;
    }
    struct assay_str *names = assay_arena_array(doc->arena, count, sizeof *names);
    struct card_feature *features = assay_arena_array(doc->arena, count, sizeof *features);
    if (names == NULL || features == NULL) {
        return assay_json_doc_full(doc);
    }
    card->baseline[0] = card->base;
    card->baseline[1] = card->base;
    struct json_items items = {.doc = doc, .array = array};
    for (uint32_t i = 0; assay_json_doc_next(&items); i++) {
        const enum assay_status status = read_feature(doc, items.item, &names[i], &features[i]);
        if (status != ASSAY_OK) {
            return status;
        }
        for (int most = 0; most < 2; most++) {
            features[i].best[most] = best_points(&features[i], most == 1);
            card->baseline[most] += features[i].best[most];
        }
    }
    card->model.features = names;
    card->model.feature_count = count;
    card->features = features;
    return assay_json_doc_unique(doc, array, names, count);
}

enum {
    KIND,
    EVENT,
    POINTS_FOR,
    POINTS,
    ODDS,
    PDO,
    BASE,
    BASE_SPLIT,
    FEATURES,
    MEMBERS,
};

static enum assay_status read_scale(const struct json_doc *doc, const struct json_field fields[],
                                    struct card *card)
{
    bool rises = false;
    bool included = false;
    enum assay_status status =
        assay_json_doc_choice(doc, fields[POINTS_FOR].value, "non-event", "event", &rises);
    card->model.raw_falls = !rises;
    if (status == ASSAY_OK) {
        status = assay_json_doc_real(doc, fields[POINTS].value, &card->points);
    }
    if (status == ASSAY_OK) {
        status = assay_json_doc_real(doc, fields[ODDS].value, &card->odds);
    }
    if (status == ASSAY_OK) {
        status = assay_json_doc_real(doc, fields[PDO].value, &card->pdo);
    }
    if (status == ASSAY_OK) {
        status = assay_json_doc_real(doc, fields[BASE].value, &card->base);
    }
    if (status == ASSAY_OK) {
        status =
            assay_json_doc_choice(doc, fields[BASE_SPLIT].value, "apart", "included", &included);
    }
    if (status != ASSAY_OK) {
        return status;
    }
    if (card->odds <= 0) {
        return assay_json_doc_fail(doc, fields[ODDS].value.raw.ptr, "odds must be above 0");
    }
    if (card->pdo <= 0) {
        return assay_json_doc_fail(doc, fields[PDO].value.raw.ptr, "pdo must be above 0");
    }
    if (included && card->base != 0) {
        return assay_json_doc_fail(doc, fields[BASE].value.raw.ptr,
                                   "base must be 0 when the features' points include it");
    }
    return ASSAY_OK;
}

enum assay_status assay_scorecard_read(struct assay_model **out,
                                       const struct assay_model_input *input)
{
    const struct json_doc doc = {input->arena, input->where, input->bytes, input->err, "scorecard"};
    struct json_value root;
    struct json_field fields[MEMBERS] = {
        [KIND] = {.name = "kind", .kind = JSON_STRING, .required = true},
        [EVENT] = {.name = "event", .kind = JSON_STRING, .required = true},
        [POINTS_FOR] = {.name = "points_for", .kind = JSON_STRING, .required = true},
        [POINTS] = {.name = "points", .kind = JSON_NUMBER, .required = true},
        [ODDS] = {.name = "odds", .kind = JSON_NUMBER, .required = true},
        [PDO] = {.name = "pdo", .kind = JSON_NUMBER, .required = true},
        [BASE] = {.name = "base", .kind = JSON_NUMBER, .required = true},
        [BASE_SPLIT] = {.name = "base_split", .kind = JSON_STRING, .required = true},
        [FEATURES] = {.name = "features", .kind = JSON_ARRAY, .required = true},
    };
    struct card *card = assay_arena_alloc(input->arena, sizeof *card);
    if (card == NULL) {
        return assay_json_doc_full(&doc);
    }
    enum assay_status status = assay_json_doc_open(&doc, &root);
    if (status == ASSAY_OK) {
        status = assay_json_doc_object(&doc, root, "the scorecard", fields, MEMBERS);
    }
    if (status == ASSAY_OK) {
        status = assay_json_doc_choice(&doc, fields[KIND].value, "scorecard", NULL, NULL);
    }
    if (status == ASSAY_OK) {
        status = assay_json_doc_text(&doc, fields[EVENT].value, &card->model.event);
    }
    if (status == ASSAY_OK) {
        status = read_scale(&doc, fields, card);
    }
    if (status == ASSAY_OK) {
        status = read_features(&doc, fields[FEATURES].value, card);
    }
    if (status != ASSAY_OK) {
        return status;
    }
    card->model.ops = &card_ops;
    card->model.output_count = 1;
    card->model.probability = true;
    card->model.logit_slope = (card->model.raw_falls ? -ln_2 : ln_2) / card->pdo;
    *out = &card->model;
    return ASSAY_OK;
}
