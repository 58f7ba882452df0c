/*
 * engine/runtime/pipeline.h - the one code path of stream, replay and backtest: epochs over shards.
 *
 * One thread a shard. An epoch has four steps with a barrier between them:
 *   intake  every home shard takes waiting messages, decodes, admits, routes one update per
 *           (event, key) to the key's owner shard;
 *   apply   every owner applies its updates in (partition, offset) order, whatever the shard count,
 *           and slices the row of a triggering event right then, the record still in cache;
 *   score   home shards evaluate the policies of their events;
 *   emit    one thread hands the epoch record, then each event's dead letter, or row and decisions,
 *           in (partition, offset, policy) order, to the emitter.
 * Between steps everything a thread reads was written before the barrier, so the steps themselves
 * need no locks and no atomics: a mailbox from home to owner is plain memory, written in intake and
 * read in apply. The result is a function of the epoch records and the messages.
 *
 * Forgetting: no event older than the safe time is accepted any more, the least over all partitions
 * of watermark - lateness. Owners learn it at the start of an epoch, as the epochs before have left
 * it, so what they forget is a function of the epoch records too. A partition without an event yet
 * holds it back; one that joins later, at a restart, takes what is older for late.
 *
 * Capacity: an event whose id table is full changes nothing. An event whose key finds no room in
 * the store is kept by its other keys (their owners cannot know, and their state stays what the
 * event means for them); it gets a dead letter `capacity` that names the key's field, and neither
 * row nor decision. Where it strikes depends on the shard count: the stated exception.
 */
#ifndef ASSAY_RUNTIME_PIPELINE_H
#define ASSAY_RUNTIME_PIPELINE_H

#include "engine/base/histogram.h"
#include "engine/config/config.h"
#include "features/decode.h"
#include "features/store.h"
#include "ingest/dead_letter.h"
#include "ingest/source.h"
#include "scorers/decision.h"

/** What one epoch took: the recipe that makes a run repeatable. */
struct assay_epoch {
    uint64_t number;                  /* 1, 2, ...; live ones are numbered by the pipeline */
    int64_t clock_ms;                 /* INT64_MAX: no ahead check */
    const struct assay_range *ranges; /* non-empty ones, ascending by partition */
    size_t range_count;
    /* A recorded epoch's: the partitions there were to take from, ascending; they only become more.
     * NULL: all of the pipeline's. */
    const uint32_t *partitions;
    size_t partition_count;
};

/** A triggering event with the features of every key it names, for --rows. */
struct assay_row {
    const struct assay_event *event;
    const struct assay_value *const *slices; /* per role of the row's layout; NULL: key was null */
};

/** Where an epoch's results go. All calls come from one thread, in order. NULL members: not wanted.
 */
struct assay_emitter {
    void *context;
    /** Before anything of the epoch leaves. */
    enum assay_status (*epoch)(void *context, const struct assay_epoch *epoch,
                               struct assay_err *err);
    enum assay_status (*dead_letter)(void *context, const struct assay_dead_letter *letter,
                                     struct assay_err *err);
    enum assay_status (*row)(void *context, const struct assay_row *row, struct assay_err *err);
    enum assay_status (*decision)(void *context, const struct assay_decision *decision,
                                  struct assay_err *err);
    /** After the epoch's last item; also when nothing arrived for a while (epoch NULL). */
    enum assay_status (*flush)(void *context, const struct assay_epoch *epoch,
                               struct assay_err *err);
};

/** Asks the driver what to do next; called by one thread before each epoch. */
struct assay_conductor {
    void *context;
    /**
     * Plan the next epoch.
     *
     * @param[out] epoch  a recorded epoch (ranges set, until the next call), or ranges NULL for a
     *                    live one whose clock_ms the conductor has set.
     * @retval ASSAY_OK, ASSAY_E_END (stop now), or a failure that ends the run.
     */
    enum assay_status (*next)(void *context, struct assay_epoch *epoch, struct assay_err *err);
    /** Nothing waits anywhere: block until something may, or a bounded while. NULL: yield. */
    void (*idle)(void *context);
};

