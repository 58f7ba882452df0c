/*
 * librdkafka's properties for consumers: what we set, what a user may set, what is refused and why.
 *
 * Queue sizes. librdkafka 2.0.2 stops fetching a partition for a fixed second whenever its queue is
 * full, so a queue must hold more than a second of the fastest reading there will be:
 *
 *     queued.min.messages        = 2 * peak                        at least 100,000, at most 10^7
 *     queued.max.messages.kbytes = 2 * peak * 512 bytes / 1024     at least 4 MiB, at most 2 GiB
 *
 * peak is the events a second of one partition; 512 bytes is a generous event. The bound counts per
 * partition, because every partition has its own queue. Where the user states no peak, all
 * partitions together stay below 1 GiB: lag then costs a hole now and then, never the machine.
 */
#include "engine/base/log.h"
#include "ingest/kafka_pvt.h"

#include <librdkafka/rdkafka.h>

#include <stdio.h>
#include <stdlib.h>

enum {
    EVENT_BYTES = 512,
    QUEUED_MESSAGES_MIN = 100000,
    QUEUED_MESSAGES_MAX = 10000000,
    QUEUED_KBYTES_MIN = 4096,
    QUEUED_KBYTES_MAX = 2097151,
    QUEUED_KBYTES_ALL = 1 << 20, /* of all partitions, when no peak is stated */
    VALUE_BYTES_MAX = 64 << 10,  /* a certificate in PEM fits */
};

/* A property that a user may not set, or only to one value. */
struct rule {
    const char *key;
    const char *allowed; /* the one value that is accepted; NULL: none */
    const char *why;
    const char *remedy;
};

#define WHY_BROKERS "the brokers have their own setting"
#define REMEDY_BROKERS "give the addresses as `brokers`"
#define WHY_GROUP                                                                                  \
    "no consumer group is joined: partitions are assigned by index, not by a coordinator"
#define WHY_OFFSET "positions are kept with the state; a second copy at the broker could disagree"
#define REMEDY_DROP "remove it"
#define WHY_PROCESS "it would change this process, not the connection"

/* clang-format off */
static const struct rule rules[] = {
    {"bootstrap.servers", NULL, WHY_BROKERS, REMEDY_BROKERS},
    {"metadata.broker.list", NULL, WHY_BROKERS, REMEDY_BROKERS},
    {"group.id", NULL, WHY_GROUP, REMEDY_DROP},
    {"group.instance.id", NULL, WHY_GROUP, REMEDY_DROP},
    {"group.protocol", NULL, WHY_GROUP, REMEDY_DROP},
    {"group.protocol.type", NULL, WHY_GROUP, REMEDY_DROP},
    {"group.remote.assignor", NULL, WHY_GROUP, REMEDY_DROP},
    {"partition.assignment.strategy", NULL, WHY_GROUP, REMEDY_DROP},
    {"session.timeout.ms", NULL, WHY_GROUP, REMEDY_DROP},
    {"heartbeat.interval.ms", NULL, WHY_GROUP, REMEDY_DROP},
    {"max.poll.interval.ms", NULL, WHY_GROUP, REMEDY_DROP},
    {"coordinator.query.interval.ms", NULL, WHY_GROUP, REMEDY_DROP},
    {"enable.auto.commit", "false", WHY_OFFSET, REMEDY_DROP},
    {"auto.commit.enable", "false", WHY_OFFSET, REMEDY_DROP},
    {"auto.commit.interval.ms", NULL, WHY_OFFSET, REMEDY_DROP},
    {"enable.auto.offset.store", "false", WHY_OFFSET, REMEDY_DROP},
    {"offset.store.method", NULL, WHY_OFFSET, REMEDY_DROP},
    {"offset.store.path", NULL, WHY_OFFSET, REMEDY_DROP},
    {"offset.store.sync.interval.ms", NULL, WHY_OFFSET, REMEDY_DROP},
    {"auto.offset.reset", "error",
     "any other value jumps over lost events without a word", REMEDY_DROP},
    {"enable.partition.eof", "true", "the end of a partition is told by it", REMEDY_DROP},
    {"isolation.level", "read_committed",
     "events of transactions that were rolled back would be counted", REMEDY_DROP},
    {"check.crcs", "true", "a damaged event would be counted as a good one", REMEDY_DROP},
    {"allow.auto.create.topics", "false",
     "a misspelt topic would be created and read as empty", "create the topic at the broker"},
    {"statistics.interval.ms", "0",
     "nothing reads the statistics, and collecting them slows fetching", REMEDY_DROP},
    {"log.queue", "false", "log lines would wait unread in a queue", REMEDY_DROP},
    {"plugin.library.paths", NULL, WHY_PROCESS, "load plugins nowhere near money"},
    {"internal.termination.signal", NULL, WHY_PROCESS, REMEDY_DROP},
    {"test.mock.num.brokers", NULL, "it replaces the brokers by a mock", "use `assay demo`"},
};

