/*
 * scorers/lightgbm_pvt.h - a LightGBM model in memory, and the pieces of its text reader.
 */
#ifndef ASSAY_SCORERS_LIGHTGBM_PVT_H
#define ASSAY_SCORERS_LIGHTGBM_PVT_H

#include "scorers/model_pvt.h"

enum lgb_missing { LGB_MISSING_NONE, LGB_MISSING_ZERO, LGB_MISSING_NAN };

/** A split. Children: >= 0 a node of the tree, < 0 leaf ~child; a child node stands after its
 * parent, which bounds every walk. */
struct lgb_node {
    double threshold; /* x <= threshold goes left */
    int32_t left;
    int32_t right;
    uint32_t feature;
    uint8_t missing;   /* enum lgb_missing */
    bool default_left; /* where a missing value goes */
};

enum {
    LGB_LANES = 8,              /* points of a quadrature rule that are worked on together */
    LGB_RULES = 8,              /* rules of 8, 16, ... 64 points */
    LGB_WAY_FEATURES_MAX = 512, /* different features on the way to one leaf */
};

/** The way into a child; see treeshap.c. */
struct lgb_edge {
    double zero;  /* share of training rows that pass all splits on this edge's feature so far */
    double share; /* of the parent's training rows */
    uint32_t up;  /* nearest edge above with the same feature; UINT32_MAX: none */
};

struct lgb_rule {
    double points[LGB_RULES * LGB_LANES];
    double weights[LGB_RULES * LGB_LANES];
};

struct lgb_tree {
    const struct lgb_node *nodes; /* leaf_count - 1 of them */
    const double *leaves;
    const uint32_t
        *node_rows; /* training rows that reached a node, a leaf: the cover of TreeSHAP */
    const uint32_t *leaf_rows;
    const struct lgb_edge *edges; /* into node i at i, into leaf i at leaf_count - 1 + i */
    uint32_t leaf_count;
    uint32_t way_features; /* most different features on the way to a leaf */
    uint32_t blocks;       /* of LGB_LANES points: the tree's rule; 0: a constant */
};

/** How a raw score becomes a prediction; each in the library's own arithmetic. */
enum lgb_link { LGB_IDENTITY, LGB_SQUARE, LGB_EXP, LGB_SIGMOID, LGB_LOG1P_EXP, LGB_SOFTMAX };

struct lgb_walk; /* the trees laid out for speed; see lightgbm_walk.c */

struct lgb_model {
    struct assay_model model;
    const struct lgb_tree *trees; /* tree i serves class i mod output_count */
    uint32_t tree_count;
    const struct lgb_walk *walk; /* NULL: too many slots or steps */
    enum lgb_link link;
    double sigmoid;
    bool average;        /* predictions (not raw scores) are divided by the number of iterations */
    double baseline;     /* expected raw score 0 */
    uint32_t leaves_max; /* of one tree */
    uint32_t rule_count; /* made; rule i has (i + 1) LGB_LANES points */
    struct lgb_rule rules[LGB_RULES];
};

/** Where the library's dense entry point makes an exact 0 of a value: 1e-35 as an f32. */
#define LGB_ZERO 0x1.a95a5cp-117

/** The child a value goes to. */
static inline int32_t lgb_next(const struct lgb_node *node, double value)
{
    if (__builtin_isnan(value)) {
        if (node->missing == LGB_MISSING_NAN) {
            return node->default_left ? node->left : node->right;
        }
        value = 0;
    }
    if (value >= -LGB_ZERO && value <= LGB_ZERO) {
        if (node->missing == LGB_MISSING_ZERO) {
            return node->default_left ? node->left : node->right;
        }
        value = 0;
    }
    return value <= node->threshold ? node->left : node->right;
}

/** The leaf value of a row. Children stand after their parents, so the walk ends. */
static inline double lgb_leaf(const struct lgb_tree *tree, const double row[])
{
    int32_t at = tree->leaf_count == 1 ? -1 : 0;
    while (at >= 0) {
        const struct lgb_node *node = &tree->nodes[at];
        at = lgb_next(node, row[node->feature]);
    }
    return tree->leaves[~at];
}

/** Add all leaf values to raw[], trees in order, tree i to class i mod output_count. */
void assay_lgb_leaves(const struct lgb_model *lgb, const double row[], double raw[]);
/** Lay the trees out for assay_lgb_leaves(). @return false: the arena is full. */
bool assay_lgb_make_walk(struct assay_arena *arena, struct lgb_model *lgb);
/** Exact path-dependent TreeSHAP of raw score 0; see assay_model_explain(). */
double assay_lgb_explain(const struct assay_model *model, const double row[], bool most,
                         struct assay_arena *scratch, double contributions[]);

/** Shares of a tree's edges, ahead of explanations. @return false: the arena is full. */
bool assay_lgb_prepare(struct assay_arena *arena, struct lgb_tree *tree);
/** Fill the model's quadrature rules. */
void assay_lgb_make_rules(struct lgb_model *lgb);
/** Reader of the text: a line at a time, the current one in `line`. */
struct lgb_reader {
    const struct assay_model_input *input;
    struct assay_arena *arena;
    const char *at; /* of the next line */
    const char *end;
    struct assay_str line; /* without its end */
    uint32_t number;       /* of that line, from 1 */
    struct lgb_model *lgb;
};

/** `key=value` of the current line; value.ptr NULL: there is no '='. */
struct lgb_pair {
    struct assay_str key;
    struct assay_str value;
};

/** Go to the next line. @return false at the end of the file. */
bool assay_lgb_next_line(struct lgb_reader *reader);
/** Split the current line at its first '='. */
struct lgb_pair assay_lgb_pair(const struct lgb_reader *reader);
/** Does the current line begin with @p prefix? */
bool assay_lgb_starts(const struct lgb_reader *reader, const char *prefix);
/** Fill the error with `where:line`. @return @p status. */
enum assay_status assay_lgb_fail(const struct lgb_reader *reader, enum assay_status status,
                                 uint32_t line, const char *format, ...) ASSAY_PRINTF(4, 5);
/** Fill the error: the arena is full. @return ASSAY_E_NO_MEMORY. */
enum assay_status assay_lgb_full(const struct lgb_reader *reader);
/** An integer of @p text within [min, max]. @return false: it is not one. */
bool assay_lgb_integer(struct assay_str text, int64_t min, int64_t max, int64_t *out);
/** The next blank-separated word of @p rest, taken off it. @return false: none is left. */
bool assay_lgb_word(struct assay_str *rest, struct assay_str *word);

/**
 * Read one tree: the current line is `Tree=i`.
 *
 * Ends on the line after the tree's last one. @retval ASSAY_E_MODEL, ASSAY_E_UNSUPPORTED,
 * ASSAY_E_NO_MEMORY.
 */
ASSAY_MUST_CHECK enum assay_status assay_lgb_read_tree(struct lgb_reader *reader,
                                                       struct lgb_tree *tree, bool *more);

#endif
