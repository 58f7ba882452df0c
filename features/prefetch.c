#include "features/record_pvt.h"

/*
 * Each step of finding the place for an event waits for the one before: slot, record, chunk, entry.
 * A group takes each step together, so that the waits overlap. Nothing here is relied upon: a wrong
 * guess costs a cache line.
 */

static const struct assay_record *guess_in(const struct index_slot *index, size_t capacity,
                                           uint64_t hash)
{
    size_t at = hash & (capacity - 1);
    while (index[at].record != NULL && index[at].hash != hash) {
        at = (at + 1) & (capacity - 1);
    }
    return index[at].record;
}

/* The record that the slot chain names first for this hash; keys are not compared. */
static const struct assay_record *guess_record(const struct assay_store *store, uint64_t hash)
{
    const struct assay_record *record = guess_in(store->index, store->index_capacity, hash);
    return record == NULL && store->old_index != NULL
               ? guess_in(store->old_index, store->old_capacity, hash)
               : record;
}

/* Call @p visit with each log that the update goes to. */
static void each_log(const struct assay_store *store, const struct assay_update *update,
                     const struct assay_record *record,
                     void (*visit)(const struct log *log, uint32_t entry_bytes))
{
    if (record == NULL || record->entity != update->entity) {
        return;
    }
    const struct entity_layout *layout = &store->layouts[update->entity];
    const uint32_t end = layout->touched_first[update->event->type + 1];
    for (uint32_t i = layout->touched_first[update->event->type]; i < end; i++) {
        const struct stream_layout *stream = &layout->streams[layout->touched[i]];
        const struct log *log = &record->logs[layout->touched[i]];
        if ((update->roles >> stream->stream->key_field & 1U) != 0 && log->count > 0) {
            visit(log, stream->entry_bytes);
        }
    }
}

static void fetch_chunk(const struct log *log, uint32_t entry_bytes)
{
    (void)entry_bytes;
    __builtin_prefetch(log->lanes);
    __builtin_prefetch(log_chunk(log, log->count - 1));
}

static void fetch_entry(const struct log *log, uint32_t entry_bytes)
{
    const struct chunk *chunk = log_chunk(log, log->count - 1);
    const char *end = (const char *)chunk_entry(chunk, entry_bytes, chunk->count);
    __builtin_prefetch(end - entry_bytes, 1);
    __builtin_prefetch(end, 1);
}

void assay_store_prefetch_group(const struct assay_store *store,
                                const struct assay_update *const updates[], size_t count)
{
    uint64_t hashes[ASSAY_PREFETCH_MAX];
    const struct assay_record *records[ASSAY_PREFETCH_MAX];
    ASSAY_ASSERT(count <= ASSAY_PREFETCH_MAX);
    for (size_t i = 0; i < count; i++) {
        hashes[i] = store_hash_key(store, updates[i]->entity, updates[i]->key);
        __builtin_prefetch(&store->index[hashes[i] & (store->index_capacity - 1)]);
    }
    for (size_t i = 0; i < count; i++) {
        records[i] = guess_record(store, hashes[i]);
        if (records[i] != NULL) {
            __builtin_prefetch(records[i]);
            __builtin_prefetch((const char *)records[i] + LINE_BYTES);
        }
    }
    for (size_t i = 0; i < count; i++) {
        each_log(store, updates[i], records[i], fetch_chunk);
    }
    for (size_t i = 0; i < count; i++) {
        each_log(store, updates[i], records[i], fetch_entry);
    }
}
