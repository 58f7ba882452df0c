#include "engine/runtime/pipeline_pvt.h"

/*
 * Which keys an event names, which features they are asked for, and where every policy finds them.
 * A role's list is the union of what rows and policies want, so that an owner slices once per key.
 */

struct deriver {
    struct assay_arena *arena;
    const struct assay_pipeline_options *options;
    bool *wanted; /* per feature of the plan; of the role at hand */
};

static bool rows_want(const struct deriver *deriver, uint32_t event)
{
    return deriver->options->rows != NULL && deriver->options->rows->event == event;
}

static uint32_t policy_count(const struct assay_pipeline_options *options)
{
    return options->policies == NULL ? 0 : options->policies->count;
}

static void mark_wanted(const struct deriver *deriver, uint32_t event, uint32_t field)
{
    const struct assay_pipeline_options *options = deriver->options;
    memset(deriver->wanted, 0, options->plan->feature_count * sizeof *deriver->wanted);
    for (uint32_t p = 0; p < policy_count(options); p++) {
        const struct assay_policy *policy = options->policies->items[p];
        size_t count = 0;
        const struct assay_need *needs = assay_policy_needs(policy, &count);
        for (size_t n = 0; n < count && assay_policy_trigger(policy) == event; n++) {
            if (needs[n].role == field) {
                deriver->wanted[needs[n].feature] = true;
            }
        }
    }
    if (!rows_want(deriver, event)) {
        return;
    }
    const struct assay_row_layout *rows = options->rows;
    for (uint32_t r = 0; r < rows->role_count; r++) {
        for (uint32_t f = 0; rows->roles[r].field == field && f < rows->roles[r].feature_count;
             f++) {
            deriver->wanted[rows->roles[r].features[f]] = true;
        }
    }
}

/* The features wanted of one role. @return false: the arena is full. */
static bool derive_role(const struct deriver *deriver, uint32_t event, struct shape_role *role)
{
    const struct assay_plan *plan = deriver->options->plan;
    const struct assay_plan_entity *entity = &plan->entities[role->entity];
    uint32_t *features =
        assay_arena_array(deriver->arena, (size_t)entity->feature_count + 1, sizeof *features);
    if (features == NULL) {
        return false;
    }
    mark_wanted(deriver, event, role->field);
    for (uint32_t f = 0; f < plan->feature_count; f++) {
        if (deriver->wanted[f]) {
            ASSAY_ASSERT(plan->features[f].entity == role->entity);
            role->has_text = role->has_text || plan->features[f].kind == ASSAY_KIND_TEXT;
            features[role->feature_count++] = f;
        }
    }
    role->features = features;
    return true;
}

static bool derive_roles(const struct deriver *deriver, uint32_t event, struct shape *shape)
{
    const struct assay_event_def *def = &deriver->options->plan->schema->events[event];
    struct shape_role *roles =
        assay_arena_array(deriver->arena, (size_t)def->field_count + 1, sizeof *roles);
    if (roles == NULL) {
        return false;
    }
    for (uint32_t f = 0; f < def->field_count; f++) {
        if (def->fields[f].type != ASSAY_TYPE_KEY) {
            continue;
        }
        struct shape_role *role = &roles[shape->role_count++];
        role->field = f;
        role->entity = def->fields[f].entity;
        role->value_first = shape->value_count;
        if (!derive_role(deriver, event, role)) {
            return false;
        }
        shape->value_count += role->feature_count;
    }
    shape->roles = roles;
    return true;
}

/* Position among the shape's roles of a key field. */
static uint32_t role_of(const struct shape *shape, uint32_t field)
{
    uint32_t r = 0;
    while (shape->roles[r].field != field) {
        r++;
        ASSAY_ASSERT(r < shape->role_count);
    }
    return r;
}

static uint32_t source_of(const struct shape *shape, const struct assay_need *need)
{
    const struct shape_role *role = &shape->roles[role_of(shape, need->role)];
    uint32_t f = 0;
    while (role->features[f] != need->feature) {
        f++;
        ASSAY_ASSERT(f < role->feature_count);
    }
    return role->value_first + f;
}

static bool derive_policies(const struct deriver *deriver, uint32_t event, struct shape *shape)
{
    const uint32_t count = policy_count(deriver->options);
    struct shape_policy *policies =
        assay_arena_array(deriver->arena, (size_t)count + 1, sizeof *policies);
    if (policies == NULL) {
        return false;
    }
    for (uint32_t p = 0; p < count; p++) {
        const struct assay_policy *policy = deriver->options->policies->items[p];
        if (assay_policy_trigger(policy) != event) {
            continue;
        }
        size_t need_count = 0;
        const struct assay_need *needs = assay_policy_needs(policy, &need_count);
        uint32_t *sources = assay_arena_array(deriver->arena, need_count + 1, sizeof *sources);
        if (sources == NULL) {
            return false;
        }
        for (size_t n = 0; n < need_count; n++) {
            sources[n] = source_of(shape, &needs[n]);
        }
        policies[shape->policy_count++] = (struct shape_policy){
            .policy = p, .need_count = (uint32_t)need_count, .sources = sources};
        shape->need_count += (uint32_t)need_count;
    }
    shape->policies = policies;
    return true;
}

static bool derive_rows(const struct deriver *deriver, uint32_t event, struct shape *shape)
{
    if (!rows_want(deriver, event)) {
        return true;
    }
    const struct assay_row_layout *rows = deriver->options->rows;
    uint32_t *roles =
        assay_arena_array(deriver->arena, (size_t)rows->role_count + 1, sizeof *roles);
    if (roles == NULL) {
        return false;
    }
    for (uint32_t r = 0; r < rows->role_count; r++) {
        roles[r] = role_of(shape, rows->roles[r].field);
        /* All of the entity: so the role's union is the row's list, and a row needs no copy. */
        ASSAY_ASSERT(shape->roles[roles[r]].feature_count == rows->roles[r].feature_count);
    }
    shape->row_roles = roles;
    shape->row_role_count = rows->role_count;
    return true;
}

const struct shape *assay_shapes_derive(struct assay_arena *arena,
                                        const struct assay_pipeline_options *options)
{
    const struct assay_plan *plan = options->plan;
    struct shape *shapes =
        assay_arena_array(arena, (size_t)plan->schema->event_count + 1, sizeof *shapes);
    const struct deriver deriver = {
        .arena = arena,
        .options = options,
        .wanted = assay_arena_array(arena, (size_t)plan->feature_count + 1, sizeof(bool)),
    };
    if (shapes == NULL || deriver.wanted == NULL) {
        return NULL;
    }
    for (uint32_t e = 0; e < plan->schema->event_count; e++) {
        if (!derive_roles(&deriver, e, &shapes[e]) || !derive_policies(&deriver, e, &shapes[e]) ||
            !derive_rows(&deriver, e, &shapes[e])) {
            return NULL;
        }
    }
    return shapes;
}
