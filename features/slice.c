#include "features/lane_kernels.h"
#include "features/record_pvt.h"

/*
 * The read side: which features are asked, which aggregates they rest on, and each aggregate's
 * window found and read once, however many share it.
 */

static const int64_t EXACT = INT64_C(1) << 53; /* integers up to here are f64s */

/* A copy of the log with kept windows of its own. */
static struct log *copy_of(const struct slicer *slicer, const struct view *view, uint32_t stream)
{
    const struct scratch *scratch = &slicer->scratch;
    const struct stream_layout *layout = &slicer->layouts[view->entity].streams[stream];
    const struct log *log = &view->record->logs[stream];
    struct log *copy = &scratch->copies[stream];
    assay_lanes_copy(layout, log, copy, scratch->lanes + scratch->lanes_bytes_max * stream);
    return copy;
}

/* The record's own lanes move, beside readers; by a step, mostly. */
static bool move_lanes(struct slicer *slicer, const struct view *view, uint32_t stream,
                       int64_t at_ms, int64_t since_ms)
{
    const struct stream_layout *layout = &slicer->layouts[view->entity].streams[stream];
    struct log *log = &view->record->logs[stream];
    assay_seqlock_open(&view->record->lock);
    bool are_there = assay_lanes_stepped(layout, log, at_ms, since_ms);
    if (!are_there) {
        const struct log_context context = slicer_context_of(slicer, view->record, stream);
        are_there = assay_lanes_at(&context, log, at_ms, since_ms);
    }
    assay_seqlock_close(&view->record->lock);
    return are_there;
}

/* A read may be of any time, so it moves a copy. The kept windows of the log are brought up to its
 * newest event, so that the next read finds them, and not beyond. */
static bool read_ahead(struct slicer *slicer, const struct view *view, uint32_t stream)
{
    const struct stream_layout *layout = &slicer->layouts[view->entity].streams[stream];
    const struct log_context context = slicer_context_of(slicer, view->record, stream);
    const struct log *log = &view->record->logs[stream];
    const int64_t settled_ms = layout->keeps_lanes ? assay_lanes_settled(log) : INT64_MAX;
    if (settled_ms > view->at_ms) {
        return false;
    }
    if (slicer->reads_copies) { /* the record is one: its lanes step, or a wide copy moves */
        slicer->scratch.is_copy[stream] =
            !assay_lanes_stepped(layout, log, view->at_ms, view->since_ms);
        return !slicer->scratch.is_copy[stream] ||
               assay_lanes_at(&context, copy_of(slicer, view, stream), view->at_ms, view->since_ms);
    }
    const int64_t since_ms = assay_segment_since(
        view->record, settled_ms, slicer->plan->schema->entities[view->entity].expire_ms);
    return since_ms != INT64_MAX && move_lanes(slicer, view, stream, settled_ms, since_ms) &&
           assay_lanes_at(&context, copy_of(slicer, view, stream), view->at_ms, view->since_ms);
}

/* The event is a little late: others of the key have moved the windows on. A copy goes back. */
static bool read_back(struct slicer *slicer, const struct view *view, uint32_t stream)
{
    const struct log *log = &view->record->logs[stream];
    return log->lanes != NULL && log->lanes->state == LANES_KEPT &&
           assay_lanes_back(&slicer->layouts[view->entity].streams[stream],
                            copy_of(slicer, view, stream), view->at_ms, view->since_ms,
                            &slicer->scratch.ends[stream]);
}

/* Whether there are kept windows at the view's time; asked once a slice. Only the current event's
 * time moves those of the log itself. */
static bool has_lanes(struct slicer *slicer, const struct view *view, uint32_t stream)
{
    struct scratch *scratch = &slicer->scratch;
    if (scratch->lane_stamps[stream] == scratch->stamp) {
        return scratch->kept[stream];
    }
    scratch->lane_stamps[stream] = scratch->stamp;
    scratch->is_copy[stream] = true;
    scratch->is_back[stream] = false;
    if (view->event == NULL) {
        scratch->kept[stream] = read_ahead(slicer, view, stream);
        return scratch->kept[stream];
    }
    scratch->is_copy[stream] = !move_lanes(slicer, view, stream, view->at_ms, view->since_ms);
    scratch->is_back[stream] = scratch->is_copy[stream] && read_back(slicer, view, stream);
    scratch->kept[stream] = !scratch->is_copy[stream] || scratch->is_back[stream];
    return scratch->kept[stream];
}

