/*
 * features/plan_view.h - what a plan comes to: what aggregates share, how far back logs must reach
 * and for whose sake, and what a key and an event take in memory.
 *
 * Made for people to read, from the layout that a store works by. Plain data, immutable.
 */
#ifndef ASSAY_FEATURES_PLAN_VIEW_H
#define ASSAY_FEATURES_PLAN_VIEW_H

#include "features/plan.h"

/** A window on a stream: found once, however many views look through it. */
struct assay_plan_range {
    uint32_t stream;            /* position in the entity's list */
    struct assay_str text;      /* as the first aggregate has it, without `last n` */
    struct assay_window window; /* last_n is 0 */
};

/** A pair (filter, column) through a window: read once, however many aggregates want of it. */
struct assay_plan_view {
    uint32_t stream; /* position in the entity's list */
    uint32_t range;
    uint32_t filter; /* index into the stream's filters, or ASSAY_NONE */
    uint32_t column; /* index into the stream's columns, or ASSAY_NONE */
    uint32_t last_n; /* 0: all */
    bool exclude_current;
    struct assay_str text; /* of its window, as the first aggregate has it, e.g. 90d last 5 */
    uint32_t agg_count;
    const uint32_t *aggs; /* of the entity */
};

/** What a feature rests on, through other features too. */
struct assay_feature_view {
    uint32_t agg_count;
    const uint32_t *aggs; /* of the entity, ascending */
    uint32_t own_count;
    const uint32_t *own;     /* of these the ones that its own definition holds */
    const uint32_t *depends; /* features it names itself, as indices into plan->features */
    uint32_t depend_count;
    bool reads_event; /* fields or the time of the current event: null where there is none */
};

/** One log of a key. */
struct assay_stream_view {
    const struct assay_stream *stream;
    uint32_t pair_count;     /* (filter, column) pairs that sealed chunks are summed up by */
    uint32_t farthest;       /* aggregate of the entity for whose window it reaches so far back;
                                ASSAY_NONE: no window has an end */
    uint32_t keeps_all;      /* aggregate for which no event may ever go, or ASSAY_NONE */
    uint32_t folds_for;      /* lifetime aggregate for which old events become totals, or NONE */
    size_t key_bytes;        /* its place in a record, whether a key has such events or not */
    size_t first_bytes;      /* of memory once the first event is there */
    size_t window_bytes;     /* once it is read: windows that are kept up with */
    size_t row_bytes;        /* an event, without texts; twice that if numbers are large */
    bool has_texts;          /* and so texts of columns; an ordered one its order bytes, too */
    size_t summary_bytes;    /* a sealed chunk, without lists of distinct values */
    uint32_t chunk_events;   /* events of a chunk when it is sealed */
    uint32_t distinct_count; /* pairs that list their distinct values too */
    uint32_t literal_count;
    const struct assay_str *literals; /* texts that filters compare with, each once */
};

struct assay_entity_view {
    size_t head_bytes; /* a record without logs and name */
    uint32_t stream_count;
    uint32_t range_count;
    uint32_t view_count;
    const struct assay_stream_view *streams; /* in plan order */
    const struct assay_plan_range *ranges;
    const struct assay_plan_view *views;
};

struct assay_plan_views {
    const struct assay_entity_view *entities;  /* one an entity of the schema */
    const struct assay_feature_view *features; /* one a feature of the plan */
};

/**
 * Lay a plan open.
 *
 * @return NULL when the arena is full. Owner: the arena; the plan must live as long. Thread: any.
 */
const struct assay_plan_views *assay_plan_views_create(struct assay_arena *arena,
                                                       const struct assay_plan *plan);

#endif
