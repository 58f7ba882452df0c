#include "scorers/lightgbm_pvt.h"
#include "scorers/quadrature.h"

#include <math.h>

/*
 * Exact path-dependent TreeSHAP (Lundberg et al. 2018), by quadrature.
 *
 * At a leaf of value v let each feature k on its way have zero z_k, the share of training rows that
 * would go on if k were unknown, and one o_k, 1 if this row goes on and 0 if not. The Shapley value
 * of feature j from this leaf is
 *
 *     v (o_j - z_j) integral over t in [0, 1] of the product over k != j of (t o_k + (1 - t) z_k),
 *
 * since the integral of t^s (1 - t)^(m - s) is the Shapley weight of a subset of s out of m others.
 * The integrand is a polynomial in t, so a Gauss-Legendre rule with half as many points as the way
 * has features gives it exactly. At fixed t the products of all leaves are had in one pass down the
 * tree, and the sums of whole subtrees in one pass up: a feature's factor is divided out once an
 * edge, not once a leaf. That is some ten times faster than the paper's Algorithm 2, and no sum is
 * unwound, which loses all digits on ways of many features.
 *
 * An edge is the way into a child. Where its feature was split on before, the nearest such edge
 * above is `up`: the edge's factor replaces up's, and what up adds for this subtree is taken back.
 * Points are worked on eight at a time, in fixed order: the same bits on every CPU.
 */

enum { LANES = LGB_LANES };
static const uint32_t NO_EDGE = UINT32_MAX;

static uint32_t edge_of(const struct lgb_tree *tree, int32_t child)
{
    return child >= 0 ? (uint32_t)child : tree->leaf_count - 1 + (uint32_t)~child;
}

static double rows_of(const struct lgb_tree *tree, int32_t child)
{
    return child >= 0 ? tree->node_rows[child] : tree->leaf_rows[~child];
}

/* What the preparation knows of the way to a node. */
struct way {
    uint32_t parent;
    uint32_t features; /* different ones among the splits above */
};

static void prepare_edge(const struct lgb_tree *tree, uint32_t parent, int32_t child, uint32_t up,
                         struct lgb_edge edges[])
{
    const double rows = tree->node_rows[parent];
    const double share = rows > 0 ? rows_of(tree, child) / rows : 0;
    edges[edge_of(tree, child)] = (struct lgb_edge){
        .zero = up == NO_EDGE ? share : share * edges[up].zero, .share = share, .up = up};
}

bool assay_lgb_prepare(struct assay_arena *arena, struct lgb_tree *tree)
{
    ASSAY_ASSERT(tree->leaf_count > 1);
    const uint32_t nodes = tree->leaf_count - 1;
    struct lgb_edge *edges =
        assay_arena_array(arena, (size_t)nodes + tree->leaf_count, sizeof *edges);
    const struct assay_arena_mark mark = assay_arena_mark(arena);
    struct way *ways = assay_arena_array(arena, nodes, sizeof *ways);
    if (edges == NULL || ways == NULL) {
        return false;
    }
    uint32_t most = 0;
    for (uint32_t i = 0; i < nodes; i++) {
        const struct lgb_node *node = &tree->nodes[i];
        uint32_t up = i; /* the edge into node i, then those above it */
        while (up != 0 && tree->nodes[ways[up].parent].feature != node->feature) {
            up = ways[up].parent;
        }
        up = up == 0 ? NO_EDGE : up;
        const uint32_t features = ways[i].features + (up == NO_EDGE ? 1 : 0);
        most = features > most ? features : most;
        const int32_t children[2] = {node->left, node->right};
        for (int side = 0; side < 2; side++) {
            prepare_edge(tree, i, children[side], up, edges);
            if (children[side] >= 0) {
                ways[children[side]] = (struct way){.parent = i, .features = features};
            }
        }
    }
    assay_arena_rewind(arena, mark);
    tree->edges = edges;
    tree->way_features = most;
    /* The largest rule is good to 12 digits up to LGB_WAY_FEATURES_MAX, the reader's limit. */
    const uint32_t blocks = (most + 2 * LANES - 1) / (2 * LANES);
    tree->blocks = blocks < LGB_RULES ? blocks : LGB_RULES;
    return true;
}

