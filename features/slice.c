#include "features/record_pvt.h"

/*
 * The read side: which features are asked, which aggregates they rest on, and each aggregate's
 * window found and read once, however many share it.
 */

static bool is_answerable(const struct view *view, const struct assay_stream *stream,
                          const struct assay_window *window)
{
    return view->record == NULL || view->at_ms - window->span_ms - window->delay_ms >=
                                       view->record->newest_ms - stream->retained_ms;
}

static struct range range_of(struct assay_store *store, const struct view *view, uint32_t index)
{
    struct scratch *scratch = &store->scratch;
    const struct entity_layout *layout = &store->layouts[view->entity];
    const struct range_key *key = &layout->ranges[index];
    if (scratch->range_stamps[index] != scratch->stamp) {
        const int64_t to_ms = view->at_ms - key->delay_ms;
        int64_t after_ms = view->since_ms - 1;
        if (key->span_ms != 0 && to_ms - key->span_ms > after_ms) {
            after_ms = to_ms - key->span_ms;
        }
        scratch->ranges[index] =
            assay_range(&view->record->logs[key->stream], layout->streams[key->stream].entry_bytes,
                        after_ms, to_ms);
        scratch->range_stamps[index] = scratch->stamp;
    }
    return scratch->ranges[index];
}

struct view_query assay_slice_query(struct assay_store *store, const struct view *view,
                                    uint32_t index)
{
    const struct entity_layout *layout = &store->layouts[view->entity];
    const struct view_key *key = &layout->views[index];
    const struct range_key *range = &layout->ranges[key->range];
    return (struct view_query){
        .layout = &layout->streams[range->stream],
        .log = &view->record->logs[range->stream],
        .key = key,
        .range = range_of(store, view, key->range),
        .bases_since_ms = range->span_ms == 0 ? view->since_ms : INT64_MAX,
        .current = view->touched == NULL ? (struct position){.chunk = ASSAY_NONE}
                                         : view->touched[range->stream],
        .set = &store->set,
    };
}

static const struct view_result *result_of(struct assay_store *store, const struct view *view,
                                           uint32_t index)
{
    static const struct view_result nothing;
    struct scratch *scratch = &store->scratch;
    if (view->since_ms == INT64_MAX) {
        return &nothing;
    }
    if (scratch->view_stamps[index] != scratch->stamp) {
        const struct view_query query = assay_slice_query(store, view, index);
        assay_view_read(&query, &scratch->results[index]);
        scratch->view_stamps[index] = scratch->stamp;
    }
    return &scratch->results[index];
}

static struct assay_value read_aggregate(struct assay_store *store, const struct view *view,
                                         uint32_t index)
{
    const struct assay_agg *agg = &store->plan->entities[view->entity].aggs[index];
    const struct entity_layout *layout = &store->layouts[view->entity];
    const uint32_t position = layout->ranges[layout->views[layout->agg_views[index]].range].stream;
    if (!is_answerable(view, layout->streams[position].stream, &agg->window)) {
        store->stats.expired_reads++;
        struct assay_value expired = assay_aggregate_null(agg);
        expired.state = ASSAY_STATE_EXPIRED;
        return expired;
    }
    return assay_aggregate_value(agg, &layout->streams[position],
                                 result_of(store, view, layout->agg_views[index]), view->at_ms);
}

/* Mark the slots that the asked features rest on: a feature reads only features before it. */
static void mark_needed(struct assay_store *store, uint32_t entity, const uint32_t features[],
                        size_t count)
{
    const struct assay_plan_entity *plan = &store->plan->entities[entity];
    const struct entity_layout *layout = &store->layouts[entity];
    uint8_t *needed = store->scratch.needed;
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

void assay_slice_compute(struct assay_store *store, struct view *view, const uint32_t features[],
                         size_t count)
{
    const struct assay_plan_entity *plan = &store->plan->entities[view->entity];
    struct scratch *scratch = &store->scratch;
    scratch->stamp++;
    view->since_ms =
        view->record == NULL
            ? INT64_MAX
            : assay_segment_since(view->record, view->at_ms,
                                  store->plan->schema->entities[view->entity].expire_ms);
    mark_needed(store, view->entity, features, count);
    for (uint32_t i = 0; i < plan->agg_count; i++) {
        if (scratch->needed[plan->feature_count + i] != 0) {
            scratch->slots[plan->feature_count + i] = read_aggregate(store, view, i);
        }
    }
    const struct assay_env env = {.schema = store->plan->schema,
                                  .event = view->event,
                                  .slots = scratch->slots,
                                  .at_ms = view->at_ms};
    for (uint32_t j = 0; j < plan->feature_count; j++) {
        if (scratch->needed[j] != 0) {
            scratch->slots[j] =
                assay_program_eval(store->plan->features[plan->feature_first + j].program, &env);
        }
    }
}

static void copy_out(struct assay_store *store, uint32_t entity, const uint32_t features[],
                     size_t count, struct assay_arena *scratch, struct assay_value out[])
{
    const uint32_t first = store->plan->entities[entity].feature_first;
    for (size_t i = 0; i < count; i++) {
        out[i] = store->scratch.slots[features[i] - first];
        if (out[i].kind == ASSAY_KIND_TEXT && out[i].cell.text.ptr != NULL) {
            out[i].cell.text = assay_arena_copy(scratch, out[i].cell.text);
            ASSAY_ASSERT(out[i].cell.text.ptr != NULL);
        }
    }
}

void assay_store_slice(struct assay_store *store, const struct assay_touch *touch,
                       const uint32_t features[], size_t count, struct assay_arena *scratch,
                       struct assay_value out[])
{
    ASSAY_ASSERT(store->scratch.touched_entity == touch->update->entity);
    struct view view = {
        .record = touch->record,
        .touched = store->scratch.touched,
        .event = touch->update->event,
        .entity = touch->update->entity,
        .at_ms = touch->update->event->time_ms,
    };
    assay_slice_compute(store, &view, features, count);
    copy_out(store, view.entity, features, count, scratch, out);
}

void assay_store_read(struct assay_store *store, uint32_t entity, struct assay_str key,
                      int64_t at_ms, const uint32_t features[], size_t count,
                      struct assay_arena *scratch, struct assay_value out[])
{
    ASSAY_ASSERT(entity < store->plan->schema->entity_count);
    struct view view = {
        .record = assay_store_find(store, entity, key),
        .entity = entity,
        .at_ms = at_ms,
    };
    assay_slice_compute(store, &view, features, count);
    copy_out(store, entity, features, count, scratch, out);
}
