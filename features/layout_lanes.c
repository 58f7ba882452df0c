#include "features/lane_kernels.h"
#include "features/record_pvt.h"

/*
 * Which windows of a stream are kept up with, and what is kept of each: wherever a number found or
 * a sum is asked of a (window, pair), unless `last n`, events or a calendar cut the window.
 */

enum { INLINE_BYTES_MAX = 512 }; /* of all lanes of a key, to lie in its record */

static bool is_kept(const struct view_key *view)
{
    return view->last_n == 0 && view->cut == NULL && (view->wants & (WANT_COUNT | WANT_SUM)) != 0;
}

/* Windows become lanes, those without delay first. */
static bool number_lanes(const struct lane_builder *builder, struct stream_layout *layout,
                         uint32_t stream)
{
    struct lane *lanes =
        assay_arena_array(builder->arena, builder->range_count + 1U, sizeof *lanes);
    if (lanes == NULL) {
        return false;
    }
    for (int delayed = 0; delayed < 2; delayed++) {
        for (uint32_t r = 0; r < builder->range_count; r++) {
            struct range_key *range = &builder->ranges[r];
            if (range->stream == stream && (range->delay_ms != 0) == (delayed != 0)) {
                lanes[layout->lane_count] =
                    (struct lane){.span_ms = range->span_ms, .delay_ms = range->delay_ms};
                range->lane = layout->lane_count++;
            }
        }
        layout->prompt_count = delayed == 0 ? layout->lane_count : layout->prompt_count;
    }
    layout->lanes = lanes;
    return true;
}

/* What the views of (lane, pair) want kept; they learn their total unless it is ASSAY_NONE. */
static uint32_t visit_views(const struct lane_builder *builder, uint32_t stream, uint32_t lane,
                            uint32_t pair, uint32_t total)
{
    uint32_t wants = 0;
    for (uint32_t v = 0; v < builder->view_count; v++) {
        struct view_key *view = &builder->views[v];
        const struct range_key *range = &builder->ranges[view->range];
        if (is_kept(view) && range->stream == stream && range->lane == lane && view->pair == pair) {
            wants |= view->wants;
            view->total = total == ASSAY_NONE ? view->total : total;
        }
    }
    return wants & (WANT_COUNT | WANT_SUM);
}

struct totals {
    struct pair_totals *of_pairs;
    uint32_t *pairs;
    uint32_t *lanes;
};

/* Number the totals pair by pair: those of pairs with sums, or the others. */
static void number_totals(const struct lane_builder *builder, struct stream_layout *layout,
                          uint32_t stream, bool with_sums, const struct totals *totals)
{
    for (uint32_t p = 0; p < layout->pair_count; p++) {
        uint32_t wants = 0;
        for (uint32_t lane = 0; lane < layout->lane_count; lane++) {
            wants |= visit_views(builder, stream, lane, p, ASSAY_NONE);
        }
        if (((wants & WANT_SUM) != 0) == with_sums) {
            totals->of_pairs[p].first = layout->total_count;
            for (uint32_t lane = 0; lane < layout->lane_count; lane++) {
                if (visit_views(builder, stream, lane, p, layout->total_count) != 0) {
                    totals->pairs[layout->total_count] = p;
                    totals->lanes[layout->total_count++] = lane;
                    totals->of_pairs[p].prompt += lane < layout->prompt_count ? 1 : 0;
                }
            }
        }
    }
}

/* Are extremes or different values asked of a window? Then where it begins is worth knowing. */
static bool reads_windows(const struct lane_builder *builder, uint32_t stream)
{
    bool reads = false;
    for (uint32_t v = 0; v < builder->view_count; v++) {
        const struct view_key *view = &builder->views[v];
        reads = reads || (builder->ranges[view->range].stream == stream &&
                          (view->wants & (WANT_EXTREME | WANT_DISTINCT | WANT_SQUARES)) != 0);
    }
    return reads;
}

/* Pairs that have totals, by their filters. @return false: the arena is full. */
static bool group_pairs(struct assay_arena *arena, struct stream_layout *layout, struct pair *pairs)
{
    uint32_t *first = assay_arena_array(arena, layout->pair_count + 1U, sizeof *first);
    uint32_t *grouped = assay_arena_array(arena, layout->pair_count + 1U, sizeof *grouped);
    uint32_t *summed = assay_arena_array(arena, layout->pair_count + 1U, sizeof *summed);
    uint32_t used = 0;
    if (first == NULL || grouped == NULL || summed == NULL) {
        return false;
    }
    for (uint32_t p = 0; p < layout->pair_count; p++) {
        bool is_first = layout->pair_totals[p].prompt > 0;
        for (uint32_t q = 0; q < p; q++) {
            is_first = is_first &&
                       (layout->pair_totals[q].prompt == 0 || pairs[q].filter != pairs[p].filter);
        }
        first[layout->group_count] = used;
        for (uint32_t q = p; is_first && q < layout->pair_count; q++) {
            if (layout->pair_totals[q].prompt > 0 && pairs[q].filter == pairs[p].filter) {
                pairs[q].group = (uint8_t)layout->group_count;
                grouped[used++] = q;
            }
        }
        layout->group_count += is_first ? 1 : 0;
        if (layout->pair_totals[p].prompt > 0 && layout->pair_totals[p].first < layout->sum_count) {
            summed[layout->sum_pair_count++] = p;
        }
    }
    first[layout->group_count] = used;
    layout->group_pairs_first = first;
    layout->group_pairs = grouped;
    layout->sum_pairs = summed;
    return true;
}

