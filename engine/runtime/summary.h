/*
 * engine/runtime/summary.h - what a run, a replay or a demo did: everything their --json prints.
 */
#ifndef ASSAY_RUNTIME_SUMMARY_H
#define ASSAY_RUNTIME_SUMMARY_H

#include "engine/base/hash.h"
#include "engine/runtime/pipeline.h"

enum { ASSAY_SUMMARY_OUTCOMES_MAX = 256 };

/** Decisions of one policy with one outcome. Text lives as long as the policies. */
struct assay_outcome_count {
    struct assay_str policy;
    struct assay_str outcome;
    uint64_t count;
};

struct assay_run_summary {
    struct assay_pipeline_stats stats; /* messages, events, dead letters by reason, CPU by stage */
    uint32_t shards;
    uint64_t wall_ns;
    uint64_t cpu_ns;     /* of the process from its start, all threads, without the state hash */
    double events_per_s; /* accepted events over wall time */
    double events_per_cpu_s; /* accepted events over the CPU time of all stages */
    uint64_t epoch_p50_ns, epoch_p99_ns, epoch_max_ns; /* wall time of an epoch */
    char state_hash[ASSAY_HASH_TEXT_BYTES];            /* hex; "" while running */
    uint32_t outcome_count;
    struct assay_outcome_count outcomes[ASSAY_SUMMARY_OUTCOMES_MAX]; /* by first appearance */
    uint64_t outcomes_beyond; /* decisions of outcomes that found no room in the table */
    /* run and recorded replay */
    uint64_t epochs_recorded;     /* replayed from the epoch log */
    uint64_t decisions_sent;      /* to the sinks by this process */
    uint64_t decisions_compared;  /* re-derived and compared with the audit log */
    uint64_t decisions_differing; /* not what the audit log says, or known to one side only */
    uint64_t dead_letters_sent;
};

/** Count a decision by policy and outcome. Thread: one. Cost: a short scan. */
void assay_summary_count(struct assay_run_summary *summary, const struct assay_policies *policies,
                         const struct assay_decision *decision);
/**
 * Fill in stats and rates; the state hash too when @p finished (then after assay_pipeline_run()).
 *
 * @param start_ns monotonic clock when the run began. Thread: one.
 */
void assay_summary_close(struct assay_run_summary *summary, const struct assay_pipeline *pipeline,
                         uint32_t shards, uint64_t start_ns, bool finished);

#endif
