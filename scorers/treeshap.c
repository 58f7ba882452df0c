#include "scorers/lightgbm_pvt.h"

#include <math.h>

/*
 * Exact path-dependent TreeSHAP: Lundberg et al. 2018, "Consistent individualized feature
 * attribution for tree ensembles", Algorithm 2.
 *
 * The walk carries one element for each feature split on so far: the share of training rows that
 * would go on if the feature were unknown (zero), whether this row goes on (one), and, over all
 * elements, the weight of all subsets of known features of each size. A leaf then credits each
 * feature with the leaf's value times (one - zero) times the weight of the paths without it.
 */

struct element {
    uint32_t feature;
    double zero;
    double one;
    double weight; /* of the subsets with as many members as this element's index */
};

/* How the walk came to a node. */
struct entry {
    uint32_t feature;
    double zero;
    double one;
};

struct shap_walk {
    const struct lgb_tree *tree;
    const double *row;
    double *contributions;
};

enum { NO_FEATURE = -1 };

/* Add one element to a path whose last index becomes @p last. */
static void extend(struct element path[], uint32_t last, const struct entry *entry)
{
    path[last] = (struct element){
        .feature = entry->feature, .zero = entry->zero, .one = entry->one, .weight = last == 0};
    for (uint32_t i = last; i-- > 0;) {
        path[i + 1].weight += entry->one * path[i].weight * (i + 1) / (double)(last + 1);
        path[i].weight = entry->zero * path[i].weight * (last - i) / (double)(last + 1);
    }
}

/* Take element @p out of the path with last index @p last, as if it had never been added. */
static void unwind(struct element path[], uint32_t last, uint32_t out)
{
    const double one = path[out].one;
    const double zero = path[out].zero;
    double next = path[last].weight;
    for (uint32_t i = last; i-- > 0;) {
        if (one != 0) {
            const double weight = path[i].weight;
            path[i].weight = next * (last + 1) / ((i + 1) * one);
            next = weight - path[i].weight * zero * (last - i) / (double)(last + 1);
        } else {
            path[i].weight = path[i].weight * (last + 1) / (zero * (last - i));
        }
    }
    for (uint32_t i = out; i < last; i++) {
        path[i].feature = path[i + 1].feature;
        path[i].zero = path[i + 1].zero;
        path[i].one = path[i + 1].one;
    }
}

/* Sum of the weights that unwind() would leave, without changing the path. */
static double unwound_sum(const struct element path[], uint32_t last, uint32_t out)
{
    const double one = path[out].one;
    const double zero = path[out].zero;
    double next = path[last].weight;
    double total = 0;
    for (uint32_t i = last; i-- > 0;) {
        if (one != 0) {
            const double weight = next * (last + 1) / ((i + 1) * one);
            total += weight;
            next = path[i].weight - weight * zero * ((last - i) / (double)(last + 1));
        } else {
            total += path[i].weight / zero / ((last - i) / (double)(last + 1));
        }
    }
    return total;
}

static double rows_of(const struct lgb_tree *tree, int32_t at)
{
    return at >= 0 ? tree->node_rows[at] : tree->leaf_rows[~at];
}

/* Index of the feature's element, or last + 1. Element 0 belongs to no feature. */
static uint32_t find(const struct element path[], uint32_t last, uint32_t feature)
{
    uint32_t i = 1;
    while (i <= last && path[i].feature != feature) {
        i++;
    }
    return i;
}

static void credit(const struct shap_walk *walk, const struct element path[], uint32_t last,
                   double leaf)
{
    for (uint32_t i = 1; i <= last; i++) {
        const double weight = unwound_sum(path, last, i);
        walk->contributions[path[i].feature] += weight * (path[i].one - path[i].zero) * leaf;
    }
}

/* @p parent has elements 0 .. last - 1; its copy for this node is made right behind them. Depth is
 * bounded by the reader. */
static void visit(const struct shap_walk *walk, int32_t at, const struct element parent[],
                  struct element path[], uint32_t last, const struct entry *entry)
{
    if (entry->zero == 0 && entry->one == 0) {
        return; /* no row comes here, known or not: every product below is 0 */
    }
    if (last > 0) {
        memcpy(path, parent, last * sizeof path[0]);
    }
    extend(path, last, entry);
    if (at < 0) {
        credit(walk, path, last, walk->tree->leaves[~at]);
        return;
    }
    const struct lgb_node *node = &walk->tree->nodes[at];
    const int32_t hot = lgb_step(node, walk->row[node->feature]);
    const int32_t cold = hot == node->left ? node->right : node->left;
    const double rows = rows_of(walk->tree, at);
    struct entry hot_entry = {.feature = node->feature, .zero = 1, .one = 1};
    /* A feature that was split on before has one element: undo it, go on from its shares. */
    const uint32_t before = find(path, last, node->feature);
    if (before <= last) {
        hot_entry.zero = path[before].zero;
        hot_entry.one = path[before].one;
        unwind(path, last, before);
        last--;
    }
    struct entry cold_entry = {.feature = node->feature, .zero = hot_entry.zero, .one = 0};
    hot_entry.zero *= rows > 0 ? rows_of(walk->tree, hot) / rows : 0;
    cold_entry.zero *= rows > 0 ? rows_of(walk->tree, cold) / rows : 0;
    visit(walk, hot, path, path + last + 1, last + 1, &hot_entry);
    visit(walk, cold, path, path + last + 1, last + 1, &cold_entry);
}

double assay_lgb_explain(const struct assay_model *model, const double row[],
                         struct assay_arena *scratch, double contributions[])
{
    const struct lgb_model *lgb = (const struct lgb_model *)(const void *)model;
    const struct assay_arena_mark mark = assay_arena_mark(scratch);
    for (uint32_t i = 0; i < model->feature_count; i++) {
        contributions[i] = 0;
    }
    /* One copy of the path a level; a path has at most one element a feature, and element 0. */
    const uint32_t distinct =
        lgb->depth_max < model->feature_count ? lgb->depth_max : model->feature_count;
    struct element *paths = assay_arena_array(
        scratch, ((size_t)lgb->depth_max + 1) * ((size_t)distinct + 2), sizeof *paths);
    if (paths == NULL) {
        return NAN;
    }
    const struct entry root = {.feature = (uint32_t)NO_FEATURE, .zero = 1, .one = 1};
    for (uint32_t i = 0; i < lgb->tree_count; i += model->output_count) {
        const struct shap_walk walk = {&lgb->trees[i], row, contributions};
        if (walk.tree->leaf_count > 1) {
            visit(&walk, 0, NULL, paths, 0, &root);
        }
    }
    assay_arena_rewind(scratch, mark);
    return lgb->baseline;
}
