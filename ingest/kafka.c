#include "ingest/kafka.h"

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "ingest/kafka_pvt.h"

#include <librdkafka/rdkafka.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    ARENA_BYTES_MAX = 64 << 20,
    TOPICS_MAX = 4096,
    TOPIC_BYTES_MAX = 249, /* Kafka's own limit */
    PROPERTIES_MAX = 1024,
    GROWTH_TRY_MS = 200,
};

bool kafka_stopped(const struct assay_kafka *kafka)
{
    return kafka->stop != NULL && atomic_load_explicit(kafka->stop, memory_order_relaxed);
}

static void on_control_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    (void)client;
    (void)opaque;
    /* librdkafka has logged it with its place already. */
    ASSAY_LOG(DEBUG, "kafka_error", "%s: %s", rd_kafka_err2name((rd_kafka_resp_err_t)code), reason);
}

enum assay_status kafka_client_start(struct rd_kafka_s **out, const struct assay_kafka *kafka,
                                     void *opaque, struct assay_err *err)
{
    rd_kafka_conf_t *conf = NULL;
    const enum assay_status status = kafka_conf_make(&conf, kafka, err);
    if (status != ASSAY_OK) {
        return status;
    }
    rd_kafka_conf_set_opaque(conf, opaque);
    rd_kafka_conf_set_error_cb(conf, opaque == NULL ? on_control_error : kafka_feed_on_error);
    char reason[256];
    *out = rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof reason);
    if (*out == NULL) {
        rd_kafka_conf_destroy(conf);
        (void)assay_err_set(err, ASSAY_E_CONFIG, "kafka source",
                            "librdkafka refuses the properties together: %s", reason);
        assay_err_remedy(err, "change the properties that it names");
        return ASSAY_E_CONFIG;
    }
    return ASSAY_OK;
}

/* Everything of the options that outlives the call of open. */
static enum assay_status copy_options(struct assay_kafka *kafka,
                                      const struct assay_kafka_options *options,
                                      struct assay_err *err)
{
    struct assay_arena *arena = kafka->arena;
    struct assay_kafka_property *properties =
        assay_arena_array(arena, options->property_count + 1, sizeof *properties);
    kafka->brokers = assay_arena_copy(arena, options->brokers).ptr;
    kafka->topics = assay_arena_array(arena, options->topic_count, sizeof *kafka->topics);
    kafka->topic_partitions =
        assay_arena_array(arena, options->topic_count, sizeof *kafka->topic_partitions);
    kafka->topic_handles =
        assay_arena_array(arena, options->topic_count, sizeof(struct rd_kafka_topic_s *));
    bool full = properties == NULL || kafka->brokers == NULL || kafka->topics == NULL ||
                kafka->topic_partitions == NULL || kafka->topic_handles == NULL;
    for (size_t i = 0; i < options->property_count && !full; i++) {
        properties[i].key = assay_arena_copy(arena, options->properties[i].key);
        properties[i].value = assay_arena_copy(arena, options->properties[i].value);
        full = properties[i].key.ptr == NULL || properties[i].value.ptr == NULL;
    }
    for (size_t i = 0; i < options->topic_count && !full; i++) {
        kafka->topics[i] = assay_arena_copy(arena, options->topics[i]).ptr;
        full = kafka->topics[i] == NULL;
    }
    if (full) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "kafka source", "no memory for its settings");
    }
    kafka->properties = properties;
    kafka->property_count = options->property_count;
    kafka->topic_count = options->topic_count;
    kafka->peak_events_per_s = options->peak_events_per_s;
    kafka->until_end = options->until_end;
    kafka->stop = options->stop;
    return ASSAY_OK;
}

