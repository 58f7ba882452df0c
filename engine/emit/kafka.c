/*
 * A Kafka topic as an output: one idempotent producer, retried for ever, in order.
 *
 * A broker that is away fills the queue, then send() waits. What librdkafka gives up on is one of
 * two things. A record that the broker refuses (too large, no such topic, no right) ends the output
 * with E_IO. A producer that lost count of its own sequence numbers (librdkafka 2.0.2 does after
 * some disconnects) is replaced by a fresh one, and what it had not delivered is sent again in the
 * old order: a record may then arrive twice, and its decision_id tells.
 */
#include "engine/base/arena.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/emit/output.h"

#include <librdkafka/rdkafka.h>

#include <stdio.h>
#include <stdlib.h>

enum {
    ARENA_BYTES_MAX = 8 << 20,
    PROPERTIES_MAX = 1024,
    VALUE_BYTES_MAX = 64 << 10,
    WAIT_MS = 50,          /* one wait for delivery reports, between looks at stop */
    STOP_GRACE_MS = 3000,  /* a flush after stop still gives a broker that answers so long */
    DRAIN_MS = 5000,       /* a failed producer has so long to report what is in flight */
    SERVE_EVERY = 256,     /* sends between looks at delivery reports */
    REPLACEMENTS_MAX = 16, /* producers lost in a row, nothing delivered between */
};

static const char id_header[] = "decision_id";

/* A record that must be sent again. */
struct parcel {
    uint64_t sequence;
    struct assay_outgoing record; /* points into bytes */
    char bytes[];
};

struct kafka_output {
    struct assay_output base;
    struct assay_arena *arena; /* settings */
    const char *brokers;
    const char *topic_name;
    const struct assay_output_property *properties;
    size_t property_count;
    const _Atomic bool *stop;
    rd_kafka_t *client;
    rd_kafka_topic_t *topic;
    uint64_t sequence; /* of the next record */
    uint64_t delivered;
    uint32_t unserved; /* sends since delivery reports were looked at */
    uint32_t replaced; /* producers in a row */
    bool lost;         /* the producer is of no more use: replace it */
    bool down;
    enum assay_status failed;
    struct assay_err failure;
    struct parcel **again; /* in any order until sorted */
    size_t again_count, again_capacity;
};

struct rule {
    const char *key;
    const char *allowed[3]; /* values that are accepted */
    const char *why;
};

#define WHY_BROKERS "the brokers have their own setting, `brokers`"
#define WHY_LOSS "a decision would be lost when brokers are away or slow"
#define WHY_ORDER "decisions of one key could change their order or be written twice"
#define WHY_PROCESS "it would change this process, not the connection"

/* clang-format off */
static const struct rule rules[] = {
    {"bootstrap.servers", {NULL}, WHY_BROKERS},
    {"metadata.broker.list", {NULL}, WHY_BROKERS},
    {"enable.idempotence", {"true"}, WHY_ORDER},
    {"acks", {"all", "-1"}, WHY_LOSS},
    {"request.required.acks", {"all", "-1"}, WHY_LOSS},
    {"message.timeout.ms", {"0"}, WHY_LOSS},
    {"delivery.timeout.ms", {"0"}, WHY_LOSS},
    {"retries", {"2147483647"}, WHY_LOSS},
    {"message.send.max.retries", {"2147483647"}, WHY_LOSS},
    {"queuing.strategy", {"fifo"}, WHY_ORDER},
    {"delivery.report.only.error", {"false"}, "deliveries are counted"},
    {"partitioner", {"murmur2_random", "murmur2"},
     "another partitioner than that of Java clients breaks joins by key"},
    {"transactional.id", {NULL},
     "decisions are not written in transactions: decision_id tells a repeated one"},
    {"transaction.timeout.ms", {NULL}, "decisions are not written in transactions"},
    {"statistics.interval.ms", {"0"}, "nothing reads the statistics"},
    {"log.queue", {"false"}, "log lines would wait unread in a queue"},
    {"plugin.library.paths", {NULL}, WHY_PROCESS},
    {"internal.termination.signal", {NULL}, WHY_PROCESS},
    {"test.mock.num.brokers", {NULL}, "it replaces the brokers by a mock"},
};

