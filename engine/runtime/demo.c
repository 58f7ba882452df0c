#include "engine/runtime/demo.h"

#include "engine/base/clock.h"
#include "engine/emit/output.h"
#include "ingest/kafka.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    PARTITIONS_DEFAULT = 4,
    LEAD_BYTES_MAX = 3 << 20, /* produced and not yet taken: fits one partition of the mock */
    LEAD_MESSAGES_MAX = 20000,
    PACE_MS = 5, /* how often a paced or waiting producer looks again */
    DAY_MS = 24 * 60 * 60 * 1000,
};

static const size_t GENERATOR_BYTES_MAX = (size_t)4 << 30;

static const char EVENTS_TOPIC[] = "assay.events";
static const char DECISIONS_TOPIC[] = "assay.decisions";
static const char DEAD_TOPIC[] = "assay.dead";

struct demo {
    const struct assay_demo_options *options;
    struct assay_arena *arena; /* of the generator; used by the producer alone */
    struct assay_output *output;
    /* Producer writes, the run's thread reads; release pairs with acquire where both matter. */
    _Atomic uint64_t produced;
    _Atomic bool done; /* everything produced has been delivered, or the producer failed */
    /* The run's thread writes, the producer reads. Relaxed: hints for pacing. */
    _Atomic uint64_t taken;
    _Atomic bool abandon;     /* the producer is to give up */
    enum assay_status status; /* of the producer; read after it was joined */
    struct assay_err err;
};

static void pause_ms(int ms)
{
    const struct timespec pause = {.tv_nsec = 1000000L * ms};
    (void)nanosleep(&pause, NULL);
}

static bool is_abandoned(const struct demo *demo)
{
    return atomic_load_explicit(&demo->abandon, memory_order_relaxed);
}

/* ---- the producer's thread ---- */

/* Wait until one more message of about @p bytes on average may be produced. */
static void wait_for_room(struct demo *demo, uint64_t produced, uint64_t bytes, uint64_t start_ns)
{
    const uint64_t per_s = demo->options->events_per_s;
    const uint64_t average = produced == 0 ? 1 : bytes / produced + 1;
    const uint64_t by_bytes = LEAD_BYTES_MAX / average;
    const uint64_t lead_max = by_bytes < LEAD_MESSAGES_MAX ? by_bytes : LEAD_MESSAGES_MAX;
    while (!is_abandoned(demo)) {
        const uint64_t taken = atomic_load_explicit(&demo->taken, memory_order_relaxed);
        const double due =
            per_s == 0 ? 0 : (double)(assay_clock_monotonic_ns() - start_ns) / 1e9 * (double)per_s;
        if (produced - taken <= lead_max && (per_s == 0 || (double)produced <= due)) {
            return;
        }
        /* The rest of a batch must not wait for company that does not come. */
        (void)demo->output->ops->poke(demo->output, NULL);
        pause_ms(PACE_MS);
    }
}

static enum assay_status produce_all(struct demo *demo, struct assay_generator *generator)
{
    const struct assay_demo_options *options = demo->options;
    const uint64_t start_ns = assay_clock_monotonic_ns();
    struct assay_generated generated;
    uint64_t produced = 0;
    uint64_t bytes = 0;
    while ((options->events_max == 0 || produced < options->events_max) && !is_abandoned(demo) &&
           assay_generator_next(generator, &generated)) {
        wait_for_room(demo, produced, bytes, start_ns);
        const struct assay_outgoing record = {.key = generated.key, .value = generated.line};
        const enum assay_status status = demo->output->ops->send(demo->output, &record, &demo->err);
        if (status != ASSAY_OK) {
            return status;
        }
        produced++;
        bytes += generated.line.len;
        atomic_store_explicit(&demo->produced, produced, memory_order_relaxed);
    }
    if (assay_generator_status(generator) != ASSAY_OK) {
        return assay_err_set(&demo->err, ASSAY_E_NO_MEMORY, "demo",
                             "the generator ran out of memory");
    }
    return demo->output->ops->flush(demo->output, &demo->err);
}

static void *produce(void *argument)
{
    struct demo *demo = argument;
    struct assay_generate_options generate = demo->options->generate;
    struct assay_generator *generator = NULL;
    if (generate.start_ms == 0) {
        const int64_t today_ms = assay_clock_wall_ms() / DAY_MS * DAY_MS;
        generate.start_ms = today_ms - (int64_t)generate.days * DAY_MS;
    }
    demo->status = assay_generator_create(&generator, demo->arena, &generate, &demo->err);
    if (demo->status == ASSAY_OK) {
        demo->status = produce_all(demo, generator);
    }
    /* Release: whoever sees it done sees the final count. */
    atomic_store_explicit(&demo->done, true, memory_order_release);
    return NULL;
}

/* ---- the run ---- */

static bool is_enough(void *context, uint64_t messages)
{
    struct demo *demo = context;
    atomic_store_explicit(&demo->taken, messages, memory_order_relaxed);
    if (!atomic_load_explicit(&demo->done, memory_order_acquire)) {
        return false;
    }
    /* A producer that failed may have sent less than it counted: end all the same. */
    return demo->status != ASSAY_OK ||
           messages >= atomic_load_explicit(&demo->produced, memory_order_relaxed);
}

