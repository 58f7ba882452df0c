#include "engine/runtime/pipeline_pvt.h"

#include "engine/base/clock.h"
#include "engine/base/hash.h"

#include <stdlib.h>
#include <sys/random.h>

/*
 * All arrays are sized at creation for the worst epoch: message_max messages of the event type that
 * asks for most. Where definitions ask for very much, message_max is lowered until a home's arrays
 * fit HOME_BYTES_MAX, so nothing can overflow later and nothing is allocated while running. A
 * recorded epoch larger than that (it may come from more shards) is run in several passes, cut in
 * (partition, offset) order, which gives the same result.
 */

enum {
    HOME_BYTES_MAX = 32 << 20,
    ARENA_BYTES_FIRST = 1 << 20, /* of a shard's scratch, touched at creation */
};

static const size_t PIPELINE_BYTES_MAX = (size_t)64 << 30; /* address space: 64 homes, all full */
static const size_t SCRATCH_BYTES_MAX = (size_t)4 << 30;   /* and what texts may need */

/* The most that one message may ask for, over all event types. */
struct demand {
    size_t updates;
    size_t values;
    size_t needs;
    size_t decisions;
    size_t texts; /* of its values, those that may be text */
};

static struct demand demand_of(const struct assay_plan *plan, const struct shape *shapes)
{
    struct demand demand = {0};
    for (uint32_t e = 0; e < plan->schema->event_count; e++) {
        const struct shape *shape = &shapes[e];
        demand.updates = shape->role_count > demand.updates ? shape->role_count : demand.updates;
        demand.values = shape->value_count > demand.values ? shape->value_count : demand.values;
        demand.needs = shape->need_count > demand.needs ? shape->need_count : demand.needs;
        demand.decisions =
            shape->policy_count > demand.decisions ? shape->policy_count : demand.decisions;
        size_t texts = 0;
        for (uint32_t r = 0; r < shape->role_count; r++) {
            texts += shape->roles[r].has_text ? shape->roles[r].feature_count : 0;
        }
        demand.texts = texts > demand.texts ? texts : demand.texts;
    }
    return demand;
}

static uint32_t message_max_of(const struct demand *demand)
{
    const size_t bytes = 2 * sizeof(struct assay_message) + sizeof(struct item) +
                         sizeof(struct assay_event) + sizeof(struct assay_range) +
                         demand->updates * sizeof(struct routed) +
                         (demand->values + demand->needs) * sizeof(struct assay_value) +
                         demand->decisions * sizeof(struct assay_decision);
    const size_t fits = (size_t)HOME_BYTES_MAX / bytes;
    if (fits >= ASSAY_EPOCH_MESSAGES_MAX) {
        return ASSAY_EPOCH_MESSAGES_MAX;
    }
    return fits == 0 ? 1 : (uint32_t)fits;
}

static void *array(struct assay_pipeline *pipeline, size_t count, size_t size, bool *good)
{
    void *items = assay_arena_array(pipeline->arena, count + 1, size);
    *good = *good && items != NULL;
    return items;
}

static bool make_home(struct assay_pipeline *pipeline, struct shard *shard,
                      const struct demand *demand)
{
    const size_t max = pipeline->message_max;
    bool good = true;
    shard->feed = pipeline->options.feeds[shard->index];
    ASSAY_ASSERT(shard->feed != NULL);
    shard->messages = array(pipeline, max, sizeof *shard->messages, &good);
    shard->sorting = array(pipeline, max, sizeof *shard->sorting, &good);
    shard->items = array(pipeline, max, sizeof *shard->items, &good);
    shard->events = array(pipeline, max, sizeof *shard->events, &good);
    shard->updates = array(pipeline, max * demand->updates, sizeof *shard->updates, &good);
    shard->values = array(pipeline, max * demand->values, sizeof *shard->values, &good);
    shard->decisions = array(pipeline, max * demand->decisions, sizeof *shard->decisions, &good);
    shard->decision_values =
        array(pipeline, max * demand->needs, sizeof *shard->decision_values, &good);
    shard->ranges = array(pipeline, max, sizeof *shard->ranges, &good);
    shard->range_slots =
        array(pipeline, pipeline->options.partition_count, sizeof *shard->range_slots, &good);
    shard->decoder = assay_decoder_create_json(pipeline->arena, pipeline->options.plan->schema);
    return good && shard->decoder != NULL;
}

/*
 * The limit of a shard's scratch: every message of every home may ask this owner for texts as long
 * as can be. Only memory that is used is taken; an arena's blocks double, so it is four times that.
 */