/* Ours; a user may override these ... */
static const char *const defaults[][2] = {
    {"client.id", "assay"},
    {"compression.codec", "lz4"},
    {"partitioner", "murmur2_random"},
    {"linger.ms", "0.5"}, /* the records of an epoch are sent together, and at once */
    {"topic.metadata.propagation.max.ms", "10000"}, /* then a topic counts as missing */
    {"queue.buffering.max.messages", "100000"},
    {"queue.buffering.max.kbytes", "65536"},
    {"socket.nagle.disable", "true"},
    {"reconnect.backoff.max.ms", "1000"},
    {"log.connection.close", "false"},
};

/* ... and not these. */
static const char *const fixed[][2] = {
    {"enable.idempotence", "true"},
    {"acks", "all"},
    {"message.timeout.ms", "0"},
};
/* clang-format on */

static struct kafka_output *kafka_output_of(struct assay_output *base)
{
    ASSAY_ASSERT(base != NULL);
    return (struct kafka_output *)base;
}

static bool is_stopped(const struct kafka_output *output)
{
    return output->stop != NULL && atomic_load_explicit(output->stop, memory_order_relaxed);
}

static enum assay_status failure_of(const struct kafka_output *output, struct assay_err *err)
{
    if (output->failed != ASSAY_OK && err != NULL) {
        *err = output->failure;
    }
    return output->failed;
}

static void fail(struct kafka_output *output, const char *what, const char *reason,
                 const char *remedy)
{
    if (output->failed != ASSAY_OK) {
        return;
    }
    char where[256];
    (void)snprintf(where, sizeof where, "kafka sink topic %.200s", output->topic_name);
    output->failed = assay_err_set(&output->failure, ASSAY_E_IO, where, "%s: %s", what, reason);
    assay_err_remedy(&output->failure, "%s", remedy);
}

/* ---- settings ---- */

static enum assay_status check_rules(const struct assay_output_property *property,
                                     struct assay_err *err)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const struct rule *rule = &rules[i];
        if (!assay_str_equal(property->key, assay_str_of(rule->key))) {
            continue;
        }
        for (size_t v = 0; v < 3 && rule->allowed[v] != NULL; v++) {
            if (assay_str_equal(property->value, assay_str_of(rule->allowed[v]))) {
                return ASSAY_OK;
            }
        }
        (void)assay_err_set(err, ASSAY_E_CONFIG, "kafka sink", "property %s is refused: %s",
                            rule->key, rule->why);
        if (rule->allowed[0] != NULL) {
            assay_err_value(err, "%.*s", (int)property->value.len, property->value.ptr);
            assay_err_allowed(err, "%s%s%s", rule->allowed[0],
                              rule->allowed[1] == NULL ? "" : " or ",
                              rule->allowed[1] == NULL ? "" : rule->allowed[1]);
        }
        assay_err_remedy(err, "remove it");
        return ASSAY_E_CONFIG;
    }
    return ASSAY_OK;
}

static enum assay_status set(rd_kafka_conf_t *conf, const char *key, const char *value,
                             struct assay_err *err)
{
    char reason[256];
    if (rd_kafka_conf_set(conf, key, value, reason, sizeof reason) == RD_KAFKA_CONF_OK) {
        return ASSAY_OK;
    }
    /* The value stays out of the message: it may be a password. */
    (void)assay_err_set(err, ASSAY_E_CONFIG, "kafka sink", "property %s: %s", key, reason);
    assay_err_remedy(err, "property names and values are those of librdkafka %s",
                     rd_kafka_version_str());
    return ASSAY_E_CONFIG;
}

static enum assay_status set_table(rd_kafka_conf_t *conf, const char *const table[][2],
                                   size_t count, struct assay_err *err)
{
    enum assay_status status = ASSAY_OK;
    for (size_t i = 0; i < count && status == ASSAY_OK; i++) {
        status = set(conf, table[i][0], table[i][1], err);
    }
    return status;
}

static enum assay_status set_all(rd_kafka_conf_t *conf, const struct kafka_output *output,
                                 struct assay_err *err)
{
    enum assay_status status = set_table(conf, defaults, sizeof defaults / sizeof *defaults, err);
    for (size_t i = 0; i < output->property_count && status == ASSAY_OK; i++) {
        status = check_rules(&output->properties[i], err);
        if (status == ASSAY_OK) { /* copies in the arena end in a NUL */
            status = set(conf, output->properties[i].key.ptr, output->properties[i].value.ptr, err);
        }
    }
    if (status == ASSAY_OK) {
        status = set_table(conf, fixed, sizeof fixed / sizeof *fixed, err);
    }
    if (status == ASSAY_OK) {
        status = set(conf, "bootstrap.servers", output->brokers, err);
    }
    return status;
}

