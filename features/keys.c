#include "features/record_pvt.h"

#include <string.h>

/*
 * Keys to records, and which keys have room. At capacity a dead key makes room if a short look
 * finds one (features/expiry.c). Where an entity evicts, its records queue in the order of their
 * creation. When a new key needs a place, the one at the front goes unless an event has touched it
 * since its turn last came: then it goes to the back, untouched ("second chance"). All of it
 * follows from the events applied and the safe times given, so every run evicts the same keys.
 */

enum {
    CHANCES_MAX = 64, /* for one new key: after so many, the next goes, touched or not */
};

bool assay_keys_init(struct assay_store *store)
{
    const struct assay_schema *schema = store->plan->schema;
    const uint64_t shards = store->options.shards > 1 ? store->options.shards : 1;
    store->keys = assay_arena_array(store->arena, schema->entity_count + 1U, sizeof *store->keys);
    if (store->keys == NULL) {
        return false;
    }
    for (uint32_t e = 0; e < schema->entity_count; e++) {
        const uint64_t capacity = schema->entities[e].capacity;
        store->keys[e] = (struct keys){
            .capacity = capacity / shards + (capacity % shards != 0 ? 1 : 0),
            .evicts = schema->entities[e].evicts,
        };
        if (schema->entities[e].expire_ms != 0 && !assay_expiry_init(store, e)) {
            return false;
        }
    }
    return assay_index_init(&store->index, &store->slab);
}

struct assay_record *assay_keys_find(const struct assay_store *store, uint64_t hash,
                                     uint32_t entity, struct assay_str key)
{
    const uint32_t streams = store->layouts[entity].stream_count;
    struct index_cursor cursor = index_seek(&store->index, hash);
    struct assay_record *record = index_next(&cursor);
    while (record != NULL && (record->item.place != index_place(hash) || record->entity != entity ||
                              record->key_bytes != key.len ||
                              memcmp(record_key(record, streams), key.ptr, key.len) != 0)) {
        record = index_next(&cursor);
    }
    return record;
}

struct assay_record *assay_store_find(const struct assay_store *store, uint32_t entity,
                                      struct assay_str key)
{
    struct assay_record *record =
        assay_keys_find(store, store_hash_key(store, entity, key), entity, key);
    const bool is_dead =
        record != NULL && assay_expiry_living(store, record, store_safe_ms(store)) == INT64_MAX;
    return is_dead ? NULL : record;
}

const struct assay_record *assay_store_next(const struct assay_store *store, size_t *at)
{
    return assay_index_walk(&store->index, at);
}

static size_t record_bytes(const struct assay_store *store, uint32_t entity, uint32_t key_bytes)
{
    return record_head_bytes(&store->layouts[entity], key_bytes);
}

static void place_lanes(const struct entity_layout *layout, struct assay_record *record)
{
    unsigned char *at =
        (unsigned char *)record + record_lanes_at(layout->stream_count, record->key_bytes);
    for (uint32_t s = 0; s < layout->stream_count; s++) {
        if (layout->streams[s].inline_lanes) {
            record->logs[s].lanes = (struct lanes *)(void *)at;
            record->logs[s].lanes->is_packed = layout->streams[s].packs;
            at += lanes_room(&layout->streams[s]);
        }
    }
}

void assay_keys_discard(struct assay_store *store, struct assay_record *record)
{
    const size_t bytes = record_bytes(store, record->entity, record->key_bytes);
    for (uint32_t s = 0; s < store->layouts[record->entity].stream_count; s++) {
        const struct log_context context = log_context_of(store, record, s);
        assay_log_free(&context, &record->logs[s]);
    }
    assay_segment_free(&store->slab, record);
    store->record_bytes -= assay_slab_fit(bytes);
    assay_slab_free(&store->slab, record, bytes);
}

static bool is_full(const struct keys *keys)
{
    return keys->capacity != 0 && keys->count >= keys->capacity;
}

