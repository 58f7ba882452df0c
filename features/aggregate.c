#include "features/record_pvt.h"

#include "engine/base/assert.h"
#include "engine/base/number.h"

/*
 * Aggregates by their definition: the events of the window that pass the filter, the current one
 * left out where asked, the newest n of those, then the column's nulls skipped. Sums are integers
 * in 128 bits; each value is one correctly rounded division.
 */

/* Window positions [begin, end). */
struct range {
    uint32_t begin;
    uint32_t end;
};

static struct range window_of(const struct agg_query *query)
{
    const struct assay_window *window = &query->agg->window;
    struct range range = {0};
    if (query->log == NULL || query->log->entries == NULL) {
        return range;
    }
    const int64_t to_ms = query->at_ms - window->delay_ms;
    int64_t after_ms = query->since_ms == INT64_MIN ? INT64_MIN : query->since_ms - 1;
    if (window->span_ms != 0 && to_ms - window->span_ms > after_ms) {
        after_ms = to_ms - window->span_ms;
    }
    range.begin = assay_log_after(query->log, query->stream, after_ms);
    range.end = assay_log_after(query->log, query->stream, to_ms);
    range.end = range.end < range.begin ? range.begin : range.end;
    return range;
}

static bool counts(const struct agg_query *query, uint32_t at)
{
    const struct assay_agg *agg = query->agg;
    if (agg->exclude_current && at == query->current) {
        return false;
    }
    const struct log_entry *entry = entry_at(query->log, query->stream, at);
    return agg->filter == ASSAY_NONE || (entry->passed >> agg->filter & 1U) != 0;
}

/* Move the beginning so that the newest n of the events that count remain. */
static void keep_newest(const struct agg_query *query, struct range *range)
{
    uint32_t left = query->agg->window.last_n;
    uint32_t at = range->end;
    while (at > range->begin && left > 0) {
        at--;
        left -= counts(query, at) ? 1 : 0;
    }
    range->begin = at;
}

/* Does the entry count and is its column not null? */
static bool has_value(const struct agg_query *query, uint32_t at)
{
    if (!counts(query, at)) {
        return false;
    }
    return query->agg->column == ASSAY_NONE ||
           (entry_at(query->log, query->stream, at)->present >> query->agg->column & 1U) != 0;
}

static const struct assay_field_def *column_def(const struct agg_query *query)
{
    const struct assay_stream *stream = query->stream;
    ASSAY_DASSERT(query->agg->column != ASSAY_NONE);
    return &query->plan->schema->events[stream->event]
                .fields[stream->columns[query->agg->column]];
}

static const union log_cell *cell_at(const struct agg_query *query, uint32_t at)
{
    return &entry_at(query->log, query->stream, at)->cells[query->agg->column];
}

static struct assay_value number(double value)
{
    return (struct assay_value){.cell = {.number = value}, .kind = ASSAY_KIND_NUMBER};
}

static struct assay_value count(const struct agg_query *query, struct range range)
{
    uint64_t found = 0;
    for (uint32_t at = range.begin; at < range.end; at++) {
        found += has_value(query, at) ? 1 : 0;
    }
    return number((double)found);
}

static struct assay_value sum_or_avg(const struct agg_query *query, struct range range)
{
    assay_int128 sum = 0;
    uint64_t found = 0;
    for (uint32_t at = range.begin; at < range.end; at++) {
        if (has_value(query, at)) {
            sum += cell_at(query, at)->integer;
            found++;
        }
    }
    assay_uint128 denominator = (assay_uint128)assay_pow10(column_def(query)->scale);
    if (query->agg->kind == ASSAY_AGG_AVG) {
        if (found == 0) {
            return number(ASSAY_NULL_NUMBER);
        }
        denominator *= found;
    }
    return number(assay_ratio(sum, denominator));
}

/* The value of one cell as a result. */
static struct assay_value value_at(const struct agg_query *query, uint32_t at)
{
    const struct assay_field_def *def = column_def(query);
    const union log_cell *cell = cell_at(query, at);
    struct assay_value value = {.kind = (uint8_t)query->agg->result};
    if (assay_type_is_text(def->type)) {
        const uint8_t *blob = entry_at(query->log, query->stream, at)->blob;
        value.cell.text = (struct assay_str){.ptr = (const char *)blob + cell->text.offset,
                                             .len = cell->text.bytes};
    } else if (def->type == ASSAY_TYPE_REAL) {
        value.cell.number = cell->real == 0 ? 0 : cell->real;
    } else {
        value.cell.number = (double)cell->integer / (double)assay_pow10(def->scale);
    }
    return value;
}