/* ---- callbacks: all but the log run inside rd_kafka_poll(), on the output's thread ---- */

static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client;
    if (strcmp(facility, "AUTOCREATE") == 0) {
        level = 7; /* the mock broker is too old for one request field */
    }
    /* syslog levels. Most of its errors (3) are lost connections, which it mends itself. */
    if (level <= 2) {
        ASSAY_LOG(ERROR, "kafka_client", "%s: %s", facility, text);
    } else if (level <= 4) {
        ASSAY_LOG(WARN, "kafka_client", "%s: %s", facility, text);
    } else if (level <= 6) {
        ASSAY_LOG(INFO, "kafka_client", "%s: %s", facility, text);
    } else {
        ASSAY_LOG(DEBUG, "kafka_client", "%s: %s", facility, text);
    }
}

/* Faults of the producer's own bookkeeping, which a fresh producer does not have. */
static bool is_lost_count(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER ||
           code == RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER ||
           code == RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING ||
           code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED || code == RD_KAFKA_RESP_ERR__INCONSISTENT ||
           code == RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE;
}

static void on_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    struct kafka_output *output = opaque;
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        char text[256];
        const rd_kafka_resp_err_t cause = rd_kafka_fatal_error(client, text, sizeof text);
        if (is_lost_count(cause)) {
            output->lost = true;
            ASSAY_LOG(WARN, "kafka_producer_lost", "%s: %s: starting another",
                      rd_kafka_err2name(cause), text);
        } else {
            fail(output, "the producer failed for good", text,
                 "brokers must be 0.11 or newer and allow idempotent writes");
        }
    } else if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        if (!output->down) {
            ASSAY_LOG(WARN, "kafka_down", "no broker of %s answers: trying until one does",
                      output->brokers);
        }
        output->down = true;
    } else { /* librdkafka has logged it with its place already */
        ASSAY_LOG(DEBUG, "kafka_error", "%s: %s", rd_kafka_err2name((rd_kafka_resp_err_t)code),
                  reason);
    }
}

/* Room for one more parcel in the list. */
static bool grow_again(struct kafka_output *output)
{
    if (output->again_count < output->again_capacity) {
        return true;
    }
    const size_t capacity = output->again_capacity == 0 ? 256 : output->again_capacity * 2;
    struct parcel **again = realloc(output->again, capacity * sizeof(struct parcel *));
    if (again == NULL) {
        return false;
    }
    output->again = again;
    output->again_capacity = capacity;
    return true;
}

static struct assay_str put(char **at, const void *bytes, size_t count)
{
    if (bytes == NULL) {
        return (struct assay_str){0};
    }
    const struct assay_str copy = {.ptr = *at, .len = (uint32_t)count};
    memcpy(*at, bytes, count);
    *at += count;
    return copy;
}

/* Keep a record that the lost producer has not delivered. */
static void keep(struct kafka_output *output, const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers = NULL;
    const void *id = NULL;
    size_t id_bytes = 0;
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        (void)rd_kafka_header_get_last(headers, id_header, &id, &id_bytes);
    }
    struct parcel *parcel = malloc(sizeof *parcel + message->len + message->key_len + id_bytes + 1);
    if (parcel == NULL || !grow_again(output)) {
        free(parcel);
        fail(output, "records of a failed producer cannot be sent again", "out of memory",
             "give the process more memory");
        return;
    }
    char *at = parcel->bytes;
    parcel->sequence = (uint64_t)(uintptr_t)message->_private;
    parcel->record.value = put(&at, message->payload, message->len);
    parcel->record.key = put(&at, message->key, message->key_len);
    parcel->record.id = put(&at, id, id_bytes);
    output->again[output->again_count++] = parcel;
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    struct kafka_output *output = opaque;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        output->delivered++;
        output->replaced = 0;
        if (output->down) {
            output->down = false;
            ASSAY_LOG(INFO, "kafka_up", "brokers answer again");
        }
        return;
    }
    const rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(client, NULL, 0);
    if (is_lost_count(message->err) || is_lost_count(fatal) ||
        message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
        message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT) {
        output->lost = true;
        keep(output, message);
        return;
    }
    /* Not rd_kafka_message_errstr(): it takes a producer's payload for the text. */
    fail(output, "a record was refused", rd_kafka_err2str(message->err),
         "the topic must exist, allow this user to write, and take records of this size");
}