static enum assay_status check_options(const struct assay_kafka_options *options,
                                       struct assay_err *err)
{
    if (options->brokers.ptr == NULL || options->brokers.len == 0 ||
        memchr(options->brokers.ptr, '\0', options->brokers.len) != NULL) {
        (void)assay_err_set(err, ASSAY_E_CONFIG, "kafka source", "no brokers are named");
        assay_err_remedy(err, "give brokers as host:port, several with commas between");
        return ASSAY_E_CONFIG;
    }
    if (options->topic_count == 0 || options->topic_count > TOPICS_MAX ||
        options->property_count > PROPERTIES_MAX) {
        (void)assay_err_set(err, ASSAY_E_CONFIG, "kafka source",
                            "no topics are named, or too many topics or properties");
        assay_err_allowed(err, "1 to %d topics, up to %d properties", TOPICS_MAX, PROPERTIES_MAX);
        return ASSAY_E_CONFIG;
    }
    for (size_t i = 0; i < options->topic_count; i++) {
        const struct assay_str topic = options->topics[i];
        bool good = topic.ptr != NULL && topic.len > 0 && topic.len <= TOPIC_BYTES_MAX;
        for (uint32_t c = 0; good && c < topic.len; c++) {
            const char byte = topic.ptr[c];
            good = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                   (byte >= '0' && byte <= '9') || byte == '.' || byte == '_' || byte == '-';
        }
        if (!good) {
            (void)assay_err_set(err, ASSAY_E_CONFIG, "kafka source", "not a topic name");
            assay_err_value(err, "%.*s", (int)topic.len, topic.ptr == NULL ? "" : topic.ptr);
            assay_err_allowed(err, "1 to %d of a-z A-Z 0-9 . _ -", TOPIC_BYTES_MAX);
            return ASSAY_E_CONFIG;
        }
    }
    return ASSAY_OK;
}

static int compare_topics(const void *a, const void *b)
{
    const char *const *left = (const char *const *)a;
    const char *const *right = (const char *const *)b;
    return strcmp(*left, *right);
}

static enum assay_status sort_topics(struct assay_kafka *kafka, struct assay_err *err)
{
    qsort(kafka->topics, kafka->topic_count, sizeof *kafka->topics, compare_topics);
    for (size_t i = 1; i < kafka->topic_count; i++) {
        if (strcmp(kafka->topics[i - 1], kafka->topics[i]) == 0) {
            (void)assay_err_set(err, ASSAY_E_CONFIG, "kafka source", "a topic is named twice");
            assay_err_value(err, "%s", kafka->topics[i]);
            return ASSAY_E_CONFIG;
        }
    }
    return ASSAY_OK;
}

/* Partitions of a topic, or 0 and why not. */
static uint32_t ask_partitions(struct assay_kafka *kafka, size_t topic, int timeout_ms,
                               rd_kafka_resp_err_t *why)
{
    const struct rd_kafka_metadata *metadata = NULL;
    *why = rd_kafka_metadata(kafka->control, 0, kafka->topic_handles[topic], &metadata, timeout_ms);
    if (*why != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return 0;
    }
    uint32_t count = 0;
    *why = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *found = &metadata->topics[i];
        if (strcmp(found->topic, kafka->topics[topic]) == 0) {
            *why = found->err;
            count = found->err == RD_KAFKA_RESP_ERR_NO_ERROR ? (uint32_t)found->partition_cnt : 0;
        }
    }
    rd_kafka_metadata_destroy(metadata);
    if (*why == RD_KAFKA_RESP_ERR_NO_ERROR && count == 0) {
        *why = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE; /* just created: its partitions come later */
    }
    return count;
}

static enum assay_status refuse_topic(const struct assay_kafka *kafka, size_t topic,
                                      rd_kafka_resp_err_t why, struct assay_err *err)
{
    const bool denied = why == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    (void)assay_err_set(err, ASSAY_E_CONFIG, "kafka source", "topic %s cannot be read: %s",
                        kafka->topics[topic], rd_kafka_err2str(why));
    assay_err_remedy(err, "%s",
                     denied ? "give this user the right to read and describe it"
                            : "create the topic, or correct its name or the brokers");
    return ASSAY_E_CONFIG;
}

static enum assay_status stopped(struct assay_err *err, const char *while_doing)
{
    return assay_err_set(err, ASSAY_E_UNAVAILABLE, "kafka source", "stopped while waiting for %s",
                         while_doing);
}

/* Ask until a broker answers; one that has just started may not know its topics for a while. */
static enum assay_status learn_topic(struct assay_kafka *kafka, size_t topic, struct assay_err *err)
{
    uint64_t unknown_since_ns = 0;
    for (;;) {
        if (kafka_stopped(kafka)) {
            return stopped(err, kafka->brokers);
        }
        rd_kafka_resp_err_t why = RD_KAFKA_RESP_ERR_NO_ERROR;
        kafka->topic_partitions[topic] = ask_partitions(kafka, topic, KAFKA_TRY_MS, &why);
        (void)rd_kafka_poll(kafka->control, 0);
        if (why == RD_KAFKA_RESP_ERR_NO_ERROR) {
            return ASSAY_OK;
        }
        if (why == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
            why == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION) {
            return refuse_topic(kafka, topic, why, err);
        }
        if (why == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
            why == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) {
            const uint64_t now_ns = assay_clock_monotonic_ns();
            if (unknown_since_ns == 0) {
                unknown_since_ns = now_ns;
            } else if (now_ns - unknown_since_ns > KAFKA_GRACE_MS * UINT64_C(1000000)) {
                return refuse_topic(kafka, topic, why, err);
            }
        }
        ASSAY_LOG(WARN, "kafka_waiting", "waiting for %s to describe topic %s: %s", kafka->brokers,
                  kafka->topics[topic], rd_kafka_err2str(why));
        (void)poll(NULL, 0, KAFKA_TRY_MS / 4);
    }
}