/* The log, with the kept windows that has_lanes() found. */
static const struct log *log_of(const struct slicer *slicer, const struct view *view,
                                uint32_t stream)
{
    return slicer->scratch.is_copy[stream] ? &slicer->scratch.copies[stream]
                                           : &view->record->logs[stream];
}

static struct range kept_range(const struct slicer *slicer, const struct view *view,
                               const struct range_key *key)
{
    const struct scratch *scratch = &slicer->scratch;
    const struct stream_layout *layout = &slicer->layouts[view->entity].streams[key->stream];
    const struct log *log = log_of(slicer, view, key->stream);
    struct range range = assay_lanes_range(layout, log, key->lane);
    if (scratch->is_back[key->stream]) {
        const bool is_empty = lane_begin(log->lanes, layout, key->lane) == LANE_NOWHERE;
        range.end = scratch->ends[key->stream];
        range.begin = is_empty ? range.end : range.begin;
    }
    return range;
}

static bool is_answerable(const struct view *view, const struct assay_stream *stream,
                          const struct assay_window *window)
{
    return !view->is_forgotten &&
           (view->record == NULL || view->at_ms - window->span_ms - window->delay_ms >=
                                        view->record->newest_ms - stream->retained_ms);
}

static struct range range_of(struct slicer *slicer, const struct view *view, uint32_t index)
{
    struct scratch *scratch = &slicer->scratch;
    const struct entity_layout *layout = &slicer->layouts[view->entity];
    const struct range_key *key = &layout->ranges[index];
    if (scratch->range_stamps[index] != scratch->stamp) {
        scratch->range_stamps[index] = scratch->stamp;
        if (has_lanes(slicer, view, key->stream)) {
            scratch->ranges[index] = kept_range(slicer, view, key);
            return scratch->ranges[index];
        }
        const struct lane window = {.span_ms = key->span_ms, .delay_ms = key->delay_ms};
        const int64_t to_ms = view->at_ms - key->delay_ms;
        scratch->ranges[index] =
            assay_range(&layout->streams[key->stream], &view->record->logs[key->stream],
                        lane_after(&window, view->at_ms, view->since_ms), to_ms);
    }
    return scratch->ranges[index];
}

/* Where the current event lies in a log; chunk ASSAY_NONE: it does not, or there is none. */
static struct position current_in(const struct view *view, uint32_t stream)
{
    return view->touched == NULL ? (struct position){.chunk = ASSAY_NONE} : view->touched[stream];
}

/* Number found and sum as they are kept. */
static void take_total(const struct slicer *slicer, const struct view *view,
                       const struct view_key *key, struct view_result *out)
{
    const struct entity_layout *entity = &slicer->layouts[view->entity];
    const struct range_key *range = &entity->ranges[key->range];
    const struct stream_layout *layout = &entity->streams[range->stream];
    const struct log *log = log_of(slicer, view, range->stream);
    const struct position current = current_in(view, range->stream);
    assay_lanes_total(layout, log, key->total, &out->tally);
    if (key->exclude_current && range->delay_ms == 0 && current.chunk != ASSAY_NONE) {
        assay_tally_remove(&out->tally, &layout->pairs[key->pair], log_row(log, current));
    }
}

static const struct view_result *result_of(struct slicer *slicer, const struct view *view,
                                           uint32_t index);

/* Events or a calendar cut the range. */
static void cut_range(struct slicer *slicer, const struct view *view, struct view_query *query)
{
    const struct entity_layout *layout = &slicer->layouts[view->entity];
    struct span_cut cut = {.at_ms = view->at_ms, .since_ms = view->since_ms};
    if (query->key->since_view != ASSAY_NONE) {
        const struct range_key *marks =
            &layout->ranges[layout->views[query->key->since_view].range];
        cut.mark = result_of(slicer, view, query->key->since_view)->tally.last;
        cut.mark_layout = &layout->streams[marks->stream];
    }
    assay_span_cut(query, &cut);
}