static size_t scratch_bytes_max(const struct assay_pipeline *pipeline, const struct demand *demand)
{
    const size_t messages = (size_t)pipeline->message_max * pipeline->options.homes;
    return SCRATCH_BYTES_MAX + 4 * messages * demand->texts * ASSAY_TEXT_BYTES_MAX;
}

static enum assay_status make_shard(struct assay_pipeline *pipeline, uint32_t index,
                                    const struct demand *demand, uint64_t seed,
                                    struct assay_err *err)
{
    struct shard *shard = &pipeline->shards[index];
    const struct assay_pipeline_options *options = &pipeline->options;
    bool good = true;
    shard->pipeline = pipeline;
    shard->index = index;
    shard->heads = array(pipeline, options->shards, sizeof *shard->heads, &good);
    shard->tails = array(pipeline, options->shards, sizeof *shard->tails, &good);
    shard->scratch = assay_arena_create(scratch_bytes_max(pipeline, demand));
    good = good && shard->scratch != NULL &&
           assay_arena_alloc(shard->scratch, ARENA_BYTES_FIRST) != NULL &&
           (index >= options->homes || make_home(pipeline, shard, demand));
    if (!good) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "pipeline", "no memory for shard %u", index);
    }
    assay_arena_rewind(shard->scratch, (struct assay_arena_mark){0});
    const struct assay_store_options store = {
        .memory_bytes_max = (size_t)(options->memory_bytes / options->shards),
        .index_seed = seed,
        .shards = options->shards,
        .hot_keys = options->hot_keys,
        .spill = pipeline->spill == NULL ? NULL : assay_spill_files_of(pipeline->spill, index),
    };
    return assay_store_create(&shard->store, options->plan, &store, err);
}

static enum assay_status make_admissions(struct assay_pipeline *pipeline, struct assay_err *err)
{
    const struct assay_schema *schema = pipeline->options.plan->schema;
    const size_t count = pipeline->options.partition_count;
    bool good = true;
    for (uint32_t e = 0; e < schema->entity_count; e++) {
        pipeline->expires = pipeline->expires || schema->entities[e].expire_ms != 0;
    }
    pipeline->safe_ms = INT64_MIN;
    pipeline->joined = array(pipeline, count, sizeof *pipeline->joined, &good);
    pipeline->admissions = array(pipeline, count, sizeof *pipeline->admissions, &good);
    for (size_t p = 0; good && p < count; p++) {
        pipeline->admissions[p] = assay_admission_create(schema->lateness_ms, schema->ahead_ms,
                                                         pipeline->options.ids_max);
        good = pipeline->admissions[p] != NULL;
    }
    if (good) {
        return ASSAY_OK;
    }
    (void)assay_err_set(err, ASSAY_E_NO_MEMORY, "pipeline",
                        "cannot reserve memory for the ids of %zu partitions", count);
    assay_err_remedy(err, "lower ids_max in assay.yaml");
    return ASSAY_E_NO_MEMORY;
}

static enum assay_status build(struct assay_pipeline *pipeline, struct assay_err *err)
{
    const struct assay_pipeline_options *options = &pipeline->options;
    bool good = true;
    pipeline->shapes = assay_shapes_derive(pipeline->arena, options);
    if (pipeline->shapes == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "pipeline", "no memory for the plan");
    }
    const struct demand demand = demand_of(options->plan, pipeline->shapes);
    pipeline->message_max = message_max_of(&demand);
    pipeline->shards = array(pipeline, options->shards, sizeof *pipeline->shards, &good);
    pipeline->ranges = array(pipeline, (size_t)pipeline->message_max * options->homes,
                             sizeof *pipeline->ranges, &good);
    pipeline->pass.ranges =
        array(pipeline, pipeline->message_max, sizeof *pipeline->pass.ranges, &good);
    if (!good) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "pipeline", "no memory for the shards");
    }
    uint64_t seed = assay_clock_monotonic_ns();
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed) {
        seed ^= assay_hash64(&seed, sizeof seed, (uint64_t)assay_clock_wall_ms());
    }
    enum assay_status status = make_admissions(pipeline, err);
    if (status == ASSAY_OK && options->spill != NULL && options->spill->folder.ptr != NULL) {
        status = assay_spill_files_open(&pipeline->spill, options->spill, options->shards, err);
    }
    for (uint32_t s = 0; s < options->shards && status == ASSAY_OK; s++) {
        status = make_shard(pipeline, s, &demand, seed, err);
        pipeline->shard_count = s + 1;
    }
    return status;
}

