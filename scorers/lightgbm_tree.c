#include "scorers/lightgbm_pvt.h"

#include "engine/base/number.h"

#include <math.h>

/*
 * A tree is a block of key=value lines that ends with a blank one. All lines are noted first, then
 * the arrays are read, since their lengths come from num_leaves, which may stand anywhere.
 */

enum { LEAVES_MAX = 1 << 24 };

enum tree_key {
    NUM_LEAVES,
    NUM_CAT,
    SPLIT_FEATURE,
    THRESHOLD,
    DECISION_TYPE,
    LEFT_CHILD,
    RIGHT_CHILD,
    LEAF_VALUE,
    LEAF_COUNT,
    INTERNAL_COUNT,
    IS_LINEAR,
    SPLIT_GAIN, /* from here on: known, not needed for scores */
    LEAF_WEIGHT,
    INTERNAL_VALUE,
    INTERNAL_WEIGHT,
    SHRINKAGE,
    CAT_BOUNDARIES, /* and these belong to what is refused */
    CAT_THRESHOLD,
    LEAF_CONST,
    NUM_FEATURES,
    LEAF_FEATURES,
    LEAF_COEFF,
    TREE_KEYS,
};

static const char *const key_names[TREE_KEYS] = {
    [NUM_LEAVES] = "num_leaves",
    [NUM_CAT] = "num_cat",
    [SPLIT_FEATURE] = "split_feature",
    [THRESHOLD] = "threshold",
    [DECISION_TYPE] = "decision_type",
    [LEFT_CHILD] = "left_child",
    [RIGHT_CHILD] = "right_child",
    [LEAF_VALUE] = "leaf_value",
    [LEAF_COUNT] = "leaf_count",
    [INTERNAL_COUNT] = "internal_count",
    [IS_LINEAR] = "is_linear",
    [SPLIT_GAIN] = "split_gain",
    [LEAF_WEIGHT] = "leaf_weight",
    [INTERNAL_VALUE] = "internal_value",
    [INTERNAL_WEIGHT] = "internal_weight",
    [SHRINKAGE] = "shrinkage",
    [CAT_BOUNDARIES] = "cat_boundaries",
    [CAT_THRESHOLD] = "cat_threshold",
    [LEAF_CONST] = "leaf_const",
    [NUM_FEATURES] = "num_features",
    [LEAF_FEATURES] = "leaf_features",
    [LEAF_COEFF] = "leaf_coeff",
};

struct tree_text {
    struct assay_str values[TREE_KEYS]; /* ptr NULL: not given */
    uint32_t lines[TREE_KEYS];
    uint32_t line; /* of Tree=i */
};

static enum assay_status note_line(struct lgb_reader *reader, struct tree_text *text)
{
    const struct lgb_pair pair = assay_lgb_pair(reader);
    const int shown = (int)(pair.key.len < 64 ? pair.key.len : 64);
    if (pair.value.ptr == NULL) {
        return assay_lgb_fail(reader, ASSAY_E_MODEL, reader->number,
                              "\"%.*s\" is not key=value inside a tree", shown, pair.key.ptr);
    }
    int key = 0;
    while (key < TREE_KEYS && !assay_str_equal(pair.key, assay_str_of(key_names[key]))) {
        key++;
    }
    if (key == TREE_KEYS) {
        return assay_lgb_fail(reader, ASSAY_E_UNSUPPORTED, reader->number,
                              "unknown key \"%.*s\" of a tree", shown, pair.key.ptr);
    }
    if (text->values[key].ptr != NULL) {
        return assay_lgb_fail(reader, ASSAY_E_MODEL, reader->number,
                              "\"%s\" is given twice in a tree", key_names[key]);
    }
    text->values[key] = pair.value;
    text->lines[key] = reader->number;
    return ASSAY_OK;
}

