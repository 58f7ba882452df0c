#include "scorers/lightgbm_pvt.h"

#include <math.h>

/*
 * Scores are sums of one leaf a tree, trees in order, in f64: the library's own order, so its own
 * bits. Predictions use libm's exp and log1p, as the library does: on one machine they are its bits
 * too; libm may choose another variant on another CPU.
 */

enum { TREES_MAX = 1 << 22 };

static const struct lgb_model *lgb_of(const struct assay_model *model)
{
    return (const struct lgb_model *)(const void *)model;
}

static void softmax(uint32_t count, double values[])
{
    double most = values[0];
    for (uint32_t i = 1; i < count; i++) {
        most = most < values[i] ? values[i] : most;
    }
    double sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        values[i] = exp(values[i] - most);
        sum += values[i];
    }
    for (uint32_t i = 0; i < count; i++) {
        values[i] /= sum;
    }
}

static double link_one(const struct lgb_model *lgb, double value)
{
    switch (lgb->link) {
    case LGB_SQUARE: {
        const double sign = (double)((value > 0) - (value < 0));
        return sign * value * value;
    }
    case LGB_EXP:
        return exp(value);
    case LGB_SIGMOID:
        return 1.0 / (1.0 + exp(-lgb->sigmoid * value));
    case LGB_LOG1P_EXP:
        return log1p(exp(value));
    case LGB_IDENTITY:
    case LGB_SOFTMAX:
        break;
    }
    return value;
}

static void score(const struct assay_model *model, const double row[], double raw[],
                  double predicted[])
{
    const struct lgb_model *lgb = lgb_of(model);
    const uint32_t outputs = model->output_count;
    ASSAY_ASSERT(outputs > 0);
    for (uint32_t k = 0; k < outputs; k++) {
        raw[k] = 0;
    }
    assay_lgb_leaves(lgb, row, raw);
    const uint32_t iterations = lgb->tree_count / outputs;
    for (uint32_t k = 0; k < outputs; k++) {
        predicted[k] = link_one(lgb, lgb->average ? raw[k] / iterations : raw[k]);
    }
    if (lgb->link == LGB_SOFTMAX) {
        softmax(outputs, predicted);
    }
}

static const struct assay_model_ops lgb_ops = {score, assay_lgb_explain};

/* Mean leaf of a tree over its training rows. */
static double expected(const struct lgb_tree *tree)
{
    if (tree->leaf_count == 1) {
        return tree->leaves[0];
    }
    const double total = tree->node_rows[0];
    double sum = 0;
    for (uint32_t i = 0; i < tree->leaf_count; i++) {
        sum += tree->leaf_rows[i] / total * tree->leaves[i];
    }
    return sum;
}

enum header_key {
    VERSION,
    NUM_CLASS,
    TREES_PER_ITERATION,
    LABEL_INDEX,
    MAX_FEATURE_IDX,
    OBJECTIVE,
    AVERAGE_OUTPUT,
    FEATURE_NAMES,
    MONOTONE,
    FEATURE_INFOS,
    TREE_SIZES,
    HEADER_KEYS,
};

static const char *const header_names[HEADER_KEYS] = {
    [VERSION] = "version",
    [NUM_CLASS] = "num_class",
    [TREES_PER_ITERATION] = "num_tree_per_iteration",
    [LABEL_INDEX] = "label_index",
    [MAX_FEATURE_IDX] = "max_feature_idx",
    [OBJECTIVE] = "objective",
    [AVERAGE_OUTPUT] = "average_output",
    [FEATURE_NAMES] = "feature_names",
    [MONOTONE] = "monotone_constraints",
    [FEATURE_INFOS] = "feature_infos",
    [TREE_SIZES] = "tree_sizes",
};

struct header {
    struct assay_str values[HEADER_KEYS];
    uint32_t lines[HEADER_KEYS];
};

