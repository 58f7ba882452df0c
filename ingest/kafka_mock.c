/*
 * librdkafka's in-process mock cluster: for the demo and for tests.
 *
 * It keeps 5 MiB a partition and drops what is older without a word. The source asks for exact
 * offsets with auto.offset.reset=error, so that reading too slowly is a failure with a name, never
 * a silent loss. It has no transactions worth the name and no control records: a real broker is
 * tested beside it.
 */
#include "ingest/kafka_pvt.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <stdlib.h>

struct assay_kafka_mock {
    rd_kafka_t *client; /* the mock cluster lives on its main thread */
    rd_kafka_mock_cluster_t *cluster;
};

static enum assay_status create_topics(struct assay_kafka_mock *mock, const char *const topics[],
                                       const uint32_t partitions[], size_t topic_count,
                                       struct assay_err *err)
{
    for (size_t i = 0; i < topic_count; i++) {
        ASSAY_ASSERT(partitions[i] > 0 && partitions[i] <= ASSAY_PARTITIONS_MAX);
        const rd_kafka_resp_err_t why =
            rd_kafka_mock_topic_create(mock->cluster, topics[i], (int)partitions[i], 1);
        if (why != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return assay_err_set(err, ASSAY_E_UNAVAILABLE, "kafka mock",
                                 "topic %s cannot be created: %s", topics[i],
                                 rd_kafka_err2str(why));
        }
    }
    return ASSAY_OK;
}

enum assay_status assay_kafka_mock_start(struct assay_kafka_mock **out, const char *const topics[],
                                         const uint32_t partitions[], size_t topic_count,
                                         struct assay_err *err)
{
    ASSAY_ASSERT(out != NULL);
    *out = NULL;
    struct assay_kafka_mock *mock = calloc(1, sizeof *mock);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (mock == NULL || conf == NULL) {
        free(mock);
        if (conf != NULL) {
            rd_kafka_conf_destroy(conf);
        }
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "kafka mock", "no memory to start it");
    }
    rd_kafka_conf_set_log_cb(conf, kafka_log);
    char reason[256] = "";
    /* Its client connects nowhere, which librdkafka would warn of. */
    (void)rd_kafka_conf_set(conf, "log_level", "3", reason, sizeof reason);
    mock->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
    if (mock->client == NULL) {
        rd_kafka_conf_destroy(conf);
    } else {
        mock->cluster = rd_kafka_mock_cluster_new(mock->client, 1);
    }
    enum assay_status status = ASSAY_OK;
    if (mock->cluster == NULL) {
        status = assay_err_set(err, ASSAY_E_UNAVAILABLE, "kafka mock",
                               "the in-process broker cannot listen on loopback: %s",
                               reason[0] == '\0' ? "no socket" : reason);
    } else {
        status = create_topics(mock, topics, partitions, topic_count, err);
    }
    if (status != ASSAY_OK) {
        assay_kafka_mock_stop(mock);
        return status;
    }
    *out = mock;
    return ASSAY_OK;
}

const char *assay_kafka_mock_brokers(const struct assay_kafka_mock *mock)
{
    return rd_kafka_mock_cluster_bootstraps(mock->cluster);
}

void assay_kafka_mock_stop(struct assay_kafka_mock *mock)
{
    if (mock == NULL) {
        return;
    }
    if (mock->cluster != NULL) {
        rd_kafka_mock_cluster_destroy(mock->cluster);
    }
    if (mock->client != NULL) {
        rd_kafka_destroy(mock->client);
    }
    free(mock);
}

void kafka_mock_set_down(struct assay_kafka_mock *mock, bool down)
{
    const rd_kafka_resp_err_t why = down ? rd_kafka_mock_broker_set_down(mock->cluster, -1)
                                         : rd_kafka_mock_broker_set_up(mock->cluster, -1);
    ASSAY_ASSERT(why == RD_KAFKA_RESP_ERR_NO_ERROR);
}

void kafka_mock_fail(struct assay_kafka_mock *mock, int16_t api_key, int code, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        rd_kafka_mock_push_request_errors(mock->cluster, api_key, 1, (rd_kafka_resp_err_t)code);
    }
}

void kafka_mock_fail_topic(struct assay_kafka_mock *mock, const char *topic, int code)
{
    rd_kafka_mock_topic_set_error(mock->cluster, topic, (rd_kafka_resp_err_t)code);
}
