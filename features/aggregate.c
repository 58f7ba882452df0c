#include "features/view_pvt.h"

/*
 * Aggregates by their definition: the events of the window that pass the filter, the current one
 * left out where asked, the newest n of those, then the column's nulls skipped. A chunk that lies
 * in the window as a whole is read by its summary, the others event by event.
 */

struct range assay_range(const struct stream_layout *layout, const struct log *log,
                         int64_t after_ms, int64_t to_ms)
{
    struct range range = {0};
    if (log->count == 0 || after_ms >= to_ms) {
        return range;
    }
    range.begin = assay_log_after(layout, log, after_ms);
    range.end = assay_log_after(layout, log, to_ms);
    return range;
}

/* Where the newest @p left events that count begin; all of them when there are fewer. */
static struct position newest(const struct view_query *query, uint32_t left)
{
    const struct pair *pair = view_pair_of(query);
    const uint32_t first = query->range.begin.chunk;
    for (uint32_t index = query->range.end.chunk + 1; index > first; index--) {
        const struct block *block = view_block_at(query, index - 1, true);
        if (block != NULL && block->summaries[query->key->pair].passed < left) {
            left -= block->summaries[query->key->pair].passed;
            index -= block->count - 1;
            continue;
        }
        const struct view_part part = view_part_of(query, index - 1);
        if (part.whole && view_summary_of(query, &part)->passed <= left) {
            left -= view_summary_of(query, &part)->passed;
            if (left == 0) {
                return (struct position){.chunk = part.index};
            }
            continue;
        }
        for (uint32_t at = part.to; at > part.from; at--) {
            const bool counts = !view_is_left_out(query, &part, at - 1) &&
                                pair_passes(pair, view_row_of(&part, at - 1));
            left -= counts ? 1 : 0;
            if (left == 0) {
                return (struct position){.chunk = part.index, .at = at - 1};
            }
        }
    }
    return query->range.begin;
}

static void add_distinct(const struct view_query *query, const struct view_part *part)
{
    const struct pair *pair = view_pair_of(query);
    if (part->whole) {
        const struct summary *summary = view_summary_of(query, part);
        for (uint32_t i = 0; i < summary->distinct_count; i++) {
            assay_distinct_add(query->set, summary->values[i]);
        }
        return;
    }
    for (uint32_t at = part->from; at < part->to; at++) {
        const struct row row = view_row_of(part, at);
        if (pair_finds(pair, row) && !view_is_left_out(query, part, at)) {
            assay_distinct_add(query->set, pair_cell(pair, row).integer);
        }
    }
}

static void add_totals(const struct view_query *query, const struct view_part *part, uint32_t wants,
                       struct tally *tally)
{
    const struct pair *pair = view_pair_of(query);
    if (part->whole) {
        assay_tally_summary(tally, pair, wants, view_summary_of(query, part));
        return;
    }
    for (uint32_t at = part->from; at < part->to; at++) {
        if (!view_is_left_out(query, part, at)) {
            assay_tally_row(query->layout, tally, pair, wants, view_row_of(part, at));
        }
    }
}

/* The first or the last row of a part that is found, or none. */
static struct row edge_of(const struct view_query *query, const struct view_part *part, bool last)
{
    if (part->whole) {
        const struct summary *summary = view_summary_of(query, part);
        return summary->found == 0 ? (struct row){0}
                                   : view_row_of(part, last ? summary->last : summary->first);
    }
    for (uint32_t i = 0; part->from + i < part->to; i++) {
        const uint32_t at = last ? part->to - 1 - i : part->from + i;
        if (pair_finds(view_pair_of(query), view_row_of(part, at)) &&
            !view_is_left_out(query, part, at)) {
            return view_row_of(part, at);
        }
    }
    return (struct row){0};
}

static struct row find_edge(const struct view_query *query, bool last)
{
    const struct range *range = &query->range;
    const uint32_t count = range->end.chunk - range->begin.chunk + 1;
    uint32_t i = 0;
    while (i < count) {
        const uint32_t index = last ? range->end.chunk - i : range->begin.chunk + i;
        const struct block *block = view_block_at(query, index, last);
        if (block != NULL && block->summaries[query->key->pair].found == 0) {
            i += block->count;
            continue;
        }
        const struct view_part part = view_part_of(query, index);
        const struct row found = edge_of(query, &part, last);
        if (found.chunk != NULL) {
            return found;
        }
        i++;
    }
    return (struct row){0};
}

