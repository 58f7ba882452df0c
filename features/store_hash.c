#include "features/record_pvt.h"

/*
 * The state hash: what the answers depend on and nothing else. Entries hash one by one and add up,
 * so the order among equal times and the layout do not matter; what lies behind the horizon is left
 * out, trimmed already or not.
 */

static struct assay_hash128 hash_entry(const struct assay_plan *plan,
                                       const struct assay_stream *stream,
                                       const struct log_entry *entry)
{
    const struct assay_event_def *def = &plan->schema->events[stream->event];
    uint64_t words[4 + ASSAY_STREAM_COLUMNS_MAX] = {
        (uint64_t)entry->time_ms, entry->passed, entry->present,
        assay_hash64(entry->blob, entry->tie_bytes, 0)};
    for (uint32_t c = 0; c < stream->column_count; c++) {
        const union log_cell *cell = &entry->cells[c];
        if ((entry->present >> c & 1U) == 0) {
            continue;
        }
        words[4 + c] = (uint64_t)cell->integer;
        if (assay_type_is_text(def->fields[stream->columns[c]].type)) {
            words[4 + c] =
                assay_hash64(entry->blob + cell->text.offset, cell->text.bytes, 1);
        }
    }
    return assay_hash128(words, (4 + stream->column_count) * sizeof words[0], stream->key_field);
}

static struct assay_hash128 hash_log(const struct assay_store *store,
                                     const struct assay_record *record, uint32_t position)
{
    const struct assay_plan_entity *entity = &store->plan->entities[record->entity];
    const struct assay_stream *stream = &store->plan->streams[entity->streams[position]];
    const struct log *log = &record->logs[position];
    struct assay_hash128 sum = {0};
    if (log->entries == NULL) {
        return sum;
    }
    const uint32_t from =
        stream->lifetime ? log->first
                         : assay_log_after(log, stream, record->newest_ms - stream->retained_ms);
    for (uint32_t at = from; at < log->count; at++) {
        sum = assay_hash128_add(sum, hash_entry(store->plan, stream, entry_at(log, stream, at)));
    }
    return sum;
}

static struct assay_hash128 hash_record(const struct assay_store *store,
                                        const struct assay_record *record)
{
    const struct assay_str entity = store->plan->schema->entities[record->entity].name;
    struct assay_hash128 parts[3];
    parts[0] = assay_hash128(entity.ptr, entity.len, 0);
    parts[1] = assay_hash128(record->key, record->key_bytes, parts[0].low);
    parts[2] = assay_hash128(record->segments, record->segment_count * sizeof *record->segments,
                             record->segment_count);
    struct assay_hash128 hash = assay_hash128(parts, sizeof parts, 0);
    for (uint32_t s = 0; s < store->plan->entities[record->entity].stream_count; s++) {
        const struct assay_hash128 pair[2] = {hash, hash_log(store, record, s)};
        hash = assay_hash128(pair, sizeof pair, s);
    }
    return hash;
}

void assay_store_hash(const struct assay_store *store, uint64_t hash[2])
{
    struct assay_hash128 sum = {.low = hash[0], .high = hash[1]};
    for (size_t i = 0; i < store->index_capacity; i++) {
        if (store->index[i] != NULL) {
            sum = assay_hash128_add(sum, hash_record(store, store->index[i]));
        }
    }
    hash[0] = sum.low;
    hash[1] = sum.high;
}
