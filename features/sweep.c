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

static void add_aggregate(struct selection *selection, struct sweep *sweep, struct swept added)
{
    struct swept *swept = &selection->swept[sweep->first];
    uint32_t at = sweep->count++;
    while (at > 0 && swept[at - 1].span_ms > added.span_ms) {
        swept[at] = swept[at - 1];
        at--;
    }
    swept[at] = added;
}

/* The sweep of one pair takes its aggregates out of the list. */
static struct sweep take_pair(const struct slicer *slicer, struct selection *selection,
                              struct selection_stream *part, uint32_t pair, uint32_t first)
{
    const struct assay_plan_entity *plan = &slicer->plan->entities[selection->entity];
    const struct entity_layout *layout = &slicer->layouts[selection->entity];
    struct sweep sweep = {.pair = pair, .first = first, .scale = 1};
    uint32_t left = 0;
    for (uint32_t i = 0; i < part->agg_count; i++) {
        const uint32_t agg = selection->aggs[part->agg_first + i];
        const struct view_key *view = &layout->views[layout->agg_views[agg]];
        const struct range_key *range = &layout->ranges[view->range];
        if (view->pair != pair || !is_swept(layout, view)) {
            selection->aggs[part->agg_first + left++] = agg;
            continue;
        }
        sweep.wants |= view->wants;
        add_aggregate(selection, &sweep,
                      (struct swept){.agg = agg,
                                     .kind = plan->aggs[agg].kind,
                                     .lane = range->lane,
                                     .span_ms = range->span_ms});
    }
    part->agg_count = left;
    return sweep;
}

void assay_sweep_list(const struct slicer *slicer, struct selection *selection,
                      struct selection_stream *part, uint32_t *sweeps_used, uint32_t *swept_used)
{
    const struct stream_layout *layout = &slicer->layouts[selection->entity].streams[part->stream];
    part->sweep_first = *sweeps_used;
    for (uint32_t pair = 0; pair < layout->pair_count; pair++) {
        struct sweep sweep = take_pair(slicer, selection, part, pair, *swept_used);
        if (sweep.count == 0) {
            continue;
        }
        if (layout->pairs[pair].value == PAIR_INTEGER) {
            const uint32_t field = layout->stream->columns[layout->pairs[pair].column];
            sweep.scale = (double)assay_pow10(layout->event->fields[field].scale);
        }
        selection->sweeps[(*sweeps_used)++] = sweep;
        *swept_used += sweep.count;
        part->sweep_count++;
    }
}

/* One pass as far as it has come. */
struct pass {
    const struct stream_layout *layout;
    const struct pair *pair;
    const struct log *log;
    struct distinct_set *set; /* NULL: different values are not counted */
    uint32_t totals;
    struct position at; /* all from here on is in the tally */
    struct tally tally;
};

/* The same as assay_tally_row() for integers, where a pass looks at every row. */
static inline void add_integer(struct tally *tally, uint32_t totals, int64_t value)
{
    if ((totals & WANT_EXTREME) != 0) {
        const bool is_first = tally->found == 0;
        tally->min.integer = is_first || value < tally->min.integer ? value : tally->min.integer;
        tally->max.integer = is_first || value > tally->max.integer ? value : tally->max.integer;
    }
    tally->sum += value;
    if ((totals & WANT_SQUARES) != 0) {
        const assay_uint128 square = (assay_uint128)((assay_int128)value * value);
        tally->squares += square;
        tally->squares_high += tally->squares < square ? 1 : 0;
    }
    tally->found++;
}

static void add_row(struct pass *pass, struct row row)
{
    const struct pair *pair = pass->pair;
    if (!pair_finds(pair, row)) {
        return;
    }
    if (pass->totals != 0 && pair->value == PAIR_INTEGER) {
        add_integer(&pass->tally, pass->totals, pair_cell(pair, row).integer);
    } else if (pass->totals != 0) {
        assay_tally_row(pass->layout, &pass->tally, pair, pass->totals, row);
    }
    if (pass->set != NULL) {
        assay_distinct_add(pass->set, pair_cell(pair, row).integer);
    }
}

