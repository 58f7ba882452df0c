#include "features/expr_pvt.h"
#include "features/record_pvt.h"

/*
 * What a list of features rests on does not change, and callers ask for the same few lists again
 * and again: so it is worked out once a list. The list is compared whole, so no two are mistaken.
 */

/* The slot that a program only copies, or ASSAY_NONE. */
static uint32_t copied_slot(const struct assay_program *program)
{
    const bool is_copy = program->count == 1 && program->instructions[0].op == I_SLOT;
    return is_copy ? program->instructions[0].a : ASSAY_NONE;
}

static const struct assay_program *program_of(const struct slicer *slicer, uint32_t entity,
                                              uint32_t slot)
{
    return slicer->plan->features[slicer->plan->entities[entity].feature_first + slot].program;
}

/* The slot whose value a feature has: a plain copy has that of what it copies. */
static uint32_t source_slot(const struct slicer *slicer, uint32_t entity, uint32_t slot)
{
    uint32_t copied = slot;
    while (copied != ASSAY_NONE) {
        slot = copied;
        copied = slot < slicer->plan->entities[entity].feature_count
                     ? copied_slot(program_of(slicer, entity, slot))
                     : ASSAY_NONE;
    }
    return slot;
}

/* A feature reads only features before it, so going backwards each is marked before it is asked. */
static void mark_needed(const struct slicer *slicer, uint32_t entity, const uint32_t features[],
                        size_t count, uint8_t needed[])
{
    const struct assay_plan_entity *plan = &slicer->plan->entities[entity];
    const struct entity_layout *layout = &slicer->layouts[entity];
    memset(needed, 0, (size_t)plan->feature_count + plan->agg_count);
    for (size_t i = 0; i < count; i++) {
        ASSAY_ASSERT(slicer->plan->features[features[i]].entity == entity);
        needed[source_slot(slicer, entity, features[i] - plan->feature_first)] = 1;
    }
    for (uint32_t j = plan->feature_count; j > 0; j--) {
        const struct feature_reads *reads = &layout->features[j - 1];
        for (uint32_t r = 0; needed[j - 1] != 0 && r < reads->count; r++) {
            needed[layout->reads[reads->first + r]] = 1;
        }
    }
}

/* Where the values of packed lanes have it, or ASSAY_NONE. */
static uint32_t value_of(const struct stream_layout *stream, const struct kept_value *kept)
{
    const uint32_t lanes = stream->lane_count;
    const uint32_t counts = stream->group_count * lanes;
    if (!stream->has_values) {
        return ASSAY_NONE;
    }
    if (kept->kind == ASSAY_AGG_COUNT) {
        return stream->values_first + stream->total_packed[kept->total];
    }
    uint32_t s = 0;
    while (stream->sum_pairs[s] != stream->total_pairs[kept->total]) {
        s++;
    }
    const uint32_t lane = kept->total - stream->pair_totals[stream->sum_pairs[s]].first;
    const uint32_t average = kept->kind == ASSAY_AGG_AVG ? 1 : 0;
    return stream->values_first + counts + (2 * s + average) * lanes + lane;
}

/* Is the aggregate an expression of a total that its stream keeps? Then which. */
static bool is_kept(const struct slicer *slicer, uint32_t entity, uint32_t agg,
                    struct kept_value *out)
{
    const struct assay_agg *def = &slicer->plan->entities[entity].aggs[agg];
    const struct entity_layout *layout = &slicer->layouts[entity];
    const struct view_key *view = &layout->views[layout->agg_views[agg]];
    const bool is_simple =
        def->kind == ASSAY_AGG_COUNT || def->kind == ASSAY_AGG_SUM || def->kind == ASSAY_AGG_AVG;
    if (!is_simple || view->total == ASSAY_NONE || def->exclude_current) {
        return false;
    }
    const struct stream_layout *stream = &layout->streams[layout->ranges[view->range].stream];
    *out = (struct kept_value){.agg = agg, .total = view->total, .kind = def->kind, .scale = 1};
    if (def->column != ASSAY_NONE) {
        const uint32_t field = stream->stream->columns[def->column];
        out->scale = (double)assay_pow10(stream->event->fields[field].scale);
    }
    out->value = value_of(stream, out);
    return true;
}

/* How much of a selection's lists is in use. */
struct used {
    uint32_t kept;
    uint32_t aggs;
    uint32_t sweeps;
    uint32_t swept;
};

/* The streams that a view looks at: its own, and those of the landmarks that cut it. */
static void mark_reads(const struct entity_layout *layout, struct selection *selection,
                       uint32_t view)
{
    while (view != ASSAY_NONE) {
        selection->reads[layout->ranges[layout->views[view].range].stream] = true;
        view = layout->views[view].cut == NULL ? ASSAY_NONE : layout->views[view].since_view;
    }
}

static void list_stream(struct slicer *slicer, struct selection *selection, uint32_t stream,
                        struct used *used)
{
    const uint32_t entity = selection->entity;
    const struct assay_plan_entity *plan = &slicer->plan->entities[entity];
    const struct entity_layout *layout = &slicer->layouts[entity];
    struct selection_stream out = {
        .stream = stream, .kept_first = used->kept, .agg_first = used->aggs};
    for (uint32_t i = 0; i < plan->agg_count; i++) {
        const uint32_t range = layout->views[layout->agg_views[i]].range;
        if (slicer->scratch.needed[plan->feature_count + i] == 0 ||
            layout->ranges[range].stream != stream) {
            continue;
        }
        if (is_kept(slicer, entity, i, &selection->kept[used->kept])) {
            used->kept++;
            out.kept_count++;
        } else {
            selection->aggs[used->aggs++] = i;
            out.agg_count++;
        }
        mark_reads(layout, selection, layout->agg_views[i]);
    }
    if (out.kept_count + out.agg_count > 0) {
        assay_sweep_list(slicer, selection, &out, &used->sweeps, &used->swept);
        used->aggs = out.agg_first + out.agg_count;
        selection->streams[selection->stream_count++] = out;
    }
}

