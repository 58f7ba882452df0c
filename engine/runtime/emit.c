#include "engine/runtime/pipeline_pvt.h"

#include "engine/base/clock.h"

/* The next item of all homes in (partition, offset) order; ASSAY_NONE: no more. */
static uint32_t next_item(const struct assay_pipeline *pipeline, struct merge *merge,
                          uint32_t *home)
{
    for (;;) {
        if (merge->home != ASSAY_NONE) {
            const struct shard *shard = &pipeline->shards[merge->home];
            const uint32_t at = merge->at[merge->home];
            if (at < shard->count && shard->items[at].partition == merge->partition) {
                merge->at[merge->home]++;
                *home = merge->home;
                return at;
            }
        }
        merge->home = ASSAY_NONE;
        for (uint32_t h = 0; h < pipeline->options.homes; h++) {
            const struct shard *shard = &pipeline->shards[h];
            if (merge->at[h] >= shard->count) {
                continue;
            }
            const uint32_t partition = shard->items[merge->at[h]].partition;
            if (merge->home == ASSAY_NONE || partition < merge->partition) {
                merge->home = h;
                merge->partition = partition;
            }
        }
        if (merge->home == ASSAY_NONE) {
            return ASSAY_NONE;
        }
    }
}

/* Ranges of all homes, ascending by partition. Homes have few each, nearly sorted already. */
static size_t merge_ranges(struct assay_pipeline *pipeline)
{
    size_t count = 0;
    for (uint32_t h = 0; h < pipeline->options.homes; h++) {
        const struct shard *shard = &pipeline->shards[h];
        for (size_t r = 0; r < shard->range_count; r++) {
            size_t at = count++;
            while (at > 0 && pipeline->ranges[at - 1].partition > shard->ranges[r].partition) {
                pipeline->ranges[at] = pipeline->ranges[at - 1];
                at--;
            }
            pipeline->ranges[at] = shard->ranges[r];
        }
    }
    return count;
}

static enum assay_status emit_row(struct assay_pipeline *pipeline, const struct item *item,
                                  const struct assay_event *event, struct assay_err *err)
{
    const struct assay_emitter *emitter = pipeline->options.emitter;
    const struct shape *shape = &pipeline->shapes[event->type];
    const struct assay_value *slices[ASSAY_POLICY_KEYS_MAX];
    if (shape->row_role_count == 0 || emitter->row == NULL) {
        return ASSAY_OK;
    }
    for (uint32_t r = 0; r < shape->row_role_count; r++) {
        const struct shape_role *role = &shape->roles[shape->row_roles[r]];
        const bool named = assay_event_has(event, role->field) && item->values != NULL;
        slices[r] = named ? &item->values[role->value_first] : NULL;
    }
    const struct assay_row row = {.event = event, .slices = slices};
    pipeline->lead.rows++;
    return emitter->row(emitter->context, &row, err);
}

static enum assay_status emit_item(struct assay_pipeline *pipeline, const struct shard *shard,
                                   const struct item *item, struct assay_err *err)
{
    const struct assay_emitter *emitter = pipeline->options.emitter;
    const struct assay_event *event = &shard->events[item - shard->items];
    if (item->dead != ASSAY_DEAD_NONE) {
        const struct assay_dead_letter letter = {
            .reason = item->dead,
            .partition = &pipeline->options.partitions[item->partition],
            .offset = item->offset,
            .field = item->field,
            .byte = item->byte,
            .message_bytes = item->bytes,
        };
        return emitter->dead_letter == NULL ? ASSAY_OK
                                            : emitter->dead_letter(emitter->context, &letter, err);
    }
    if (!item->accepted) {
        return ASSAY_OK;
    }
    enum assay_status status = emit_row(pipeline, item, event, err);
    for (uint32_t d = 0; d < item->decision_count && status == ASSAY_OK; d++) {
        const struct assay_decision *decision = &shard->decisions[item->decision_first + d];
        if (emitter->decision != NULL) {
            status = emitter->decision(emitter->context, decision, err);
        }
    }
    return status;
}

enum assay_status assay_pipeline_emit(struct assay_pipeline *pipeline, struct assay_err *err)
{
    const struct assay_emitter *emitter = pipeline->options.emitter;
    struct pass *pass = &pipeline->pass;
    const uint64_t start_ns = assay_clock_thread_cpu_ns();
    enum assay_status status = ASSAY_OK;
    if (pass->live) {
        pass->epoch.ranges = pipeline->ranges;
        pass->epoch.range_count = merge_ranges(pipeline);
    }
    if (pass->first && emitter->epoch != NULL) {
        status = emitter->epoch(emitter->context, &pass->epoch, err);
    }
    struct merge merge = {.home = ASSAY_NONE};
    uint32_t home = 0;
    for (uint32_t at = 0; status == ASSAY_OK;) {
        at = next_item(pipeline, &merge, &home);
        if (at == ASSAY_NONE) {
            break;
        }
        const struct shard *shard = &pipeline->shards[home];
        status = emit_item(pipeline, shard, &shard->items[at], err);
    }
    pipeline->lead.epochs += pass->last ? 1 : 0;
    if (status == ASSAY_OK && pass->last && emitter->flush != NULL) {
        status = emitter->flush(emitter->context, &pass->epoch, err);
    }
    pipeline->lead.emit_ns += assay_clock_thread_cpu_ns() - start_ns;
    return status;
}
