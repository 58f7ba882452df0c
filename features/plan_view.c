#include "features/plan_view.h"

#include "features/expr_pvt.h"
#include "features/record_pvt.h"

struct builder {
    struct assay_arena *arena;
    const struct assay_plan *plan;
    const struct assay_plan_entity *entity;
    const struct entity_layout *layout;
    struct assay_feature_view *features; /* of the whole plan */
    bool full;                           /* the arena */
};

static void *array(struct builder *builder, size_t count, size_t size)
{
    void *items = assay_arena_array(builder->arena, count + 1, size);
    builder->full = builder->full || items == NULL;
    return items;
}

static bool reads_event(const struct assay_program *program)
{
    bool reads = false;
    for (size_t i = 0; i < program->count; i++) {
        const uint8_t op = program->instructions[i].op;
        reads = reads || op == I_FIELD_NUMBER || op == I_FIELD_TEXT || op == I_TIME;
    }
    return reads;
}

static bool holds(const uint32_t items[], uint32_t count, uint32_t item)
{
    for (uint32_t i = 0; i < count; i++) {
        if (items[i] == item) {
            return true;
        }
    }
    return false;
}

/* Everything that slots of the entity rest on: a feature reads only features before it. */
static void view_feature(struct builder *builder, uint32_t j, uint8_t rests[])
{
    const struct assay_plan_entity *entity = builder->entity;
    const struct feature_reads *reads = &builder->layout->features[j];
    struct assay_feature_view *view = &builder->features[entity->feature_first + j];
    uint32_t *depends = array(builder, reads->count, sizeof *depends);
    uint32_t *aggs = array(builder, entity->agg_count, sizeof *aggs);
    uint32_t *own = array(builder, reads->count, sizeof *own);
    if (builder->full) {
        return;
    }
    memset(rests, 0, entity->agg_count);
    view->reads_event = reads_event(builder->plan->features[entity->feature_first + j].program);
    for (uint32_t r = 0; r < reads->count; r++) {
        const uint32_t slot = builder->layout->reads[reads->first + r];
        if (slot >= entity->feature_count) {
            const uint32_t agg = slot - entity->feature_count;
            rests[agg] = 1;
            if (!holds(own, view->own_count, agg)) {
                own[view->own_count++] = agg;
            }
            continue;
        }
        const uint32_t feature = entity->feature_first + slot;
        const struct assay_feature_view *other = &builder->features[feature];
        if (!holds(depends, view->depend_count, feature)) {
            depends[view->depend_count++] = feature;
        }
        for (uint32_t a = 0; a < other->agg_count; a++) {
            rests[other->aggs[a]] = 1;
        }
        view->reads_event = view->reads_event || other->reads_event;
    }
    for (uint32_t i = 0; i < entity->agg_count; i++) {
        if (rests[i] != 0) {
            aggs[view->agg_count++] = i;
        }
    }
    view->aggs = aggs;
    view->own = own;
    view->depends = depends;
}

static struct assay_str window_without_last(struct builder *builder, const struct assay_agg *agg)
{
    char last[32];
    char rest[160];
    const char *text = agg->window_text.ptr;
    (void)snprintf(last, sizeof last, "last %u", agg->window.last_n);
    const char *at = agg->window.last_n == 0 ? NULL : strstr(text, last);
    if (at == NULL) {
        return agg->window_text;
    }
    if (at == text) {
        (void)snprintf(rest, sizeof rest, "lifetime%s", at + strlen(last));
    } else {
        (void)snprintf(rest, sizeof rest, "%.*s%s", (int)(at - text) - 1, text, at + strlen(last));
    }
    const struct assay_str copy = assay_arena_copy(builder->arena, assay_str_of(rest));
    builder->full = builder->full || copy.ptr == NULL;
    return copy;
}

/* All time up to the delay: what sessions, and what comes after landmarks, is cut from. */
static struct assay_str lifetime_text(struct builder *builder, const struct assay_agg *agg)
{
    char text[160];
    const char *delay = "";
    for (const char *at = agg->window_text.ptr; agg->window.delay_ms != 0 && at != NULL;
         at = strstr(at + 1, " delay ")) {
        delay = at == agg->window_text.ptr ? delay : at; /* the last one */
    }
    (void)snprintf(text, sizeof text, "lifetime%s", delay);
    const struct assay_str copy = assay_arena_copy(builder->arena, assay_str_of(text));
    builder->full = builder->full || copy.ptr == NULL;
    return copy;
}

