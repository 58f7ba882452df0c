#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "features/decode.h"
#include "ingest/kafka_pvt.h"

#include <librdkafka/rdkafka.h>

#include <stdlib.h>
#include <unistd.h>

enum {
    TAKE_WAIT_MS = 100,   /* how long take() sleeps between looks at stop */
    SHARE_ROUNDS_MAX = 4, /* of dealing out an epoch's room; the rest waits for the next epoch */
    BYTES_MAX = ASSAY_DECODE_BYTES_MAX + 1, /* one over the decoder's limit: it will refuse */
};

/* A partition of the feed. All offsets below `position` are handed out or known to hold nothing. */
struct part {
    uint32_t index; /* in the partition table */
    rd_kafka_topic_t *topic;
    rd_kafka_queue_t *queue;
    uint64_t position;
    uint64_t end;   /* --until-end: nothing from here on is handed out; UINT64_MAX: live */
    bool started;   /* librdkafka fetches it */
    bool skipping;  /* position was moved ahead of what librdkafka gives next: drop in silence */
    size_t waiting; /* poll's scratch: messages there */
    size_t quota;   /* poll's scratch: messages to take */
    rd_kafka_message_t **held; /* read past the end of a take, in order; NULL until it happens */
    size_t held_begin;
    size_t held_end;
};

struct kafka_feed {
    struct assay_feed base;
    struct assay_kafka *kafka;
    rd_kafka_t *client;
    rd_kafka_queue_t *main_queue; /* errors; only looked at for its length */
    bool down;                    /* no broker answered last */
    enum assay_status failed;
    struct assay_err failure;
    uint32_t home, homes;
    size_t turn; /* where dealing out the room of an epoch begins */
    size_t taken_count;
    rd_kafka_message_t *taken[ASSAY_EPOCH_MESSAGES_MAX]; /* lent out until release */
    rd_kafka_message_t *batch[ASSAY_EPOCH_MESSAGES_MAX];
    size_t part_count;
    struct part parts[];
};

static struct kafka_feed *kafka_feed_of(struct assay_feed *base)
{
    ASSAY_ASSERT(base != NULL);
    return (struct kafka_feed *)base;
}

static const struct assay_partition *partition_of(const struct kafka_feed *feed,
                                                  const struct part *part)
{
    return &feed->kafka->partitions[part->index];
}

void kafka_feed_on_error(struct rd_kafka_s *client, int code, const char *reason, void *opaque)
{
    struct kafka_feed *feed = opaque;
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        char text[256];
        const rd_kafka_resp_err_t cause = rd_kafka_fatal_error(client, text, sizeof text);
        if (feed->failed == ASSAY_OK) {
            feed->failed =
                assay_err_set(&feed->failure, ASSAY_E_IO, "kafka source",
                              "the client failed for good: %s: %s", rd_kafka_err2name(cause), text);
        }
        return;
    }
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        if (!feed->down) {
            ASSAY_LOG(WARN, "kafka_down", "no broker of %s answers: trying until one does",
                      feed->kafka->brokers);
        }
        feed->down = true;
        return;
    }
    /* librdkafka has logged it with its place already. */
    ASSAY_LOG(DEBUG, "kafka_error", "%s: %s", rd_kafka_err2name((rd_kafka_resp_err_t)code), reason);
}

/* Errors that librdkafka mends itself, or that an operator can mend while it goes on asking. */
static bool heals(rd_kafka_resp_err_t code)
{
    static const rd_kafka_resp_err_t codes[] = {
        RD_KAFKA_RESP_ERR__TRANSPORT,
        RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
        RD_KAFKA_RESP_ERR__RESOLVE,
        RD_KAFKA_RESP_ERR__TIMED_OUT,
        RD_KAFKA_RESP_ERR__AUTHENTICATION,
        RD_KAFKA_RESP_ERR__SSL,
        RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
        RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
        RD_KAFKA_RESP_ERR__WAIT_CACHE,
        RD_KAFKA_RESP_ERR__RETRY,
        RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
        RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE,
        RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE,
        RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION,
        RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
        RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE,
        RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH,
        RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH,
        RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
        RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i] == code) {
            return true;
        }
    }
    return false;
}