static enum assay_status note_header_line(struct lgb_reader *reader, struct header *header)
{
    struct lgb_pair pair = assay_lgb_pair(reader);
    int key = 0;
    while (key < HEADER_KEYS && !assay_str_equal(pair.key, assay_str_of(header_names[key]))) {
        key++;
    }
    const int shown = (int)(pair.key.len < 64 ? pair.key.len : 64);
    if (key == HEADER_KEYS) {
        return assay_lgb_fail(reader, ASSAY_E_UNSUPPORTED, reader->number,
                              "unknown key \"%.*s\" of the model", shown, pair.key.ptr);
    }
    if (header->values[key].ptr != NULL) {
        return assay_lgb_fail(reader, ASSAY_E_MODEL, reader->number, "\"%s\" is given twice",
                              header_names[key]);
    }
    /* average_output stands alone, without '='. */
    if ((pair.value.ptr == NULL) != (key == AVERAGE_OUTPUT)) {
        return assay_lgb_fail(reader, ASSAY_E_MODEL, reader->number, "\"%s\" has no value",
                              header_names[key]);
    }
    header->values[key] = key == AVERAGE_OUTPUT ? pair.key : pair.value;
    header->lines[key] = reader->number;
    return ASSAY_OK;
}

/* Everything before the first tree; stops at its line. */
static enum assay_status note_header(struct lgb_reader *reader, struct header *header)
{
    if (!assay_lgb_next_line(reader) || !assay_str_equal(reader->line, assay_str_of("tree"))) {
        (void)assay_lgb_fail(reader, ASSAY_E_MODEL, 1, "not a LightGBM text model");
        assay_err_allowed(reader->input->err, "a file whose first line is \"tree\"");
        return ASSAY_E_MODEL;
    }
    while (assay_lgb_next_line(reader)) {
        if (assay_lgb_starts(reader, "Tree=") || assay_lgb_starts(reader, "end of trees")) {
            return ASSAY_OK;
        }
        if (reader->line.len == 0) {
            continue;
        }
        const enum assay_status status = note_header_line(reader, header);
        if (status != ASSAY_OK) {
            return status;
        }
    }
    return assay_lgb_fail(reader, ASSAY_E_MODEL, reader->number, "the file ends before a tree");
}

static enum assay_status header_integer(const struct lgb_reader *reader,
                                        const struct header *header, enum header_key key,
                                        int64_t max, int64_t *out)
{
    const struct assay_str value = header->values[key];
    if (value.ptr == NULL) {
        return assay_lgb_fail(reader, ASSAY_E_MODEL, 1, "the model has no \"%s\"",
                              header_names[key]);
    }
    if (assay_lgb_integer(value, 0, max, out)) {
        return ASSAY_OK;
    }
    (void)assay_lgb_fail(reader, ASSAY_E_MODEL, header->lines[key], "bad %s", header_names[key]);
    assay_err_value(reader->input->err, "%.*s", (int)(value.len < 64 ? value.len : 64), value.ptr);
    assay_err_allowed(reader->input->err, "0 to %lld", (long long)max);
    return ASSAY_E_MODEL;
}

static enum assay_status read_version(const struct lgb_reader *reader, const struct header *header)
{
    const struct assay_str value = header->values[VERSION];
    if (value.len == 2 && value.ptr[0] == 'v' && value.ptr[1] >= '2' && value.ptr[1] <= '4') {
        return ASSAY_OK;
    }
    (void)assay_lgb_fail(reader, ASSAY_E_UNSUPPORTED,
                         value.ptr == NULL ? 1 : header->lines[VERSION],
                         "unknown version of the LightGBM format");
    assay_err_value(reader->input->err, "%.*s", (int)(value.len < 64 ? value.len : 64),
                    value.ptr == NULL ? "" : value.ptr);
    assay_err_allowed(reader->input->err, "v2, v3 or v4");
    return ASSAY_E_UNSUPPORTED;
}

