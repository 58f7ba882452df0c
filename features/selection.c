#include "features/expr_pvt.h"
#include "features/record_pvt.h"

/*
 * What a list of features rests on does not change, and callers ask for the same few lists again and
 * again: so it is worked out once a list. The list is compared whole, so no two are ever mistaken.
 */

/* The slot that a program only copies, or ASSAY_NONE. */
static uint32_t copied_slot(const struct assay_program *program)
{
    const bool is_copy = program->count == 1 && program->instructions[0].op == I_SLOT;
    return is_copy ? program->instructions[0].a : ASSAY_NONE;
}

/* A feature reads only features before it, so going backwards each is marked before it is asked. */
static void mark_needed(const struct assay_store *store, uint32_t entity, const uint32_t features[],
                        size_t count, uint8_t needed[])
{
    const struct assay_plan_entity *plan = &store->plan->entities[entity];
    const struct entity_layout *layout = &store->layouts[entity];
    memset(needed, 0, (size_t)plan->feature_count + plan->agg_count);
    for (size_t i = 0; i < count; i++) {
        ASSAY_ASSERT(store->plan->features[features[i]].entity == entity);
        needed[features[i] - plan->feature_first] = 1;
    }
    for (uint32_t j = plan->feature_count; j > 0; j--) {
        const struct feature_reads *reads = &layout->features[j - 1];
        for (uint32_t r = 0; needed[j - 1] != 0 && r < reads->count; r++) {
            needed[layout->reads[reads->first + r]] = 1;
        }
    }
}

static void list_streams(const struct assay_store *store, struct selection *selection)
{
    const struct entity_layout *layout = &store->layouts[selection->entity];
    selection->stream_count = 0;
    for (uint32_t i = 0; i < selection->agg_count; i++) {
        const struct view_key *view = &layout->views[layout->agg_views[selection->aggs[i]]];
        const uint32_t stream = layout->ranges[view->range].stream;
        uint32_t s = 0;
        while (s < selection->stream_count && selection->streams[s] != stream) {
            s++;
        }
        selection->streams[s] = stream;
        selection->stream_count += s == selection->stream_count ? 1 : 0;
    }
}

static void fill(struct assay_store *store, struct selection *selection, uint32_t entity,
                 const uint32_t features[], size_t count)
{
    const struct assay_plan_entity *plan = &store->plan->entities[entity];
    uint8_t *needed = store->scratch.needed;
    mark_needed(store, entity, features, count, needed);
    selection->entity = entity;
    selection->count = count;
    memcpy(selection->features, features, count * sizeof *features);
    selection->agg_count = 0;
    for (uint32_t i = 0; i < plan->agg_count; i++) {
        if (needed[plan->feature_count + i] != 0) {
            selection->aggs[selection->agg_count++] = i;
        }
    }
    selection->step_count = 0;
    for (uint32_t j = 0; j < plan->feature_count; j++) {
        if (needed[j] != 0) {
            const struct assay_feature *feature = &store->plan->features[plan->feature_first + j];
            selection->steps[selection->step_count++] = (struct selection_step){
                .slot = j, .program = feature->program, .copied = copied_slot(feature->program)};
        }
    }
    list_streams(store, selection);
}

bool assay_selection_reserve(struct assay_store *store)
{
    size_t features = 1;
    size_t aggs = 1;
    size_t streams = 1;
    for (uint32_t e = 0; e < store->plan->schema->entity_count; e++) {
        const struct assay_plan_entity *plan = &store->plan->entities[e];
        features = plan->feature_count > features ? plan->feature_count : features;
        aggs = plan->agg_count > aggs ? plan->agg_count : aggs;
        streams = plan->stream_count > streams ? plan->stream_count : streams;
    }
    struct assay_arena *arena = store->arena;
    store->selections = assay_arena_array(arena, SELECTIONS, sizeof *store->selections);
    for (size_t i = 0; store->selections != NULL && i < SELECTIONS; i++) {
        struct selection *selection = &store->selections[i];
        selection->entity = ASSAY_NONE;
        selection->room = features;
        selection->features = assay_arena_array(arena, features, sizeof *selection->features);
        selection->aggs = assay_arena_array(arena, aggs, sizeof *selection->aggs);
        selection->steps = assay_arena_array(arena, features, sizeof *selection->steps);
        selection->streams = assay_arena_array(arena, streams, sizeof *selection->streams);
        if (selection->features == NULL || selection->aggs == NULL || selection->steps == NULL ||
            selection->streams == NULL) {
            return false;
        }
    }
    return store->selections != NULL;
}

const struct selection *assay_select(struct assay_store *store, uint32_t entity,
                                     const uint32_t features[], size_t count)
{
    ASSAY_ASSERT(count <= store->selections[0].room); /* each feature once */
    const size_t mixed = entity * 31U + count * 7U + (count > 0 ? features[0] : 0);
    struct selection *selection = &store->selections[mixed % SELECTIONS];
    const bool known = selection->entity == entity && selection->count == count &&
                       memcmp(selection->features, features, count * sizeof *features) == 0;
    if (!known) {
        fill(store, selection, entity, features, count);
    }
    return selection;
}
