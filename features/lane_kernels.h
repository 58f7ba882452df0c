/*
 * features/lane_kernels.h - the inner loops over the windows of a log, for each kind of processor.
 *
 * They work on integers and on divisions of exact numbers, lane by lane, so every form gives the
 * same bits. The best form that the processor has is chosen once a store.
 */
#ifndef ASSAY_FEATURES_LANE_KERNELS_H
#define ASSAY_FEATURES_LANE_KERNELS_H

#include "features/store.h"

/** Sums and values are less than 2^30 to either side, so that two of them fit 32 bits. */
#define LANE_SUM_MAX ((INT32_C(1) << 30) - 1)
/** More than so many are not found. */
#define LANE_COUNT_MAX (UINT16_MAX - 2)

struct lane_kernels {
    /** Time passes: less is left, 0 where it is over, UINT32_MAX stays. At most 64 lanes.
     * @return where it is over, a bit each. */
    uint64_t (*age)(uint32_t left[], uint32_t count, uint32_t passed);
    /** Lanes without an entry (UINT16_MAX) begin at @p place and have their span left. */
    void (*begin)(uint32_t left[], uint16_t begin[], const uint32_t spans[], uint32_t count,
                  uint16_t place);
    /** One more found everywhere. @return whether one of them takes no more. */
    bool (*count)(uint16_t found[], uint32_t count);
    /** Add to each. @return whether a sum takes no more. */
    bool (*add)(int32_t sums[], uint32_t count, int32_t value);
    /** Numbers found as they are. */
    void (*numbers)(double out[], const uint16_t found[], uint32_t count);
    /** sums / scale, and sums / (scale * found), null where nothing is found; @p scale times any
     * number found is less than 2^53, so each takes one exact division. */
    void (*quotients)(double sums_out[], double averages_out[], const int32_t sums[],
                      const uint16_t found[], uint32_t count, double scale);
};

/** The loops for a processor form; where it is more than the processor has, the best it has.
 * Thread: any. */
const struct lane_kernels *assay_lane_kernels(enum assay_vectors vectors);

#endif
