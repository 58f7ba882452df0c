#include "features/lanes_place_pvt.h"
#include "features/record_pvt.h"

/*
 * Wide lanes: how they move with time.
 */

enum { LAG_CHUNKS = 2, BACK_STEPS = 32 };

/* ---- totals ---- */

static void add_to(struct lanes *lanes, int64_t *sum, int64_t value)
{
    *sum += value;
    const bool is_small = value < LANE_SMALL && value > -LANE_SMALL;
    if (!is_small && (*sum >= LANE_WIDE || *sum <= -LANE_WIDE)) {
        lanes->state = LANES_OFF;
    }
}

void assay_lane_change(struct lanes *lanes, const struct stream_layout *layout, uint32_t lane,
                       struct row row, int by)
{
    uint32_t *found = lanes_found(lanes, layout);
    int64_t *sums = lanes_sum(lanes, layout);
    const uint32_t end = layout->lane_totals_first[lane + 1];
    for (uint32_t i = layout->lane_totals_first[lane]; i < end; i++) {
        const uint32_t total = layout->lane_totals[i];
        const struct pair *pair = &layout->pairs[layout->total_pairs[total]];
        if (!pair_finds(pair, row)) {
            continue;
        }
        found[total] += (uint32_t)by;
        if (total < layout->sum_count) {
            add_to(lanes, &sums[total], by * pair_cell(pair, row).integer);
        }
    }
}

static void add_ones(uint32_t *restrict found, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        found[i]++;
    }
}

static void add_value(int64_t *restrict sums, uint32_t count, int64_t value)
{
    for (uint32_t i = 0; i < count; i++) {
        sums[i] += value;
    }
}

/* An entry enters all lanes that have no delay. */
static void enter_prompt(struct lanes *lanes, const struct stream_layout *layout, struct row row)
{
    uint32_t *found = lanes_found(lanes, layout);
    int64_t *sums = lanes_sum(lanes, layout);
    for (uint32_t p = 0; p < layout->pair_count; p++) {
        const struct pair_totals totals = layout->pair_totals[p];
        const struct pair *pair = &layout->pairs[p];
        if (totals.prompt == 0 || !pair_finds(pair, row)) {
            continue;
        }
        add_ones(found + totals.first, totals.prompt);
        if (totals.first >= layout->sum_count) {
            continue;
        }
        const int64_t value = pair_cell(pair, row).integer;
        if (value < LANE_SMALL && value > -LANE_SMALL) {
            add_value(sums + totals.first, totals.prompt, value);
        } else {
            for (uint32_t i = 0; i < totals.prompt; i++) {
                add_to(lanes, &sums[totals.first + i], value);
            }
        }
    }
}

/* ---- moving ---- */

static void enter_until(struct lanes *lanes, const struct stream_layout *layout,
                        const struct log *log, uint32_t lane, int64_t at_ms)
{
    const uint32_t d = lane - layout->prompt_count;
    int64_t *enter = lanes_enter(lanes, layout);
    uint32_t *begin = lanes_begin(lanes, layout);
    uint32_t *end = lanes_end(lanes, layout);
    if (enter[d] <= at_ms) {
        lane_stay(layout, log, end[d]);
    }
    while (enter[d] <= at_ms) {
        const struct row row = lane_row(log, end[d]);
        assay_lane_change(lanes, layout, lane, row, 1);
        if (begin[lane] == LANE_NOWHERE) {
            begin[lane] = end[d];
            lanes_leave(lanes)[lane] = lane_leaves(&layout->lanes[lane], row_time(row));
        }
        end[d] = assay_lane_next(layout, log, end[d]);
        enter[d] = end[d] == LANE_NOWHERE
                       ? INT64_MAX
                       : lane_time_at(log, end[d]) + layout->lanes[lane].delay_ms;
    }
}

/* Nothing is left in a lane. */
static void clear_lane(struct lanes *lanes, const struct stream_layout *layout, uint32_t lane)
{
    uint32_t *found = lanes_found(lanes, layout);
    int64_t *sums = lanes_sum(lanes, layout);
    lanes_begin(lanes, layout)[lane] = LANE_NOWHERE;
    lanes_leave(lanes)[lane] = INT64_MAX;
    const uint32_t end = layout->lane_totals_first[lane + 1];
    for (uint32_t i = layout->lane_totals_first[lane]; i < end; i++) {
        const uint32_t total = layout->lane_totals[i];
        found[total] = 0;
        if (total < layout->sum_count) {
            sums[total] = 0;
        }
    }
}

/* Short windows that all their entries have left: no need to look at any. */
static void clear_outlived(struct lanes *lanes, const struct stream_layout *layout, int64_t at_ms)
{
    const int64_t *leave = lanes_leave(lanes);
    for (uint32_t lane = 0; lane < layout->prompt_count; lane++) {
        if (leave[lane] <= at_ms && lane_leaves(&layout->lanes[lane], lanes->newest_ms) <= at_ms) {
            clear_lane(lanes, layout, lane);
        }
    }
}

