#include "features/lanes_pvt.h"

#include "features/lane_kernels.h"

/*
 * Packed lanes: the same numbers as wide ones in fewer bits. They count what is found once a group,
 * that is the pairs of one filter, which find the same as long as no column of theirs is null; where
 * they do not, lanes are wide.
 *
 * A sum may grow past PACKED_SUM_MAX once: then the lanes are full and are made wide next.
 */

enum { PACKED_CHUNKS = PACKED_NOWHERE >> LANE_AT_BITS };

static const int64_t PACKED_SUM_MAX = (INT64_C(1) << 30) - 1; /* two of them fit 32 bits */
static const uint32_t PACKED_FAR = PACKED_NEVER - 1; /* as far as a lower bound can say */

uint32_t assay_lane_next(const struct log *log, uint32_t place)
{
    const struct row row = lane_row(log, place);
    const uint32_t chunk = place >> LANE_AT_BITS;
    if (row.at + 1 < row.chunk->count) {
        return place + 1;
    }
    const bool more = chunk + 1 < log->count && log_chunk(log, chunk + 1)->count > 0;
    return more ? (chunk + 1) << LANE_AT_BITS : LANE_NOWHERE;
}

static bool is_small(int64_t value)
{
    return value <= PACKED_SUM_MAX && value >= -PACKED_SUM_MAX;
}

/* ---- packing ---- */

static uint32_t pack_leave(int64_t leave_ms, int64_t frontier_ms)
{
    if (leave_ms == INT64_MAX) {
        return PACKED_NEVER;
    }
    const int64_t left_ms = leave_ms > frontier_ms ? leave_ms - frontier_ms : 0;
    return left_ms < PACKED_FAR ? (uint32_t)left_ms : PACKED_FAR;
}

static bool fits(const struct stream_layout *layout, struct lanes *lanes)
{
    const uint32_t *begin = lanes_begin(lanes, layout);
    const uint32_t *found = lanes_found(lanes, layout);
    bool good = lanes->state == LANES_KEPT;
    for (uint32_t lane = 0; lane < layout->lane_count; lane++) {
        good = good && (begin[lane] < PACKED_NOWHERE || begin[lane] == LANE_NOWHERE);
    }
    for (uint32_t total = 0; total < layout->total_count; total++) {
        good = good && found[total] < PACKED_NOWHERE;
        good = good && (total >= layout->sum_count || is_small(lanes_sum(lanes, layout)[total]));
    }
    return good;
}

bool assay_lanes_pack(const struct stream_layout *layout, struct lanes *lanes, struct lanes *packed)
{
    const uint32_t *wide_found = lanes_found(lanes, layout);
    uint16_t found[LANE_COUNTS_MAX];
    const uint32_t counts = layout->group_count * layout->lane_count;
    if (!fits(layout, lanes)) {
        return false;
    }
    memset(found, 0xFF, counts * sizeof *found);
    for (uint32_t total = 0; total < layout->total_count; total++) {
        uint16_t *count = &found[layout->total_packed[total]];
        if (*count != PACKED_NOWHERE && *count != wide_found[total]) {
            return false; /* pairs of one filter differ: there are nulls */
        }
        *count = (uint16_t)wide_found[total];
    }
    for (uint32_t i = 0; i < counts; i++) {
        found[i] = found[i] == PACKED_NOWHERE ? 0 : found[i]; /* nobody asks */
    }
    for (uint32_t lane = 0; lane < layout->lane_count; lane++) {
        packed_leave(packed)[lane] = pack_leave(lanes_leave(lanes)[lane], lanes->frontier_ms);
        packed_begin(packed, layout)[lane] = (uint16_t)lanes_begin(lanes, layout)[lane];
    }
    for (uint32_t total = 0; total < layout->sum_count; total++) {
        packed_sum(packed, layout)[total] = (int32_t)lanes_sum(lanes, layout)[total];
    }
    memcpy(packed_found(packed, layout), found, counts * sizeof *found);
    *packed = *lanes;
    packed->is_packed = true;
    packed->is_full = false;
    return true;
}