static enum assay_status learn_partitions(struct assay_kafka *kafka, struct assay_err *err)
{
    size_t count = 0;
    for (size_t i = 0; i < kafka->topic_count; i++) {
        kafka->topic_handles[i] = rd_kafka_topic_new(kafka->control, kafka->topics[i], NULL);
        if (kafka->topic_handles[i] == NULL) {
            return refuse_topic(kafka, i, rd_kafka_last_error(), err);
        }
        const enum assay_status status = learn_topic(kafka, i, err);
        if (status != ASSAY_OK) {
            return status;
        }
        count += kafka->topic_partitions[i];
    }
    if (count > ASSAY_PARTITIONS_MAX) {
        (void)assay_err_set(err, ASSAY_E_CONFIG, "kafka source", "too many partitions");
        assay_err_value(err, "%zu", count);
        assay_err_allowed(err, "up to %d", ASSAY_PARTITIONS_MAX);
        return ASSAY_E_CONFIG;
    }
    kafka->partitions = assay_arena_array(kafka->arena, count, sizeof *kafka->partitions);
    if (kafka->partitions == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "kafka source", "no memory for partitions");
    }
    for (size_t i = 0; i < kafka->topic_count; i++) {
        for (uint32_t number = 0; number < kafka->topic_partitions[i]; number++) {
            kafka->partitions[kafka->partition_count++] = (struct assay_partition){
                .source = assay_str_of("kafka"),
                .topic = assay_str_of(kafka->topics[i]),
                .number = number,
            };
        }
    }
    return ASSAY_OK;
}

static enum assay_status start(struct assay_kafka *kafka, const struct assay_kafka_options *options,
                               struct assay_err *err)
{
    enum assay_status status = copy_options(kafka, options, err);
    if (status == ASSAY_OK) {
        status = sort_topics(kafka, err);
    }
    if (status == ASSAY_OK) {
        status = kafka_client_start(&kafka->control, kafka, NULL, err);
    }
    if (status == ASSAY_OK) {
        kafka->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (kafka->wake_fd < 0) {
            return assay_err_errno(err, errno, "kafka source", "cannot make a wake-up");
        }
        status = learn_partitions(kafka, err);
    }
    kafka->growth_checked_ns = assay_clock_monotonic_ns();
    return status;
}

enum assay_status assay_kafka_open(struct assay_kafka **out,
                                   const struct assay_kafka_options *options, struct assay_err *err)
{
    ASSAY_ASSERT(out != NULL);
    ASSAY_ASSERT(options != NULL);
    *out = NULL;
    enum assay_status status = check_options(options, err);
    if (status != ASSAY_OK) {
        return status;
    }
    struct assay_kafka *kafka = calloc(1, sizeof *kafka);
    struct assay_arena *arena = assay_arena_create(ARENA_BYTES_MAX);
    if (kafka == NULL || arena == NULL) {
        free(kafka);
        assay_arena_destroy(arena);
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "kafka source", "no memory to open it");
    }
    kafka->arena = arena;
    kafka->wake_fd = -1;
    status = start(kafka, options, err);
    if (status != ASSAY_OK) {
        assay_kafka_close(kafka);
        return status;
    }
    *out = kafka;
    return ASSAY_OK;
}

void assay_kafka_close(struct assay_kafka *kafka)
{
    if (kafka == NULL) {
        return;
    }
    ASSAY_ASSERT(atomic_load(&kafka->feeds_open) == 0);
    for (size_t i = 0; i < kafka->topic_count; i++) {
        if (kafka->topic_handles[i] != NULL) {
            rd_kafka_topic_destroy(kafka->topic_handles[i]);
        }
    }
    if (kafka->control != NULL) {
        rd_kafka_destroy(kafka->control);
    }
    if (kafka->wake_fd >= 0) {
        (void)close(kafka->wake_fd);
    }
    assay_arena_destroy(kafka->arena);
    free(kafka);
}

const struct assay_partition *assay_kafka_partitions(const struct assay_kafka *kafka, size_t *count)
{
    *count = kafka->partition_count;
    return kafka->partitions;
}

