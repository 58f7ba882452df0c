/*
 * The Kafka source and output against librdkafka's mock broker, in process. What only a real broker
 * can show (transactions, retention) is in tests/e2e/test_broker.py.
 */
#include "engine/base/clock.h"
#include "engine/emit/output.h"
#include "ingest/kafka_pvt.h"
#include "tests/support/cmocka_all.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    PATIENCE_MS = 30000, /* ends a test that hangs; never decides one that works */
    API_PRODUCE = 0,
    CODE_OUT_OF_ORDER_SEQUENCE = 45, /* Kafka's numbers */
};

static const uint64_t earliest[8] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
                                     UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};

struct seen {
    uint32_t partition;
    uint64_t offset;
    char text[24];
};

static struct assay_kafka_mock *start_mock(uint32_t partitions)
{
    struct assay_kafka_mock *mock = NULL;
    struct assay_err err = {0};
    const char *const topics[] = {"events"};
    assert_int_equal(assay_kafka_mock_start(&mock, topics, &partitions, 1, &err), ASSAY_OK);
    return mock;
}

static struct assay_kafka *open_source(const struct assay_kafka_mock *mock, bool until_end,
                                       const _Atomic bool *stop)
{
    const struct assay_str topic = assay_str_of("events");
    const struct assay_kafka_options options = {
        .brokers = assay_str_of(assay_kafka_mock_brokers(mock)),
        .topics = &topic,
        .topic_count = 1,
        .until_end = until_end,
        .stop = stop,
    };
    struct assay_kafka *kafka = NULL;
    struct assay_err err = {0};
    if (assay_kafka_open(&kafka, &options, &err) != ASSAY_OK) {
        print_message("%s: %s\n", err.where, err.what);
        fail();
    }
    return kafka;
}

static struct assay_feed *open_feed(struct assay_kafka *kafka, uint32_t home, uint32_t homes,
                                    const uint64_t next[])
{
    struct assay_feed *feed = NULL;
    struct assay_err err = {0};
    if (assay_kafka_feed_open(&feed, kafka, home, homes, next, &err) != ASSAY_OK) {
        print_message("%s: %s\n", err.where, err.what);
        fail();
    }
    return feed;
}

static struct assay_output *open_output(const char *brokers, const _Atomic bool *stop)
{
    struct assay_output *output = NULL;
    struct assay_err err = {0};
    assert_int_equal(assay_output_kafka_open(&output, assay_str_of(brokers), assay_str_of("events"),
                                             NULL, 0, stop, &err),
                     ASSAY_OK);
    return output;
}

/* Values are their sequence numbers, keys their last two digits. */
static void send_one(struct assay_output *output, uint32_t number)
{
    char text[24];
    char key[8];
    (void)snprintf(text, sizeof text, "%06u", number);
    (void)snprintf(key, sizeof key, "k%02u", number % 100);
    const struct assay_outgoing record = {
        .key = assay_str_of(key), .value = assay_str_of(text), .id = assay_str_of(text)};
    struct assay_err err = {0};
    assert_int_equal(output->ops->send(output, &record, &err), ASSAY_OK);
}

static void flush(struct assay_output *output)
{
    struct assay_err err = {0};
    if (output->ops->flush(output, &err) != ASSAY_OK) {
        print_message("%s: %s\n", err.where, err.what);
        fail();
    }
}

static void produce(const struct assay_kafka_mock *mock, uint32_t from, uint32_t count)
{
    struct assay_output *output = open_output(assay_kafka_mock_brokers(mock), NULL);
    for (uint32_t i = 0; i < count; i++) {
        send_one(output, from + i);
    }
    flush(output);
    output->ops->close(output);
}

static size_t keep(const struct assay_message messages[], size_t count, struct seen out[])
{
    for (size_t i = 0; i < count; i++) {
        assert_true(messages[i].bytes.len < sizeof out[i].text);
        out[i] = (struct seen){.partition = messages[i].partition, .offset = messages[i].offset};
        memcpy(out[i].text, messages[i].bytes.ptr, messages[i].bytes.len);
    }
    return count;
}