struct view_query assay_slice_query(struct slicer *slicer, const struct view *view,
                                    const struct view_key *key)
{
    const struct entity_layout *layout = &slicer->layouts[view->entity];
    const struct range_key *range = &layout->ranges[key->range];
    struct view_query query = {
        .layout = &layout->streams[range->stream],
        .log = &view->record->logs[range->stream],
        .key = key,
        .range = range_of(slicer, view, key->range),
        .bases_since_ms = range->span_ms == 0 ? view->since_ms : INT64_MAX,
        .current = current_in(view, range->stream),
        .set = &slicer->set,
    };
    if (key->cut != NULL) {
        cut_range(slicer, view, &query);
    }
    return query;
}

static const struct view_result *result_of(struct slicer *slicer, const struct view *view,
                                           uint32_t index)
{
    static const struct view_result nothing;
    struct scratch *scratch = &slicer->scratch;
    const struct entity_layout *layout = &slicer->layouts[view->entity];
    struct view_result *result = &scratch->results[index];
    if (view->since_ms == INT64_MAX) {
        return &nothing;
    }
    if (scratch->view_stamps[index] == scratch->stamp) {
        return result;
    }
    scratch->view_stamps[index] = scratch->stamp;
    *result = nothing;
    struct view_key key = layout->views[index];
    const struct range_key *range = &layout->ranges[key.range];
    const bool kept = key.total != ASSAY_NONE && has_lanes(slicer, view, range->stream);
    key.wants &= kept ? ~(uint32_t)(WANT_COUNT | WANT_SUM) : UINT32_MAX;
    if (key.wants != 0) {
        const struct view_query query = assay_slice_query(slicer, view, &key);
        assay_view_read(&query, result);
    }
    if (kept) {
        take_total(slicer, view, &key, result);
    }
    return result;
}

/* The value goes straight to its place: copies of small structs wait for their own bytes. */
static void read_aggregate(struct slicer *slicer, const struct view *view, uint32_t index,
                           struct assay_value *out)
{
    const struct assay_agg *agg = &slicer->plan->entities[view->entity].aggs[index];
    const struct entity_layout *layout = &slicer->layouts[view->entity];
    const uint32_t position = layout->ranges[layout->views[layout->agg_views[index]].range].stream;
    const bool since = agg->window.kind == ASSAY_SPAN_SINCE; /* the landmarks must be known too */
    if (!is_answerable(view, layout->streams[position].stream, &agg->window) ||
        (since &&
         !is_answerable(view, &slicer->plan->streams[agg->window.since_stream], &agg->window))) {
        slicer->expired_reads++;
        *out = assay_aggregate_null(agg);
        out->state = ASSAY_STATE_EXPIRED;
        return;
    }
    assay_aggregate_value(agg, &layout->streams[position],
                          result_of(slicer, view, layout->agg_views[index]), view->at_ms, out);
}

/* Logs that the current event did not go to have not been looked at for a while. */
static void prefetch_logs(const struct view *view, const struct selection *selection)
{
    for (uint32_t i = 0; i < selection->stream_count; i++) {
        const struct log *log = &view->record->logs[selection->streams[i].stream];
        if (log->lanes != NULL) {
            index_fetch(log->lanes);
            index_fetch((const char *)log->lanes + LINE_BYTES);
        } else if (log->count > 0) {
            index_fetch(log_chunk(log, log->count - 1));
        }
    }
}

/* The values of a stream that are one expression of a kept total: the same expressions as
 * assay_aggregate_value()'s, without the detour. */
static void take_values(struct slicer *slicer, const struct view *view,
                        const struct selection *selection, const struct selection_stream *part)
{
    const struct stream_layout *layout = &slicer->layouts[view->entity].streams[part->stream];
    struct lanes *lanes = log_of(slicer, view, part->stream)->lanes;
    struct assay_value *slots =
        slicer->scratch.slots + slicer->plan->entities[view->entity].feature_count;
    for (uint32_t i = 0; i < part->kept_count; i++) {
        const struct kept_value *value = &selection->kept[part->kept_first + i];
        const uint32_t found = lane_found(lanes, layout, value->total);
        double number = found;
        if (value->kind != ASSAY_AGG_COUNT) {
            const double over = value->kind == ASSAY_AGG_AVG ? value->scale * number : value->scale;
            const int64_t sum = lane_sum(lanes, layout, value->total);
            const bool exact = sum <= EXACT && sum >= -EXACT && over <= (double)EXACT;
            if (value->kind == ASSAY_AGG_AVG && number == 0) {
                number = ASSAY_NULL_NUMBER;
            } else {
                number = exact ? (double)sum / over
                               : assay_ratio(sum, (assay_uint128)value->scale *
                                                      (value->kind == ASSAY_AGG_AVG ? found : 1));
            }
        }
        value_put_number(&slots[value->agg], number);
    }
}

