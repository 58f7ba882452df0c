#include "features/expr_pvt.h"
#include "features/lane_kernels.h"
#include "features/record_pvt.h"

/*
 * What the aggregates of an entity share, worked out once: pairs to summarise, windows to search,
 * views to compute, and which slots a feature reads, so that a slice computes what it is asked for.
 */

struct builder {
    struct assay_arena *arena;
    const struct assay_slab *slab;
    struct assay_spill *spill;
    enum assay_vectors vectors;
    const struct assay_plan *plan;
    const struct assay_plan_entity *entity;
    struct entity_layout *out;
    struct stream_layout *streams;
    struct pair **pairs; /* a stream: room for one an aggregate */
    struct range_key *ranges;
    struct view_key *views;
    uint32_t *agg_views;
};

static uint32_t wants_of(enum assay_agg_kind kind)
{
    switch (kind) {
    case ASSAY_AGG_COUNT:
        return WANT_COUNT;
    case ASSAY_AGG_SUM:
    case ASSAY_AGG_AVG:
        return WANT_COUNT | WANT_SUM;
    case ASSAY_AGG_MIN:
    case ASSAY_AGG_MAX:
    case ASSAY_AGG_RANGE:
        return WANT_EXTREME;
    case ASSAY_AGG_VAR_POP:
    case ASSAY_AGG_VAR_SAMP:
    case ASSAY_AGG_STDDEV_POP:
    case ASSAY_AGG_STDDEV_SAMP:
    case ASSAY_AGG_CV:
        return WANT_COUNT | WANT_SUM | WANT_SQUARES;
    case ASSAY_AGG_FIRST:
    case ASSAY_AGG_TIME_SINCE_FIRST:
        return WANT_FIRST;
    case ASSAY_AGG_LAST:
    case ASSAY_AGG_TIME_SINCE_LAST:
        return WANT_LAST;
    case ASSAY_AGG_COUNT_DISTINCT:
        return WANT_DISTINCT;
    case ASSAY_AGG_IS_NEW:
        return WANT_NOVELTY;
    case ASSAY_AGG_INTERARRIVAL_MEAN:
        return WANT_COUNT | WANT_EDGES;
    case ASSAY_AGG_INTERARRIVAL_STD:
    case ASSAY_AGG_LONGEST_GAP:
        return WANT_GAPS;
    case ASSAY_AGG_FIRST_K:
        return WANT_KTH_FIRST;
    case ASSAY_AGG_LAST_K:
        return WANT_KTH_LAST;
    case ASSAY_AGG_ACTIVE_DAYS:
        return WANT_DAYS;
    case ASSAY_AGG_LAG: /* placed as LAST_K */
    case ASSAY_AGG_END:
        break;
    }
    ASSAY_ASSERT(false);
    return 0;
}

static enum pair_value value_of(const struct stream_layout *layout, uint32_t column)
{
    if (column == ASSAY_NONE) {
        return PAIR_EVENTS;
    }
    const enum assay_type type = layout->event->fields[layout->stream->columns[column]].type;
    if (type == ASSAY_TYPE_VECTOR) {
        return PAIR_OTHER;
    }
    return assay_type_is_text(type)  ? PAIR_TEXT
           : type == ASSAY_TYPE_REAL ? PAIR_REAL
                                     : PAIR_INTEGER;
}

bool assay_layout_folds(const struct assay_agg *agg)
{
    return agg->window.last_n == 0 && agg->window.kind == ASSAY_SPAN_SLIDING &&
           (wants_of(agg->kind) & ~(uint32_t)WANTS_FOLDED) == 0;
}

static uint32_t stream_position(const struct builder *builder, uint32_t stream)
{
    uint32_t position = 0;
    while (builder->entity->streams[position] != stream) {
        position++;
    }
    ASSAY_ASSERT(position < builder->entity->stream_count);
    return position;
}