static void no_failure(struct assay_feed *feed)
{
    struct assay_err err = {0};
    if (feed->ops->failure(feed, &err) != ASSAY_OK) {
        print_message("%s: %s (%s; %s)\n", err.where, err.what, err.value, err.allowed);
        fail();
    }
}

/* Poll until @p wanted messages or the end; checks the order inside every poll. */
static size_t collect(struct assay_kafka *kafka, struct assay_feed *feed, size_t max, size_t wanted,
                      struct seen out[], bool *end)
{
    static struct assay_message messages[ASSAY_EPOCH_MESSAGES_MAX];
    const uint64_t begin_ns = assay_clock_monotonic_ns();
    size_t count = 0;
    *end = false;
    while (count < wanted && !*end) {
        const size_t room = wanted - count < max ? wanted - count : max;
        const size_t got = feed->ops->poll(feed, room, messages, end);
        assert_true(got <= room);
        for (size_t i = 1; i < got; i++) {
            assert_true(messages[i - 1].partition < messages[i].partition ||
                        (messages[i - 1].partition == messages[i].partition &&
                         messages[i - 1].offset < messages[i].offset));
        }
        count += keep(messages, got, out + count);
        feed->ops->release(feed);
        no_failure(feed);
        if (got == 0 && !*end) {
            assay_kafka_wait(kafka, 200);
        }
        assert_true(assay_clock_monotonic_ns() - begin_ns < PATIENCE_MS * UINT64_C(1000000));
    }
    return count;
}

static void homes_share_all_messages_exactly_once_in_order(void **state)
{
    (void)state;
    enum { COUNT = 5000, HOMES = 3 };
    struct assay_kafka_mock *mock = start_mock(8);
    produce(mock, 0, COUNT);
    struct assay_kafka *kafka = open_source(mock, true, NULL);
    size_t partitions = 0;
    const struct assay_partition *table = assay_kafka_partitions(kafka, &partitions);
    assert_int_equal(partitions, 8);
    assert_int_equal(table[7].number, 7);
    assert_true(assay_str_equal(table[7].topic, assay_str_of("events")));

    static struct seen seen[COUNT + 1];
    static bool known[COUNT];
    memset(known, 0, sizeof known);
    uint64_t next[8] = {0};
    uint32_t last_of_key[100] = {0};
    size_t total = 0;
    for (uint32_t home = 0; home < HOMES; home++) {
        struct assay_feed *feed = open_feed(kafka, home, HOMES, earliest);
        bool end = false;
        const size_t count = collect(kafka, feed, 300, COUNT + 1, seen, &end);
        assert_true(end);
        for (size_t i = 0; i < count; i++) {
            const uint32_t number = (uint32_t)strtoul(seen[i].text, NULL, 10);
            assert_int_equal(seen[i].partition % HOMES, home);
            assert_int_equal(seen[i].offset, next[seen[i].partition]++);
            assert_false(known[number]);
            known[number] = true;
            /* Keys keep their order: numbers of a key only grow. */
            assert_true(number >= last_of_key[number % 100]);
            last_of_key[number % 100] = number;
        }
        total += count;
        feed->ops->close(feed);
    }
    assert_int_equal(total, COUNT);
    assay_kafka_close(kafka);
    assay_kafka_mock_stop(mock);
}

