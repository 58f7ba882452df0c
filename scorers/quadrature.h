/*
 * scorers/quadrature.h - Gauss-Legendre rules on [0, 1].
 */
#ifndef ASSAY_SCORERS_QUADRATURE_H
#define ASSAY_SCORERS_QUADRATURE_H

#include <stdint.h>

enum { ASSAY_QUADRATURE_POINTS_MAX = 64 };

/**
 * Points and weights with which the weighted sum of a polynomial's values at the points is its
 * integral over [0, 1], exactly up to degree 2 @p count - 1 (but for rounding).
 *
 * @param count 1 to ASSAY_QUADRATURE_POINTS_MAX.
 * @param[out] points ascending, strictly between 0 and 1; symmetric about 1/2.
 * Thread: any; pure, without libm: the same bits on every CPU. Cost: some 20 count^3 operations.
 */
void assay_quadrature(uint32_t count, double points[], double weights[]);

#endif
