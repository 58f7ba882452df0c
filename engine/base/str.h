/*
 * engine/base/str.h - a borrowed run of bytes.
 *
 * Events carry text of outside origin, so nothing here relies on a terminating NUL. A view with a
 * NULL ptr is null (absent); a view of length 0 with a non-NULL ptr is the empty string.
 */
#ifndef ASSAY_BASE_STR_H
#define ASSAY_BASE_STR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/** Borrowed bytes, usually UTF-8; whoever hands one out says how long it lives. */
struct assay_str {
    const char *ptr;
    uint32_t len;
};

/** View of a NUL-terminated string. Lives as long as @p text. Thread: any. */
static inline struct assay_str assay_str_of(const char *text)
{
    return (struct assay_str){.ptr = text, .len = (uint32_t)strlen(text)};
}

/** Same bytes? Null equals only null. Thread: any. */
static inline bool assay_str_equal(struct assay_str a, struct assay_str b)
{
    if (a.ptr == NULL || b.ptr == NULL) {
        return a.ptr == b.ptr;
    }
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

/** Order by bytes, a prefix before the longer string; neither may be null. Thread: any. */
static inline int assay_str_compare(struct assay_str a, struct assay_str b)
{
    const uint32_t shared = a.len < b.len ? a.len : b.len;
    const int order = shared == 0 ? 0 : memcmp(a.ptr, b.ptr, shared);
    if (order != 0) {
        return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

#endif
