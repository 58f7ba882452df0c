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

enum { HEAD_BYTES_MAX = 640 };

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
                     void (*visit)(const struct stream_layout *layout, const struct log *log,
                                   int64_t time_ms))
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
            visit(stream, log, update->event->time_ms);
        }
    }
}

static void fetch_chunk(const struct stream_layout *layout, const struct log *log, int64_t time_ms)
{
    (void)time_ms;
    if (!layout->inline_lanes) {
        __builtin_prefetch(log->lanes);
        __builtin_prefetch((const char *)log->lanes + LINE_BYTES);
    }
    __builtin_prefetch(log_chunk(log, log->count - 1));
}

/* Where the event will be written, and what it will push out of the windows. */
static void fetch_entries(const struct stream_layout *layout, const struct log *log,
                          int64_t time_ms)
{
    const struct chunk *chunk = log_chunk(log, log->count - 1);
    const char *end = (const char *)chunk_entry(chunk, layout->entry_bytes, chunk->count);
    __builtin_prefetch(end - layout->entry_bytes, 1);
    __builtin_prefetch(end, 1);
    assay_lanes_prefetch(layout, log, time_ms);
}

/* The head of a record: it is read as a whole. */
static void fetch_record(const struct assay_store *store, const struct assay_record *record,
                         const struct assay_update *update)
{
    const struct entity_layout *layout = &store->layouts[update->entity];
    const size_t bytes =
        record_lanes_at(layout->stream_count, update->key.len) + layout->inline_bytes;
    const size_t most = bytes < HEAD_BYTES_MAX ? bytes : HEAD_BYTES_MAX;
    for (size_t at = 0; at < most; at += LINE_BYTES) {
        __builtin_prefetch((const char *)record + at, 1);
    }
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
            fetch_record(store, records[i], updates[i]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        each_log(store, updates[i], records[i], fetch_chunk);
    }
    for (size_t i = 0; i < count; i++) {
        each_log(store, updates[i], records[i], fetch_entries);
    }
}
