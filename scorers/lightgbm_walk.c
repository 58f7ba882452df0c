#include "scorers/lightgbm_pvt.h"

#include <math.h>

/*
 * Single rows fast: what costs is waiting for loads and mispredicted branches, so eight trees walk
 * together without a branch, each one level a turn.
 *
 *   - The three rules of missing values are applied once a row: a slot is a (feature, rule) pair
 *     that the model has, and holds the value as its nodes compare it, NaN where it is missing.
 *   - A node's children stand side by side, so a step adds 0 or 1 to the index of the left one.
 *   - A leaf is its own left child and sends everything left, so that trees that end early wait for
 *     the others of their group.
 *
 * Leaves are then added in the order of the trees: the same bits as the plain walk.
 */

enum { TOGETHER = 8, SLOTS_MAX = 2048, LEVELS_MAX = 64 };
static const uint32_t DEFAULT_LEFT = UINT32_C(1) << 31;

struct lgb_step {
    double threshold;
    uint32_t slot; /* DEFAULT_LEFT in its top bit */
    uint32_t left; /* index of the left child; the right one follows */
};

struct lgb_slot {
    uint32_t feature;
    uint32_t missing; /* enum lgb_missing */
};

struct lgb_walk {
    const struct lgb_slot *slots;
    const struct lgb_step *steps;
    const double *leaves;   /* value of a step that is a leaf */
    const uint32_t *roots;  /* of a tree */
    const uint32_t *levels; /* of a group of TOGETHER trees; above LEVELS_MAX: walk them plainly */
    uint32_t slot_count;
};

/* What is under construction. */
struct walk_maker {
    struct assay_arena *arena;
    struct lgb_slot *slots;
    uint32_t slot_count;
    uint32_t *slot_of; /* by 3 feature + missing; 0: none yet, else slot + 1 */
    struct lgb_step *steps;
    double *leaves;
    uint32_t used;
    int32_t *waiting; /* children of a tree whose steps have places but no content yet */
    uint32_t *places;
    uint32_t *depths;
};

/* The slot of a node; false: there are too many. */
static bool take_slot(struct walk_maker *maker, const struct lgb_node *node, uint32_t *slot)
{
    uint32_t *known = &maker->slot_of[node->feature * 3 + node->missing];
    if (*known == 0) {
        if (maker->slot_count == SLOTS_MAX) {
            return false;
        }
        maker->slots[maker->slot_count++] =
            (struct lgb_slot){.feature = node->feature, .missing = node->missing};
        *known = maker->slot_count;
    }
    *slot = *known - 1;
    return true;
}

/* Lay one tree out breadth first. @return its levels, or UINT32_MAX: too many slots. */
static uint32_t add_tree(struct walk_maker *maker, const struct lgb_tree *tree)
{
    uint32_t levels = 0;
    uint32_t count = 1;
    maker->waiting[0] = tree->leaf_count == 1 ? -1 : 0;
    maker->places[0] = maker->used++;
    maker->depths[0] = 0;
    for (uint32_t i = 0; i < count; i++) {
        const int32_t child = maker->waiting[i];
        struct lgb_step *step = &maker->steps[maker->places[i]];
        levels = maker->depths[i] > levels ? maker->depths[i] : levels;
        if (child < 0) {
            *step = (struct lgb_step){
                .threshold = INFINITY, .slot = DEFAULT_LEFT, .left = maker->places[i]};
            maker->leaves[maker->places[i]] = tree->leaves[~child];
            continue;
        }
        const struct lgb_node *node = &tree->nodes[child];
        uint32_t slot = 0;
        if (!take_slot(maker, node, &slot)) {
            return UINT32_MAX;
        }
        *step = (struct lgb_step){.threshold = node->threshold,
                                  .slot = node->default_left ? slot | DEFAULT_LEFT : slot,
                                  .left = maker->used};
        const int32_t children[2] = {node->left, node->right};
        for (int side = 0; side < 2; side++) {
            maker->waiting[count] = children[side];
            maker->places[count] = maker->used++;
            maker->depths[count++] = maker->depths[i] + 1;
        }
    }
    return levels;
}

static bool make_tables(struct walk_maker *maker, const struct lgb_model *lgb, size_t steps)
{
    const size_t tree_steps = 2 * (size_t)lgb->leaves_max;
    const size_t pairs = 3 * (size_t)lgb->model.feature_count;
    maker->slot_of = assay_arena_array(maker->arena, pairs, sizeof(uint32_t));
    maker->waiting = assay_arena_array(maker->arena, tree_steps, sizeof(int32_t));
    maker->places = assay_arena_array(maker->arena, tree_steps, sizeof(uint32_t));
    maker->depths = assay_arena_array(maker->arena, tree_steps, sizeof(uint32_t));
    return maker->slots != NULL && maker->steps != NULL && maker->leaves != NULL && steps > 0 &&
           maker->slot_of != NULL && maker->waiting != NULL && maker->places != NULL &&
           maker->depths != NULL;
}

