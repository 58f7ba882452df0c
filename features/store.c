#include "features/record_pvt.h"

#include "engine/base/assert.h"

#include <stdlib.h>

enum { INDEX_MIN = 1024, TIE_BYTES_MIN = 4096 };

enum assay_status assay_store_create(struct assay_store **out, const struct assay_plan *plan,
                                     const struct assay_store_options *options,
                                     struct assay_err *err)
{
    ASSAY_ASSERT(out != NULL && plan != NULL && options != NULL);
    *out = NULL;
    size_t slots = 1;
    for (uint32_t e = 0; e < plan->schema->entity_count; e++) {
        const size_t wanted =
            (size_t)plan->entities[e].agg_count + plan->entities[e].feature_count;
        slots = wanted > slots ? wanted : slots;
    }
    struct assay_store *store = calloc(1, sizeof *store);
    bool good = store != NULL && assay_slab_init(&store->slab, options->memory_bytes_max);
    if (good) {
        store->plan = plan;
        store->options = *options;
        store->index_capacity = INDEX_MIN;
        store->tie_capacity = TIE_BYTES_MIN;
        store->index = assay_slab_alloc(&store->slab, INDEX_MIN * sizeof(struct assay_record *));
        store->entity_counts = calloc(plan->schema->entity_count + 1, sizeof(uint64_t));
        store->touched = calloc((size_t)plan->stream_count + 1, sizeof(uint32_t));
        store->slots = calloc(slots, sizeof *store->slots);
        store->tie_buffer = malloc(TIE_BYTES_MIN);
        good = store->index != NULL && store->entity_counts != NULL && store->touched != NULL &&
               store->slots != NULL && store->tie_buffer != NULL;
    }
    if (!good) {
        assay_store_destroy(store);
        (void)assay_err_set(err, ASSAY_E_NO_MEMORY, "store", "cannot reserve %zu bytes",
                            options->memory_bytes_max);
        assay_err_remedy(err, "lower memory, or allow more address space");
        return ASSAY_E_NO_MEMORY;
    }
    memset(store->index, 0, INDEX_MIN * sizeof(struct assay_record *));
    *out = store;
    return ASSAY_OK;
}

void assay_store_destroy(struct assay_store *store)
{
    if (store == NULL) {
        return;
    }
    assay_slab_fini(&store->slab);
    free(store->entity_counts);
    free(store->touched);
    free(store->slots);
    free(store->tie_buffer);
    free(store);
}

static uint64_t hash_key(const struct assay_store *store, uint32_t entity, struct assay_str key)
{
    return assay_hash64(key.ptr, key.len, store->options.index_seed + entity);
}

/* The slot of the record, or the free slot where it would go. */
static struct assay_record **find(struct assay_record **index, size_t capacity, uint64_t hash,
                                  uint32_t entity, struct assay_str key)
{
    size_t at = hash & (capacity - 1);
    while (index[at] != NULL) {
        const struct assay_record *record = index[at];
        const struct assay_str known = {.ptr = record->key, .len = record->key_bytes};
        if (record->hash == hash && record->entity == entity && assay_str_equal(known, key)) {
            break;
        }
        at = (at + 1) & (capacity - 1);
    }
    return &index[at];
}

static bool grow_index(struct assay_store *store)
{
    const size_t bytes = store->index_capacity * sizeof(struct assay_record *);
    struct assay_record **index = assay_slab_alloc(&store->slab, 2 * bytes);
    if (index == NULL) {
        return false;
    }
    memset(index, 0, 2 * bytes);
    for (size_t i = 0; i < store->index_capacity; i++) {
        struct assay_record *record = store->index[i];
        if (record != NULL) {
            *find(index, 2 * store->index_capacity, record->hash, record->entity,
                  (struct assay_str){.ptr = record->key, .len = record->key_bytes}) = record;
        }
    }
    assay_slab_free(&store->slab, store->index, bytes);
    store->index = index;
    store->index_capacity *= 2;
    return true;
}

static size_t record_bytes(const struct assay_store *store, uint32_t entity)
{
    return sizeof(struct assay_record) +
           store->plan->entities[entity].stream_count * sizeof(struct log);
}