enum assay_status assay_pipeline_create(struct assay_pipeline **out,
                                        const struct assay_pipeline_options *options,
                                        struct assay_err *err)
{
    ASSAY_ASSERT(out != NULL && options != NULL);
    ASSAY_ASSERT(options->plan != NULL && options->emitter != NULL);
    ASSAY_ASSERT(options->shards >= 1 && options->shards <= ASSAY_SHARDS_MAX);
    ASSAY_ASSERT(options->homes >= 1 && options->homes <= options->shards);
    ASSAY_ASSERT(!options->as_given || options->homes == 1);
    ASSAY_ASSERT(options->partition_count <= ASSAY_PARTITIONS_MAX);
    *out = NULL;
    struct assay_pipeline *pipeline = calloc(1, sizeof *pipeline);
    if (pipeline == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "pipeline", "out of memory");
    }
    pipeline->options = *options;
    pipeline->pass.live = true;
    (void)pthread_mutex_init(&pipeline->gate, NULL);
    pipeline->arena = assay_arena_create(PIPELINE_BYTES_MAX);
    enum assay_status status = pipeline->arena != NULL ? build(pipeline, err)
                                                       : assay_err_set(err, ASSAY_E_NO_MEMORY,
                                                                       "pipeline", "out of memory");
    if (status != ASSAY_OK) {
        assay_pipeline_destroy(pipeline);
        return status;
    }
    *out = pipeline;
    return ASSAY_OK;
}

void assay_pipeline_destroy(struct assay_pipeline *pipeline)
{
    if (pipeline == NULL) {
        return;
    }
    for (uint32_t s = 0; s < pipeline->shard_count; s++) {
        assay_store_destroy(pipeline->shards[s].store);
        assay_decoder_destroy(pipeline->shards[s].decoder);
        assay_arena_destroy(pipeline->shards[s].scratch);
    }
    assay_spill_files_close(pipeline->spill);
    for (size_t p = 0; pipeline->admissions != NULL && p < pipeline->options.partition_count; p++) {
        assay_admission_destroy(pipeline->admissions[p]);
    }
    assay_arena_destroy(pipeline->arena);
    (void)pthread_mutex_destroy(&pipeline->gate);
    free(pipeline);
}

const struct assay_histogram *assay_pipeline_epoch_times(const struct assay_pipeline *pipeline)
{
    return &pipeline->epoch_times;
}

void assay_pipeline_stats(const struct assay_pipeline *pipeline, struct assay_pipeline_stats *out)
{
    *out = pipeline->lead;
    for (uint32_t s = 0; s < pipeline->shard_count; s++) {
        const struct assay_pipeline_stats *part = &pipeline->shards[s].stats;
        struct assay_store_stats store;
        out->messages += part->messages;
        out->events += part->events;
        out->updates += part->updates;
        out->decisions += part->decisions;
        out->unknown_members += part->unknown_members;
        out->duplicates += part->duplicates;
        out->feature_values += part->feature_values;
        for (size_t d = 0; d < ASSAY_DEAD_END; d++) {
            out->dead[d] += part->dead[d];
        }
        out->take_ns += part->take_ns;
        out->decode_ns += part->decode_ns;
        out->apply_ns += part->apply_ns;
        out->score_ns += part->score_ns;
        assay_store_stats(pipeline->shards[s].store, &store);
        assay_store_stats_add(&out->store, &store);
    }
}

void assay_pipeline_state_hash(const struct assay_pipeline *pipeline, uint64_t hash[2])
{
    int64_t newest_ms = INT64_MIN;
    for (size_t p = 0; p < pipeline->options.partition_count; p++) {
        const int64_t watermark_ms = assay_admission_watermark(pipeline->admissions[p]);
        newest_ms = watermark_ms > newest_ms ? watermark_ms : newest_ms;
    }
    const int64_t lateness_ms = pipeline->options.plan->schema->lateness_ms;
    const int64_t safe_ms = newest_ms == INT64_MIN ? INT64_MIN : newest_ms - lateness_ms;
    hash[0] = 0;
    hash[1] = 0;
    for (uint32_t s = 0; s < pipeline->shard_count; s++) {
        assay_store_hash_living(pipeline->shards[s].store, safe_ms, hash);
    }
}

struct assay_store *assay_pipeline_store(const struct assay_pipeline *pipeline, uint32_t shard)
{
    ASSAY_ASSERT(shard < pipeline->shard_count);
    return pipeline->shards[shard].store;
}
