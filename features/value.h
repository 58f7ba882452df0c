/*
 * features/value.h - the types of the definition language and the result of a feature.
 */
#ifndef ASSAY_FEATURES_VALUE_H
#define ASSAY_FEATURES_VALUE_H

#include "engine/base/str.h"

#include <math.h>

/** Types of event fields and expressions (design: types). */
enum assay_type {
    ASSAY_TYPE_INT,      /* |x| < 2^53 */
    ASSAY_TYPE_DECIMAL,  /* scaled 64-bit integer, |x * 10^scale| < 2^53 */
    ASSAY_TYPE_REAL,     /* f64, finite */
    ASSAY_TYPE_BOOL,     /* 0 or 1 */
    ASSAY_TYPE_CATEGORY, /* UTF-8 text without NUL */
    ASSAY_TYPE_KEY,      /* names an entity; UTF-8 text without NUL, not empty */
    ASSAY_TYPE_TEXT,     /* free text; may be personal data */
    ASSAY_TYPE_VECTOR,   /* fixed number of f64 components */
    ASSAY_TYPE_TIME,     /* ms since the Unix epoch, UTC */
    ASSAY_TYPE_END
};

/** True of the types whose value is a run of bytes. */
static inline bool assay_type_is_text(enum assay_type type)
{
    return type == ASSAY_TYPE_CATEGORY || type == ASSAY_TYPE_KEY || type == ASSAY_TYPE_TEXT;
}

/** Name as in YAML, e.g. "decimal". Thread: any. */
const char *assay_type_name(enum assay_type type);

/** Why a value is what it is; ordered by gravity, so a derived value carries the greatest. */
enum assay_state {
    ASSAY_STATE_OK,
    ASSAY_STATE_WARMING, /* the feature is younger than its window */
    ASSAY_STATE_EXPIRED, /* asked for a time that is no longer answerable: null */
};

/** The null of numbers and truth values. */
#define ASSAY_NULL_NUMBER ((double)NAN)

/** What an expression computes with. Numbers and truth values: NaN is null. Text: ptr NULL is null.
 */
union assay_cell {
    double number;
    struct assay_str text;
};

/** The kinds of a cell; a scalar expression has exactly one, known at load. */
enum assay_kind {
    ASSAY_KIND_NUMBER, /* int, decimal, real, time, bool fields and all numeric features */
    ASSAY_KIND_BOOL,   /* 1, 0 or NaN (unknown) */
    ASSAY_KIND_TEXT,
};

/** A feature's result {value, type, state}. Text is borrowed; the reader says how long it lives. */
struct assay_value {
    union assay_cell cell;
    uint8_t kind;  /* enum assay_kind */
    uint8_t state; /* enum assay_state */
};

/** Is the value null? Thread: any. */
static inline bool assay_value_is_null(const struct assay_value *value)
{
    return value->kind == ASSAY_KIND_TEXT ? value->cell.text.ptr == NULL
                                          : isnan(value->cell.number);
}

#endif