static void until_end_gives_what_was_there_at_open_and_no_more(void **state)
{
    (void)state;
    struct assay_kafka_mock *mock = start_mock(2);
    produce(mock, 0, 100);
    struct assay_kafka *kafka = open_source(mock, true, NULL);
    struct assay_feed *feed = open_feed(kafka, 0, 1, earliest);
    produce(mock, 100, 100);
    (void)usleep(300000); /* they are fetched too, so that only the end keeps them out */
    static struct seen seen[200];
    bool end = false;
    assert_int_equal(collect(kafka, feed, 30, 200, seen, &end), 100);
    assert_true(end);
    for (size_t i = 0; i < 100; i++) {
        assert_true(strtoul(seen[i].text, NULL, 10) < 100);
    }
    feed->ops->close(feed);
    /* Opened again where it ended, it gives what has come since. */
    uint64_t next[2] = {0};
    for (size_t i = 0; i < 100; i++) {
        next[seen[i].partition] = seen[i].offset + 1;
    }
    assay_kafka_close(kafka);
    kafka = open_source(mock, true, NULL);
    feed = open_feed(kafka, 0, 1, next);
    assert_int_equal(collect(kafka, feed, 30, 200, seen, &end), 100);
    assert_true(end);
    feed->ops->close(feed);
    assay_kafka_close(kafka);
    assay_kafka_mock_stop(mock);
}

static void messages_stay_whole_until_release(void **state)
{
    (void)state;
    enum { COUNT = 1024 };
    struct assay_kafka_mock *mock = start_mock(2);
    produce(mock, 0, COUNT);
    struct assay_kafka *kafka = open_source(mock, true, NULL);
    struct assay_feed *feed = open_feed(kafka, 0, 1, earliest);
    static struct assay_message messages[COUNT];
    size_t count = 0;
    bool end = false;
    while (!end) {
        const size_t got = feed->ops->poll(feed, COUNT - count, messages + count, &end);
        count += got;
        if (got == 0 && !end) {
            assay_kafka_wait(kafka, 200);
        }
    }
    assert_int_equal(count, COUNT);
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        char text[24] = {0};
        memcpy(text, messages[i].bytes.ptr, messages[i].bytes.len);
        sum += strtoul(text, NULL, 10);
    }
    assert_int_equal(sum, (uint64_t)COUNT * (COUNT - 1) / 2);
    feed->ops->release(feed);
    feed->ops->close(feed);
    assay_kafka_close(kafka);
    assay_kafka_mock_stop(mock);
}

static void a_restart_goes_on_at_the_offsets_given(void **state)
{
    (void)state;
    enum { FIRST = 777, COUNT = 2000 };
    struct assay_kafka_mock *mock = start_mock(4);
    produce(mock, 0, COUNT);
    static struct seen seen[COUNT + 1];
    uint64_t next[4] = {0};
    bool end = false;
    struct assay_kafka *kafka = open_source(mock, true, NULL);
    struct assay_feed *feed = open_feed(kafka, 0, 1, earliest);
    size_t total = collect(kafka, feed, 100, FIRST, seen, &end);
    assert_int_equal(total, FIRST);
    for (size_t i = 0; i < total; i++) {
        next[seen[i].partition] = seen[i].offset + 1;
    }
    feed->ops->close(feed);
    assay_kafka_close(kafka);

    kafka = open_source(mock, true, NULL);
    feed = open_feed(kafka, 0, 1, next);
    const size_t rest = collect(kafka, feed, 1024, COUNT + 1, seen, &end);
    assert_int_equal(rest, COUNT - FIRST);
    for (size_t i = 0; i < rest; i++) {
        assert_int_equal(seen[i].offset, next[seen[i].partition]++);
    }
    feed->ops->close(feed);
    assay_kafka_close(kafka);
    assay_kafka_mock_stop(mock);
}

