/*
 * features/json_scan.h - the JSON scanner: strict RFC 8259, bounded, without allocation.
 *
 * It checks text and says where values lie; what they mean is the reader's business. The event
 * decoder and the readers of our own model files share it.
 */
#ifndef ASSAY_FEATURES_JSON_SCAN_H
#define ASSAY_FEATURES_JSON_SCAN_H

#include "features/decode.h"

enum json_kind {
    JSON_NULL,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

/** A value as it stands in the message. Strings: without the quotes, still escaped. */
struct json_value {
    struct assay_str raw;
    enum json_kind kind;
    bool escaped;
};

struct json_scanner {
    const char *at;
    const char *end;
    enum assay_dead dead; /* first thing wrong; its place is `at` */
};

/** Step over blanks. Thread: any. */
void assay_json_blanks(struct json_scanner *scanner);
/** Scan one string at its opening quote. @return false: dead is set. Thread: any. */
bool assay_json_string(struct json_scanner *scanner, struct json_value *out);
/** Scan any value, checking everything inside. @return false: dead is set. Thread: any. */
bool assay_json_value(struct json_scanner *scanner, uint32_t depth, struct json_value *out);
/**
 * Undo the escapes of a scanned string.
 *
 * @param out room for raw.len bytes. @return bytes written; *nul says whether one is NUL.
 * Thread: any.
 */
size_t assay_json_unescape(struct assay_str raw, char out[], bool *nul);

#endif
