#include "features/lanes_pvt.h"

/*
 * Lanes at rest, in a log: packed or wide, and what becomes of them when the log changes.
 */

/* Lanes of a log as wide ones. */
static struct lanes *open_wide(const struct log_context *context, const struct log *log)
{
    if (!log->lanes->is_packed) {
        return log->lanes;
    }
    assay_lanes_unpack(context->layout, log->lanes, context->work);
    return context->work;
}

/* Put them to rest again. @return false: memory is full, the log goes without. */
static bool close_wide(const struct log_context *context, struct log *log, struct lanes *lanes)
{
    const struct stream_layout *layout = context->layout;
    struct lanes *rest = log->lanes;
    if (lanes == rest || (log->count <= PACKED_CHUNKS && assay_lanes_pack(layout, lanes, rest))) {
        return true;
    }
    rest->state = lanes->state == LANES_KEPT ? LANES_STALE : lanes->state;
    if (lanes->state != LANES_KEPT) {
        return true;
    }
    struct lanes *apart = assay_slab_alloc(context->slab, lanes_bytes(layout));
    if (apart == NULL) {
        return false;
    }
    memcpy(apart, lanes, lanes_bytes(layout));
    assay_lanes_free(context, log);
    log->lanes = apart;
    return true;
}

/* Entries of the same chunk from @p place on have moved up by one. */
static uint32_t shifted(uint32_t begin, uint32_t place)
{
    const bool moved =
        begin != LANE_NOWHERE && begin >= place && begin >> LANE_AT_BITS == place >> LANE_AT_BITS;
    return begin + (moved ? 1 : 0);
}

/* An entry anywhere: what is before the frontier may or may not lie in a window. */
static void insert_late(struct lanes *lanes, const struct stream_layout *layout, uint32_t lane,
                        struct row row, uint32_t place)
{
    const struct lane *window = &layout->lanes[lane];
    const int64_t time_ms = row_time(row);
    int64_t *leave = lanes_leave(lanes);
    uint32_t *begin = lanes_begin(lanes, layout);
    const bool entered = time_ms + window->delay_ms <= lanes->frontier_ms;
    const int64_t leaves_ms = lane_leaves(window, time_ms);
    const bool counts = time_ms >= lanes->since_ms;
    begin[lane] = shifted(begin[lane], place);
    if (counts && entered && leaves_ms > lanes->frontier_ms) {
        assay_lane_change(lanes, layout, lane, row, 1);
        if (place < begin[lane]) {
            begin[lane] = place;
            leave[lane] = leaves_ms;
        }
    }
    if (lane >= layout->prompt_count) {
        uint32_t *end = &lanes_end(lanes, layout)[lane - layout->prompt_count];
        *end = shifted(*end, place);
        if (counts && !entered && place < *end) {
            *end = place;
            lanes_enter(lanes, layout)[lane - layout->prompt_count] = time_ms + window->delay_ms;
        }
    }
}

void assay_lanes_insert(const struct log_context *context, struct log *log,
                        struct position position)
{
    const struct stream_layout *layout = context->layout;
    struct lanes *lanes = log->lanes;
    if (lanes == NULL || lanes->state != LANES_KEPT) {
        return;
    }
    if (log->count > LANE_CHUNKS_MAX) {
        lanes->state = LANES_OFF;
        return;
    }
    const uint32_t place = lane_place(position);
    const bool counts = row_time(log_row(log, position)) >= lanes->since_ms;
    if (assay_lane_next(layout, log, place) == LANE_NOWHERE) {
        lanes->waiting = counts && place < lanes->waiting ? place : lanes->waiting;
        return;
    }
    if (counts && place >= lanes->waiting) {
        return; /* waits like its neighbours; where it is the first of them the place is the same */
    }
    lanes->waiting = shifted(lanes->waiting, place);
    lanes = open_wide(context, log);
    for (uint32_t lane = 0; lane < layout->lane_count; lane++) {
        insert_late(lanes, layout, lane, lane_row(log, place), place);
    }
    (void)close_wide(context, log, lanes);
}

void assay_lanes_retire(const struct log_context *context, struct log *log)
{
    const struct stream_layout *layout = context->layout;
    struct lanes *lanes = log->lanes;
    const uint32_t gone = 1U << LANE_AT_BITS; /* places of one chunk */
    if (lanes == NULL || lanes->state != LANES_KEPT) {
        return;
    }
    if (lanes->waiting < gone) {
        lanes->state = LANES_STALE;
        return;
    }
    for (uint32_t total = 0; total < layout->total_count; total++) {
        if (lane_found(lanes, layout, total) >= LANE_FOUND_MAX) {
            lanes->state = LANES_OFF; /* a lifetime: its entries go, and still count */
            return;
        }
    }
    lanes->waiting -= lanes->waiting == LANE_NOWHERE ? 0 : gone;
    for (uint32_t lane = 0; lane < layout->lane_count; lane++) {
        const uint32_t begin = lane_begin(lanes, layout, lane);
        if (begin == LANE_NOWHERE) {
            continue;
        }
        if (begin < gone && layout->lanes[lane].span_ms != 0) {
            lanes->state = LANES_STALE;
            return;
        }
        /* folded chunks still count */
        lane_set_begin(lanes, layout, lane, begin < gone ? 0 : begin - gone);
    }
    for (uint32_t d = 0; d < layout->lane_count - layout->prompt_count; d++) {
        uint32_t *end = &lanes_end(lanes, layout)[d];
        if (*end != LANE_NOWHERE && *end < gone) {
            lanes->state = LANES_STALE;
            return;
        }
        *end -= *end == LANE_NOWHERE ? 0 : gone;
    }
}