static void free_record(struct assay_store *store, struct assay_record *record)
{
    const struct assay_plan_entity *entity = &store->plan->entities[record->entity];
    for (uint32_t s = 0; s < entity->stream_count; s++) {
        const struct assay_stream *stream = &store->plan->streams[entity->streams[s]];
        struct log *log = &record->logs[s];
        ASSAY_ASSERT(log->count == 0);
        assay_slab_free(&store->slab, log->entries,
                        assay_slab_fit((size_t)log->capacity * entry_bytes(stream)));
    }
    assay_slab_free(&store->slab, record->segments,
                    record->segment_capacity * sizeof *record->segments);
    assay_slab_free(&store->slab, record->key, (size_t)record->key_bytes + 1);
    assay_slab_free(&store->slab, record, record_bytes(store, record->entity));
}

static struct assay_record *new_record(struct assay_store *store, uint64_t hash,
                                       const struct assay_update *update)
{
    const uint64_t capacity = store->plan->schema->entities[update->entity].capacity;
    if (capacity != 0 && store->entity_counts[update->entity] >= capacity) {
        return NULL;
    }
    const size_t bytes = record_bytes(store, update->entity);
    struct assay_record *record = assay_slab_alloc(&store->slab, bytes);
    if (record == NULL) {
        return NULL;
    }
    memset(record, 0, bytes);
    record->hash = hash;
    record->entity = update->entity;
    record->newest_ms = INT64_MIN;
    record->key_bytes = update->key.len;
    record->key = assay_slab_alloc(&store->slab, (size_t)update->key.len + 1);
    if (record->key == NULL) {
        assay_slab_free(&store->slab, record, bytes);
        return NULL;
    }
    memcpy(record->key, update->key.ptr, update->key.len);
    return record;
}

/* Do two touches belong together? expire 0: always. */
static bool bridges(int64_t earlier_ms, int64_t later_ms, int64_t expire_ms)
{
    return expire_ms == 0 || later_ms - earlier_ms <= expire_ms;
}

static bool reserve_segment(struct assay_store *store, struct assay_record *record)
{
    if (record->segment_count < record->segment_capacity) {
        return true;
    }
    const uint32_t capacity = record->segment_capacity == 0 ? 2 : 2 * record->segment_capacity;
    struct segment *segments = assay_slab_alloc(&store->slab, capacity * sizeof *segments);
    if (segments == NULL) {
        return false;
    }
    if (record->segments != NULL) {
        memcpy(segments, record->segments, record->segment_count * sizeof *segments);
        assay_slab_free(&store->slab, record->segments,
                        record->segment_capacity * sizeof *record->segments);
    }
    record->segments = segments;
    record->segment_capacity = capacity;
    return true;
}

/* Add a touch: it extends a segment, joins two, or stands alone. */
static void touch_segments(struct assay_record *record, int64_t time_ms, int64_t expire_ms)
{
    struct segment *segments = record->segments;
    uint32_t at = record->segment_count;
    while (at > 0 && segments[at - 1].start_ms > time_ms) {
        at--;
    }
    const bool joins_before = at > 0 && bridges(segments[at - 1].end_ms, time_ms, expire_ms);
    const bool joins_after =
        at < record->segment_count && bridges(time_ms, segments[at].start_ms, expire_ms);
    if (joins_before) {
        segments[at - 1].end_ms =
            time_ms > segments[at - 1].end_ms ? time_ms : segments[at - 1].end_ms;
    }
    if (joins_before && joins_after) {
        segments[at - 1].end_ms = segments[at].end_ms;
        record->segment_count--;
        memmove(&segments[at], &segments[at + 1],
                (record->segment_count - at) * sizeof *segments);
    } else if (joins_after) {
        segments[at].start_ms = time_ms;
    } else if (!joins_before) {
        memmove(&segments[at + 1], &segments[at],
                (record->segment_count - at) * sizeof *segments);
        segments[at] = (struct segment){.start_ms = time_ms, .end_ms = time_ms};
        record->segment_count++;
    }
}

static bool is_stream_of(const struct assay_stream *stream, const struct assay_update *update)
{
    return stream->event == update->event->type && (update->roles >> stream->key_field & 1U) != 0;
}

