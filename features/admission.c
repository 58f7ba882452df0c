#include "features/admission.h"

#include "engine/base/hash.h"
#include "features/slab.h"

#include <stdlib.h>

/*
 * Ids live in an open-addressing table with linear probing. An entry may go once watermark -
 * lateness has passed its event time: a second copy would be late by then. A hand sweeps a few
 * slots with every new id and takes out what has gone by, so the table is about as large as the ids
 * that matter; whether an id is known is decided by its time alone, never by where the hand is.
 */

struct entry {
    uint64_t hash; /* 0: free */
    int64_t time_ms;
    char *id;
    uint32_t id_bytes;
};

struct admission_table {
    struct entry *entries;
    size_t capacity; /* power of two */
    size_t used;     /* entries, some of which the hand has yet to take out */
    size_t hand;
    size_t credit; /* new ids since the last full sweep: a full one is paid for by many */
};

struct assay_admission {
    int64_t lateness_ms;
    int64_t ahead_ms;
    int64_t watermark_ms;
    int64_t oldest_ms; /* what is older is late: watermark - lateness, once there is a watermark */
    size_t ids_max;
    struct assay_slab slab;
    struct admission_table table;
};

enum {
    CAPACITY_MIN = 1024,
    HAND_SLOTS = 4,
    /* twice 8 slots of 32 bytes (the table and the smaller ones before it), and two ids */
    BYTES_PER_ID = 1024,
};

struct assay_admission *assay_admission_create(int64_t lateness_ms, int64_t ahead_ms,
                                               size_t ids_max)
{
    ASSAY_ASSERT(lateness_ms >= 0 && ahead_ms >= 0);
    ASSAY_ASSERT(ids_max > 0);
    struct assay_admission *admission = calloc(1, sizeof *admission);
    if (admission == NULL) {
        return NULL;
    }
    const size_t bytes = (ids_max + CAPACITY_MIN) * BYTES_PER_ID;
    if (!assay_slab_init(&admission->slab, bytes)) {
        free(admission);
        return NULL;
    }
    admission->lateness_ms = lateness_ms;
    admission->ahead_ms = ahead_ms;
    admission->watermark_ms = INT64_MIN;
    admission->oldest_ms = INT64_MIN;
    admission->ids_max = ids_max;
    admission->table.credit = CAPACITY_MIN;
    return admission;
}

void assay_admission_destroy(struct assay_admission *admission)
{
    if (admission != NULL) {
        assay_slab_fini(&admission->slab);
        free(admission);
    }
}

int64_t assay_admission_watermark(const struct assay_admission *admission)
{
    return admission->watermark_ms;
}

int64_t assay_admission_oldest(const struct assay_admission *admission)
{
    return admission->oldest_ms;
}

void assay_admission_begin(struct assay_admission *admission, int64_t oldest_ms)
{
    ASSAY_ASSERT(admission->watermark_ms == INT64_MIN);
    admission->oldest_ms = oldest_ms;
}

/* Strictly older than watermark - lateness? (No watermark yet: nothing is.) */
static bool is_late(const struct assay_admission *admission, int64_t time_ms)
{
    return time_ms < admission->oldest_ms;
}

static struct entry *find(struct entry *entries, size_t capacity, uint64_t hash,
                          struct assay_str id)
{
    size_t at = hash & (capacity - 1);
    while (entries[at].hash != 0) {
        const struct assay_str known = {.ptr = entries[at].id, .len = entries[at].id_bytes};
        if (entries[at].hash == hash && assay_str_equal(known, id)) {
            break;
        }
        at = (at + 1) & (capacity - 1);
    }
    return &entries[at];
}

/* Free a slot and close the gap, so that a probe never meets a hole. */
static void take_out(struct admission_table *table, size_t at)
{
    const size_t mask = table->capacity - 1;
    size_t gap = at;
    for (size_t next = (at + 1) & mask; table->entries[next].hash != 0; next = (next + 1) & mask) {
        const size_t home = table->entries[next].hash & mask;
        if (((next - home) & mask) >= ((next - gap) & mask)) {
            table->entries[gap] = table->entries[next];
            gap = next;
        }
    }
    table->entries[gap].hash = 0;
    table->used--;
}

