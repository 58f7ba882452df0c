#include "features/lanes_place_pvt.h"
#include "features/record_pvt.h"

/* Lanes from the log, at a time when nothing of it is newer. */

enum { BUILT_MAX = 32 };

/* Windows without an entry. */
static void reset(struct lanes *lanes, const struct stream_layout *layout, int64_t at_ms,
                  int64_t since_ms)
{
    memset(lanes, 0, lanes_bytes(layout));
    lanes->state = LANES_KEPT;
    lanes->frontier_ms = at_ms;
    lanes->since_ms = since_ms;
    lanes->waiting = LANE_NOWHERE;
    for (uint32_t lane = 0; lane < layout->lane_count; lane++) {
        lanes_leave(lanes)[lane] = INT64_MAX;
        lanes_begin(lanes, layout)[lane] = LANE_NOWHERE;
    }
    for (uint32_t d = 0; d < layout->lane_count - layout->prompt_count; d++) {
        lanes_enter(lanes, layout)[d] = INT64_MAX;
        lanes_end(lanes, layout)[d] = LANE_NOWHERE;
    }
}

/* What one lane holds, from what one pair has had. @return false: it may not fit. */
static bool set_total(struct lanes *lanes, const struct stream_layout *layout, uint32_t total,
                      uint64_t found, assay_int128 sum)
{
    lanes_found(lanes, layout)[total] = (uint32_t)found;
    if (total < layout->sum_count) {
        lanes_sum(lanes, layout)[total] = (int64_t)sum;
    }
    return found < LANE_FOUND_MAX &&
           (total >= layout->sum_count || (sum < LANE_WIDE && sum > -LANE_WIDE));
}

/* Where a window begins: at this place, which is LANE_NOWHERE if nothing is in it. */
static void set_begin(struct lanes *lanes, const struct stream_layout *layout,
                      const struct log *log, uint32_t lane, uint32_t place)
{
    if (place != LANE_NOWHERE) {
        spill_enter(layout->spill, log_chunk(log, place >> LANE_AT_BITS));
        lanes_begin(lanes, layout)[lane] = place;
        lanes_leave(lanes)[lane] = lane_leaves(&layout->lanes[lane], lane_time_at(log, place));
    }
}

static void build_lane(struct lanes *lanes, const struct log_context *context,
                       const struct log *log, uint32_t lane)
{
    const struct stream_layout *layout = context->layout;
    const struct lane *window = &layout->lanes[lane];
    const int64_t to_ms = lanes->frontier_ms - window->delay_ms;
    const int64_t after_ms = lane_after(window, lanes->frontier_ms, lanes->since_ms);
    const struct range range = assay_range(layout, log, after_ms, to_ms);
    set_begin(lanes, layout, log, lane, lane_place_in(log, range.begin, range.end));
    if (lane >= layout->prompt_count) {
        const uint32_t d = lane - layout->prompt_count;
        const struct position from =
            assay_log_after(layout, log, to_ms > after_ms ? to_ms : after_ms);
        const uint32_t end = lane_place_in(log, from, assay_log_end(log));
        lanes_end(lanes, layout)[d] = end;
        lanes_enter(lanes, layout)[d] =
            end == LANE_NOWHERE ? INT64_MAX : lane_time_at(log, end) + window->delay_ms;
    }
    for (uint32_t i = layout->lane_totals_first[lane]; i < layout->lane_totals_first[lane + 1];
         i++) {
        const uint32_t total = layout->lane_totals[i];
        const struct view_key key = {.pair = layout->total_pairs[total],
                                     .wants = total < layout->sum_count ? WANT_COUNT | WANT_SUM
                                                                        : WANT_COUNT};
        const struct view_query query = {
            .layout = layout,
            .log = log,
            .key = &key,
            .range = range,
            .bases_since_ms = window->span_ms == 0 ? lanes->since_ms : INT64_MAX,
            .current = {.chunk = ASSAY_NONE},
            .set = context->set,
        };
        struct view_result result;
        assay_view_read(&query, &result);
        if (!set_total(lanes, layout, total, result.tally.found, result.tally.sum)) {
            lanes->state = LANES_OFF;
        }
    }
}

/*
 * Windows without delay lie within one another: one pass from the newest entry back adds up pair by
 * pair, and each window takes what there is when the pass comes to its beginning.
 */
struct building {
    struct lanes *lanes;
    const struct stream_layout *layout;
    const struct log *log;
    uint32_t order[BUILT_MAX];   /* lanes, the shortest first */
    int64_t after_ms[BUILT_MAX]; /* where they begin, in that order */
    uint32_t closed;             /* so many of them have what they hold */
    uint32_t place;              /* of the oldest entry so far */
    int64_t place_ms;
    struct {
        uint64_t found;
        assay_int128 sum;
    } pairs[BUILT_MAX];
};

static void sort_lanes(struct building *building)
{
    const struct stream_layout *layout = building->layout;
    for (uint32_t lane = 0; lane < layout->prompt_count; lane++) {
        const int64_t after_ms = lane_after(&layout->lanes[lane], building->lanes->frontier_ms,
                                            building->lanes->since_ms);
        uint32_t at = lane;
        while (at > 0 && building->after_ms[at - 1] < after_ms) {
            building->order[at] = building->order[at - 1];
            building->after_ms[at] = building->after_ms[at - 1];
            at--;
        }
        building->order[at] = lane;
        building->after_ms[at] = after_ms;
    }
}

