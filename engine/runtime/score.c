#include "engine/runtime/pipeline_pvt.h"

#include "engine/base/clock.h"

/* Did a key find no room? Then the event gets a dead letter that names the key's first role. */
static bool is_refused(struct shard *shard, struct item *item, const struct assay_event *event)
{
    for (uint32_t u = 0; u < item->update_count; u++) {
        const struct routed *routed = &shard->updates[item->update_first + u];
        if (routed->refused) {
            const uint32_t field = (uint32_t)__builtin_ctzll(routed->update.roles);
            const struct assay_schema *schema = shard->pipeline->options.plan->schema;
            item->dead = ASSAY_DEAD_CAPACITY;
            item->field = schema->events[event->type].fields[field].name;
            return true;
        }
    }
    return false;
}

static void decide(struct shard *shard, struct item *item, const struct assay_event *event,
                   const struct shape_policy *shaped)
{
    const struct assay_pipeline *pipeline = shard->pipeline;
    const struct assay_partition *partition = &pipeline->options.partitions[item->partition];
    struct assay_value *values = &shard->decision_values[shard->decision_value_count];
    shard->decision_value_count += shaped->need_count;
    for (uint32_t n = 0; n < shaped->need_count; n++) {
        values[n] = item->values[shaped->sources[n]];
    }
    struct assay_decision *decision = &shard->decisions[shard->decision_count++];
    decision->origin = (struct assay_origin){.source = partition->source,
                                             .topic = partition->topic,
                                             .partition = partition->number,
                                             .offset = item->offset};
    decision->policy = shaped->policy;
    decision->time_ms = event->time_ms;
    decision->epoch = pipeline->pass.epoch.number;
    decision->event = event;
    decision->values = values;
    assay_policy_evaluate(pipeline->options.policies->items[shaped->policy], event, values,
                          shard->scratch, &decision->verdict);
    item->decision_count++;
}

void assay_shard_score(struct shard *shard)
{
    if (shard->feed == NULL) {
        return;
    }
    const uint64_t start_ns = assay_clock_thread_cpu_ns();
    for (size_t i = 0; i < shard->count; i++) {
        struct item *item = &shard->items[i];
        const struct assay_event *event = &shard->events[i];
        item->decision_first = shard->decision_count;
        if (item->accepted && is_refused(shard, item, event)) {
            shard->stats.events--; /* admitted, but a dead letter all the same */
        } else if (item->accepted) {
            const struct shape *shape = &shard->pipeline->shapes[event->type];
            for (uint32_t p = 0; p < shape->policy_count; p++) {
                decide(shard, item, event, &shape->policies[p]);
            }
            shard->stats.decisions += shape->policy_count;
        }
        shard->stats.dead[item->dead] += item->dead != ASSAY_DEAD_NONE ? 1 : 0;
    }
    shard->stats.score_ns += assay_clock_thread_cpu_ns() - start_ns;
}