static void take_ok(struct assay_feed *feed, const struct assay_range ranges[], size_t range_count,
                    const char *texts[])
{
    struct assay_message messages[16];
    struct assay_err err = {0};
    size_t count = 0;
    size_t wanted = 0;
    if (feed->ops->take(feed, ranges, range_count, 16, messages, &count, &err) != ASSAY_OK) {
        print_message("%s: %s\n", err.where, err.what);
        fail();
    }
    for (size_t r = 0; r < range_count; r++) {
        for (uint64_t offset = ranges[r].next; offset < ranges[r].end; offset++, wanted++) {
            assert_true(wanted < count);
            assert_int_equal(messages[wanted].partition, ranges[r].partition);
            assert_int_equal(messages[wanted].offset, offset);
            if (texts != NULL) {
                assert_memory_equal(messages[wanted].bytes.ptr, texts[wanted],
                                    messages[wanted].bytes.len);
            }
        }
    }
    assert_int_equal(count, wanted);
    feed->ops->release(feed);
}

static void take_reads_recorded_ranges_exactly_then_live_goes_on(void **state)
{
    (void)state;
    enum { COUNT = 900 };
    struct assay_kafka_mock *mock = start_mock(2);
    produce(mock, 0, COUNT);
    struct assay_kafka *kafka = open_source(mock, false, NULL);
    struct assay_feed *feed = open_feed(kafka, 0, 1, earliest);
    const struct assay_range first[] = {{0, 0, 5}, {1, 0, 3}};
    const struct assay_range second[] = {{0, 5, 9}};
    const struct assay_range ahead[] = {{1, 10, 14}}; /* skips by reading on */
    const struct assay_range back[] = {{0, 2, 4}};    /* a seek */
    take_ok(feed, first, 2, NULL);
    take_ok(feed, second, 1, NULL);
    take_ok(feed, ahead, 1, NULL);
    take_ok(feed, back, 1, NULL);
    take_ok(feed, first, 1, NULL);

    static struct seen seen[COUNT];
    uint64_t next[2] = {5, 14};
    bool end = false;
    const size_t count = collect(kafka, feed, 50, COUNT - 19, seen, &end);
    assert_int_equal(count, COUNT - 19);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(seen[i].offset, next[seen[i].partition]++);
    }
    feed->ops->close(feed);
    assay_kafka_close(kafka);
    assay_kafka_mock_stop(mock);
}

/* What was read past a range (its tail held no event) is kept and comes next. */
static void take_keeps_what_it_read_too_far(void **state)
{
    (void)state;
    struct assay_kafka_mock *mock = start_mock(1);
    produce(mock, 0, 40);
    struct assay_kafka *kafka = open_source(mock, true, NULL);
    struct assay_feed *feed = open_feed(kafka, 0, 1, earliest);
    for (uint64_t offset = 0; offset < 20; offset += 2) {
        /* The queue holds all 40; each take leaves the rest in place. */
        const struct assay_range range = {0, offset, offset + 2};
        take_ok(feed, &range, 1, NULL);
    }
    struct seen seen[32];
    bool end = false;
    assert_int_equal(collect(kafka, feed, 7, 32, seen, &end), 20);
    assert_true(end);
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(seen[i].offset, 20 + i);
    }
    feed->ops->close(feed);
    assay_kafka_close(kafka);
    assay_kafka_mock_stop(mock);
}

static void take_waits_for_what_is_not_there_yet_and_gives_up_on_stop(void **state)
{
    (void)state;
    struct assay_kafka_mock *mock = start_mock(1);
    produce(mock, 0, 3);
    _Atomic bool stop = false;
    struct assay_kafka *kafka = open_source(mock, false, &stop);
    struct assay_feed *feed = open_feed(kafka, 0, 1, earliest);
    struct assay_message messages[16];
    struct assay_err err = {0};
    size_t count = 0;
    const struct assay_range range = {0, 0, 4};
    atomic_store(&stop, true);
    assert_int_equal(feed->ops->take(feed, &range, 1, 16, messages, &count, &err),
                     ASSAY_E_UNAVAILABLE);
    assert_non_null(strstr(err.what, "stopped"));
    feed->ops->release(feed);
    atomic_store(&stop, false);
    /* The log stays shorter than what was recorded: after a grace that is an error, not a wait. */
    assert_int_equal(feed->ops->take(feed, &range, 1, 16, messages, &count, &err),
                     ASSAY_E_UNAVAILABLE);
    assert_non_null(strstr(err.what, "ends before"));
    assert_string_equal(err.where, "events partition 0");
    feed->ops->close(feed);
    assay_kafka_close(kafka);
    assay_kafka_mock_stop(mock);
}

