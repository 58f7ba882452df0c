#include "features/hot_keys.h"

#include "engine/base/assert.h"
#include "features/decode.h"

#include <stdlib.h>

/*
 * The stream summary of the paper: counters of one count hang on a bucket, buckets on a list by
 * count. An event moves its counter to the next bucket; the victim is the first of the lowest one.
 *
 *   lowest -> [count 1: c4 c0] <-> [count 3: c2] <-> [count 9: c1 c3]
 */

struct counter {
    uint64_t hash;
    uint64_t error;
    uint32_t bucket;
    uint32_t previous; /* in its bucket, the one longest in it first */
    uint32_t next;
    uint32_t chain; /* the next counter of the same table slot */
    uint32_t key_bytes;
};

struct bucket {
    uint64_t count;
    uint32_t first;
    uint32_t last;
    uint32_t lower; /* neighbours by count; of a free bucket: the next free one */
    uint32_t higher;
};

enum { NOTHING = -1 };
#define NONE ((uint32_t)NOTHING)

struct assay_hot_keys {
    uint64_t total;
    uint32_t used;
    uint32_t capacity;
    uint32_t lowest;
    uint32_t free_bucket;
    size_t slot_mask;
    struct counter *counters;
    struct bucket *buckets; /* one more than counters: a move takes one before it gives one back */
    uint32_t *slots;
    char *keys; /* ASSAY_KEY_BYTES_MAX a counter */
};

static char *key_of(const struct assay_hot_keys *hot, uint32_t counter)
{
    return hot->keys + (size_t)counter * ASSAY_KEY_BYTES_MAX;
}

struct assay_hot_keys *assay_hot_keys_create(uint32_t counters)
{
    ASSAY_ASSERT(counters >= 1 && counters <= ASSAY_HOT_KEYS_MAX);
    struct assay_hot_keys *hot = calloc(1, sizeof *hot);
    size_t slots = 2;
    while (slots < 2 * (size_t)counters) {
        slots *= 2;
    }
    if (hot == NULL) {
        return NULL;
    }
    hot->capacity = counters;
    hot->lowest = NONE;
    hot->slot_mask = slots - 1;
    hot->counters = calloc(counters, sizeof *hot->counters);
    hot->buckets = calloc((size_t)counters + 1, sizeof *hot->buckets);
    hot->slots = malloc(slots * sizeof *hot->slots);
    hot->keys = calloc(counters, ASSAY_KEY_BYTES_MAX);
    if (hot->counters == NULL || hot->buckets == NULL || hot->slots == NULL || hot->keys == NULL) {
        assay_hot_keys_destroy(hot);
        return NULL;
    }
    memset(hot->slots, 0xFF, slots * sizeof *hot->slots);
    for (uint32_t b = 0; b <= counters; b++) {
        hot->buckets[b].lower = b < counters ? b + 1 : NONE;
    }
    return hot;
}

void assay_hot_keys_destroy(struct assay_hot_keys *hot)
{
    if (hot == NULL) {
        return;
    }
    free(hot->counters);
    free(hot->buckets);
    free(hot->slots);
    free(hot->keys);
    free(hot);
}

/* A bucket of this count, right above @p lower (NONE: the lowest of all). */
static uint32_t add_bucket(struct assay_hot_keys *hot, uint64_t count, uint32_t lower)
{
    const uint32_t at = hot->free_bucket;
    ASSAY_ASSERT(at != NONE);
    struct bucket *bucket = &hot->buckets[at];
    hot->free_bucket = bucket->lower;
    const uint32_t higher = lower == NONE ? hot->lowest : hot->buckets[lower].higher;
    *bucket = (struct bucket){
        .count = count, .first = NONE, .last = NONE, .lower = lower, .higher = higher};
    if (lower == NONE) {
        hot->lowest = at;
    } else {
        hot->buckets[lower].higher = at;
    }
    if (higher != NONE) {
        hot->buckets[higher].lower = at;
    }
    return at;
}

static void drop_bucket(struct assay_hot_keys *hot, uint32_t at)
{
    struct bucket *bucket = &hot->buckets[at];
    if (bucket->lower == NONE) {
        hot->lowest = bucket->higher;
    } else {
        hot->buckets[bucket->lower].higher = bucket->higher;
    }
    if (bucket->higher != NONE) {
        hot->buckets[bucket->higher].lower = bucket->lower;
    }
    bucket->lower = hot->free_bucket;
    hot->free_bucket = at;
}

static void append(struct assay_hot_keys *hot, uint32_t bucket, uint32_t counter)
{
    struct bucket *to = &hot->buckets[bucket];
    struct counter *moved = &hot->counters[counter];
    moved->bucket = bucket;
    moved->previous = to->last;
    moved->next = NONE;
    if (to->last == NONE) {
        to->first = counter;
    } else {
        hot->counters[to->last].next = counter;
    }
    to->last = counter;
}