static uint32_t share_pair(struct builder *builder, uint32_t position, const struct assay_agg *agg)
{
    struct stream_layout *layout = &builder->streams[position];
    struct pair *pairs = builder->pairs[position];
    uint32_t p = 0;
    while (p < layout->pair_count &&
           (pairs[p].filter != agg->filter || pairs[p].column != agg->column)) {
        p++;
    }
    if (p == layout->pair_count) {
        pairs[p] = (struct pair){
            .filter = agg->filter, .column = agg->column, .value = value_of(layout, agg->column)};
        if (agg->filter != ASSAY_NONE) {
            pairs[p].passed_at[0] = (uint16_t)(layout->passed_at[0] + agg->filter / 8);
            pairs[p].passed_at[1] = (uint16_t)(layout->passed_at[1] + agg->filter / 8);
            pairs[p].passed_mask = (uint8_t)(1U << agg->filter % 8);
        }
        layout->pair_count++;
    }
    pairs[p].wants |= wants_of(agg->kind);
    if (agg->kind == ASSAY_AGG_IS_NEW) { /* found among the values that chunks list */
        pairs[p].wants |= WANT_DISTINCT;
    }
    if (agg->window.span_ms == 0) {
        pairs[p].lifetime_wants |= wants_of(agg->kind);
        layout->folds = layout->folds && assay_layout_folds(agg);
    }
    return p;
}

static uint32_t share_range(struct builder *builder, uint32_t position,
                            const struct assay_window *window)
{
    struct range_key *ranges = builder->ranges;
    uint32_t r = 0;
    while (r < builder->out->range_count &&
           (ranges[r].stream != position || ranges[r].span_ms != window->span_ms ||
            ranges[r].delay_ms != window->delay_ms)) {
        r++;
    }
    if (r == builder->out->range_count) {
        /* lanes are numbered when all windows are known */
        ranges[r] = (struct range_key){
            .stream = position, .span_ms = window->span_ms, .delay_ms = window->delay_ms};
        builder->out->range_count++;
    }
    return r;
}

static bool same_cut(const struct assay_window *a, const struct assay_window *b)
{
    return a == NULL || b == NULL ? a == b : assay_window_equal(a, b);
}

static uint32_t share_view(struct builder *builder, const struct assay_agg *agg);

/* The view of the landmarks that a window begins at. */
static uint32_t share_landmark(struct builder *builder, const struct assay_window *window)
{
    const struct assay_agg last = {.kind = ASSAY_AGG_TIME_SINCE_LAST,
                                   .stream = window->since_stream,
                                   .filter = window->since_filter,
                                   .column = ASSAY_NONE,
                                   .window = {.delay_ms = window->delay_ms}};
    return share_view(builder, &last);
}

static uint32_t share_view(struct builder *builder, const struct assay_agg *agg)
{
    const uint32_t position = stream_position(builder, agg->stream);
    const bool since = agg->window.kind == ASSAY_SPAN_SINCE;
    const struct view_key key = {
        .range = share_range(builder, position, &agg->window),
        .pair = share_pair(builder, position, agg),
        .last_n = agg->window.last_n,
        .exclude_current = agg->exclude_current,
        .nth = agg->nth,
        .zone = agg->zone,
        .cut = agg->window.kind == ASSAY_SPAN_SLIDING ? NULL : &agg->window,
        .since_view = since ? share_landmark(builder, &agg->window) : ASSAY_NONE,
        .total = ASSAY_NONE,
    };
    struct view_key *views = builder->views;
    uint32_t v = 0;
    while (v < builder->out->view_count &&
           (views[v].range != key.range || views[v].pair != key.pair ||
            views[v].last_n != key.last_n || views[v].exclude_current != key.exclude_current ||
            views[v].nth != key.nth || views[v].zone != key.zone ||
            !same_cut(views[v].cut, key.cut) ||
            ((views[v].wants ^ wants_of(agg->kind)) & WANTS_KTH) != 0)) {
        v++;
    }
    if (v == builder->out->view_count) {
        views[v] = key;
        builder->out->view_count++;
    }
    views[v].wants |= wants_of(agg->kind);
    return v;
}

