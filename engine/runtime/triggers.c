#include "engine/runtime/pipeline_pvt.h"

/*
 * What an arriving event asks for is settled here, once: per key role the union of the features
 * that rows and policies read, so that an owner slices a record exactly once, and per policy where
 * each of its needs lies in those slices.
 */

struct builder {
    struct assay_pipeline *pipeline;
    struct trigger *trigger;
    bool *wanted; /* per want x plan feature */
    bool full;
};

static uint32_t want_of(struct builder *builder, uint32_t field)
{
    struct trigger *trigger = builder->trigger;
    for (uint32_t w = 0; w < trigger->want_count; w++) {
        if (trigger->wants[w].field == field) {
            return w;
        }
    }
    ASSAY_ASSERT(trigger->want_count < ASSAY_POLICY_KEYS_MAX);
    trigger->wants[trigger->want_count].field = field;
    return trigger->want_count++;
}

static bool *wanted_row(const struct builder *builder, uint32_t want)
{
    return builder->wanted + (size_t)want * builder->pipeline->options.plan->feature_count;
}

static void gather_rows(struct builder *builder)
{
    const struct assay_row_layout *rows = builder->pipeline->options.rows;
    for (uint32_t r = 0; r < rows->role_count; r++) {
        const uint32_t want = want_of(builder, rows->roles[r].field);
        builder->trigger->row_wants[r] = want;
        for (uint32_t f = 0; f < rows->roles[r].feature_count; f++) {
            wanted_row(builder, want)[rows->roles[r].features[f]] = true;
        }
    }
    builder->trigger->row = true;
}

static void gather_policy(struct builder *builder, uint32_t index)
{
    const struct assay_policy *policy = builder->pipeline->options.policies->items[index];
    size_t count = 0;
    const struct assay_need *needs = assay_policy_needs(policy, &count);
    for (size_t n = 0; n < count; n++) {
        wanted_row(builder, want_of(builder, needs[n].role))[needs[n].feature] = true;
    }
    builder->trigger->policies[builder->trigger->policy_count++].policy = index;
}

/* Turn the wanted sets into ascending lists. */
static void list_wants(struct builder *builder)
{
    const uint32_t feature_count = builder->pipeline->options.plan->feature_count;
    for (uint32_t w = 0; w < builder->trigger->want_count; w++) {
        struct want *want = &builder->trigger->wants[w];
        const bool *wanted = wanted_row(builder, w);
        uint32_t *features =
            assay_arena_array(builder->pipeline->arena, feature_count + 1, sizeof *features);
        if (features == NULL) {
            builder->full = true;
            return;
        }
        for (uint32_t f = 0; f < feature_count; f++) {
            if (wanted[f]) {
                features[want->feature_count++] = f;
            }
        }
        want->features = features;
    }
}

static uint32_t position_of(const struct want *want, uint32_t feature)
{
    uint32_t low = 0;
    uint32_t high = want->feature_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (want->features[middle] < feature) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    ASSAY_ASSERT(low < want->feature_count && want->features[low] == feature);
    return low;
}

static void bind_policy(struct builder *builder, struct bound_policy *bound)
{
    const struct assay_policy *policy = builder->pipeline->options.policies->items[bound->policy];
    const struct assay_need *needs = assay_policy_needs(policy, &bound->need_count);
    struct bound_need *out =
        assay_arena_array(builder->pipeline->arena, bound->need_count + 1, sizeof *out);
    if (out == NULL) {
        builder->full = true;
        return;
    }
    for (size_t n = 0; n < bound->need_count; n++) {
        out[n].want = want_of(builder, needs[n].role);
        out[n].index = position_of(&builder->trigger->wants[out[n].want], needs[n].feature);
    }
    bound->needs = out;
}

static bool bind_event(struct assay_pipeline *pipeline, uint32_t event)
{
    const struct assay_policies *policies = pipeline->options.policies;
    const struct assay_arena_mark mark = assay_arena_mark(pipeline->arena);
    struct builder builder = {
        .pipeline = pipeline,
        .trigger = assay_arena_alloc(pipeline->arena, sizeof *builder.trigger),
        .wanted = assay_arena_array(pipeline->arena,
                                    (size_t)ASSAY_POLICY_KEYS_MAX *
                                        (pipeline->options.plan->feature_count + 1),
                                    sizeof *builder.wanted),
    };
    if (builder.trigger == NULL || builder.wanted == NULL) {
        return false;
    }
    if (pipeline->options.rows != NULL && pipeline->options.rows->event == event) {
        gather_rows(&builder);
    }
    for (uint32_t p = 0; policies != NULL && p < policies->count; p++) {
        if (assay_policy_trigger(policies->items[p]) == event) {
            gather_policy(&builder, p);
        }
    }
    if (!builder.trigger->row && builder.trigger->policy_count == 0) {
        assay_arena_rewind(pipeline->arena, mark);
        return true;
    }
    list_wants(&builder);
    for (uint32_t p = 0; !builder.full && p < builder.trigger->policy_count; p++) {
        bind_policy(&builder, &builder.trigger->policies[p]);
    }
    pipeline->triggers[event] = builder.trigger;
    return !builder.full;
}

bool assay_pipeline_bind_triggers(struct assay_pipeline *pipeline)
{
    pipeline->triggers = assay_arena_array(pipeline->arena, pipeline->schema->event_count + 1,
                                           sizeof(const struct trigger *));
    if (pipeline->triggers == NULL) {
        return false;
    }
    for (uint32_t event = 0; event < pipeline->schema->event_count; event++) {
        if (!bind_event(pipeline, event)) {
            return false;
        }
    }
    return true;
}
