#include "features/reader_pvt.h"

#include "features/decode.h"

#include <stdlib.h>

/*
 * The write side: keys to records, events to logs. An update is prepared for all its logs before
 * any of them changes, so that a full store refuses it whole.
 */

enum {
    ARENA_BYTES_MAX = 1 << 30,
    /* an event's canonical bytes: its message's text, and 9 bytes a number where JSON needs 2 */
    TIE_BYTES_MAX = ASSAY_DECODE_BYTES_MAX +
                    ASSAY_FIELDS_MAX * (ASSAY_VECTOR_DIMS_MAX * (int)sizeof(double) + 16),
    ROW_BYTES_MIN = 2 * sizeof(int32_t), /* of a row that has a column */
};

/* Everything an apply needs, gathered before anything changes. */
struct pending {
    uint32_t count;
    uint32_t streams[ASSAY_FIELDS_MAX]; /* positions in the entity's list, one a role at most */
    struct log_change changes[ASSAY_FIELDS_MAX];
    /* a wide row each, alone in a chunk */
    _Alignas(16) unsigned char chunks[ASSAY_FIELDS_MAX]
                                     [sizeof(struct chunk) +
                                      (ASSAY_STREAM_COLUMNS_MAX + 3) * sizeof(union cell)];
};

/* Where the last event lies, and what the state hash adds up. */
static bool reserve_places(struct assay_store *store)
{
    size_t streams = 1;
    size_t pairs = 1;
    for (uint32_t e = 0; e < store->plan->schema->entity_count; e++) {
        const struct entity_layout *layout = &store->layouts[e];
        streams = layout->stream_count > streams ? layout->stream_count : streams;
        for (uint32_t s = 0; s < layout->stream_count; s++) {
            const size_t count = layout->streams[s].pair_count;
            pairs = count > pairs ? count : pairs;
        }
    }
    store->touched = assay_arena_array(store->arena, streams, sizeof *store->touched);
    store->touched_entity = ASSAY_NONE;
    store->tallies = assay_arena_array(store->arena, pairs, sizeof *store->tallies);
    return store->touched != NULL && store->tallies != NULL;
}

static bool reserve_slicer(struct assay_store *store)
{
    const struct slicer_source source = {
        .plan = store->plan,
        .layouts = store->layouts,
        .slab = &store->slab,
        .entries_max = store->entries_max,
        .seed = store->options.index_seed,
    };
    return assay_slicer_init(&store->slicer, store->arena, &source);
}

static bool reserve_hot_keys(struct assay_store *store)
{
    const uint32_t entities = store->plan->schema->entity_count;
    bool good = true;
    store->hot_keys = assay_arena_array(store->arena, entities + 1U, sizeof *store->hot_keys);
    for (uint32_t e = 0; store->hot_keys != NULL && e < entities; e++) {
        store->hot_keys[e] = assay_hot_keys_create(store->options.hot_keys);
        good = good && store->hot_keys[e] != NULL;
    }
    return good && store->hot_keys != NULL;
}

static bool reserve(struct assay_store *store)
{
    store->arena = assay_arena_create(ARENA_BYTES_MAX);
    const struct assay_spill_options *spill = store->options.spill;
    if (store->arena == NULL ||
        !assay_slab_init_beyond(&store->slab, store->options.memory_bytes_max,
                                spill == NULL ? 0 : assay_spill_space(spill)) ||
        (spill != NULL && !assay_spill_init(&store->spill, &store->slab, spill))) {
        return false;
    }
    store->layouts =
        assay_layout_create(store->arena, &store->slab, spill == NULL ? NULL : &store->spill,
                            store->options.vectors, store->plan);
    if (store->layouts == NULL || !reserve_slicer(store) || !reserve_places(store) ||
        !assay_texts_init(&store->texts, &store->slab, store->options.index_seed)) {
        return false;
    }
    store->tie_buffer = malloc(TIE_BYTES_MAX); /* touched as far as an event needs it */
    store->tie_capacity = TIE_BYTES_MAX;
    store->pending = assay_arena_alloc(store->arena, sizeof *store->pending);
    if (store->options.hot_keys != 0 && !reserve_hot_keys(store)) {
        return false;
    }
    return store->tie_buffer != NULL && store->pending != NULL && assay_keys_init(store);
}

