#include "engine/runtime/pipeline_pvt.h"

#include "engine/base/clock.h"

enum { PREFETCH_AHEAD = 8 };

/* Which home's next mail comes first in (partition, offset) order; homes' lists are sorted, and a
 * partition has one home, so with equal partitions the list order decides. */
static struct shard *next_home(struct assay_pipeline *pipeline, uint32_t owner,
                               const size_t taken[ASSAY_SHARDS_MAX])
{
    struct shard *best = NULL;
    const struct mail *best_mail = NULL;
    for (uint32_t h = 0; h < pipeline->options.shards; h++) {
        struct shard *home = &pipeline->shards[h];
        const struct mailbox *box = &home->outgoing[owner];
        if (taken[h] == box->count) {
            continue;
        }
        const struct mail *mail = &box->items[taken[h]];
        if (best == NULL || mail->from->partition < best_mail->from->partition) {
            best = home;
            best_mail = mail;
        }
    }
    return best;
}

/* The features that the event's triggers want of this key, while its record is in cache. */
static void slice(struct shard *owner, const struct mail *mail, const struct assay_touch *touch,
                  const struct trigger *trigger)
{
    for (uint32_t w = 0; w < trigger->want_count; w++) {
        const struct want *want = &trigger->wants[w];
        if ((mail->update.roles >> want->field & 1U) == 0) {
            continue;
        }
        struct assay_value *values =
            assay_arena_array(owner->owner_scratch, want->feature_count + 1, sizeof *values);
        if (values == NULL) {
            owner->failed =
                assay_err_set(&owner->err, ASSAY_E_NO_MEMORY, "epoch", "no memory for a row");
            return;
        }
        assay_store_slice(owner->store, touch, want->features, want->feature_count,
                          owner->owner_scratch, values);
        owner->stats.feature_values += want->feature_count;
        mail->from->slices[w] = values;
    }
}

static void apply_one(struct shard *owner, const struct mail *mail)
{
    struct assay_pipeline *pipeline = owner->pipeline;
    struct assay_touch touch;
    if (assay_store_apply(owner->store, &mail->update, &touch) != ASSAY_OK) {
        mail->from->refused = true;
        mail->from->refused_entity = mail->update.entity;
        return;
    }
    const struct trigger *trigger = pipeline->triggers[mail->update.event->type];
    if (trigger != NULL) {
        slice(owner, mail, &touch, trigger);
    }
}

void assay_pipeline_apply(struct shard *owner)
{
    struct assay_pipeline *pipeline = owner->pipeline;
    const uint64_t started_ns = assay_clock_thread_cpu_ns();
    size_t taken[ASSAY_SHARDS_MAX] = {0};
    const struct assay_arena_mark start = {0};
    assay_arena_rewind(owner->owner_scratch, start);
    for (;;) {
        struct shard *home = next_home(pipeline, owner->index, taken);
        if (home == NULL || owner->failed != ASSAY_OK) {
            break;
        }
        const struct mailbox *box = &home->outgoing[owner->index];
        const size_t at = taken[home->index]++;
        if (at + PREFETCH_AHEAD < box->count) {
            assay_store_prefetch(owner->store, &box->items[at + PREFETCH_AHEAD].update);
        }
        apply_one(owner, &box->items[at]);
    }
    owner->stats.apply_ns += assay_clock_thread_cpu_ns() - started_ns;
}