static void leave_until(struct lanes *lanes, const struct stream_layout *layout,
                        const struct log *log, uint32_t lane, int64_t at_ms)
{
    int64_t *leave = lanes_leave(lanes);
    uint32_t *begin = lanes_begin(lanes, layout);
    const uint32_t end = lane < layout->prompt_count
                             ? LANE_NOWHERE
                             : lanes_end(lanes, layout)[lane - layout->prompt_count];
    if (leave[lane] <= at_ms) {
        lane_stay(layout, log, begin[lane]);
    }
    while (leave[lane] <= at_ms) {
        const struct row row = lane_row(log, begin[lane]);
        leave[lane] = lane_leaves(&layout->lanes[lane], row_time(row));
        if (leave[lane] > at_ms) {
            return;
        }
        assay_lane_change(lanes, layout, lane, row, -1);
        begin[lane] = assay_lane_next(layout, log, begin[lane]);
        if (begin[lane] == end) {
            begin[lane] = LANE_NOWHERE;
            leave[lane] = INT64_MAX;
        } else {
            leave[lane] = lane_leaves(&layout->lanes[lane], lane_time_at(log, begin[lane]));
        }
    }
}

/* Entries that have come since the frontier was set enter, up to @p stop, which is not one. */
static void enter_waiting(struct lanes *lanes, const struct stream_layout *layout,
                          const struct log *log, uint32_t stop)
{
    int64_t *leave = lanes_leave(lanes);
    uint32_t *begin = lanes_begin(lanes, layout);
    const int64_t first_ms = lane_time_at(log, lanes->waiting);
    for (uint32_t d = 0; d < layout->lane_count - layout->prompt_count; d++) {
        if (lanes_end(lanes, layout)[d] == LANE_NOWHERE) {
            lanes_end(lanes, layout)[d] = lanes->waiting;
            lanes_enter(lanes, layout)[d] =
                first_ms + layout->lanes[layout->prompt_count + d].delay_ms;
        }
    }
    for (uint32_t lane = 0; lane < layout->prompt_count; lane++) {
        if (begin[lane] == LANE_NOWHERE) {
            begin[lane] = lanes->waiting;
            leave[lane] = lane_leaves(&layout->lanes[lane], first_ms);
        }
    }
    uint32_t place = lanes->waiting;
    while (place < stop) {
        const struct row row = lane_row(log, place);
        enter_prompt(lanes, layout, row);
        lanes->newest_ms = row_time(row);
        place = assay_lane_next(layout, log, place);
    }
    lanes->waiting = place;
}

/* Move kept lanes to a time at or after their frontier and the log's newest entry. */
static void advance(struct lanes *lanes, const struct stream_layout *layout, const struct log *log,
                    int64_t at_ms)
{
    clear_outlived(lanes, layout, at_ms);
    if (lanes->waiting != LANE_NOWHERE) {
        enter_waiting(lanes, layout, log, LANE_NOWHERE);
    }
    for (uint32_t lane = layout->prompt_count; lane < layout->lane_count; lane++) {
        enter_until(lanes, layout, log, lane, at_ms);
    }
    const int64_t *leave = lanes_leave(lanes);
    for (uint32_t lane = 0; lane < layout->lane_count; lane++) {
        if (leave[lane] <= at_ms) {
            leave_until(lanes, layout, log, lane, at_ms);
        }
    }
    lanes->frontier_ms = at_ms;
}

/* ---- at a time ---- */

/* Would entering what waits cost more than building anew? */
static bool lags(const struct log *log, const struct lanes *lanes)
{
    return lanes->waiting != LANE_NOWHERE &&
           (lanes->waiting >> LANE_AT_BITS) + LAG_CHUNKS < log->count;
}

/* Build lanes unless something of the log lies beyond @p at_ms. */
static bool renew(const struct log_context *context, struct log *log, int64_t at_ms,
                  int64_t since_ms)
{
    const bool is_empty = assay_log_end(log).at == 0;
    return !is_empty && log->count <= LANE_CHUNKS_MAX && log_newest_ms(log) <= at_ms &&
           assay_lanes_build(context, log, at_ms, since_ms);
}

bool assay_lanes_wide_at(const struct log_context *context, struct log *log, int64_t at_ms,
                         int64_t since_ms)
{
    struct lanes *lanes = log->lanes;
    if (lanes->state != LANES_KEPT || lanes->since_ms != since_ms || lags(log, lanes)) {
        return renew(context, log, at_ms, since_ms);
    }
    /* What has entered lies before the frontier; so the log is only touched for what has not. */
    if (at_ms < lanes->frontier_ms ||
        (lanes->waiting != LANE_NOWHERE && log_newest_ms(log) > at_ms)) {
        return false;
    }
    advance(lanes, context->layout, log, at_ms);
    return lanes->state == LANES_KEPT;
}