/* Note the lines up to the blank one; stop at the next line that is not blank. */
static enum assay_status note_lines(struct lgb_reader *reader, struct tree_text *text, bool *more)
{
    text->line = reader->number;
    *more = assay_lgb_next_line(reader);
    while (*more && reader->line.len > 0) {
        const enum assay_status status = note_line(reader, text);
        if (status != ASSAY_OK) {
            return status;
        }
        *more = assay_lgb_next_line(reader);
    }
    while (*more && reader->line.len == 0) {
        *more = assay_lgb_next_line(reader);
    }
    return ASSAY_OK;
}

static enum assay_status need(const struct lgb_reader *reader, const struct tree_text *text,
                              enum tree_key key)
{
    if (text->values[key].ptr != NULL) {
        return ASSAY_OK;
    }
    return assay_lgb_fail(reader, ASSAY_E_MODEL, text->line, "the tree has no \"%s\"",
                          key_names[key]);
}

/* The count or flag of a key; 0 when it is optional and absent. */
static enum assay_status read_one(const struct lgb_reader *reader, const struct tree_text *text,
                                  enum tree_key key, int64_t max, int64_t *out)
{
    *out = 0;
    if (text->values[key].ptr == NULL || assay_lgb_integer(text->values[key], 0, max, out)) {
        return ASSAY_OK;
    }
    const struct assay_str value = text->values[key];
    (void)assay_lgb_fail(reader, ASSAY_E_MODEL, text->lines[key], "bad %s", key_names[key]);
    assay_err_value(reader->input->err, "%.*s", (int)(value.len < 64 ? value.len : 64), value.ptr);
    assay_err_allowed(reader->input->err, "0 to %lld", (long long)max);
    return ASSAY_E_MODEL;
}

static enum assay_status bad_item(const struct lgb_reader *reader, const struct tree_text *text,
                                  enum tree_key key, uint32_t index, struct assay_str word)
{
    (void)assay_lgb_fail(reader, ASSAY_E_MODEL, text->lines[key], "%s: bad value %u",
                         key_names[key], index + 1);
    assay_err_value(reader->input->err, "%.*s", (int)(word.len < 64 ? word.len : 64), word.ptr);
    return ASSAY_E_MODEL;
}

/* Walks the values of a key, which must be `count`. */
struct item_walk {
    const struct lgb_reader *reader;
    const struct tree_text *text;
    enum tree_key key;
    struct assay_str rest;
    struct assay_str word;
};

static enum assay_status walk_start(struct item_walk *walk, const struct lgb_reader *reader,
                                    const struct tree_text *text, enum tree_key key)
{
    *walk =
        (struct item_walk){.reader = reader, .text = text, .key = key, .rest = text->values[key]};
    return need(reader, text, key);
}

static enum assay_status walk_next(struct item_walk *walk, uint32_t index, uint32_t count)
{
    if (assay_lgb_word(&walk->rest, &walk->word)) {
        return ASSAY_OK;
    }
    return assay_lgb_fail(walk->reader, ASSAY_E_MODEL, walk->text->lines[walk->key],
                          "%s has %u values, not %u", key_names[walk->key], index, count);
}

static enum assay_status walk_end(struct item_walk *walk, uint32_t count)
{
    if (!assay_lgb_word(&walk->rest, &walk->word)) {
        return ASSAY_OK;
    }
    return assay_lgb_fail(walk->reader, ASSAY_E_MODEL, walk->text->lines[walk->key],
                          "%s has more than %u values", key_names[walk->key], count);
}

static enum assay_status read_integers(const struct lgb_reader *reader,
                                       const struct tree_text *text, enum tree_key key,
                                       const int64_t range[2], uint32_t count, int32_t out[])
{
    struct item_walk walk;
    enum assay_status status = walk_start(&walk, reader, text, key);
    for (uint32_t i = 0; status == ASSAY_OK && i < count; i++) {
        int64_t value = 0;
        status = walk_next(&walk, i, count);
        if (status == ASSAY_OK && !assay_lgb_integer(walk.word, range[0], range[1], &value)) {
            status = bad_item(reader, text, key, i, walk.word);
            assay_err_allowed(reader->input->err, "an integer, %lld to %lld", (long long)range[0],
                              (long long)range[1]);
        }
        out[i] = (int32_t)value;
    }
    return status == ASSAY_OK ? walk_end(&walk, count) : status;
}

