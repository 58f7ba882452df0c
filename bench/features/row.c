#include "bench/features/bench.h"
#include "features/reader.h"

#include <stdlib.h>
#include <string.h>

/*
 * One row of features of several entities, as a decision reads it: one key of every entity, drawn
 * evenly, from a state too large for the caches. The wall clock counts, as a caller would.
 */

enum { ENTITIES_MAX = 8 };

struct row {
    struct bench bench;
    struct assay_reader *reader;
    uint32_t entities;
    uint32_t keys[ENTITIES_MAX];
    uint64_t seed;
    int64_t time_ms;
    struct assay_event event;
    struct assay_update updates[ENTITIES_MAX];
    char texts[ENTITIES_MAX][BENCH_KEY_BYTES];
    char device[BENCH_KEY_BYTES];
};

/* Field i of `pay` names entity i; then amount and device. */
static void lay_event(struct row *row, uint64_t keys)
{
    const uint64_t luck = stream_roll(&row->seed);
    row->event.time_ms = row->time_ms;
    row->event.present = (UINT64_C(1) << (row->entities + 2)) - 1;
    for (uint32_t i = 0; i < row->entities; i++) {
        const uint32_t key = (uint32_t)((stream_roll(&row->seed) >> 16) % keys);
        row->event.fields[i].text = bench_key(row->texts[i], 'k', key);
        row->updates[i] = (struct assay_update){.event = &row->event,
                                                .key = row->event.fields[i].text,
                                                .entity = i,
                                                .roles = UINT64_C(1) << i};
    }
    row->event.fields[row->entities].integer = (int64_t)(luck >> 44);
    row->event.fields[row->entities + 1].text = bench_key(row->device, 'd', (uint32_t)(luck % 8));
}

static void prefetch(struct row *row)
{
    const struct assay_update *group[ENTITIES_MAX];
    for (uint32_t i = 0; i < row->entities; i++) {
        group[i] = &row->updates[i];
    }
    assay_store_prefetch_group(row->bench.store, group, row->entities);
}

/* Events until every key has had about its share and the state is as large as asked. */
static bool build_state(struct row *row, const struct bench_options *options,
                        struct assay_store_stats *stats)
{
    const int64_t step_ms = (int64_t)(UINT64_C(86400000) * 7 / options->events);
    for (uint64_t i = 0; i < options->events; i++) {
        lay_event(row, options->keys);
        prefetch(row);
        for (uint32_t e = 0; e < row->entities; e++) {
            struct assay_touch touch;
            if (assay_store_apply(row->bench.store, &row->updates[e], &touch) != ASSAY_OK) {
                (void)fprintf(stderr, "bench_features: the store is full: --memory\n");
                return false;
            }
        }
        row->time_ms += step_ms;
    }
    assay_store_stats(row->bench.store, stats);
    return true;
}

static void read_as_owner(struct row *row)
{
    prefetch(row);
    for (uint32_t e = 0; e < row->entities; e++) {
        const struct assay_plan_entity *entity = &row->bench.plan->entities[e];
        assay_store_read(row->bench.store, e, row->updates[e].key, row->time_ms,
                         &row->bench.features[entity->feature_first], entity->feature_count,
                         row->bench.scratch, &row->bench.values[entity->feature_first]);
    }
}

static void read_as_reader(struct row *row)
{
    struct assay_read reads[ENTITIES_MAX];
    for (uint32_t e = 0; e < row->entities; e++) {
        const struct assay_plan_entity *entity = &row->bench.plan->entities[e];
        reads[e] = (struct assay_read){
            .entity = e,
            .key = row->updates[e].key,
            .at_ms = row->time_ms,
            .features = &row->bench.features[entity->feature_first],
            .count = entity->feature_count,
            .out = &row->bench.values[entity->feature_first],
        };
    }
    (void)assay_reader_rows(row->reader, reads, row->entities, row->bench.scratch);
}

static double sum_up(const struct row *row)
{
    const struct assay_plan *plan = row->bench.plan;
    double sum = 0;
    for (uint32_t f = 0; f < plan->feature_count; f++) {
        const double number = row->bench.values[f].cell.number;
        sum += isnan(number) ? 0 : number;
    }
    return sum;
}

static int by_size(const void *left, const void *right)
{
    const uint64_t l = *(const uint64_t *)left;
    const uint64_t r = *(const uint64_t *)right;
    return l < r ? -1 : l > r;
}

/* Time rows of random keys, one way. */
static double time_rows(struct row *row, const struct bench_options *options,
                        void (*read)(struct row *row), const char *name)
{
    enum { READS = 200000 };
    static uint64_t took_ns[READS];
    double sum = 0;
    for (size_t i = 0; i < READS; i++) {
        lay_event(row, options->keys);
        const uint64_t start = assay_clock_monotonic_ns();
        read(row);
        took_ns[i] = assay_clock_monotonic_ns() - start;
        sum += sum_up(row);
        assay_arena_rewind(row->bench.scratch, row->bench.scratch_start);
    }
    qsort(took_ns, READS, sizeof *took_ns, by_size);
    (void)printf("\"%sp50_ns\": %llu, \"%sp99_ns\": %llu, \"%sp999_ns\": %llu, ", name,
                 (unsigned long long)took_ns[READS / 2], name,
                 (unsigned long long)took_ns[READS / 100 * 99], name,
                 (unsigned long long)took_ns[READS / 1000 * 999]);
    return sum;
}

int bench_row(const struct bench_options *options)
{
    static struct row row;
    if (!bench_open(&row.bench, options)) {
        return 71;
    }
    row.entities = row.bench.plan->schema->entity_count;
    row.seed = 88172645463325252U;
    row.time_ms = (int64_t)STREAM_START_MS;
    struct assay_store_stats stats;
    struct assay_store *const stores[1] = {row.bench.store};
    if (row.entities > ENTITIES_MAX || !build_state(&row, options, &stats) ||
        assay_reader_create(&row.reader, stores, 1, NULL) != ASSAY_OK) {
        return 71;
    }
    (void)printf("{");
    const uint64_t seed = row.seed;
    const double beside = time_rows(&row, options, read_as_reader, "");
    row.seed = seed; /* the same keys; the owner's reads leave something behind, so it comes last */
    const double owner = time_rows(&row, options, read_as_owner, "owner_");
    if (memcmp(&beside, &owner, sizeof owner) != 0) {
        (void)fprintf(stderr, "bench_features: a reader and the owner gave different rows\n");
        return 70;
    }
    (void)printf("\"features\": %u, \"keys\": %llu, \"memory_bytes\": %llu}\n",
                 row.bench.plan->feature_count, (unsigned long long)stats.keys,
                 (unsigned long long)stats.memory_bytes);
    assay_reader_destroy(row.reader);
    bench_close(&row.bench);
    return 0;
}