/* What the packed lanes of a stream say, as numbers. */
static void work_out_values(struct slicer *slicer, const struct stream_layout *layout,
                            struct lanes *lanes)
{
    const struct lane_kernels *kernels = layout->kernels;
    const uint32_t count = layout->lane_count;
    double *out = slicer->scratch.values + layout->values_first;
    kernels->numbers(out, packed_found(lanes, layout), layout->group_count * count);
    out += (size_t)layout->group_count * count;
    for (uint32_t s = 0; s < layout->sum_pair_count; s++) {
        const struct pair *pair = &layout->pairs[layout->sum_pairs[s]];
        const struct pair_totals totals = layout->pair_totals[layout->sum_pairs[s]];
        kernels->quotients(out, out + count, packed_sum(lanes, layout) + totals.first,
                           packed_found(lanes, layout) + (size_t)pair->group * count, count,
                           layout->sum_scales[s]);
        out += 2UL * count;
    }
}

/* The aggregates of a stream that are one expression of a kept total. @return true: they are among
 * the values of packed lanes; else they are in their slots. */
static bool read_kept(struct slicer *slicer, const struct view *view,
                      const struct selection *selection, const struct selection_stream *part,
                      bool is_alive)
{
    const struct stream_layout *layout = &slicer->layouts[view->entity].streams[part->stream];
    struct assay_value *slots =
        slicer->scratch.slots + slicer->plan->entities[view->entity].feature_count;
    if (is_alive && part->kept_count > 0 && has_lanes(slicer, view, part->stream)) {
        struct lanes *lanes = log_of(slicer, view, part->stream)->lanes;
        if (lanes->is_packed && layout->has_values) {
            work_out_values(slicer, layout, lanes);
            return true;
        }
        take_values(slicer, view, selection, part);
        return false;
    }
    for (uint32_t i = 0; i < part->kept_count; i++) {
        const uint32_t agg = selection->kept[part->kept_first + i].agg;
        read_aggregate(slicer, view, agg, &slots[agg]);
    }
    return false;
}

static void read_others(struct slicer *slicer, const struct view *view,
                        const struct selection *selection, const struct selection_stream *part,
                        bool is_alive)
{
    struct assay_value *slots =
        slicer->scratch.slots + slicer->plan->entities[view->entity].feature_count;
    const bool sweeps = is_alive && part->sweep_count > 0 && has_lanes(slicer, view, part->stream);
    for (uint32_t i = 0; i < part->sweep_count; i++) {
        const struct sweep *sweep = &selection->sweeps[part->sweep_first + i];
        if (sweeps) {
            assay_sweep_read(slicer, selection, sweep, part->stream,
                             log_of(slicer, view, part->stream));
            continue;
        }
        for (uint32_t k = 0; k < sweep->count; k++) {
            const uint32_t agg = selection->swept[sweep->first + k].agg;
            read_aggregate(slicer, view, agg, &slots[agg]);
        }
    }
    for (uint32_t i = 0; i < part->agg_count; i++) {
        const uint32_t agg = selection->aggs[part->agg_first + i];
        read_aggregate(slicer, view, agg, &slots[agg]);
    }
}

/* Bring values of packed lanes to the slots of their aggregates. */
static void fill_slots(struct slicer *slicer, const struct view *view,
                       const struct selection *selection, const struct selection_stream *part)
{
    const struct scratch *scratch = &slicer->scratch;
    struct assay_value *slots = scratch->slots + slicer->plan->entities[view->entity].feature_count;
    for (uint32_t i = 0; i < part->kept_count; i++) {
        const struct kept_value *kept = &selection->kept[part->kept_first + i];
        value_put_number(&slots[kept->agg], scratch->values[kept->value]);
    }
}