static void offsets_outside_the_log_are_refused_at_open(void **state)
{
    (void)state;
    struct assay_kafka_mock *mock = start_mock(1);
    produce(mock, 0, 10);
    struct assay_kafka *kafka = open_source(mock, false, NULL);
    struct assay_feed *feed = NULL;
    struct assay_err err = {0};
    const uint64_t beyond = 11;
    assert_int_equal(assay_kafka_feed_open(&feed, kafka, 0, 1, &beyond, &err), ASSAY_E_UNAVAILABLE);
    assert_null(feed);
    assert_string_equal(err.value, "offset 11");
    assert_string_equal(err.allowed, "0 to 10");
    assay_kafka_close(kafka);
    assay_kafka_mock_stop(mock);
}

/* The mock drops old data beyond 5 MiB: an offset that is gone must be an error with its place. */
static void an_offset_that_retention_passed_is_an_error(void **state)
{
    (void)state;
    struct assay_kafka_mock *mock = start_mock(1);
    produce(mock, 0, 10);
    struct assay_kafka *kafka = open_source(mock, false, NULL);
    struct assay_feed *feed = open_feed(kafka, 0, 1, earliest);
    const struct assay_range head = {0, 0, 5};
    take_ok(feed, &head, 1, NULL);

    struct assay_output *output = open_output(assay_kafka_mock_brokers(mock), NULL);
    uint64_t random = 7;
    static char value[100000];
    for (int i = 0; i < 80; i++) { /* 8 MB that do not compress */
        for (size_t c = 0; c < sizeof value; c++) {
            value[c] = (char)test_random(&random);
        }
        const struct assay_outgoing record = {.value = {.ptr = value, .len = sizeof value}};
        struct assay_err err = {0};
        assert_int_equal(output->ops->send(output, &record, &err), ASSAY_OK);
        flush(output);
    }
    output->ops->close(output);

    struct assay_message messages[16];
    struct assay_err err = {0};
    size_t count = 0;
    const struct assay_range gone = {0, 0, 8}; /* behind the position: must seek */
    assert_int_equal(feed->ops->take(feed, &gone, 1, 16, messages, &count, &err),
                     ASSAY_E_UNAVAILABLE);
    assert_non_null(strstr(err.what, "retention"));
    assert_string_equal(err.value, "offset 0");
    assert_int_equal(feed->ops->failure(feed, &err), ASSAY_E_UNAVAILABLE);
    feed->ops->close(feed);
    const uint64_t zero = 0;
    assert_int_equal(assay_kafka_feed_open(&feed, kafka, 0, 1, &zero, &err), ASSAY_E_UNAVAILABLE);
    assert_non_null(strstr(err.what, "retention"));
    assay_kafka_close(kafka);
    assay_kafka_mock_stop(mock);
}