/* Where every feature is a value of packed lanes, values are all it takes. */
static void find_values(const struct slicer *slicer, struct selection *selection, uint32_t kept)
{
    const uint32_t slots = slicer->plan->entities[selection->entity].feature_count;
    selection->is_direct = true;
    for (size_t i = 0; i < selection->count; i++) {
        uint32_t k = 0;
        while (k < kept && selection->kept[k].agg + slots != selection->outs[i]) {
            k++;
        }
        selection->values[i] = k < kept ? selection->kept[k].value : ASSAY_NONE;
        selection->is_direct = selection->is_direct && selection->values[i] != ASSAY_NONE;
    }
}

static void fill(struct slicer *slicer, struct selection *selection, uint32_t entity,
                 const uint32_t features[], size_t count)
{
    const struct assay_plan_entity *plan = &slicer->plan->entities[entity];
    const uint8_t *needed = slicer->scratch.needed;
    struct used used = {0};
    mark_needed(slicer, entity, features, count, slicer->scratch.needed);
    selection->entity = entity;
    selection->count = count;
    selection->stream_count = 0;
    selection->step_count = 0;
    memcpy(selection->features, features, count * sizeof *features);
    memset(selection->reads, 0, slicer->layouts[entity].stream_count * sizeof *selection->reads);
    for (size_t i = 0; i < count; i++) {
        selection->outs[i] = source_slot(slicer, entity, features[i] - plan->feature_first);
    }
    for (uint32_t s = 0; s < slicer->layouts[entity].stream_count; s++) {
        list_stream(slicer, selection, s, &used);
    }
    for (uint32_t j = 0; j < plan->feature_count; j++) {
        if (needed[j] != 0) {
            const struct assay_program *program = program_of(slicer, entity, j);
            selection->steps[selection->step_count++] = (struct selection_step){
                .slot = j, .program = program, .copied = copied_slot(program)};
        }
    }
    find_values(slicer, selection, used.kept);
}

static bool reserve(struct assay_arena *arena, struct selection *selection, size_t features,
                    size_t aggs, size_t streams)
{
    selection->entity = ASSAY_NONE;
    selection->room = features;
    selection->features = assay_arena_array(arena, features, sizeof *selection->features);
    selection->outs = assay_arena_array(arena, features, sizeof *selection->outs);
    selection->values = assay_arena_array(arena, features, sizeof *selection->values);
    selection->steps = assay_arena_array(arena, features, sizeof *selection->steps);
    selection->aggs = assay_arena_array(arena, aggs, sizeof *selection->aggs);
    selection->kept = assay_arena_array(arena, aggs, sizeof *selection->kept);
    selection->streams = assay_arena_array(arena, streams, sizeof *selection->streams);
    selection->sweeps = assay_arena_array(arena, aggs, sizeof *selection->sweeps);
    selection->swept = assay_arena_array(arena, aggs, sizeof *selection->swept);
    selection->reads = assay_arena_array(arena, streams, sizeof *selection->reads);
    return selection->reads != NULL && selection->values != NULL && selection->sweeps != NULL &&
           selection->swept != NULL && selection->features != NULL && selection->outs != NULL &&
           selection->steps != NULL && selection->aggs != NULL && selection->kept != NULL &&
           selection->streams != NULL;
}

bool assay_selection_reserve(struct slicer *slicer, struct assay_arena *arena)
{
    size_t features = 1;
    size_t aggs = 1; /* one more: a candidate is looked at where it would go */
    size_t streams = 1;
    for (uint32_t e = 0; e < slicer->plan->schema->entity_count; e++) {
        const struct assay_plan_entity *plan = &slicer->plan->entities[e];
        features = plan->feature_count > features ? plan->feature_count : features;
        aggs = plan->agg_count + 1U > aggs ? plan->agg_count + 1U : aggs;
        streams = plan->stream_count > streams ? plan->stream_count : streams;
    }
    slicer->selections = assay_arena_array(arena, SELECTIONS, sizeof *slicer->selections);
    for (size_t i = 0; slicer->selections != NULL && i < SELECTIONS; i++) {
        if (!reserve(arena, &slicer->selections[i], features, aggs, streams)) {
            return false;
        }
    }
    return slicer->selections != NULL;
}

const struct selection *assay_select(struct slicer *slicer, uint32_t entity,
                                     const uint32_t features[], size_t count)
{
    ASSAY_ASSERT(count <= slicer->selections[0].room); /* each feature once */
    const size_t mixed = entity * 31U + count * 7U + (count > 0 ? features[0] : 0);
    struct selection *selection = &slicer->selections[mixed % SELECTIONS];
    const bool known = selection->entity == entity && selection->count == count &&
                       memcmp(selection->features, features, count * sizeof *features) == 0;
    if (!known) {
        fill(slicer, selection, entity, features, count);
    }
    return selection;
}
