/* The Kafka source of a build without Kafka: every call says so. */
#include "ingest/kafka.h"

static enum assay_status refuse(struct assay_err *err)
{
    (void)assay_err_set(err, ASSAY_E_UNSUPPORTED, "kafka source", "this build has no Kafka");
    assay_err_remedy(err, "build with -DASSAY_WITH_KAFKA=ON, or read files");
    return ASSAY_E_UNSUPPORTED;
}

enum assay_status assay_kafka_open(struct assay_kafka **out,
                                   const struct assay_kafka_options *options, struct assay_err *err)
{
    (void)options;
    *out = NULL;
    return refuse(err);
}

/* Nothing can be opened, so nothing else can be called: NULL is all that reaches these. */

const struct assay_partition *assay_kafka_partitions(const struct assay_kafka *kafka, size_t *count)
{
    ASSAY_ASSERT(kafka == NULL);
    *count = 0;
    return NULL;
}

enum assay_status assay_kafka_feed_open(struct assay_feed **out, struct assay_kafka *kafka,
                                        uint32_t home, uint32_t homes, const uint64_t next[],
                                        struct assay_err *err)
{
    (void)home;
    (void)homes;
    (void)next;
    ASSAY_ASSERT(kafka == NULL);
    *out = NULL;
    return refuse(err);
}

void assay_kafka_wait(struct assay_kafka *kafka, int timeout_ms)
{
    (void)timeout_ms;
    ASSAY_ASSERT(kafka == NULL);
}

void assay_kafka_close(struct assay_kafka *kafka)
{
    ASSAY_ASSERT(kafka == NULL);
}

enum assay_status assay_kafka_mock_start(struct assay_kafka_mock **out, const char *const topics[],
                                         const uint32_t partitions[], size_t topic_count,
                                         struct assay_err *err)
{
    (void)topics;
    (void)partitions;
    (void)topic_count;
    *out = NULL;
    (void)assay_err_set(err, ASSAY_E_UNSUPPORTED, "in-process Kafka", "this build has no Kafka");
    assay_err_remedy(err,
                     "build with -DASSAY_WITH_KAFKA=ON, or score files: `assay generate`, then "
                     "`assay replay`");
    return ASSAY_E_UNSUPPORTED;
}

const char *assay_kafka_mock_brokers(const struct assay_kafka_mock *mock)
{
    ASSAY_ASSERT(mock == NULL);
    return "";
}

void assay_kafka_mock_stop(struct assay_kafka_mock *mock)
{
    ASSAY_ASSERT(mock == NULL);
}
