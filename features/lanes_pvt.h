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
 * At rest lanes are packed where their numbers are small, three or four times smaller than wide;
 * then they lie in the record itself. One event more, the usual case, moves packed lanes as they
 * are (features/lanes_packed.c). Whatever is less usual is done on wide lanes: packed ones are
 * unpacked for it and packed again, and those that do not fit any more stay wide, apart from the
 * record.
 *
 * Times of leaving and entering lie side by side, so that one comparison over all windows tells
 * whether anything is to be done. A time of leaving is a lower bound: when it is reached, the entry
 * is looked at.
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
 * Behind it lie, as the layout says,
 * wide: i64 leave_ms[lanes], enter_ms[delayed], sum[sums]; u32 begin[lanes], end[delayed],
 * found[totals]. A begin or end is a packed position or LANE_NOWHERE: no entry is in the window, or
 * none waits to enter it; the time beside it is then INT64_MAX;
 * packed: u32 leave[lanes], milliseconds from the frontier or PACKED_NEVER; i32 sum[sums]; u16
 * begin[lanes], found[groups * lanes]; there is no lane with a delay.
 */
struct lanes {
    int64_t frontier_ms;
    int64_t since_ms;  /* start of the segment they were made in */
    int64_t newest_ms; /* of the entries that have entered */
    uint8_t state;
    bool is_packed;
    bool is_full;     /* packed: something takes no more */
    uint32_t waiting; /* packed position of the first entry that came since; or LANE_NOWHERE */
    int64_t words[];
};

#define LANE_NOWHERE UINT32_MAX
#define PACKED_NEVER UINT32_MAX
#define PACKED_NOWHERE UINT16_MAX

static inline size_t lanes_bytes(const struct stream_layout *layout)
{
    const uint32_t delayed = layout->lane_count - layout->prompt_count;
    return sizeof(struct lanes) + (layout->lane_count + delayed + layout->sum_count) * 8UL +
           (layout->lane_count + delayed + layout->total_count) * 4UL;
}

static inline size_t lanes_packed_bytes(const struct stream_layout *layout)
{
    return sizeof(struct lanes) + (layout->lane_count + layout->sum_count) * 4UL +
           layout->lane_count * (1 + layout->group_count) * 2UL;
}

/** Bytes of lanes where they lie in a record, several streams' side by side. */
static inline size_t lanes_room(const struct stream_layout *layout)
{
    const size_t bytes = layout->packs ? lanes_packed_bytes(layout) : lanes_bytes(layout);
    return (bytes + 7) / 8 * 8;
}

/** Bytes of a log's lanes if they have a piece of memory of their own, or 0. */
static inline size_t lanes_apart_bytes(const struct stream_layout *layout, const struct log *log)
{
    if (log->lanes == NULL) {
        return 0;
    }
    if (log->lanes->is_packed) {
        return layout->inline_lanes ? 0 : lanes_packed_bytes(layout);
    }
    return layout->inline_lanes && !layout->packs ? 0 : lanes_bytes(layout);
}

static inline uint32_t *packed_leave(struct lanes *lanes)
{
    return (uint32_t *)lanes->words;
}

static inline int32_t *packed_sum(struct lanes *lanes, const struct stream_layout *layout)
{
    return (int32_t *)(packed_leave(lanes) + layout->lane_count);
}

static inline uint16_t *packed_begin(struct lanes *lanes, const struct stream_layout *layout)
{
    return (uint16_t *)(packed_sum(lanes, layout) + layout->sum_count);
}