/* All values of a block, if it lists them. */
static bool add_values(const struct view_query *query, const struct summary *summary)
{
    if (summary->found > 0 && summary->values == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < summary->distinct_count; i++) {
        assay_distinct_add(query->set, summary->values[i]);
    }
    return true;
}

void assay_view_scan(const struct view_query *query, uint32_t totals, bool distinct,
                     struct tally *tally)
{
    uint32_t index = query->range.begin.chunk;
    while (index <= query->range.end.chunk) {
        const struct block *block = view_block_at(query, index, false);
        const struct summary *summary = block == NULL ? NULL : &block->summaries[query->key->pair];
        if (block != NULL && (!distinct || add_values(query, summary))) {
            assay_tally_summary(tally, view_pair_of(query), totals, summary);
            index += block->count;
            continue;
        }
        const struct view_part part = view_part_of(query, index++);
        if (totals != 0) {
            add_totals(query, &part, totals, tally);
        }
        if (distinct) {
            add_distinct(query, &part);
        }
    }
}

static void read_log(const struct view_query *query, struct view_result *out)
{
    const uint32_t wants = query->key->wants;
    const uint32_t totals = wants & (WANT_COUNT | WANT_SUM | WANT_EXTREME | WANT_SQUARES);
    const bool distinct = (wants & WANT_DISTINCT) != 0;
    if (distinct) {
        assay_distinct_clear(query->set);
    }
    if (distinct || totals != 0) {
        assay_view_scan(query, totals, distinct, &out->tally);
    }
    if (distinct) {
        out->distinct_count = query->set->used;
    }
    if ((wants & WANT_GAPS) != 0) {
        assay_view_gaps(query, &out->gaps);
    }
    if ((wants & WANT_DAYS) != 0) {
        out->days = assay_view_days(query);
    }
    if ((wants & WANT_NOVELTY) != 0) {
        assay_view_novelty(query, out);
    }
    if ((wants & (WANT_KTH_FIRST | WANT_KTH_LAST)) != 0) {
        out->kth = assay_view_kth(query, (wants & WANT_KTH_LAST) != 0);
    }
    out->tally.first = (wants & WANT_FIRST) != 0 ? find_edge(query, false) : (struct row){0};
    out->tally.last = (wants & WANT_LAST) != 0 ? find_edge(query, true) : (struct row){0};
}

void assay_view_read(const struct view_query *query, struct view_result *out)
{
    *out = (struct view_result){0};
    if (query->log->count > 0) {
        struct view_query narrowed = *query;
        if (query->key->last_n != 0) {
            narrowed.range.begin = newest(query, query->key->last_n);
        }
        read_log(&narrowed, out);
    }
    for (const struct base *base = query->log->bases;
         base != NULL && query->bases_since_ms != INT64_MAX; base = base->next) {
        if (base->member_ms >= query->bases_since_ms) {
            assay_tally_merge(query->layout, &out->tally, view_pair_of(query), query->key->wants,
                              &base->tallies[query->key->pair]);
        }
    }
}

struct assay_value assay_aggregate_null(const struct assay_agg *agg)
{
    struct assay_value value = {.kind = (uint8_t)agg->result};
    if (agg->result != ASSAY_KIND_TEXT) {
        value.cell.number = ASSAY_NULL_NUMBER;
    }
    return value;
}

static const struct assay_field_def *column_def(const struct assay_agg *agg,
                                                const struct stream_layout *layout)
{
    ASSAY_DASSERT(agg->column != ASSAY_NONE);
    return &layout->event->fields[layout->stream->columns[agg->column]];
}

static double cell_number(const struct assay_field_def *def, union cell cell)
{
    if (def->type == ASSAY_TYPE_REAL) {
        return cell.real;
    }
    /* Both operands are exact in f64, so the one division rounds correctly. */
    return (double)cell.integer / (double)assay_pow10(def->scale);
}

