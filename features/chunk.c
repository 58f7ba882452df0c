#include "features/log_pvt.h"

/*
 * Chunks and what is summed up when one is sealed. A summary takes a few dozen bytes a pair, so a
 * window over many chunks reads those instead of the rows.
 */

enum { TABLE_SLOTS = 2 * CHUNK_ROWS_MAX };

struct chunk *assay_chunk_create(const struct log_context *context, uint32_t capacity, bool is_wide)
{
    ASSAY_ASSERT(capacity > 0 && capacity <= CHUNK_ROWS_MAX);
    const struct stream_layout *layout = context->layout;
    const size_t bytes = assay_slab_fit(chunk_bytes(layout, capacity, is_wide));
    struct chunk *chunk = assay_slab_alloc(context->slab, bytes);
    if (chunk == NULL) {
        return NULL;
    }
    const size_t room = (bytes - sizeof *chunk) / layout->row_bytes[is_wide];
    *chunk = (struct chunk){
        .capacity = (uint8_t)(room < CHUNK_ROWS_MAX ? room : CHUNK_ROWS_MAX),
        .is_wide = is_wide,
        .row_bytes = layout->row_bytes[is_wide],
    };
    return chunk;
}

/* Count narrow rows from another time, which all of them are close enough to. */
static void rebase(struct chunk *chunk, int64_t base_ms)
{
    const uint32_t by_ms = (uint32_t)(chunk->base_ms - base_ms);
    for (uint32_t at = 0; at < chunk->count; at++) {
        unsigned char *place = chunk->rows + (size_t)at * chunk->row_bytes;
        uint32_t beyond_ms = 0;
        memcpy(&beyond_ms, place, sizeof beyond_ms);
        beyond_ms += by_ms;
        memcpy(place, &beyond_ms, sizeof beyond_ms);
    }
    chunk->base_ms = base_ms;
}

/* Times from the first row's or this one's to the last row's or this one's. */
struct reach {
    int64_t low_ms;
    int64_t high_ms;
};

static struct reach reach_with(const struct chunk *chunk, int64_t time_ms)
{
    struct reach reach = {.low_ms = time_ms, .high_ms = time_ms};
    if (chunk->count > 0) {
        const int64_t first_ms = row_time((struct row){.chunk = chunk});
        const int64_t last_ms = row_time((struct row){.chunk = chunk, .at = chunk->count - 1U});
        reach.low_ms = first_ms < time_ms ? first_ms : time_ms;
        reach.high_ms = last_ms > time_ms ? last_ms : time_ms;
    }
    return reach;
}

/* Do narrow rows of the chunk count from a time that this one can count from as well? */
static bool is_within(const struct chunk *chunk, int64_t time_ms)
{
    return chunk->count > 0 && time_ms >= chunk->base_ms && time_ms - chunk->base_ms <= UINT32_MAX;
}

bool assay_chunk_takes(const struct log_context *context, const struct chunk *chunk, struct row row)
{
    if (chunk->is_wide != 0) {
        return true;
    }
    if (!assay_row_narrows(context->layout, row)) {
        return false;
    }
    const int64_t time_ms = row_time(row);
    const struct reach reach = reach_with(chunk, time_ms);
    return is_within(chunk, time_ms) || reach.high_ms - reach.low_ms <= UINT32_MAX;
}

void assay_chunk_insert(const struct log_context *context, struct chunk *chunk, uint32_t at,
                        struct row row)
{
    ASSAY_ASSERT(chunk->seal == NULL && chunk->count < chunk->capacity && at <= chunk->count);
    const int64_t time_ms = row_time(row);
    if (chunk->is_wide == 0 && !is_within(chunk, time_ms)) {
        rebase(chunk, reach_with(chunk, time_ms).low_ms);
    }
    unsigned char *place = chunk->rows + (size_t)at * chunk->row_bytes;
    if (at < chunk->count) {
        memmove(place + chunk->row_bytes, place, (size_t)(chunk->count - at) * chunk->row_bytes);
    }
    assay_row_write(context->layout, chunk, at, row);
    chunk->count++;
}

