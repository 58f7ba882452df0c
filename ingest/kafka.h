/*
 * ingest/kafka.h - Kafka topics as feeds, one consumer per home shard, offsets managed by us.
 *
 * State and position are recovered from the epoch log, never from a consumer group, so consumers
 * assign partitions themselves with explicit offsets and commit nothing. A partition's home is its
 * index in the partition table mod homes.
 */
#ifndef ASSAY_INGEST_KAFKA_H
#define ASSAY_INGEST_KAFKA_H

#include "engine/base/arena.h"
#include "ingest/source.h"

/** One librdkafka property as the user gave it. Those that would break exactness are refused. */
struct assay_kafka_property {
    struct assay_str key;
    struct assay_str value;
};

struct assay_kafka_options {
    struct assay_str brokers;
    const struct assay_str *topics;
    size_t topic_count;
    const struct assay_kafka_property *properties;
    size_t property_count;
    uint64_t peak_events_per_s; /* of one partition; sizes the fetch queues; 0: the default */
    bool until_end;             /* feeds end at the end offsets found when they were opened */
    const _Atomic bool *stop;   /* set by a signal: waiting calls give up; NULL: never */
};

struct assay_kafka;

/**
 * Learn the partitions of the topics. Waits for brokers as long as it takes and logs that it does.
 *
 * @retval ASSAY_E_CONFIG a property is refused, or a topic does not exist (asked for 5 s: a broker
 *                        that has just started may not know it yet) or may not be read.
 * @retval ASSAY_E_UNAVAILABLE *stop was set while waiting. @retval ASSAY_E_NO_MEMORY
 * Owner: caller, assay_kafka_close() after every feed is closed. Thread: control.
 */
ASSAY_MUST_CHECK enum assay_status assay_kafka_open(struct assay_kafka **out,
                                                    const struct assay_kafka_options *options,
                                                    struct assay_err *err);
/** The partition table, sorted by (topic, partition); lives as long as @p kafka. */
const struct assay_partition *assay_kafka_partitions(const struct assay_kafka *kafka,
                                                     size_t *count);
/**
 * Open the feed of one home: partitions p of the table with p mod homes = home.
 *
 * @param next per partition of the whole table the first offset wanted; UINT64_MAX: the earliest
 *             there is.
 * @retval ASSAY_E_UNAVAILABLE an offset is no longer held: retention has passed.
 * Owner: caller, feed->ops->close(). Thread: opened by control, used by the home's thread.
 */
ASSAY_MUST_CHECK enum assay_status assay_kafka_feed_open(struct assay_feed **out,
                                                         struct assay_kafka *kafka, uint32_t home,
                                                         uint32_t homes, const uint64_t next[],
                                                         struct assay_err *err);
/**
 * Block until a message may wait for any feed, or @p timeout_ms has passed; a signal ends it too.
 *
 * Looks once a minute for partitions added since open and logs that a restart is needed to read
 * them, or that a topic is gone. Thread: one.
 */
void assay_kafka_wait(struct assay_kafka *kafka, int timeout_ms);
/** Free it; NULL is allowed. */
void assay_kafka_close(struct assay_kafka *kafka);

struct assay_kafka_mock;

/**
 * Start librdkafka's in-process mock cluster with one broker and the given topics.
 *
 * It keeps 5 MiB of a partition and drops what is older: a source that falls behind by more fails
 * with ASSAY_E_UNAVAILABLE. It has no transactions.
 *
 * @retval ASSAY_E_UNAVAILABLE it could not be started. Owner: caller, assay_kafka_mock_stop().
 */
ASSAY_MUST_CHECK enum assay_status assay_kafka_mock_start(struct assay_kafka_mock **out,
                                                          const char *const topics[],
                                                          const uint32_t partitions[],
                                                          size_t topic_count,
                                                          struct assay_err *err);
/** Bootstrap servers of the mock; lives as long as it. */
const char *assay_kafka_mock_brokers(const struct assay_kafka_mock *mock);
/** Stop it; NULL is allowed. Clients must be closed first. */
void assay_kafka_mock_stop(struct assay_kafka_mock *mock);

#endif