enum assay_status assay_store_create(struct assay_store **out, const struct assay_plan *plan,
                                     const struct assay_store_options *options,
                                     struct assay_err *err)
{
    ASSAY_ASSERT(out != NULL && plan != NULL && options != NULL);
    *out = NULL;
    struct assay_store *store = calloc(1, sizeof *store);
    if (store != NULL) {
        store->plan = plan;
        store->options = *options;
        store->entries_max = options->memory_bytes_max / ROW_BYTES_MIN;
        atomic_init(&store->safe_ms, INT64_MIN);
    }
    if (store == NULL || !reserve(store)) {
        assay_store_destroy(store);
        (void)assay_err_set(err, ASSAY_E_NO_MEMORY, "store", "cannot reserve %zu bytes",
                            options->memory_bytes_max);
        assay_err_remedy(err, "lower memory, or allow more address space");
        return ASSAY_E_NO_MEMORY;
    }
    *out = store;
    return ASSAY_OK;
}

void assay_store_destroy(struct assay_store *store)
{
    if (store == NULL) {
        return;
    }
    for (uint32_t e = 0; store->hot_keys != NULL && e < store->plan->schema->entity_count; e++) {
        assay_hot_keys_destroy(store->hot_keys[e]);
    }
    assay_readers_free(store);
    assay_spill_fini(&store->spill);
    assay_slab_fini(&store->slab);
    assay_slicer_fini(&store->slicer);
    assay_arena_destroy(store->arena);
    free(store->tie_buffer);
    free(store);
}

/* A number of an event as a cell. Of a vector only its presence is logged. */
static union cell number_cell(const struct assay_event *event, uint32_t field, enum assay_type type)
{
    union cell cell = {0};
    if (!assay_event_has(event, field)) {
        cell.integer = CELL_NULL;
    } else if (type == ASSAY_TYPE_REAL) {
        const double real = event->fields[field].real;
        cell.real = real == 0 ? 0 : real; /* -0.0 is 0 */
    } else if (type != ASSAY_TYPE_VECTOR) {
        cell.integer = event->fields[field].integer;
    }
    return cell;
}

static void put_cell(struct chunk *chunk, uint32_t column, union cell cell)
{
    memcpy(chunk->rows + cell_place(true, column), &cell, sizeof cell);
}

static void put_tie(const struct stream_layout *layout, struct chunk *chunk, uint32_t name)
{
    if (layout->tie_at[1] != 0) {
        memcpy(chunk->rows + layout->tie_at[1], &name, sizeof name);
    }
}

/* What the row names is kept for it. @return false: memory is full, nothing is kept. */
static bool name_texts(const struct log_context *context, const struct assay_event *event,
                       struct assay_str tie, struct chunk *chunk)
{
    const struct stream_layout *layout = context->layout;
    if (layout->tie_at[1] != 0) {
        const uint32_t name = assay_text_keep(context->texts, tie);
        if (name == ASSAY_NONE) {
            return false;
        }
        put_tie(layout, chunk, name);
    }
    for (uint32_t i = 0; i < layout->text_count; i++) {
        const uint32_t field = layout->stream->columns[layout->texts[i]];
        if (!assay_event_has(event, field)) {
            continue;
        }
        const uint32_t name = assay_text_intern(context->texts, event->fields[field].text);
        if (name == ASSAY_NONE) {
            assay_row_release(context, (struct row){.chunk = chunk});
            return false;
        }
        put_cell(chunk, layout->texts[i], text_cell(name));
    }
    return true;
}