/* ---- the producer's life ---- */

static enum assay_status start_producer(struct kafka_output *output, struct assay_err *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (conf == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "kafka sink", "no memory for properties");
    }
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, output);
    const enum assay_status status = set_all(conf, output, err);
    if (status != ASSAY_OK) {
        rd_kafka_conf_destroy(conf);
        return status;
    }
    char reason[256];
    output->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
    if (output->client == NULL) {
        rd_kafka_conf_destroy(conf);
        (void)assay_err_set(err, ASSAY_E_CONFIG, "kafka sink",
                            "librdkafka refuses the properties together: %s", reason);
        assay_err_remedy(err, "change the properties that it names");
        return ASSAY_E_CONFIG;
    }
    output->topic = rd_kafka_topic_new(output->client, output->topic_name, NULL);
    if (output->topic == NULL) {
        (void)assay_err_set(err, ASSAY_E_CONFIG, "kafka sink", "topic %.200s: %s",
                            output->topic_name, rd_kafka_err2str(rd_kafka_last_error()));
        return ASSAY_E_CONFIG;
    }
    return ASSAY_OK;
}

static void stop_producer(struct kafka_output *output)
{
    if (output->topic != NULL) {
        rd_kafka_topic_destroy(output->topic);
        output->topic = NULL;
    }
    if (output->client != NULL) {
        rd_kafka_destroy(output->client);
        output->client = NULL;
    }
}

/* Hear of every record of a lost producer: delivered, or kept to be sent again. */
static void drain(struct kafka_output *output)
{
    const uint64_t begin_ns = assay_clock_monotonic_ns();
    bool purged = false;
    while (rd_kafka_outq_len(output->client) > 0) {
        (void)rd_kafka_poll(output->client, WAIT_MS);
        if (!purged && assay_clock_monotonic_ns() - begin_ns > DRAIN_MS * UINT64_C(1000000)) {
            purged = true; /* what is in flight is reported as purged, so it will be sent again */
            (void)rd_kafka_purge(output->client,
                                 RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        }
    }
}

/* librdkafka's fields are not const, but it only reads them. */
static void *unconst(const char *bytes)
{
    return (void *)(uintptr_t)bytes;
}

static rd_kafka_resp_err_t produce(struct kafka_output *output, const struct assay_outgoing *record,
                                   uint64_t sequence)
{
    size_t count = 0;
    rd_kafka_vu_t fields[6];
    fields[count].vtype = RD_KAFKA_VTYPE_RKT;
    fields[count++].u.rkt = output->topic;
    fields[count].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    fields[count++].u.i = RD_KAFKA_MSG_F_COPY;
    fields[count].vtype = RD_KAFKA_VTYPE_OPAQUE;
    fields[count++].u.ptr = (void *)(uintptr_t)sequence;
    fields[count].vtype = RD_KAFKA_VTYPE_VALUE;
    fields[count].u.mem.ptr = unconst(record->value.ptr);
    fields[count++].u.mem.size = record->value.len;
    if (record->key.ptr != NULL) {
        fields[count].vtype = RD_KAFKA_VTYPE_KEY;
        fields[count].u.mem.ptr = unconst(record->key.ptr);
        fields[count++].u.mem.size = record->key.len;
    }
    if (record->id.ptr != NULL) {
        fields[count].vtype = RD_KAFKA_VTYPE_HEADER;
        fields[count].u.header.name = id_header;
        fields[count].u.header.val = record->id.ptr;
        fields[count++].u.header.size = (ssize_t)record->id.len;
    }
    rd_kafka_error_t *error = rd_kafka_produceva(output->client, fields, count);
    if (error == NULL) {
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    return code;
}

/* Give one record to the present producer. E_BUSY: it is lost, and did not take it. */
static enum assay_status hand_over(struct kafka_output *output, const struct assay_outgoing *record,
                                   uint64_t sequence, struct assay_err *err)
{
    for (;;) {
        if (output->failed != ASSAY_OK) {
            return failure_of(output, err);
        }
        if (output->lost) {
            return ASSAY_E_BUSY;
        }
        const rd_kafka_resp_err_t code = produce(output, record, sequence);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            return ASSAY_OK;
        }
        if (code == RD_KAFKA_RESP_ERR__FATAL) {
            (void)rd_kafka_poll(output->client, WAIT_MS); /* on_error() tells which kind */
        } else if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            fail(output, "a record was refused", rd_kafka_err2str(code),
                 "the topic must exist and take records of this size");
        } else {
            (void)rd_kafka_poll(output->client, WAIT_MS);
            if (is_stopped(output)) {
                return assay_err_set(err, ASSAY_E_UNAVAILABLE, output->topic_name,
                                     "stopped while waiting for room in the queue");
            }
        }
    }
}