/* Ours, before the user's: these may be overridden. */
static const char *const defaults[][2] = {
    {"client.id", "assay"},
    {"fetch.message.max.bytes", "4194304"},
    {"fetch.max.bytes", "67108864"},
    {"socket.nagle.disable", "true"},
    {"reconnect.backoff.max.ms", "1000"}, /* back within a second of the broker */
    {"log.connection.close", "false"},    /* idle connections are closed all the time */
};

/* Ours, after the user's: exactness rests on these. */
static const char *const fixed[][2] = {
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"auto.offset.reset", "error"},
    {"enable.partition.eof", "true"},
    {"isolation.level", "read_committed"},
    {"check.crcs", "true"},
    {"allow.auto.create.topics", "false"},
};
/* clang-format on */

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
    return value < low ? low : value > high ? high : value;
}

struct kafka_sizes kafka_sizes_of(uint64_t peak_events_per_s, size_t partitions)
{
    const uint64_t stated = clamp(peak_events_per_s, 0, QUEUED_MESSAGES_MAX);
    const uint64_t peak = stated == 0 ? KAFKA_PEAK_DEFAULT : stated;
    uint64_t kbytes = 2 * peak * EVENT_BYTES / 1024;
    if (stated == 0 && partitions > 0 && kbytes > QUEUED_KBYTES_ALL / partitions) {
        kbytes = QUEUED_KBYTES_ALL / partitions;
    }
    return (struct kafka_sizes){
        .queued_messages_min = clamp(2 * peak, QUEUED_MESSAGES_MIN, QUEUED_MESSAGES_MAX),
        .queued_kbytes_max = clamp(kbytes, QUEUED_KBYTES_MIN, QUEUED_KBYTES_MAX),
    };
}

static enum assay_status check_rules(const struct assay_kafka_property *property,
                                     struct assay_err *err)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const struct rule *rule = &rules[i];
        if (!assay_str_equal(property->key, assay_str_of(rule->key))) {
            continue;
        }
        if (rule->allowed != NULL &&
            assay_str_equal(property->value, assay_str_of(rule->allowed))) {
            return ASSAY_OK;
        }
        (void)assay_err_set(err, ASSAY_E_CONFIG, "kafka source", "property %s is refused: %s",
                            rule->key, rule->why);
        if (rule->allowed != NULL) {
            assay_err_value(err, "%.*s", (int)property->value.len, property->value.ptr);
            assay_err_allowed(err, "%s", rule->allowed);
        }
        assay_err_remedy(err, "%s", rule->remedy);
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
    (void)assay_err_set(err, ASSAY_E_CONFIG, "kafka source", "property %s: %s", key, reason);
    assay_err_remedy(err, "property names and values are those of librdkafka %s",
                     rd_kafka_version_str());
    return ASSAY_E_CONFIG;
}

static enum assay_status set_count(rd_kafka_conf_t *conf, const char *key, uint64_t value,
                                   struct assay_err *err)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return set(conf, key, text, err);
}