struct assay_record *assay_keys_create(struct assay_store *store, uint32_t entity,
                                       struct assay_str key)
{
    const struct keys *keys = &store->keys[entity];
    if (is_full(keys) && !assay_expiry_make_room(store, entity)) {
        if (!keys->evicts) {
            store->stats.refused_keys++;
            return NULL;
        }
        index_fetch(keys->oldest);
    }
    ASSAY_ASSERT(key.len <= UINT16_MAX);
    const size_t bytes = record_bytes(store, entity, key.len);
    struct assay_record *record =
        assay_index_reserve(&store->index) ? assay_slab_alloc(&store->slab, bytes) : NULL;
    if (record == NULL) {
        return NULL;
    }
    memset(record, 0, bytes);
    record->next = ASSAY_NONE;
    record->previous = ASSAY_NONE;
    record->entity = (uint8_t)entity;
    record->newest_ms = INT64_MIN;
    record->segments = &record->inline_segment;
    record->segment_capacity = 1;
    ASSAY_ASSERT(key.len <= UINT16_MAX);
    record->key_bytes = (uint16_t)key.len;
    memcpy(record_key(record, store->layouts[entity].stream_count), key.ptr, key.len);
    place_lanes(&store->layouts[entity], record);
    store->record_bytes += assay_slab_fit(bytes);
    return record;
}

static struct assay_record *neighbour(const struct assay_store *store, uint32_t name)
{
    return name == ASSAY_NONE ? NULL : assay_slab_at(&store->slab, name);
}

static void queue_up(const struct assay_store *store, struct keys *keys,
                     struct assay_record *record)
{
    record->next = ASSAY_NONE;
    record->previous = ASSAY_NONE;
    if (keys->oldest == NULL) {
        keys->oldest = record;
    } else {
        record->previous = assay_slab_ref(&store->slab, keys->newest);
        keys->newest->next = assay_slab_ref(&store->slab, record);
    }
    keys->newest = record;
}

static void leave_queue(const struct assay_store *store, struct keys *keys,
                        const struct assay_record *record)
{
    struct assay_record *next = neighbour(store, record->next);
    struct assay_record *previous = neighbour(store, record->previous);
    if (previous == NULL) {
        keys->oldest = next;
    } else {
        previous->next = record->next;
    }
    if (next == NULL) {
        keys->newest = previous;
    } else {
        next->previous = record->previous;
    }
}

void assay_keys_forget(struct assay_store *store, struct assay_record *record)
{
    struct keys *keys = &store->keys[record->entity];
    const struct assay_str key = {record_key(record, store->layouts[record->entity].stream_count),
                                  record->key_bytes};
    assay_seqlock_open(&record->lock); /* for good: a reader that still comes by it looks again */
    if (keys->evicts) {
        leave_queue(store, keys, record);
    }
    assay_index_erase(&store->index, store_hash_key(store, record->entity, key), &record->item);
    assay_keys_discard(store, record);
    keys->count--;
}

/* The key whose turn it is goes, with all that is known of it. */
static void evict(struct assay_store *store, struct keys *keys)
{
    struct assay_record *record = keys->oldest;
    ASSAY_ASSERT(record != NULL);
    for (int chance = 0; record->touched && chance < CHANCES_MAX; chance++) {
        record->touched = false;
        leave_queue(store, keys, record);
        queue_up(store, keys, record);
        record = keys->oldest;
    }
    if (keys->expiry != NULL) {
        assay_expiry_remove(store, record);
    }
    assay_keys_forget(store, record);
    keys->evicted++;
}

void assay_keys_admit(struct assay_store *store, uint64_t hash, struct assay_record *record)
{
    struct keys *keys = &store->keys[record->entity];
    if (is_full(keys)) {
        evict(store, keys);
    }
    assay_index_insert(&store->index, hash, &record->item);
    keys->count++;
    if (keys->evicts) {
        queue_up(store, keys, record);
    }
}