static inline uint16_t *packed_found(struct lanes *lanes, const struct stream_layout *layout)
{
    return packed_begin(lanes, layout) + layout->lane_count;
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

/** Where lane @p lane begins, in either form. */
static inline uint32_t lane_begin(struct lanes *lanes, const struct stream_layout *layout,
                                  uint32_t lane)
{
    if (!lanes->is_packed) {
        return lanes_begin(lanes, layout)[lane];
    }
    const uint16_t begin = packed_begin(lanes, layout)[lane];
    return begin == PACKED_NOWHERE ? LANE_NOWHERE : begin;
}

static inline void lane_set_begin(struct lanes *lanes, const struct stream_layout *layout,
                                  uint32_t lane, uint32_t begin)
{
    if (lanes->is_packed) {
        packed_begin(lanes, layout)[lane] = (uint16_t)begin; /* LANE_NOWHERE has the same bits */
    } else {
        lanes_begin(lanes, layout)[lane] = begin;
    }
}

/** When the oldest entry of a lane will leave at the earliest, in either form. */
static inline int64_t lane_leave(struct lanes *lanes, uint32_t lane)
{
    if (!lanes->is_packed) {
        return lanes_leave(lanes)[lane];
    }
    const uint32_t left_ms = packed_leave(lanes)[lane];
    return left_ms == PACKED_NEVER ? INT64_MAX : lanes->frontier_ms + left_ms;
}

/** The number found of a total, in either form. */
static inline uint32_t lane_found(struct lanes *lanes, const struct stream_layout *layout,
                                  uint32_t total)
{
    return lanes->is_packed ? packed_found(lanes, layout)[layout->total_packed[total]]
                            : lanes_found(lanes, layout)[total];
}

/** The sum of a total that has one, in either form. */
static inline int64_t lane_sum(struct lanes *lanes, const struct stream_layout *layout,
                               uint32_t total)
{
    return lanes->is_packed ? packed_sum(lanes, layout)[total] : lanes_sum(lanes, layout)[total];
}

/* lanes_packed.c */

/** Where an entry of a log lies, in 32 bits: chunk above, entry below. */
enum { LANE_AT_BITS = 7 };
static_assert(CHUNK_ROWS_MAX < 1 << LANE_AT_BITS, "a row's place fits");

static inline uint32_t lane_place(struct position position)
{
    return position.chunk << LANE_AT_BITS | position.at;
}

static inline struct position lane_position(uint32_t place)
{
    return (struct position){.chunk = place >> LANE_AT_BITS,
                             .at = place & ((1U << LANE_AT_BITS) - 1)};
}

/** A log of more chunks has wide lanes: a packed place is too small. */
enum { PACKED_CHUNKS = PACKED_NOWHERE >> LANE_AT_BITS };

/** The row at a place. */
static inline struct row lane_row(const struct log *log, uint32_t place)
{
    return log_row(log, lane_position(place));
}

/** Before the row at a place is read, which a window's cursor has been at for a while. */
static inline void lane_stay(const struct stream_layout *layout, const struct log *log,
                             uint32_t place)
{
    spill_stay(layout->spill, log_chunk(log, lane_position(place).chunk));
}

/** The place of the next entry, or LANE_NOWHERE. */
uint32_t assay_lane_next(const struct stream_layout *layout, const struct log *log, uint32_t place);
/** Pack lanes. @return false: something does not fit; @p packed is as it was. */
bool assay_lanes_pack(const struct stream_layout *layout, struct lanes *lanes,
                      struct lanes *packed);
/** Unpack lanes. */
void assay_lanes_unpack(const struct stream_layout *layout, struct lanes *packed,
                        struct lanes *lanes);
/**
 * Move packed lanes that are kept to the time of the one entry that waits, or to any time after the
 * frontier if none does.
 *
 * @return false: it takes wide lanes; they are as far as the move went, and can go on from there.
 * Cost: O(lanes) and what leaves.
 */
bool assay_lanes_step(const struct stream_layout *layout, const struct log *log, int64_t at_ms);

/* lanes.c: wide lanes */

enum {
    LANE_CHUNKS_MAX = 1 << 24, /* of a log that has lanes */
    LANE_FOUND_MAX = 1 << 30,  /* more, and a sum might not fit */
};

/** When an entry of that time leaves. */
static inline int64_t lane_leaves(const struct lane *lane, int64_t time_ms)
{
    return lane->span_ms == 0 ? INT64_MAX : time_ms + lane->delay_ms + lane->span_ms;
}

/** No entry at or before is in the window at @p at_ms; @p since_ms: start of the segment then. */
static inline int64_t lane_after(const struct lane *lane, int64_t at_ms, int64_t since_ms)
{
    const int64_t after_ms = at_ms - lane->delay_ms - lane->span_ms;
    return lane->span_ms != 0 && after_ms >= since_ms ? after_ms : since_ms - 1;
}

/** An entry enters one lane (by 1) or leaves it (by -1). */
void assay_lane_change(struct lanes *lanes, const struct stream_layout *layout, uint32_t lane,
                       struct row row, int by);
/** assay_lanes_at() of a log whose lanes are wide. */
bool assay_lanes_wide_at(const struct log_context *context, struct log *log, int64_t at_ms,
                         int64_t since_ms);

/* lanes_log.c: lanes at rest */

/** Have the lanes at @p at_ms; false: read the log. @p since_ms: start of the segment then. Cost:
 * O(lanes) and what came and left since the frontier; stale ones: assay_view_read() of each. */
bool assay_lanes_at(const struct log_context *context, struct log *log, int64_t at_ms,
                    int64_t since_ms);
/** assay_lanes_at() where it takes one step of packed lanes at most; false: it may take more. */
static inline bool assay_lanes_stepped(const struct stream_layout *layout, const struct log *log,
                                       int64_t at_ms, int64_t since_ms)
{
    const struct lanes *lanes = log->lanes;
    return lanes != NULL && lanes->is_packed && lanes->state == LANES_KEPT &&
           lanes->since_ms == since_ms && assay_lanes_step(layout, log, at_ms);
}
/** A copy of a log with kept lanes of its own, which are wide, in @p room of lanes_bytes(). */
void assay_lanes_copy(const struct stream_layout *layout, const struct log *log, struct log *copy,
                      void *room);
/**
 * Move lanes back to a time before their frontier; they are a copy, and useless on failure.
 *
 * @param[out] end the place behind the newest entry that is not later.
 * @return false: it is too far, or another segment, or some window has a delay: read the log.
 * Cost: O(lanes) and the entries between the two times, a few dozen at most.
 */
bool assay_lanes_back(const struct stream_layout *layout, struct log *copy, int64_t at_ms,
                      int64_t since_ms, struct position *end);
/** Make wide lanes anew at @p at_ms, when nothing of the log is newer. @return false: a sum may not
 * fit. Cost: one pass over what the longest window holds, whole chunks as one. */
bool assay_lanes_build(const struct log_context *context, struct log *log, int64_t at_ms,
                       int64_t since_ms);
/** The earliest time that the lanes of a log can be at without reading the past: that of its newest
 * entry, or the frontier they have already; INT64_MAX: the log is empty. */
int64_t assay_lanes_settled(const struct log *log);
/** An entry has come to @p position and nothing else of the log has changed. Cost: O(1); O(lanes)
 * for one before the frontier. */
void assay_lanes_insert(const struct log_context *context, struct log *log,
                        struct position position);
/** Fetch the entries that will leave at @p at_ms. Changes nothing. */
void assay_lanes_prefetch(const struct stream_layout *layout, const struct log *log, int64_t at_ms);
/** The first chunk of the log goes away. Before it does. */
void assay_lanes_retire(const struct log_context *context, struct log *log);
/** The first @p entries entries of the first chunk go away. Before they do. */
void assay_lanes_drop(const struct log_context *context, struct log *log, uint32_t entries);
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