/** The event whose rows are wanted, and per key it names all features of the key's entity. */
struct assay_row_layout {
    uint32_t event;
    uint32_t role_count;
    struct {
        uint32_t field; /* key field of the event */
        uint32_t feature_count;
        const uint32_t *features; /* all of the entity, in file order */
    } roles[ASSAY_POLICY_KEYS_MAX];
};

struct assay_pipeline_options {
    const struct assay_plan *plan;
    const struct assay_policies *policies; /* NULL: none */
    const struct assay_row_layout *rows;   /* NULL: none */
    uint32_t shards;
    const struct assay_partition *partitions;
    size_t partition_count;
    struct assay_feed *const *feeds; /* one per home shard */
    uint32_t homes;                  /* feeds, 1 .. shards; partition p has home p mod homes */
    /** Apply in the order the one feed gives (homes 1) and not by partition: plain replay, where
     * inputs are merged by time. Such an epoch's ranges do not tell its order. */
    bool as_given;
    uint64_t memory_bytes;                    /* of all stores together */
    uint64_t ids_max;                         /* per partition */
    uint32_t hot_keys;                        /* as struct assay_store_options; 0: not counted */
    const struct assay_spill_settings *spill; /* NULL or without a folder: nothing spills */
    const struct assay_emitter *emitter;
    const struct assay_conductor *conductor; /* NULL: live epochs without ahead check */
};

/** Counters of a run; sums over shards. */
struct assay_pipeline_stats {
    uint64_t epochs, messages, events, updates, decisions, rows, unknown_members, duplicates;
    uint64_t feature_values;
    uint64_t dead[ASSAY_DEAD_END];                            /* by reason */
    uint64_t take_ns, decode_ns, apply_ns, score_ns, emit_ns; /* CPU time */
    struct assay_store_stats store;
};

struct assay_pipeline;

/**
 * Build a pipeline: stores, mailboxes, scratch. Starts no thread but the one that writes what
 * spills, and asks the feeds for nothing.
 *
 * @retval ASSAY_E_NO_MEMORY memory ran out or address space is refused; @p err says for what.
 * @retval ASSAY_E_NOT_FOUND, ASSAY_E_IO the folder to spill to cannot be used.
 * Owner: caller, assay_pipeline_destroy(). What @p options points to must outlive it.
 * Thread: control. Cost: reserves memory_bytes, touched as needed.
 */
ASSAY_MUST_CHECK enum assay_status assay_pipeline_create(
    struct assay_pipeline **out, const struct assay_pipeline_options *options,
    struct assay_err *err);
/** Free it, not what its options point to; NULL is allowed. */
void assay_pipeline_destroy(struct assay_pipeline *pipeline);

/**
 * Run epochs until the conductor or the end of all feeds stops them. The calling thread is shard 0;
 * the others are started and joined inside.
 *
 * @retval ASSAY_OK when the input ended or the conductor said so; otherwise the first failure: of a
 * feed, the emitter or the conductor, or ASSAY_E_NO_MEMORY of a shard's scratch.
 * Thread: control; once a pipeline.
 */
ASSAY_MUST_CHECK enum assay_status assay_pipeline_run(struct assay_pipeline *pipeline,
                                                      struct assay_err *err);

/** Counters; after run, or from the emitter's and conductor's calls (then of finished epochs). */
void assay_pipeline_stats(const struct assay_pipeline *pipeline, struct assay_pipeline_stats *out);
/** Wall time of each epoch that took anything, intake to emit, ns. When assay_pipeline_stats(). */
const struct assay_histogram *assay_pipeline_epoch_times(const struct assay_pipeline *pipeline);
/**
 * Hash of all feature state, independent of shards and order of arrival; after run. Keys that are
 * dead by the newest accepted time count as forgotten, for that time depends on the events alone;
 * the safe time depends on their partitions too.
 */
void assay_pipeline_state_hash(const struct assay_pipeline *pipeline, uint64_t hash[2]);

/** The store of a shard, to look inside: features/inspect.h; after run. Lives with the pipeline. */
struct assay_store *assay_pipeline_store(const struct assay_pipeline *pipeline, uint32_t shard);

/** Owner shard of a key: a fixed hash, so that every process and every run agrees. Thread: any. */
uint32_t assay_shard_of(uint32_t entity, struct assay_str key, uint32_t shards);

#endif
