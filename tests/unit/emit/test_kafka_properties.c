#include "engine/emit/output.h"
#include "tests/support/cmocka_all.h"

static enum assay_status open_with(const char *key, const char *value, struct assay_err *err)
{
    const struct assay_output_property property = {assay_str_of(key), assay_str_of(value)};
    struct assay_output *output = NULL;
    *err = (struct assay_err){0};
    const enum assay_status status = assay_output_kafka_open(
        &output, assay_str_of("127.0.0.1:1"), assay_str_of("decisions"), &property, 1, NULL, err);
    assert_true((status == ASSAY_OK) == (output != NULL));
    if (output != NULL) {
        output->ops->close(output);
    }
    return status;
}

static void properties_that_lose_or_reorder_decisions_are_refused_by_name(void **state)
{
    (void)state;
    static const char *const refused[][2] = {
        {"bootstrap.servers", "127.0.0.1:9092"},
        {"enable.idempotence", "false"},
        {"acks", "1"},
        {"request.required.acks", "0"},
        {"message.timeout.ms", "5000"},
        {"delivery.timeout.ms", "5000"},
        {"retries", "0"},
        {"message.send.max.retries", "3"},
        {"queuing.strategy", "lifo"},
        {"partitioner", "consistent_random"},
        {"transactional.id", "t"},
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
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"acks", "-1"},
        {"partitioner", "murmur2"},
        {"compression.type", "zstd"},
        {"linger.ms", "20"},
        {"client.id", "lender-7"},
    };
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        struct assay_err err;
        print_message("  %s=%s\n", accepted[i][0], accepted[i][1]);
        assert_int_equal(open_with(accepted[i][0], accepted[i][1], &err), ASSAY_OK);
    }
}

static void unknown_names_and_bad_combinations_are_refused_in_the_words_of_librdkafka(void **state)
{
    (void)state;
    struct assay_err err;
    assert_int_equal(open_with("linger", "5", &err), ASSAY_E_CONFIG);
    assert_non_null(strstr(err.what, "No such configuration property"));
    assert_int_equal(open_with("max.in.flight", "50", &err), ASSAY_E_CONFIG);
    assert_non_null(strstr(err.what, "max.in.flight"));
}

static void missing_brokers_or_topic_are_refused(void **state)
{
    (void)state;
    struct assay_output *output = NULL;
    struct assay_err err = {0};
    assert_int_equal(assay_output_kafka_open(&output, (struct assay_str){0}, assay_str_of("t"),
                                             NULL, 0, NULL, &err),
                     ASSAY_E_CONFIG);
    assert_int_equal(assay_output_kafka_open(&output, assay_str_of("h:1"), assay_str_of(""), NULL,
                                             0, NULL, &err),
                     ASSAY_E_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(properties_that_lose_or_reorder_decisions_are_refused_by_name),
        cmocka_unit_test(properties_that_agree_with_ours_or_only_tune_are_accepted),
        cmocka_unit_test(unknown_names_and_bad_combinations_are_refused_in_the_words_of_librdkafka),
        cmocka_unit_test(missing_brokers_or_topic_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