static bool tie_of(struct assay_store *store, const struct assay_update *update, size_t *bytes)
{
    const struct assay_event_def *def = &store->plan->schema->events[update->event->type];
    *bytes = assay_event_tie(update->event, def, store->tie_capacity, store->tie_buffer);
    if (*bytes <= store->tie_capacity) {
        return true;
    }
    uint8_t *larger = realloc(store->tie_buffer, 2 * *bytes); /* only for longer ids and texts */
    if (larger == NULL) {
        return false;
    }
    store->tie_buffer = larger;
    store->tie_capacity = 2 * *bytes;
    *bytes = assay_event_tie(update->event, def, store->tie_capacity, store->tie_buffer);
    return true;
}

/* The variable part of an entry: tie bytes where order is seen, then text columns. */
static bool fill_blob(struct assay_store *store, const struct assay_stream *stream,
                      const struct assay_update *update, size_t tie_bytes, struct log_entry *entry)
{
    const struct assay_event_def *def = &store->plan->schema->events[stream->event];
    const struct assay_event *event = update->event;
    size_t bytes = stream->ordered ? tie_bytes : 0;
    entry->tie_bytes = (uint32_t)bytes;
    for (uint32_t c = 0; c < stream->column_count; c++) {
        const uint32_t field = stream->columns[c];
        if (assay_event_has(event, field) && assay_type_is_text(def->fields[field].type)) {
            entry->cells[c].text.offset = (uint32_t)bytes;
            entry->cells[c].text.bytes = event->fields[field].text.len;
            bytes += event->fields[field].text.len;
        }
    }
    entry->blob_bytes = (uint32_t)bytes + 1; /* never NULL: the empty text is not null */
    entry->blob = assay_slab_alloc(&store->slab, entry->blob_bytes);
    if (entry->blob == NULL) {
        return false;
    }
    memcpy(entry->blob, store->tie_buffer, entry->tie_bytes);
    for (uint32_t c = 0; c < stream->column_count; c++) {
        const uint32_t field = stream->columns[c];
        if (assay_event_has(event, field) && assay_type_is_text(def->fields[field].type)) {
            memcpy(entry->blob + entry->cells[c].text.offset, event->fields[field].text.ptr,
                   event->fields[field].text.len);
        }
    }
    return true;
}

static bool make_entry(struct assay_store *store, const struct assay_stream *stream,
                       const struct assay_update *update, size_t tie_bytes,
                       struct log_entry *entry)
{
    const struct assay_schema *schema = store->plan->schema;
    const struct assay_event_def *def = &schema->events[stream->event];
    const struct assay_event *event = update->event;
    const struct assay_env env = {.schema = schema, .event = event, .at_ms = event->time_ms};
    memset(entry, 0, entry_bytes(stream));
    entry->time_ms = event->time_ms;
    for (uint32_t f = 0; f < stream->filter_count; f++) {
        const bool passes = assay_program_eval(stream->filters[f], &env).cell.number == 1;
        entry->passed |= (uint64_t)(passes ? 1 : 0) << f;
    }
    for (uint32_t c = 0; c < stream->column_count; c++) {
        const uint32_t field = stream->columns[c];
        if (!assay_event_has(event, field)) {
            continue;
        }
        entry->present |= UINT32_C(1) << c;
        if (def->fields[field].type == ASSAY_TYPE_REAL) {
            entry->cells[c].real = event->fields[field].real;
        } else if (!assay_type_is_text(def->fields[field].type) &&
                   def->fields[field].type != ASSAY_TYPE_VECTOR) {
            entry->cells[c].integer = event->fields[field].integer;
        }
    }
    return fill_blob(store, stream, update, tie_bytes, entry);
}

/* Everything an apply needs, gathered before anything changes. */
struct pending {
    uint32_t count;
    uint32_t streams[TOUCH_STREAMS_MAX]; /* positions in the entity's list */
    _Alignas(16) unsigned char entries[TOUCH_STREAMS_MAX]
                                      [sizeof(struct log_entry) +
                                       ASSAY_STREAM_COLUMNS_MAX * sizeof(union log_cell)];
};

static struct log_entry *pending_entry(struct pending *pending, uint32_t at)
{
    return (struct log_entry *)(void *)pending->entries[at];
}