static void fail(struct kafka_feed *feed, const struct part *part,
                 const rd_kafka_message_t *message)
{
    if (feed->failed != ASSAY_OK) {
        return;
    }
    const struct assay_partition *partition = partition_of(feed, part);
    uint64_t low = 0;
    uint64_t high = 0;
    const bool lost = message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
                      message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
    if (lost && kafka_watermarks_once(feed->kafka, partition, &low, &high)) {
        /* What librdkafka gives next is not known here, but it is no less than the position. */
        const uint64_t asked = message->offset >= 0 ? (uint64_t)message->offset : part->position;
        feed->failed = kafka_out_of_range(&feed->failure, partition, asked, low, high);
        return;
    }
    char where[256];
    (void)snprintf(where, sizeof where, "%.200s partition %u", partition->topic.ptr,
                   partition->number);
    feed->failed =
        assay_err_set(&feed->failure, lost ? ASSAY_E_UNAVAILABLE : ASSAY_E_IO, where,
                      "cannot be read at offset %llu or after: %s",
                      (unsigned long long)part->position, rd_kafka_message_errstr(message));
    assay_err_remedy(&feed->failure, "reading on would lose events: mend the log, then restart");
}

/* Take in what came as an error instead of an event. */
static void receive_error(struct kafka_feed *feed, struct part *part,
                          const rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        /* Everything before has been given; what is missing was compacted or is control records. */
        if (message->offset >= 0 && (uint64_t)message->offset > part->position) {
            part->position = (uint64_t)message->offset;
        }
    } else if (heals(message->err)) {
        ASSAY_LOG(WARN, "kafka_partition", "%s partition %u: %s",
                  partition_of(feed, part)->topic.ptr, partition_of(feed, part)->number,
                  rd_kafka_message_errstr(message));
    } else {
        fail(feed, part, message);
    }
}

/* Turn what librdkafka gave into a message of ours; false: it is none, and is destroyed. */
static bool receive(struct kafka_feed *feed, struct part *part, rd_kafka_message_t *message,
                    struct assay_message *out)
{
    if (feed->failed != ASSAY_OK) {
        rd_kafka_message_destroy(message);
        return false;
    }
    if (feed->down && (message->err == RD_KAFKA_RESP_ERR_NO_ERROR ||
                       message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)) {
        feed->down = false;
        ASSAY_LOG(INFO, "kafka_up", "brokers answer again");
    }
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        receive_error(feed, part, message);
        rd_kafka_message_destroy(message);
        return false;
    }
    const uint64_t offset = (uint64_t)message->offset;
    if (offset < part->position || offset >= part->end) {
        if (offset < part->position && !part->skipping) {
            ASSAY_LOG(WARN, "kafka_repeat", "%s partition %u gave offset %llu again: dropped",
                      partition_of(feed, part)->topic.ptr, partition_of(feed, part)->number,
                      (unsigned long long)offset);
        } else if (offset >= part->end) {
            part->position = part->end; /* what lay before the end is through */
        }
        rd_kafka_message_destroy(message);
        return false;
    }
    part->skipping = false;
    part->position = offset + 1;
    ASSAY_ASSERT(feed->taken_count < ASSAY_EPOCH_MESSAGES_MAX);
    feed->taken[feed->taken_count++] = message;
    *out = (struct assay_message){
        .bytes = {.ptr = message->payload == NULL ? "" : message->payload,
                  .len = message->len > BYTES_MAX ? BYTES_MAX : (uint32_t)message->len},
        .offset = offset,
        .partition = part->index,
    };
    return true;
}

/* Up to @p max waiting things into feed->batch; what is held goes first and alone. */
static size_t read_batch(struct kafka_feed *feed, struct part *part, size_t max)
{
    const size_t held = part->held_end - part->held_begin;
    if (held > 0) {
        const size_t count = held < max ? held : max;
        memcpy(feed->batch, part->held + part->held_begin, count * sizeof(rd_kafka_message_t *));
        part->held_begin += count;
        return count;
    }
    /* Never ask for more than there is: librdkafka would wait for the rest of the batch. */
    const size_t waiting = rd_kafka_queue_length(part->queue);
    const size_t want = waiting < max ? waiting : max;
    if (want == 0) {
        return 0;
    }
    const ssize_t got = rd_kafka_consume_batch_queue(part->queue, 0, feed->batch, want);
    return got < 0 ? 0 : (size_t)got;
}

