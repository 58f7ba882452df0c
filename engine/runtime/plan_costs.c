#include "engine/runtime/plan_costs.h"

#include "engine/base/clock.h"
#include "features/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    KEYS = 16,
    DEPTH = 500,
    DEPTH_MIN = 20,
    FILL_EVENTS_MAX = 200000, /* of an entity: many streams are filled less deep */
    SAMPLES = 127,            /* the last ones of a feature */
    SPAN_DEFAULT_MS = 86400000,
    STEPS_A_CLOCK_READ = 4,
    CATEGORIES = 8,
};

static const int64_t SPAN_MAX_MS = INT64_C(400) * 86400000;
static const int64_t START_MS = INT64_C(1767225600000); /* 2026-01-01 */
static const size_t STORE_BYTES_MAX = (size_t)1 << 30;
static const uint64_t INTERRUPTED_NS = 1000000; /* longer applies are the machine's, not ours */

/* The newest samples of one thing, for a median. */
struct samples {
    uint32_t count;
    uint32_t ns[SAMPLES];
};

/* One entity under measurement. */
struct bench {
    const struct assay_plan *plan;
    const struct assay_plan_entity *entity;
    const struct assay_entity_view *view;
    const struct assay_plan_views *views;
    uint32_t index;
    uint32_t keys;
    int64_t step_ms;
    int64_t now_ms;
    uint64_t random;
    uint64_t events;
    uint32_t clock_ns; /* what reading the clock twice takes */
    struct assay_store *store;
    struct assay_arena *scratch;
    struct samples *samples; /* one a feature of the entity, then one for all together */
    uint32_t **by_stream;    /* features of the entity that rest on a stream, as plan indices */
    uint32_t *by_stream_count;
    uint32_t *turn;     /* per stream the feature that is sliced next */
    uint64_t *apply_ns; /* per stream, sums */
    uint64_t *apply_count;
    uint32_t *all; /* features of the entity */
    struct assay_value *values;
    double *vector;
    struct assay_event event;
    struct assay_update update; /* of the event */
    struct assay_touch touch;
    char keys_text[KEYS][16];
    char id[24];
};

static uint64_t draw(struct bench *bench, uint64_t below)
{
    bench->random = bench->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (bench->random >> 33) % below;
}

/* --- events ----------------------------------------------------------------------------------- */

static struct assay_str draw_text(struct bench *bench, const struct assay_stream_view *stream,
                                  enum assay_type type)
{
    static const char *const names[CATEGORIES] = {"app", "web",   "branch", "atm",
                                                  "pos", "phone", "mail",   "other"};
    static const char words[] = "a message of the length that people write, more or less";
    if (type == ASSAY_TYPE_TEXT) {
        return assay_str_of(words);
    }
    if (type == ASSAY_TYPE_CATEGORY && stream->literal_count > 0 && draw(bench, 2) == 0) {
        return stream->literals[draw(bench, stream->literal_count)];
    }
    return type == ASSAY_TYPE_KEY ? assay_str_of(bench->keys_text[draw(bench, KEYS)])
                                  : assay_str_of(names[draw(bench, CATEGORIES)]);
}

static void draw_field(struct bench *bench, const struct assay_stream_view *stream,
                       const struct assay_field_def *def, union assay_field *out)
{
    switch (def->type) {
    case ASSAY_TYPE_INT:
        out->integer = (int64_t)draw(bench, 1000);
        return;
    case ASSAY_TYPE_DECIMAL:
        out->integer = (int64_t)draw(bench, 1000000);
        return;
    case ASSAY_TYPE_REAL:
        out->real = (double)draw(bench, 1000000) / 1e6;
        return;
    case ASSAY_TYPE_BOOL:
        out->integer = (int64_t)draw(bench, 2);
        return;
    case ASSAY_TYPE_TIME:
        out->integer = bench->now_ms;
        return;
    case ASSAY_TYPE_VECTOR:
        out->vector = bench->vector;
        return;
    case ASSAY_TYPE_CATEGORY:
    case ASSAY_TYPE_KEY:
    case ASSAY_TYPE_TEXT:
        out->text = draw_text(bench, stream, def->type);
        return;
    case ASSAY_TYPE_END:
        break;
    }
    ASSAY_ASSERT(false);
}

