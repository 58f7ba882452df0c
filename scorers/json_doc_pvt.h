/*
 * scorers/json_doc_pvt.h - small JSON documents read by their shape, every mistake with its place.
 *
 * Models of our own are JSON. The event decoder's scanner checks that the text is strict JSON; this
 * layer reads objects by a table of members, so that unknown, repeated and missing members and
 * wrong types are all found in one way.
 */
#ifndef ASSAY_SCORERS_JSON_DOC_PVT_H
#define ASSAY_SCORERS_JSON_DOC_PVT_H

#include "features/json_scan.h"
#include "scorers/model_pvt.h"

struct json_doc {
    struct assay_arena *arena;
    const char *where;
    struct assay_str text;
    struct assay_err *err;
    const char *what; /* what the document is, for messages: "scorecard", "logistic model" */
};

/** A member that an object may have. An optional one that is absent has value.raw.ptr NULL. */
struct json_field {
    const char *name;
    enum json_kind kind;
    bool required;
    struct json_value value; /* filled by assay_json_doc_object() */
};

/** Walks the items of an array. Zero but for the first two members. */
struct json_items {
    const struct json_doc *doc;
    struct json_value array;
    struct json_scanner scanner;
    struct json_value item;
    uint32_t count; /* items seen, the current one included */
};

/** Check the whole text and give its root object. @retval ASSAY_E_MODEL not one JSON object. */
ASSAY_MUST_CHECK enum assay_status assay_json_doc_open(const struct json_doc *doc,
                                                       struct json_value *root);
/**
 * Read an object by its table.
 *
 * @param object a value of this document. @param owner what it describes, for messages.
 * @retval ASSAY_E_MODEL not an object; unknown, repeated, missing or mistyped member.
 */
ASSAY_MUST_CHECK enum assay_status assay_json_doc_object(const struct json_doc *doc,
                                                         struct json_value object,
                                                         const char *owner,
                                                         struct json_field fields[], size_t count);
/** Next item into ->item. @return false at the end. */
bool assay_json_doc_next(struct json_items *items);
/** Items of an array. */
uint32_t assay_json_doc_count(const struct json_doc *doc, struct json_value array);
/** A finite number. @retval ASSAY_E_MODEL too large for an f64. */
ASSAY_MUST_CHECK enum assay_status assay_json_doc_real(const struct json_doc *doc,
                                                       struct json_value value, double *out);
/** A non-empty text without control characters, copied into the arena. */
ASSAY_MUST_CHECK enum assay_status assay_json_doc_text(const struct json_doc *doc,
                                                       struct json_value value,
                                                       struct assay_str *out);
/**
 * A text that must be one of two words (@p second NULL: one word).
 *
 * @param[out] is_second may be NULL.
 */
ASSAY_MUST_CHECK enum assay_status assay_json_doc_choice(const struct json_doc *doc,
                                                         struct json_value value, const char *first,
                                                         const char *second, bool *is_second);
/** Check that the features of @p array have names of their own. */
ASSAY_MUST_CHECK enum assay_status assay_json_doc_unique(const struct json_doc *doc,
                                                         struct json_value array,
                                                         const struct assay_str names[],
                                                         uint32_t count);
/** Fill the error with `where:line:column` of @p at. @return ASSAY_E_MODEL. */
enum assay_status assay_json_doc_fail(const struct json_doc *doc, const char *at,
                                      const char *format, ...) ASSAY_PRINTF(3, 4);
/** Fill the error: the arena is full. @return ASSAY_E_NO_MEMORY. */
enum assay_status assay_json_doc_full(const struct json_doc *doc);

#endif
