/*
 * feed_tool - our own Kafka source and output on the command line, for tests with a real broker.
 *
 *   feed_tool poll BROKERS TOPIC HOMES NEXT,NEXT,...   until the end; NEXT is an offset or -
 *   feed_tool follow BROKERS TOPIC COUNT               poll live until COUNT messages are there
 *   feed_tool take BROKERS TOPIC PARTITION:NEXT:END... recorded ranges, then 5 messages of poll
 *   feed_tool send BROKERS TOPIC                       lines of stdin; key and id are the line
 *
 * Messages: partition, offset, value, with tabs between; after take's ranges a line "live".
 * A failure prints its status name and text on stderr and exits 1.
 */
#include "engine/emit/output.h"
#include "ingest/kafka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARTITIONS_MAX = 64, WAIT_MS = 200 };

__attribute__((noreturn)) static void die(const struct assay_err *err)
{
    char text[1024];
    assay_err_format(err, sizeof text, text);
    (void)fflush(stdout);
    (void)fprintf(stderr, "%s %s\n", assay_status_name(err->status), text);
    exit(1);
}

static void check(enum assay_status status, const struct assay_err *err)
{
    if (status != ASSAY_OK) {
        die(err);
    }
}

static void print(const struct assay_message messages[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)printf("%u\t%llu\t%.*s\n", messages[i].partition,
                     (unsigned long long)messages[i].offset, (int)messages[i].bytes.len,
                     messages[i].bytes.ptr);
    }
    (void)fflush(stdout);
}

static struct assay_kafka *open_source(const char *brokers, const char *topic, bool until_end)
{
    struct assay_err err = {0};
    struct assay_kafka *kafka = NULL;
    const struct assay_str name = assay_str_of(topic);
    const struct assay_kafka_options options = {.brokers = assay_str_of(brokers),
                                                .topics = &name,
                                                .topic_count = 1,
                                                .until_end = until_end};
    check(assay_kafka_open(&kafka, &options, &err), &err);
    return kafka;
}

static struct assay_feed *open_feed(struct assay_kafka *kafka, uint32_t home, uint32_t homes,
                                    const uint64_t next[])
{
    struct assay_err err = {0};
    struct assay_feed *feed = NULL;
    check(assay_kafka_feed_open(&feed, kafka, home, homes, next, &err), &err);
    return feed;
}

/* Poll and print until the end or @p wanted messages. */
static void poll_until(struct assay_kafka *kafka, struct assay_feed *feed, size_t wanted)
{
    static struct assay_message messages[ASSAY_EPOCH_MESSAGES_MAX];
    struct assay_err err = {0};
    bool end = false;
    for (size_t count = 0; count < wanted && !end;) {
        const size_t room =
            wanted - count < ASSAY_EPOCH_MESSAGES_MAX ? wanted - count : ASSAY_EPOCH_MESSAGES_MAX;
        const size_t got = feed->ops->poll(feed, room, messages, &end);
        print(messages, got);
        feed->ops->release(feed);
        check(feed->ops->failure(feed, &err), &err);
        count += got;
        if (got == 0 && !end) {
            assay_kafka_wait(kafka, WAIT_MS);
        }
    }
}

static void run_poll(const char *brokers, const char *topic, uint32_t homes, char *offsets)
{
    uint64_t next[PARTITIONS_MAX];
    size_t given = 0;
    for (char *word = strtok(offsets, ","); word != NULL; word = strtok(NULL, ",")) {
        if (given < PARTITIONS_MAX) {
            next[given++] = strcmp(word, "-") == 0 ? UINT64_MAX : strtoull(word, NULL, 10);
        }
    }
    struct assay_kafka *kafka = open_source(brokers, topic, true);
    size_t partitions = 0;
    (void)assay_kafka_partitions(kafka, &partitions);
    if (partitions != given) {
        (void)fprintf(stderr, "feed_tool: %zu partitions, %zu offsets\n", partitions, given);
        exit(64);
    }
    for (uint32_t home = 0; home < homes; home++) {
        struct assay_feed *feed = open_feed(kafka, home, homes, next);
        poll_until(kafka, feed, SIZE_MAX);
        feed->ops->close(feed);
    }
    assay_kafka_close(kafka);
}

static void run_follow(const char *brokers, const char *topic, size_t count)
{
    struct assay_kafka *kafka = open_source(brokers, topic, false);
    uint64_t next[PARTITIONS_MAX];
    memset(next, 0xFF, sizeof next);
    struct assay_feed *feed = open_feed(kafka, 0, 1, next);
    poll_until(kafka, feed, count);
    feed->ops->close(feed);
    assay_kafka_close(kafka);
}

static void run_take(const char *brokers, const char *topic, char *words[], int word_count)
{
    static struct assay_message messages[ASSAY_EPOCH_MESSAGES_MAX];
    struct assay_kafka *kafka = open_source(brokers, topic, true);
    uint64_t next[PARTITIONS_MAX];
    memset(next, 0xFF, sizeof next);
    struct assay_feed *feed = open_feed(kafka, 0, 1, next);
    struct assay_err err = {0};
    for (int i = 0; i < word_count; i++) {
        unsigned long long begin = 0;
        unsigned long long end = 0;
        unsigned partition = 0;
        if (sscanf(words[i], "%u:%llu:%llu", &partition, &begin, &end) != 3) {
            (void)fprintf(stderr, "feed_tool: not PARTITION:NEXT:END: %s\n", words[i]);
            exit(64);
        }
        const struct assay_range range = {partition, begin, end};
        size_t count = 0;
        check(feed->ops->take(feed, &range, 1, ASSAY_EPOCH_MESSAGES_MAX, messages, &count, &err),
              &err);
        print(messages, count);
        feed->ops->release(feed);
    }
    (void)printf("live\n");
    poll_until(kafka, feed, 5);
    feed->ops->close(feed);
    assay_kafka_close(kafka);
}

static void run_send(const char *brokers, const char *topic)
{
    struct assay_err err = {0};
    struct assay_output *output = NULL;
    check(assay_output_kafka_open(&output, assay_str_of(brokers), assay_str_of(topic), NULL, 0,
                                  NULL, &err),
          &err);
    char *line = NULL;
    size_t size = 0;
    ssize_t length = 0;
    while ((length = getline(&line, &size, stdin)) >= 0) {
        length -= length > 0 && line[length - 1] == '\n' ? 1 : 0;
        const struct assay_str text = {.ptr = line, .len = (uint32_t)length};
        const struct assay_outgoing record = {.key = text, .value = text, .id = text};
        check(output->ops->send(output, &record, &err), &err);
        check(output->ops->poke(output, &err), &err);
    }
    check(output->ops->flush(output, &err), &err);
    free(line);
    output->ops->close(output);
    (void)printf("delivered\n");
}

int main(int argc, char *argv[])
{
    const char *command = argc > 3 ? argv[1] : "";
    if (strcmp(command, "poll") == 0 && argc == 6) {
        run_poll(argv[2], argv[3], (uint32_t)strtoul(argv[4], NULL, 10), argv[5]);
    } else if (strcmp(command, "follow") == 0 && argc == 5) {
        run_follow(argv[2], argv[3], strtoul(argv[4], NULL, 10));
    } else if (strcmp(command, "take") == 0 && argc > 4) {
        run_take(argv[2], argv[3], argv + 4, argc - 4);
    } else if (strcmp(command, "send") == 0 && argc == 4) {
        run_send(argv[2], argv[3]);
    } else {
        (void)fprintf(stderr, "feed_tool: see the head of its source for usage\n");
        return 64;
    }
    return 0;
}