/* Eight points of a rule. */
struct block {
    double t[LANES];
    double rest[LANES]; /* 1 - t */
    double weight[LANES];
    double cold[LANES]; /* coefficient of an edge this row does not take: -weight / (1 - t) */
};

struct lane_row {
    double at[LANES];
};

struct quad_walk {
    const struct lgb_tree *tree;
    const double *row;
    const struct block *block;
    struct lane_row *products;     /* an edge; on the way up, the sum of its leaves */
    struct lane_row *coefficients; /* weight (o - z) / factor */
    struct lane_row *inverses;     /* 1 / factor of an edge this row takes */
    struct lane_row *totals;       /* a feature */
    bool *taken;                   /* o of an edge */
};

/* Down one edge whose `up`, if any, this row takes. */
static void descend(const struct quad_walk *walk, uint32_t e, bool taken,
                    const struct lane_row *parent, const struct lane_row *undo)
{
    const struct block *block = walk->block;
    const double zero = walk->tree->edges[e].zero;
    double *product = walk->products[e].at;
    double *coefficient = walk->coefficients[e].at;
    double *inverse = walk->inverses[e].at;
    walk->taken[e] = taken;
    if (!taken) {
        for (int q = 0; q < LANES; q++) {
            product[q] = parent->at[q] * (block->rest[q] * zero) * undo->at[q];
            coefficient[q] = block->cold[q];
        }
        return;
    }
    const double less = 1 - zero;
    for (int q = 0; q < LANES; q++) {
        const double factor = block->t[q] + block->rest[q] * zero;
        inverse[q] = 1 / factor;
        product[q] = parent->at[q] * factor * undo->at[q];
        coefficient[q] = block->weight[q] * less * inverse[q];
    }
}

/* Down one edge below one of the same feature that this row does not take: (1 - t) z replaces
 * (1 - t) z_up, and the coefficients are the same, so nothing is added or taken back. */
static void descend_cold(const struct quad_walk *walk, uint32_t e, const struct lane_row *parent)
{
    const double share = walk->tree->edges[e].share;
    walk->taken[e] = false;
    for (int q = 0; q < LANES; q++) {
        walk->products[e].at[q] = parent->at[q] * share;
    }
}

static const struct lane_row unit = {{1, 1, 1, 1, 1, 1, 1, 1}};
static const struct lane_row none = {{0}};

static void go_down(const struct quad_walk *walk)
{
    const struct lgb_tree *tree = walk->tree;
    for (uint32_t i = 0; i + 1 < tree->leaf_count; i++) {
        const struct lgb_node *node = &tree->nodes[i];
        const struct lane_row *parent = i == 0 ? &unit : &walk->products[i];
        const int32_t hot = lgb_next(node, walk->row[node->feature]);
        const int32_t children[2] = {node->left, node->right};
        for (int side = 0; side < 2; side++) {
            const uint32_t e = edge_of(tree, children[side]);
            const uint32_t up = tree->edges[e].up;
            if (up != NO_EDGE && !walk->taken[up]) {
                descend_cold(walk, e, parent);
            } else {
                descend(walk, e, children[side] == hot, parent,
                        up == NO_EDGE ? &unit : &walk->inverses[up]);
            }
        }
    }
}

/* Up one edge: its feature's total, then its leaves join its parent's. */
static void ascend(const struct quad_walk *walk, int32_t child, uint32_t feature,
                   struct lane_row *parent)
{
    const uint32_t e = edge_of(walk->tree, child);
    const uint32_t up = walk->tree->edges[e].up;
    const double leaf = child < 0 ? walk->tree->leaves[~child] : 1;
    struct lane_row sum = walk->products[e];
    for (int q = 0; q < LANES; q++) {
        sum.at[q] *= leaf;
        parent->at[q] += sum.at[q];
    }
    if (up != NO_EDGE && !walk->taken[up]) {
        return;
    }
    const struct lane_row *above = up == NO_EDGE ? &none : &walk->coefficients[up];
    double *total = walk->totals[feature].at;
    for (int q = 0; q < LANES; q++) {
        total[q] += (walk->coefficients[e].at[q] - above->at[q]) * sum.at[q];
    }
}

