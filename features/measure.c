#include "features/inspect.h"
#include "features/record_pvt.h"

/*
 * Where memory went: the sizes that the store asks its slab for, added up again from what is there.
 * A test holds the sum equal to the slab's own count, so a new kind of piece cannot be forgotten.
 */

/* Bytes a piece really takes; 0: there is none. */
static uint64_t piece(size_t bytes)
{
    return bytes == 0 ? 0 : assay_slab_fit(bytes);
}

static uint64_t rows_bytes(const struct stream_layout *layout, const struct chunk *chunk)
{
    return piece(chunk_bytes(layout, chunk->capacity, chunk->is_wide != 0));
}

/* Lists of different values. */
static uint64_t values_bytes(const struct stream_layout *layout, const struct summary summaries[])
{
    uint64_t bytes = 0;
    for (uint32_t p = 0; p < layout->pair_count; p++) {
        bytes += piece(summaries[p].distinct_count * sizeof *summaries[p].values);
    }
    return bytes;
}

static void add_chunk(const struct stream_layout *layout, const struct chunk *chunk,
                      struct assay_state_bytes *bytes)
{
    const struct block *block = chunk_opens(layout, chunk);
    if (spill_holds(layout->spill, chunk)) {
        bytes->spilled += assay_spill_bytes(layout->spill, chunk);
        bytes->summaries += piece(assay_spill_run_bytes(layout->spill, chunk));
    } else {
        bytes->chunks += rows_bytes(layout, chunk);
    }
    if (!spill_holds(layout->spill, chunk) && chunk->seal != NULL) {
        bytes->summaries +=
            piece(seal_bytes(layout)) + values_bytes(layout, chunk->seal->summaries);
    }
    if (block != NULL) {
        bytes->summaries += piece(sizeof *block + layout->pair_count * sizeof(struct summary)) +
                            values_bytes(layout, block->summaries);
    }
}

static uint64_t edge_bytes(const struct stream_layout *layout, struct row edge)
{
    return edge.chunk == NULL ? 0 : rows_bytes(layout, edge.chunk);
}

static void add_bases(const struct stream_layout *layout, const struct base *base,
                      struct assay_state_bytes *bytes)
{
    for (; base != NULL; base = base->next) {
        bytes->bases += piece(sizeof *base + layout->pair_count * sizeof(struct tally));
        for (uint32_t p = 0; p < layout->pair_count; p++) {
            bytes->bases += edge_bytes(layout, base->tallies[p].first);
            bytes->bases += edge_bytes(layout, base->tallies[p].last);
        }
    }
}

/* @return events logged */
static uint64_t add_record(const struct assay_store *store, const struct assay_record *record,
                           struct assay_state_bytes *bytes)
{
    const struct entity_layout *layout = &store->layouts[record->entity];
    uint64_t logged = 0;
    bytes->records +=
        piece(record_lanes_at(layout->stream_count, record->key_bytes) + layout->inline_bytes);
    if (record->segments != &record->inline_segment) {
        bytes->records += piece(record->segment_capacity * sizeof *record->segments);
    }
    for (uint32_t s = 0; s < layout->stream_count; s++) {
        const struct log *log = &record->logs[s];
        bytes->chunks += piece(log->list == NULL ? 0 : chunk_list_bytes(log->list->capacity));
        bytes->chunks += piece(log->spill == 0 ? 0 : sizeof(struct log_spill));
        for (uint32_t c = 0; c < log->count; c++) {
            spill_enter(layout->streams[s].spill, log_chunk(log, c));
            add_chunk(&layout->streams[s], log_chunk(log, c), bytes);
            logged += log_chunk(log, c)->count;
        }
        bytes->lanes += piece(lanes_apart_bytes(&layout->streams[s], log));
        add_bases(&layout->streams[s], log->bases, bytes);
    }
    return logged;
}

void assay_store_key_facts(const struct assay_store *store, uint32_t entity, struct assay_str key,
                           struct assay_key_facts *out)
{
    ASSAY_ASSERT(entity < store->plan->schema->entity_count);
    const struct assay_record *record = assay_store_find(store, entity, key);
    *out = (struct assay_key_facts){.known = record != NULL};
    if (record != NULL) {
        out->newest_ms = record->newest_ms;
        const int64_t living_ms = assay_expiry_living(store, record, store_safe_ms(store));
        for (uint32_t i = 0; i < record->segment_count; i++) {
            out->segments += record->segments[i].start_ms >= living_ms ? 1 : 0;
        }
        out->logged = add_record(store, record, &out->bytes);
    }
}

void assay_store_entity_facts(const struct assay_store *store, struct assay_entity_facts out[])
{
    const struct assay_record *record = NULL;
    size_t at = 0;
    while ((record = assay_store_next(store, &at)) != NULL) {
        struct assay_entity_facts *facts = &out[record->entity];
        facts->keys++;
        facts->logged += add_record(store, record, &facts->bytes);
    }
}

void assay_store_memory_facts(const struct assay_store *store, struct assay_memory_facts *out)
{
    out->live += store->slab.live;
    out->carved += store->slab.used;
    out->limit += store->slab.bytes_max;
    out->index += assay_index_bytes(&store->index);
    out->texts += assay_texts_bytes(&store->texts);
    out->different_texts += store->texts.count;
}

void assay_store_visit_keys(const struct assay_store *store, uint32_t entity,
                            void (*visit)(void *context, struct assay_str key), void *context)
{
    const uint32_t streams = store->layouts[entity].stream_count;
    const struct assay_record *record = NULL;
    size_t at = 0;
    while ((record = assay_store_next(store, &at)) != NULL) {
        if (record->entity == entity &&
            assay_expiry_living(store, record, store_safe_ms(store)) != INT64_MAX) {
            visit(context,
                  (struct assay_str){.ptr = record_key(record, streams), .len = record->key_bytes});
        }
    }
}

const struct assay_hot_keys *assay_store_hot_keys(const struct assay_store *store, uint32_t entity)
{
    ASSAY_ASSERT(entity < store->plan->schema->entity_count);
    return store->hot_keys == NULL ? NULL : store->hot_keys[entity];
}