static struct chunk *pending_chunk(struct pending *pending, uint32_t at)
{
    return (struct chunk *)(void *)pending->chunks[at];
}

/* Which filters the event passes. */
static void set_passed(const struct assay_store *store, const struct stream_layout *layout,
                       const struct assay_event *event, struct chunk *chunk)
{
    const struct assay_stream *stream = layout->stream;
    const struct assay_env env = {
        .schema = store->plan->schema, .event = event, .at_ms = event->time_ms};
    memset(chunk->rows + layout->passed_at[1], 0, layout->passed_bytes);
    for (uint32_t f = 0; f < stream->filter_count; f++) {
        const bool passes = assay_program_eval(stream->filters[f], &env).cell.number == 1;
        chunk->rows[layout->passed_at[1] + f / 8] |= (uint8_t)((passes ? 1U : 0U) << f % 8);
    }
}

/* The event as a row of a stream, alone in a chunk. @return false: memory is full. */
static bool make_row(struct assay_store *store, const struct log_context *context,
                     const struct assay_event *event, struct assay_str tie, struct chunk *chunk)
{
    const struct stream_layout *layout = context->layout;
    const struct assay_stream *stream = layout->stream;
    *chunk =
        (struct chunk){.count = 1, .capacity = 1, .is_wide = 1, .row_bytes = layout->row_bytes[1]};
    memcpy(chunk->rows, &event->time_ms, sizeof event->time_ms);
    put_tie(layout, chunk, ASSAY_NONE);
    for (uint32_t c = 0; c < stream->column_count; c++) {
        const enum assay_type type = layout->event->fields[stream->columns[c]].type;
        put_cell(chunk, c,
                 assay_type_is_text(type) ? (union cell){.integer = CELL_NULL}
                                          : number_cell(event, stream->columns[c], type));
    }
    if (stream->filter_count > 0) {
        set_passed(store, layout, event, chunk);
    }
    return name_texts(context, event, tie, chunk);
}

/* Ready one log for the event. */
static bool prepare_log(struct assay_store *store, struct assay_record *record, uint32_t position,
                        const struct assay_event *event, struct assay_str tie)
{
    struct pending *pending = store->pending;
    const struct log_context context = log_context_of(store, record, position);
    if (!context.layout->stream->lifetime && event->time_ms <= context.horizon_ms) {
        return true; /* behind everything that can be asked */
    }
    struct chunk *chunk = pending_chunk(pending, pending->count);
    const struct row row = {.chunk = chunk};
    if (!make_row(store, &context, event, tie, chunk)) {
        return false;
    }
    if (!assay_log_prepare(&context, &record->logs[position], row,
                           &pending->changes[pending->count])) {
        assay_row_release(&context, row);
        return false;
    }
    pending->streams[pending->count++] = position;
    return true;
}

/* Segments that end here or before can no longer be seen, nor joined to one that is seen. */
static int64_t segments_forget_ms(const struct assay_store *store,
                                  const struct assay_record *record)
{
    if (record->newest_ms == INT64_MIN || store->layouts[record->entity].lifetime) {
        return INT64_MIN;
    }
    return record->newest_ms - store->plan->entities[record->entity].retained_ms -
           2 * store->plan->schema->entities[record->entity].expire_ms;
}

static bool prepare(struct assay_store *store, struct assay_record *record,
                    const struct assay_update *update)
{
    const struct entity_layout *layout = &store->layouts[update->entity];
    const struct assay_event *event = update->event;
    const uint32_t from = layout->touched_first[event->type];
    const uint32_t to = layout->touched_first[event->type + 1];
    struct assay_str tie = {.ptr = (const char *)store->tie_buffer};
    store->pending->count = 0;
    if (!assay_segment_reserve(&store->slab, record, event->time_ms,
                               store->plan->schema->entities[update->entity].expire_ms,
                               segments_forget_ms(store, record))) {
        return false;
    }
    for (uint32_t i = from; i < to; i++) {
        const struct stream_layout *stream = &layout->streams[layout->touched[i]];
        if ((update->roles >> stream->stream->key_field & 1U) == 0) {
            continue;
        }
        if (stream->stream->ordered && tie.len == 0) {
            const size_t bytes =
                assay_event_tie(event, stream->event, store->tie_capacity, store->tie_buffer);
            if (bytes > store->tie_capacity) {
                return false; /* larger than any message may be */
            }
            tie.len = (uint32_t)bytes;
        }
        if (!prepare_log(store, record, layout->touched[i], event, tie)) {
            return false;
        }
    }
    return true;
}