/* Deal the room out over the partitions that have something; true: something will be left. */
static bool deal(struct kafka_feed *feed, size_t room)
{
    size_t total = 0;
    size_t active = 0;
    for (size_t i = 0; i < feed->part_count; i++) {
        struct part *part = &feed->parts[i];
        part->quota = 0;
        part->waiting = 0;
        if (part->started && part->position < part->end) {
            part->waiting = part->held_end - part->held_begin;
            if (part->waiting == 0) {
                part->waiting = rd_kafka_queue_length(part->queue);
            } else {
                total += rd_kafka_queue_length(part->queue) > 0 ? 1 : 0; /* never both at once */
            }
        }
        total += part->waiting;
        active += part->waiting > 0 ? 1 : 0;
    }
    size_t left = room;
    for (int round = 0; round < SHARE_ROUNDS_MAX && left > 0 && active > 0; round++) {
        const size_t share = left > active ? left / active : 1;
        for (size_t i = 0; i < feed->part_count && left > 0; i++) {
            struct part *part = &feed->parts[(feed->turn + i) % feed->part_count];
            const size_t wanted = part->waiting - part->quota;
            size_t more = wanted < share ? wanted : share;
            more = more < left ? more : left;
            part->quota += more;
            left -= more;
            active -= more > 0 && part->quota == part->waiting ? 1 : 0;
        }
    }
    feed->turn = feed->part_count == 0 ? 0 : (feed->turn + 1) % feed->part_count;
    return total > room - left;
}

static void serve_errors(struct kafka_feed *feed)
{
    if (rd_kafka_queue_length(feed->main_queue) > 0) {
        (void)rd_kafka_poll(feed->client, 0);
    }
}

static bool ended(const struct kafka_feed *feed)
{
    for (size_t i = 0; i < feed->part_count; i++) {
        if (feed->parts[i].position < feed->parts[i].end) {
            return false;
        }
    }
    return true;
}

static size_t poll_kafka(struct assay_feed *base, size_t max, struct assay_message out[], bool *end)
{
    struct kafka_feed *feed = kafka_feed_of(base);
    *end = false;
    serve_errors(feed);
    if (feed->failed != ASSAY_OK) {
        return 0;
    }
    const size_t free_count = ASSAY_EPOCH_MESSAGES_MAX - feed->taken_count;
    const bool more = deal(feed, max < free_count ? max : free_count);
    size_t count = 0;
    for (size_t i = 0; i < feed->part_count; i++) {
        struct part *part = &feed->parts[i];
        const size_t got = part->quota == 0 ? 0 : read_batch(feed, part, part->quota);
        for (size_t m = 0; m < got; m++) {
            count += receive(feed, part, feed->batch[m], &out[count]) ? 1 : 0;
        }
    }
    if (more) {
        /* librdkafka wakes only on a queue's first message: the next wait must not sleep on it. */
        const uint64_t one = 1;
        (void)!write(feed->kafka->wake_fd, &one, sizeof one);
    }
    *end = feed->failed == ASSAY_OK && ended(feed);
    return count;
}

static void drop_held(struct part *part)
{
    while (part->held_begin < part->held_end) {
        rd_kafka_message_destroy(part->held[part->held_begin++]);
    }
    part->held_begin = 0;
    part->held_end = 0;
}

static enum assay_status start_at(struct kafka_feed *feed, struct part *part, uint64_t offset,
                                  struct assay_err *err)
{
    drop_held(part);
    const int32_t number = (int32_t)partition_of(feed, part)->number;
    if (part->started) {
        (void)rd_kafka_consume_stop(part->topic, number);
        part->started = false;
    }
    if (rd_kafka_consume_start_queue(part->topic, number, (int64_t)offset, part->queue) != 0) {
        return assay_err_set(err, ASSAY_E_IO, partition_of(feed, part)->topic.ptr,
                             "partition %d cannot be read: %s", number,
                             rd_kafka_err2str(rd_kafka_last_error()));
    }
    part->started = true;
    part->skipping = false;
    part->position = offset;
    return ASSAY_OK;
}