/* A finite number, or an infinity where @p key may have one: a split that parts missing values from
 * all others has threshold inf. */
static bool read_real(struct assay_str word, enum tree_key key, double *out)
{
    if (key == THRESHOLD && assay_str_equal(word, assay_str_of("inf"))) {
        *out = INFINITY;
        return true;
    }
    if (key == THRESHOLD && assay_str_equal(word, assay_str_of("-inf"))) {
        *out = -INFINITY;
        return true;
    }
    return assay_number_parse(word, out) && isfinite(*out);
}

static enum assay_status read_reals(const struct lgb_reader *reader, const struct tree_text *text,
                                    enum tree_key key, uint32_t count, double out[])
{
    struct item_walk walk;
    enum assay_status status = walk_start(&walk, reader, text, key);
    for (uint32_t i = 0; status == ASSAY_OK && i < count; i++) {
        status = walk_next(&walk, i, count);
        if (status == ASSAY_OK && !read_real(walk.word, key, &out[i])) {
            status = bad_item(reader, text, key, i, walk.word);
            assay_err_allowed(reader->input->err,
                              key == THRESHOLD ? "a number, inf or -inf" : "a finite number");
        }
    }
    return status == ASSAY_OK ? walk_end(&walk, count) : status;
}

/* decision_type: bit 0 categorical, bit 1 default left, bits 2-3 the missing type. */
static enum assay_status decode_decision(const struct lgb_reader *reader,
                                         const struct tree_text *text, uint32_t index, int32_t bits,
                                         struct lgb_node *node)
{
    if ((bits & 1) != 0) {
        return assay_lgb_fail(reader, ASSAY_E_UNSUPPORTED, text->lines[DECISION_TYPE],
                              "a categorical split");
    }
    const int missing = bits >> 2 & 3;
    if (bits > 15 || missing > LGB_MISSING_NAN) {
        (void)assay_lgb_fail(reader, ASSAY_E_UNSUPPORTED, text->lines[DECISION_TYPE],
                             "unknown decision type at node %u", index);
        assay_err_value(reader->input->err, "%d", bits);
        return ASSAY_E_UNSUPPORTED;
    }
    node->default_left = (bits & 2) != 0;
    node->missing = (uint8_t)missing;
    return ASSAY_OK;
}

/* Columns of the node table before they are packed. */
struct node_columns {
    int32_t *features, *decisions, *left, *right;
    double *thresholds;
};

static enum assay_status read_columns(const struct lgb_reader *reader, const struct tree_text *text,
                                      uint32_t nodes, struct node_columns *columns)
{
    int32_t *words = assay_arena_array(reader->arena, (size_t)nodes * 4, sizeof *words);
    columns->thresholds = assay_arena_array(reader->arena, nodes, sizeof(double));
    if (words == NULL || columns->thresholds == NULL) {
        return assay_lgb_full(reader);
    }
    columns->features = words;
    columns->decisions = words + nodes;
    columns->left = words + 2 * (size_t)nodes;
    columns->right = words + 3 * (size_t)nodes;
    const int64_t features[2] = {0, (int64_t)reader->lgb->model.feature_count - 1};
    const int64_t bits[2] = {0, 127};
    const int64_t children[2] = {-(int64_t)nodes - 1, (int64_t)nodes - 1};
    enum assay_status status =
        read_integers(reader, text, SPLIT_FEATURE, features, nodes, columns->features);
    if (status == ASSAY_OK) {
        status = read_reals(reader, text, THRESHOLD, nodes, columns->thresholds);
    }
    if (status == ASSAY_OK) {
        status = read_integers(reader, text, DECISION_TYPE, bits, nodes, columns->decisions);
    }
    if (status == ASSAY_OK) {
        status = read_integers(reader, text, LEFT_CHILD, children, nodes, columns->left);
    }
    return status == ASSAY_OK
               ? read_integers(reader, text, RIGHT_CHILD, children, nodes, columns->right)
               : status;
}

