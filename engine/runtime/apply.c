#include "engine/runtime/pipeline_pvt.h"

#include "engine/base/clock.h"

enum { GROUP = ASSAY_PREFETCH_MAX }; /* updates whose cache misses are in flight together */

/* The next update for this owner in (partition, offset) order; NULL: no more. */
static struct routed *next_update(const struct assay_pipeline *pipeline, struct merge *merge,
                                  const struct shard **home)
{
    for (;;) {
        if (merge->home != ASSAY_NONE) {
            const struct shard *shard = &pipeline->shards[merge->home];
            const uint32_t at = merge->at[merge->home];
            if (at != ASSAY_NONE &&
                shard->items[shard->updates[at].item].partition == merge->partition) {
                merge->at[merge->home] = shard->updates[at].next;
                *home = shard;
                return &shard->updates[at];
            }
        }
        merge->home = ASSAY_NONE;
        for (uint32_t h = 0; h < pipeline->options.homes; h++) {
            const struct shard *shard = &pipeline->shards[h];
            if (merge->at[h] == ASSAY_NONE) {
                continue;
            }
            const uint32_t partition = shard->items[shard->updates[merge->at[h]].item].partition;
            if (merge->home == ASSAY_NONE || partition < merge->partition) {
                merge->home = h;
                merge->partition = partition;
            }
        }
        if (merge->home == ASSAY_NONE) {
            return NULL;
        }
    }
}

/* The features of every role that names the key, the record still in cache. */
static void slice(struct shard *owner, const struct shape *shape, const struct routed *routed,
                  const struct assay_touch *touch, struct assay_value values[])
{
    for (uint32_t r = 0; r < shape->role_count; r++) {
        const struct shape_role *role = &shape->roles[r];
        if ((routed->update.roles >> role->field & 1U) == 0 || role->feature_count == 0) {
            continue;
        }
        const struct assay_arena_mark mark = assay_arena_mark(owner->scratch);
        assay_store_slice(owner->store, touch, role->features, role->feature_count, owner->scratch,
                          &values[role->value_first]);
        if (!role->has_text) {
            assay_arena_rewind(owner->scratch, mark);
        }
        owner->stats.feature_values += role->feature_count;
    }
}

static void apply_one(struct shard *owner, const struct shard *home, struct routed *routed)
{
    struct assay_touch touch;
    const enum assay_status status = assay_store_apply(owner->store, &routed->update, &touch);
    if (status != ASSAY_OK) {
        ASSAY_ASSERT(status == ASSAY_E_FULL);
        routed->refused = true;
        return;
    }
    struct assay_value *values = home->items[routed->item].values;
    if (values != NULL) {
        slice(owner, &owner->pipeline->shapes[routed->update.event->type], routed, &touch, values);
    }
}

void assay_shard_apply(struct shard *owner)
{
    const struct assay_pipeline *pipeline = owner->pipeline;
    const uint64_t start_ns = assay_clock_thread_cpu_ns();
    struct merge merge = {.home = ASSAY_NONE};
    for (uint32_t h = 0; h < pipeline->options.homes; h++) {
        merge.at[h] = pipeline->shards[h].heads[owner->index];
    }
    assay_arena_rewind(owner->scratch, (struct assay_arena_mark){0});
    if (pipeline->expires && owner->advanced != pipeline->pass.epoch.number) {
        assay_store_advance(owner->store, pipeline->safe_ms);
        owner->advanced = pipeline->pass.epoch.number; /* not again for its other passes */
    }
    for (;;) {
        struct routed *group[GROUP];
        const struct assay_update *updates[GROUP];
        const struct shard *homes[GROUP];
        size_t count = 0;
        while (count < GROUP && (group[count] = next_update(pipeline, &merge, &homes[count]))) {
            updates[count] = &group[count]->update;
            count++;
        }
        assay_store_prefetch_group(owner->store, updates, count);
        for (size_t i = 0; i < count; i++) {
            apply_one(owner, homes[i], group[i]);
        }
        if (count < GROUP) {
            break;
        }
    }
    owner->stats.apply_ns += assay_clock_thread_cpu_ns() - start_ns;
}