static enum assay_status read_names(struct lgb_reader *reader, const struct header *header,
                                    uint32_t count)
{
    struct assay_str *names = assay_arena_array(reader->arena, count, sizeof *names);
    if (names == NULL) {
        return assay_lgb_full(reader);
    }
    struct assay_str rest = header->values[FEATURE_NAMES];
    struct assay_str word;
    uint32_t found = 0;
    if (rest.ptr == NULL) {
        return assay_lgb_fail(reader, ASSAY_E_MODEL, 1, "the model has no \"feature_names\"");
    }
    for (; assay_lgb_word(&rest, &word); found++) {
        if (found < count) {
            names[found] = assay_arena_copy(reader->arena, word);
            if (names[found].ptr == NULL) {
                return assay_lgb_full(reader);
            }
        }
    }
    if (found != count) {
        return assay_lgb_fail(reader, ASSAY_E_MODEL, header->lines[FEATURE_NAMES],
                              "feature_names has %u names, but max_feature_idx says %u", found,
                              count);
    }
    const uint32_t repeated = assay_model_repeated_name(reader->arena, names, count);
    if (repeated == UINT32_MAX) {
        return assay_lgb_full(reader);
    }
    if (repeated < count) {
        return assay_lgb_fail(
            reader, ASSAY_E_MODEL, header->lines[FEATURE_NAMES], "feature \"%.*s\" is named twice",
            (int)(names[repeated].len < 64 ? names[repeated].len : 64), names[repeated].ptr);
    }
    reader->lgb->model.features = names;
    reader->lgb->model.feature_count = count;
    return ASSAY_OK;
}

static enum assay_status read_counts(struct lgb_reader *reader, const struct header *header)
{
    int64_t classes = 0;
    int64_t trees = 0;
    int64_t last_feature = 0;
    enum assay_status status =
        header_integer(reader, header, NUM_CLASS, ASSAY_MODEL_OUTPUTS_MAX, &classes);
    trees = classes;
    if (status == ASSAY_OK && header->values[TREES_PER_ITERATION].ptr != NULL) {
        status =
            header_integer(reader, header, TREES_PER_ITERATION, ASSAY_MODEL_OUTPUTS_MAX, &trees);
    }
    if (status == ASSAY_OK && classes == 0) {
        status = assay_lgb_fail(reader, ASSAY_E_MODEL, header->lines[NUM_CLASS],
                                "num_class is 0: a model without classes");
    }
    if (status == ASSAY_OK && trees != classes) {
        status = assay_lgb_fail(reader, ASSAY_E_MODEL, header->lines[TREES_PER_ITERATION],
                                "num_tree_per_iteration is not num_class");
    }
    if (status == ASSAY_OK) {
        status = header_integer(reader, header, MAX_FEATURE_IDX, ASSAY_MODEL_FEATURES_MAX - 1,
                                &last_feature);
    }
    if (status != ASSAY_OK) {
        return status;
    }
    reader->lgb->model.output_count = (uint32_t)trees;
    reader->lgb->average = header->values[AVERAGE_OUTPUT].ptr != NULL;
    return read_names(reader, header, (uint32_t)last_feature + 1);
}

/* Multi-class objectives have a score a class, the others one. */
enum objective_shape { ONE_OUTPUT, OUTPUT_PER_CLASS, ANY_OUTPUTS };

struct objective_row {
    const char *name;
    enum lgb_link link;
    enum objective_shape shape;
    bool square;  /* may be followed by "sqrt" */
    bool sigmoid; /* is followed by "sigmoid:x" */
    bool probability;
};