/* The next event: of the stream, for a key, and its update by this one role only. */
static void make_event(struct bench *bench, uint32_t position, uint32_t key)
{
    const struct assay_stream_view *view = &bench->view->streams[position];
    const struct assay_stream *stream = view->stream;
    const struct assay_event_def *def = &bench->plan->schema->events[stream->event];
    struct assay_event *event = &bench->event;
    memset(event, 0, sizeof *event);
    event->type = stream->event;
    event->time_ms = bench->now_ms;
    (void)snprintf(bench->id, sizeof bench->id, "e-%" PRIu64, bench->events);
    event->id = assay_str_of(bench->id);
    for (uint32_t f = 0; f < def->field_count; f++) {
        draw_field(bench, view, &def->fields[f], &event->fields[f]);
        event->present |= UINT64_C(1) << f;
    }
    event->fields[stream->key_field].text = assay_str_of(bench->keys_text[key]);
    bench->update = (struct assay_update){
        .event = event,
        .key = event->fields[stream->key_field].text,
        .entity = bench->index,
        .roles = UINT64_C(1) << stream->key_field,
    };
}

static bool apply(struct bench *bench)
{
    bench->events++;
    return assay_store_apply(bench->store, &bench->update, &bench->touch) == ASSAY_OK;
}

/* --- one entity ------------------------------------------------------------------------------- */

/* The longest window that looks at any of its logs. */
static int64_t span_of(const struct bench *bench)
{
    int64_t span_ms = 0;
    for (uint32_t s = 0; s < bench->view->stream_count; s++) {
        const uint32_t farthest = bench->view->streams[s].farthest;
        if (farthest != ASSAY_NONE) {
            const struct assay_window *window = &bench->entity->aggs[farthest].window;
            const int64_t reach_ms = window->span_ms + window->delay_ms;
            span_ms = reach_ms > span_ms ? reach_ms : span_ms;
        }
    }
    span_ms = span_ms == 0 ? (int64_t)SPAN_DEFAULT_MS : span_ms;
    return span_ms > SPAN_MAX_MS ? SPAN_MAX_MS : span_ms;
}

static bool fill(struct bench *bench, uint32_t depth)
{
    for (uint32_t step = 0; step < depth; step++) {
        for (uint32_t s = 0; s < bench->view->stream_count; s++) {
            for (uint32_t k = 0; k < bench->keys; k++) {
                make_event(bench, s, k);
                if (!apply(bench)) {
                    return false;
                }
            }
        }
        bench->now_ms += bench->step_ms;
    }
    return true;
}

static void note(struct samples *samples, uint64_t ns, uint32_t clock_ns)
{
    const uint64_t net = ns > clock_ns ? ns - clock_ns : 0;
    samples->ns[samples->count++ % SAMPLES] = net > UINT32_MAX ? UINT32_MAX : (uint32_t)net;
}

static void slice(struct bench *bench, const uint32_t features[], size_t count,
                  struct samples *samples)
{
    const struct assay_arena_mark mark = assay_arena_mark(bench->scratch);
    const uint64_t start_ns = assay_clock_monotonic_ns();
    assay_store_slice(bench->store, &bench->touch, features, count, bench->scratch, bench->values);
    note(samples, assay_clock_monotonic_ns() - start_ns, bench->clock_ns);
    assay_arena_rewind(bench->scratch, mark);
}

/* What is read after the next event of a stream: each of its features in turn, then all at once. */
static struct samples *next_read(struct bench *bench, uint32_t position, const uint32_t **features,
                                 size_t *count)
{
    const uint32_t turn = bench->turn[position]++ % (bench->by_stream_count[position] + 1);
    if (turn == bench->by_stream_count[position]) {
        *features = bench->all;
        *count = bench->entity->feature_count;
        return &bench->samples[bench->entity->feature_count];
    }
    *features = &bench->by_stream[position][turn];
    *count = 1;
    return &bench->samples[**features - bench->entity->feature_first];
}

static bool measure_event(struct bench *bench, uint32_t position, uint32_t key)
{
    const uint32_t *features = NULL;
    size_t count = 0;
    struct samples *samples = next_read(bench, position, &features, &count);
    struct samples unused = {0};
    /* The store remembers what a list of features rests on: asked before, it knows this one. */
    slice(bench, features, count, &unused);
    make_event(bench, position, key);
    const uint64_t start_ns = assay_clock_monotonic_ns();
    if (!apply(bench)) {
        return false;
    }
    const uint64_t ns = assay_clock_monotonic_ns() - start_ns;
    if (ns < INTERRUPTED_NS) {
        bench->apply_ns[position] += ns > bench->clock_ns ? ns - bench->clock_ns : 0;
        bench->apply_count[position]++;
    }
    slice(bench, features, count, samples);
    return true;
}