static int compare_parcels(const void *a, const void *b)
{
    const struct parcel *left = *(struct parcel *const *)a;
    const struct parcel *right = *(struct parcel *const *)b;
    return (left->sequence > right->sequence) - (left->sequence < right->sequence);
}

/* Send kept records in their old order, until all are handed over or this producer is lost too. */
static enum assay_status send_again(struct kafka_output *output, struct assay_err *err)
{
    struct parcel **parcels = output->again;
    const size_t count = output->again_count;
    output->again = NULL;
    output->again_count = 0;
    output->again_capacity = 0;
    qsort(parcels, count, sizeof(struct parcel *), compare_parcels);
    enum assay_status status = ASSAY_OK;
    for (size_t i = 0; i < count; i++) {
        if (status == ASSAY_OK) {
            status = hand_over(output, &parcels[i]->record, parcels[i]->sequence, err);
        }
        if (status == ASSAY_OK) {
            free(parcels[i]);
        } else if (grow_again(output)) {
            output->again[output->again_count++] = parcels[i];
        } else {
            free(parcels[i]);
            fail(output, "records of a failed producer cannot be sent again", "out of memory",
                 "give the process more memory");
        }
    }
    free(parcels);
    return status;
}

/* Replace a lost producer, as often as it takes, and send again what it had not delivered. */
static enum assay_status mend(struct kafka_output *output, struct assay_err *err)
{
    while (output->lost || output->again_count > 0) {
        if (output->lost) {
            if (output->replaced++ >= REPLACEMENTS_MAX) {
                fail(output, "no producer delivers anything", "each lost count of its records",
                     "look at the brokers' logs");
                return failure_of(output, err);
            }
            drain(output);
            stop_producer(output);
            output->lost = false;
            if (output->failed != ASSAY_OK) {
                return failure_of(output, err);
            }
            const enum assay_status status = start_producer(output, &output->failure);
            if (status != ASSAY_OK) {
                output->failed = status;
                return failure_of(output, err);
            }
        }
        const enum assay_status status = send_again(output, err);
        if (status != ASSAY_OK && status != ASSAY_E_BUSY) {
            return status;
        }
    }
    return failure_of(output, err);
}

/* ---- the operations ---- */

static enum assay_status serve(struct kafka_output *output, struct assay_err *err)
{
    if (output->failed != ASSAY_OK) {
        return failure_of(output, err);
    }
    output->unserved = 0;
    (void)rd_kafka_poll(output->client, 0);
    return output->lost ? mend(output, err) : failure_of(output, err);
}

static enum assay_status send_record(struct assay_output *base, const struct assay_outgoing *record,
                                     struct assay_err *err)
{
    struct kafka_output *output = kafka_output_of(base);
    ASSAY_ASSERT(record->value.ptr != NULL);
    enum assay_status status = failure_of(output, err);
    if (status == ASSAY_OK && ++output->unserved >= SERVE_EVERY) {
        status = serve(output, err);
    }
    if (status != ASSAY_OK) {
        return status;
    }
    const uint64_t sequence = output->sequence++;
    do {
        status = mend(output, err);
        if (status == ASSAY_OK) {
            status = hand_over(output, record, sequence, err);
        }
    } while (status == ASSAY_E_BUSY);
    return status;
}

static enum assay_status poke_kafka(struct assay_output *base, struct assay_err *err)
{
    struct kafka_output *output = kafka_output_of(base);
    if (output->failed == ASSAY_OK) {
        (void)rd_kafka_flush(output->client, 0); /* wakes the senders; does not wait */
    }
    return serve(output, err);
}