/* The place before another, or before the end of the log; LANE_NOWHERE: there is none. */
static uint32_t before(const struct stream_layout *layout, const struct log *log, uint32_t place)
{
    const struct position at = place == LANE_NOWHERE ? assay_log_end(log) : lane_position(place);
    if (at.at > 0) {
        return lane_place((struct position){.chunk = at.chunk, .at = at.at - 1});
    }
    if (at.chunk == 0) {
        return LANE_NOWHERE;
    }
    const struct chunk *chunk = log_chunk(log, at.chunk - 1);
    spill_enter(layout->spill, chunk);
    return lane_place((struct position){.chunk = at.chunk - 1, .at = chunk->count - 1U});
}

/* What has entered and is later than the time goes; @p stop is the first of it. @return false: it
 * is too much. */
static bool undo(struct lanes *lanes, const struct stream_layout *layout, const struct log *log,
                 uint32_t stop)
{
    const uint32_t *begin = lanes_begin(lanes, layout);
    uint32_t steps = 0;
    for (uint32_t place = stop; place < lanes->waiting;
         place = assay_lane_next(layout, log, place)) {
        for (uint32_t lane = 0; lane < layout->lane_count; lane++) {
            if (begin[lane] <= place) {
                assay_lane_change(lanes, layout, lane, lane_row(log, place), -1);
            }
        }
        if (++steps > BACK_STEPS) {
            return false;
        }
    }
    return true;
}

/* What had left by the frontier and not by the time comes back. @return false: it is too much. */
static bool refill(struct lanes *lanes, const struct stream_layout *layout, const struct log *log,
                   uint32_t lane, uint32_t stop, int64_t at_ms)
{
    uint32_t *begin = &lanes_begin(lanes, layout)[lane];
    uint32_t steps = 0;
    uint32_t place = before(layout, log, *begin == LANE_NOWHERE ? stop : *begin);
    while (place != LANE_NOWHERE) {
        const struct row row = lane_row(log, place);
        if (row_time(row) < lanes->since_ms ||
            lane_leaves(&layout->lanes[lane], row_time(row)) <= at_ms) {
            return true;
        }
        if (++steps > BACK_STEPS) {
            return false;
        }
        assay_lane_change(lanes, layout, lane, row, 1);
        *begin = place;
        place = before(layout, log, place);
    }
    return true;
}

bool assay_lanes_back(const struct stream_layout *layout, struct log *copy, int64_t at_ms,
                      int64_t since_ms, struct position *end)
{
    struct lanes *lanes = copy->lanes;
    if (lanes->state != LANES_KEPT || lanes->since_ms != since_ms ||
        layout->lane_count != layout->prompt_count || copy->count > LANE_CHUNKS_MAX ||
        copy->count == 0) {
        return false;
    }
    *end = assay_log_after(layout, copy, at_ms);
    const uint32_t stop = lane_place_in(copy, *end, assay_log_end(copy));
    if (!undo(lanes, layout, copy, stop)) {
        return false;
    }
    if (lanes->waiting < stop) {
        enter_waiting(lanes, layout, copy, stop);
    }
    for (uint32_t lane = 0; lane < layout->lane_count; lane++) {
        uint32_t *begin = &lanes_begin(lanes, layout)[lane];
        leave_until(lanes, layout, copy, lane, at_ms);
        *begin = *begin >= stop ? LANE_NOWHERE : *begin;
        if (!refill(lanes, layout, copy, lane, stop, at_ms)) {
            return false;
        }
    }
    return lanes->state == LANES_KEPT;
}

int64_t assay_lanes_settled(const struct log *log)
{
    const struct lanes *lanes = log->lanes;
    const bool is_kept = lanes != NULL && lanes->state == LANES_KEPT;
    if (log->count == 0 || assay_log_end(log).at == 0) {
        return INT64_MAX;
    }
    if (is_kept && lanes->waiting == LANE_NOWHERE) {
        return lanes->frontier_ms;
    }
    const int64_t newest = log_newest_ms(log);
    return is_kept && lanes->frontier_ms > newest ? lanes->frontier_ms : newest;
}

struct range assay_lanes_range(const struct stream_layout *layout, const struct log *log,
                               uint32_t lane)
{
    struct lanes *lanes = log->lanes;
    const uint32_t begin = lane_begin(lanes, layout, lane);
    struct range range = {.end = assay_log_end(log)};
    if (lane >= layout->prompt_count) {
        const uint32_t end = lanes_end(lanes, layout)[lane - layout->prompt_count];
        range.end = end == LANE_NOWHERE ? range.end : lane_position(end);
    }
    range.begin = begin == LANE_NOWHERE ? range.end : lane_position(begin);
    return range;
}

void assay_lanes_total(const struct stream_layout *layout, const struct log *log, uint32_t total,
                       struct tally *out)
{
    out->found = lane_found(log->lanes, layout, total);
    out->sum = total < layout->sum_count ? lane_sum(log->lanes, layout, total) : 0;
}