static void run_steps(struct slicer *slicer, const struct view *view,
                      const struct selection *selection)
{
    struct assay_value *slots = slicer->scratch.slots;
    const struct assay_env env = {
        .schema = slicer->plan->schema, .event = view->event, .slots = slots, .at_ms = view->at_ms};
    for (uint32_t i = 0; i < selection->step_count; i++) {
        const struct selection_step *step = &selection->steps[i];
        slots[step->slot] = step->copied != ASSAY_NONE ? slots[step->copied]
                                                       : assay_program_eval(step->program, &env);
    }
}

void assay_slice_compute(struct slicer *slicer, struct view *view,
                         const struct selection *selection)
{
    struct scratch *scratch = &slicer->scratch;
    scratch->stamp++;
    view->since_ms = INT64_MAX;
    if (view->record != NULL && !view->is_forgotten) {
        prefetch_logs(view, selection);
        view->since_ms = assay_segment_since(
            view->record, view->at_ms, slicer->plan->schema->entities[view->entity].expire_ms);
    }
    /* Nothing is out of reach at the newest time or after. */
    const bool is_alive = view->since_ms != INT64_MAX && view->at_ms >= view->record->newest_ms;
    scratch->is_direct = selection->is_direct && !view->needs_slots;
    for (uint32_t s = 0; s < selection->stream_count; s++) {
        const struct selection_stream *part = &selection->streams[s];
        scratch->has_values[s] = read_kept(slicer, view, selection, part, is_alive);
        scratch->is_direct = scratch->is_direct && scratch->has_values[s];
        read_others(slicer, view, selection, part, is_alive);
    }
    for (uint32_t s = 0; !scratch->is_direct && s < selection->stream_count; s++) {
        if (scratch->has_values[s]) {
            fill_slots(slicer, view, selection, &selection->streams[s]);
        }
    }
    run_steps(slicer, view, selection);
}

/* A number is copied as one: as a part of a struct it would be waited for. */
static void take(const struct assay_value *slot, struct assay_arena *texts, struct assay_value *out)
{
    if (slot->kind == ASSAY_KIND_NUMBER) {
        value_put_number(out, slot->cell.number);
        out->state = slot->state;
        return;
    }
    *out = *slot;
    if (out->kind == ASSAY_KIND_TEXT && out->cell.text.ptr != NULL) {
        out->cell.text = assay_arena_copy(texts, out->cell.text);
        ASSAY_ASSERT(out->cell.text.ptr != NULL);
    }
}

void assay_slice_take(const struct slicer *slicer, const struct selection *selection,
                      struct assay_arena *texts, struct assay_value out[])
{
    const struct scratch *scratch = &slicer->scratch;
    const size_t count = selection->count;
    if (scratch->is_direct) {
        const double *values = scratch->values;
        const uint32_t *places = selection->values;
        for (size_t i = 0; i < count; i++) {
            value_put_number(&out[i], values[places[i]]);
        }
        return;
    }
    for (size_t i = 0; i < count; i++) {
        take(&scratch->slots[selection->outs[i]], texts, &out[i]);
    }
}

void assay_store_slice(struct assay_store *store, const struct assay_touch *touch,
                       const uint32_t features[], size_t count, struct assay_arena *scratch,
                       struct assay_value out[])
{
    ASSAY_ASSERT(store->touched_entity == touch->update->entity);
    struct view view = {
        .record = touch->record,
        .touched = store->touched,
        .event = touch->update->event,
        .entity = touch->update->entity,
        .at_ms = touch->update->event->time_ms,
    };
    struct slicer *slicer = &store->slicer;
    const struct selection *selection = assay_select(slicer, view.entity, features, count);
    assay_slice_compute(slicer, &view, selection);
    assay_slice_take(slicer, selection, scratch, out);
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
    view.is_forgotten = at_ms < assay_expiry_reach(store, entity, view.record);
    struct slicer *slicer = &store->slicer;
    const struct selection *selection = assay_select(slicer, entity, features, count);
    assay_slice_compute(slicer, &view, selection);
    assay_slice_take(slicer, selection, scratch, out);
}
