/*
 * engine/runtime/pipeline_pvt.h - what the steps of an epoch share.
 *
 * Discipline: every field of struct shard is written by the shard's own thread only; others read it
 * after the next barrier. `control` is written by shard 0 between barriers.
 */
#ifndef ASSAY_RUNTIME_PIPELINE_PVT_H
#define ASSAY_RUNTIME_PIPELINE_PVT_H

#include "engine/base/arena.h"
#include "engine/runtime/pipeline.h"
#include "engine/sync/barrier.h"
#include "features/admission.h"

#include <pthread.h>

/** Features that an event type's triggers want of the key that one role names. */
struct want {
    uint32_t field;          /* key field: the role */
    uint32_t feature_count;
    const uint32_t *features; /* ascending, no duplicates */
};

/** A policy's view of the wants: where each of its needs lies. */
struct bound_need {
    uint32_t want;
    uint32_t index;
};

struct bound_policy {
    uint32_t policy;
    size_t need_count;
    const struct bound_need *needs;
};

/** What happens when an event of one type arrives. */
struct trigger {
    bool row;
    uint32_t want_count;
    struct want wants[ASSAY_POLICY_KEYS_MAX];
    uint32_t policy_count;
    struct bound_policy policies[ASSAY_POLICIES_MAX];
    uint32_t row_wants[ASSAY_POLICY_KEYS_MAX]; /* per role of the row layout: index of its want */
};

/** One accepted event of the epoch at its home. */
struct home_event {
    struct assay_event event;
    uint64_t offset;
    uint32_t partition;
    bool refused; /* an owner had no room for it: a dead letter, no row, no decision */
    uint32_t refused_entity;
    const struct assay_value *slices[ASSAY_POLICY_KEYS_MAX]; /* per want; set by owners */
};

/** An update on its way to its owner. */
struct mail {
    struct assay_update update;
    struct home_event *from;
};

struct mailbox {
    struct mail *items;
    size_t count;
    size_t capacity;
};

struct dead_entry {
    enum assay_dead reason;
    uint32_t partition;
    uint64_t offset;
    struct assay_str field;
    uint32_t byte;
    uint32_t message_bytes;
};

struct shard {
    struct assay_pipeline *pipeline;
    uint32_t index;
    pthread_t thread;

    /* home */
    struct assay_feed *feed;
    struct assay_decoder *decoder;
    struct assay_message *messages; /* ASSAY_EPOCH_MESSAGES_MAX */
    size_t message_count;
    bool feed_ended;
    struct home_event *events; /* ASSAY_EPOCH_MESSAGES_MAX */
    size_t event_count;
    struct dead_entry *dead; /* ASSAY_EPOCH_MESSAGES_MAX */
    size_t dead_count;
    struct assay_range *ranges; /* one a partition of this home at most */
    size_t range_count;
    struct mailbox *outgoing; /* per owner */
    struct assay_decision *decisions;
    size_t decision_count;
    struct assay_arena *home_scratch; /* rewound each epoch */

    /* owner */
    struct assay_store *store;
    struct assay_arena *owner_scratch; /* slices of the epoch */

    enum assay_status failed;
    struct assay_err err;
    struct assay_pipeline_stats stats;
};

struct assay_pipeline {
    struct assay_pipeline_options options;
    const struct assay_schema *schema;
    struct assay_arena *arena; /* everything that lives as long as the pipeline */
    const struct trigger **triggers; /* per event type; NULL: nothing to decide */
    struct assay_admission **admissions; /* per partition; used by its home */
    struct shard *shards;
    struct assay_barrier barrier;

    /* control: shard 0 writes before a barrier, all read after it */
    struct assay_epoch epoch;
    bool stop;
    struct assay_range *epoch_ranges;
    size_t partition_capacity;
    enum assay_status failed;
    struct assay_err err;
};

/** Home of a partition. */
static inline uint32_t home_of(const struct assay_pipeline *pipeline, uint32_t partition)
{
    return pipeline->options.partitions[partition].number % pipeline->options.shards;
}

/** Decide per event type what its arrival asks for. @return false when the arena is full. */
bool assay_pipeline_bind_triggers(struct assay_pipeline *pipeline);
/** Step 1 on one shard. */
void assay_pipeline_intake(struct shard *shard);
/** Step 2 on one shard. */
void assay_pipeline_apply(struct shard *shard);
/** Step 3 on one shard. */
void assay_pipeline_score(struct shard *shard);
/** Step 4, shard 0. @return the first failure of an emitter call. */
enum assay_status assay_pipeline_emit(struct assay_pipeline *pipeline, struct assay_err *err);

#endif