static struct assay_value null_result(const struct agg_query *query)
{
    struct assay_value value = {.kind = (uint8_t)query->agg->result};
    if (query->agg->result != ASSAY_KIND_TEXT) {
        value.cell.number = ASSAY_NULL_NUMBER;
    }
    return value;
}

static struct assay_value extreme(const struct agg_query *query, struct range range)
{
    double best = ASSAY_NULL_NUMBER;
    for (uint32_t at = range.begin; at < range.end; at++) {
        if (!has_value(query, at)) {
            continue;
        }
        const double next = value_at(query, at).cell.number;
        const bool better = query->agg->kind == ASSAY_AGG_MIN ? next < best : next > best;
        best = isnan(best) || better ? next : best;
    }
    return number(best);
}

/* First or last position that has a value, or ASSAY_NONE. */
static uint32_t edge(const struct agg_query *query, struct range range, bool last)
{
    for (uint32_t i = 0; i < range.end - range.begin; i++) {
        const uint32_t at = last ? range.end - 1 - i : range.begin + i;
        if (has_value(query, at)) {
            return at;
        }
    }
    return ASSAY_NONE;
}

static struct assay_value edge_value(const struct agg_query *query, struct range range, bool last)
{
    const uint32_t at = edge(query, range, last);
    return at == ASSAY_NONE ? null_result(query) : value_at(query, at);
}

static struct assay_value edge_age(const struct agg_query *query, struct range range, bool last)
{
    const uint32_t at = edge(query, range, last);
    if (at == ASSAY_NONE) {
        return number(ASSAY_NULL_NUMBER);
    }
    return number((double)(query->at_ms - entry_at(query->log, query->stream, at)->time_ms));
}

/* The bytes that tell one distinct value from another. */
static struct assay_str identity(const struct agg_query *query, uint32_t at, int64_t *storage)
{
    const struct assay_field_def *def = column_def(query);
    if (assay_type_is_text(def->type)) {
        return value_at(query, at).cell.text;
    }
    const union log_cell *cell = cell_at(query, at);
    *storage = cell->integer;
    if (def->type == ASSAY_TYPE_REAL) {
        const double plain = cell->real == 0 ? 0 : cell->real;
        memcpy(storage, &plain, sizeof plain);
    }
    return (struct assay_str){.ptr = (const char *)storage, .len = sizeof *storage};
}

/* Exact: an open-addressing set of positions, compared by bytes. NaN: scratch is full. */
static struct assay_value count_distinct(const struct agg_query *query, struct range range)
{
    size_t capacity = 16;
    while (capacity < 2 * (size_t)(range.end - range.begin)) {
        capacity *= 2;
    }
    const struct assay_arena_mark mark = assay_arena_mark(query->scratch);
    uint32_t *set = assay_arena_array(query->scratch, capacity, sizeof *set); /* position + 1 */
    ASSAY_ASSERT(set != NULL);
    uint64_t found = 0;
    for (uint32_t at = range.begin; at < range.end; at++) {
        if (!has_value(query, at)) {
            continue;
        }
        int64_t mine = 0;
        int64_t theirs = 0;
        const struct assay_str value = identity(query, at, &mine);
        size_t slot = assay_hash64(value.ptr, value.len, 0) & (capacity - 1);
        while (set[slot] != 0 &&
               !assay_str_equal(identity(query, set[slot] - 1, &theirs), value)) {
            slot = (slot + 1) & (capacity - 1);
        }
        found += set[slot] == 0 ? 1 : 0;
        set[slot] = set[slot] == 0 ? at + 1 : set[slot];
    }
    assay_arena_rewind(query->scratch, mark);
    return number((double)found);
}

struct assay_value assay_aggregate_read(const struct agg_query *query)
{
    struct range range = window_of(query);
    if (query->agg->window.last_n != 0) {
        keep_newest(query, &range);
    }
    switch (query->agg->kind) {
    case ASSAY_AGG_COUNT:
        return count(query, range);
    case ASSAY_AGG_SUM:
    case ASSAY_AGG_AVG:
        return sum_or_avg(query, range);
    case ASSAY_AGG_MIN:
    case ASSAY_AGG_MAX:
        return extreme(query, range);
    case ASSAY_AGG_FIRST:
    case ASSAY_AGG_LAST:
        return edge_value(query, range, query->agg->kind == ASSAY_AGG_LAST);
    case ASSAY_AGG_COUNT_DISTINCT:
        return count_distinct(query, range);
    case ASSAY_AGG_TIME_SINCE_FIRST:
    case ASSAY_AGG_TIME_SINCE_LAST:
        return edge_age(query, range, query->agg->kind == ASSAY_AGG_TIME_SINCE_LAST);
    case ASSAY_AGG_END:
        break;
    }
    ASSAY_ASSERT(false);
    return number(ASSAY_NULL_NUMBER);
}
