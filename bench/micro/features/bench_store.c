/*
 * bench_store - what the store costs: ns per apply and per slice of CPU time, for keys drawn evenly
 * and for one hot key with many events in its windows. One JSON object a result on stdout.
 */
#include "engine/base/diag.h"
#include "features/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FIELDS = 4, LINES_MAX = 32, KEYS = 100000, BATCH = 1024, GROUP = 16 };

static const struct assay_field_def fields[FIELDS] = {
    {.name = {"user", 4}, .type = ASSAY_TYPE_KEY, .entity = 0},
    {.name = {"amount", 6}, .type = ASSAY_TYPE_DECIMAL, .scale = 2, .entity = ASSAY_NONE},
    {.name = {"ok", 2}, .type = ASSAY_TYPE_BOOL, .entity = ASSAY_NONE},
    {.name = {"device", 6}, .type = ASSAY_TYPE_CATEGORY, .entity = ASSAY_NONE},
};
static const struct assay_event_def events[] = {
    {.name = {"pay", 3}, .field_count = FIELDS, .fields = fields}};
static const struct assay_entity_def entities[] = {{.name = {"user", 4}}};
static const struct assay_schema schema = {.lateness_ms = 3600000,
                                           .event_count = 1,
                                           .entity_count = 1,
                                           .events = events,
                                           .entities = entities};

/* What a lender asks of payments: 21 features. */
static const char *const lender[] = {
    "count(pay) over [1m, 5m, 1h, 1d, 7d, 30d]",
    "sum(pay.amount) over [1h, 1d, 7d, 30d]",
    "count(pay) where not ok over [1h, 1d]",
    "avg(pay.amount) over 30d",
    "max(pay.amount) over 30d",
    "min(pay.amount) over 7d",
    "last(pay.amount)",
    "time_since_last(pay) exclude current",
    "sum(pay.amount) over 30d last 10",
    "count(pay)",
    "max(pay.amount) exclude current over 7d",
    "count(pay) exclude current over 1d delay 1h",
};
static const char *const count_only[] = {"count(pay) over 30d"};
static const char *const sum_only[] = {"sum(pay.amount) over 30d"};
static const char *const extreme_only[] = {"max(pay.amount) over 30d"};
static const char *const distinct_only[] = {"count_distinct(pay.device) over 30d"};

#define LINES(list) (list), sizeof(list) / sizeof *(list)

struct bench {
    struct assay_arena *arena;
    struct assay_arena *scratch;
    const struct assay_plan *plan;
    struct assay_store *store;
    uint32_t features[256];
    struct assay_value values[256];
    uint64_t seed;
};

static uint64_t cpu_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static uint64_t roll(struct bench *bench)
{
    bench->seed ^= bench->seed >> 12;
    bench->seed ^= bench->seed << 25;
    bench->seed ^= bench->seed >> 27;
    return bench->seed * UINT64_C(2685821657736338717);
}

static bool open_bench(struct bench *bench, const char *const lines[], size_t count)
{
    static struct assay_text texts[LINES_MAX];
    static struct assay_feature_source sources[LINES_MAX];
    static char names[LINES_MAX][8];
    *bench = (struct bench){.seed = 88172645463325252U};
    bench->arena = assay_arena_create((size_t)1 << 28);
    bench->scratch = assay_arena_create((size_t)1 << 24);
    struct assay_diags *diags = bench->arena == NULL ? NULL : assay_diags_create(bench->arena, 10);
    if (diags == NULL || bench->scratch == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(names[i], sizeof names[i], "f%zu", i);
        texts[i] = (struct assay_text){"bench", lines[i], strlen(lines[i])};
        const struct assay_span span = {.text = &texts[i], .end = texts[i].len};
        sources[i] = (struct assay_feature_source){
            .name = assay_str_of(names[i]), .name_span = span, .expression = span};
    }
    bench->plan = assay_plan_compile(bench->arena, &schema, sources, count, diags);
    if (bench->plan == NULL || bench->plan->feature_count > 256) {
        assay_diags_print(diags, stderr);
        return false;
    }
    for (uint32_t i = 0; i < bench->plan->feature_count; i++) {
        bench->features[i] = i;
    }
    const struct assay_store_options options = {.memory_bytes_max = (size_t)4 << 30,
                                                .index_seed = 1};
    return assay_store_create(&bench->store, bench->plan, &options, NULL) == ASSAY_OK;
}

static void close_bench(struct bench *bench)
{
    assay_store_destroy(bench->store);
    assay_arena_destroy(bench->scratch);
    assay_arena_destroy(bench->arena);
}

static void fill_event(struct bench *bench, struct assay_event *event, char device[16],
                       int64_t time_ms, uint64_t devices)
{
    const uint64_t luck = roll(bench);
    (void)snprintf(device, 16, "d%llu", (unsigned long long)(luck % devices));
    *event = (struct assay_event){.time_ms = time_ms, .present = 0xF};
    event->fields[1].integer = (int64_t)(luck >> 40);
    event->fields[2].integer = (int64_t)(luck >> 33 & 1);
    event->fields[3].text = assay_str_of(device);
}

static bool apply(struct bench *bench, struct assay_event *event, struct assay_str key,
                  struct assay_update *update, struct assay_touch *touch)
{
    event->fields[0].text = key;
    *update = (struct assay_update){.event = event, .key = key, .roles = 1};
    return assay_store_apply(bench->store, update, touch) == ASSAY_OK;
}

static void print(const char *name, double ns)
{
    (void)printf("{\"name\": \"%s\", \"unit\": \"ns\", \"assay\": %.1f, "
                 "\"lower_is_better\": true}\n",
                 name, ns);
}