/* Make @p offset the next one, without a seek where reading on gets there. */
static enum assay_status go_to(struct kafka_feed *feed, struct part *part, uint64_t offset,
                               struct assay_err *err)
{
    if (!part->started || offset < part->position ||
        offset - part->position > ASSAY_EPOCH_MESSAGES_MAX) {
        return part->started && offset == part->position ? ASSAY_OK
                                                         : start_at(feed, part, offset, err);
    }
    part->skipping = part->skipping || offset > part->position;
    part->position = offset;
    return ASSAY_OK;
}

/* Keep what was read past the end of a range, in order: everything after the first such message. */
static enum assay_status hold(struct part *part, rd_kafka_message_t **messages, size_t count,
                              struct assay_err *err)
{
    if (part->held == NULL) {
        part->held = calloc(ASSAY_EPOCH_MESSAGES_MAX, sizeof(rd_kafka_message_t *));
    }
    if (part->held == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "kafka source", "no memory to read ahead");
    }
    if (part->held_begin == part->held_end) {
        memcpy(part->held, messages, count * sizeof(rd_kafka_message_t *));
        part->held_begin = 0;
        part->held_end = count;
        return ASSAY_OK;
    }
    /* They came from here a moment ago, so their places are still free. */
    ASSAY_ASSERT(part->held_begin >= count);
    part->held_begin -= count;
    ASSAY_ASSERT(part->held[part->held_begin] == messages[0]);
    return ASSAY_OK;
}

/* The log has no more: after a while ask where it ends, and refuse one that is too short. */
static enum assay_status check_length(struct kafka_feed *feed, const struct part *part,
                                      uint64_t end, uint64_t *idle_since_ns, struct assay_err *err)
{
    const uint64_t now_ns = assay_clock_monotonic_ns();
    if (*idle_since_ns == 0) {
        *idle_since_ns = now_ns;
    }
    if (now_ns - *idle_since_ns < KAFKA_GRACE_MS * UINT64_C(1000000)) {
        return ASSAY_OK;
    }
    *idle_since_ns = now_ns;
    uint64_t low = 0;
    uint64_t high = 0;
    const struct assay_partition *partition = partition_of(feed, part);
    if (kafka_watermarks_once(feed->kafka, partition, &low, &high) && high < end) {
        return kafka_out_of_range(err, partition, end, low, high);
    }
    ASSAY_LOG(WARN, "kafka_waiting", "waiting for offset %llu of %s partition %u",
              (unsigned long long)part->position, partition->topic.ptr, partition->number);
    return ASSAY_OK;
}

/* Block a little for the partition's next messages. */
static size_t wait_batch(struct kafka_feed *feed, struct part *part, size_t max)
{
    const size_t got = read_batch(feed, part, max);
    if (got > 0) {
        return got;
    }
    const ssize_t waited = rd_kafka_consume_batch_queue(part->queue, TAKE_WAIT_MS, feed->batch, 1);
    return waited < 0 ? 0 : (size_t)waited;
}

static enum assay_status failure_of(const struct kafka_feed *feed, struct assay_err *err)
{
    if (feed->failed != ASSAY_OK && err != NULL) {
        *err = feed->failure;
    }
    return feed->failed;
}

static void destroy_all(rd_kafka_message_t **messages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        rd_kafka_message_destroy(messages[i]);
    }
}

/* Accept a batch up to the end of a range, and hold the rest. */
static enum assay_status receive_until(struct kafka_feed *feed, struct part *part, size_t got,
                                       uint64_t end, size_t max, struct assay_message out[],
                                       size_t *count, struct assay_err *err)
{
    for (size_t m = 0; m < got; m++) {
        rd_kafka_message_t *message = feed->batch[m];
        if (part->position >= end ||
            (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && (uint64_t)message->offset >= end)) {
            const enum assay_status status = hold(part, feed->batch + m, got - m, err);
            if (status != ASSAY_OK) {
                destroy_all(feed->batch + m, got - m);
                return status;
            }
            part->position = part->position < end ? end : part->position;
            return ASSAY_OK;
        }
        if (*count == max && message->err == RD_KAFKA_RESP_ERR_NO_ERROR &&
            (uint64_t)message->offset >= part->position) {
            destroy_all(feed->batch + m, got - m);
            (void)assay_err_set(err, ASSAY_E_UNAVAILABLE, partition_of(feed, part)->topic.ptr,
                                "partition %u holds more events before offset %llu than were "
                                "recorded: it is another topic of the same name",
                                partition_of(feed, part)->number, (unsigned long long)end);
            return ASSAY_E_UNAVAILABLE;
        }
        *count += receive(feed, part, message, &out[*count]) ? 1 : 0;
    }
    return ASSAY_OK;
}

