/*
 * features/json_scan.h - strict JSON without a tree: check a text and find where its values lie.
 *
 * The event decoder and the readers of models share it. RFC 8259, valid UTF-8 without surrogates,
 * bounded depth; nothing is allocated and nothing is copied.
 */
#ifndef ASSAY_FEATURES_JSON_SCAN_H
#define ASSAY_FEATURES_JSON_SCAN_H

#include "features/decode.h"

/** What a JSON value is. */
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

/** A place in a text. Start with {.at, .end}. */
struct json_scanner {
    const char *at;
    const char *end;
    enum assay_dead dead; /* first thing wrong; its place is `at` */
};

/** Step over blanks. Thread: any; pure. */
static inline void assay_json_blanks(struct json_scanner *scanner)
{
    while (scanner->at < scanner->end && (*scanner->at == ' ' || *scanner->at == '\n' ||
                                          *scanner->at == '\r' || *scanner->at == '\t')) {
        scanner->at++;
    }
}

/** Scan one string at its opening quote. @return false: dead is set. Thread: any; pure. */
bool assay_json_string(struct json_scanner *scanner, struct json_value *out);
/**
 * Scan any value, checking everything inside, at most ASSAY_DECODE_DEPTH_MAX levels deep.
 *
 * @return false: dead is set. Thread: any; pure. Cost: one pass.
 */
bool assay_json_value(struct json_scanner *scanner, uint32_t depth, struct json_value *out);
/**
 * Undo the escapes of a scanned string.
 *
 * @param out room for raw.len bytes. @return bytes written; *nul says whether one is NUL.
 * Thread: any; pure.
 */
size_t assay_json_unescape(struct assay_str raw, char out[], bool *nul);

#endif