static struct assay_str range_text(struct builder *builder, const struct assay_agg *agg)
{
    const bool cut = agg->window.kind == ASSAY_SPAN_SESSION || agg->window.kind == ASSAY_SPAN_SINCE;
    return cut ? lifetime_text(builder, agg) : window_without_last(builder, agg);
}

/* The view of an aggregate's landmarks, or NULL. */
static const struct view_key *landmarks_of(const struct builder *builder, uint32_t agg)
{
    const struct entity_layout *layout = builder->layout;
    const uint32_t view = layout->views[layout->agg_views[agg]].since_view;
    return view == ASSAY_NONE ? NULL : &layout->views[view];
}

static void view_ranges(struct builder *builder, struct assay_entity_view *out)
{
    const struct entity_layout *layout = builder->layout;
    struct assay_plan_range *ranges = array(builder, layout->range_count, sizeof *ranges);
    for (uint32_t i = builder->entity->agg_count; !builder->full && i > 0; i--) {
        const struct assay_agg *agg = &builder->entity->aggs[i - 1];
        const uint32_t range = layout->views[layout->agg_views[i - 1]].range;
        ranges[range] = (struct assay_plan_range){
            .stream = layout->ranges[range].stream,
            .window = {.span_ms = agg->window.span_ms, .delay_ms = agg->window.delay_ms},
            .text = range_text(builder, agg),
        };
        const struct view_key *marks = landmarks_of(builder, i - 1);
        if (marks != NULL && ranges[marks->range].text.ptr == NULL) {
            ranges[marks->range] =
                (struct assay_plan_range){.stream = layout->ranges[marks->range].stream,
                                          .window = {.delay_ms = agg->window.delay_ms},
                                          .text = lifetime_text(builder, agg)};
        }
    }
    out->range_count = layout->range_count;
    out->ranges = ranges;
}

static void view_views(struct builder *builder, struct assay_entity_view *out)
{
    const struct entity_layout *layout = builder->layout;
    const uint32_t agg_count = builder->entity->agg_count;
    struct assay_plan_view *views = array(builder, layout->view_count, sizeof *views);
    uint32_t *aggs = array(builder, agg_count, sizeof *aggs);
    uint32_t used = 0;
    for (uint32_t v = 0; !builder->full && v < layout->view_count; v++) {
        const struct view_key *key = &layout->views[v];
        const uint32_t position = layout->ranges[key->range].stream;
        const struct pair *pair = &layout->streams[position].pairs[key->pair];
        views[v] = (struct assay_plan_view){
            .stream = position,
            .range = key->range,
            .filter = pair->filter,
            .column = pair->column,
            .last_n = key->last_n,
            .exclude_current = key->exclude_current,
            .text = out->ranges[key->range].text, /* of landmarks, which no aggregate reads */
            .aggs = aggs + used,
        };
        for (uint32_t i = 0; i < agg_count; i++) {
            if (layout->agg_views[i] == v) {
                views[v].text =
                    views[v].agg_count == 0 ? builder->entity->aggs[i].window_text : views[v].text;
                views[v].agg_count++;
                aggs[used++] = i;
            }
        }
    }
    out->view_count = layout->view_count;
    out->views = views;
}

/* Of landmarks the last one is kept, however long ago. */
static void note_landmark(struct assay_stream_view *view, uint32_t index,
                          const struct assay_agg *agg, int64_t *reach_ms)
{
    view->folds_for = view->folds_for == ASSAY_NONE ? index : view->folds_for;
    if (agg->window.delay_ms > *reach_ms) {
        *reach_ms = agg->window.delay_ms;
        view->farthest = index;
    }
}

/* Which aggregates decide what the log keeps. */
static void note_reach(const struct builder *builder, uint32_t position,
                       struct assay_stream_view *view)
{
    int64_t reach_ms = 0;
    view->farthest = ASSAY_NONE;
    view->keeps_all = ASSAY_NONE;
    view->folds_for = ASSAY_NONE;
    for (uint32_t i = 0; i < builder->entity->agg_count; i++) {
        const struct assay_agg *agg = &builder->entity->aggs[i];
        if (agg->window.kind == ASSAY_SPAN_SINCE &&
            agg->window.since_stream == builder->entity->streams[position]) {
            note_landmark(view, i, agg, &reach_ms);
        }
        if (agg->stream != builder->entity->streams[position]) {
            continue;
        }
        if (agg->window.span_ms + agg->window.delay_ms > reach_ms) {
            reach_ms = agg->window.span_ms + agg->window.delay_ms;
            view->farthest = i;
        }
        if (agg->window.span_ms != 0) {
            continue;
        }
        uint32_t *note = assay_layout_folds(agg) ? &view->folds_for : &view->keeps_all;
        *note = *note == ASSAY_NONE ? i : *note;
    }
    ASSAY_ASSERT((view->keeps_all == ASSAY_NONE && view->folds_for != ASSAY_NONE) ==
                 builder->layout->streams[position].folds);
}

