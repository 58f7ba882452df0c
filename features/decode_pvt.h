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
    uint64_t tag; /* json_tag(name) */
    struct json_value value;
};

/**
 * The first eight bytes of a name as a number, zeros after its end: names of different tags differ,
 * and names of up to eight bytes without NUL are told apart by their tags alone.
 */
static inline uint64_t json_tag(struct assay_str name)
{
    uint64_t tag = 0;
    if (name.len >= sizeof tag) {
        memcpy(&tag, name.ptr, sizeof tag);
        return tag;
    }
    if (name.len >= 4) { /* two halves that overlap where they agree */
        uint32_t low = 0;
        uint32_t high = 0;
        memcpy(&low, name.ptr, sizeof low);
        memcpy(&high, name.ptr + name.len - sizeof high, sizeof high);
        return low | (uint64_t)high << 8 * (name.len - 4);
    }
    for (uint32_t i = name.len; i > 0; i--) {
        tag = tag << 8 | (unsigned char)name.ptr[i - 1];
    }
    return tag;
}

/** Same name? The tags are theirs. */
static inline bool json_name_equal(struct assay_str a, uint64_t tag_a, struct assay_str b,
                                   uint64_t tag_b)
{
    return tag_a == tag_b && a.len == b.len &&
           (a.len <= sizeof tag_a || memcmp(a.ptr + 8, b.ptr + 8, a.len - 8U) == 0);
}

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
