#include "bench/features/batch.h"
#include "features/reader.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/*
 * What a reader costs the writer. The store is filled, and another one alike; then the stream goes
 * on in rounds of three turns: alone, beside a thread that reads rows of random keys of this store
 * as fast as it can, and beside one that reads the other store. The last shows what the machine
 * takes for a second busy core, whoever shares what. The writer's CPU time counts, which waits for
 * cache lines are part of; turns of one round are compared, since the machine may have other work.
 */

enum { ROW_KEYS = 4, ROUNDS_MAX = 1000 };
enum turn { ALONE, BESIDE, ELSEWHERE, TURNS };

struct beside {
    struct bench bench;
    struct assay_store *other;
    struct stream stream;
    struct batch batch;
    uint64_t group;
    atomic_bool ends;
    atomic_int_fast64_t time_ms; /* of the newest event */
    uint64_t rows;
    uint64_t reader_ns;
    struct assay_reader_stats stats;
};

static struct beside beside;

static void *read_on(void *argument)
{
    static struct assay_value values[ROW_KEYS][BENCH_FEATURES_MAX];
    struct assay_reader *reader = argument;
    char keys[ROW_KEYS][BENCH_KEY_BYTES];
    struct assay_read reads[ROW_KEYS];
    struct assay_arena *texts = assay_arena_create((size_t)1 << 24);
    const struct assay_arena_mark mark = assay_arena_mark(texts);
    uint64_t seed = 1181783497276652981U;
    const uint64_t start = assay_clock_thread_cpu_ns();
    while (!atomic_load_explicit(&beside.ends, memory_order_relaxed)) {
        const int64_t at_ms = atomic_load_explicit(&beside.time_ms, memory_order_relaxed);
        for (size_t i = 0; i < ROW_KEYS; i++) {
            const uint32_t key = (uint32_t)((stream_roll(&seed) >> 16) % beside.stream.keys);
            reads[i] = (struct assay_read){.key = bench_key(keys[i], 'u', key),
                                           .at_ms = at_ms,
                                           .features = beside.bench.features,
                                           .count = beside.bench.plan->feature_count,
                                           .out = values[i]};
        }
        (void)assay_reader_rows(reader, reads, ROW_KEYS, texts);
        assay_arena_rewind(texts, mark);
        beside.rows++;
    }
    beside.reader_ns += assay_clock_thread_cpu_ns() - start;
    assay_arena_destroy(texts);
    return NULL;
}

/* Write some events. @return the writer's CPU time; 0: the store is full. */
static uint64_t write_events(struct assay_store *store, struct stream *stream, uint64_t events)
{
    uint64_t spent_ns = 0;
    const size_t group = (size_t)beside.group;
    for (uint64_t done = 0; done < events; done += BENCH_BATCH) { /* of which it is a multiple */
        batch_fill(&beside.batch, stream);
        const uint64_t start = assay_clock_thread_cpu_ns();
        for (size_t i = 0; i < beside.batch.count; i++) {
            struct assay_touch touch;
            if (group > 0 && i % group == 0) {
                batch_prefetch(&beside.batch, store, i, group);
            }
            if (assay_store_apply(store, &beside.batch.updates[i], &touch) != ASSAY_OK) {
                (void)fprintf(stderr, "bench_features: the store is full: --memory\n");
                return 0;
            }
            assay_store_slice(store, &touch, beside.bench.features,
                              beside.bench.plan->feature_count, beside.bench.scratch,
                              beside.bench.values);
        }
        spent_ns += assay_clock_thread_cpu_ns() - start;
        atomic_store_explicit(&beside.time_ms, beside.batch.raw[beside.batch.count - 1].time_ms,
                              memory_order_relaxed);
    }
    return spent_ns;
}