/* One batch of events for keys drawn evenly, as the pipeline hands them over. */
struct batch {
    struct assay_event events[BATCH];
    struct assay_update updates[BATCH];
    char devices[BATCH][16];
    char users[BATCH][16];
};

static void fill_batch(struct bench *bench, struct batch *batch, size_t first)
{
    for (size_t i = 0; i < BATCH; i++) {
        fill_event(bench, &batch->events[i], batch->devices[i], (int64_t)(first + i) * 40, 50);
        (void)snprintf(batch->users[i], 16, "u%llu", (unsigned long long)(roll(bench) % KEYS));
        batch->events[i].fields[0].text = assay_str_of(batch->users[i]);
        batch->updates[i] = (struct assay_update){
            .event = &batch->events[i], .key = batch->events[i].fields[0].text, .roles = 1};
    }
}

static bool run_batch(struct bench *bench, const struct batch *batch, bool slice)
{
    const struct assay_arena_mark mark = assay_arena_mark(bench->scratch);
    for (size_t i = 0; i < BATCH; i++) {
        struct assay_touch touch;
        if (i % GROUP == 0) {
            const struct assay_update *group[GROUP];
            for (size_t g = 0; g < GROUP; g++) {
                group[g] = &batch->updates[i + g];
            }
            assay_store_prefetch_group(bench->store, group, GROUP);
        }
        if (assay_store_apply(bench->store, &batch->updates[i], &touch) != ASSAY_OK) {
            return false;
        }
        if (slice) {
            assay_store_slice(bench->store, &touch, bench->features, bench->plan->feature_count,
                              bench->scratch, bench->values);
            assay_arena_rewind(bench->scratch, mark);
        }
    }
    return true;
}

/* Keys drawn evenly: apply alone, or apply and slice. The first half warms up. */
static int uniform(size_t batches, bool slice)
{
    static struct batch batch;
    struct bench bench;
    if (!open_bench(&bench, LINES(lender))) {
        return 71;
    }
    uint64_t spent = 0;
    for (size_t b = 0; b < batches; b++) {
        fill_batch(&bench, &batch, b * BATCH);
        const uint64_t start = cpu_ns();
        if (!run_batch(&bench, &batch, slice)) {
            return 71;
        }
        spent += b >= batches / 2 ? cpu_ns() - start : 0;
    }
    struct assay_store_stats stats;
    assay_store_stats(bench.store, &stats);
    (void)fprintf(
        stderr,
        "even keys: %llu keys, %llu events, %.0f bytes an event, %.0f carved, %u features\n",
        (unsigned long long)stats.keys, (unsigned long long)stats.events,
        (double)stats.memory_bytes / (double)stats.events,
        (double)stats.carved_bytes / (double)stats.events, bench.plan->feature_count);
    print(slice ? "store apply and slice, 10^5 even keys, 21 features"
                : "store apply, 10^5 even keys",
          (double)spent / (double)((batches - batches / 2) * BATCH));
    close_bench(&bench);
    return 0;
}

/* One key with @p count events, all in the windows: the cost of a slice of its features. */
static int hot(const char *what, const char *const lines[], size_t line_count, size_t count,
               uint64_t devices)
{
    struct bench bench;
    if (!open_bench(&bench, lines, line_count)) {
        return 71;
    }
    const struct assay_str key = {"hot", 3};
    const struct assay_arena_mark mark = assay_arena_mark(bench.scratch);
    struct assay_event event;
    struct assay_update update;
    struct assay_touch touch = {0};
    char device[16];
    uint64_t start = cpu_ns();
    for (size_t i = 0; i < count; i++) {
        fill_event(&bench, &event, device, (int64_t)i * 20, devices);
        if (!apply(&bench, &event, key, &update, &touch)) {
            return 71;
        }
    }
    char name[96];
    (void)snprintf(name, sizeof name, "store apply, one key, %zu events, %s", count, what);
    print(name, (double)(cpu_ns() - start) / (double)count);
    uint64_t slices = 0;
    start = cpu_ns();
    while (slices < 10 || (slices < 20000 && cpu_ns() - start < 200000000U)) {
        assay_store_slice(bench.store, &touch, bench.features, bench.plan->feature_count,
                          bench.scratch, bench.values);
        assay_arena_rewind(bench.scratch, mark);
        slices++;
    }
    (void)snprintf(name, sizeof name, "store slice, one key, %zu events, %s", count, what);
    print(name, (double)(cpu_ns() - start) / (double)slices);
    close_bench(&bench);
    return 0;
}

int main(int argc, char *argv[])
{
    const bool quick = argc == 2 && strcmp(argv[1], "--quick") == 0;
    if (argc > 1 && !quick) {
        (void)fprintf(stderr, "usage: bench_store [--quick]\n");
        return 64;
    }
    const size_t many = quick ? 200 : 2000;
    const size_t large = quick ? 20000 : 100000;
    int rc = uniform(many, false);
    rc = rc == 0 ? uniform(many, true) : rc;
    rc = rc == 0 ? hot("count", LINES(count_only), large, 50) : rc;
    rc = rc == 0 ? hot("sum", LINES(sum_only), large, 50) : rc;
    rc = rc == 0 ? hot("max", LINES(extreme_only), large, 50) : rc;
    rc = rc == 0 ? hot("distinct of 50", LINES(distinct_only), large, 50) : rc;
    rc = rc == 0 ? hot("distinct of 10^6", LINES(distinct_only), large, 1000000) : rc;
    rc = rc == 0 ? hot("21 features", LINES(lender), large, 50) : rc;
    rc = rc == 0 && !quick ? hot("21 features", LINES(lender), 10 * large, 50) : rc;
    return rc;
}