/* The window has what the pass has come by, and what was folded if it is a lifetime. */
static void close_lane(const struct building *building, uint32_t lane)
{
    const struct stream_layout *layout = building->layout;
    struct lanes *lanes = building->lanes;
    const struct lane *window = &layout->lanes[lane];
    if (building->place != LANE_NOWHERE) {
        lanes_begin(lanes, layout)[lane] = building->place;
        lanes_leave(lanes)[lane] = lane_leaves(window, building->place_ms);
    }
    for (uint32_t i = layout->lane_totals_first[lane]; i < layout->lane_totals_first[lane + 1];
         i++) {
        const uint32_t total = layout->lane_totals[i];
        const uint32_t pair = layout->total_pairs[total];
        uint64_t found = building->pairs[pair].found;
        assay_int128 sum = building->pairs[pair].sum;
        for (const struct base *base = building->log->bases; base != NULL && window->span_ms == 0;
             base = base->next) {
            const bool counts = base->member_ms >= lanes->since_ms;
            found += counts ? base->tallies[pair].found : 0;
            sum += counts ? base->tallies[pair].sum : 0;
        }
        if (!set_total(lanes, layout, total, found, sum)) {
            lanes->state = LANES_OFF;
        }
    }
}

/* Windows that hold nothing of this time or before are complete. @return false: all are. */
static bool close_after(struct building *building, int64_t time_ms)
{
    while (building->closed < building->layout->prompt_count) {
        if (time_ms > building->after_ms[building->closed]) {
            return true;
        }
        close_lane(building, building->order[building->closed++]);
    }
    return false;
}

static void come_to(struct building *building, struct position position, int64_t time_ms)
{
    building->place = lane_place(position);
    building->place_ms = time_ms;
}

/* Add whole chunks. */
static void add_summaries(struct building *building, const struct summary summaries[])
{
    const struct stream_layout *layout = building->layout;
    for (uint32_t p = 0; p < layout->pair_count; p++) {
        const struct pair_totals *totals = &layout->pair_totals[p];
        if (totals->prompt > 0 && summaries[p].found > 0) {
            building->pairs[p].found += summaries[p].found;
            building->pairs[p].sum += totals->first < layout->sum_count ? summaries[p].sum : 0;
        }
    }
}

static void add_row(struct building *building, struct row row)
{
    const struct stream_layout *layout = building->layout;
    for (uint32_t p = 0; p < layout->pair_count; p++) {
        const struct pair_totals *totals = &layout->pair_totals[p];
        const struct pair *pair = &layout->pairs[p];
        if (totals->prompt > 0 && pair_finds(pair, row)) {
            building->pairs[p].found++;
            building->pairs[p].sum +=
                totals->first < layout->sum_count ? pair_cell(pair, row).integer : 0;
        }
    }
}

/* Row by row, as the chunk is not in the next window as a whole. @return false: all are
 * complete. */
static bool add_rows(struct building *building, uint32_t index)
{
    const struct chunk *chunk = log_chunk(building->log, index);
    for (uint32_t at = chunk->count; at > 0; at--) {
        const struct row row = {.chunk = chunk, .at = at - 1};
        const int64_t time_ms = row_time(row);
        if (time_ms <= building->after_ms[building->closed] && !close_after(building, time_ms)) {
            return false;
        }
        add_row(building, row);
        come_to(building, (struct position){.chunk = index, .at = row.at}, time_ms);
    }
    return true;
}

static int64_t first_of(const struct building *building, uint32_t index)
{
    return chunk_first_ms(building->layout, log_chunk(building->log, index));
}

/* Add chunk @p index, or the block that it closes; then it is the block's first. @return false: all
 * windows are complete. */
static bool add_chunk(struct building *building, uint32_t *index)
{
    const struct stream_layout *layout = building->layout;
    const struct log *log = building->log;
    const struct chunk *chunk = log_chunk(log, *index);
    const struct block *block = chunk_closes(layout, chunk);
    const int64_t after_ms = building->after_ms[building->closed];
    if (block != NULL && block->born <= log->blocks && block->count <= *index + 1 &&
        first_of(building, *index + 1 - block->count) > after_ms) {
        *index -= block->count - 1;
        add_summaries(building, block->summaries);
    } else {
        spill_enter(layout->spill, chunk);
        if (chunk->seal == NULL || first_of(building, *index) <= after_ms) {
            return add_rows(building, *index);
        }
        add_summaries(building, chunk->seal->summaries);
    }
    come_to(building, (struct position){.chunk = *index}, first_of(building, *index));
    return true;
}

/* @return false: there are too many of something, so they have to be read one by one. */
static bool build_prompt(struct lanes *lanes, const struct stream_layout *layout,
                         const struct log *log)
{
    struct building building;
    if (layout->prompt_count > BUILT_MAX || layout->pair_count > BUILT_MAX) {
        return false;
    }
    building.lanes = lanes;
    building.layout = layout;
    building.log = log;
    building.closed = 0;
    building.place = LANE_NOWHERE;
    memset(building.pairs, 0, layout->pair_count * sizeof building.pairs[0]);
    sort_lanes(&building);
    bool more = layout->prompt_count > 0;
    for (uint32_t left = assay_log_end(log).chunk + 1; more && left > 0; left--) {
        uint32_t index = left - 1;
        more = add_chunk(&building, &index);
        left = index + 1;
    }
    (void)close_after(&building, INT64_MIN);
    return true;
}

bool assay_lanes_build(const struct log_context *context, struct log *log, int64_t at_ms,
                       int64_t since_ms)
{
    const struct stream_layout *layout = context->layout;
    reset(log->lanes, layout, at_ms, since_ms);
    log->lanes->newest_ms = log_newest_ms(log);
    const uint32_t first = build_prompt(log->lanes, layout, log) ? layout->prompt_count : 0;
    for (uint32_t lane = first; lane < layout->lane_count; lane++) {
        build_lane(log->lanes, context, log, lane);
    }
    return log->lanes->state == LANES_KEPT;
}
