/*
 * features/lanes_place_pvt.h - places of entries as lanes keep them, and what they can hold.
 *
 * A position is packed into 32 bits so that a window's begin takes four bytes: chunk above, entry
 * below. Logs of more chunks than that holds go without lanes, and so do lifetimes of
 * LANE_FOUND_MAX entries. That bounds the sums: so many values below LANE_SMALL add up to less than
 * LANE_WIDE, and greater ones are watched one by one.
 */
#ifndef ASSAY_FEATURES_LANES_PLACE_PVT_H
#define ASSAY_FEATURES_LANES_PLACE_PVT_H

#include "features/lanes_pvt.h"

static const int64_t LANE_SMALL = INT64_C(1) << 31;
static const int64_t LANE_WIDE = INT64_C(1) << 61;

/** Time of the newest entry; there is one. */
static inline int64_t log_newest_ms(const struct log *log)
{
    struct position end = assay_log_end(log);
    end.at--;
    return row_time(log_row(log, end));
}

/** The packed place, or LANE_NOWHERE when it is the range's end. */
static inline uint32_t lane_place_in(const struct log *log, struct position position,
                                     struct position end)
{
    if (position.at == log_chunk(log, position.chunk)->count && position.chunk < end.chunk) {
        position = (struct position){.chunk = position.chunk + 1};
    }
    const bool none =
        position.chunk > end.chunk || (position.chunk == end.chunk && position.at >= end.at);
    return none ? LANE_NOWHERE : lane_place(position);
}

/** Time of the entry at a place. */
static inline int64_t lane_time_at(const struct log *log, uint32_t place)
{
    return row_time(log_row(log, lane_position(place)));
}

#endif
