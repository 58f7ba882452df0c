#include "features/reader_pvt.h"

#include <stdlib.h>

/*
 * Reads are answered in groups, each step for all of a group, so that the waits for memory overlap:
 * bucket, record, chunk, and what leaves the windows. A read whose copy fails is tried again on its
 * own at the end, when its lines are near.
 */

enum {
    GROUP = 16,
    LOOKS_MAX = 4, /* at the index, before a read is left to be tried on its own */
    TRIES_MAX =
        256, /* a few dozen microseconds: longer than any write takes on a core of its own */
    ARENA_BYTES_MAX = 1 << 30,
};

/* What a reader knows of a store, so that it looks at nothing of it that changes all the time. */
struct reader_store {
    struct assay_store *store;
    struct store_readers *readers;
    const struct entity_layout *layouts;
    const struct index *index;
    uint64_t seed;
    uint32_t place; /* of its qsbr */
    bool has_glance;
    struct index_glance glance;
};

/* A read on its way. */
struct step {
    struct assay_read *read;
    struct reader_store *store;
    uint64_t hash;
    struct record_copy copying;
    bool is_found; /* the index was looked at; .record NULL: the key is not there */
    enum copied copied;
};

struct assay_reader {
    struct assay_arena *arena;
    struct slicer slicer;
    struct copy_room room;
    struct assay_reader_stats stats;
    struct handed_read *handed; /* NULL: nothing is handed over */
    uint32_t store_count;
    struct reader_store *stores;
    struct step steps[GROUP];
};

static void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static size_t entries_max_of(struct assay_store *const stores[], size_t count)
{
    size_t most = 0;
    for (size_t i = 0; i < count; i++) {
        most = stores[i]->entries_max > most ? stores[i]->entries_max : most;
    }
    return most;
}

static bool reserve(struct assay_reader *reader, struct assay_store *const stores[], size_t count)
{
    reader->arena = assay_arena_create(ARENA_BYTES_MAX);
    if (reader->arena == NULL) {
        return false;
    }
    const struct slicer_source source = {
        .plan = stores[0]->plan,
        .layouts = stores[0]->layouts,
        .entries_max = entries_max_of(stores, count),
    };
    /* A group's first copies, and each one's last. */
    reader->room.max = 2UL * GROUP * assay_copy_bytes_max(stores[0]);
    reader->room.bytes =
        aligned_alloc(LINE_BYTES, (reader->room.max + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES);
    reader->stores = assay_arena_array(reader->arena, count, sizeof *reader->stores);
    return reader->room.bytes != NULL && reader->stores != NULL &&
           assay_slicer_init(&reader->slicer, reader->arena, &source);
}

static enum assay_status join(struct assay_reader *reader, struct assay_store *const stores[],
                              size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct reader_store *at = &reader->stores[i];
        ASSAY_ASSERT(stores[i]->plan == stores[0]->plan);
        const enum assay_status status = assay_readers_add(stores[i], &at->place);
        if (status != ASSAY_OK) {
            return status;
        }
        at->store = stores[i];
        at->readers = stores[i]->readers;
        at->layouts = stores[i]->layouts;
        at->index = &stores[i]->index;
        at->seed = stores[i]->options.index_seed;
        reader->store_count++;
    }
    return ASSAY_OK;
}

