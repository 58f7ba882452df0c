#include "features/view_pvt.h"

/*
 * Spans that end with an event or with the calendar and not a fixed time ago. The range at hand
 * reaches up to t, which is the time asked for less the delay; here it is narrowed.
 */

static bool is_counted(const struct view_query *query, const struct view_part *part, uint32_t at)
{
    return !view_is_left_out(query, part, at) &&
           pair_passes(view_pair_of(query), view_row_of(part, at));
}

/* A run of events that ends at @p later_ms goes on to the event before it while the gap allows. */
struct run {
    int64_t later_ms;
    int64_t gap_ms;
    struct position begin;
};

/* Extend the run over one part, backwards. @return false: it has ended. */
static bool extend(const struct view_query *query, const struct view_part *part, struct run *run)
{
    if (part->whole && view_summary_of(query, part)->passed == 0) {
        return true;
    }
    for (uint32_t at = part->to; at > part->from; at--) {
        if (!is_counted(query, part, at - 1)) {
            continue;
        }
        const int64_t time_ms = row_time(view_row_of(part, at - 1));
        if (run->later_ms - time_ms > run->gap_ms) {
            return false;
        }
        run->later_ms = time_ms;
        run->begin = (struct position){.chunk = part->index, .at = at - 1};
    }
    return true;
}

/* `where` and `exclude current` apply first, so a session is of the events that count. */
static struct position session_begin(const struct view_query *query, int64_t t_ms)
{
    const struct range *range = &query->range;
    struct run run = {.later_ms = t_ms, .gap_ms = query->key->cut->gap_ms, .begin = range->end};
    for (uint32_t index = range->end.chunk + 1; index > range->begin.chunk; index--) {
        const struct view_part part = view_part_of(query, index - 1);
        if (!extend(query, &part, &run)) {
            break;
        }
    }
    return run.begin;
}

static struct position step_back(const struct view_query *query, struct position at)
{
    const struct log *log = query->log;
    if (at.at == 0) {
        spill_enter(query->layout->spill, log_chunk(log, at.chunk - 1));
    }
    return at.at > 0 ? (struct position){.chunk = at.chunk, .at = at.at - 1}
                     : (struct position){.chunk = at.chunk - 1,
                                         .at = log_chunk(log, at.chunk - 1)->count - 1};
}

/* The place behind everything that is not greater than the landmark, in the order of events. */
static struct position after_mark(const struct view_query *query, const struct span_cut *cut)
{
    struct position at = assay_log_after(query->layout, query->log, row_time(cut->mark));
    while (at.chunk > 0 || at.at > 0) {
        const struct position before = step_back(query, at);
        if (assay_row_order_across(query->layout, log_row(query->log, before), cut->mark_layout,
                                   cut->mark) <= 0) {
            break;
        }
        at = before;
    }
    return at;
}

static struct range bucket_range(const struct view_query *query, int64_t t_ms, int64_t since_ms)
{
    const struct assay_window *window = query->key->cut;
    const struct assay_bucket bucket =
        assay_zone_bucket(window->zone, window->unit, window->back, t_ms);
    const int64_t from_ms = bucket.begin_ms > since_ms ? bucket.begin_ms : since_ms;
    const int64_t to_ms = bucket.end_ms - 1 < t_ms ? bucket.end_ms - 1 : t_ms;
    return assay_range(query->layout, query->log, from_ms - 1, to_ms);
}

void assay_span_cut(struct view_query *query, const struct span_cut *cut)
{
    const struct assay_window *window = query->key->cut;
    const int64_t t_ms = cut->at_ms - window->delay_ms;
    struct position begin = query->range.begin;
    if (query->log->count == 0) {
        return;
    }
    if (window->kind == ASSAY_SPAN_CALENDAR) {
        query->range = bucket_range(query, t_ms, cut->since_ms);
        return;
    }
    if (window->kind == ASSAY_SPAN_SESSION) {
        begin = session_begin(query, t_ms);
    } else if (cut->mark.chunk != NULL) {
        begin = after_mark(query, cut);
    }
    if (position_before(query->range.begin, begin)) {
        query->range.begin = begin;
    }
    if (position_before(query->range.end, query->range.begin)) {
        query->range.begin = query->range.end;
    }
}