static enum assay_status set_user(rd_kafka_conf_t *conf,
                                  const struct assay_kafka_property *property,
                                  struct assay_err *err)
{
    const struct assay_str key = property->key;
    const struct assay_str value = property->value;
    char name[128];
    if (key.len == 0 || key.len >= sizeof name || value.len > VALUE_BYTES_MAX ||
        memchr(key.ptr, '\0', key.len) != NULL ||
        (value.len > 0 && memchr(value.ptr, '\0', value.len) != NULL)) {
        return assay_err_set(err, ASSAY_E_CONFIG, "kafka source",
                             "a property name is empty, a name or value too long or holds a NUL");
    }
    enum assay_status status = check_rules(property, err);
    if (status != ASSAY_OK) {
        return status;
    }
    memcpy(name, key.ptr, key.len);
    name[key.len] = '\0';
    char *text = strndup(value.len == 0 ? "" : value.ptr, value.len);
    if (text == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "kafka source", "no memory for a property");
    }
    status = set(conf, name, text, err);
    free(text);
    return status;
}

static enum assay_status set_table(rd_kafka_conf_t *conf, const char *const table[][2],
                                   size_t count, struct assay_err *err)
{
    for (size_t i = 0; i < count; i++) {
        const enum assay_status status = set(conf, table[i][0], table[i][1], err);
        if (status != ASSAY_OK) {
            return status;
        }
    }
    return ASSAY_OK;
}

/* A user may choose smaller queues; that it will stall now and then must not be a riddle. */
static void warn_of_small_queue(const rd_kafka_conf_t *conf, const struct kafka_sizes *sizes)
{
    char text[24];
    size_t size = sizeof text;
    if (rd_kafka_conf_get(conf, "queued.min.messages", text, &size) == RD_KAFKA_CONF_OK &&
        strtoull(text, NULL, 10) < sizes->queued_messages_min) {
        ASSAY_LOG(WARN, "kafka_queue_small",
                  "queued.min.messages %s is less than 2 s of the peak (%llu): reading will stall "
                  "for a second whenever the queue was full",
                  text, (unsigned long long)sizes->queued_messages_min);
    }
}

static enum assay_status set_all(rd_kafka_conf_t *conf, const struct assay_kafka *kafka,
                                 struct assay_err *err)
{
    const struct kafka_sizes sizes =
        kafka_sizes_of(kafka->peak_events_per_s, kafka->partition_count);
    /* Live: answer as soon as one event is there. To the end: let the broker fill its answers. */
    const uint64_t wait_ms = kafka->until_end ? 100 : 10;
    const uint64_t fetch_bytes_min = kafka->until_end ? 65536 : 1;
    enum assay_status status = set_table(conf, defaults, sizeof defaults / sizeof *defaults, err);
    if (status == ASSAY_OK) {
        status = set_count(conf, "queued.min.messages", sizes.queued_messages_min, err);
    }
    if (status == ASSAY_OK) {
        status = set_count(conf, "queued.max.messages.kbytes", sizes.queued_kbytes_max, err);
    }
    if (status == ASSAY_OK) {
        status = set_count(conf, "fetch.wait.max.ms", wait_ms, err);
    }
    if (status == ASSAY_OK) {
        status = set_count(conf, "fetch.min.bytes", fetch_bytes_min, err);
    }
    for (size_t i = 0; i < kafka->property_count && status == ASSAY_OK; i++) {
        status = set_user(conf, &kafka->properties[i], err);
    }
    if (status == ASSAY_OK) {
        warn_of_small_queue(conf, &sizes);
        status = set_table(conf, fixed, sizeof fixed / sizeof *fixed, err);
    }
    if (status == ASSAY_OK) {
        status = set(conf, "bootstrap.servers", kafka->brokers, err);
    }
    return status;
}

enum assay_status kafka_conf_make(struct rd_kafka_conf_s **out, const struct assay_kafka *kafka,
                                  struct assay_err *err)
{
    *out = NULL;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (conf == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "kafka source", "no memory for properties");
    }
    rd_kafka_conf_set_log_cb(conf, kafka_log);
    const enum assay_status status = set_all(conf, kafka, err);
    if (status != ASSAY_OK) {
        rd_kafka_conf_destroy(conf);
        return status;
    }
    *out = conf;
    return ASSAY_OK;
}

void kafka_log(const struct rd_kafka_s *client, int level, const char *facility, const char *text)
{
    (void)client;
    /* The mock broker is too old for one request field, as librdkafka says at every turn. */
    if (strcmp(facility, "AUTOCREATE") == 0) {
        level = 7;
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