static void abandon(struct assay_store *store, struct assay_record *record)
{
    struct pending *pending = store->pending;
    for (uint32_t i = 0; i < pending->count; i++) {
        const struct log_context context = log_context_of(store, record, pending->streams[i]);
        assay_log_abandon(&context, &pending->changes[i]);
        assay_row_release(&context, (struct row){.chunk = pending_chunk(pending, i)});
    }
    store->touched_entity = ASSAY_NONE;
}

static void commit(struct assay_store *store, struct assay_record *record,
                   const struct assay_update *update)
{
    struct pending *pending = store->pending;
    struct position *touched = store->touched;
    const int64_t time_ms = update->event->time_ms;
    for (uint32_t s = 0; s < store->layouts[update->entity].stream_count; s++) {
        touched[s].chunk = ASSAY_NONE;
    }
    for (uint32_t i = 0; i < pending->count; i++) {
        const uint32_t s = pending->streams[i];
        struct log *log = &record->logs[s];
        const struct log_context context = log_context_of(store, record, s);
        assay_log_commit(&context, log, (struct row){.chunk = pending_chunk(pending, i)},
                         &pending->changes[i]);
        touched[s] = pending->changes[i].position;
        assay_lanes_insert(&context, log, touched[s]);
        const bool in_order = touched[s].chunk + 1 == log->count &&
                              touched[s].at + 1 == log_chunk(log, log->count - 1)->count;
        store->stats.late_inserts += in_order ? 0 : 1;
    }
    store->touched_entity = update->entity;
    assay_segment_touch(record, time_ms, store->plan->schema->entities[update->entity].expire_ms);
    record->newest_ms = time_ms > record->newest_ms ? time_ms : record->newest_ms;
    store->stats.events++;
}

static enum assay_status refuse(struct assay_store *store)
{
    store->stats.refused++;
    return ASSAY_E_FULL;
}

enum assay_status assay_store_apply(struct assay_store *store, const struct assay_update *update,
                                    struct assay_touch *touch)
{
    ASSAY_ASSERT(store != NULL && update != NULL && touch != NULL);
    ASSAY_ASSERT(update->entity < store->plan->schema->entity_count);
    assay_slab_turn(&store->slab);
    const uint64_t hash = store_hash_key(store, update->entity, update->key);
    struct assay_record *record = assay_keys_find(store, hash, update->entity, update->key);
    const bool known = record != NULL;
    record = known ? record : assay_keys_create(store, update->entity, update->key);
    if (record == NULL) {
        return refuse(store);
    }
    assay_seqlock_open(&record->lock);
    if (!prepare(store, record, update)) {
        abandon(store, record);
        assay_seqlock_close(&record->lock);
        if (!known) {
            assay_keys_discard(store, record);
        }
        return refuse(store);
    }
    if (!known) {
        assay_keys_admit(store, hash, record);
    }
    record->touched = known; /* a key earns its second chance with a second event */
    commit(store, record, update);
    assay_seqlock_close(&record->lock);
    if (!known && store->keys[update->entity].expiry != NULL) {
        assay_expiry_add(store, record);
    }
    if (store->hot_keys != NULL) {
        assay_hot_keys_add(store->hot_keys[update->entity], hash, update->key);
    }
    *touch = (struct assay_touch){.record = record, .update = update};
    return ASSAY_OK;
}