static struct assay_value edge_value(const struct assay_agg *agg,
                                     const struct stream_layout *layout, struct row row)
{
    if (row.chunk == NULL) {
        return assay_aggregate_null(agg);
    }
    const struct assay_field_def *def = column_def(agg, layout);
    struct assay_value value = {.kind = (uint8_t)agg->result};
    if (assay_type_is_text(def->type)) {
        value.cell.text = assay_row_text(layout, row, agg->column);
    } else {
        value.cell.number = cell_number(def, row_cell(row, agg->column));
    }
    return value;
}

static double edge_age(struct row row, int64_t at_ms)
{
    return row.chunk == NULL ? ASSAY_NULL_NUMBER : (double)(at_ms - row_time(row));
}

static double average(const struct assay_agg *agg, const struct stream_layout *layout,
                      const struct tally *tally)
{
    if (tally->found == 0) {
        return ASSAY_NULL_NUMBER;
    }
    const assay_uint128 scale = (assay_uint128)assay_pow10(column_def(agg, layout)->scale);
    return assay_ratio(tally->sum, scale * tally->found);
}

static double number_of(const struct assay_agg *agg, const struct stream_layout *layout,
                        const struct view_result *result, int64_t at_ms)
{
    const struct tally *tally = &result->tally;
    switch (agg->kind) {
    case ASSAY_AGG_COUNT:
        return (double)tally->found;
    case ASSAY_AGG_SUM:
        return assay_ratio(tally->sum, (assay_uint128)assay_pow10(column_def(agg, layout)->scale));
    case ASSAY_AGG_AVG:
        return average(agg, layout, tally);
    case ASSAY_AGG_MIN:
    case ASSAY_AGG_MAX:
        return tally->found == 0
                   ? ASSAY_NULL_NUMBER
                   : cell_number(column_def(agg, layout),
                                 agg->kind == ASSAY_AGG_MIN ? tally->min : tally->max);
    case ASSAY_AGG_RANGE:
        return assay_moment_range(column_def(agg, layout), tally);
    case ASSAY_AGG_VAR_POP:
    case ASSAY_AGG_VAR_SAMP:
    case ASSAY_AGG_STDDEV_POP:
    case ASSAY_AGG_STDDEV_SAMP:
    case ASSAY_AGG_CV:
        return assay_moment_value(agg->kind, column_def(agg, layout)->scale, tally);
    case ASSAY_AGG_COUNT_DISTINCT:
        return (double)result->distinct_count;
    case ASSAY_AGG_IS_NEW:
        return result->novelty == NOVELTY_NULL  ? ASSAY_NULL_NUMBER
               : result->novelty == NOVELTY_NEW ? 1
                                                : 0;
    case ASSAY_AGG_INTERARRIVAL_MEAN:
    case ASSAY_AGG_INTERARRIVAL_STD:
    case ASSAY_AGG_LONGEST_GAP:
        return assay_rhythm_value(agg->kind, result);
    case ASSAY_AGG_ACTIVE_DAYS:
        return result->days == 0 ? ASSAY_NULL_NUMBER : (double)result->days;
    case ASSAY_AGG_TIME_SINCE_FIRST:
        return edge_age(tally->first, at_ms);
    case ASSAY_AGG_TIME_SINCE_LAST:
        return edge_age(tally->last, at_ms);
    case ASSAY_AGG_FIRST:
    case ASSAY_AGG_LAST:
    case ASSAY_AGG_FIRST_K:
    case ASSAY_AGG_LAST_K:
    case ASSAY_AGG_LAG:
    case ASSAY_AGG_END:
        break;
    }
    ASSAY_ASSERT(false);
    return ASSAY_NULL_NUMBER;
}

/* Numbers come back in a register: a small struct that is handed on waits for its own bytes. */
void assay_aggregate_value(const struct assay_agg *agg, const struct stream_layout *layout,
                           const struct view_result *result, int64_t at_ms, struct assay_value *out)
{
    switch ((int)agg->kind) {
    case ASSAY_AGG_FIRST:
        *out = edge_value(agg, layout, result->tally.first);
        return;
    case ASSAY_AGG_LAST:
        *out = edge_value(agg, layout, result->tally.last);
        return;
    case ASSAY_AGG_FIRST_K:
    case ASSAY_AGG_LAST_K:
        *out = edge_value(agg, layout, result->kth);
        return;
    default:
        value_put_number(out, number_of(agg, layout, result, at_ms));
        return;
    }
}