static bool drop_front(uint32_t *place, uint32_t entries)
{
    if (*place == LANE_NOWHERE || *place >> LANE_AT_BITS != 0) {
        return true;
    }
    if (*place < entries) {
        return false;
    }
    *place -= entries;
    return true;
}

void assay_lanes_drop(const struct log_context *context, struct log *log, uint32_t entries)
{
    const struct stream_layout *layout = context->layout;
    struct lanes *lanes = log->lanes;
    if (lanes == NULL || lanes->state != LANES_KEPT) {
        return;
    }
    bool kept = drop_front(&lanes->waiting, entries);
    for (uint32_t lane = 0; lane < layout->lane_count; lane++) {
        uint32_t begin = lane_begin(lanes, layout, lane);
        kept = kept && drop_front(&begin, entries);
        lane_set_begin(lanes, layout, lane, begin);
    }
    for (uint32_t d = 0; d < layout->lane_count - layout->prompt_count; d++) {
        kept = kept && drop_front(&lanes_end(lanes, layout)[d], entries);
    }
    lanes->state = kept ? LANES_KEPT : LANES_STALE;
}

void assay_lanes_forget(struct log *log)
{
    if (log->lanes != NULL && log->lanes->state == LANES_KEPT) {
        log->lanes->state = LANES_STALE;
    }
}

void assay_lanes_prefetch(const struct stream_layout *layout, const struct log *log, int64_t at_ms)
{
    struct lanes *lanes = log->lanes;
    if (lanes == NULL || lanes->state != LANES_KEPT) {
        return;
    }
    for (uint32_t lane = 0; lane < layout->lane_count; lane++) {
        if (lane_leave(lanes, lane) <= at_ms &&
            lane_leaves(&layout->lanes[lane], lanes->newest_ms) > at_ms) {
            /* the next one is looked at to see whether it stays */
            const struct row row = lane_row(log, lane_begin(lanes, layout, lane));
            if (!spill_holds(layout->spill, row.chunk)) {
                index_fetch(row_start(row));
                index_fetch(row_start(row) + 2UL * row.chunk->row_bytes - 1);
            }
        }
    }
}

void assay_lanes_free(const struct log_context *context, struct log *log)
{
    assay_slab_free(context->slab, lanes_apart_bytes(context->layout, log) == 0 ? NULL : log->lanes,
                    lanes_apart_bytes(context->layout, log));
    log->lanes = NULL;
}

void assay_lanes_copy(const struct stream_layout *layout, const struct log *log, struct log *copy,
                      void *room)
{
    *copy = *log;
    copy->lanes = room;
    if (log->lanes->is_packed) {
        assay_lanes_unpack(layout, log->lanes, copy->lanes);
    } else {
        memcpy(copy->lanes, log->lanes, lanes_bytes(layout));
    }
}

/* Lanes for a log that has none yet. @return false: memory is full. */
static bool create(const struct log_context *context, struct log *log)
{
    const size_t bytes =
        context->layout->packs ? lanes_packed_bytes(context->layout) : lanes_bytes(context->layout);
    log->lanes = assay_slab_alloc(context->slab, bytes);
    if (log->lanes != NULL) {
        memset(log->lanes, 0, bytes);
        log->lanes->is_packed = context->layout->packs;
    }
    return log->lanes != NULL;
}

bool assay_lanes_at(const struct log_context *context, struct log *log, int64_t at_ms,
                    int64_t since_ms)
{
    if (!context->layout->keeps_lanes || log->count == 0 ||
        (log->lanes == NULL && !create(context, log)) || log->lanes->state == LANES_OFF) {
        return false;
    }
    if (!log->lanes->is_packed) {
        return assay_lanes_wide_at(context, log, at_ms, since_ms);
    }
    if (assay_lanes_stepped(context->layout, log, at_ms, since_ms)) {
        return true;
    }
    struct log wide = *log;
    wide.lanes = open_wide(context, log);
    const bool good = assay_lanes_wide_at(context, &wide, at_ms, since_ms);
    return close_wide(context, log, wide.lanes) && good;
}
