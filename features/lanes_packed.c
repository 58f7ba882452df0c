#include "features/lanes_pvt.h"

#include "features/lane_kernels.h"

/*
 * Packed lanes: the same numbers as wide ones in fewer bits. They count what is found once a group,
 * that is the pairs of one filter, which find the same as long as no column of theirs is null;
 * where they do not, lanes are wide.
 *
 * A sum may grow past LANE_SUM_MAX once: then the lanes are full and are made wide next.
 */

static const uint32_t PACKED_FAR = PACKED_NEVER - 1; /* as far as a lower bound can say */

uint32_t assay_lane_next(const struct stream_layout *layout, const struct log *log, uint32_t place)
{
    const struct row row = lane_row(log, place);
    const uint32_t chunk = place >> LANE_AT_BITS;
    if (row.at + 1 < row.chunk->count) {
        return place + 1;
    }
    if (chunk + 1 == log->count) {
        return LANE_NOWHERE;
    }
    const struct chunk *next = log_chunk(log, chunk + 1);
    spill_enter(layout->spill, next);
    return next->count > 0 ? (chunk + 1) << LANE_AT_BITS : LANE_NOWHERE;
}

static bool is_small(int64_t value)
{
    return value <= LANE_SUM_MAX && value >= -LANE_SUM_MAX;
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

/* What a row is to the windows it is in. */
struct taken {
    uint64_t groups;               /* that find it, a bit each */
    int32_t values[LANE_SUMS_MAX]; /* of the pairs that have sums */
};

/* The value of a plain log's column; false: null, or large. */
static bool plain_value(const struct stream_layout *layout, struct row row, int32_t *value)
{
    *value = 0;
    if (layout->sum_pair_count == 0) {
        return true;
    }
    const int64_t cell = row_cell(row, layout->pairs[layout->sum_pairs[0]].column).integer;
    *value = (int32_t)cell;
    return is_small(cell); /* so null is not */
}

/* @return false: pairs of one group differ about the row, or it has large numbers; packed lanes
 * cannot take it in, nor out where large ones had added up to a small one. */
static bool look_at(const struct stream_layout *layout, struct row row, struct taken *taken)
{
    taken->groups = layout->is_plain ? 1 : 0;
    if (layout->is_plain) {
        return plain_value(layout, row, &taken->values[0]);
    }
    for (uint32_t g = 0; g < layout->group_count; g++) {
        const uint32_t *pairs = layout->group_pairs + layout->group_pairs_first[g];
        const uint32_t count = layout->group_pairs_first[g + 1] - layout->group_pairs_first[g];
        const bool finds = pair_finds(&layout->pairs[pairs[0]], row);
        for (uint32_t i = 1; i < count; i++) {
            if (pair_finds(&layout->pairs[pairs[i]], row) != finds) {
                return false;
            }
        }
        taken->groups |= (uint64_t)finds << g;
    }
    for (uint32_t s = 0; s < layout->sum_pair_count; s++) {
        const int64_t value = pair_cell(&layout->pairs[layout->sum_pairs[s]], row).integer;
        if (value != CELL_NULL && !is_small(value)) {
            return false;
        }
        taken->values[s] = (int32_t)value;
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

/* The place of a pair's sum for a lane, or ASSAY_NONE: nobody asks for it. */
static uint32_t sum_of(const struct stream_layout *layout, uint32_t pair, uint32_t lane)
{
    const struct pair_totals totals = layout->pair_totals[pair];
    if (totals.prompt == layout->lane_count) {
        return totals.first + lane;
    }
    for (uint32_t i = layout->lane_totals_first[lane]; i < layout->lane_totals_first[lane + 1];
         i++) {
        if (layout->total_pairs[layout->lane_totals[i]] == pair) {
            return layout->lane_totals[i];
        }
    }
    return ASSAY_NONE;
}

/* A row leaves a lane. @return false: a sum has become large. */
static bool take_out(struct lanes *lanes, const struct stream_layout *layout, uint32_t lane,
                     const struct taken *taken)
{
    bool small = true;
    for (uint32_t g = 0; g < layout->group_count; g++) {
        uint16_t *found = &packed_found(lanes, layout)[g * layout->lane_count + lane];
        /* 0: not asked for */
        *found = (uint16_t)(*found - (*found > 0 ? taken->groups >> g & 1 : 0));
    }
    for (uint32_t s = 0; s < layout->sum_pair_count; s++) {
        const uint32_t pair = layout->sum_pairs[s];
        const uint32_t total = sum_of(layout, pair, lane);
        if (total != ASSAY_NONE && (taken->groups >> layout->pairs[pair].group & 1) != 0) {
            int32_t *sum = &packed_sum(lanes, layout)[total];
            *sum -= taken->values[s];
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
    lane_stay(layout, log, *begin);
    while (true) {
        const struct row row = lane_row(log, *begin);
        const int64_t leaves_ms = row_time(row) + span_ms;
        packed_leave(lanes)[lane] = pack_leave(leaves_ms, lanes->frontier_ms);
        struct taken taken;
        if (leaves_ms > lanes->frontier_ms) {
            return true;
        }
        if (!look_at(layout, row, &taken)) {
            return false;
        }
        const bool small = take_out(lanes, layout, lane, &taken);
        const uint32_t next = assay_lane_next(layout, log, *begin);
        ASSAY_DASSERT(next < PACKED_NOWHERE && next != lanes->waiting);
        *begin = (uint16_t)next;
        if (!small) {
            return false;
        }
    }
}

/* leave_lane() where every row is found and has a value: no more than one of them to look at. */
static bool leave_plain(const struct stream_layout *layout, const struct log *log, uint32_t lane)
{
    struct lanes *lanes = log->lanes;
    const int64_t span_ms = layout->lanes[lane].span_ms;
    uint16_t *begin = &packed_begin(lanes, layout)[lane];
    int32_t nothing = 0;
    int32_t *sum = layout->sum_count == 0 ? &nothing : &packed_sum(lanes, layout)[lane];
    if (lanes->newest_ms + span_ms <= lanes->frontier_ms) {
        packed_leave(lanes)[lane] = PACKED_NEVER;
        packed_found(lanes, layout)[lane] = 0;
        *begin = PACKED_NOWHERE;
        *sum = 0;
        return true;
    }
    lane_stay(layout, log, *begin);
    bool small = true;
    while (small) {
        const struct row row = lane_row(log, *begin);
        const int64_t leaves_ms = row_time(row) + span_ms;
        int32_t value = 0;
        if (leaves_ms > lanes->frontier_ms) {
            packed_leave(lanes)[lane] = pack_leave(leaves_ms, lanes->frontier_ms);
            return true;
        }
        if (!plain_value(layout, row, &value)) {
            return false;
        }
        packed_found(lanes, layout)[lane]--;
        *sum -= value;
        small = is_small(*sum);
        *begin = (uint16_t)assay_lane_next(layout, log, *begin);
    }
    return false;
}

/* A row enters all lanes, at its own time. */
static void enter(const struct stream_layout *layout, const struct log *log,
                  const struct taken *taken)
{
    struct lanes *lanes = log->lanes;
    const uint32_t lane_count = layout->lane_count;
    const struct lane_kernels *kernels = layout->kernels;
    kernels->begin(packed_leave(lanes), packed_begin(lanes, layout), layout->lane_spans, lane_count,
                   (uint16_t)lanes->waiting);
    for (uint32_t g = 0; g < layout->group_count; g++) {
        if ((taken->groups >> g & 1) != 0) {
            lanes->is_full |=
                kernels->count(packed_found(lanes, layout) + (size_t)g * lane_count, lane_count);
        }
    }
    for (uint32_t s = 0; s < layout->sum_pair_count; s++) {
        const struct pair_totals totals = layout->pair_totals[layout->sum_pairs[s]];
        if ((taken->groups >> layout->pairs[layout->sum_pairs[s]].group & 1) != 0) {
            lanes->is_full |= kernels->add(packed_sum(lanes, layout) + totals.first, totals.prompt,
                                           taken->values[s]);
        }
    }
    lanes->newest_ms = lanes->frontier_ms;
    lanes->waiting = LANE_NOWHERE;
}

/* May the one row that waits enter packed lanes? */
static bool takes(const struct stream_layout *layout, const struct log *log, struct row row,
                  struct taken *taken)
{
    return log->lanes->waiting < PACKED_NOWHERE &&
           assay_lane_next(layout, log, log->lanes->waiting) == LANE_NOWHERE &&
           look_at(layout, row, taken);
}

bool assay_lanes_step(const struct stream_layout *layout, const struct log *log, int64_t at_ms)
{
    struct lanes *lanes = log->lanes;
    const int64_t passed_ms = at_ms - lanes->frontier_ms;
    const bool waits = lanes->waiting != LANE_NOWHERE;
    struct taken taken;
    ASSAY_DASSERT(lanes->is_packed && lanes->state == LANES_KEPT);
    if (passed_ms < 0 || passed_ms >= PACKED_NEVER || log->count > PACKED_CHUNKS ||
        lanes->is_full) {
        return false;
    }
    if (waits) {
        const struct row row = lane_row(log, lanes->waiting);
        if (row_time(row) != at_ms || !takes(layout, log, row, &taken)) {
            return false;
        }
    }
    uint64_t due =
        layout->kernels->age(packed_leave(lanes), layout->lane_count, (uint32_t)passed_ms);
    lanes->frontier_ms = at_ms;
    for (; due != 0; due &= due - 1) {
        const uint32_t lane = (uint32_t)__builtin_ctzll(due);
        if (layout->is_plain ? !leave_plain(layout, log, lane) : !leave_lane(layout, log, lane)) {
            return false;
        }
    }
    if (waits) {
        enter(layout, log, &taken);
    }
    return true;
}
