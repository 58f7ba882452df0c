#include "features/record_pvt.h"

/*
 * The state hash: what answers depend on and nothing else. Rows hash one by one and add up, so
 * neither order of arrival nor layout matters. What lies behind the horizon counts as it would be
 * if all of it had been retired just now: windows forget it, foldable lifetimes keep its totals by
 * segment. Segments that are dead count as forgotten, and so do keys that have no other.
 */

static struct assay_hash128 hash_row(const struct stream_layout *layout, struct row row)
{
    const struct assay_stream *stream = layout->stream;
    struct assay_hash128 words[3 + ASSAY_STREAM_COLUMNS_MAX] = {{.low = (uint64_t)row_time(row)}};
    const struct assay_str tie = assay_row_tie(layout, row);
    memcpy(&words[1].low, row_start(row) + layout->passed_at[row.chunk->is_wide],
           layout->passed_bytes);
    words[2] = assay_hash128(tie.ptr, tie.len, 0);
    for (uint32_t c = 0; c < stream->column_count; c++) {
        const union cell cell = row_cell(row, c);
        if (cell.integer == CELL_NULL) {
            continue;
        }
        words[1].high |= UINT64_C(1) << c;
        words[3 + c].low = (uint64_t)cell.integer;
        if (assay_type_is_text(layout->event->fields[stream->columns[c]].type)) {
            const struct assay_str text = assay_row_text(layout, row, c);
            words[3 + c] = assay_hash128(text.ptr, text.len, 1);
        }
    }
    return assay_hash128(words, (3 + stream->column_count) * sizeof words[0], stream->key_field);
}

/* Walk over the rows of a log. */
struct walk {
    const struct stream_layout *layout;
    const struct log *log;
    struct position at;
};

/* The next row, or none. */
static struct row next(struct walk *walk)
{
    while (walk->at.chunk < walk->log->count) {
        const struct chunk *chunk = log_chunk(walk->log, walk->at.chunk);
        if (walk->at.at == 0) {
            spill_enter(walk->layout->spill, chunk);
        }
        if (walk->at.at < chunk->count) {
            return (struct row){.chunk = chunk, .at = walk->at.at++};
        }
        walk->at = (struct position){.chunk = walk->at.chunk + 1};
    }
    return (struct row){0};
}

static struct walk walk_after(const struct stream_layout *layout, const struct log *log,
                              int64_t time_ms)
{
    struct walk walk = {.layout = layout, .log = log};
    if (log->count > 0) {
        walk.at = assay_log_after(layout, log, time_ms);
    }
    return walk;
}

/* Where a stream has no order among equal times, only the time of an edge is ever asked for. */
static struct assay_hash128 hash_edge(const struct stream_layout *layout, struct row row)
{
    return layout->stream->ordered ? hash_row(layout, row)
                                   : (struct assay_hash128){.low = (uint64_t)row_time(row)};
}

static struct assay_hash128 hash_tally(const struct stream_layout *layout, const struct pair *pair,
                                       const struct tally *tally)
{
    const uint32_t wants = pair->lifetime_wants;
    struct assay_hash128 words[6] = {{.low = tally->found}};
    if ((wants & WANT_SUM) != 0) {
        words[1].low = (uint64_t)tally->sum;
        words[1].high = (uint64_t)(tally->sum >> 64);
    }
    if ((wants & WANT_EXTREME) != 0) {
        words[0].high = (uint64_t)tally->min.integer;
        words[2].low = (uint64_t)tally->max.integer;
    }
    if ((wants & WANT_FIRST) != 0) {
        words[2].high = hash_edge(layout, tally->first).low;
    }
    if ((wants & WANT_LAST) != 0) {
        words[3] = hash_edge(layout, tally->last);
    }
    size_t count = 4;
    if ((wants & WANT_SQUARES) != 0) {
        count = 6;
        words[4].low = (uint64_t)tally->squares;
        words[4].high = (uint64_t)(tally->squares >> 64);
        words[5].low = tally->squares_high;
    }
    return assay_hash128(words, count * sizeof words[0], wants);
}