static void go_up(const struct quad_walk *walk)
{
    const struct lgb_tree *tree = walk->tree;
    for (uint32_t i = tree->leaf_count - 1; i-- > 0;) {
        const struct lgb_node *node = &tree->nodes[i];
        struct lane_row sum = none;
        ascend(walk, node->left, node->feature, &sum);
        ascend(walk, node->right, node->feature, &sum);
        walk->products[i] = sum; /* the root's is the tree's output; nobody reads it */
    }
}

void assay_lgb_make_rules(struct lgb_model *lgb)
{
    uint32_t needed = 0;
    for (uint32_t i = 0; i < lgb->tree_count; i++) {
        const uint32_t blocks = lgb->trees[i].blocks;
        needed = blocks > needed ? blocks : needed;
    }
    lgb->rule_count = needed;
    for (uint32_t n = 0; n < needed; n++) {
        assay_quadrature((n + 1) * LANES, lgb->rules[n].points, lgb->rules[n].weights);
    }
}

static struct block make_block(const struct lgb_rule *rule, uint32_t count, uint32_t first)
{
    struct block block;
    for (uint32_t q = 0; q < LANES; q++) {
        const uint32_t i = first + q;
        block.t[q] = rule->points[i];
        block.rest[q] = rule->points[count - 1 - i]; /* the rule is symmetric */
        block.weight[q] = rule->weights[i];
        block.cold[q] = -block.weight[q] / block.rest[q];
    }
    return block;
}

/* Memory of one explanation. @return false: scratch is full. */
static bool take_memory(const struct lgb_model *lgb, struct assay_arena *scratch,
                        struct quad_walk *walk)
{
    const size_t edges = 2 * (size_t)lgb->leaves_max - 1;
    struct lane_row *rows =
        assay_arena_array(scratch, 3 * edges + lgb->model.feature_count, sizeof *rows);
    walk->taken = assay_arena_array(scratch, edges, sizeof *walk->taken);
    if (rows == NULL || walk->taken == NULL) {
        return false;
    }
    walk->products = rows;
    walk->coefficients = rows + edges;
    walk->inverses = rows + 2 * edges;
    walk->totals = rows + 3 * edges;
    return true;
}

static void walk_trees(const struct lgb_model *lgb, struct quad_walk walk)
{
    struct block blocks[LGB_RULES * (LGB_RULES + 1) / 2]; /* of rule 0, of rule 1, ... */
    for (uint32_t n = 1, b = 0; n <= lgb->rule_count; n++) {
        for (uint32_t i = 0; i < n; i++) {
            blocks[b++] = make_block(&lgb->rules[n - 1], n * LANES, i * LANES);
        }
    }
    for (uint32_t i = 0; i < lgb->tree_count; i += lgb->model.output_count) {
        const uint32_t n = lgb->trees[i].blocks; /* 0: a constant */
        walk.tree = &lgb->trees[i];
        for (uint32_t b = 0; b < n; b++) {
            walk.block = &blocks[n * (n - 1) / 2 + b];
            go_down(&walk);
            go_up(&walk);
        }
    }
}

double assay_lgb_explain(const struct assay_model *model, const double row[], bool most,
                         struct assay_arena *scratch, double contributions[])
{
    (void)most;
    const struct lgb_model *lgb = (const struct lgb_model *)(const void *)model;
    const struct assay_arena_mark mark = assay_arena_mark(scratch);
    struct quad_walk walk = {.row = row};
    const bool good = take_memory(lgb, scratch, &walk);
    if (good) {
        walk_trees(lgb, walk);
    }
    for (uint32_t f = 0; f < model->feature_count; f++) {
        contributions[f] = 0;
        for (int q = 0; good && q < LANES; q++) {
            contributions[f] += walk.totals[f].at[q];
        }
    }
    assay_arena_rewind(scratch, mark);
    return good ? lgb->baseline : (double)NAN;
}