void assay_lanes_unpack(const struct stream_layout *layout, struct lanes *packed,
                        struct lanes *lanes)
{
    *lanes = *packed;
    lanes->is_packed = false;
    if (packed->state != LANES_KEPT) {
        return;
    }
    for (uint32_t lane = 0; lane < layout->lane_count; lane++) {
        const uint32_t left_ms = packed_leave(packed)[lane];
        lanes_leave(lanes)[lane] =
            left_ms == PACKED_NEVER ? INT64_MAX : packed->frontier_ms + left_ms;
        lanes_begin(lanes, layout)[lane] = lane_begin(packed, layout, lane);
    }
    for (uint32_t total = 0; total < layout->total_count; total++) {
        lanes_found(lanes, layout)[total] = lane_found(packed, layout, total);
    }
    for (uint32_t total = 0; total < layout->sum_count; total++) {
        lanes_sum(lanes, layout)[total] = packed_sum(packed, layout)[total];
    }
}

/* ---- moving ---- */

/* Which groups find a row, a bit each. @return false: pairs of one group differ about it, or it has
 * large numbers; packed lanes cannot take it in, nor out where large ones had added up to a small
 * one. */
static bool find_groups(const struct stream_layout *layout, struct row row, uint64_t *groups)
{
    *groups = 0;
    for (uint32_t g = 0; g < layout->group_count; g++) {
        const uint32_t *pairs = layout->group_pairs + layout->group_pairs_first[g];
        const uint32_t count = layout->group_pairs_first[g + 1] - layout->group_pairs_first[g];
        const bool finds = pair_finds(&layout->pairs[pairs[0]], row);
        for (uint32_t i = 1; i < count; i++) {
            if (pair_finds(&layout->pairs[pairs[i]], row) != finds) {
                return false;
            }
        }
        *groups |= (uint64_t)finds << g;
    }
    for (uint32_t s = 0; s < layout->sum_pair_count; s++) {
        const int64_t value = pair_cell(&layout->pairs[layout->sum_pairs[s]], row).integer;
        if (value != CELL_NULL && !is_small(value)) {
            return false;
        }
    }
    return true;
}

static void clear_lane(struct lanes *lanes, const struct stream_layout *layout, uint32_t lane)
{
    packed_leave(lanes)[lane] = PACKED_NEVER;
    packed_begin(lanes, layout)[lane] = PACKED_NOWHERE;
    for (uint32_t g = 0; g < layout->group_count; g++) {
        packed_found(lanes, layout)[g * layout->lane_count + lane] = 0;
    }
    for (uint32_t i = layout->lane_totals_first[lane]; i < layout->lane_totals_first[lane + 1];
         i++) {
        if (layout->lane_totals[i] < layout->sum_count) {
            packed_sum(lanes, layout)[layout->lane_totals[i]] = 0;
        }
    }
}

/* @return false: a sum has become large. */
static bool take_out(struct lanes *lanes, const struct stream_layout *layout, uint32_t lane,
                     struct row row, uint64_t groups)
{
    bool small = true;
    for (uint32_t g = 0; g < layout->group_count; g++) {
        uint16_t *found = &packed_found(lanes, layout)[g * layout->lane_count + lane];
        *found = (uint16_t)(*found - (*found > 0 ? groups >> g & 1 : 0)); /* 0: not asked for */
    }
    for (uint32_t i = layout->lane_totals_first[lane]; i < layout->lane_totals_first[lane + 1];
         i++) {
        const uint32_t total = layout->lane_totals[i];
        const struct pair *pair = &layout->pairs[layout->total_pairs[total]];
        if (total < layout->sum_count && (groups >> pair->group & 1) != 0) {
            int32_t *sum = &packed_sum(lanes, layout)[total];
            *sum -= (int32_t)pair_cell(pair, row).integer;
            small = small && is_small(*sum);
        }
    }
    return small;
}

