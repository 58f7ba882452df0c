/*
 * features/schema.h - what events look like and which entities they name.
 *
 * Built once at load by engine/config, immutable afterwards, shared by all threads.
 */
#ifndef ASSAY_FEATURES_SCHEMA_H
#define ASSAY_FEATURES_SCHEMA_H

#include "engine/base/diag.h"
#include "features/value.h"

#define ASSAY_NONE UINT32_MAX

enum {
    ASSAY_EVENTS_MAX = 256,
    ASSAY_FIELDS_MAX = 64, /* of one event: a set of fields fits a 64-bit mask */
    ASSAY_ENTITIES_MAX = 32,
    ASSAY_DECIMAL_SCALE_MAX = 15,
    ASSAY_VECTOR_DIMS_MAX = 1024,
};

struct assay_field_def {
    struct assay_str name;
    enum assay_type type;
    uint32_t scale;  /* decimal(n): n, else 0 */
    uint32_t dims;   /* vector(n): n, else 0 */
    uint32_t entity; /* key: index of the entity, else ASSAY_NONE */
    bool optional;   /* key: null leaves the entity untouched instead of a dead letter */
    bool pii;        /* text: personal data */
    bool broken;     /* already reported: what rests on it is not reported again */
    struct assay_span span;
};

struct assay_event_def {
    struct assay_str name;
    uint32_t field_count;
    const struct assay_field_def *fields; /* definition order */
    bool broken;                          /* already reported, as above */
    struct assay_span span;
};

struct assay_entity_def {
    struct assay_str name;
    int64_t expire_ms; /* 0: never */
    uint64_t capacity; /* keys; 0: no limit but memory */
    bool evicts;       /* at capacity a new key takes the place of an idle one */
    struct assay_span span;
};

struct assay_schema {
    int64_t lateness_ms;
    int64_t ahead_ms;
    uint32_t event_count;
    uint32_t entity_count;
    const struct assay_event_def *events;    /* file order */
    const struct assay_entity_def *entities; /* file order */
};

/** Index of the event of that name, or ASSAY_NONE. Thread: any. */
uint32_t assay_schema_event(const struct assay_schema *schema, struct assay_str name);
/** Index of the entity of that name, or ASSAY_NONE. Thread: any. */
uint32_t assay_schema_entity(const struct assay_schema *schema, struct assay_str name);
/** Index of the field of that name in @p event, or ASSAY_NONE. Thread: any. */
uint32_t assay_event_field(const struct assay_event_def *event, struct assay_str name);

#endif
