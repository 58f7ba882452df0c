/*
 * scorers/math.h - exp, log and 2^x of our own: the same bits on every CPU.
 *
 * libm picks its variant by CPU (with or without fused multiply-add), so a probability could differ
 * in its last bit between two machines. Heads of our own (logistic, scorecard) use these instead:
 * plain IEEE additions, multiplications and divisions in a fixed order. The error is below one unit
 * in the last place; the tests measure it.
 */
#ifndef ASSAY_SCORERS_MATH_H
#define ASSAY_SCORERS_MATH_H

/** e^x; overflow gives infinity, NaN gives NaN. Error < 1 ulp. Thread: any; pure. */
double assay_exp(double x);
/** 2^x; overflow gives infinity, NaN gives NaN. Error < 1 ulp. Thread: any; pure. */
double assay_exp2(double x);
/** Natural logarithm; 0 gives -infinity, less gives NaN. Error < 1 ulp. Thread: any; pure. */
double assay_log(double x);
/** 1 / (1 + e^-x), in [0, 1]. Thread: any; pure. */
double assay_sigmoid(double x);

#endif