/* Look at @p slots slots from the hand on. */
static void sweep(struct assay_admission *admission, size_t slots)
{
    struct admission_table *table = &admission->table;
    for (size_t i = 0; i < slots && table->capacity > 0; i++) {
        struct entry *entry = &table->entries[table->hand];
        while (entry->hash != 0 && is_late(admission, entry->time_ms)) {
            assay_slab_free(&admission->slab, entry->id, entry->id_bytes + 1U);
            take_out(table, table->hand);
        }
        table->hand = (table->hand + 1) & (table->capacity - 1);
    }
}

static bool grow(struct assay_admission *admission)
{
    struct admission_table *table = &admission->table;
    const size_t capacity = table->capacity == 0 ? CAPACITY_MIN : 2 * table->capacity;
    struct entry *entries = assay_slab_alloc(&admission->slab, capacity * sizeof *entries);
    if (entries == NULL) {
        return false;
    }
    memset(entries, 0, capacity * sizeof *entries);
    for (size_t i = 0; i < table->capacity; i++) {
        const struct entry *entry = &table->entries[i];
        if (entry->hash != 0) {
            *find(entries, capacity, entry->hash,
                  (struct assay_str){.ptr = entry->id, .len = entry->id_bytes}) = *entry;
        }
    }
    assay_slab_free(&admission->slab, table->entries, table->capacity * sizeof *entries);
    table->entries = entries;
    table->capacity = capacity;
    table->hand = 0;
    return true;
}

static bool make_room(struct assay_admission *admission)
{
    struct admission_table *table = &admission->table;
    sweep(admission, HAND_SLOTS);
    table->credit++;
    /* At twice the limit a full sweep pays for itself: it takes out half, or too many matter. */
    if (table->used >= 2 * admission->ids_max && table->credit >= table->capacity / 8) {
        sweep(admission, table->capacity);
        table->credit = 0;
    }
    if (table->used >= 2 * admission->ids_max) {
        return false;
    }
    return 2 * (table->used + 1) <= table->capacity || grow(admission);
}

static enum assay_verdict remember(struct assay_admission *admission,
                                   const struct assay_event *event)
{
    struct admission_table *table = &admission->table;
    const uint64_t hash = assay_hash64(event->id.ptr, event->id.len, 0) | UINT64_C(1) << 63;
    struct entry *entry =
        table->capacity == 0 ? NULL : find(table->entries, table->capacity, hash, event->id);
    if (entry != NULL && entry->hash != 0) {
        if (!is_late(admission, entry->time_ms)) {
            return ASSAY_DROPPED_DUPLICATE;
        }
        entry->time_ms = event->time_ms; /* forgotten since, and seen anew */
        return ASSAY_ACCEPTED;
    }
    if (!make_room(admission)) {
        return ASSAY_REFUSED_CAPACITY;
    }
    char *id = assay_slab_alloc(&admission->slab, (size_t)event->id.len + 1);
    if (id == NULL) {
        return ASSAY_REFUSED_CAPACITY;
    }
    memcpy(id, event->id.ptr, event->id.len);
    *find(table->entries, table->capacity, hash, event->id) = (struct entry){
        .hash = hash, .time_ms = event->time_ms, .id = id, .id_bytes = event->id.len};
    table->used++;
    return ASSAY_ACCEPTED;
}

enum assay_verdict assay_admission_judge(struct assay_admission *admission,
                                         const struct assay_event *event, int64_t clock_ms)
{
    ASSAY_ASSERT(admission != NULL);
    if (clock_ms != INT64_MAX && event->time_ms > clock_ms + admission->ahead_ms) {
        return ASSAY_SET_ASIDE_AHEAD;
    }
    if (is_late(admission, event->time_ms)) {
        return ASSAY_SET_ASIDE_LATE;
    }
    if (event->id.ptr != NULL) {
        const enum assay_verdict verdict = remember(admission, event);
        if (verdict != ASSAY_ACCEPTED) {
            return verdict;
        }
    }
    if (event->time_ms > admission->watermark_ms) {
        const int64_t oldest_ms = event->time_ms - admission->lateness_ms;
        admission->watermark_ms = event->time_ms;
        admission->oldest_ms = oldest_ms > admission->oldest_ms ? oldest_ms : admission->oldest_ms;
    }
    return ASSAY_ACCEPTED;
}