/* What is too old leaves one lane, whose time has come or may have. */
static bool leave_lane(const struct stream_layout *layout, const struct log *log, uint32_t lane)
{
    struct lanes *lanes = log->lanes;
    const int64_t span_ms = layout->lanes[lane].span_ms;
    uint16_t *begin = &packed_begin(lanes, layout)[lane];
    if (lanes->newest_ms + span_ms <= lanes->frontier_ms) {
        clear_lane(lanes, layout, lane); /* all of it, unseen */
        return true;
    }
    while (true) {
        const struct row row = lane_row(log, *begin);
        const int64_t leaves_ms = row_time(row) + span_ms;
        packed_leave(lanes)[lane] = pack_leave(leaves_ms, lanes->frontier_ms);
        uint64_t groups = 0;
        if (leaves_ms > lanes->frontier_ms) {
            return true;
        }
        if (!find_groups(layout, row, &groups)) {
            return false;
        }
        const bool small = take_out(lanes, layout, lane, row, groups);
        const uint32_t next = assay_lane_next(log, *begin);
        ASSAY_DASSERT(next < PACKED_NOWHERE && next != lanes->waiting);
        *begin = (uint16_t)next;
        if (!small) {
            return false;
        }
    }
}

/* A row enters all lanes, at its own time. */
static void enter(const struct stream_layout *layout, const struct log *log, struct row row,
                  uint64_t groups)
{
    struct lanes *lanes = log->lanes;
    const uint32_t lane_count = layout->lane_count;
    const struct lane_kernels *kernels = layout->kernels;
    kernels->begin(packed_leave(lanes), packed_begin(lanes, layout), layout->lane_spans, lane_count,
                   (uint16_t)lanes->waiting);
    for (uint32_t g = 0; g < layout->group_count; g++) {
        if ((groups >> g & 1) != 0) {
            lanes->is_full |=
                kernels->count(packed_found(lanes, layout) + (size_t)g * lane_count, lane_count);
        }
    }
    for (uint32_t s = 0; s < layout->sum_pair_count; s++) {
        const struct pair *pair = &layout->pairs[layout->sum_pairs[s]];
        const struct pair_totals totals = layout->pair_totals[layout->sum_pairs[s]];
        if ((groups >> pair->group & 1) != 0) {
            lanes->is_full |= kernels->add(packed_sum(lanes, layout) + totals.first, totals.prompt,
                                           (int32_t)pair_cell(pair, row).integer);
        }
    }
    lanes->newest_ms = lanes->frontier_ms;
    lanes->waiting = LANE_NOWHERE;
}

/* May the one row that waits enter packed lanes? */
static bool takes(const struct stream_layout *layout, const struct log *log, struct row row,
                  uint64_t *groups)
{
    return log->lanes->waiting < PACKED_NOWHERE &&
           assay_lane_next(log, log->lanes->waiting) == LANE_NOWHERE &&
           find_groups(layout, row, groups);
}

bool assay_lanes_step(const struct stream_layout *layout, const struct log *log, int64_t at_ms)
{
    struct lanes *lanes = log->lanes;
    const int64_t passed_ms = at_ms - lanes->frontier_ms;
    const bool waits = lanes->waiting != LANE_NOWHERE;
    struct row row = {0};
    uint64_t groups = 0;
    ASSAY_DASSERT(lanes->is_packed && lanes->state == LANES_KEPT);
    if (passed_ms < 0 || passed_ms >= PACKED_NEVER || log->count > PACKED_CHUNKS ||
        lanes->is_full) {
        return false;
    }
    if (waits) {
        row = lane_row(log, lanes->waiting);
        if (row_time(row) != at_ms || !takes(layout, log, row, &groups)) {
            return false;
        }
    }
    const bool due =
        layout->kernels->age(packed_leave(lanes), layout->lane_count, (uint32_t)passed_ms);
    lanes->frontier_ms = at_ms;
    for (uint32_t lane = 0; due && lane < layout->lane_count; lane++) {
        if (packed_leave(lanes)[lane] == 0 && !leave_lane(layout, log, lane)) {
            return false;
        }
    }
    if (waits) {
        enter(layout, log, row, groups);
    }
    return true;
}