static void tell(void *context, const struct assay_run_summary *summary, bool recovering)
{
    struct demo *demo = context;
    (void)recovering;
    if (demo->options->progress != NULL) {
        demo->options->progress(demo->options->context, summary,
                                atomic_load_explicit(&demo->produced, memory_order_relaxed));
    }
}

static enum assay_status run_engine(struct demo *demo, const char *brokers, const char *state,
                                    struct assay_run_summary *summary, struct assay_err *err)
{
    const struct assay_str topic = assay_str_of(EVENTS_TOPIC);
    const struct assay_kafka_source source = {
        .brokers = assay_str_of(brokers), .topics = &topic, .topic_count = 1};
    const struct assay_sink sink = {.kind = ASSAY_SINK_KAFKA,
                                    .brokers = assay_str_of(brokers),
                                    .topic = assay_str_of(DECISIONS_TOPIC)};
    const struct assay_sink dead = {.kind = ASSAY_SINK_KAFKA,
                                    .brokers = assay_str_of(brokers),
                                    .topic = assay_str_of(DEAD_TOPIC)};
    struct assay_settings settings = *demo->options->config->settings;
    settings.kafka_sources = &source;
    settings.kafka_source_count = 1;
    settings.file_source_count = 0;
    settings.sinks = &sink;
    settings.sink_count = 1;
    settings.dead_letters = &dead;
    struct assay_config config = *demo->options->config;
    config.settings = &settings;
    const struct assay_run_options options = {
        .config = &config,
        .state = state,
        .shards = demo->options->shards,
        .decisions_max = demo->options->decisions_max,
        .stop = demo->options->stop,
        .progress = tell,
        .is_enough = is_enough,
        .context = demo,
    };
    return assay_run(&options, summary, err);
}

static enum assay_status open_producer(struct demo *demo, const char *brokers,
                                       struct assay_err *err)
{
    /* Compressed, the mock's 5 MiB hold several times the lead. */
    const struct assay_output_property lz4 = {.key = assay_str_of("compression.type"),
                                              .value = assay_str_of("lz4")};
    return assay_output_kafka_open(&demo->output, assay_str_of(brokers), assay_str_of(EVENTS_TOPIC),
                                   &lz4, 1, &demo->abandon, err);
}

static enum assay_status run_both(struct demo *demo, const char *brokers, const char *state,
                                  struct assay_run_summary *summary, struct assay_err *err)
{
    pthread_t thread;
    enum assay_status status = open_producer(demo, brokers, err);
    if (status != ASSAY_OK) {
        return status;
    }
    const int code = pthread_create(&thread, NULL, produce, demo);
    if (code != 0) {
        demo->output->ops->close(demo->output);
        return assay_err_errno(err, code, "demo", "cannot start the producer's thread");
    }
    status = run_engine(demo, brokers, state, summary, err);
    const bool finished = atomic_load_explicit(&demo->done, memory_order_acquire);
    atomic_store_explicit(&demo->abandon, true, memory_order_relaxed);
    (void)pthread_join(thread, NULL);
    demo->output->ops->close(demo->output);
    if (status == ASSAY_OK && finished && demo->status != ASSAY_OK) {
        *err = demo->err; /* a producer that was told to give up has not failed */
        status = demo->status;
    }
    return status;
}

static void remove_state(const char *state)
{
    static const char *const names[] = {"epochs.log", "audit.log", "lock"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/%s", state, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(state);
}

static enum assay_status with_mock(struct demo *demo, const char *state,
                                   struct assay_run_summary *summary, struct assay_err *err)
{
    const char *const topics[] = {EVENTS_TOPIC, DECISIONS_TOPIC, DEAD_TOPIC};
    const uint32_t wanted = demo->options->partitions;
    const uint32_t partitions[] = {wanted != 0 ? wanted : PARTITIONS_DEFAULT, 1, 1};
    struct assay_kafka_mock *mock = NULL;
    enum assay_status status = assay_kafka_mock_start(&mock, topics, partitions, 3, err);
    if (status == ASSAY_OK) {
        status = run_both(demo, assay_kafka_mock_brokers(mock), state, summary, err);
    }
    assay_kafka_mock_stop(mock);
    return status;
}

enum assay_status assay_demo(const struct assay_demo_options *options,
                             struct assay_run_summary *summary, uint64_t *produced,
                             struct assay_err *err)
{
    ASSAY_ASSERT(options != NULL && options->config != NULL);
    ASSAY_ASSERT(summary != NULL && produced != NULL && err != NULL);
    char folder[] = "/tmp/assay-demo-XXXXXX";
    struct demo demo = {.options = options, .arena = assay_arena_create(GENERATOR_BYTES_MAX)};
    *produced = 0;
    memset(summary, 0, sizeof *summary);
    if (demo.arena == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "demo", "out of memory");
    }
    enum assay_status status = ASSAY_OK;
    const char *state = options->state;
    if (state == NULL) {
        state = mkdtemp(folder);
        status = state == NULL ? assay_err_set(err, ASSAY_E_IO, folder, "cannot make the folder")
                               : ASSAY_OK;
    }
    if (status == ASSAY_OK) {
        status = with_mock(&demo, state, summary, err);
    }
    if (options->state == NULL && state != NULL) {
        remove_state(state);
    }
    *produced = atomic_load_explicit(&demo.produced, memory_order_relaxed);
    assay_arena_destroy(demo.arena);
    return status;
}