/* Where packed lanes hold what. @return false: the arena is full. */
static bool lay_out_packed(struct assay_arena *arena, struct stream_layout *layout,
                           struct pair *pairs, const uint32_t total_lanes[])
{
    uint32_t *places = assay_arena_array(arena, layout->total_count + 1U, sizeof *places);
    uint32_t *spans = assay_arena_array(arena, layout->lane_count + 1U, sizeof *spans);
    double *scales = assay_arena_array(arena, layout->pair_count + 1U, sizeof *scales);
    bool dense = true;
    if (places == NULL || spans == NULL || scales == NULL || !group_pairs(arena, layout, pairs)) {
        return false;
    }
    for (uint32_t total = 0; total < layout->total_count; total++) {
        places[total] =
            pairs[layout->total_pairs[total]].group * layout->lane_count + total_lanes[total];
    }
    for (uint32_t lane = 0; lane < layout->lane_count; lane++) {
        const int64_t span_ms = layout->lanes[lane].span_ms;
        const int64_t far_ms = PACKED_NEVER - 1;
        spans[lane] = span_ms == 0 ? PACKED_NEVER : (uint32_t)(span_ms < far_ms ? span_ms : far_ms);
    }
    layout->is_plain = layout->group_count == 1 && layout->sum_pair_count <= 1 &&
                       pairs[layout->group_pairs[0]].filter == ASSAY_NONE;
    for (uint32_t p = 0; p < layout->pair_count; p++) {
        const struct pair_totals totals = layout->pair_totals[p];
        const bool has_sum = totals.prompt > 0 && totals.first < layout->sum_count;
        layout->is_plain = layout->is_plain &&
                           (totals.prompt == 0 || has_sum || pairs[p].column == ASSAY_NONE) &&
                           (!has_sum || totals.prompt == layout->lane_count);
    }
    for (uint32_t s = 0; s < layout->sum_pair_count; s++) {
        const struct pair *pair = &pairs[layout->sum_pairs[s]];
        const uint32_t field = layout->stream->columns[pair->column];
        scales[s] = (double)assay_pow10(layout->event->fields[field].scale);
        dense = dense && layout->pair_totals[layout->sum_pairs[s]].prompt == layout->lane_count;
        dense = dense && scales[s] * LANE_COUNT_MAX < (double)(INT64_C(1) << 53);
    }
    layout->sum_scales = scales;
    layout->total_packed = places;
    layout->lane_spans = spans;
    layout->packs =
        layout->lane_count == layout->prompt_count && layout->lane_count <= LANES_PACKED_MAX &&
        layout->group_count <= LANE_GROUPS_MAX && layout->sum_pair_count <= LANE_SUMS_MAX &&
        layout->group_count * layout->lane_count <= LANE_COUNTS_MAX;
    layout->has_values = layout->packs && dense;
    return true;
}

size_t assay_layout_inline(struct stream_layout streams[], uint32_t count)
{
    size_t bytes = 0;
    for (uint32_t s = 0; s < count; s++) {
        bytes += streams[s].keeps_lanes ? lanes_room(&streams[s]) : 0;
    }
    if (bytes > INLINE_BYTES_MAX) {
        return 0;
    }
    for (uint32_t s = 0; s < count; s++) {
        streams[s].inline_lanes = streams[s].keeps_lanes;
    }
    return bytes;
}

bool assay_layout_lanes(const struct lane_builder *builder, struct stream_layout *layout,
                        uint32_t stream)
{
    struct assay_arena *arena = builder->arena;
    if (!number_lanes(builder, layout, stream)) {
        return false;
    }
    const size_t room = (size_t)layout->lane_count * layout->pair_count + 1;
    const struct totals totals = {
        .of_pairs = assay_arena_array(arena, layout->pair_count + 1U, sizeof *totals.of_pairs),
        .pairs = assay_arena_array(arena, room, sizeof *totals.pairs),
        .lanes = assay_arena_array(arena, room, sizeof *totals.lanes),
    };
    uint32_t *by_lane = assay_arena_array(arena, room, sizeof *by_lane);
    uint32_t *first = assay_arena_array(arena, layout->lane_count + 1U, sizeof *first);
    if (totals.of_pairs == NULL || totals.pairs == NULL || totals.lanes == NULL ||
        by_lane == NULL || first == NULL) {
        return false;
    }
    number_totals(builder, layout, stream, true, &totals);
    layout->sum_count = layout->total_count;
    number_totals(builder, layout, stream, false, &totals);
    uint32_t used = 0;
    for (uint32_t lane = 0; lane < layout->lane_count; lane++) {
        first[lane] = used;
        for (uint32_t t = 0; t < layout->total_count; t++) {
            if (totals.lanes[t] == lane) {
                by_lane[used++] = t;
            }
        }
    }
    first[layout->lane_count] = used;
    layout->keeps_lanes = layout->total_count > 0 || reads_windows(builder, stream);
    layout->pair_totals = totals.of_pairs;
    layout->total_pairs = totals.pairs;
    layout->lane_totals_first = first;
    layout->lane_totals = by_lane;
    return lay_out_packed(arena, layout, builder->pairs, totals.lanes);
}