static enum assay_status read_nodes(struct lgb_reader *reader, const struct tree_text *text,
                                    uint32_t count, struct lgb_node nodes[])
{
    const struct assay_arena_mark mark = assay_arena_mark(reader->arena);
    struct node_columns columns = {0};
    enum assay_status status = read_columns(reader, text, count, &columns);
    ASSAY_ASSERT(status != ASSAY_OK || columns.left != NULL);
    for (uint32_t i = 0; status == ASSAY_OK && i < count; i++) {
        nodes[i] = (struct lgb_node){.threshold = columns.thresholds[i],
                                     .left = columns.left[i],
                                     .right = columns.right[i],
                                     .feature = (uint32_t)columns.features[i]};
        status = decode_decision(reader, text, i, columns.decisions[i], &nodes[i]);
    }
    assay_arena_rewind(reader->arena, mark);
    return status;
}

static enum assay_status read_rows(const struct lgb_reader *reader, const struct tree_text *text,
                                   enum tree_key key, uint32_t count, const uint32_t **out)
{
    uint32_t *rows = assay_arena_array(reader->arena, count, sizeof *rows);
    if (rows == NULL) {
        return assay_lgb_full(reader);
    }
    const int64_t range[2] = {0, INT32_MAX};
    *out = rows;
    /* Values are not negative, so both integer types hold them alike. */
    return read_integers(reader, text, key, range, count, (int32_t *)(void *)rows);
}

struct tree_check {
    const struct lgb_reader *reader;
    const struct tree_text *text;
    bool *node_seen;
    bool *leaf_seen;
};

static enum assay_status check_child(const struct tree_check *check, uint32_t parent, int32_t child,
                                     enum tree_key key)
{
    bool *seen = child < 0 ? &check->leaf_seen[~child] : &check->node_seen[child];
    const bool good = !*seen && (child < 0 || (uint32_t)child > parent);
    *seen = true;
    return good ? ASSAY_OK
                : assay_lgb_fail(check->reader, ASSAY_E_MODEL, check->text->lines[key],
                                 "not a tree: %s of node %u is %d", key_names[key], parent, child);
}

/*
 * Every child stands after its parent and has only one, so walks end and, by counting (two children
 * a node, one node less than leaves), every node and leaf is reached.
 */
static enum assay_status check_shape(struct lgb_reader *reader, const struct tree_text *text,
                                     const struct lgb_tree *tree)
{
    const uint32_t nodes = tree->leaf_count - 1;
    const struct assay_arena_mark mark = assay_arena_mark(reader->arena);
    const struct tree_check check = {
        reader, text, assay_arena_array(reader->arena, nodes, sizeof(bool)),
        assay_arena_array(reader->arena, tree->leaf_count, sizeof(bool))};
    if (check.node_seen == NULL || check.leaf_seen == NULL) {
        return assay_lgb_full(reader);
    }
    enum assay_status status = ASSAY_OK;
    ASSAY_ASSERT(tree->nodes != NULL);
    for (uint32_t i = 0; status == ASSAY_OK && i < nodes; i++) {
        status = check_child(&check, i, tree->nodes[i].left, LEFT_CHILD);
        if (status == ASSAY_OK) {
            status = check_child(&check, i, tree->nodes[i].right, RIGHT_CHILD);
        }
    }
    assay_arena_rewind(reader->arena, mark);
    return status;
}

static enum assay_status refuse_constructs(const struct lgb_reader *reader,
                                           const struct tree_text *text)
{
    int64_t categories = 0;
    int64_t linear = 0;
    enum assay_status status = read_one(reader, text, NUM_CAT, LEAVES_MAX, &categories);
    if (status == ASSAY_OK) {
        status = read_one(reader, text, IS_LINEAR, 1, &linear);
    }
    if (status != ASSAY_OK) {
        return status;
    }
    for (int key = CAT_BOUNDARIES; key <= CAT_THRESHOLD; key++) {
        if (categories > 0 || text->values[key].ptr != NULL) {
            return assay_lgb_fail(reader, ASSAY_E_UNSUPPORTED, text->line, "a categorical split");
        }
    }
    for (int key = LEAF_CONST; key <= LEAF_COEFF; key++) {
        if (linear > 0 || text->values[key].ptr != NULL) {
            return assay_lgb_fail(reader, ASSAY_E_UNSUPPORTED, text->line,
                                  "a linear tree (linear_tree=true)");
        }
    }
    return ASSAY_OK;
}

