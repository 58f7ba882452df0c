#include "features/record_pvt.h"

/* Who computes: room for the greatest entity's items, and for what one count of values needs. */

/* How many of each item the greatest entity has. */
struct sizes {
    size_t slots;
    size_t views;
    size_t ranges;
    size_t streams;
    size_t lanes_bytes;
    size_t values;
};

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static struct sizes sizes_of(const struct slicer *slicer)
{
    struct sizes sizes = {
        .slots = 1, .views = 1, .ranges = 1, .streams = 1, .lanes_bytes = 16, .values = 1};
    for (uint32_t e = 0; e < slicer->plan->schema->entity_count; e++) {
        const struct assay_plan_entity *entity = &slicer->plan->entities[e];
        const struct entity_layout *layout = &slicer->layouts[e];
        sizes.slots = larger(sizes.slots, (size_t)entity->agg_count + entity->feature_count);
        sizes.views = larger(sizes.views, layout->view_count);
        sizes.ranges = larger(sizes.ranges, layout->range_count);
        sizes.values = larger(sizes.values, layout->value_count);
        sizes.streams = larger(sizes.streams, layout->stream_count);
        for (uint32_t s = 0; s < layout->stream_count; s++) {
            const size_t bytes = (lanes_bytes(&layout->streams[s]) + 15) / 16 * 16;
            sizes.lanes_bytes = larger(sizes.lanes_bytes, bytes);
        }
    }
    return sizes;
}

static bool reserve_streams(struct scratch *scratch, struct assay_arena *arena, size_t streams)
{
    scratch->lane_stamps = assay_arena_array(arena, streams, sizeof(uint64_t));
    scratch->kept = assay_arena_array(arena, streams, sizeof *scratch->kept);
    scratch->is_copy = assay_arena_array(arena, streams, sizeof *scratch->is_copy);
    scratch->has_values = assay_arena_array(arena, streams, sizeof *scratch->has_values);
    scratch->is_back = assay_arena_array(arena, streams, sizeof *scratch->is_back);
    scratch->ends = assay_arena_array(arena, streams, sizeof *scratch->ends);
    scratch->copies = assay_arena_array(arena, streams, sizeof *scratch->copies);
    scratch->lanes = assay_arena_array(arena, streams, scratch->lanes_bytes_max);
    scratch->work = assay_arena_alloc(arena, scratch->lanes_bytes_max);
    return scratch->lane_stamps != NULL && scratch->kept != NULL && scratch->has_values != NULL &&
           scratch->is_copy != NULL && scratch->is_back != NULL && scratch->ends != NULL &&
           scratch->copies != NULL && scratch->lanes != NULL && scratch->work != NULL;
}

static bool reserve_scratch(struct scratch *scratch, struct assay_arena *arena,
                            const struct sizes *sizes)
{
    scratch->lanes_bytes_max = sizes->lanes_bytes;
    scratch->slots = assay_arena_array(arena, sizes->slots, sizeof *scratch->slots);
    scratch->values = assay_arena_array(arena, sizes->values, sizeof *scratch->values);
    scratch->needed = assay_arena_array(arena, sizes->slots, 1);
    scratch->ranges = assay_arena_array(arena, sizes->ranges, sizeof *scratch->ranges);
    scratch->range_stamps = assay_arena_array(arena, sizes->ranges, sizeof(uint64_t));
    scratch->results = assay_arena_array(arena, sizes->views, sizeof *scratch->results);
    scratch->view_stamps = assay_arena_array(arena, sizes->views, sizeof(uint64_t));
    return scratch->slots != NULL && scratch->values != NULL && scratch->needed != NULL &&
           scratch->ranges != NULL && scratch->range_stamps != NULL && scratch->results != NULL &&
           scratch->view_stamps != NULL && reserve_streams(scratch, arena, sizes->streams);
}

/* Does some aggregate count different values? */
static bool counts_values(const struct assay_plan *plan)
{
    bool counts = false;
    for (uint32_t e = 0; e < plan->schema->entity_count; e++) {
        for (uint32_t i = 0; i < plan->entities[e].agg_count; i++) {
            const enum assay_agg_kind kind = plan->entities[e].aggs[i].kind;
            counts = counts || kind == ASSAY_AGG_COUNT_DISTINCT || kind == ASSAY_AGG_IS_NEW;
        }
    }
    return counts;
}

bool assay_slicer_init(struct slicer *slicer, struct assay_arena *arena,
                       const struct slicer_source *source)
{
    *slicer = (struct slicer){
        .plan = source->plan,
        .layouts = source->layouts,
        .slab = source->slab,
        .set = {.seed = source->seed},
        .reads_copies = source->slab == NULL,
    };
    const struct sizes sizes = sizes_of(slicer);
    return reserve_scratch(&slicer->scratch, arena, &sizes) &&
           assay_selection_reserve(slicer, arena) &&
           (!counts_values(source->plan) ||
            assay_distinct_init(&slicer->set, source->entries_max, source->seed));
}

void assay_slicer_fini(struct slicer *slicer)
{
    assay_distinct_fini(&slicer->set);
}