static bool measure_step(struct bench *bench)
{
    for (uint32_t s = 0; s < bench->view->stream_count; s++) {
        for (uint32_t k = 0; k < bench->keys; k++) {
            if (!measure_event(bench, s, k)) {
                return false;
            }
        }
    }
    bench->now_ms += bench->step_ms;
    return true;
}

static int by_size(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double median(struct samples *samples)
{
    const uint32_t count = samples->count < SAMPLES ? samples->count : (uint32_t)SAMPLES;
    if (count == 0) {
        return ASSAY_NULL_NUMBER;
    }
    qsort(samples->ns, count, sizeof samples->ns[0], by_size);
    const uint32_t middle = count / 2;
    return samples->ns[middle];
}

static uint32_t clock_cost(void)
{
    struct samples samples = {0};
    for (int i = 0; i < SAMPLES; i++) {
        const uint64_t start_ns = assay_clock_monotonic_ns();
        note(&samples, assay_clock_monotonic_ns() - start_ns, 0);
    }
    return (uint32_t)median(&samples);
}

static bool rests_on(const struct bench *bench, uint32_t j, uint32_t position)
{
    const uint32_t stream = bench->entity->streams[position];
    const struct assay_feature_view *view =
        &bench->views->features[bench->entity->feature_first + j];
    for (uint32_t a = 0; a < view->agg_count; a++) {
        if (bench->entity->aggs[view->aggs[a]].stream == stream) {
            return true;
        }
    }
    return view->agg_count == 0 && position == 0; /* it has to be read some time */
}

static void *array(struct assay_arena *arena, size_t count, size_t size, bool *good)
{
    void *items = assay_arena_array(arena, count + 1, size);
    *good = *good && items != NULL;
    return items;
}

static bool prepare(struct bench *bench, struct assay_arena *arena)
{
    const uint32_t features = bench->entity->feature_count;
    const uint32_t streams = bench->view->stream_count;
    bool good = true;
    bench->samples = array(arena, features + 1U, sizeof *bench->samples, &good);
    bench->by_stream = array(arena, streams, sizeof *bench->by_stream, &good);
    bench->by_stream_count = array(arena, streams, sizeof(uint32_t), &good);
    bench->turn = array(arena, streams, sizeof(uint32_t), &good);
    bench->apply_ns = array(arena, streams, sizeof(uint64_t), &good);
    bench->apply_count = array(arena, streams, sizeof(uint64_t), &good);
    bench->all = array(arena, features, sizeof(uint32_t), &good);
    bench->values = array(arena, features, sizeof *bench->values, &good);
    bench->vector = array(arena, ASSAY_VECTOR_DIMS_MAX, sizeof(double), &good);
    for (uint32_t s = 0; good && s < streams; s++) {
        bench->by_stream[s] = array(arena, features, sizeof(uint32_t), &good);
        for (uint32_t j = 0; good && j < features; j++) {
            if (rests_on(bench, j, s)) {
                bench->by_stream[s][bench->by_stream_count[s]++] = bench->entity->feature_first + j;
            }
        }
    }
    for (uint32_t j = 0; good && j < features; j++) {
        bench->all[j] = bench->entity->feature_first + j;
    }
    for (uint32_t k = 0; k < KEYS; k++) {
        (void)snprintf(bench->keys_text[k], sizeof bench->keys_text[k], "u-%08" PRIu32, k * 7919);
    }
    return good;
}

/* Fill, then measure until the time is up. @return false: memory is full. */
static bool run(struct bench *bench, uint64_t budget_ns, uint32_t *depth)
{
    const uint64_t capacity = bench->plan->schema->entities[bench->index].capacity;
    const uint32_t streams = bench->view->stream_count;
    bench->keys = capacity != 0 && capacity < KEYS ? (uint32_t)capacity : (uint32_t)KEYS;
    *depth = FILL_EVENTS_MAX / (streams * bench->keys);
    *depth = *depth > DEPTH ? (uint32_t)DEPTH : *depth < DEPTH_MIN ? (uint32_t)DEPTH_MIN : *depth;
    bench->now_ms = START_MS;
    bench->step_ms = span_of(bench) / *depth;
    bench->step_ms = bench->step_ms == 0 ? 1 : bench->step_ms;
    if (!fill(bench, *depth)) {
        return false;
    }
    const uint64_t start_ns = assay_clock_monotonic_ns();
    do {
        for (int i = 0; i < STEPS_A_CLOCK_READ; i++) {
            if (!measure_step(bench)) {
                return false;
            }
        }
    } while (assay_clock_monotonic_ns() - start_ns < budget_ns);
    return true;
}

static enum assay_status measure_entity(struct bench *bench, struct assay_arena *arena,
                                        uint64_t budget_ns, uint32_t *depth, struct assay_err *err)
{
    const struct assay_store_options options = {.memory_bytes_max = STORE_BYTES_MAX,
                                                .index_seed = 1};
    if (!prepare(bench, arena)) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "plan", "no memory to measure in");
    }
    const enum assay_status status = assay_store_create(&bench->store, bench->plan, &options, err);
    if (status != ASSAY_OK) {
        return status;
    }
    const bool good = run(bench, budget_ns, depth);
    assay_store_destroy(bench->store);
    return good ? ASSAY_OK
                : assay_err_set(err, ASSAY_E_NO_MEMORY, "plan",
                                "made-up events of one entity do not fit %zu bytes",
                                STORE_BYTES_MAX);
}