static void a_broker_that_comes_back_loses_nothing(void **state)
{
    (void)state;
    enum { HALF = 200 };
    struct assay_kafka_mock *mock = start_mock(2);
    struct assay_kafka *kafka = open_source(mock, false, NULL);
    struct assay_feed *feed = open_feed(kafka, 0, 1, earliest);
    struct assay_output *output = open_output(assay_kafka_mock_brokers(mock), NULL);
    static struct seen seen[2 * HALF];
    uint64_t next[2] = {0};
    bool end = false;
    for (uint32_t i = 0; i < HALF; i++) {
        send_one(output, i);
    }
    flush(output);
    size_t count = collect(kafka, feed, 64, HALF, seen, &end);
    kafka_mock_set_down(mock, true);
    for (uint32_t i = HALF; i < 2 * HALF; i++) {
        send_one(output, i);
    }
    struct assay_err err = {0};
    for (int i = 0; i < 10; i++) { /* down for a second: nothing arrives, nothing fails */
        struct assay_message message;
        assert_int_equal(feed->ops->poll(feed, 1, &message, &end), 0);
        assert_int_equal(output->ops->poke(output, &err), ASSAY_OK);
        no_failure(feed);
        assay_kafka_wait(kafka, 100);
    }
    kafka_mock_set_down(mock, false);
    flush(output);
    count += collect(kafka, feed, 64, HALF, seen + count, &end);
    assert_int_equal(count, 2 * HALF);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(seen[i].offset, next[seen[i].partition]++);
    }
    output->ops->close(output);
    feed->ops->close(feed);
    assay_kafka_close(kafka);
    assay_kafka_mock_stop(mock);
}

static void *bring_up_later(void *argument)
{
    (void)usleep(1500000);
    kafka_mock_set_down(argument, false);
    return NULL;
}

static void a_source_waits_for_a_broker_that_is_not_up_yet(void **state)
{
    (void)state;
    struct assay_kafka_mock *mock = start_mock(3);
    kafka_mock_set_down(mock, true);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, bring_up_later, mock), 0);
    struct assay_kafka *kafka = open_source(mock, false, NULL);
    size_t partitions = 0;
    (void)assay_kafka_partitions(kafka, &partitions);
    assert_int_equal(partitions, 3);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assay_kafka_close(kafka);
    assay_kafka_mock_stop(mock);
}

static void open_gives_up_when_stopped(void **state)
{
    (void)state;
    struct assay_kafka_mock *mock = start_mock(1);
    kafka_mock_set_down(mock, true);
    _Atomic bool stop = true;
    const struct assay_str topic = assay_str_of("events");
    const struct assay_kafka_options options = {
        .brokers = assay_str_of(assay_kafka_mock_brokers(mock)),
        .topics = &topic,
        .topic_count = 1,
        .stop = &stop,
    };
    struct assay_kafka *kafka = NULL;
    struct assay_err err = {0};
    assert_int_equal(assay_kafka_open(&kafka, &options, &err), ASSAY_E_UNAVAILABLE);
    assert_null(kafka);
    assay_kafka_mock_stop(mock);
}

static void a_topic_that_does_not_exist_is_refused(void **state)
{
    (void)state;
    enum { CODE_UNKNOWN_TOPIC = 3 };
    struct assay_kafka_mock *mock = start_mock(1);
    kafka_mock_fail_topic(mock, "events", CODE_UNKNOWN_TOPIC);
    const struct assay_str topic = assay_str_of("events");
    const struct assay_kafka_options options = {
        .brokers = assay_str_of(assay_kafka_mock_brokers(mock)),
        .topics = &topic,
        .topic_count = 1,
    };
    struct assay_kafka *kafka = NULL;
    struct assay_err err = {0};
    assert_int_equal(assay_kafka_open(&kafka, &options, &err), ASSAY_E_CONFIG);
    assert_non_null(strstr(err.what, "topic events"));
    assay_kafka_mock_stop(mock);
}

static void *produce_later(void *argument)
{
    (void)usleep(300000);
    produce(argument, 0, 1);
    return NULL;
}

static void wait_wakes_on_an_arrival(void **state)
{
    (void)state;
    struct assay_kafka_mock *mock = start_mock(2);
    struct assay_kafka *kafka = open_source(mock, false, NULL);
    struct assay_feed *feed = open_feed(kafka, 0, 1, earliest);
    struct assay_message message;
    bool end = false;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, produce_later, mock), 0);
    size_t got = 0;
    size_t waits = 0;
    while (got == 0) {
        assay_kafka_wait(kafka, PATIENCE_MS);
        got = feed->ops->poll(feed, 1, &message, &end);
        assert_true(++waits < 100); /* a few are spurious: each partition tells its end once */
    }
    assert_int_equal(got, 1);
    feed->ops->close(feed);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assay_kafka_close(kafka);
    assay_kafka_mock_stop(mock);
}