/* On lines of its own: a reader writes to itself all the time, and owners to what lies beside. */
static struct assay_reader *create_clear(void)
{
    const size_t bytes = (sizeof(struct assay_reader) + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
    struct assay_reader *reader = aligned_alloc(LINE_BYTES, bytes);
    if (reader != NULL) {
        memset(reader, 0, bytes);
    }
    return reader;
}

enum assay_status assay_reader_create(struct assay_reader **out, struct assay_store *const stores[],
                                      size_t count, struct assay_err *err)
{
    ASSAY_ASSERT(out != NULL && stores != NULL && count > 0);
    *out = NULL;
    struct assay_reader *reader = create_clear();
    enum assay_status status = ASSAY_E_NO_MEMORY;
    if (reader != NULL && reserve(reader, stores, count)) {
        status = join(reader, stores, count);
    }
    if (status != ASSAY_OK) {
        assay_reader_destroy(reader);
        (void)assay_err_set(err, status, "reader", "%s",
                            status == ASSAY_E_FULL ? "a store has as many readers as it can"
                                                   : "cannot reserve memory");
        assay_err_remedy(err, "use fewer threads that read");
        return status;
    }
    *out = reader;
    return ASSAY_OK;
}

void assay_reader_destroy(struct assay_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    ASSAY_ASSERT(reader->handed == NULL);
    for (uint32_t i = 0; i < reader->store_count; i++) {
        assay_readers_remove(reader->stores[i].store, reader->stores[i].place);
    }
    assay_slicer_fini(&reader->slicer);
    assay_arena_destroy(reader->arena);
    free(reader->room.bytes);
    free(reader);
}

/* ---- one read ---- */

static bool is_key(const struct step *step, const struct assay_record *record)
{
    const struct assay_str key = step->read->key;
    return record->item.place == index_place(step->hash) && record->entity == step->read->entity &&
           record->key_bytes == key.len &&
           memcmp(record_key(record, step->copying.layout->stream_count), key.ptr, key.len) == 0;
}

/* Look at the index. @return false: it changed meanwhile. */
static bool look_up(struct step *step)
{
    struct reader_store *store = step->store;
    if (!store->has_glance) {
        return false;
    }
    struct index_cursor cursor = index_read_seek(&store->glance, step->hash);
    const struct assay_record *record = index_read_next(&cursor);
    while (record != NULL && !is_key(step, record)) {
        record = index_read_next(&cursor);
    }
    step->copying.record = record;
    step->is_found = record != NULL || index_glance_holds(store->index, &store->glance);
    return step->is_found;
}

static void take_glance(struct reader_store *store)
{
    store->has_glance = index_glance(store->index, &store->glance);
}

static enum copied try_once(struct assay_reader *reader, struct step *step)
{
    take_glance(step->store);
    if (!look_up(step)) {
        return CHANGED;
    }
    if (step->copying.record == NULL) {
        return COPIED;
    }
    const enum copied copied = assay_copy_head(&step->copying, &reader->room, step->read->key.len);
    return copied == COPIED ? assay_copy_rest(&step->copying, &reader->room) : copied;
}

/* On its own, as often as it takes or may. */
static void try_again(struct assay_reader *reader, struct step *step)
{
    const size_t used = reader->room.used;
    const struct assay_read *read = step->read;
    step->copying.selection =
        assay_select(&reader->slicer, read->entity, read->features, read->count);
    for (int try = 0; try < TRIES_MAX && step->copied == CHANGED; try++) {
        reader->room.used = used;
        reader->stats.retries++;
        pause_briefly();
        step->copied = try_once(reader, step);
    }
}

static void answer(struct assay_reader *reader, struct step *step, struct assay_arena *texts)
{
    struct assay_read *read = step->read;
    if (step->copied == CHANGED) {
        try_again(reader, step);
    }
    if (step->copied != COPIED) {
        read->status = ASSAY_E_BUSY;
        reader->stats.busy++;
        return;
    }
    struct slicer *slicer = &reader->slicer;
    const struct assay_store *store = step->store->store;
    struct view view = {
        .record = step->copying.record == NULL ? NULL : step->copying.copy,
        .entity = read->entity,
        .at_ms = read->at_ms,
    };
    view.is_forgotten = view.at_ms < assay_expiry_reach(store, view.entity, view.record);
    slicer->set.seed = step->store->seed;
    slicer->layouts = step->store->layouts; /* equal for all, but for where texts lie */
    const struct selection *selection =
        assay_select(slicer, read->entity, read->features, read->count);
    assay_slice_compute(slicer, &view, selection);
    assay_slice_take(slicer, selection, texts, read->out);
    read->status = ASSAY_OK;
    reader->stats.reads++;
}

/* ---- a group ---- */

static void begin(struct assay_reader *reader, struct assay_read reads[], size_t count)
{
    reader->room.used = 0;
    for (uint32_t i = 0; i < reader->store_count; i++) {
        take_glance(&reader->stores[i]);
    }
    for (size_t i = 0; i < count; i++) {
        struct assay_read *read = &reads[i];
        ASSAY_ASSERT(read->store < reader->store_count);
        ASSAY_ASSERT(read->entity < reader->slicer.plan->schema->entity_count);
        struct step *step = &reader->steps[i];
        struct reader_store *store = &reader->stores[read->store];
        *step = (struct step){
            .read = read,
            .store = store,
            .hash = index_hash_key(store->seed, read->entity, read->key),
            .copying = {.layout = &store->layouts[read->entity],
                        .at_ms = read->at_ms,
                        .expire_ms = reader->slicer.plan->schema->entities[read->entity].expire_ms},
            .copied = CHANGED,
        };
        /* Acquire pairs with assay_store_mark(): what was applied before it is seen below. */
        read->mark = atomic_load_explicit(&store->readers->mark, memory_order_acquire);
        if (store->has_glance) {
            index_prefetch(&store->glance.index, step->hash);
        }
    }
}

/* Fetch the heads of the records that the bucket's tags name. */
static void fetch_heads(const struct step *step)
{
    if (!step->store->has_glance) {
        return;
    }
    struct index_cursor cursor = index_read_seek(&step->store->glance, step->hash);
    const uint32_t lines = record_head_lines(step->copying.layout, step->read->key.len);
    while (cursor.hits != 0) {
        const char *record = index_read_next(&cursor);
        for (uint32_t line = 0; line < lines; line++) {
            index_fetch(record + line * (size_t)LINE_BYTES);
        }
    }
    if (cursor.goes_on) {
        index_fetch(&cursor.buckets[(cursor.at + 1) & cursor.mask]);
    }
}

static void copy_head(struct assay_reader *reader, struct step *step)
{
    const struct assay_read *read = step->read;
    step->copying.selection =
        assay_select(&reader->slicer, read->entity, read->features, read->count);
    for (int look = 0; look < LOOKS_MAX && !look_up(step); look++) {
        take_glance(step->store); /* a home has moved since */
    }
    if (!step->is_found) {
        return;
    }
    step->copied = COPIED;
    if (step->copying.record != NULL) {
        step->copied = assay_copy_head(&step->copying, &reader->room, read->key.len);
        if (step->copied == COPIED) {
            assay_copy_fetch(&step->copying);
        }
    }
}

static bool has_copy(const struct step *step)
{
    return step->copied == COPIED && step->copying.record != NULL;
}

/* The selection of a step may have made room for another's since. */
static void select_again(struct assay_reader *reader, struct step *step)
{
    const struct assay_read *read = step->read;
    step->copying.selection =
        assay_select(&reader->slicer, read->entity, read->features, read->count);
}

static void copy_rest(struct assay_reader *reader, struct step *step)
{
    struct record_copy *copying = &step->copying;
    select_again(reader, step);
    step->copied = assay_copy_rest(copying, &reader->room);
    const bool has_logs = step->copied == COPIED && copying->remembers;
    for (uint32_t s = 0; has_logs && s < copying->layout->stream_count; s++) {
        const struct log *log = &copying->copy->logs[s];
        if (copying->selection->reads[s] && log->count > 0) {
            assay_lanes_prefetch(&copying->layout->streams[s], log, copying->at_ms);
        }
    }
}

static void run_group(struct assay_reader *reader, struct assay_read reads[], size_t count,
                      struct assay_arena *texts)
{
    struct step *steps = reader->steps;
    begin(reader, reads, count);
    for (size_t i = 0; i < count; i++) {
        fetch_heads(&steps[i]);
    }
    for (size_t i = 0; i < count; i++) {
        copy_head(reader, &steps[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (has_copy(&steps[i])) {
            select_again(reader, &steps[i]);
            assay_copy_fetch_rows(&steps[i].copying);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (has_copy(&steps[i])) {
            copy_rest(reader, &steps[i]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        answer(reader, &steps[i], texts);
    }
}

size_t assay_reader_rows(struct assay_reader *reader, struct assay_read reads[], size_t count,
                         struct assay_arena *texts)
{
    const uint64_t busy = reader->stats.busy;
    for (uint32_t i = 0; i < reader->store_count; i++) {
        assay_qsbr_online(&reader->stores[i].readers->qsbr, reader->stores[i].place);
    }
    for (size_t at = 0; at < count; at += GROUP) {
        run_group(reader, &reads[at], count - at < GROUP ? count - at : GROUP, texts);
        for (uint32_t i = 0; i < reader->store_count; i++) {
            assay_qsbr_quiescent(&reader->stores[i].readers->qsbr, reader->stores[i].place);
        }
    }
    for (uint32_t i = 0; i < reader->store_count; i++) {
        assay_qsbr_offline(&reader->stores[i].readers->qsbr, reader->stores[i].place);
    }
    return count - (size_t)(reader->stats.busy - busy);
}

void assay_reader_hand_over(struct assay_reader *reader, struct assay_read *read,
                            struct assay_arena *texts)
{
    ASSAY_ASSERT(reader->handed == NULL && read->store < reader->store_count);
    const struct reader_store *store = &reader->stores[read->store];
    struct store_readers *readers = store->readers;
    struct handed_read *handed = &readers->handed[store->place];
    handed->read = read;
    handed->texts = texts;
    reader->handed = handed;
    atomic_store_explicit(&handed->state, HANDED, memory_order_release);
    /* Release, and after the state: the owner clears it before it looks at states. */
    atomic_store_explicit(&readers->are_handed, true, memory_order_release);
}

bool assay_reader_is_served(struct assay_reader *reader)
{
    ASSAY_ASSERT(reader->handed != NULL);
    /* Acquire pairs with the owner's release: the answer is there. */
    if (atomic_load_explicit(&reader->handed->state, memory_order_acquire) != SERVED) {
        return false;
    }
    atomic_store_explicit(&reader->handed->state, NOT_HANDED, memory_order_relaxed);
    reader->handed = NULL;
    return true;
}

void assay_reader_stats(const struct assay_reader *reader, struct assay_reader_stats *out)
{
    *out = reader->stats;
    out->expired = reader->slicer.expired_reads;
}