static enum assay_status read_splits(struct lgb_reader *reader, const struct tree_text *text,
                                     struct lgb_tree *tree)
{
    const uint32_t count = tree->leaf_count - 1;
    struct lgb_node *nodes = assay_arena_array(reader->arena, count, sizeof *nodes);
    if (nodes == NULL) {
        return assay_lgb_full(reader);
    }
    tree->nodes = nodes;
    enum assay_status status = read_nodes(reader, text, count, nodes);
    if (status == ASSAY_OK) {
        status = read_rows(reader, text, INTERNAL_COUNT, count, &tree->node_rows);
    }
    if (status == ASSAY_OK) {
        status = read_rows(reader, text, LEAF_COUNT, tree->leaf_count, &tree->leaf_rows);
    }
    if (status == ASSAY_OK && tree->node_rows[0] == 0) {
        status = assay_lgb_fail(reader, ASSAY_E_MODEL, text->lines[INTERNAL_COUNT],
                                "internal_count: no row reached the root");
    }
    if (status == ASSAY_OK) {
        status = check_shape(reader, text, tree);
    }
    if (status == ASSAY_OK && !assay_lgb_prepare(reader->arena, tree)) {
        status = assay_lgb_full(reader);
    }
    if (status == ASSAY_OK && tree->way_features > LGB_WAY_FEATURES_MAX) {
        status = assay_lgb_fail(reader, ASSAY_E_UNSUPPORTED, text->line,
                                "a way to a leaf that splits on %u features, more than %d",
                                tree->way_features, LGB_WAY_FEATURES_MAX);
    }
    return status;
}

enum assay_status assay_lgb_read_tree(struct lgb_reader *reader, struct lgb_tree *tree, bool *more)
{
    struct tree_text text = {0};
    enum assay_status status = note_lines(reader, &text, more);
    if (status == ASSAY_OK) {
        status = refuse_constructs(reader, &text);
    }
    if (status == ASSAY_OK) {
        status = need(reader, &text, NUM_LEAVES);
    }
    if (status == ASSAY_OK) {
        status = need(reader, &text, LEAF_VALUE);
    }
    int64_t leaves = 0;
    if (status == ASSAY_OK) {
        status = read_one(reader, &text, NUM_LEAVES, LEAVES_MAX, &leaves);
    }
    if (status == ASSAY_OK && leaves == 0) {
        status =
            assay_lgb_fail(reader, ASSAY_E_MODEL, text.lines[NUM_LEAVES], "a tree without leaves");
    }
    if (status != ASSAY_OK) {
        return status;
    }
    /* A leaf needs a digit and a blank: do not take memory for more than the file can hold. */
    if ((uint64_t)leaves > ((uint64_t)text.values[LEAF_VALUE].len + 1) / 2) {
        return assay_lgb_fail(reader, ASSAY_E_MODEL, text.line,
                              "leaf_value has fewer values than num_leaves says");
    }
    tree->leaf_count = (uint32_t)leaves;
    if (tree->leaf_count > reader->lgb->leaves_max) {
        reader->lgb->leaves_max = tree->leaf_count;
    }
    double *values = assay_arena_array(reader->arena, tree->leaf_count, sizeof *values);
    if (values == NULL) {
        return assay_lgb_full(reader);
    }
    tree->leaves = values;
    status = read_reals(reader, &text, LEAF_VALUE, tree->leaf_count, values);
    /* A tree of one leaf is a constant; the library writes its other arrays empty. */
    return status == ASSAY_OK && leaves > 1 ? read_splits(reader, &text, tree) : status;
}