void assay_chunk_shift(struct chunk *chunk, uint32_t count)
{
    ASSAY_ASSERT(chunk->seal == NULL && count <= chunk->count);
    chunk->count = (uint8_t)(chunk->count - count);
    memmove(chunk->rows, chunk->rows + (size_t)count * chunk->row_bytes,
            (size_t)chunk->count * chunk->row_bytes);
}

/* Row @p at of what a source gives. */
static struct row source_row(const struct chunk_source *source, uint32_t at)
{
    if (source->row.chunk != NULL && at == source->place) {
        return source->row;
    }
    const bool is_behind = source->row.chunk != NULL && at > source->place;
    return (struct row){.chunk = source->chunk, .at = at - (is_behind ? 1 : 0)};
}

/* Can all of it be narrow? */
static bool narrows(const struct log_context *context, const struct chunk_source *source)
{
    const struct stream_layout *layout = context->layout;
    const int64_t first_ms = row_time(source_row(source, source->from));
    const int64_t last_ms = row_time(source_row(source, source->to - 1));
    bool fits = layout->narrows && last_ms - first_ms <= UINT32_MAX;
    for (uint32_t at = source->from; at < source->to && fits; at++) {
        const struct row row = source_row(source, at);
        fits = row.chunk->is_wide == 0 || assay_row_narrows(layout, row);
    }
    return fits;
}

struct chunk *assay_chunk_copy(const struct log_context *context, const struct chunk_source *source,
                               uint32_t capacity)
{
    ASSAY_ASSERT(source->from < source->to);
    struct chunk *chunk = assay_chunk_create(context, capacity, !narrows(context, source));
    if (chunk != NULL && source->row.chunk == NULL && source->chunk->is_wide == chunk->is_wide) {
        const size_t skip = (size_t)source->from * chunk->row_bytes;
        chunk->base_ms = source->chunk->base_ms;
        chunk->count = (uint8_t)(source->to - source->from);
        memcpy(chunk->rows, source->chunk->rows + skip, (size_t)chunk->count * chunk->row_bytes);
        return chunk;
    }
    for (uint32_t at = source->from; chunk != NULL && at < source->to; at++) {
        assay_chunk_insert(context, chunk, chunk->count, source_row(source, at));
    }
    return chunk;
}

static void free_seal(const struct log_context *context, struct seal *seal)
{
    ASSAY_ASSERT(seal->opens == NULL && seal->closes == NULL);
    for (uint32_t p = 0; p < context->layout->pair_count; p++) {
        const struct summary *summary = &seal->summaries[p];
        assay_slab_free(context->slab, summary->values,
                        summary->distinct_count * sizeof *summary->values);
    }
    assay_slab_free(context->slab, seal, seal_bytes(context->layout));
}

void assay_chunk_free(const struct log_context *context, struct chunk *chunk)
{
    if (chunk == NULL) {
        return;
    }
    if (spill_holds(context->layout->spill, chunk)) {
        assay_spill_release(context->layout->spill, chunk);
        return;
    }
    if (chunk->seal != NULL) {
        free_seal(context, chunk->seal);
    }
    assay_slab_free(context->slab, chunk,
                    chunk_bytes(context->layout, chunk->capacity, chunk->is_wide != 0));
}

void assay_chunk_drop(const struct log_context *context, struct chunk *chunk)
{
    const bool has_moved = spill_holds(context->layout->spill, chunk);
    if (has_moved && context->layout->text_count == 0) { /* its ties go with it */
        assay_chunk_free(context, chunk);
        return;
    }
    spill_enter(context->layout->spill, chunk);
    for (uint32_t at = 0; at < chunk->count; at++) {
        assay_row_release(context, (struct row){.chunk = chunk, .at = at});
    }
    assay_chunk_free(context, chunk);
}

