#include "features/record_pvt.h"

/*
 * Windows that end now lie within one another, so extremes and different values of all of them take
 * one pass from the newest entry back: the shortest window is read, then what the next one has
 * beyond it, and so on.
 */

enum { SWEPT = WANT_COUNT | WANT_SUM | WANT_SQUARES | WANT_EXTREME | WANT_DISTINCT };

/* Can the aggregate's view be read that way, and is there something to read? */
static bool is_swept(const struct entity_layout *layout, const struct view_key *view)
{
    const struct range_key *range = &layout->ranges[view->range];
    const uint32_t read = view->wants & ~(uint32_t)(WANT_COUNT | WANT_SUM);
    return view->last_n == 0 && view->cut == NULL && !view->exclude_current &&
           range->span_ms != 0 && range->delay_ms == 0 && read != 0 &&
           (view->wants & ~(uint32_t)SWEPT) == 0;
}

static void add_view(struct selection *selection, struct sweep *sweep, uint32_t view,
                     const struct range_key *range)
{
    struct swept_view *swept = &selection->swept[sweep->first];
    uint32_t at = sweep->count;
    for (uint32_t i = 0; i < sweep->count; i++) {
        if (swept[i].view == view) {
            return;
        }
    }
    while (at > 0 && swept[at - 1].span_ms > range->span_ms) {
        swept[at] = swept[at - 1];
        at--;
    }
    swept[at] = (struct swept_view){.view = view, .lane = range->lane, .span_ms = range->span_ms};
    sweep->count++;
}

void assay_sweep_list(const struct slicer *slicer, struct selection *selection,
                      struct selection_stream *part, uint32_t *sweeps_used, uint32_t *swept_used)
{
    const struct entity_layout *layout = &slicer->layouts[selection->entity];
    part->sweep_first = *sweeps_used;
    for (uint32_t pair = 0; pair < layout->streams[part->stream].pair_count; pair++) {
        struct sweep sweep = {.pair = pair, .first = *swept_used};
        for (uint32_t i = 0; i < part->agg_count; i++) {
            const uint32_t v = layout->agg_views[selection->aggs[part->agg_first + i]];
            const struct view_key *view = &layout->views[v];
            if (view->pair == pair && is_swept(layout, view)) {
                add_view(selection, &sweep, v, &layout->ranges[view->range]);
                sweep.wants |= view->wants;
            }
        }
        if (sweep.count > 0) {
            selection->sweeps[(*sweeps_used)++] = sweep;
            *swept_used += sweep.count;
            part->sweep_count++;
        }
    }
}

void assay_sweep_read(struct slicer *slicer, const struct selection *selection,
                      const struct sweep *sweep, uint32_t stream, const struct log *log)
{
    struct scratch *scratch = &slicer->scratch;
    const struct stream_layout *layout = &slicer->layouts[selection->entity].streams[stream];
    const bool distinct = (sweep->wants & WANT_DISTINCT) != 0;
    const uint32_t totals = sweep->wants & (SWEPT & ~(uint32_t)WANT_DISTINCT);
    const struct view_key key = {.pair = sweep->pair, .wants = sweep->wants};
    struct tally tally = {0};
    struct view_query query = {.layout = layout,
                               .log = log,
                               .key = &key,
                               .range = {.begin = assay_log_end(log)},
                               .bases_since_ms = INT64_MAX,
                               .current = {.chunk = ASSAY_NONE},
                               .set = &slicer->set};
    if (distinct) {
        assay_distinct_clear(&slicer->set);
    }
    for (uint32_t i = 0; i < sweep->count; i++) {
        const struct swept_view *swept = &selection->swept[sweep->first + i];
        const struct range range = assay_lanes_range(layout, log, swept->lane);
        query.range.end = query.range.begin;
        query.range.begin = range.begin;
        if (range.begin.chunk != query.range.end.chunk || range.begin.at != query.range.end.at) {
            assay_view_scan(&query, totals, distinct, &tally);
        }
        scratch->results[swept->view] =
            (struct view_result){.tally = tally, .distinct_count = distinct ? slicer->set.used : 0};
        scratch->view_stamps[swept->view] = scratch->stamp;
    }
}