static enum assay_status take_range(struct kafka_feed *feed, struct part *part,
                                    const struct assay_range *range, size_t max,
                                    struct assay_message out[], size_t *count,
                                    struct assay_err *err)
{
    max = max - *count < ASSAY_EPOCH_MESSAGES_MAX - feed->taken_count
              ? max
              : *count + ASSAY_EPOCH_MESSAGES_MAX - feed->taken_count;
    enum assay_status status = go_to(feed, part, range->next, err);
    uint64_t idle_since_ns = 0;
    const uint64_t live_end = part->end;
    part->end = UINT64_MAX; /* a recorded range counts, wherever the end lies */
    while (status == ASSAY_OK && part->position < range->end) {
        serve_errors(feed);
        ASSAY_ASSERT(*count <= max);
        /* Where nothing fits any more, the range may still end in offsets without an event. */
        const size_t room = max == *count ? 1 : max - *count;
        const uint64_t left = range->end - part->position;
        const size_t got = wait_batch(feed, part, left < room ? (size_t)left : room);
        status = receive_until(feed, part, got, range->end, max, out, count, err);
        if (status == ASSAY_OK) {
            status = failure_of(feed, err);
        }
        if (got > 0) {
            idle_since_ns = 0;
        } else if (status == ASSAY_OK && kafka_stopped(feed->kafka)) {
            status = assay_err_set(err, ASSAY_E_UNAVAILABLE, "kafka source",
                                   "stopped while reading recorded events");
        } else if (status == ASSAY_OK) {
            status = check_length(feed, part, range->end, &idle_since_ns, err);
        }
    }
    part->end = live_end;
    return status;
}

static enum assay_status take_kafka(struct assay_feed *base, const struct assay_range ranges[],
                                    size_t range_count, size_t max, struct assay_message out[],
                                    size_t *count, struct assay_err *err)
{
    struct kafka_feed *feed = kafka_feed_of(base);
    *count = 0;
    enum assay_status status = failure_of(feed, err);
    for (size_t r = 0; r < range_count && status == ASSAY_OK; r++) {
        const uint32_t partition = ranges[r].partition;
        ASSAY_ASSERT(partition < feed->kafka->partition_count);
        ASSAY_ASSERT(partition % feed->homes == feed->home);
        ASSAY_ASSERT(ranges[r].next < ranges[r].end);
        struct part *part = &feed->parts[partition / feed->homes];
        status = take_range(feed, part, &ranges[r], max, out, count, err);
    }
    return status;
}

static void release_kafka(struct assay_feed *base)
{
    struct kafka_feed *feed = kafka_feed_of(base);
    for (size_t i = 0; i < feed->taken_count; i++) {
        rd_kafka_message_destroy(feed->taken[i]);
    }
    feed->taken_count = 0;
}

static enum assay_status failure_of_kafka(struct assay_feed *base, struct assay_err *err)
{
    return failure_of(kafka_feed_of(base), err);
}

static void close_kafka(struct assay_feed *base)
{
    struct kafka_feed *feed = kafka_feed_of(base);
    /* librdkafka waits for every message it has lent, so give all back before it is destroyed. */
    release_kafka(base);
    for (size_t i = 0; i < feed->part_count; i++) {
        struct part *part = &feed->parts[i];
        drop_held(part);
        free(part->held);
        if (part->started) {
            (void)rd_kafka_consume_stop(part->topic, (int32_t)partition_of(feed, part)->number);
        }
        if (part->queue != NULL) {
            rd_kafka_queue_io_event_enable(part->queue, -1, NULL, 0);
            rd_kafka_queue_destroy(part->queue);
        }
        if (part->topic != NULL) {
            rd_kafka_topic_destroy(part->topic);
        }
    }
    if (feed->main_queue != NULL) {
        rd_kafka_queue_destroy(feed->main_queue);
    }
    if (feed->client != NULL) {
        rd_kafka_destroy(feed->client);
    }
    atomic_fetch_sub(&feed->kafka->feeds_open, 1);
    free(feed);
}