/* The chunk's values without repetition. */
struct dedupe {
    uint32_t count;
    int64_t values[CHUNK_ROWS_MAX];
    uint8_t table[TABLE_SLOTS]; /* index + 1; 0: free */
};

static void dedupe_add(struct dedupe *set, int64_t value)
{
    size_t slot = ((uint64_t)value * UINT64_C(0x9E3779B97F4A7C15)) >> 57;
    static_assert(TABLE_SLOTS == 128, "the shift above takes 7 bits");
    while (set->table[slot] != 0) {
        if (set->values[set->table[slot] - 1U] == value) {
            return;
        }
        slot = (slot + 1) % TABLE_SLOTS;
    }
    set->values[set->count] = value;
    set->table[slot] = (uint8_t)++set->count;
}

static bool seal_distinct(const struct log_context *context, const struct pair *pair,
                          const struct chunk *chunk, struct summary *summary)
{
    struct dedupe set = {0};
    for (uint32_t at = 0; at < chunk->count; at++) {
        const struct row row = {.chunk = chunk, .at = at};
        if (pair_finds(pair, row)) {
            dedupe_add(&set, pair_cell(pair, row).integer);
        }
    }
    if (set.count == 0) {
        return true;
    }
    summary->values = assay_slab_alloc(context->slab, set.count * sizeof *summary->values);
    if (summary->values == NULL) {
        return false;
    }
    memcpy(summary->values, set.values, set.count * sizeof *summary->values);
    summary->distinct_count = set.count;
    return true;
}

static void summarise_gaps(const struct pair *pair, const struct chunk *chunk,
                           struct summary *summary)
{
    struct gaps gaps = {0};
    for (uint32_t at = 0; at < chunk->count; at++) {
        const struct row row = {.chunk = chunk, .at = at};
        if (pair_finds(pair, row)) {
            assay_gaps_event(&gaps, row_time(row));
        }
    }
    assay_gaps_keep(&gaps, summary);
}

static void summarise(const struct stream_layout *layout, const struct pair *pair,
                      const struct chunk *chunk, struct summary *summary)
{
    struct tally tally = {0};
    uint32_t wants = WANT_COUNT;
    wants |= pair->value == PAIR_INTEGER ? WANT_SUM | WANT_EXTREME : 0U;
    wants |= pair->wants & WANT_SQUARES;
    wants |= pair->value == PAIR_REAL ? (unsigned)WANT_EXTREME : 0U;
    for (uint32_t at = 0; at < chunk->count; at++) {
        const struct row row = {.chunk = chunk, .at = at};
        summary->passed += pair_passes(pair, row) ? 1 : 0;
        if (pair_finds(pair, row)) {
            summary->first = tally.found == 0 ? (uint8_t)at : summary->first;
            summary->last = (uint8_t)at;
            assay_tally_row(layout, &tally, pair, wants, row);
        }
    }
    summary->found = (uint32_t)tally.found;
    if ((pair->wants & WANT_GAPS) != 0) {
        summarise_gaps(pair, chunk, summary);
        return;
    }
    summary->sum = tally.sum;
    summary->squares = tally.squares;
    summary->min = tally.min;
    summary->max = tally.max;
}

bool assay_chunk_seal(const struct log_context *context, struct chunk *chunk)
{
    ASSAY_ASSERT(chunk->seal == NULL && chunk->count > 0);
    const struct stream_layout *layout = context->layout;
    struct seal *seal = assay_slab_alloc(context->slab, seal_bytes(layout));
    if (seal == NULL) {
        return false;
    }
    memset(seal, 0, seal_bytes(layout));
    for (uint32_t p = 0; p < layout->pair_count; p++) {
        const struct pair *pair = &layout->pairs[p];
        summarise(layout, pair, chunk, &seal->summaries[p]);
        if ((pair->wants & WANT_DISTINCT) != 0 &&
            !seal_distinct(context, pair, chunk, &seal->summaries[p])) {
            free_seal(context, seal);
            return false;
        }
    }
    chunk->seal = seal;
    return true;
}
