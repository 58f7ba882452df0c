/*
 * features/plan_pvt.h - the plan while it is being built.
 */
#ifndef ASSAY_FEATURES_PLAN_PVT_H
#define ASSAY_FEATURES_PLAN_PVT_H

#include "engine/base/hash.h"
#include "features/expr_pvt.h"
#include "features/plan.h"

enum {
    PLAN_FEATURES_MAX = 8192,
    PLAN_STREAMS_MAX = 4096,
    PLAN_AGGS_MAX = 16384, /* of one entity */
    PLAN_ZONES_MAX = 64,
    PLAN_CHAIN_MAX = 64, /* features that rest on features that rest on ... */
};

/** A feature before it has a program: one per span of a listed definition. */
struct draft {
    const struct assay_feature_source *source;
    const struct assay_expr *expr;
    struct assay_str name;
    enum { DRAFT_NEW, DRAFT_OPEN, DRAFT_DONE, DRAFT_BAD } state;
    uint32_t index;                /* in plan->features, once done */
    struct assay_hash128 rests_on; /* of what it reads: fields with their types, features */
};

struct stream_draft {
    struct assay_stream stream;
};

struct plan_zone {
    struct assay_str name;
    const struct assay_zone *zone;
};

struct planner {
    struct assay_arena *arena;
    const struct assay_schema *schema;
    struct assay_diags *diags;
    struct draft *drafts; /* file order */
    size_t draft_count;
    struct assay_feature *features;
    uint32_t feature_count;
    struct stream_draft *streams;
    uint32_t stream_count;
    struct plan_zone zones[PLAN_ZONES_MAX];
    uint32_t zone_count;

    /* the entity and feature at hand */
    uint32_t entity;
    uint32_t entity_features; /* drafts of the entity: slots of aggregates begin there */
    uint32_t feature_first;
    struct assay_agg *aggs;
    uint32_t agg_count;
    struct draft *draft;
    uint32_t chain; /* drafts being compiled, one for the sake of the other */
};

/** Note that the draft at hand rests on this field. */
void assay_plan_rest_on_field(struct planner *planner, const struct assay_event_def *event,
                              const struct assay_field_def *field);
/** Place an aggregate of the draft at hand into streams and slots; of a list, value @p index. */
bool assay_plan_place_aggregate(struct planner *planner, const struct assay_agg_ast *agg,
                                uint32_t index, struct assay_symbol *out);

/** Report that an event has no such field, unless the event itself was refused. @return false. */
bool assay_plan_unknown_field(struct planner *planner, const struct assay_event_def *event,
                              struct assay_str name, struct assay_span span);

/* plan_span.c */

/** A zone by name, loaded once; NULL: reported at @p span. */
const struct assay_zone *assay_plan_zone(struct planner *planner, struct assay_str name,
                                         struct assay_span span);

#endif
