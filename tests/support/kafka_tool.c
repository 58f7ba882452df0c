/*
 * kafka_tool - put lines into a topic and read them back, for end-to-end tests.
 *
 *   kafka_tool produce --brokers B --topic T [--key-field NAME] [--partition P] [--transaction
 *                      commit|abort] < LINES
 *   kafka_tool consume --brokers B --topic T [--until-end] [--count N] [--json] [--uncommitted]
 *   kafka_tool offsets --brokers B --topic T
 *   kafka_tool truncate --brokers B --topic T --partition P --before OFFSET
 *
 * produce: one record a line; the key is the string member NAME of the line's JSON object; keys are
 * placed by murmur2 as Java clients do. consume: from the beginning; partition, offset, key,
 * decision id and value, with tabs between (missing: -) or as JSON. offsets: partition, first, end.
 * truncate: delete what is older, as retention would.
 * Exit: 0 done, 1 failed (reason on stderr), 64 wrong usage.
 */
#include "engine/base/writer.h"

#include <librdkafka/rdkafka.h>

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MS = 30000, PARTITIONS_MAX = 4096 };

struct arguments {
    const char *command;
    const char *brokers;
    const char *topic;
    const char *key_field;
    const char *transaction;
    int64_t partition; /* -1: by key */
    int64_t count;     /* -1: no limit */
    int64_t before;
    bool until_end;
    bool json;
    bool uncommitted;
};

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    (void)fprintf(stderr, "kafka_tool: ");
    (void)vfprintf(stderr, format, list);
    (void)fprintf(stderr, "\n");
    va_end(list);
    exit(1);
}

__attribute__((noreturn)) static void usage(const char *what, const char *word)
{
    (void)fprintf(stderr, "kafka_tool: %s %s (see the head of its source)\n", what, word);
    exit(64);
}

static int64_t number(const char *name, const char *text)
{
    char *end = NULL;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < 0) {
        usage(name, "wants a number");
    }
    return value;
}

static struct arguments read_arguments(int argc, char *argv[])
{
    struct arguments arguments = {.partition = -1, .count = -1};
    if (argc < 2) {
        usage("missing", "command");
    }
    arguments.command = argv[1];
    for (int i = 2; i < argc; i++) {
        const char *name = argv[i];
        if (strcmp(name, "--until-end") == 0) {
            arguments.until_end = true;
        } else if (strcmp(name, "--json") == 0) {
            arguments.json = true;
        } else if (strcmp(name, "--uncommitted") == 0) {
            arguments.uncommitted = true;
        } else if (i + 1 >= argc) {
            usage("unknown or incomplete option", name);
        } else if (strcmp(name, "--brokers") == 0) {
            arguments.brokers = argv[++i];
        } else if (strcmp(name, "--topic") == 0) {
            arguments.topic = argv[++i];
        } else if (strcmp(name, "--key-field") == 0) {
            arguments.key_field = argv[++i];
        } else if (strcmp(name, "--transaction") == 0) {
            arguments.transaction = argv[++i];
        } else if (strcmp(name, "--partition") == 0) {
            arguments.partition = number(name, argv[++i]);
        } else if (strcmp(name, "--count") == 0) {
            arguments.count = number(name, argv[++i]);
        } else if (strcmp(name, "--before") == 0) {
            arguments.before = number(name, argv[++i]);
        } else {
            usage("unknown option", name);
        }
    }
    if (arguments.brokers == NULL || arguments.topic == NULL) {
        usage("missing", "--brokers or --topic");
    }
    if (arguments.transaction != NULL && strcmp(arguments.transaction, "commit") != 0 &&
        strcmp(arguments.transaction, "abort") != 0) {
        usage("--transaction is commit or abort, not", arguments.transaction);
    }
    return arguments;
}

static void set(rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char reason[256];
    if (rd_kafka_conf_set(conf, key, value, reason, sizeof reason) != RD_KAFKA_CONF_OK) {
        die("%s", reason);
    }
}

static rd_kafka_t *start(rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *brokers)
{
    char reason[256];
    set(conf, "bootstrap.servers", brokers);
    rd_kafka_t *client = rd_kafka_new(type, conf, reason, sizeof reason);
    if (client == NULL) {
        die("%s", reason);
    }
    return client;
}

/* ---- produce ---- */

struct tally {
    uint64_t delivered;
    uint64_t failed;
    rd_kafka_resp_err_t why;
};

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    struct tally *tally = opaque;
    (void)client;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        tally->delivered++;
    } else {
        tally->failed++;
        tally->why = message->err;
    }
}

/* The string member @p name of a flat JSON object, as it stands; NULL when there is none. */
static const char *find_member(const char *line, const char *name, size_t *count)
{
    char pattern[128];
    (void)snprintf(pattern, sizeof pattern, "\"%s\"", name);
    const char *at = strstr(line, pattern);
    if (at == NULL) {
        return NULL;
    }
    at += strlen(pattern);
    at += strspn(at, " \t");
    if (*at != ':') {
        return NULL;
    }
    at++;
    at += strspn(at, " \t");
    if (*at != '"') {
        return NULL;
    }
    at++;
    const char *end = strchr(at, '"');
    *count = end == NULL ? 0 : (size_t)(end - at);
    return end == NULL ? NULL : at;
}