static const struct objective_row objectives[] = {
    {"regression", LGB_IDENTITY, ONE_OUTPUT, .square = true},
    {"regression_l1", LGB_IDENTITY, ONE_OUTPUT, .square = true},
    {"huber", LGB_IDENTITY, ONE_OUTPUT, .square = false},
    {"fair", LGB_IDENTITY, ONE_OUTPUT, .square = true},
    {"quantile", LGB_IDENTITY, ONE_OUTPUT, .square = true},
    {"mape", LGB_IDENTITY, ONE_OUTPUT, .square = true},
    {"poisson", LGB_EXP, ONE_OUTPUT, .square = false},
    {"gamma", LGB_EXP, ONE_OUTPUT, .square = false},
    {"tweedie", LGB_EXP, ONE_OUTPUT, .square = false},
    {"binary", LGB_SIGMOID, ONE_OUTPUT, .sigmoid = true, .probability = true},
    {"cross_entropy", LGB_SIGMOID, ONE_OUTPUT, .probability = true},
    {"xentropy", LGB_SIGMOID, ONE_OUTPUT, .probability = true},
    {"cross_entropy_lambda", LGB_LOG1P_EXP, ONE_OUTPUT, .square = false},
    {"xentlambda", LGB_LOG1P_EXP, ONE_OUTPUT, .square = false},
    {"multiclass", LGB_SOFTMAX, OUTPUT_PER_CLASS, .probability = true},
    {"multiclassova", LGB_SIGMOID, OUTPUT_PER_CLASS, .sigmoid = true, .probability = true},
    {"lambdarank", LGB_IDENTITY, ONE_OUTPUT, .square = false},
    {"rank_xendcg", LGB_IDENTITY, ONE_OUTPUT, .square = false},
    {"custom", LGB_IDENTITY, ANY_OUTPUTS, .square = false},
};

static bool has_prefix(struct assay_str text, const char *prefix, struct assay_str *rest)
{
    const uint32_t length = (uint32_t)strlen(prefix);
    if (text.len < length || memcmp(text.ptr, prefix, length) != 0) {
        return false;
    }
    *rest = (struct assay_str){.ptr = text.ptr + length, .len = text.len - length};
    return true;
}

/*
 * The library reads `sigmoid:` with a quick routine of its own that does not round correctly:
 * integer digits, plus the fraction's digits over a power of ten, times or over the exponent's
 * power. The same operations in the same order give the same bits.
 */
static bool quick_real(struct assay_str text, double *out)
{
    uint32_t at = 0;
    double value = 0;
    for (; at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9'; at++) {
        value = value * 10.0 + (text.ptr[at] - '0');
    }
    if (at == 0 || text.len > 24) {
        return false;
    }
    if (at < text.len && text.ptr[at] == '.') {
        double right = 0;
        double power = 1; /* exact up to 10^22 */
        for (at++; at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9'; at++) {
            right = right * 10.0 + (text.ptr[at] - '0');
            power *= 10.0;
        }
        value += right / power;
    }
    if (at < text.len && text.ptr[at] == 'e') {
        const bool down = at + 1 < text.len && text.ptr[at + 1] == '-';
        const bool sign = down || (at + 1 < text.len && text.ptr[at + 1] == '+');
        const struct assay_str digits = {.ptr = text.ptr + at + 1 + sign,
                                         .len = text.len - at - 1 - sign};
        int64_t exponent = 0;
        if (!assay_lgb_integer(digits, 0, 300, &exponent)) {
            return false;
        }
        double scale = 1;
        for (; exponent >= 50; exponent -= 50) {
            scale *= 1E50;
        }
        for (; exponent >= 8; exponent -= 8) {
            scale *= 1E8;
        }
        for (; exponent > 0; exponent--) {
            scale *= 10.0;
        }
        value = down ? value / scale : value * scale;
        at = text.len;
    }
    *out = value;
    return at == text.len && value > 0;
}

struct objective_words {
    bool square;
    bool sigmoid;
    int64_t classes; /* 0: not given */
    double sigmoid_value;
};

static enum assay_status bad_objective(const struct lgb_reader *reader, uint32_t line,
                                       struct assay_str word)
{
    (void)assay_lgb_fail(reader, ASSAY_E_UNSUPPORTED, line, "unknown objective or parameter of it");
    assay_err_value(reader->input->err, "%.*s", (int)(word.len < 64 ? word.len : 64), word.ptr);
    return ASSAY_E_UNSUPPORTED;
}

static enum assay_status read_objective_words(const struct lgb_reader *reader, uint32_t line,
                                              struct assay_str rest, struct objective_words *words)
{
    struct assay_str word;
    struct assay_str value;
    while (assay_lgb_word(&rest, &word)) {
        bool good = false;
        if (assay_str_equal(word, assay_str_of("sqrt"))) {
            good = words->square = true;
        } else if (has_prefix(word, "sigmoid:", &value)) {
            good = words->sigmoid = quick_real(value, &words->sigmoid_value);
        } else if (has_prefix(word, "num_class:", &value)) {
            good = assay_lgb_integer(value, 1, ASSAY_MODEL_OUTPUTS_MAX, &words->classes);
        }
        if (!good) {
            return bad_objective(reader, line, word);
        }
    }
    return ASSAY_OK;
}

