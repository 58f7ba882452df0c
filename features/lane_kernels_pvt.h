/*
 * features/lane_kernels_pvt.h - the form with masks, where the processor family has one.
 */
#ifndef ASSAY_FEATURES_LANE_KERNELS_PVT_H
#define ASSAY_FEATURES_LANE_KERNELS_PVT_H

#include "features/lane_kernels.h"

#if defined(__x86_64__)
extern const struct lane_kernels assay_lane_kernels_avx512;
#endif

#endif
