/*
 * features/lanes_pvt.h - the windows of a stream, kept up with instead of searched for.
 *
 * A log that is read has lanes: one a window, where it begins in the log and what it holds: per
 * (window, pair) the number found and the sum. They are valid at a frontier, a time. A read moves
 * the frontier to its own time: what has come since then enters each window, and entries leave at
 * its front. So a window costs the same whatever its length and however many events it holds
 * (subtract-on-evict: Hirzel et al., "Sliding-window aggregation algorithms", 2017), and a log that
 * is written but not read costs one comparison an event.
 *
 * Lanes are a cache of the log. Whatever is not worth following (a chunk replaced by a late event,
 * a segment joined, a long time without a read) makes them stale, and the next read at or after
 * the newest entry builds them from the log; a read behind the frontier moves a copy back, or does
 * without. Sums are 64 bits wide: a log whose sums might not fit has no lanes from then on.
 *
 * Times of leaving and entering lie side by side, so that one comparison over all windows tells
 * whether anything is to be done.
 */
#ifndef ASSAY_FEATURES_LANES_PVT_H
#define ASSAY_FEATURES_LANES_PVT_H

#include "features/log_pvt.h"

enum lanes_state {
    LANES_STALE,
    LANES_KEPT,
    LANES_OFF, /* a sum may not fit */
};

/**
 * Behind it lie, as the layout says: i64 leave_ms[lanes], enter_ms[delayed], sum[sums]; u32
 * begin[lanes], end[delayed], found[totals]. A begin or end is a packed position or LANE_NOWHERE:
 * no entry is in the window, or none waits to enter it; the time beside it is then INT64_MAX.
 */
struct lanes {
    int64_t frontier_ms;
    int64_t since_ms;  /* start of the segment they were made in */
    int64_t newest_ms; /* of the entries that have entered */
    uint32_t state;
    uint32_t waiting; /* packed position of the first entry that came since; or LANE_NOWHERE */
    int64_t words[];
};

#define LANE_NOWHERE UINT32_MAX

static inline size_t lanes_bytes(const struct stream_layout *layout)
{
    const uint32_t delayed = layout->lane_count - layout->prompt_count;
    return sizeof(struct lanes) + (layout->lane_count + delayed + layout->sum_count) * 8UL +
           (layout->lane_count + delayed + layout->total_count) * 4UL;
}

/** Room for the lanes of several streams side by side. */
static inline size_t lanes_room(const struct stream_layout *layout)
{
    return (lanes_bytes(layout) + 15) / 16 * 16;
}

static inline int64_t *lanes_leave(struct lanes *lanes)
{
    return lanes->words;
}

static inline int64_t *lanes_enter(struct lanes *lanes, const struct stream_layout *layout)
{
    return lanes->words + layout->lane_count;
}

static inline int64_t *lanes_sum(struct lanes *lanes, const struct stream_layout *layout)
{
    return lanes->words + (2UL * layout->lane_count - layout->prompt_count);
}

static inline uint32_t *lanes_begin(struct lanes *lanes, const struct stream_layout *layout)
{
    return (uint32_t *)(lanes_sum(lanes, layout) + layout->sum_count);
}

static inline uint32_t *lanes_end(struct lanes *lanes, const struct stream_layout *layout)
{
    return lanes_begin(lanes, layout) + layout->lane_count;
}

static inline uint32_t *lanes_found(struct lanes *lanes, const struct stream_layout *layout)
{
    return lanes_begin(lanes, layout) + (2UL * layout->lane_count - layout->prompt_count);
}

/** Have the lanes at @p at_ms; false: read the log. @p since_ms: start of the segment then. Cost:
 * O(lanes) and what came and left since the frontier; stale ones: assay_view_read() of each. */
bool assay_lanes_at(const struct log_context *context, struct log *log, int64_t at_ms,
                    int64_t since_ms);
/**
 * Move lanes back to a time before their frontier; they are a copy, and useless on failure.
 *
 * @param[out] end the place behind the newest entry that is not later.
 * @return false: it is too far, or another segment, or some window has a delay: read the log.
 * Cost: O(lanes) and the entries between the two times, a few dozen at most.
 */
bool assay_lanes_back(const struct stream_layout *layout, struct log *copy, int64_t at_ms,
                      int64_t since_ms, struct position *end);
/** The earliest time that the lanes of a log can be at without reading the past: that of its newest
 * entry, or the frontier they have already; INT64_MAX: the log is empty. */
int64_t assay_lanes_settled(const struct log *log);
/** An entry has come to @p position and nothing else of the log has changed. Cost: O(1); O(lanes)
 * for one before the frontier. */
void assay_lanes_insert(const struct stream_layout *layout, struct log *log,
                        struct position position);
/** Fetch the entries that will leave at @p at_ms. Changes nothing. */
void assay_lanes_prefetch(const struct stream_layout *layout, const struct log *log, int64_t at_ms);
/** The first chunk of the log goes away. Before it does. */
void assay_lanes_retire(const struct stream_layout *layout, struct log *log);
/** The first @p entries entries of the first chunk go away. Before they do. */
void assay_lanes_drop(const struct stream_layout *layout, struct log *log, uint32_t entries);
/** Positions have changed in other ways. */
void assay_lanes_forget(struct log *log);
/** Give the memory back. */
void assay_lanes_free(const struct log_context *context, struct log *log);
/** Window @p lane of kept lanes as positions. */
struct range assay_lanes_range(const struct stream_layout *layout, const struct log *log,
                               uint32_t lane);
/** What total @p total of kept lanes holds. */
void assay_lanes_total(const struct stream_layout *layout, const struct log *log, uint32_t total,
                       struct tally *out);

#endif
