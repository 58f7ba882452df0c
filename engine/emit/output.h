/*
 * engine/emit/output.h - where records leave the process: a Kafka topic or a file of JSON lines.
 *
 * Delivery is in order per key. A record is copied before send() returns.
 */
#ifndef ASSAY_EMIT_OUTPUT_H
#define ASSAY_EMIT_OUTPUT_H

#include "engine/base/status.h"
#include "engine/base/str.h"

#include <stdatomic.h>

/** One record. Borrowed for the call. */
struct assay_outgoing {
    struct assay_str key;   /* ptr NULL: none; files do not keep it */
    struct assay_str value; /* without line feed */
    struct assay_str id;    /* header decision_id; ptr NULL: none; files do not keep it */
};

struct assay_output;

struct assay_output_ops {
    /**
     * Take one record. Waits while the queue is full; a broker that is away is retried for ever.
     *
     * @retval ASSAY_E_IO the output failed for good. @retval ASSAY_E_UNAVAILABLE stopped meanwhile.
     */
    enum assay_status (*send)(struct assay_output *output, const struct assay_outgoing *record,
                              struct assay_err *err);
    /** Everything sent so far is on its way at once; serves delivery reports. Does not wait. */
    enum assay_status (*poke)(struct assay_output *output, struct assay_err *err);
    /** Wait until everything sent has been delivered (files: written and synced). */
    enum assay_status (*flush)(struct assay_output *output, struct assay_err *err);
    /** Free it. What was not flushed may be lost. */
    void (*close)(struct assay_output *output);
};

/** Base of every output: the implementation embeds it first. All calls come from one thread. */
struct assay_output {
    const struct assay_output_ops *ops;
};

/** One librdkafka producer property as the user gave it. */
struct assay_output_property {
    struct assay_str key;
    struct assay_str value;
};

/**
 * Open a file of lines for appending ("-": standard output); a last line that a crash left without
 * its line feed gets one first.
 *
 * @param truncate begin with an empty file instead.
 * @retval ASSAY_E_IO, ASSAY_E_NOT_FOUND (its folder), ASSAY_E_NO_MEMORY.
 * Owner: caller, output->ops->close().
 */
ASSAY_MUST_CHECK enum assay_status assay_output_file_open(struct assay_output **out,
                                                          const char *path, bool truncate,
                                                          struct assay_err *err);
/**
 * Open a Kafka topic with an idempotent producer. Does not wait for the broker.
 *
 * @param stop may be NULL; once set, send() gives up waiting, and flush() after 3 s more.
 * @param properties copied.
 * @retval ASSAY_E_CONFIG      a property, or a combination of them, is refused.
 * @retval ASSAY_E_UNSUPPORTED the build has no Kafka. @retval ASSAY_E_NO_MEMORY
 * Owner: caller, output->ops->close().
 */
ASSAY_MUST_CHECK enum assay_status assay_output_kafka_open(
    struct assay_output **out, struct assay_str brokers, struct assay_str topic,
    const struct assay_output_property properties[], size_t property_count,
    const _Atomic bool *stop, struct assay_err *err);

#endif