/* Write with a thread beside that reads a store. */
static uint64_t write_beside(struct assay_store *read, uint64_t events)
{
    struct assay_store *const stores[1] = {read};
    struct assay_reader *reader = NULL;
    struct assay_reader_stats stats;
    pthread_t thread;
    if (assay_reader_create(&reader, stores, 1, NULL) != ASSAY_OK) {
        (void)fprintf(stderr, "bench_features: no reader\n");
        return 0;
    }
    atomic_store(&beside.ends, false);
    if (pthread_create(&thread, NULL, read_on, reader) != 0) {
        (void)fprintf(stderr, "bench_features: no thread\n");
        return 0;
    }
    const uint64_t spent_ns = write_events(beside.bench.store, &beside.stream, events);
    atomic_store(&beside.ends, true);
    (void)pthread_join(thread, NULL);
    assay_reader_stats(reader, &stats);
    beside.stats.reads += stats.reads;
    beside.stats.retries += stats.retries;
    beside.stats.busy += stats.busy;
    assay_reader_destroy(reader);
    return spent_ns;
}

static uint64_t take_turn(enum turn turn, uint64_t events)
{
    switch (turn) {
    case BESIDE:
        return write_beside(beside.bench.store, events);
    case ELSEWHERE:
        return write_beside(beside.other, events);
    case ALONE:
    case TURNS:
        break;
    }
    return write_events(beside.bench.store, &beside.stream, events);
}

/* Fill both stores with the same events. */
static bool fill(const struct bench_options *options, uint64_t events)
{
    const struct assay_store_options store_options = {.memory_bytes_max = options->memory_bytes,
                                                      .index_seed = 2};
    struct stream again = beside.stream;
    return assay_store_create(&beside.other, beside.bench.plan, &store_options, NULL) == ASSAY_OK &&
           write_events(beside.other, &again, events) != 0 &&
           write_events(beside.bench.store, &beside.stream, events) != 0;
}

static int by_size(const void *left, const void *right)
{
    const double l = *(const double *)left;
    const double r = *(const double *)right;
    return l < r ? -1 : l > r;
}

static double middle(double values[], size_t count)
{
    qsort(values, count, sizeof *values, by_size);
    return values[count / 2];
}

int bench_beside(const struct bench_options *options)
{
    static double turn_ns[TURNS][ROUNDS_MAX], ratios[TURNS][ROUNDS_MAX];
    const uint64_t warm = options->events / 100 * options->warm_percent / BENCH_BATCH * BENCH_BATCH;
    const uint64_t part =
        (options->events - warm) / (TURNS * options->rounds) / BENCH_BATCH * BENCH_BATCH;
    beside.group = options->group;
    batch_open(&beside.batch);
    if (part == 0 || options->rounds > ROUNDS_MAX ||
        !stream_open(&beside.stream, options->mix, options->events, options->keys)) {
        (void)fprintf(stderr, "bench_features: too few events, or a stream that cannot be\n");
        return 64;
    }
    if (!bench_open(&beside.bench, options) || !fill(options, warm)) {
        return 71;
    }
    for (size_t round = 0; round < options->rounds; round++) {
        for (size_t i = 0; i < TURNS; i++) {
            const enum turn turn = (enum turn)((round + i) % TURNS);
            turn_ns[turn][round] = (double)take_turn(turn, part) / (double)part;
            if (turn_ns[turn][round] == 0) {
                return 71;
            }
        }
        ratios[BESIDE][round] = turn_ns[BESIDE][round] / turn_ns[ALONE][round];
        ratios[ELSEWHERE][round] = turn_ns[ELSEWHERE][round] / turn_ns[ALONE][round];
    }
    const size_t rounds = (size_t)options->rounds;
    (void)printf("{\"alone_ns\": %.2f, \"beside_ns\": %.2f, \"slowed\": %.4f, "
                 "\"slowed_elsewhere\": %.4f, \"rounds\": %zu, \"reads\": %llu, "
                 "\"read_ns\": %.1f, \"retries\": %llu, \"busy\": %llu}\n",
                 middle(turn_ns[ALONE], rounds), middle(turn_ns[BESIDE], rounds),
                 middle(ratios[BESIDE], rounds), middle(ratios[ELSEWHERE], rounds), rounds,
                 (unsigned long long)beside.stats.reads,
                 (double)beside.reader_ns / (double)(beside.rows * ROW_KEYS),
                 (unsigned long long)beside.stats.retries, (unsigned long long)beside.stats.busy);
    assay_store_destroy(beside.other);
    bench_close(&beside.bench);
    return 0;
}