static size_t count_steps(const struct lgb_model *lgb)
{
    size_t steps = 0;
    for (uint32_t i = 0; i < lgb->tree_count; i++) {
        steps += 2 * (size_t)lgb->trees[i].leaf_count - 1;
    }
    return steps;
}

bool assay_lgb_make_walk(struct assay_arena *arena, struct lgb_model *lgb)
{
    const size_t steps = count_steps(lgb);
    const uint32_t groups = (lgb->tree_count + TOGETHER - 1) / TOGETHER;
    if (steps > INT32_MAX) {
        return true; /* no table: walked plainly */
    }
    struct lgb_walk *walk = assay_arena_alloc(arena, sizeof *walk);
    uint32_t *roots = assay_arena_array(arena, lgb->tree_count, sizeof *roots);
    uint32_t *levels = assay_arena_array(arena, groups, sizeof *levels);
    struct walk_maker maker = {.arena = arena,
                               .slots = assay_arena_array(arena, SLOTS_MAX, sizeof *maker.slots),
                               .steps = assay_arena_array(arena, steps, sizeof *maker.steps),
                               .leaves = assay_arena_array(arena, steps, sizeof *maker.leaves)};
    const struct assay_arena_mark mark = assay_arena_mark(arena);
    if (walk == NULL || roots == NULL || levels == NULL || !make_tables(&maker, lgb, steps)) {
        return false;
    }
    bool fits = true;
    for (uint32_t i = 0; fits && i < lgb->tree_count; i++) {
        roots[i] = maker.used;
        const uint32_t deep = add_tree(&maker, &lgb->trees[i]);
        fits = deep != UINT32_MAX;
        levels[i / TOGETHER] = deep > levels[i / TOGETHER] ? deep : levels[i / TOGETHER];
    }
    assay_arena_rewind(arena, mark);
    *walk = (struct lgb_walk){.slots = maker.slots,
                              .steps = maker.steps,
                              .leaves = maker.leaves,
                              .roots = roots,
                              .levels = levels,
                              .slot_count = maker.slot_count};
    lgb->walk = fits ? walk : NULL;
    return true;
}

/* The value as a node of this rule compares it. */
static double slot_value(struct lgb_slot slot, const double row[])
{
    double value = row[slot.feature];
    if (value >= -LGB_ZERO && value <= LGB_ZERO) {
        value = 0;
    }
    if (slot.missing == LGB_MISSING_NONE) {
        return isnan(value) ? 0 : value;
    }
    return slot.missing == LGB_MISSING_ZERO && value == 0 ? (double)NAN : value;
}

static uint32_t take_step(const struct lgb_step *step, const double values[])
{
    const double value = values[step->slot & ~DEFAULT_LEFT];
    const uint32_t above = (uint32_t)(value > step->threshold);
    const uint32_t missing = (uint32_t)(value != value);
    return step->left + (above | (missing & ~(step->slot >> 31)));
}

static void walk_group(const struct lgb_walk *walk, const double values[], uint32_t first,
                       double found[TOGETHER])
{
    const struct lgb_step *steps = walk->steps;
    uint32_t at[TOGETHER];
    memcpy(at, walk->roots + first, sizeof at);
    for (uint32_t level = walk->levels[first / TOGETHER]; level > 0; level--) {
        for (int k = 0; k < TOGETHER; k++) {
            at[k] = take_step(&steps[at[k]], values);
        }
    }
    for (int k = 0; k < TOGETHER; k++) {
        found[k] = walk->leaves[at[k]];
    }
}

void assay_lgb_leaves(const struct lgb_model *lgb, const double row[], double raw[])
{
    const struct lgb_walk *walk = lgb->walk;
    const uint32_t outputs = lgb->model.output_count;
    double values[SLOTS_MAX];
    for (uint32_t s = 0; walk != NULL && s < walk->slot_count; s++) {
        values[s] = slot_value(walk->slots[s], row);
    }
    uint32_t output = 0;
    for (uint32_t first = 0; first < lgb->tree_count; first += TOGETHER) {
        const uint32_t left = lgb->tree_count - first;
        const uint32_t count = left < TOGETHER ? left : TOGETHER;
        double found[TOGETHER];
        if (walk != NULL && count == TOGETHER && walk->levels[first / TOGETHER] <= LEVELS_MAX) {
            walk_group(walk, values, first, found);
        } else {
            for (uint32_t k = 0; k < count; k++) {
                found[k] = lgb_leaf(&lgb->trees[first + k], row);
            }
        }
        for (uint32_t k = 0; k < count; k++) {
            raw[output] += found[k];
            output = output + 1 == outputs ? 0 : output + 1;
        }
    }
}
