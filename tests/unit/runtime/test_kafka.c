/* Runs over the mock cluster: where they were left, again, and repeated. */
#include "tests/unit/runtime/world.h"

#include "engine/emit/output.h"
#include "engine/runtime/replay.h"
#include "engine/runtime/run.h"
#include "ingest/kafka.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct lender {
    struct world world;
    struct history history;
    struct assay_kafka_mock *mock;
    struct assay_output *producer;
    char folder[64];
    struct assay_str topics[2];
    struct assay_kafka_source source;
    struct assay_sink sink;
};

static void check(enum assay_status status, const struct assay_err *err)
{
    if (status != ASSAY_OK) {
        char text[1024];
        assay_err_format(err, sizeof text, text);
        fail_msg("%s", text);
    }
}

static struct assay_str within(struct lender *lender, const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", lender->folder, name);
    return assay_arena_copy(lender->world.arena, assay_str_of(path));
}

static void lender_init(struct lender *lender)
{
    static const char *const topics[] = {"a", "b"};
    static const uint32_t partitions[] = {2, 1};
    struct assay_err err;
    *lender = (struct lender){.topics = {assay_str_of("a"), assay_str_of("b")}};
    world_init(&lender->world, true);
    history_init(&lender->history, 5, 4, 6000);
    check(assay_kafka_mock_start(&lender->mock, topics, partitions, 2, &err), &err);
    const struct assay_str brokers = assay_str_of(assay_kafka_mock_brokers(lender->mock));
    check(
        assay_output_kafka_open(&lender->producer, brokers, assay_str_of("a"), NULL, 0, NULL, &err),
        &err);
    lender->source =
        (struct assay_kafka_source){.brokers = brokers, .topics = lender->topics, .topic_count = 2};
    (void)snprintf(lender->folder, sizeof lender->folder, "/tmp/assay-kafka-XXXXXX");
    assert_non_null(mkdtemp(lender->folder));
    lender->sink =
        (struct assay_sink){.kind = ASSAY_SINK_FILE, .path = within(lender, "out.jsonl")};
    struct assay_settings *settings = &lender->world.settings;
    settings->state = within(lender, "state");
    settings->kafka_sources = &lender->source;
    settings->kafka_source_count = 1;
    settings->sinks = &lender->sink;
    settings->sink_count = 1;
    lender->world.config.folder = lender->folder;
}

static void lender_fini(struct lender *lender)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -r %s", lender->folder);
    assert_int_equal(system(command), 0);
    lender->producer->ops->close(lender->producer);
    assay_kafka_mock_stop(lender->mock);
    history_fini(&lender->history);
    world_fini(&lender->world);
}

/* Send lines [from, to) of one of the history's partitions to topic a, keyed so that it spreads. */
static void produce(struct lender *lender, size_t p, size_t from, size_t to)
{
    struct assay_err err;
    for (size_t i = from; i < to; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "k%zu", i % 7);
        const struct assay_outgoing record = {.key = assay_str_of(key),
                                              .value = lender->history.lines[p][i]};
        check(lender->producer->ops->send(lender->producer, &record, &err), &err);
    }
    check(lender->producer->ops->flush(lender->producer, &err), &err);
}

static void run(struct lender *lender, uint32_t shards, struct assay_run_summary *summary)
{
    struct assay_err err;
    const struct assay_run_options options = {
        .config = &lender->world.config, .shards = shards, .until_end = true};
    check(assay_run(&options, summary, &err), &err);
}

static char *read_all(const struct lender *lender, const char *name, size_t *size)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", lender->folder, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *bytes = malloc((size_t)8 << 20);
    assert_non_null(bytes);
    *size = fread(bytes, 1, (size_t)8 << 20, file);
    (void)fclose(file);
    return bytes;
}

static void a_run_goes_on_where_it_was_and_its_record_repeats_it_bit_for_bit(void **state)
{
    (void)state;
    struct lender lender;
    struct assay_run_summary live;
    struct assay_err err;
    uint64_t messages = 0;
    uint64_t sent = 0;
    lender_init(&lender);
    for (size_t p = 0; p < 4; p++) {
        const size_t count = lender.history.counts[p];
        produce(&lender, p, 0, count / 2);
        run(&lender, 1 + (uint32_t)p, &live);
        messages += count / 2;
        assert_int_equal(live.stats.messages, messages);
        assert_int_equal(live.decisions_compared, sent);
        assert_int_equal(live.decisions_differing, 0);
        sent += live.decisions_sent;
        assert_int_equal(live.stats.decisions, sent);
    }
    assert_true(sent > 300);
    size_t size = 0;
    char *decisions = read_all(&lender, "out.jsonl", &size);
    for (uint32_t shards = 1; shards <= 3; shards++) {
        char paths[2][128];
        struct assay_run_summary again;
        (void)snprintf(paths[0], sizeof paths[0], "%s/state", lender.folder);
        (void)snprintf(paths[1], sizeof paths[1], "%s/again.jsonl", lender.folder);
        const struct assay_replay_options options = {.config = &lender.world.config,
                                                     .recorded = paths[0],
                                                     .decisions = paths[1],
                                                     .shards = shards};
        check(assay_replay(&options, &again, &err), &err);
        assert_string_equal(again.state_hash, live.state_hash);
        assert_int_equal(again.epochs_recorded, live.stats.epochs);
        size_t again_size = 0;
        char *again_decisions = read_all(&lender, "again.jsonl", &again_size);
        assert_int_equal(again_size, size);
        assert_memory_equal(again_decisions, decisions, size);
        free(again_decisions);
    }
    free(decisions);
    lender_fini(&lender);
}

static void several_kafka_sources_or_a_mixture_are_refused_by_name(void **state)
{
    (void)state;
    struct lender lender;
    struct assay_run_summary summary;
    struct assay_err err;
    lender_init(&lender);
    const struct assay_file_source file = {.path = assay_str_of("in.jsonl")};
    const struct assay_run_options options = {.config = &lender.world.config};
    lender.world.settings.file_sources = &file;
    lender.world.settings.file_source_count = 1;
    assert_int_equal(assay_run(&options, &summary, &err), ASSAY_E_UNSUPPORTED);
    assert_string_equal(err.value, "1 kafka and 1 file sources");
    lender_fini(&lender);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_goes_on_where_it_was_and_its_record_repeats_it_bit_for_bit),
        cmocka_unit_test(several_kafka_sources_or_a_mixture_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
