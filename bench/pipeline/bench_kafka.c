/*
 * bench_kafka BROKERS TOPIC - what librdkafka alone costs: consume a topic to its end and look at
 * nothing but lengths, with the settings of our source. One thread of ours, librdkafka's own beside
 * it; prints {"messages":..,"bytes":..,"cpu_ns":..} with the CPU time of the whole process.
 */
#include "ingest/kafka_pvt.h"

#include <librdkafka/rdkafka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { BATCH = 1024, WAIT_MS = 100 };

static void die(const struct assay_err *err)
{
    char text[1200];
    assay_err_format(err, sizeof text, text);
    (void)fprintf(stderr, "bench_kafka: %s\n", text);
    exit(1);
}

static uint64_t process_cpu_ns(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000U +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000U;
}

/* Messages between the first and the end offset of all partitions, each started on the queue. */
static uint64_t start_all(struct assay_kafka *kafka, rd_kafka_t *client, rd_kafka_queue_t *queue)
{
    size_t count = 0;
    uint64_t wanted = 0;
    struct assay_err err;
    const struct assay_partition *partitions = assay_kafka_partitions(kafka, &count);
    for (size_t i = 0; i < count; i++) {
        uint64_t low = 0;
        uint64_t high = 0;
        if (kafka_watermarks(kafka, &partitions[i], &low, &high, &err) != ASSAY_OK) {
            die(&err);
        }
        rd_kafka_topic_t *topic = rd_kafka_topic_new(client, partitions[i].topic.ptr, NULL);
        if (rd_kafka_consume_start_queue(topic, (int32_t)partitions[i].number, (int64_t)low,
                                         queue) != 0) {
            (void)fprintf(stderr, "bench_kafka: cannot start partition %zu\n", i);
            exit(1);
        }
        wanted += high - low;
    }
    return wanted;
}

int main(int argc, char *argv[])
{
    if (argc != 3) {
        (void)fprintf(stderr, "usage: bench_kafka BROKERS TOPIC\n");
        return 64;
    }
    struct assay_err err;
    struct assay_kafka *kafka = NULL;
    rd_kafka_t *client = NULL;
    const struct assay_str topic = assay_str_of(argv[2]);
    const struct assay_kafka_options options = {
        .brokers = assay_str_of(argv[1]), .topics = &topic, .topic_count = 1, .until_end = true};
    if (assay_kafka_open(&kafka, &options, &err) != ASSAY_OK ||
        kafka_client_start(&client, kafka, NULL, &err) != ASSAY_OK) {
        die(&err);
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    const uint64_t wanted = start_all(kafka, client, queue);
    uint64_t messages = 0;
    uint64_t bytes = 0;
    static rd_kafka_message_t *batch[BATCH];
    while (messages < wanted) {
        const ssize_t got = rd_kafka_consume_batch_queue(queue, WAIT_MS, batch, BATCH);
        for (ssize_t i = 0; i < got; i++) {
            messages += batch[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR ? 1 : 0;
            bytes += batch[i]->len;
            rd_kafka_message_destroy(batch[i]);
        }
    }
    (void)printf("{\"messages\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"cpu_ns\":%" PRIu64 "}\n",
                 messages, bytes, process_cpu_ns());
    (void)fflush(stdout);
    _Exit(0); /* closing the clients is no part of consuming */
}