static void transact(rd_kafka_error_t *error, const char *what)
{
    if (error != NULL) {
        die("%s: %s", what, rd_kafka_error_string(error));
    }
}

static void produce_line(rd_kafka_t *client, const struct arguments *arguments, char *line,
                         size_t length)
{
    size_t key_bytes = 0;
    const char *key =
        arguments->key_field == NULL ? NULL : find_member(line, arguments->key_field, &key_bytes);
    for (;;) {
        const rd_kafka_resp_err_t why = rd_kafka_producev(
            client, RD_KAFKA_V_TOPIC(arguments->topic),
            RD_KAFKA_V_PARTITION((int32_t)arguments->partition),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE(line, length),
            RD_KAFKA_V_KEY(key, key_bytes), RD_KAFKA_V_END);
        if (why == RD_KAFKA_RESP_ERR_NO_ERROR) {
            return;
        }
        if (why != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            die("%s", rd_kafka_err2str(why));
        }
        (void)rd_kafka_poll(client, 100);
    }
}

static void produce(const struct arguments *arguments)
{
    struct tally tally = {0};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "acks", "all");
    set(conf, "enable.idempotence", "true");
    set(conf, "partitioner", "murmur2_random");
    set(conf, "compression.codec", "lz4");
    set(conf, "linger.ms", "5");
    if (arguments->transaction != NULL) {
        set(conf, "transactional.id", "kafka_tool");
    }
    rd_kafka_conf_set_opaque(conf, &tally);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t *client = start(RD_KAFKA_PRODUCER, conf, arguments->brokers);
    if (arguments->transaction != NULL) {
        transact(rd_kafka_init_transactions(client, PATIENCE_MS), "init");
        transact(rd_kafka_begin_transaction(client), "begin");
    }
    char *line = NULL;
    size_t size = 0;
    uint64_t sent = 0;
    ssize_t length = 0;
    while ((length = getline(&line, &size, stdin)) >= 0) {
        length -= length > 0 && line[length - 1] == '\n' ? 1 : 0;
        line[length] = '\0';
        produce_line(client, arguments, line, (size_t)length);
        sent++;
        (void)rd_kafka_poll(client, 0);
    }
    free(line);
    (void)rd_kafka_flush(client, PATIENCE_MS);
    if (tally.failed > 0 || tally.delivered != sent) {
        die("%llu of %llu records were not delivered: %s",
            (unsigned long long)(sent - tally.delivered), (unsigned long long)sent,
            rd_kafka_err2str(tally.why));
    }
    if (arguments->transaction != NULL) {
        const bool commit = strcmp(arguments->transaction, "commit") == 0;
        transact(commit ? rd_kafka_commit_transaction(client, PATIENCE_MS)
                        : rd_kafka_abort_transaction(client, PATIENCE_MS),
                 arguments->transaction);
    }
    rd_kafka_destroy(client);
    (void)fprintf(stderr, "%llu records\n", (unsigned long long)sent);
}

/* ---- consume ---- */

static void print_json_string(const char *bytes, size_t count)
{
    assay_print_json_text((struct assay_str){.ptr = bytes, .len = (uint32_t)count}, stdout);
}

static void print_plain(const char *bytes, size_t count)
{
    if (bytes == NULL) {
        (void)putchar('-');
    } else {
        (void)fwrite(bytes, 1, count, stdout);
    }
}

static void print_record(const rd_kafka_message_t *message, bool json)
{
    rd_kafka_headers_t *headers = NULL;
    const void *id = NULL;
    size_t id_bytes = 0;
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        (void)rd_kafka_header_get_last(headers, "decision_id", &id, &id_bytes);
    }
    if (json) {
        (void)printf("{\"partition\":%d,\"offset\":%lld,\"key\":", message->partition,
                     (long long)message->offset);
        print_json_string(message->key, message->key_len);
        (void)printf(",\"id\":");
        print_json_string(id, id_bytes);
        (void)printf(",\"value\":");
        print_json_string(message->payload, message->len);
        (void)printf("}\n");
        return;
    }
    (void)printf("%d\t%lld\t", message->partition, (long long)message->offset);
    print_plain(message->key, message->key_len);
    (void)putchar('\t');
    print_plain(id, id_bytes);
    (void)putchar('\t');
    print_plain(message->payload, message->len);
    (void)putchar('\n');
}