static void take_out(struct assay_hot_keys *hot, uint32_t counter)
{
    const struct counter *moved = &hot->counters[counter];
    struct bucket *from = &hot->buckets[moved->bucket];
    if (moved->previous == NONE) {
        from->first = moved->next;
    } else {
        hot->counters[moved->previous].next = moved->next;
    }
    if (moved->next == NONE) {
        from->last = moved->previous;
    } else {
        hot->counters[moved->next].previous = moved->previous;
    }
}

static void increment(struct assay_hot_keys *hot, uint32_t counter)
{
    const uint32_t from = hot->counters[counter].bucket;
    const uint64_t count = hot->buckets[from].count + 1;
    uint32_t to = hot->buckets[from].higher;
    if (to == NONE || hot->buckets[to].count != count) {
        to = add_bucket(hot, count, from);
    }
    take_out(hot, counter);
    append(hot, to, counter);
    if (hot->buckets[from].first == NONE) {
        drop_bucket(hot, from);
    }
}

static uint32_t *slot_of(const struct assay_hot_keys *hot, uint64_t hash)
{
    return &hot->slots[hash & hot->slot_mask];
}

static uint32_t find(const struct assay_hot_keys *hot, uint64_t hash, struct assay_str key)
{
    uint32_t at = *slot_of(hot, hash);
    while (at != NONE &&
           (hot->counters[at].hash != hash || hot->counters[at].key_bytes != key.len ||
            memcmp(key_of(hot, at), key.ptr, key.len) != 0)) {
        at = hot->counters[at].chain;
    }
    return at;
}

static void unlink_key(struct assay_hot_keys *hot, uint32_t counter)
{
    uint32_t *link = slot_of(hot, hot->counters[counter].hash);
    while (*link != counter) {
        link = &hot->counters[*link].chain;
    }
    *link = hot->counters[counter].chain;
}

static void name(struct assay_hot_keys *hot, uint32_t at, uint64_t hash, struct assay_str key)
{
    struct counter *counter = &hot->counters[at];
    uint32_t *slot = slot_of(hot, hash);
    counter->hash = hash;
    counter->key_bytes = key.len;
    counter->chain = *slot;
    *slot = at;
    memcpy(key_of(hot, at), key.ptr, key.len);
}

void assay_hot_keys_add(struct assay_hot_keys *hot, uint64_t hash, struct assay_str key)
{
    ASSAY_ASSERT(key.len >= 1 && key.len <= ASSAY_KEY_BYTES_MAX);
    hot->total++;
    const uint32_t known = find(hot, hash, key);
    if (known != NONE) {
        increment(hot, known);
        return;
    }
    if (hot->used < hot->capacity) {
        const uint32_t fresh = hot->used++;
        name(hot, fresh, hash, key);
        const bool ones = hot->lowest != NONE && hot->buckets[hot->lowest].count == 1;
        append(hot, ones ? hot->lowest : add_bucket(hot, 1, NONE), fresh);
        return;
    }
    const uint32_t victim = hot->buckets[hot->lowest].first;
    hot->counters[victim].error = hot->buckets[hot->lowest].count;
    unlink_key(hot, victim);
    name(hot, victim, hash, key);
    increment(hot, victim);
}

uint64_t assay_hot_keys_total(const struct assay_hot_keys *hot)
{
    return hot->total;
}

uint64_t assay_hot_keys_unlisted_max(const struct assay_hot_keys *hot)
{
    return hot->used < hot->capacity ? 0 : hot->buckets[hot->lowest].count;
}

static struct assay_hot_key listed(const struct assay_hot_keys *hot, uint32_t at)
{
    const struct counter *counter = &hot->counters[at];
    return (struct assay_hot_key){
        .key = {.ptr = key_of(hot, at), .len = counter->key_bytes},
        .count = hot->buckets[counter->bucket].count,
        .error = counter->error,
    };
}

static bool goes_before(const struct assay_hot_key *a, const struct assay_hot_key *b)
{
    return a->count != b->count ? a->count > b->count : assay_str_compare(a->key, b->key) < 0;
}

size_t assay_hot_keys_list(const struct assay_hot_keys *hot, size_t max, struct assay_hot_key out[])
{
    size_t count = 0;
    for (uint32_t at = 0; at < hot->used; at++) {
        const struct assay_hot_key key = listed(hot, at);
        size_t place = count;
        while (place > 0 && goes_before(&key, &out[place - 1])) {
            place--;
        }
        if (place == max) {
            continue;
        }
        count += count < max ? 1 : 0;
        memmove(&out[place + 1], &out[place], (count - 1 - place) * sizeof *out);
        out[place] = key;
    }
    return count;
}