static enum assay_status flush_kafka(struct assay_output *base, struct assay_err *err)
{
    struct kafka_output *output = kafka_output_of(base);
    uint64_t stopped_ns = 0;
    for (;;) {
        const enum assay_status status = serve(output, err);
        if (status != ASSAY_OK) {
            return status;
        }
        const rd_kafka_resp_err_t waiting = rd_kafka_flush(output->client, WAIT_MS);
        if (waiting == RD_KAFKA_RESP_ERR_NO_ERROR && !output->lost && output->again_count == 0) {
            return failure_of(output, err);
        }
        const uint64_t now_ns = assay_clock_monotonic_ns();
        if (is_stopped(output) && stopped_ns == 0) {
            stopped_ns = now_ns;
        }
        if (stopped_ns != 0 && now_ns - stopped_ns > STOP_GRACE_MS * UINT64_C(1000000)) {
            (void)assay_err_set(err, ASSAY_E_UNAVAILABLE, output->topic_name,
                                "stopped before %d records were delivered",
                                rd_kafka_outq_len(output->client));
            return ASSAY_E_UNAVAILABLE;
        }
    }
}

static void close_kafka(struct assay_output *base)
{
    struct kafka_output *output = kafka_output_of(base);
    if (output->client != NULL) {
        (void)rd_kafka_purge(output->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    }
    stop_producer(output);
    for (size_t i = 0; i < output->again_count; i++) {
        free(output->again[i]);
    }
    free(output->again);
    assay_arena_destroy(output->arena);
    free(output);
}

static const struct assay_output_ops kafka_output_ops = {
    .send = send_record,
    .poke = poke_kafka,
    .flush = flush_kafka,
    .close = close_kafka,
};

static bool is_text(struct assay_str text, uint32_t len_max)
{
    return text.ptr != NULL && text.len <= len_max &&
           (text.len == 0 || memchr(text.ptr, '\0', text.len) == NULL);
}

static enum assay_status copy_settings(struct kafka_output *output, struct assay_str brokers,
                                       struct assay_str topic,
                                       const struct assay_output_property properties[],
                                       size_t property_count, struct assay_err *err)
{
    if (!is_text(brokers, VALUE_BYTES_MAX) || brokers.len == 0 || !is_text(topic, 249) ||
        topic.len == 0 || property_count > PROPERTIES_MAX) {
        (void)assay_err_set(err, ASSAY_E_CONFIG, "kafka sink",
                            "brokers or topic are missing or too long, or too many properties");
        assay_err_remedy(err, "give brokers as host:port and a topic of up to 249 characters");
        return ASSAY_E_CONFIG;
    }
    struct assay_output_property *copies =
        assay_arena_array(output->arena, property_count + 1, sizeof *copies);
    output->brokers = assay_arena_copy(output->arena, brokers).ptr;
    output->topic_name = assay_arena_copy(output->arena, topic).ptr;
    bool full = copies == NULL || output->brokers == NULL || output->topic_name == NULL;
    for (size_t i = 0; i < property_count && !full; i++) {
        if (!is_text(properties[i].key, 127) || !is_text(properties[i].value, VALUE_BYTES_MAX)) {
            return assay_err_set(err, ASSAY_E_CONFIG, "kafka sink",
                                 "a property name or value is too long or holds a NUL");
        }
        copies[i].key = assay_arena_copy(output->arena, properties[i].key);
        copies[i].value = assay_arena_copy(output->arena, properties[i].value);
        full = copies[i].key.ptr == NULL || copies[i].value.ptr == NULL;
    }
    if (full) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "kafka sink", "no memory for its settings");
    }
    output->properties = copies;
    output->property_count = property_count;
    return ASSAY_OK;
}

enum assay_status assay_output_kafka_open(struct assay_output **out, struct assay_str brokers,
                                          struct assay_str topic,
                                          const struct assay_output_property properties[],
                                          size_t property_count, const _Atomic bool *stop,
                                          struct assay_err *err)
{
    ASSAY_ASSERT(out != NULL);
    *out = NULL;
    struct kafka_output *output = calloc(1, sizeof *output);
    struct assay_arena *arena = assay_arena_create(ARENA_BYTES_MAX);
    if (output == NULL || arena == NULL) {
        free(output);
        assay_arena_destroy(arena);
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "kafka sink", "no memory to open it");
    }
    output->base.ops = &kafka_output_ops;
    output->arena = arena;
    output->stop = stop;
    enum assay_status status =
        copy_settings(output, brokers, topic, properties, property_count, err);
    if (status == ASSAY_OK) {
        status = start_producer(output, err);
    }
    if (status != ASSAY_OK) {
        close_kafka(&output->base);
        return status;
    }
    *out = &output->base;
    return ASSAY_OK;
}