/* Where a row of either form holds what. */
static void lay_out_rows(struct stream_layout *layout)
{
    const struct assay_stream *stream = layout->stream;
    layout->passed_bytes = (uint16_t)((stream->filter_count + 7) / 8);
    for (size_t wide = 0; wide < 2; wide++) {
        const size_t word = wide != 0 ? sizeof(int64_t) : sizeof(int32_t);
        size_t at = cell_place(wide != 0, stream->column_count);
        if (stream->ordered) {
            layout->tie_at[wide] = (uint16_t)at;
            at += sizeof(uint32_t);
        }
        layout->passed_at[wide] = (uint16_t)at;
        at += layout->passed_bytes;
        layout->row_bytes[wide] = (uint16_t)((at + word - 1) / word * word);
    }
}

static bool list_texts(struct assay_arena *arena, struct stream_layout *layout)
{
    const struct assay_stream *stream = layout->stream;
    uint32_t *texts = assay_arena_array(arena, stream->column_count + 1U, sizeof *texts);
    layout->narrows = true;
    for (uint32_t c = 0; texts != NULL && c < stream->column_count; c++) {
        const enum assay_type type = layout->event->fields[stream->columns[c]].type;
        layout->narrows = layout->narrows && type != ASSAY_TYPE_REAL;
        if (assay_type_is_text(type)) {
            texts[layout->text_count++] = c;
        }
    }
    layout->texts = texts;
    return texts != NULL;
}

static bool build_streams(struct builder *builder)
{
    const struct assay_plan_entity *entity = builder->entity;
    const uint32_t streams = entity->stream_count;
    builder->streams = assay_arena_array(builder->arena, streams + 1U, sizeof *builder->streams);
    builder->pairs = assay_arena_array(builder->arena, streams + 1U, sizeof *builder->pairs);
    if (builder->streams == NULL || builder->pairs == NULL) {
        return false;
    }
    for (uint32_t s = 0; s < streams; s++) {
        const struct assay_stream *stream = &builder->plan->streams[entity->streams[s]];
        uint32_t aggs = 0;
        for (uint32_t i = 0; i < entity->agg_count; i++) {
            const struct assay_window *window = &entity->aggs[i].window;
            aggs += entity->aggs[i].stream == entity->streams[s] ? 1 : 0;
            aggs += window->kind == ASSAY_SPAN_SINCE && window->since_stream == entity->streams[s]
                        ? 1
                        : 0;
        }
        builder->pairs[s] = assay_arena_array(builder->arena, aggs + 1U, sizeof(struct pair));
        if (builder->pairs[s] == NULL) {
            return false;
        }
        builder->streams[s] = (struct stream_layout){
            .stream = stream,
            .event = &builder->plan->schema->events[stream->event],
            .pairs = builder->pairs[s],
            .folds = stream->lifetime,
            .slab = builder->slab,
            .spill = builder->spill,
            .kernels = assay_lane_kernels(builder->vectors),
        };
        lay_out_rows(&builder->streams[s]);
        if (builder->spill != NULL) {
            builder->streams[s].kept_chunks =
                assay_spill_kept_chunks(&builder->streams[s], builder->spill->options.after_bytes);
        }
        if (!list_texts(builder->arena, &builder->streams[s])) {
            return false;
        }
        builder->out->lifetime = builder->out->lifetime || stream->lifetime;
    }
    builder->out->stream_count = streams;
    builder->out->streams = builder->streams;
    return true;
}