static bool prepare(struct assay_store *store, struct assay_record *record,
                    const struct assay_update *update, struct pending *pending)
{
    const struct assay_plan_entity *entity = &store->plan->entities[update->entity];
    size_t tie_bytes = 0;
    pending->count = 0;
    if (!tie_of(store, update, &tie_bytes) || !reserve_segment(store, record)) {
        return false;
    }
    for (uint32_t s = 0; s < entity->stream_count; s++) {
        const struct assay_stream *stream = &store->plan->streams[entity->streams[s]];
        if (!is_stream_of(stream, update)) {
            continue;
        }
        const int64_t horizon_ms = record->newest_ms == INT64_MIN
                                       ? INT64_MIN
                                       : record->newest_ms - stream->retained_ms;
        ASSAY_ASSERT(pending->count < TOUCH_STREAMS_MAX);
        struct log_entry *entry = pending_entry(pending, pending->count);
        if (!assay_log_reserve(&store->slab, &record->logs[s], stream, horizon_ms) ||
            !make_entry(store, stream, update, tie_bytes, entry)) {
            return false;
        }
        pending->streams[pending->count++] = s;
    }
    return true;
}

static void abandon(struct assay_store *store, struct pending *pending)
{
    for (uint32_t i = 0; i < pending->count; i++) {
        struct log_entry *entry = pending_entry(pending, i);
        assay_slab_free(&store->slab, entry->blob, entry->blob_bytes);
    }
    store->stats.refused++;
}

static void commit(struct assay_store *store, struct assay_record *record,
                   const struct assay_update *update, struct pending *pending)
{
    const struct assay_plan_entity *entity = &store->plan->entities[update->entity];
    for (uint32_t s = 0; s < entity->stream_count; s++) {
        store->touched[s] = ASSAY_NONE;
    }
    for (uint32_t i = 0; i < pending->count; i++) {
        const uint32_t s = pending->streams[i];
        struct log *log = &record->logs[s];
        store->touched[s] = assay_log_insert(log, &store->plan->streams[entity->streams[s]],
                                             pending_entry(pending, i));
        store->stats.late_inserts += store->touched[s] + 1 < log->count ? 1 : 0;
    }
    const int64_t time_ms = update->event->time_ms;
    touch_segments(record, time_ms,
                   store->plan->schema->entities[update->entity].expire_ms);
    record->newest_ms = time_ms > record->newest_ms ? time_ms : record->newest_ms;
    store->stats.events++;
}

enum assay_status assay_store_apply(struct assay_store *store, const struct assay_update *update,
                                    struct assay_touch *touch)
{
    ASSAY_ASSERT(store != NULL && update != NULL && touch != NULL);
    ASSAY_ASSERT(update->entity < store->plan->schema->entity_count);
    if (2 * (store->record_count + 1) > store->index_capacity && !grow_index(store)) {
        store->stats.refused++;
        return ASSAY_E_FULL;
    }
    const uint64_t hash = hash_key(store, update->entity, update->key);
    struct assay_record **slot =
        find(store->index, store->index_capacity, hash, update->entity, update->key);
    struct assay_record *record = *slot != NULL ? *slot : new_record(store, hash, update);
    if (record == NULL) {
        store->stats.refused++;
        return ASSAY_E_FULL;
    }
    struct pending pending;
    if (!prepare(store, record, update, &pending)) {
        abandon(store, &pending);
        if (*slot == NULL) {
            free_record(store, record);
        }
        return ASSAY_E_FULL;
    }
    if (*slot == NULL) {
        *slot = record;
        store->record_count++;
        store->entity_counts[update->entity]++;
    }
    commit(store, record, update, &pending);
    *touch = (struct assay_touch){.record = record, .update = update};
    return ASSAY_OK;
}

void assay_store_prefetch(const struct assay_store *store, const struct assay_update *update)
{
    const uint64_t hash = hash_key(store, update->entity, update->key);
    __builtin_prefetch(&store->index[hash & (store->index_capacity - 1)]);
}

/* Start of what the key remembers as of a time; INT64_MAX: nothing. */
static int64_t remembered_since(const struct assay_record *record, int64_t at_ms,
                                int64_t expire_ms)
{
    uint32_t at = record->segment_count;
    while (at > 0 && record->segments[at - 1].start_ms > at_ms) {
        at--;
    }
    if (at == 0) {
        return INT64_MAX;
    }
    const struct segment *segment = &record->segments[at - 1];
    const bool silent = at_ms > segment->end_ms && !bridges(segment->end_ms, at_ms, expire_ms);
    return silent ? INT64_MAX : segment->start_ms;
}