/* Totals of one segment's events before the horizon. */
static struct assay_hash128 hash_folded(const struct assay_store *store,
                                        const struct stream_layout *layout, const struct log *log,
                                        const struct segment *segment, int64_t horizon_ms)
{
    struct tally *tallies = store->tallies;
    memset(tallies, 0, layout->pair_count * sizeof *tallies);
    for (const struct base *base = log->bases; base != NULL; base = base->next) {
        if (base->member_ms < segment->start_ms || base->member_ms > segment->end_ms) {
            continue;
        }
        for (uint32_t p = 0; p < layout->pair_count; p++) {
            assay_tally_merge(layout, &tallies[p], &layout->pairs[p],
                              layout->pairs[p].lifetime_wants, &base->tallies[p]);
        }
    }
    struct walk walk = walk_after(layout, log, segment->start_ms - 1);
    for (struct row row = next(&walk);
         row.chunk != NULL && row_time(row) < horizon_ms && row_time(row) <= segment->end_ms;
         row = next(&walk)) {
        for (uint32_t p = 0; p < layout->pair_count; p++) {
            assay_tally_row(layout, &tallies[p], &layout->pairs[p], layout->pairs[p].lifetime_wants,
                            row);
        }
    }
    struct assay_hash128 sum = {0};
    for (uint32_t p = 0; p < layout->pair_count; p++) {
        if (tallies[p].found > 0 && layout->pairs[p].lifetime_wants != 0) {
            const struct assay_hash128 parts[2] = {
                {.low = (uint64_t)segment->start_ms, .high = p},
                hash_tally(layout, &layout->pairs[p], &tallies[p])};
            sum = assay_hash128_add(sum, assay_hash128(parts, sizeof parts, 2));
        }
    }
    return sum;
}

static struct assay_hash128 hash_log(const struct assay_store *store,
                                     const struct assay_record *record, int64_t living_ms,
                                     uint32_t position)
{
    const struct stream_layout *layout = &store->layouts[record->entity].streams[position];
    const struct log *log = &record->logs[position];
    const int64_t horizon_ms = record->newest_ms - layout->stream->retained_ms;
    struct assay_hash128 sum = {0};
    int64_t after_ms = horizon_ms;
    if (layout->stream->lifetime) {
        after_ms = layout->folds ? horizon_ms - 1 : INT64_MIN;
    }
    after_ms = after_ms < living_ms ? living_ms - 1 : after_ms;
    struct walk walk = walk_after(layout, log, after_ms);
    for (struct row row = next(&walk); row.chunk != NULL; row = next(&walk)) {
        sum = assay_hash128_add(sum, hash_row(layout, row));
    }
    for (uint32_t i = 0; layout->folds && i < record->segment_count; i++) {
        if (record->segments[i].start_ms >= living_ms &&
            record->segments[i].start_ms < horizon_ms) {
            sum = assay_hash128_add(
                sum, hash_folded(store, layout, log, &record->segments[i], horizon_ms));
        }
    }
    return sum;
}

/* Segments as far back as they can be seen, or can join one that is seen. */
static struct assay_hash128 hash_segments(const struct assay_store *store,
                                          const struct assay_record *record, int64_t living_ms)
{
    const int64_t back_ms = store->plan->entities[record->entity].retained_ms +
                            store->plan->schema->entities[record->entity].expire_ms;
    const int64_t edge_ms =
        store->layouts[record->entity].lifetime ? INT64_MIN : record->newest_ms - back_ms;
    struct assay_hash128 sum = {.low = (uint64_t)record->newest_ms};
    for (uint32_t i = 0; i < record->segment_count; i++) {
        struct segment segment = record->segments[i];
        if (segment.start_ms >= living_ms && segment.end_ms > edge_ms) {
            segment.start_ms = segment.start_ms < edge_ms ? edge_ms : segment.start_ms;
            sum = assay_hash128_add(sum, assay_hash128(&segment, sizeof segment, 0));
        }
    }
    return sum;
}

static struct assay_hash128 hash_record(const struct assay_store *store,
                                        const struct assay_record *record, int64_t living_ms)
{
    const struct assay_str entity = store->plan->schema->entities[record->entity].name;
    const uint32_t streams = store->layouts[record->entity].stream_count;
    struct assay_hash128 parts[3];
    parts[0] = assay_hash128(entity.ptr, entity.len, 0);
    parts[1] = assay_hash128(record_key(record, streams), record->key_bytes, parts[0].low);
    parts[2] = hash_segments(store, record, living_ms);
    struct assay_hash128 hash = assay_hash128(parts, sizeof parts, 0);
    for (uint32_t s = 0; s < streams; s++) {
        const struct assay_hash128 pair[2] = {hash, hash_log(store, record, living_ms, s)};
        hash = assay_hash128(pair, sizeof pair, s);
    }
    return hash;
}

void assay_store_hash_living(const struct assay_store *store, int64_t safe_ms, uint64_t hash[2])
{
    ASSAY_ASSERT(safe_ms >= store_safe_ms(store));
    struct assay_hash128 sum = {.low = hash[0], .high = hash[1]};
    const struct assay_record *record = NULL;
    size_t at = 0;
    while ((record = assay_store_next(store, &at)) != NULL) {
        const int64_t living_ms = assay_expiry_living(store, record, safe_ms);
        if (living_ms != INT64_MAX) {
            sum = assay_hash128_add(sum, hash_record(store, record, living_ms));
        }
    }
    hash[0] = sum.low;
    hash[1] = sum.high;
}

void assay_store_hash(const struct assay_store *store, uint64_t hash[2])
{
    assay_store_hash_living(store, store_safe_ms(store), hash);
}