static bool build_aggregates(struct builder *builder)
{
    const uint32_t aggs = builder->entity->agg_count;
    const size_t room = 2UL * aggs + 1; /* an aggregate may need a second one for a landmark */
    builder->ranges = assay_arena_array(builder->arena, room, sizeof *builder->ranges);
    builder->views = assay_arena_array(builder->arena, room, sizeof *builder->views);
    builder->agg_views = assay_arena_array(builder->arena, aggs + 1U, sizeof(uint32_t));
    if (builder->ranges == NULL || builder->views == NULL || builder->agg_views == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < aggs; i++) {
        builder->agg_views[i] = share_view(builder, &builder->entity->aggs[i]);
    }
    struct lane_builder lanes = {
        .arena = builder->arena,
        .ranges = builder->ranges,
        .range_count = builder->out->range_count,
        .views = builder->views,
        .view_count = builder->out->view_count,
    };
    for (uint32_t s = 0; s < builder->out->stream_count; s++) {
        lanes.pairs = builder->pairs[s];
        struct stream_layout *layout = &builder->streams[s];
        if (!assay_layout_lanes(&lanes, layout, s)) {
            return false;
        }
        layout->values_first = builder->out->value_count;
        builder->out->value_count +=
            layout->lane_count * (layout->group_count + 2 * layout->sum_pair_count);
    }
    builder->out->inline_bytes = assay_layout_inline(builder->streams, builder->out->stream_count);
    builder->out->ranges = builder->ranges;
    builder->out->views = builder->views;
    builder->out->agg_views = builder->agg_views;
    return true;
}

/* Slots that a program reads, or only how many when @p out is NULL. */
static uint32_t list_reads(const struct assay_program *program, uint32_t *out)
{
    uint32_t count = 0;
    for (size_t i = 0; i < program->count; i++) {
        if (program->instructions[i].op == I_SLOT) {
            if (out != NULL) {
                out[count] = program->instructions[i].a;
            }
            count++;
        }
    }
    return count;
}

static bool build_reads(struct builder *builder)
{
    const struct assay_plan_entity *entity = builder->entity;
    const struct assay_feature *features = builder->plan->features + entity->feature_first;
    size_t total = 0;
    for (uint32_t j = 0; j < entity->feature_count; j++) {
        total += list_reads(features[j].program, NULL);
    }
    struct feature_reads *table =
        assay_arena_array(builder->arena, entity->feature_count + 1U, sizeof *table);
    uint32_t *reads = assay_arena_array(builder->arena, total + 1, sizeof *reads);
    if (table == NULL || reads == NULL) {
        return false;
    }
    uint32_t used = 0;
    for (uint32_t j = 0; j < entity->feature_count; j++) {
        table[j].first = used;
        table[j].count = list_reads(features[j].program, reads + used);
        used += table[j].count;
    }
    builder->out->features = table;
    builder->out->reads = reads;
    return true;
}

static bool build_touched(struct builder *builder)
{
    const uint32_t events = builder->plan->schema->event_count;
    const uint32_t streams = builder->entity->stream_count;
    uint32_t *first = assay_arena_array(builder->arena, events + 2U, sizeof *first);
    uint32_t *touched = assay_arena_array(builder->arena, streams + 1U, sizeof *touched);
    if (first == NULL || touched == NULL) {
        return false;
    }
    uint32_t used = 0;
    for (uint32_t e = 0; e < events; e++) {
        first[e] = used;
        for (uint32_t s = 0; s < streams; s++) {
            if (builder->streams[s].stream->event == e) {
                touched[used++] = s;
            }
        }
    }
    first[events] = used;
    builder->out->touched_first = first;
    builder->out->touched = touched;
    return true;
}

const struct entity_layout *assay_layout_create(struct assay_arena *arena,
                                                const struct assay_slab *slab,
                                                struct assay_spill *spill,
                                                enum assay_vectors vectors,
                                                const struct assay_plan *plan)
{
    const uint32_t count = plan->schema->entity_count;
    struct entity_layout *layouts = assay_arena_array(arena, count + 1U, sizeof *layouts);
    for (uint32_t e = 0; layouts != NULL && e < count; e++) {
        struct builder builder = {
            .arena = arena,
            .slab = slab,
            .spill = spill,
            .vectors = vectors,
            .plan = plan,
            .entity = &plan->entities[e],
            .out = &layouts[e],
        };
        if (!build_streams(&builder) || !build_aggregates(&builder) || !build_reads(&builder) ||
            !build_touched(&builder)) {
            return NULL;
        }
    }
    return layouts;
}