/* Texts that the stream's filters compare with: an event made up of them may pass. */
static void list_literals(struct builder *builder, const struct assay_stream *stream,
                          struct assay_stream_view *view)
{
    size_t most = 0;
    for (uint32_t f = 0; f < stream->filter_count; f++) {
        most += stream->filters[f]->count;
    }
    struct assay_str *literals = array(builder, most, sizeof *literals);
    for (uint32_t f = 0; !builder->full && f < stream->filter_count; f++) {
        for (size_t i = 0; i < stream->filters[f]->count; i++) {
            const struct instruction *instruction = &stream->filters[f]->instructions[i];
            uint32_t known = 0;
            while (instruction->op == I_TEXT && known < view->literal_count &&
                   !assay_str_equal(literals[known], instruction->constant.text)) {
                known++;
            }
            if (instruction->op == I_TEXT && known == view->literal_count) {
                literals[view->literal_count++] = instruction->constant.text;
            }
        }
    }
    view->literals = literals;
}

static void view_streams(struct builder *builder, struct assay_entity_view *out)
{
    const struct entity_layout *layout = builder->layout;
    struct assay_stream_view *streams = array(builder, layout->stream_count, sizeof *streams);
    for (uint32_t s = 0; !builder->full && s < layout->stream_count; s++) {
        const struct stream_layout *part = &layout->streams[s];
        struct assay_stream_view *view = &streams[s];
        view->stream = part->stream;
        view->pair_count = part->pair_count;
        view->key_bytes = sizeof(struct log) + (part->inline_lanes ? lanes_room(part) : 0);
        view->window_bytes =
            part->inline_lanes || part->lane_count == 0 ? 0 : assay_slab_fit(lanes_room(part));
        view->row_bytes = part->row_bytes[part->narrows ? 0 : 1];
        view->first_bytes = assay_slab_fit(chunk_bytes(part, CHUNK_ROWS_MIN, !part->narrows));
        view->summary_bytes = assay_slab_fit(seal_bytes(part));
        view->chunk_events = CHUNK_ROWS_MAX;
        for (uint32_t c = 0; c < part->stream->column_count; c++) {
            const uint32_t field = part->stream->columns[c];
            view->has_texts =
                view->has_texts || assay_type_is_text(part->event->fields[field].type);
        }
        for (uint32_t p = 0; p < part->pair_count; p++) {
            view->distinct_count += (part->pairs[p].wants & WANT_DISTINCT) != 0 ? 1 : 0;
        }
        note_reach(builder, s, view);
        list_literals(builder, part->stream, view);
    }
    out->stream_count = layout->stream_count;
    out->streams = streams;
}

static void view_entity(struct builder *builder, struct assay_entity_view *out)
{
    out->head_bytes = sizeof(struct assay_record);
    view_streams(builder, out);
    view_ranges(builder, out);
    view_views(builder, out);
    uint8_t *rests = array(builder, builder->entity->agg_count, 1);
    for (uint32_t j = 0; !builder->full && j < builder->entity->feature_count; j++) {
        view_feature(builder, j, rests);
    }
}

const struct assay_plan_views *assay_plan_views_create(struct assay_arena *arena,
                                                       const struct assay_plan *plan)
{
    const uint32_t entities = plan->schema->entity_count;
    struct builder builder = {.arena = arena, .plan = plan};
    const struct entity_layout *layouts =
        assay_layout_create(arena, NULL, NULL, ASSAY_VECTORS_PLAIN, plan);
    struct assay_plan_views *out = array(&builder, 1, sizeof *out);
    struct assay_entity_view *views = array(&builder, entities, sizeof *views);
    builder.features = array(&builder, plan->feature_count, sizeof *builder.features);
    if (layouts == NULL || builder.full) {
        return NULL;
    }
    for (uint32_t e = 0; e < entities; e++) {
        builder.entity = &plan->entities[e];
        builder.layout = &layouts[e];
        view_entity(&builder, &views[e]);
    }
    out->entities = views;
    out->features = builder.features;
    return builder.full ? NULL : out;
}