static enum assay_status read_objective(struct lgb_reader *reader, const struct header *header)
{
    struct lgb_model *lgb = reader->lgb;
    struct assay_str rest = header->values[OBJECTIVE];
    const uint32_t line = header->lines[OBJECTIVE];
    struct assay_str name;
    lgb->sigmoid = 1;
    if (rest.ptr == NULL) {
        lgb->link = LGB_IDENTITY; /* trained on a function of the user's: raw scores only */
        return ASSAY_OK;
    }
    (void)assay_lgb_word(&rest, &name);
    const struct objective_row *row = NULL;
    for (size_t i = 0; i < sizeof objectives / sizeof objectives[0] && row == NULL; i++) {
        row = assay_str_equal(name, assay_str_of(objectives[i].name)) ? &objectives[i] : NULL;
    }
    if (row == NULL) {
        return bad_objective(reader, line, name);
    }
    struct objective_words words = {.sigmoid_value = 1};
    const enum assay_status status = read_objective_words(reader, line, rest, &words);
    if (status != ASSAY_OK) {
        return status;
    }
    const uint32_t outputs = lgb->model.output_count;
    const bool shape =
        row->shape == ANY_OUTPUTS || (row->shape == ONE_OUTPUT ? outputs == 1 && words.classes == 0
                                                               : words.classes == (int64_t)outputs);
    if (!shape || (words.square && !row->square) || words.sigmoid != row->sigmoid ||
        !(words.sigmoid_value > 0)) {
        return assay_lgb_fail(reader, ASSAY_E_MODEL, line,
                              "the objective does not fit the number of classes or its parameters");
    }
    lgb->link = words.square ? LGB_SQUARE : row->link;
    lgb->sigmoid = words.sigmoid_value;
    lgb->model.probability = row->probability;
    return ASSAY_OK;
}

/* Trees the file has by its own count. */
static enum assay_status count_trees(const struct lgb_reader *reader, const struct header *header,
                                     uint32_t *out)
{
    uint32_t count = 0;
    struct assay_str rest = header->values[TREE_SIZES];
    struct assay_str word;
    if (rest.ptr != NULL) {
        while (count < TREES_MAX && assay_lgb_word(&rest, &word)) {
            count++;
        }
    } else {
        for (const char *at = reader->line.ptr; at != NULL && count < TREES_MAX; count++) {
            const char *next = memmem(at, (size_t)(reader->end - at), "\nTree=", 6);
            at = next == NULL ? NULL : next + 1;
        }
    }
    *out = count;
    if (count == 0 || count == TREES_MAX || !assay_lgb_starts(reader, "Tree=")) {
        return assay_lgb_fail(reader, ASSAY_E_MODEL, reader->number,
                              "a model without trees, or "
                              "with more than %d",
                              TREES_MAX - 1);
    }
    ASSAY_ASSERT(reader->lgb->model.output_count > 0);
    if (count % reader->lgb->model.output_count != 0) {
        return assay_lgb_fail(reader, ASSAY_E_MODEL, reader->number,
                              "%u trees cannot be shared out to %u classes", count,
                              reader->lgb->model.output_count);
    }
    return ASSAY_OK;
}

static enum assay_status check_tree_line(const struct lgb_reader *reader, uint32_t index,
                                         uint32_t count)
{
    struct assay_str number;
    int64_t found = 0;
    if (has_prefix(reader->line, "Tree=", &number) &&
        assay_lgb_integer(number, index, index, &found)) {
        return ASSAY_OK;
    }
    return assay_lgb_fail(reader, ASSAY_E_MODEL, reader->number,
                          "expected Tree=%u of %u trees here", index, count);
}