/* More waits than one poll takes: wait must not sleep on the rest. */
static void wait_does_not_sleep_on_what_a_poll_left(void **state)
{
    (void)state;
    enum { COUNT = 500 };
    struct assay_kafka_mock *mock = start_mock(1);
    produce(mock, 0, COUNT);
    struct assay_kafka *kafka = open_source(mock, false, NULL);
    struct assay_feed *feed = open_feed(kafka, 0, 1, earliest);
    struct assay_message message;
    bool end = false;
    const uint64_t begin_ns = assay_clock_monotonic_ns();
    for (size_t count = 0; count < COUNT;) {
        count += feed->ops->poll(feed, 1, &message, &end);
        feed->ops->release(feed);
        if (count < COUNT) {
            assay_kafka_wait(kafka, PATIENCE_MS); /* one lost wake-up would sleep this long */
        }
        assert_true(assay_clock_monotonic_ns() - begin_ns < PATIENCE_MS * UINT64_C(1000000));
    }
    feed->ops->close(feed);
    assay_kafka_close(kafka);
    assay_kafka_mock_stop(mock);
}

static void a_busy_partition_does_not_starve_another(void **state)
{
    (void)state;
    struct assay_kafka_mock *mock = start_mock(2);
    produce(mock, 0, 4000);
    struct assay_kafka *kafka = open_source(mock, false, NULL);
    struct assay_feed *feed = open_feed(kafka, 0, 1, earliest);
    const struct assay_range heads[] = {{0, 0, 1}, {1, 0, 1}};
    take_ok(feed, heads, 2, NULL); /* both are being read */
    struct assay_message messages[2];
    size_t of[2] = {0};
    size_t shared = 0; /* polls that gave of both */
    bool end = false;
    while (of[0] < 1000 && of[1] < 1000) {
        const size_t got = feed->ops->poll(feed, 2, messages, &end);
        shared += got == 2 && messages[0].partition != messages[1].partition ? 1 : 0;
        for (size_t i = 0; i < got; i++) {
            of[messages[i].partition]++;
        }
        feed->ops->release(feed);
        if (got == 0) {
            assay_kafka_wait(kafka, 100);
        }
    }
    assert_true(of[0] > 0 && of[1] > 0 && shared > 0);
    feed->ops->close(feed);
    assay_kafka_close(kafka);
    assay_kafka_mock_stop(mock);
}

/* A producer that lost count of its records is replaced; none is lost, none overtakes. */
static void a_lost_producer_is_replaced_and_nothing_is_lost(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    struct assay_kafka_mock *mock = start_mock(1);
    struct assay_output *output = open_output(assay_kafka_mock_brokers(mock), NULL);
    for (uint32_t i = 0; i < COUNT; i++) {
        if (i == 100 || i == 200) {
            flush(output);
            kafka_mock_fail(mock, API_PRODUCE, CODE_OUT_OF_ORDER_SEQUENCE, 1);
        }
        send_one(output, i);
    }
    flush(output);
    output->ops->close(output);

    struct assay_kafka *kafka = open_source(mock, true, NULL);
    struct assay_feed *feed = open_feed(kafka, 0, 1, earliest);
    static struct seen seen[4 * COUNT];
    bool end = false;
    const size_t count = collect(kafka, feed, 64, 4 * COUNT, seen, &end);
    uint32_t expected = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t number = (uint32_t)strtoul(seen[i].text, NULL, 10);
        assert_true(number <= expected); /* a repeat at most, never a gap */
        expected = number == expected ? expected + 1 : expected;
    }
    assert_int_equal(expected, COUNT);
    feed->ops->close(feed);
    assay_kafka_close(kafka);
    assay_kafka_mock_stop(mock);
}

