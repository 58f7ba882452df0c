#include "features/view_pvt.h"

/*
 * What a view says of its events one after the other: the gaps between them, the nth value from
 * either end, and whether the current event's value is there already. Gaps of a chunk are summed up
 * when it is sealed; to join two runs of events takes the last time of one and the first of the
 * other.
 */

/* A run of events that begins at @p first_ms follows: the gap between is one more. */
static void add_gap(struct gaps *gaps, int64_t first_ms)
{
    if (gaps->found == 0) {
        gaps->first_ms = first_ms;
        return;
    }
    ASSAY_DASSERT(first_ms >= gaps->last_ms);
    const int64_t gap_ms = first_ms - gaps->last_ms;
    gaps->longest_ms = gap_ms > gaps->longest_ms ? gap_ms : gaps->longest_ms;
    gaps->squares += (assay_uint128)((assay_int128)gap_ms * gap_ms);
}

void assay_gaps_event(struct gaps *gaps, int64_t time_ms)
{
    add_gap(gaps, time_ms);
    gaps->last_ms = time_ms;
    gaps->found++;
}

void assay_gaps_summary(struct gaps *gaps, const struct summary *summary)
{
    if (summary->found == 0) {
        return;
    }
    add_gap(gaps, summary->min.integer);
    gaps->last_ms = summary->max.integer;
    gaps->longest_ms =
        summary->longest_ms > gaps->longest_ms ? summary->longest_ms : gaps->longest_ms;
    gaps->squares += summary->squares;
    gaps->found += summary->found;
}

void assay_gaps_keep(const struct gaps *gaps, struct summary *summary)
{
    summary->min.integer = gaps->first_ms;
    summary->max.integer = gaps->last_ms;
    summary->longest_ms = gaps->longest_ms;
    summary->squares = gaps->squares;
}

void assay_view_gaps(const struct view_query *query, struct gaps *out)
{
    const struct pair *pair = view_pair_of(query);
    uint32_t index = query->range.begin.chunk;
    while (index <= query->range.end.chunk) {
        const struct block *block = view_block_at(query, index, false);
        if (block != NULL) {
            assay_gaps_summary(out, &block->summaries[query->key->pair]);
            index += block->count;
            continue;
        }
        const struct view_part part = view_part_of(query, index++);
        if (part.whole) {
            assay_gaps_summary(out, view_summary_of(query, &part));
            continue;
        }
        for (uint32_t at = part.from; at < part.to; at++) {
            const struct row row = view_row_of(&part, at);
            if (pair_finds(pair, row) && !view_is_left_out(query, &part, at)) {
                assay_gaps_event(out, row_time(row));
            }
        }
    }
}

/* The nth found of one part, or none after taking off how many it has. */
static struct row kth_of_part(const struct view_query *query, const struct view_part *part,
                              bool from_last, uint32_t *left)
{
    if (part->whole && view_summary_of(query, part)->found < *left) {
        *left -= view_summary_of(query, part)->found;
        return (struct row){0};
    }
    for (uint32_t i = 0; part->from + i < part->to; i++) {
        const uint32_t at = from_last ? part->to - 1 - i : part->from + i;
        const struct row row = view_row_of(part, at);
        if (pair_finds(view_pair_of(query), row) && !view_is_left_out(query, part, at) &&
            --*left == 0) {
            return row;
        }
    }
    return (struct row){0};
}

struct row assay_view_kth(const struct view_query *query, bool from_last)
{
    const struct range *range = &query->range;
    const uint32_t count = range->end.chunk - range->begin.chunk + 1;
    uint32_t left = query->key->nth;
    ASSAY_ASSERT(left > 0);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t index = from_last ? range->end.chunk - i : range->begin.chunk + i;
        const struct block *block = view_block_at(query, index, from_last);
        if (block != NULL && block->summaries[query->key->pair].found < left) {
            left -= block->summaries[query->key->pair].found;
            i += block->count - 1;
            continue;
        }
        const struct view_part part = view_part_of(query, index);
        const struct row found = kth_of_part(query, &part, from_last, &left);
        if (found.chunk != NULL) {
            return found;
        }
    }
    return (struct row){0};
}

static bool lists(const struct summary *summary, int64_t wanted)
{
    bool found = false;
    for (uint32_t i = 0; i < summary->distinct_count && !found; i++) {
        found = summary->values[i] == wanted;
    }
    return found;
}

static bool part_has(const struct view_query *query, const struct view_part *part, int64_t wanted)
{
    if (part->whole) {
        return lists(view_summary_of(query, part), wanted);
    }
    bool found = false;
    for (uint32_t at = part->from; at < part->to && !found; at++) {
        const struct row row = view_row_of(part, at);
        found = pair_finds(view_pair_of(query), row) && !view_is_left_out(query, part, at) &&
                pair_cell(view_pair_of(query), row).integer == wanted;
    }
    return found;
}

static bool window_has(const struct view_query *query, int64_t wanted)
{
    uint32_t index = query->range.begin.chunk;
    while (index <= query->range.end.chunk) {
        const struct block *block = view_block_at(query, index, false);
        const struct summary *summary = block == NULL ? NULL : &block->summaries[query->key->pair];
        if (block != NULL && (summary->found == 0 || summary->values != NULL)) {
            if (lists(summary, wanted)) {
                return true;
            }
            index += block->count;
            continue;
        }
        const struct view_part part = view_part_of(query, index++);
        if (part_has(query, &part, wanted)) {
            return true;
        }
    }
    return false;
}

void assay_view_novelty(const struct view_query *query, struct view_result *out)
{
    const struct pair *pair = view_pair_of(query);
    if (query->current.chunk == ASSAY_NONE) {
        return;
    }
    const int64_t wanted = pair_cell(pair, log_row(query->log, query->current)).integer;
    if (wanted == CELL_NULL) {
        return;
    }
    struct view_key others = *query->key;
    others.exclude_current = true; /* the current event does not make its own value known */
    struct view_query narrowed = *query;
    narrowed.key = &others;
    out->novelty = window_has(&narrowed, wanted) ? NOVELTY_KNOWN : NOVELTY_NEW;
}

double assay_rhythm_value(enum assay_agg_kind kind, const struct view_result *result)
{
    if (kind == ASSAY_AGG_INTERARRIVAL_MEAN) {
        const struct tally *tally = &result->tally;
        return tally->found < 2
                   ? ASSAY_NULL_NUMBER
                   : assay_ratio(row_time(tally->last) - row_time(tally->first), tally->found - 1);
    }
    const struct gaps *gaps = &result->gaps;
    if (gaps->found < 2) {
        return ASSAY_NULL_NUMBER;
    }
    if (kind == ASSAY_AGG_LONGEST_GAP) {
        return (double)gaps->longest_ms;
    }
    const struct tally spread = {
        .found = gaps->found - 1, .sum = gaps->last_ms - gaps->first_ms, .squares = gaps->squares};
    return assay_moment_value(ASSAY_AGG_STDDEV_SAMP, 0, &spread);
}