static bool is_answerable(const struct assay_record *record, const struct assay_stream *stream,
                          const struct assay_window *window, int64_t at_ms)
{
    return record == NULL || at_ms - window->span_ms - window->delay_ms >=
                                 record->newest_ms - stream->retained_ms;
}

struct view {
    const struct assay_record *record; /* NULL: the key was never seen */
    const uint32_t *touched;           /* per stream of the entity; NULL: no current event */
    const struct assay_event *event;   /* NULL: none */
    uint32_t entity;
    int64_t at_ms;
};

static struct assay_value read_aggregate(struct assay_store *store, const struct view *view,
                                         const struct assay_agg *agg, struct assay_arena *scratch)
{
    const struct assay_plan_entity *entity = &store->plan->entities[view->entity];
    const struct assay_stream *stream = &store->plan->streams[agg->stream];
    uint32_t position = 0;
    while (entity->streams[position] != agg->stream) {
        position++;
    }
    struct agg_query query = {
        .plan = store->plan,
        .stream = stream,
        .agg = agg,
        .at_ms = view->at_ms,
        .since_ms = INT64_MIN,
        .current = view->touched == NULL ? ASSAY_NONE : view->touched[position],
        .scratch = scratch,
    };
    const struct assay_record *record = view->record;
    if (record != NULL) {
        query.since_ms = remembered_since(
            record, view->at_ms, store->plan->schema->entities[view->entity].expire_ms);
        query.log = query.since_ms == INT64_MAX ? NULL : &record->logs[position];
    }
    if (!is_answerable(record, stream, &agg->window, view->at_ms)) {
        store->stats.expired_reads++;
        struct assay_value expired = {.kind = (uint8_t)agg->result,
                                      .state = ASSAY_STATE_EXPIRED};
        if (agg->result != ASSAY_KIND_TEXT) {
            expired.cell.number = ASSAY_NULL_NUMBER;
        }
        return expired;
    }
    return assay_aggregate_read(&query);
}

/* All slots of the entity: aggregates first, then features in the order of their dependencies. */
static void compute_slots(struct assay_store *store, const struct view *view,
                          struct assay_arena *scratch)
{
    const struct assay_plan_entity *entity = &store->plan->entities[view->entity];
    for (uint32_t i = 0; i < entity->agg_count; i++) {
        store->slots[entity->feature_count + i] =
            read_aggregate(store, view, &entity->aggs[i], scratch);
    }
    const struct assay_env env = {.schema = store->plan->schema,
                                  .event = view->event,
                                  .slots = store->slots,
                                  .at_ms = view->at_ms};
    for (uint32_t j = 0; j < entity->feature_count; j++) {
        store->slots[j] =
            assay_program_eval(store->plan->features[entity->feature_first + j].program, &env);
    }
}

static void copy_out(struct assay_store *store, uint32_t entity, const uint32_t features[],
                     size_t count, struct assay_arena *scratch, struct assay_value out[])
{
    const uint32_t first = store->plan->entities[entity].feature_first;
    for (size_t i = 0; i < count; i++) {
        ASSAY_ASSERT(store->plan->features[features[i]].entity == entity);
        out[i] = store->slots[features[i] - first];
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
    const struct view view = {
        .record = touch->record,
        .touched = store->touched,
        .event = touch->update->event,
        .entity = touch->update->entity,
        .at_ms = touch->update->event->time_ms,
    };
    compute_slots(store, &view, scratch);
    copy_out(store, view.entity, features, count, scratch, out);
}

void assay_store_read(struct assay_store *store, uint32_t entity, struct assay_str key,
                      int64_t at_ms, const uint32_t features[], size_t count,
                      struct assay_arena *scratch, struct assay_value out[])
{
    const uint64_t hash = hash_key(store, entity, key);
    const struct view view = {
        .record = *find(store->index, store->index_capacity, hash, entity, key),
        .entity = entity,
        .at_ms = at_ms,
    };
    compute_slots(store, &view, scratch);
    copy_out(store, entity, features, count, scratch, out);
}

void assay_store_stats(const struct assay_store *store, struct assay_store_stats *out)
{
    *out = store->stats;
    out->keys = store->record_count;
    out->memory_bytes = store->slab.live;
    out->memory_bytes_max = store->slab.bytes_max;
}
