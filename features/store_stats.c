#include "features/record_pvt.h"

void assay_store_stats(const struct assay_store *store, struct assay_store_stats *out)
{
    const struct assay_slab *slab = &store->slab;
    *out = store->stats;
    out->expired_reads = store->slicer.expired_reads;
    for (uint32_t e = 0; e < store->plan->schema->entity_count; e++) {
        out->keys += store->keys[e].count;
        out->evicted += store->keys[e].evicted;
        out->expired += store->keys[e].expired;
        out->entity_keys[e] = store->keys[e].count;
        out->entity_evicted[e] = store->keys[e].evicted;
        out->entity_expired[e] = store->keys[e].expired;
    }
    out->index_growths = store->index.growths;
    out->memory_bytes = slab->live;
    out->memory_bytes_max = slab->bytes_max;
    out->index_bytes = assay_index_bytes(&store->index);
    out->record_bytes = store->record_bytes;
    out->log_bytes = slab->live - out->index_bytes - out->record_bytes;
    out->carved_bytes = slab->used;
    out->free_bytes = slab->used - slab->live;
    out->spill = store->spill.stats;
    out->spill.read_bytes = (uint64_t)store->spill.mapped_count * store->spill.extent_bytes;
}

const char *assay_spill_state_name(enum assay_spill_state state)
{
    static const char *const names[] = {[ASSAY_SPILL_OFF] = "off",
                                        [ASSAY_SPILL_ON] = "on",
                                        [ASSAY_SPILL_FULL] = "full",
                                        [ASSAY_SPILL_FAILED] = "failed"};
    ASSAY_ASSERT((size_t)state < sizeof names / sizeof names[0]);
    return names[state];
}

void assay_store_flush(struct assay_store *store)
{
    if (store->options.spill != NULL) {
        assay_spill_collect(&store->spill, true);
    }
}

static void add_spill(struct assay_spill_stats *sum, const struct assay_spill_stats *part)
{
    if (part->state > sum->state) {
        sum->state = part->state;
        sum->code = part->code;
    }
    sum->chunks += part->chunks;
    sum->bytes += part->bytes;
    sum->moved += part->moved;
    sum->returned += part->returned;
    sum->disk_bytes += part->disk_bytes;
    sum->memory_bytes += part->memory_bytes;
    sum->read_bytes += part->read_bytes;
}

void assay_store_stats_add(struct assay_store_stats *sum, const struct assay_store_stats *part)
{
    sum->keys += part->keys;
    sum->events += part->events;
    sum->late_inserts += part->late_inserts;
    sum->expired_reads += part->expired_reads;
    sum->refused += part->refused;
    sum->refused_keys += part->refused_keys;
    sum->evicted += part->evicted;
    sum->expired += part->expired;
    sum->expired_bytes += part->expired_bytes;
    sum->index_growths += part->index_growths;
    sum->memory_bytes += part->memory_bytes;
    sum->memory_bytes_max += part->memory_bytes_max;
    sum->index_bytes += part->index_bytes;
    sum->record_bytes += part->record_bytes;
    sum->log_bytes += part->log_bytes;
    sum->carved_bytes += part->carved_bytes;
    sum->free_bytes += part->free_bytes;
    add_spill(&sum->spill, &part->spill);
    for (uint32_t e = 0; e < ASSAY_ENTITIES_MAX; e++) {
        sum->entity_keys[e] += part->entity_keys[e];
        sum->entity_evicted[e] += part->entity_evicted[e];
        sum->entity_expired[e] += part->entity_expired[e];
    }
}

void assay_store_probes(const struct assay_store *store, struct assay_store_probes *out)
{
    struct index_probes probes;
    assay_index_probes(&store->index, &probes);
    *out = (struct assay_store_probes){
        .mean = probes.keys == 0 ? 0 : (double)probes.looked_sum / (double)probes.keys,
        .max = probes.looked_max,
    };
}

bool assay_store_pages(const struct assay_store *store, struct assay_slab_pages *out)
{
    return assay_slab_pages(&store->slab, out);
}