/* Take in what lies between @p begin and what has been seen. In one chunk, as most logs are, row
 * by row. */
static void go_back_to(struct pass *pass, const struct sweep *sweep, struct position begin)
{
    if (begin.chunk == pass->at.chunk) {
        const struct chunk *chunk = log_chunk(pass->log, begin.chunk);
        spill_enter(pass->layout->spill, chunk);
        while (pass->at.at > begin.at) {
            pass->at.at--;
            add_row(pass, (struct row){.chunk = chunk, .at = pass->at.at});
        }
        return;
    }
    const struct view_key key = {.pair = sweep->pair, .wants = sweep->wants};
    const struct view_query query = {.layout = pass->layout,
                                     .log = pass->log,
                                     .key = &key,
                                     .range = {.begin = begin, .end = pass->at},
                                     .bases_since_ms = INT64_MAX,
                                     .current = {.chunk = ASSAY_NONE},
                                     .set = pass->set};
    assay_view_scan(&query, pass->totals, pass->set != NULL, &pass->tally);
    pass->at = begin;
}

static double extreme(const struct sweep *sweep, const struct pair *pair, const struct tally *tally,
                      union cell cell)
{
    if (tally->found == 0) {
        return ASSAY_NULL_NUMBER;
    }
    return pair->value == PAIR_REAL ? cell.real : (double)cell.integer / sweep->scale;
}

/* An aggregate of a window whose entries are all in. */
static void put(struct slicer *slicer, const struct selection *selection, const struct sweep *sweep,
                const struct pass *pass, const struct swept *swept)
{
    const struct assay_plan_entity *plan = &slicer->plan->entities[selection->entity];
    struct assay_value *out = &slicer->scratch.slots[plan->feature_count + swept->agg];
    const struct tally *tally = &pass->tally;
    if (swept->kind == ASSAY_AGG_COUNT_DISTINCT) {
        value_put_number(out, (double)pass->set->used);
    } else if (swept->kind == ASSAY_AGG_MIN) {
        value_put_number(out, extreme(sweep, pass->pair, tally, tally->min));
    } else if (swept->kind == ASSAY_AGG_MAX) {
        value_put_number(out, extreme(sweep, pass->pair, tally, tally->max));
    } else {
        struct view_result *result = &slicer->scratch.swept;
        result->tally = *tally; /* of the rest nothing is asked */
        assay_aggregate_value(&plan->aggs[swept->agg], pass->layout, result, 0, out);
    }
}

void assay_sweep_read(struct slicer *slicer, const struct selection *selection,
                      const struct sweep *sweep, uint32_t stream, const struct log *log)
{
    const struct stream_layout *layout = &slicer->layouts[selection->entity].streams[stream];
    const bool distinct = (sweep->wants & WANT_DISTINCT) != 0;
    struct pass pass = {.layout = layout,
                        .pair = &layout->pairs[sweep->pair],
                        .log = log,
                        .set = distinct ? &slicer->set : NULL,
                        .totals = sweep->wants & (SWEPT & ~(uint32_t)WANT_DISTINCT),
                        .at = assay_log_end(log)};
    if (distinct) {
        assay_distinct_clear(&slicer->set);
    }
    for (uint32_t i = 0; i < sweep->count; i++) {
        const struct swept *swept = &selection->swept[sweep->first + i];
        if (i == 0 || swept->lane != swept[-1].lane) {
            const uint32_t begin = lane_begin(log->lanes, layout, swept->lane);
            if (begin != LANE_NOWHERE) {
                go_back_to(&pass, sweep, lane_position(begin));
            }
        }
        put(slicer, selection, sweep, &pass, swept);
    }
}