/* The library finds trees by these sizes: a file in which they are wrong was changed by hand. */
static enum assay_status check_size(const struct lgb_reader *reader, const struct header *header,
                                    struct assay_str *sizes, const char *start, uint32_t index)
{
    struct assay_str word;
    int64_t size = 0;
    if (header->values[TREE_SIZES].ptr == NULL) {
        return ASSAY_OK;
    }
    if (assay_lgb_word(sizes, &word) && assay_lgb_integer(word, 1, UINT32_MAX, &size) &&
        size == reader->line.ptr - start) {
        return ASSAY_OK;
    }
    (void)assay_lgb_fail(reader, ASSAY_E_MODEL, header->lines[TREE_SIZES],
                         "tree_sizes says %lld bytes of tree %u, which has %lld", (long long)size,
                         index, (long long)(reader->line.ptr - start));
    assay_err_remedy(reader->input->err, "export the model again with Booster.save_model(); do not "
                                         "edit it or convert its line ends");
    return ASSAY_E_MODEL;
}

static enum assay_status read_trees(struct lgb_reader *reader, const struct header *header)
{
    uint32_t count = 0;
    enum assay_status status = count_trees(reader, header, &count);
    if (status != ASSAY_OK) {
        return status;
    }
    struct lgb_tree *trees = assay_arena_array(reader->arena, count, sizeof *trees);
    if (trees == NULL) {
        return assay_lgb_full(reader);
    }
    reader->lgb->trees = trees;
    reader->lgb->tree_count = count;
    struct assay_str sizes = header->values[TREE_SIZES];
    bool more = true;
    for (uint32_t i = 0; status == ASSAY_OK && i < count; i++) {
        const char *start = reader->line.ptr;
        status = check_tree_line(reader, i, count);
        if (status == ASSAY_OK) {
            status = assay_lgb_read_tree(reader, &trees[i], &more);
        }
        if (status == ASSAY_OK) {
            status = check_size(reader, header, &sizes, start, i);
        }
    }
    /* Version 2 wrote no "end of trees". */
    if (status == ASSAY_OK && header->values[VERSION].ptr[1] != '2' &&
        !assay_str_equal(reader->line, assay_str_of("end of trees"))) {
        status = assay_lgb_fail(reader, ASSAY_E_MODEL, reader->number,
                                "expected \"end of trees\" after tree %u", count - 1);
    }
    return status;
}

enum assay_status assay_lightgbm_read(struct assay_model **out,
                                      const struct assay_model_input *input)
{
    struct lgb_model *lgb = assay_arena_alloc(input->arena, sizeof *lgb);
    struct lgb_reader reader = {.input = input,
                                .arena = input->arena,
                                .at = input->bytes.ptr,
                                .end = input->bytes.ptr + input->bytes.len,
                                .lgb = lgb};
    struct header header = {0};
    if (lgb == NULL) {
        return assay_lgb_full(&reader);
    }
    enum assay_status status = note_header(&reader, &header);
    if (status == ASSAY_OK) {
        status = read_version(&reader, &header);
    }
    if (status == ASSAY_OK) {
        status = read_counts(&reader, &header);
    }
    if (status == ASSAY_OK) {
        status = read_objective(&reader, &header);
    }
    if (status == ASSAY_OK) {
        status = read_trees(&reader, &header);
    }
    if (status != ASSAY_OK) {
        return status;
    }
    for (uint32_t i = 0; i < lgb->tree_count; i += lgb->model.output_count) {
        lgb->baseline += expected(&lgb->trees[i]);
    }
    if (!assay_lgb_make_walk(input->arena, lgb)) {
        return assay_lgb_full(&reader);
    }
    assay_lgb_make_rules(lgb);
    lgb->model.ops = &lgb_ops;
    lgb->model.logit_slope = (double)NAN;
    if (lgb->link == LGB_SIGMOID) {
        const uint32_t iterations = lgb->tree_count / lgb->model.output_count;
        lgb->model.logit_slope = lgb->sigmoid / (lgb->average ? iterations : 1);
    }
    *out = &lgb->model;
    return ASSAY_OK;
}