static void a_full_queue_waits_and_gives_up_on_stop(void **state)
{
    (void)state;
    struct assay_kafka_mock *mock = start_mock(1);
    kafka_mock_set_down(mock, true);
    _Atomic bool stop = false;
    const struct assay_output_property small = {assay_str_of("queue.buffering.max.messages"),
                                                assay_str_of("10")};
    struct assay_output *output = NULL;
    struct assay_err err = {0};
    assert_int_equal(assay_output_kafka_open(&output, assay_str_of(assay_kafka_mock_brokers(mock)),
                                             assay_str_of("events"), &small, 1, &stop, &err),
                     ASSAY_OK);
    for (uint32_t i = 0; i < 10; i++) {
        send_one(output, i);
    }
    atomic_store(&stop, true);
    const struct assay_outgoing record = {.value = assay_str_of("x")};
    assert_int_equal(output->ops->send(output, &record, &err), ASSAY_E_UNAVAILABLE);
    assert_int_equal(output->ops->flush(output, &err), ASSAY_E_UNAVAILABLE);
    assert_non_null(strstr(err.what, "10 records"));
    atomic_store(&stop, false);
    kafka_mock_set_down(mock, false);
    for (uint32_t i = 10; i < 100; i++) { /* far more than the queue holds: send waits */
        send_one(output, i);
    }
    flush(output);
    output->ops->close(output);
    assay_kafka_mock_stop(mock);
}

static void a_record_that_the_broker_refuses_is_an_error(void **state)
{
    (void)state;
    enum { CODE_MSG_SIZE_TOO_LARGE = 10 };
    struct assay_kafka_mock *mock = start_mock(1);
    struct assay_output *output = open_output(assay_kafka_mock_brokers(mock), NULL);
    kafka_mock_fail(mock, API_PRODUCE, CODE_MSG_SIZE_TOO_LARGE, 1);
    send_one(output, 0);
    struct assay_err err = {0};
    assert_int_equal(output->ops->flush(output, &err), ASSAY_E_IO);
    assert_non_null(strstr(err.where, "events"));
    assert_non_null(strstr(err.what, "size too large"));
    const struct assay_outgoing record = {.value = assay_str_of("x")};
    assert_int_equal(output->ops->send(output, &record, &err), ASSAY_E_IO);
    output->ops->close(output);
    assay_kafka_mock_stop(mock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(homes_share_all_messages_exactly_once_in_order),
        cmocka_unit_test(until_end_gives_what_was_there_at_open_and_no_more),
        cmocka_unit_test(messages_stay_whole_until_release),
        cmocka_unit_test(a_restart_goes_on_at_the_offsets_given),
        cmocka_unit_test(take_reads_recorded_ranges_exactly_then_live_goes_on),
        cmocka_unit_test(take_keeps_what_it_read_too_far),
        cmocka_unit_test(take_waits_for_what_is_not_there_yet_and_gives_up_on_stop),
        cmocka_unit_test(offsets_outside_the_log_are_refused_at_open),
        cmocka_unit_test(an_offset_that_retention_passed_is_an_error),
        cmocka_unit_test(a_broker_that_comes_back_loses_nothing),
        cmocka_unit_test(a_source_waits_for_a_broker_that_is_not_up_yet),
        cmocka_unit_test(open_gives_up_when_stopped),
        cmocka_unit_test(a_topic_that_does_not_exist_is_refused),
        cmocka_unit_test(wait_wakes_on_an_arrival),
        cmocka_unit_test(wait_does_not_sleep_on_what_a_poll_left),
        cmocka_unit_test(a_busy_partition_does_not_starve_another),
        cmocka_unit_test(a_lost_producer_is_replaced_and_nothing_is_lost),
        cmocka_unit_test(a_full_queue_waits_and_gives_up_on_stop),
        cmocka_unit_test(a_record_that_the_broker_refuses_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
