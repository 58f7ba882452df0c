#include "features/inspect.h"

#include "features/record_pvt.h"

/*
 * A slice that tells how it came about. Values come from the code that slices rows; the events
 * behind each aggregate are counted by reading its view once more, for the count and the newest
 * event alone, whatever the aggregate itself wants.
 */

/* Totals of events that left the log. Their newest event is known only where an aggregate asks. */
static void add_bases(const struct view_query *query, int64_t horizon_ms,
                      struct assay_aggregate_facts *facts)
{
    for (const struct base *base = query->log->bases;
         base != NULL && query->bases_since_ms != INT64_MAX; base = base->next) {
        const struct tally *tally = &base->tallies[query->key->pair];
        if (base->member_ms < query->bases_since_ms || tally->found == 0) {
            continue;
        }
        facts->events += tally->found;
        if (tally->last.chunk == NULL) {
            facts->last_before_ms = horizon_ms;
        } else if (row_time(tally->last) > facts->last_ms) {
            facts->last_ms = row_time(tally->last);
        }
    }
    /* What is folded lies before the horizon: a logged event after it is newer for certain. */
    if (facts->last_before_ms != ASSAY_NO_TIME && facts->last_ms >= facts->last_before_ms) {
        facts->last_before_ms = ASSAY_NO_TIME;
    } else if (facts->last_before_ms != ASSAY_NO_TIME) {
        facts->last_ms = ASSAY_NO_TIME;
    }
}

static void count_events(struct assay_store *store, const struct view *view, uint32_t index,
                         struct assay_aggregate_facts *facts)
{
    struct view_key key = store->layouts[view->entity].views[index];
    key.wants = WANT_COUNT | WANT_LAST;
    struct view_query query = assay_slice_query(&store->slicer, view, &key);
    const struct assay_stream *stream = query.layout->stream;
    const int64_t since_ms = query.bases_since_ms;
    struct view_result result;
    query.bases_since_ms = INT64_MAX; /* they may not hold what is wanted here */
    assay_view_read(&query, &result);
    facts->events = result.tally.found;
    if (result.tally.last.chunk != NULL) {
        facts->last_ms = row_time(result.tally.last);
    }
    query.bases_since_ms = since_ms;
    add_bases(&query, view->record->newest_ms - stream->retained_ms, facts);
}

/* The earliest as-of time whose window the log still holds whole. */
static int64_t answerable_from(const struct assay_store *store, uint32_t entity,
                               const struct assay_record *record, const struct assay_agg *agg)
{
    const int64_t reach_ms = assay_expiry_reach(store, entity, record);
    if (record == NULL) {
        return reach_ms;
    }
    int64_t retained_ms = store->plan->streams[agg->stream].retained_ms;
    if (agg->window.kind == ASSAY_SPAN_SINCE) { /* so must the landmarks be */
        const int64_t marks_ms = store->plan->streams[agg->window.since_stream].retained_ms;
        retained_ms = marks_ms < retained_ms ? marks_ms : retained_ms;
    }
    const int64_t kept_ms =
        record->newest_ms - retained_ms + agg->window.span_ms + agg->window.delay_ms;
    return kept_ms > reach_ms ? kept_ms : reach_ms;
}

static bool copy_text(struct assay_arena *arena, struct assay_value *value)
{
    if (value->kind == ASSAY_KIND_TEXT && value->cell.text.ptr != NULL) {
        value->cell.text = assay_arena_copy(arena, value->cell.text);
        return value->cell.text.ptr != NULL;
    }
    return true;
}

bool assay_store_inspect(struct assay_store *store, uint32_t entity, struct assay_str key,
                         int64_t at_ms, struct assay_arena *arena, struct assay_inspection *out)
{
    ASSAY_ASSERT(entity < store->plan->schema->entity_count);
    const struct assay_plan_entity *plan = &store->plan->entities[entity];
    struct assay_record *record = assay_store_find(store, entity, key);
    const int64_t reach_ms = assay_expiry_reach(store, entity, record);
    const int64_t unknown_ms = reach_ms < 0 ? 0 : reach_ms;
    const int64_t newest_ms = record == NULL ? unknown_ms : record->newest_ms;
    struct view view = {.record = record,
                        .entity = entity,
                        .at_ms = at_ms == ASSAY_AT_NEWEST ? newest_ms : at_ms,
                        .needs_slots = true};
    view.is_forgotten = view.at_ms < reach_ms;
    uint32_t *features = assay_arena_array(arena, plan->feature_count + 1U, sizeof *features);
    struct assay_value *values = assay_arena_array(arena, plan->feature_count + 1U, sizeof *values);
    struct assay_aggregate_facts *facts =
        assay_arena_array(arena, plan->agg_count + 1U, sizeof *facts);
    if (features == NULL || values == NULL || facts == NULL) {
        return false;
    }
    for (uint32_t j = 0; j < plan->feature_count; j++) {
        features[j] = plan->feature_first + j;
    }
    const struct selection *selection =
        assay_select(&store->slicer, entity, features, plan->feature_count);
    assay_slice_compute(&store->slicer, &view, selection);
    bool good = true;
    for (uint32_t j = 0; j < plan->feature_count; j++) {
        values[j] = store->slicer.scratch.slots[selection->outs[j]];
        good = good && copy_text(arena, &values[j]);
    }
    for (uint32_t i = 0; i < plan->agg_count; i++) {
        facts[i] = (struct assay_aggregate_facts){
            .value = store->slicer.scratch.slots[plan->feature_count + i],
            .last_ms = ASSAY_NO_TIME,
            .last_before_ms = ASSAY_NO_TIME,
            .answerable_ms = answerable_from(store, entity, record, &plan->aggs[i]),
        };
        if (facts[i].value.state != ASSAY_STATE_EXPIRED && view.since_ms != INT64_MAX) {
            count_events(store, &view, store->layouts[entity].agg_views[i], &facts[i]);
        }
        good = good && copy_text(arena, &facts[i].value);
    }
    *out = (struct assay_inspection){
        .at_ms = view.at_ms,
        .since_ms = view.since_ms == INT64_MAX ? ASSAY_NO_TIME : view.since_ms,
        .values = values,
        .aggregates = facts,
    };
    return good;
}