static const struct assay_feed_ops kafka_feed_ops = {
    .poll = poll_kafka,
    .take = take_kafka,
    .release = release_kafka,
    .failure = failure_of_kafka,
    .close = close_kafka,
};

/* Where to begin, checked against what the log holds now; also learns the end for --until-end. */
static enum assay_status place(struct kafka_feed *feed, struct part *part, uint64_t wanted,
                               struct assay_err *err)
{
    struct assay_kafka *kafka = feed->kafka;
    const struct assay_partition *partition = partition_of(feed, part);
    const uint64_t begin_ns = assay_clock_monotonic_ns();
    uint64_t low = 0;
    uint64_t high = 0;
    for (;;) {
        const enum assay_status status = kafka_watermarks(kafka, partition, &low, &high, err);
        if (status != ASSAY_OK) {
            return status;
        }
        part->position = wanted == UINT64_MAX ? low : wanted;
        part->end = kafka->until_end ? high : UINT64_MAX;
        if (part->position >= low && part->position <= high) {
            return ASSAY_OK;
        }
        /* A leader just elected may not know its end yet; below the start nothing will mend it. */
        if (part->position < low ||
            assay_clock_monotonic_ns() - begin_ns > KAFKA_GRACE_MS * UINT64_C(1000000)) {
            return kafka_out_of_range(err, partition, part->position, low, high);
        }
        if (kafka_stopped(kafka)) {
            return assay_err_set(err, ASSAY_E_UNAVAILABLE, "kafka source",
                                 "stopped while waiting for offsets");
        }
        (void)usleep(KAFKA_TRY_MS * 100);
    }
}

static enum assay_status open_part(struct kafka_feed *feed, struct part *part, uint64_t wanted,
                                   struct assay_err *err)
{
    static const uint64_t one = 1;
    enum assay_status status = place(feed, part, wanted, err);
    if (status != ASSAY_OK) {
        return status;
    }
    part->topic = rd_kafka_topic_new(feed->client, partition_of(feed, part)->topic.ptr, NULL);
    part->queue = rd_kafka_queue_new(feed->client);
    if (part->topic == NULL || part->queue == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, partition_of(feed, part)->topic.ptr,
                             "no memory for a partition");
    }
    rd_kafka_queue_io_event_enable(part->queue, feed->kafka->wake_fd, &one, sizeof one);
    return part->position < part->end ? start_at(feed, part, part->position, err) : ASSAY_OK;
}

enum assay_status assay_kafka_feed_open(struct assay_feed **out, struct assay_kafka *kafka,
                                        uint32_t home, uint32_t homes, const uint64_t next[],
                                        struct assay_err *err)
{
    ASSAY_ASSERT(out != NULL && kafka != NULL && next != NULL);
    ASSAY_ASSERT(home < homes);
    *out = NULL;
    const size_t total = kafka->partition_count;
    const size_t count = total > home ? (total - home - 1) / homes + 1 : 0;
    struct kafka_feed *feed = calloc(1, sizeof *feed + count * sizeof feed->parts[0]);
    if (feed == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "kafka source", "no memory for a feed");
    }
    feed->base.ops = &kafka_feed_ops;
    feed->kafka = kafka;
    feed->home = home;
    feed->homes = homes;
    atomic_fetch_add(&kafka->feeds_open, 1);
    enum assay_status status = kafka_client_start(&feed->client, kafka, feed, err);
    if (status == ASSAY_OK) {
        feed->main_queue = rd_kafka_queue_get_main(feed->client);
    }
    for (size_t i = 0; i < count && status == ASSAY_OK; i++) {
        struct part *part = &feed->parts[i];
        part->index = home + (uint32_t)i * homes;
        feed->part_count = i + 1;
        status = open_part(feed, part, next[part->index], err);
    }
    if (status != ASSAY_OK) {
        close_kafka(&feed->base);
        return status;
    }
    *out = &feed->base;
    return ASSAY_OK;
}
