/*
 * features/lane_kernels.h - the inner loops over the windows of a log, for each kind of processor.
 *
 * They work on integers, lane by lane, so every form gives the same bits. The best form that the
 * processor has is chosen once a store.
 */
#ifndef ASSAY_FEATURES_LANE_KERNELS_H
#define ASSAY_FEATURES_LANE_KERNELS_H

#include "features/store.h"

struct lane_kernels {
    /** @p passed ms pass: less time is left, 0 where it is over, UINT32_MAX stays. @return whether
     * it is over anywhere. */
    bool (*age)(uint32_t left[], uint32_t count, uint32_t passed);
    /** Lanes without an entry (UINT16_MAX) begin at @p place and have their span left. */
    void (*begin)(uint32_t left[], uint16_t begin[], const uint32_t spans[], uint32_t count,
                  uint16_t place);
    /** One more found everywhere. @return whether one of them takes no more. */
    bool (*count)(uint16_t found[], uint32_t count);
    /** Add, sums and value less than 2^30 to either side. @return whether a sum takes no more. */
    bool (*add)(int32_t sums[], uint32_t count, int32_t value);
};

/** The loops for a processor form; where it is more than the processor has, the best it has. Thread:
 * any. */
const struct lane_kernels *assay_lane_kernels(enum assay_vectors vectors);

#endif
