#include "features/record_pvt.h"

/*
 * Each step of finding the place for an event waits for the one before: bucket, record, chunk,
 * entry. A group takes each step together, so that the waits overlap. Nothing here is relied upon:
 * a wrong guess costs a cache line.
 */

enum { CHUNK_LINES = 3 }; /* fetched of the newest chunk before anything of it is known */

/* Lines of the head of an update's record. */
static uint32_t lines_of(const struct assay_store *store, const struct assay_update *update)
{
    return record_head_lines(&store->layouts[update->entity], update->key.len);
}

/* The record whose place is the hash's too; keys are not compared. */
static const struct assay_record *guess_record(const struct assay_store *store, uint64_t hash)
{
    struct index_cursor cursor = index_seek(&store->index, hash);
    const struct assay_record *record = index_next(&cursor);
    while (record != NULL && record->item.place != index_place(hash)) {
        record = index_next(&cursor);
    }
    return record;
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
        index_fetch(log->lanes);
        index_fetch((const char *)log->lanes + LINE_BYTES);
    }
    for (uint32_t line = 0; line < CHUNK_LINES; line++) {
        index_fetch_to_write((const char *)log->newest + line * (size_t)LINE_BYTES);
    }
}

/* Where the event will be written, and what it will push out of the windows; of a short log all of
 * it is on its way. */
static void fetch_entries(const struct stream_layout *layout, const struct log *log,
                          int64_t time_ms)
{
    const struct chunk *chunk = log->newest;
    if (log->count == 1 &&
        (chunk->count + 1U) * chunk->row_bytes + sizeof *chunk <= CHUNK_LINES * LINE_BYTES) {
        return;
    }
    const unsigned char *end = row_start((struct row){.chunk = chunk, .at = chunk->count});
    index_fetch_to_write(end - chunk->row_bytes);
    index_fetch_to_write(end);
    assay_lanes_prefetch(layout, log, time_ms);
}

void assay_store_prefetch_group(const struct assay_store *store,
                                const struct assay_update *const updates[], size_t count)
{
    uint64_t hashes[ASSAY_PREFETCH_MAX];
    const struct assay_record *records[ASSAY_PREFETCH_MAX];
    bool passed[ASSAY_PREFETCH_MAX];
    ASSAY_ASSERT(count <= ASSAY_PREFETCH_MAX);
    for (size_t i = 0; i < count; i++) {
        hashes[i] = store_hash_key(store, updates[i]->entity, updates[i]->key);
        index_prefetch(&store->index, hashes[i]);
    }
    for (size_t i = 0; i < count; i++) {
        passed[i] = index_prefetch_items(&store->index, hashes[i], lines_of(store, updates[i]));
    }
    for (size_t i = 0; i < count; i++) {
        if (passed[i]) {
            index_prefetch_passed(&store->index, hashes[i], lines_of(store, updates[i]));
        }
    }
    for (size_t i = 0; i < count; i++) {
        records[i] = guess_record(store, hashes[i]);
        each_log(store, updates[i], records[i], fetch_chunk);
    }
    for (size_t i = 0; i < count; i++) {
        each_log(store, updates[i], records[i], fetch_entries);
    }
}
