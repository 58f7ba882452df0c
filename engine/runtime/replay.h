/*
 * engine/runtime/replay.h - files, or a recorded run, through the whole engine once.
 *
 * Plain replay takes each input as one partition in line order, merges several by the smallest next
 * event time and has no ahead check. A recorded replay takes the epochs of a state folder's log
 * from the same source as the run did, and gives the same state and decisions bit for bit.
 */
#ifndef ASSAY_RUNTIME_REPLAY_H
#define ASSAY_RUNTIME_REPLAY_H

#include "engine/config/config.h"
#include "engine/runtime/summary.h"

#include <stdatomic.h>

/** How far a replay is. */
struct assay_replay_progress {
    uint64_t bytes_done;
    uint64_t bytes_total; /* 0: unknown */
    uint64_t epochs_done;
    uint64_t epochs_total; /* recorded replay; 0 otherwise */
    uint64_t events;
    double seconds;
};

struct assay_replay_options {
    const struct assay_config *config;
    const char *const *inputs; /* plain replay: files, "-" for standard input */
    size_t input_count;
    const char *recorded;     /* state folder; NULL: plain replay of inputs */
    const char *rows;         /* CSV file, "-": standard output; NULL: none */
    const char *rows_on;      /* event whose rows are wanted; required with rows */
    const char *decisions;    /* file of JSON lines, "-"; NULL: counted only */
    const char *dead_letters; /* file of JSON lines, "-"; NULL: counted only */
    bool strict;              /* any dead letter fails the replay, after it has run to its end */
    uint32_t shards;          /* 0: as assay.yaml says */
    const _Atomic bool *stop; /* set by a signal: finish the epoch and return; NULL: never */
    /** Called some times a second from the calling thread; NULL: not wanted. */
    void (*progress)(void *context, const struct assay_replay_progress *progress);
    /** Called once from the calling thread when everything has been applied, before the state is
     * let go: its failure is the replay's. NULL: not wanted. */
    enum assay_status (*look)(void *context, const struct assay_pipeline *pipeline, uint32_t shards,
                              struct assay_err *err);
    uint32_t hot_keys; /* counters of hot keys an entity and shard; 0: not counted */
    void *context;
};

/**
 * Replay.
 *
 * @param[out] summary filled also when a strict replay fails for its dead letters.
 * @retval ASSAY_E_USAGE       options that do not go together, named in @p err.
 * @retval ASSAY_E_UNKNOWN     no event named rows_on.
 * @retval ASSAY_E_NOT_FOUND, ASSAY_E_IO an input or output cannot be opened, read or written.
 * @retval ASSAY_E_FORMAT      strict, and there were dead letters: @p err names the first; or a
 *                             compressed input or an epoch log is damaged.
 * @retval ASSAY_E_CONFIG      recorded: plan or partitions are not those of the record.
 * @retval ASSAY_E_UNAVAILABLE recorded: the source no longer holds what was recorded, or *stop.
 * @retval ASSAY_E_NO_MEMORY
 * @retval what options->look returned.
 * Thread: one; it becomes shard 0 and starts the other shards' threads until it returns.
 */
ASSAY_MUST_CHECK enum assay_status assay_replay(const struct assay_replay_options *options,
                                                struct assay_run_summary *summary,
                                                struct assay_err *err);

#endif
