/*
 * engine/runtime/pipeline_pvt.h - what the four steps of an epoch share.
 *
 * A shard is a home (it takes messages of its partitions) and an owner (it writes the state of its
 * keys). The home part is written by its thread in intake and score, the `values` of its items by
 * the owners in apply, each its own piece; everyone else reads after the next barrier.
 */
#ifndef ASSAY_RUNTIME_PIPELINE_PVT_H
#define ASSAY_RUNTIME_PIPELINE_PVT_H

#include "engine/runtime/pipeline.h"
#include "engine/runtime/spill_files.h"
#include "engine/sync/barrier.h"
#include "features/admission.h"

#include <pthread.h>

/** One key field of an event type, and which features its entity is asked for. */
struct shape_role {
    uint32_t field;
    uint32_t entity;
    uint32_t value_first; /* place of the features among the item's values */
    uint32_t feature_count;
    const uint32_t *features; /* ascending */
    bool has_text;            /* a feature is text: its bytes live in the owner's scratch */
};

/** One policy that an event type triggers. */
struct shape_policy {
    uint32_t policy;
    uint32_t need_count;
    const uint32_t *sources; /* per need its place among the item's values */
};

/** What happens to an event of one type: derived once from plan, policies and rows. */
struct shape {
    uint32_t role_count;
    uint32_t policy_count;
    uint32_t value_count; /* of all roles together */
    uint32_t need_count;  /* of all policies together */
    const struct shape_role *roles;
    const struct shape_policy *policies;
    uint32_t row_role_count;   /* 0: rows do not want this event */
    const uint32_t *row_roles; /* positions in roles */
};

/** One message of an epoch. Its event is events[same index]. */
struct item {
    uint64_t offset;
    uint32_t partition;
    bool accepted;
    enum assay_dead dead; /* also of an accepted one: a key found no room */
    struct assay_str field;
    uint32_t byte;
    uint32_t bytes;
    uint32_t update_first;
    uint32_t update_count;
    uint32_t decision_first;
    uint32_t decision_count;
    struct assay_value *values; /* NULL: nothing is asked for */
};

/** An update on its way from home to owner. */
struct routed {
    struct assay_update update;
    uint32_t item;
    uint32_t next; /* the home's next update for the same owner, or ASSAY_NONE */
    bool refused;  /* written by the owner: no room */
};

struct shard {
    struct assay_pipeline *pipeline;
    uint32_t index;
    pthread_t thread;
    enum assay_status status; /* of the last step; ASSAY_OK or a failure that ends the run */
    struct assay_err err;
    struct assay_pipeline_stats stats;

    struct assay_feed *feed; /* NULL: no home */
    struct assay_decoder *decoder;
    bool end;
    size_t count; /* messages of this epoch */
    struct assay_message *messages;
    struct assay_message *sorting; /* second half of the merge sort */
    struct item *items;
    struct assay_event *events;
    uint32_t update_count;
    struct routed *updates;
    uint32_t *heads; /* per owner the first and last of its updates */
    uint32_t *tails;
    size_t value_count;
    struct assay_value *values;
    uint32_t decision_count;
    struct assay_decision *decisions;
    size_t decision_value_count;
    struct assay_value *decision_values;
    size_t range_count;
    struct assay_range *ranges;
    uint32_t *range_slots; /* per partition: its place in ranges, checked against it */

    struct assay_store *store;
    uint64_t advanced;           /* number of the epoch for which the store knows the safe time */
    struct assay_arena *scratch; /* of slices and contributions; emptied each epoch */
};

/** One pass: a live epoch, or a recorded one, or a piece of it. */
struct pass {
    struct assay_epoch epoch; /* whole */
    bool live;
    bool first; /* of its epoch */
    bool last;
    size_t range_count; /* of this pass; not live */
    struct assay_range *ranges;
};

struct assay_pipeline {
    struct assay_pipeline_options options;
    struct assay_arena *arena; /* everything immutable, and the arrays */
    const struct shape *shapes;
    uint32_t message_max; /* of one home and pass */
    uint32_t shard_count;
    struct shard *shards;
    struct assay_spill_files *spill;     /* NULL: nothing spills */
    struct assay_admission **admissions; /* per partition; used by its home */
    bool expires;                        /* keys of some entity do: the safe time is wanted */
    bool *joined;                        /* per partition: it takes part; if `expires` */
    size_t joined_count;
    int64_t safe_ms;      /* written by shard 0 between epochs */
    pthread_mutex_t gate; /* at start only: see turn.c */
    bool called_off;      /* a thread could not be started; guarded by the gate */
    struct assay_barrier barrier;
    struct pass pass;           /* written by shard 0 between epochs */
    bool stop;                  /* written by shard 0 between epochs */
    uint64_t number;            /* of the last epoch */
    size_t recorded_at;         /* range of the recorded epoch that the next pass begins in */
    uint64_t recorded_next;     /* and its offset; 0: the range's begin */
    struct assay_range *ranges; /* of all homes, merged */
    struct assay_histogram epoch_times; /* written by the lead */
    struct assay_pipeline_stats lead;   /* epochs, and what the emit step counts */
};

/** Walks the items or updates of all homes in (partition, offset) order: partitions are disjoint,
 * so the home with the smallest partition is drained of that partition, then the next is chosen. */
struct merge {
    uint32_t home; /* being drained, or ASSAY_NONE */
    uint32_t partition;
    uint32_t at[ASSAY_SHARDS_MAX]; /* per home the next position */
};

/**
 * Derive the shapes of all event types.
 *
 * @return NULL when the arena is full. Owner: the arena.
 */
const struct shape *assay_shapes_derive(struct assay_arena *arena,
                                        const struct assay_pipeline_options *options);

/** Take, decode, admit and route. Thread: the shard's. */
void assay_shard_intake(struct shard *shard);
/** Apply and slice what all homes sent to this owner. Thread: the shard's. */
void assay_shard_apply(struct shard *shard);
/** Evaluate policies of this home's events. Thread: the shard's. */
void assay_shard_score(struct shard *shard);
/** Hand everything to the emitter. Thread: shard 0, the others waiting. */
ASSAY_MUST_CHECK enum assay_status assay_pipeline_emit(struct assay_pipeline *pipeline,
                                                       struct assay_err *err);

#endif
