/*
 * engine/base/number.h - numbers and their text, exactly, whatever the locale.
 */
#ifndef ASSAY_BASE_NUMBER_H
#define ASSAY_BASE_NUMBER_H

#include "engine/base/str.h"

__extension__ typedef __int128 assay_int128;
__extension__ typedef unsigned __int128 assay_uint128;

enum { ASSAY_NUMBER_TEXT_BYTES = 32 };

/**
 * Shortest text that reads back as the same f64; integers below 2^53 have no point or exponent.
 *
 * @param value finite. @return length; @p out is NUL-terminated. Thread: any.
 */
size_t assay_number_print(double value, char out[ASSAY_NUMBER_TEXT_BYTES]);

/**
 * The f64 nearest to a JSON-shaped number: -?digits[.digits][(e|E)[+-]digits].
 *
 * @return false when the text has another shape or is longer than 512 bytes; values too large give
 * an infinity. Thread: any.
 */
bool assay_number_parse(struct assay_str text, double *out);

/**
 * The f64 nearest to the rational numerator / denominator, ties to even.
 *
 * @param denominator greater than 0. Thread: any; pure. Cost: one division while both operands are
 * below 2^53 (then IEEE division is itself correctly rounded); some 60 shifts otherwise.
 */
double assay_ratio(assay_int128 numerator, assay_uint128 denominator);

/** 10^exponent for 0 <= exponent <= 18. Thread: any; pure. */
int64_t assay_pow10(uint32_t exponent);

#endif