bool kafka_watermarks_once(struct assay_kafka *kafka, const struct assay_partition *partition,
                           uint64_t *low, uint64_t *high)
{
    int64_t first = 0;
    int64_t end = 0;
    const rd_kafka_resp_err_t why =
        rd_kafka_query_watermark_offsets(kafka->control, partition->topic.ptr,
                                         (int32_t)partition->number, &first, &end, KAFKA_TRY_MS);
    (void)rd_kafka_poll(kafka->control, 0);
    if (why != RD_KAFKA_RESP_ERR_NO_ERROR || first < 0 || end < first) {
        ASSAY_LOG(WARN, "kafka_waiting", "waiting for the offsets of %s partition %u: %s",
                  partition->topic.ptr, partition->number, rd_kafka_err2str(why));
        return false;
    }
    *low = (uint64_t)first;
    *high = (uint64_t)end;
    return true;
}

enum assay_status kafka_watermarks(struct assay_kafka *kafka,
                                   const struct assay_partition *partition, uint64_t *low,
                                   uint64_t *high, struct assay_err *err)
{
    while (!kafka_watermarks_once(kafka, partition, low, high)) {
        if (kafka_stopped(kafka)) {
            return stopped(err, "offsets");
        }
        (void)poll(NULL, 0, KAFKA_TRY_MS / 4);
    }
    return ASSAY_OK;
}

enum assay_status kafka_out_of_range(struct assay_err *err, const struct assay_partition *partition,
                                     uint64_t wanted, uint64_t low, uint64_t high)
{
    char where[256];
    (void)snprintf(where, sizeof where, "%.200s partition %u", partition->topic.ptr,
                   partition->number);
    const bool passed = wanted < low;
    (void)assay_err_set(err, ASSAY_E_UNAVAILABLE, where, "%s",
                        passed ? "the offset wanted is no longer held: retention has passed"
                               : "the log ends before the offset wanted: it lost events or is "
                                 "another topic of the same name");
    assay_err_value(err, "offset %llu", (unsigned long long)wanted);
    assay_err_allowed(err, "%llu to %llu", (unsigned long long)low, (unsigned long long)high);
    assay_err_remedy(err, "%s",
                     passed ? "start from an empty state folder, and give the topic a longer "
                              "retention"
                            : "find out what happened to the topic; to accept the loss, start from "
                              "an empty state folder");
    return ASSAY_E_UNAVAILABLE;
}

/* The table is fixed at start; events of partitions added later would wait unread, so say so. So
 * is a topic that is gone: librdkafka waits for its return without a word. */
static void look_for_change(struct assay_kafka *kafka)
{
    const uint64_t now_ns = assay_clock_monotonic_ns();
    if (now_ns - kafka->growth_checked_ns < KAFKA_GROWTH_CHECK_S * UINT64_C(1000000000)) {
        return;
    }
    const size_t topic = kafka->growth_topic;
    rd_kafka_resp_err_t why = RD_KAFKA_RESP_ERR_NO_ERROR;
    const uint32_t count = ask_partitions(kafka, topic, GROWTH_TRY_MS, &why);
    (void)rd_kafka_poll(kafka->control, 0);
    if (count > kafka->topic_partitions[topic]) {
        ASSAY_LOG(WARN, "kafka_partitions_added",
                  "topic %s has %u partitions now and %u are read: restart to read all",
                  kafka->topics[topic], count, kafka->topic_partitions[topic]);
    } else if (why == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
               why == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
               (why == RD_KAFKA_RESP_ERR_NO_ERROR && count < kafka->topic_partitions[topic])) {
        ASSAY_LOG(WARN, "kafka_topic_gone",
                  "topic %s has %u partitions now and %u were read: it was deleted; waiting for it",
                  kafka->topics[topic], count, kafka->topic_partitions[topic]);
    }
    kafka->growth_topic = (topic + 1) % kafka->topic_count;
    if (kafka->growth_topic == 0) {
        kafka->growth_checked_ns = now_ns; /* one topic a call until all have been asked */
    }
}

void assay_kafka_wait(struct assay_kafka *kafka, int timeout_ms)
{
    ASSAY_ASSERT(timeout_ms >= 0);
    look_for_change(kafka);
    struct pollfd wake = {.fd = kafka->wake_fd, .events = POLLIN};
    if (poll(&wake, 1, timeout_ms) > 0) {
        uint64_t count = 0;
        /* Cleared before the feeds are polled, so what arrives from here on wakes the next wait. */
        (void)!read(kafka->wake_fd, &count, sizeof count);
    }
}
