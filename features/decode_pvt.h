/*
 * features/decode_pvt.h - the pieces of the JSON decoder.
 *
 * Two passes in one: the scanner checks the whole message as strict JSON and notes where the
 * members lie (`type` may come last); then the members are read as the fields of that event.
 */
#ifndef ASSAY_FEATURES_DECODE_PVT_H
#define ASSAY_FEATURES_DECODE_PVT_H

#include "features/json_scan.h"

struct json_member {
    struct assay_str name;
    struct json_value value;
};

/**
 * A JSON number times 10^scale as an integer, exactly.
 *
 * @retval ASSAY_DEAD_NONE, ASSAY_DEAD_PRECISION (more non-zero decimals than scale),
 *         ASSAY_DEAD_RANGE (2^53 or more).
 */
enum assay_dead assay_json_scaled(struct assay_str number, uint32_t scale, int64_t *out);
/** RFC 3339 date-time with offset, at most ms precision. @return false: not one. */
bool assay_json_rfc3339(struct assay_str text, int64_t *out_ms);

#endif
