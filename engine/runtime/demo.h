/*
 * engine/runtime/demo.h - the whole engine without a broker: a synthetic lender's events through
 * librdkafka's in-process mock cluster, into features, policies and a decisions topic.
 *
 * A thread of its own generates and produces; the run is an ordinary one (engine/runtime/run.h).
 * The mock keeps only 5 MiB a partition, so the producer stays at most a bounded number of messages
 * ahead of what has been taken.
 */
#ifndef ASSAY_RUNTIME_DEMO_H
#define ASSAY_RUNTIME_DEMO_H

#include "engine/runtime/run.h"
#include "ingest/generate.h"

struct assay_demo_options {
    const struct assay_config *config;      /* its sources, sinks and state folder are not used */
    struct assay_generate_options generate; /* start_ms 0: so that the last day ended before now */
    uint32_t partitions;                    /* of the events topic; 0: 4 */
    uint64_t events_max;                    /* produce at most so many; 0: all */
    uint64_t decisions_max;   /* stop after the epoch with the n-th decision; 0: never */
    uint64_t events_per_s;    /* pace of the producer; 0: as fast as the engine takes them */
    uint32_t shards;          /* 0: as assay.yaml says */
    const char *state;        /* folder to keep; NULL: one in /tmp, removed at the end */
    const _Atomic bool *stop; /* set by a signal; NULL: never */
    /** Called about once a second from the calling thread. NULL: never. */
    void (*progress)(void *context, const struct assay_run_summary *summary, uint64_t produced);
    void *context;
};

/**
 * Run the demo until everything produced has been decided, or stopped.
 *
 * @param[out] summary as assay_run(). @param[out] produced messages that the producer sent.
 * @retval ASSAY_OK, or as assay_run(), assay_generator_create() and assay_output_kafka_open();
 *         ASSAY_E_UNSUPPORTED a build without Kafka.
 * Thread: one; as assay_run(), and one thread more that produces.
 */
ASSAY_MUST_CHECK enum assay_status assay_demo(const struct assay_demo_options *options,
                                              struct assay_run_summary *summary, uint64_t *produced,
                                              struct assay_err *err);

#endif
