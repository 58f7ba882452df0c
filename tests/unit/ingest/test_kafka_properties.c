#include "ingest/kafka_pvt.h"
#include "tests/support/cmocka_all.h"

#include <stdatomic.h>

/* Open with one property and nobody to answer. Refusals come before any broker is asked for. */
static enum assay_status open_with(const char *key, const char *value, struct assay_err *err)
{
    static _Atomic bool stop = true; /* do not wait for the broker */
    const struct assay_kafka_property property = {assay_str_of(key), assay_str_of(value)};
    const struct assay_str topic = assay_str_of("events");
    const struct assay_kafka_options options = {
        .brokers = assay_str_of("127.0.0.1:1"),
        .topics = &topic,
        .topic_count = 1,
        .properties = &property,
        .property_count = 1,
        .stop = &stop,
    };
    struct assay_kafka *kafka = NULL;
    *err = (struct assay_err){0};
    const enum assay_status status = assay_kafka_open(&kafka, &options, err);
    assert_null(kafka);
    return status;
}

static void properties_that_break_exactness_are_refused_by_name_and_with_a_remedy(void **state)
{
    (void)state;
    static const char *const refused[][2] = {
        {"bootstrap.servers", "127.0.0.1:9092"},
        {"metadata.broker.list", "127.0.0.1:9092"},
        {"group.id", "g"},
        {"group.instance.id", "g1"},
        {"partition.assignment.strategy", "cooperative-sticky"},
        {"session.timeout.ms", "6000"},
        {"max.poll.interval.ms", "300000"},
        {"enable.auto.commit", "true"},
        {"auto.commit.enable", "true"},
        {"enable.auto.offset.store", "true"},
        {"offset.store.method", "broker"},
        {"auto.offset.reset", "earliest"},
        {"auto.offset.reset", "latest"},
        {"enable.partition.eof", "false"},
        {"isolation.level", "read_uncommitted"},
        {"check.crcs", "false"},
        {"allow.auto.create.topics", "true"},
        {"statistics.interval.ms", "1000"},
        {"log.queue", "true"},
        {"plugin.library.paths", "x"},
        {"test.mock.num.brokers", "1"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct assay_err err;
        print_message("  %s=%s\n", refused[i][0], refused[i][1]);
        assert_int_equal(open_with(refused[i][0], refused[i][1], &err), ASSAY_E_CONFIG);
        assert_non_null(strstr(err.what, refused[i][0]));
        assert_true(strlen(err.remedy) > 0);
    }
}

static void properties_that_agree_with_ours_or_only_tune_are_accepted(void **state)
{
    (void)state;
    static const char *const accepted[][2] = {
        {"enable.auto.commit", "false"},
        {"auto.offset.reset", "error"},
        {"isolation.level", "read_committed"},
        {"check.crcs", "true"},
        {"client.id", "lender-7"},
        {"fetch.wait.max.ms", "50"},
        {"queued.min.messages", "1000"},
        {"client.rack", "eu-1a"},
        {"security.protocol", "plaintext"},
    };
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        struct assay_err err;
        print_message("  %s=%s\n", accepted[i][0], accepted[i][1]);
        assert_int_equal(open_with(accepted[i][0], accepted[i][1], &err), ASSAY_E_UNAVAILABLE);
    }
}

static void unknown_names_and_bad_values_are_refused_in_the_words_of_librdkafka(void **state)
{
    (void)state;
    struct assay_err err;
    assert_int_equal(open_with("fetch.wiat.max.ms", "50", &err), ASSAY_E_CONFIG);
    assert_non_null(strstr(err.what, "fetch.wiat.max.ms"));
    assert_non_null(strstr(err.what, "No such configuration property"));
    assert_int_equal(open_with("fetch.wait.max.ms", "soon", &err), ASSAY_E_CONFIG);
    assert_non_null(strstr(err.what, "fetch.wait.max.ms"));
    assert_int_equal(open_with("", "x", &err), ASSAY_E_CONFIG);
    /* Good on its own, but refused together with others. */
    assert_int_equal(open_with("receive.message.max.bytes", "1000", &err), ASSAY_E_CONFIG);
}

static void a_password_is_never_in_a_message(void **state)
{
    (void)state;
    struct assay_err err;
    assert_int_equal(open_with("sasl.pasword", "hunter2", &err), ASSAY_E_CONFIG);
    char text[1024];
    assay_err_format(&err, sizeof text, text);
    assert_null(strstr(text, "hunter2"));
}

static void topics_are_checked_before_any_broker_is_asked(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"", "x"}, {"a b", "x"}, {"^events.*", "x"}, {"twice", "twice"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct assay_str topics[2] = {assay_str_of(bad[i][0]), assay_str_of(bad[i][1])};
        const struct assay_kafka_options options = {
            .brokers = assay_str_of("127.0.0.1:1"), .topics = topics, .topic_count = 2};
        struct assay_kafka *kafka = NULL;
        struct assay_err err = {0};
        assert_int_equal(assay_kafka_open(&kafka, &options, &err), ASSAY_E_CONFIG);
    }
    const struct assay_str topic = assay_str_of("events");
    struct assay_kafka_options options = {.topics = &topic, .topic_count = 1};
    struct assay_kafka *kafka = NULL;
    struct assay_err err = {0};
    assert_int_equal(assay_kafka_open(&kafka, &options, &err), ASSAY_E_CONFIG);
    options.brokers = assay_str_of("127.0.0.1:1");
    options.topic_count = 0;
    assert_int_equal(assay_kafka_open(&kafka, &options, &err), ASSAY_E_CONFIG);
}

/* librdkafka sleeps for a second when a queue is full, so a queue holds two seconds of the peak. */
static void queues_hold_two_seconds_of_the_stated_peak(void **state)
{
    (void)state;
    static const uint64_t peaks[] = {1, 1000, 50000, 51200, 300000, 1000000, 5000000};
    for (size_t i = 0; i < sizeof peaks / sizeof peaks[0]; i++) {
        const struct kafka_sizes sizes = kafka_sizes_of(peaks[i], 1000);
        assert_true(sizes.queued_messages_min >= 2 * peaks[i]);
        assert_true(sizes.queued_kbytes_max * 1024 >= 2 * peaks[i] * 512 ||
                    sizes.queued_kbytes_max == 2097151);
        assert_true(sizes.queued_messages_min >= 100000 && sizes.queued_messages_min <= 10000000);
    }
    assert_int_equal(kafka_sizes_of(UINT64_MAX, 1).queued_messages_min, 10000000);
}

static void without_a_stated_peak_all_queues_together_are_bounded(void **state)
{
    (void)state;
    for (size_t partitions = 1; partitions <= 256; partitions++) {
        const struct kafka_sizes sizes = kafka_sizes_of(0, partitions);
        assert_true(sizes.queued_kbytes_max * partitions <= 1048576);
        assert_true(sizes.queued_kbytes_max >= 4096);
    }
    assert_int_equal(kafka_sizes_of(0, 65536).queued_kbytes_max, 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(properties_that_break_exactness_are_refused_by_name_and_with_a_remedy),
        cmocka_unit_test(properties_that_agree_with_ours_or_only_tune_are_accepted),
        cmocka_unit_test(unknown_names_and_bad_values_are_refused_in_the_words_of_librdkafka),
        cmocka_unit_test(a_password_is_never_in_a_message),
        cmocka_unit_test(topics_are_checked_before_any_broker_is_asked),
        cmocka_unit_test(queues_hold_two_seconds_of_the_stated_peak),
        cmocka_unit_test(without_a_stated_peak_all_queues_together_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