static int count_partitions(rd_kafka_t *client, rd_kafka_topic_t *topic)
{
    const struct rd_kafka_metadata *metadata = NULL;
    const rd_kafka_resp_err_t why = rd_kafka_metadata(client, 0, topic, &metadata, PATIENCE_MS);
    if (why != RD_KAFKA_RESP_ERR_NO_ERROR) {
        die("%s", rd_kafka_err2str(why));
    }
    if (metadata->topic_cnt != 1 || metadata->topics[0].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        die("topic %s: %s", rd_kafka_topic_name(topic),
            metadata->topic_cnt == 1 ? rd_kafka_err2str(metadata->topics[0].err) : "not found");
    }
    const int count = metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    if (count > PARTITIONS_MAX) {
        die("%d partitions are more than this tool reads", count);
    }
    return count;
}

static int64_t end_offset(rd_kafka_t *client, const char *topic, int partition, int64_t *first)
{
    int64_t end = 0;
    const rd_kafka_resp_err_t why =
        rd_kafka_query_watermark_offsets(client, topic, partition, first, &end, PATIENCE_MS);
    if (why != RD_KAFKA_RESP_ERR_NO_ERROR) {
        die("offsets of %s %d: %s", topic, partition, rd_kafka_err2str(why));
    }
    return end;
}

static rd_kafka_t *start_consumer(const struct arguments *arguments)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "enable.auto.commit", "false");
    set(conf, "enable.partition.eof", "true");
    set(conf, "auto.offset.reset", "error");
    set(conf, "allow.auto.create.topics", "false");
    set(conf, "isolation.level", arguments->uncommitted ? "read_uncommitted" : "read_committed");
    return start(RD_KAFKA_CONSUMER, conf, arguments->brokers);
}

/* One record or event of the queue; returns whether a record was printed. */
static bool consume_one(rd_kafka_queue_t *queue, bool ended[], int *left, bool json)
{
    rd_kafka_message_t *message = rd_kafka_consume_queue(queue, 1000);
    if (message == NULL) {
        return false;
    }
    bool printed = false;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        print_record(message, json);
        printed = true;
    } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (!ended[message->partition]) {
            ended[message->partition] = true;
            (*left)--;
        }
    } else if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
        die("%s", rd_kafka_message_errstr(message));
    } else {
        (void)fprintf(stderr, "kafka_tool: %s\n", rd_kafka_message_errstr(message));
    }
    rd_kafka_message_destroy(message);
    return printed;
}

static void consume(const struct arguments *arguments)
{
    static bool ended[PARTITIONS_MAX];
    rd_kafka_t *client = start_consumer(arguments);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, arguments->topic, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    const int partitions = count_partitions(client, topic);
    int left = partitions;
    for (int i = 0; i < partitions; i++) {
        int64_t first = 0;
        (void)end_offset(client, arguments->topic, i, &first);
        if (rd_kafka_consume_start_queue(topic, i, first, queue) != 0) {
            die("%s", rd_kafka_err2str(rd_kafka_last_error()));
        }
    }
    int64_t printed = 0;
    while ((arguments->count < 0 || printed < arguments->count) &&
           !(arguments->until_end && left == 0)) {
        if (consume_one(queue, ended, &left, arguments->json)) {
            printed++;
        } else {
            (void)fflush(stdout);
        }
        (void)rd_kafka_poll(client, 0);
    }
    for (int i = 0; i < partitions; i++) {
        (void)rd_kafka_consume_stop(topic, i);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(client);
}

static void print_offsets(const struct arguments *arguments)
{
    rd_kafka_t *client = start_consumer(arguments);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, arguments->topic, NULL);
    const int partitions = count_partitions(client, topic);
    for (int i = 0; i < partitions; i++) {
        int64_t first = 0;
        const int64_t end = end_offset(client, arguments->topic, i, &first);
        (void)printf("%d\t%lld\t%lld\n", i, (long long)first, (long long)end);
    }
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(client);
}

static void truncate_partition(const struct arguments *arguments)
{
    if (arguments->partition < 0) {
        usage("missing", "--partition");
    }
    rd_kafka_t *client = start(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), arguments->brokers);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, arguments->topic, (int32_t)arguments->partition)
        ->offset = arguments->before;
    rd_kafka_DeleteRecords_t *request = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(client, &request, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, PATIENCE_MS);
    if (event == NULL || rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        die("truncate: %s", event == NULL ? "no answer" : rd_kafka_event_error_string(event));
    }
    const rd_kafka_topic_partition_list_t *done =
        rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
    if (done->elems[0].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        die("truncate: %s", rd_kafka_err2str(done->elems[0].err));
    }
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteRecords_destroy(request);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(client);
}

int main(int argc, char *argv[])
{
    const struct arguments arguments = read_arguments(argc, argv);
    if (strcmp(arguments.command, "produce") == 0) {
        produce(&arguments);
    } else if (strcmp(arguments.command, "consume") == 0) {
        consume(&arguments);
    } else if (strcmp(arguments.command, "offsets") == 0) {
        print_offsets(&arguments);
    } else if (strcmp(arguments.command, "truncate") == 0) {
        truncate_partition(&arguments);
    } else {
        usage("unknown command", arguments.command);
    }
    if (fflush(stdout) != 0) {
        die("standard output: %s", strerror(errno));
    }
    return 0;
}