static void take(struct bench *bench, double feature_ns[], double stream_ns[], double *entity_ns)
{
    for (uint32_t j = 0; j < bench->entity->feature_count; j++) {
        feature_ns[bench->entity->feature_first + j] = median(&bench->samples[j]);
    }
    *entity_ns = median(&bench->samples[bench->entity->feature_count]);
    for (uint32_t s = 0; s < bench->view->stream_count; s++) {
        stream_ns[bench->entity->streams[s]] =
            bench->apply_count[s] == 0 ? ASSAY_NULL_NUMBER
                                       : (double)bench->apply_ns[s] / (double)bench->apply_count[s];
    }
}

enum assay_status assay_plan_costs_measure(struct assay_plan_costs *out, struct assay_arena *arena,
                                           const struct assay_plan *plan,
                                           const struct assay_plan_views *views, uint32_t budget_ms,
                                           struct assay_err *err)
{
    ASSAY_ASSERT(out != NULL && plan != NULL && views != NULL && budget_ms > 0);
    const uint64_t start_ns = assay_clock_monotonic_ns();
    const uint32_t entities = plan->schema->entity_count;
    bool good = true;
    double *feature_ns = array(arena, plan->feature_count, sizeof *feature_ns, &good);
    double *stream_ns = array(arena, plan->stream_count, sizeof *stream_ns, &good);
    double *entity_ns = array(arena, entities, sizeof *entity_ns, &good);
    uint32_t *depths = array(arena, entities, sizeof *depths, &good);
    struct bench *bench = array(arena, 1, sizeof *bench, &good);
    struct assay_arena *scratch = assay_arena_create((size_t)1 << 30);
    enum assay_status status = ASSAY_OK;
    if (!good || scratch == NULL) {
        status = assay_err_set(err, ASSAY_E_NO_MEMORY, "plan", "no memory to measure in");
    }
    *out = (struct assay_plan_costs){.keys = KEYS};
    for (uint32_t f = 0; good && f < plan->feature_count; f++) {
        feature_ns[f] = ASSAY_NULL_NUMBER;
    }
    for (uint32_t e = 0; status == ASSAY_OK && e < entities; e++) {
        *bench = (struct bench){.plan = plan,
                                .entity = &plan->entities[e],
                                .view = &views->entities[e],
                                .views = views,
                                .index = e,
                                .random = e + 1,
                                .clock_ns = clock_cost(),
                                .scratch = scratch};
        entity_ns[e] = ASSAY_NULL_NUMBER;
        if (bench->view->stream_count == 0) {
            continue; /* nothing is logged */
        }
        const uint64_t budget_ns =
            (uint64_t)budget_ms * 1000000 * bench->entity->feature_count / plan->feature_count;
        status = measure_entity(bench, arena, budget_ns, &depths[e], err);
        if (status == ASSAY_OK) {
            take(bench, feature_ns, stream_ns, &entity_ns[e]);
        }
        out->events += bench->events;
    }
    assay_arena_destroy(scratch);
    out->feature_ns = feature_ns;
    out->stream_ns = stream_ns;
    out->entity_ns = entity_ns;
    out->depths = depths;
    out->seconds = (double)(assay_clock_monotonic_ns() - start_ns) / 1e9;
    return status;
}
