/*
 * tests/support/lightgbm_text.h - random LightGBM models as arrays and as text.
 *
 * The arrays are the truth for oracles written from the format's rules; the text is what the reader
 * gets. Trees grow as the library grows them: a random leaf becomes a node with two leaves.
 */
#ifndef ASSAY_TESTS_LIGHTGBM_TEXT_H
#define ASSAY_TESTS_LIGHTGBM_TEXT_H

#include "tests/support/cmocka_all.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_LEAVES_MAX = 140, TEXT_TREES_MAX = 24 };

struct text_tree {
    int leaves;
    int feature[TEXT_LEAVES_MAX], decision[TEXT_LEAVES_MAX];
    int left[TEXT_LEAVES_MAX], right[TEXT_LEAVES_MAX]; /* < 0: leaf ~child */
    int node_rows[TEXT_LEAVES_MAX], leaf_rows[TEXT_LEAVES_MAX];
    double threshold[TEXT_LEAVES_MAX], value[TEXT_LEAVES_MAX];
};

struct text_model {
    int features, classes, trees;
    const char *version, *objective; /* objective NULL: none */
    int average;
    struct text_tree tree[TEXT_TREES_MAX];
};

/* Values that the rules of missing and zero treat apart, and ordinary ones. */
static inline double text_value(uint64_t *random)
{
    static const double special[] = {0.0,    -0.0,  0x1.a95a5cp-117, -0x1.a95a5cp-117,       1e-35,
                                     5e-324, 1e300, -1e300,          0x1.a95a5c0000001p-117, 1.0};
    const uint64_t draw = test_random(random) >> 20;
    if (draw % 3 == 0) {
        return special[(draw >> 8) % (sizeof special / sizeof special[0])];
    }
    return (double)(int64_t)((draw >> 8) % 2001) / 100.0 - 10.0;
}

static inline void text_grow(struct text_tree *tree, int leaves, int features, int rows,
                             uint64_t *random)
{
    memset(tree, 0, sizeof *tree);
    tree->leaves = 1;
    tree->leaf_rows[0] = rows;
    while (tree->leaves < leaves) {
        const int leaf = (int)(test_random(random) % (uint64_t)tree->leaves);
        const int node = tree->leaves - 1;
        for (int i = 0; i < node; i++) { /* the leaf's parent now points to the node */
            tree->left[i] = tree->left[i] == ~leaf ? node : tree->left[i];
            tree->right[i] = tree->right[i] == ~leaf ? node : tree->right[i];
        }
        tree->left[node] = ~leaf;
        tree->right[node] = ~tree->leaves;
        tree->feature[node] = (int)(test_random(random) % (uint64_t)features);
        tree->threshold[node] = text_value(random);
        tree->decision[node] =
            (int)(test_random(random) % 2) * 2 + (int)(test_random(random) % 3) * 4;
        tree->node_rows[node] = tree->leaf_rows[leaf];
        const int part = (int)(test_random(random) % (uint64_t)(tree->leaf_rows[leaf] + 1));
        tree->leaf_rows[tree->leaves] = tree->leaf_rows[leaf] - part;
        tree->leaf_rows[leaf] = part;
        tree->leaves++;
    }
    for (int i = 0; i < tree->leaves; i++) {
        tree->value[i] = (double)(int64_t)(test_random(random) >> 12) * 0x1p-50 - 2.0;
    }
}

static inline size_t text_ints(char *out, const char *key, const int values[], int count)
{
    size_t used = (size_t)sprintf(out, "%s=", key);
    for (int i = 0; i < count; i++) {
        used += (size_t)sprintf(out + used, i == 0 ? "%d" : " %d", values[i]);
    }
    out[used++] = '\n';
    return used;
}

static inline size_t text_reals(char *out, const char *key, const double values[], int count)
{
    size_t used = (size_t)sprintf(out, "%s=", key);
    for (int i = 0; i < count; i++) {
        used += (size_t)sprintf(out + used, i == 0 ? "%.17g" : " %.17g", values[i]);
    }
    out[used++] = '\n';
    return used;
}

static inline size_t text_print_tree(char *out, int index, const struct text_tree *tree)
{
    const int nodes = tree->leaves - 1;
    size_t used = (size_t)sprintf(out, "Tree=%d\nnum_leaves=%d\nnum_cat=0\n", index, tree->leaves);
    used += text_ints(out + used, "split_feature", tree->feature, nodes);
    used += text_reals(out + used, "threshold", tree->threshold, nodes);
    used += text_ints(out + used, "decision_type", tree->decision, nodes);
    used += text_ints(out + used, "left_child", tree->left, nodes);
    used += text_ints(out + used, "right_child", tree->right, nodes);
    used += text_reals(out + used, "leaf_value", tree->value, tree->leaves);
    used += text_ints(out + used, "leaf_count", tree->leaf_rows, tree->leaves);
    used += text_ints(out + used, "internal_count", tree->node_rows, nodes);
    used += (size_t)sprintf(out + used, "is_linear=0\nshrinkage=0.1\n\n\n");
    return used;
}

/** The model as LightGBM writes it, tree_sizes included. @p out: 16 bytes a feature, 110 a leaf. */
static inline size_t text_print(char *out, const struct text_model *model)
{
    static char body[TEXT_TREES_MAX * 16384];
    size_t sizes[TEXT_TREES_MAX];
    size_t body_used = 0;
    for (int i = 0; i < model->trees; i++) {
        sizes[i] = text_print_tree(body + body_used, i, &model->tree[i]);
        body_used += sizes[i];
    }
    size_t used =
        (size_t)sprintf(out,
                        "tree\nversion=%s\nnum_class=%d\nnum_tree_per_iteration=%d\n"
                        "label_index=0\nmax_feature_idx=%d\n",
                        model->version, model->classes, model->classes, model->features - 1);
    if (model->objective != NULL) {
        used += (size_t)sprintf(out + used, "objective=%s\n", model->objective);
    }
    if (model->average) {
        used += (size_t)sprintf(out + used, "average_output\n");
    }
    used += (size_t)sprintf(out + used, "feature_names=");
    for (int f = 0; f < model->features; f++) {
        used += (size_t)sprintf(out + used, f == 0 ? "f%d" : " f%d", f);
    }
    used += (size_t)sprintf(out + used, "\nfeature_infos=");
    for (int f = 0; f < model->features; f++) {
        used += (size_t)sprintf(out + used, f == 0 ? "[-1:1]" : " [-1:1]");
    }
    used += (size_t)sprintf(out + used, "\ntree_sizes=");
    for (int i = 0; i < model->trees; i++) {
        used += (size_t)sprintf(out + used, i == 0 ? "%zu" : " %zu", sizes[i]);
    }
    used += (size_t)sprintf(out + used, "\n\n");
    memcpy(out + used, body, body_used);
    used += body_used;
    used += (size_t)sprintf(out + used, "end of trees\n\nfeature_importances:\nf0=1\n\n"
                                        "parameters:\n[boosting: gbdt]\nend of parameters\n");
    return used;
}

/** Which way a row goes at a node: the rules of docs/models.md in the plainest words. */
static inline int text_goes_left(const struct text_tree *tree, int node, double x)
{
    const int missing = tree->decision[node] >> 2 & 3;
    const int default_left = tree->decision[node] >> 1 & 1;
    const double zero = (double)1e-35F;
    if (missing == 2 && isnan(x)) {
        return default_left;
    }
    x = isnan(x) || (x >= -zero && x <= zero) ? 0 : x;
    if (missing == 1 && x == 0) {
        return default_left;
    }
    return x <= tree->threshold[node];
}

#endif
