/*
 * ingest/kafka_pvt.h - what the files of the Kafka source share.
 *
 * One librdkafka client for control (partitions, watermarks), one for each home shard's feed. Every
 * partition has its own librdkafka queue, read through the client's partition interface without a
 * consumer group: no group means no rebalance, no commit and no coordinator, so the defects of
 * librdkafka 2.0.2 around them cannot bite, and a queue a partition means that a recorded range is
 * read without touching its neighbours.
 */
#ifndef ASSAY_INGEST_KAFKA_PVT_H
#define ASSAY_INGEST_KAFKA_PVT_H

#include "ingest/kafka.h"

/* librdkafka's own struct tags: the library's header stays inside the .c files. */
struct rd_kafka_s;
struct rd_kafka_conf_s;
struct rd_kafka_topic_s;

enum {
    KAFKA_TRY_MS = 1000,       /* one attempt at asking a broker */
    KAFKA_GRACE_MS = 5000,     /* a fresh leader may not know topic or end yet: ask again so long */
    KAFKA_GROWTH_CHECK_S = 60, /* how often an idle source looks for added partitions */
    KAFKA_PEAK_DEFAULT = 250000 /* events a second of one partition */
};

struct assay_kafka {
    struct assay_arena *arena;
    const char *brokers;
    const struct assay_kafka_property *properties;
    size_t property_count;
    uint64_t peak_events_per_s;
    bool until_end;
    const _Atomic bool *stop;
    const char **topics; /* sorted */
    uint32_t *topic_partitions;
    struct rd_kafka_topic_s **topic_handles; /* of the control client */
    size_t topic_count;
    struct assay_partition *partitions;
    size_t partition_count;
    struct rd_kafka_s *control;
    int wake_fd;                 /* eventfd: written by librdkafka's threads, read by wait */
    _Atomic uint32_t feeds_open; /* close() refuses while there are any */
    uint64_t growth_checked_ns;  /* wait's thread */
    size_t growth_topic;
};

/* Sizes of the fetch queues: see kafka_properties.c for the formula. */
struct kafka_sizes {
    uint64_t queued_messages_min;
    uint64_t queued_kbytes_max;
};

/** Queue sizes of one partition out of @p partitions. Pure. */
struct kafka_sizes kafka_sizes_of(uint64_t peak_events_per_s, size_t partitions);

/**
 * A librdkafka configuration for a consumer: ours, then the user's.
 *
 * @retval ASSAY_E_CONFIG a property is refused, by us or by librdkafka, named in @p err.
 * Owner: caller, until rd_kafka_new() takes it. Thread: any.
 */
ASSAY_MUST_CHECK enum assay_status kafka_conf_make(struct rd_kafka_conf_s **out,
                                                   const struct assay_kafka *kafka,
                                                   struct assay_err *err);
/**
 * Start a consumer client.
 *
 * @param opaque NULL for the control client; a feed, whose kafka_feed_on_error() hears of errors.
 *
 * @retval ASSAY_E_CONFIG librdkafka refuses the combination of properties.
 * Owner: caller, rd_kafka_destroy().
 */
ASSAY_MUST_CHECK enum assay_status kafka_client_start(struct rd_kafka_s **out,
                                                      const struct assay_kafka *kafka, void *opaque,
                                                      struct assay_err *err);
/** librdkafka's error callback of a feed's client. Thread: the feed's, from its polls. */
void kafka_feed_on_error(struct rd_kafka_s *client, int code, const char *reason, void *opaque);
/** librdkafka's log lines to ours. Thread: librdkafka's. */
void kafka_log(const struct rd_kafka_s *client, int level, const char *facility, const char *text);
/** True once the user wants to stop. Thread: any. */
bool kafka_stopped(const struct assay_kafka *kafka);

/**
 * First and end offset of a partition, as committed readers see them; waits for brokers.
 *
 * @retval ASSAY_E_UNAVAILABLE stopped meanwhile.
 */
ASSAY_MUST_CHECK enum assay_status kafka_watermarks(struct assay_kafka *kafka,
                                                    const struct assay_partition *partition,
                                                    uint64_t *low, uint64_t *high,
                                                    struct assay_err *err);
/** The same, one attempt. @return false: no answer now. */
bool kafka_watermarks_once(struct assay_kafka *kafka, const struct assay_partition *partition,
                           uint64_t *low, uint64_t *high);
/** Fill @p err: the log does not hold @p wanted of this partition. @return E_UNAVAILABLE. */
enum assay_status kafka_out_of_range(struct assay_err *err, const struct assay_partition *partition,
                                     uint64_t wanted, uint64_t low, uint64_t high);

/* For tests: faults of the mock cluster. */

/** The broker stops answering, and answers again. */
void kafka_mock_set_down(struct assay_kafka_mock *mock, bool down);
/** The next @p count requests of a kind (Kafka's ApiKey) fail with Kafka's error @p code. */
void kafka_mock_fail(struct assay_kafka_mock *mock, int16_t api_key, int code, size_t count);
/** Requests for a topic's description fail with Kafka's error @p code; 0: no longer. */
void kafka_mock_fail_topic(struct assay_kafka_mock *mock, const char *topic, int code);

#endif
