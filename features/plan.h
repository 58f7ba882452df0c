/*
 * features/plan.h - the checked, compiled definitions of all features.
 *
 * A stream is the log of one (entity, event, key role): all aggregates over it share that log. An
 * aggregate is one (stream, filter, column, window) value; equal aggregates of several features
 * share one slot. A feature is a program over its entity's aggregate slots, its entity's earlier
 * features and the current event's fields.
 *
 * Built once at load, immutable, shared by all threads.
 */
#ifndef ASSAY_FEATURES_PLAN_H
#define ASSAY_FEATURES_PLAN_H

#include "features/expr.h"
#include "features/window.h"

enum {
    ASSAY_STREAM_COLUMNS_MAX = 32,
    ASSAY_STREAM_FILTERS_MAX = 63, /* a filter's verdict is one bit of the logged event's mask */
};

enum assay_agg_kind {
    ASSAY_AGG_COUNT, /* events; with a column: its non-null values */
    ASSAY_AGG_SUM,
    ASSAY_AGG_AVG,
    ASSAY_AGG_MIN,
    ASSAY_AGG_MAX,
    ASSAY_AGG_FIRST,
    ASSAY_AGG_LAST,
    ASSAY_AGG_COUNT_DISTINCT,
    ASSAY_AGG_TIME_SINCE_FIRST,
    ASSAY_AGG_TIME_SINCE_LAST,
    ASSAY_AGG_RANGE,
    ASSAY_AGG_VAR_POP,
    ASSAY_AGG_VAR_SAMP,
    ASSAY_AGG_STDDEV_POP,
    ASSAY_AGG_STDDEV_SAMP,
    ASSAY_AGG_CV,
    ASSAY_AGG_IS_NEW,
    ASSAY_AGG_INTERARRIVAL_MEAN,
    ASSAY_AGG_INTERARRIVAL_STD,
    ASSAY_AGG_LONGEST_GAP,
    ASSAY_AGG_FIRST_K, /* of a list, the nth */
    ASSAY_AGG_LAST_K,
    ASSAY_AGG_LAG, /* placed as LAST_K */
    ASSAY_AGG_ACTIVE_DAYS,
    ASSAY_AGG_END
};

struct assay_stream {
    uint32_t entity;
    uint32_t event;
    uint32_t key_field;    /* the role: which key field of the event names the entity */
    uint32_t column_count; /* fields of the event that aggregates read */
    uint32_t columns[ASSAY_STREAM_COLUMNS_MAX]; /* field indices, in the order of first use */
    uint32_t filter_count;
    const struct assay_program *filters[ASSAY_STREAM_FILTERS_MAX];
    bool ordered;        /* an aggregate depends on the order of events of equal time */
    bool lifetime;       /* an aggregate has no span: what leaves the log is folded into a base */
    int64_t retained_ms; /* max(span + delay) over its aggregates, plus lateness */
    struct assay_str filter_texts[ASSAY_STREAM_FILTERS_MAX]; /* canonical */
};

struct assay_agg {
    enum assay_agg_kind kind;
    uint32_t stream;
    uint32_t filter; /* index into the stream's filters, or ASSAY_NONE */
    uint32_t column; /* index into the stream's columns, or ASSAY_NONE */
    struct assay_window window;
    bool exclude_current;
    uint32_t nth;                  /* FIRST_K, LAST_K: which value, from 1 */
    const struct assay_zone *zone; /* ACTIVE_DAYS: whose days */
    enum assay_kind result;        /* kind of the value */
    struct assay_str text;         /* e.g. count(payment) where (not ok), as first written */
    struct assay_str window_text;  /* e.g. 7d delay 1d */
};

struct assay_feature {
    struct assay_str name;      /* without its entity, e.g. pay_count_1d */
    struct assay_str full_name; /* e.g. user.pay_count_1d */
    uint32_t entity;
    enum assay_kind kind;
    const struct assay_program *program; /* slots: see struct assay_plan_entity */
    struct assay_span span;
    struct assay_str definition; /* canonical text */
    uint64_t hash[2];            /* of the definition and everything it rests on */
};

/**
 * One entity's part. Slot j < feature_count is feature j of the entity; slot feature_count + i is
 * aggregate aggs[i]. A feature reads aggregates, and features with a smaller index than its own.
 */
struct assay_plan_entity {
    uint32_t agg_count;
    uint32_t feature_count;
    uint32_t feature_first; /* the entity's features are [feature_first, + feature_count) */
    uint32_t stream_count;
    const struct assay_agg *aggs;
    const uint32_t *streams; /* indices into plan->streams */
    int64_t retained_ms;     /* greatest of its streams */
};

struct assay_plan {
    const struct assay_schema *schema;
    uint32_t stream_count;
    uint32_t feature_count;
    const struct assay_stream *streams;
    const struct assay_feature *features; /* by entity in file order, then file order */
    const uint32_t *file_order; /* feature_count indices: features as the file lists them */
    const struct assay_plan_entity *entities; /* schema->entity_count of them */
    uint64_t hash[2];
};

/** One line of a `features:` section, before it is compiled. */
struct assay_feature_source {
    uint32_t entity;
    struct assay_str name;
    struct assay_span name_span;
    struct assay_span expression; /* bytes of the definition */
    bool broken; /* already reported: only its name counts, so that readers of it stay silent */
};

/**
 * Compile all features: one diagnostic for everything that is wrong.
 *
 * @return NULL when @p diags holds a diagnostic afterwards, be it older than the call. Owner: the
 * arena; the schema and the texts must live as long. Thread: one at a time.
 */
const struct assay_plan *assay_plan_compile(struct assay_arena *arena,
                                            const struct assay_schema *schema,
                                            const struct assay_feature_source sources[],
                                            size_t source_count, struct assay_diags *diags);

/** Index of a feature by full name, or ASSAY_NONE. Thread: any. */
uint32_t assay_plan_feature(const struct assay_plan *plan, struct assay_str full_name);

/** Name of an aggregate kind, e.g. "count_distinct". Thread: any. */
const char *assay_agg_name(enum assay_agg_kind kind);

#endif
