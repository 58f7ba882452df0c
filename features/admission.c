#include "features/admission.h"

#include "engine/base/hash.h"
#include "features/slab.h"

#include <stdlib.h>

/*
 * Ids live in an open-addressing table with linear probing. An entry may go once watermark -
 * lateness has passed its event time: a second copy would be late by then. When the table fills up,
 * it is rebuilt with the entries that still matter, larger if they are many; between rebuilds
 * nothing is deleted, so a probe never meets a hole.
 */

struct entry {
    uint64_t hash; /* 0: free */
    int64_t time_ms;
    char *id;
    uint32_t id_bytes;
};

struct assay_admission {
    int64_t lateness_ms;
    int64_t ahead_ms;
    int64_t watermark_ms;
    size_t ids_max;
    size_t used;
    size_t capacity; /* power of two */
    struct entry *entries;
    struct assay_slab slab;
};

enum { CAPACITY_MIN = 1024, BYTES_PER_ID = 256 };

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
    admission->ids_max = ids_max;
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

/* Strictly older than watermark - lateness? (No watermark yet: nothing is.) */
static bool is_late(const struct assay_admission *admission, int64_t time_ms)
{
    return admission->watermark_ms != INT64_MIN &&
           time_ms < admission->watermark_ms - admission->lateness_ms;
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

static bool rebuild(struct assay_admission *admission)
{
    size_t live = 0;
    for (size_t i = 0; i < admission->capacity; i++) {
        const struct entry *entry = &admission->entries[i];
        live += entry->hash != 0 && !is_late(admission, entry->time_ms) ? 1 : 0;
    }
    if (live >= admission->ids_max) {
        return false;
    }
    size_t capacity = CAPACITY_MIN;
    while (capacity < 4 * live) {
        capacity *= 2;
    }
    struct entry *entries = assay_slab_alloc(&admission->slab, capacity * sizeof *entries);
    if (entries == NULL) {
        return false;
    }
    memset(entries, 0, capacity * sizeof *entries);
    for (size_t i = 0; i < admission->capacity; i++) {
        const struct entry *entry = &admission->entries[i];
        if (entry->hash == 0) {
            continue;
        }
        if (is_late(admission, entry->time_ms)) {
            assay_slab_free(&admission->slab, entry->id, entry->id_bytes + 1U);
            continue;
        }
        *find(entries, capacity, entry->hash,
              (struct assay_str){.ptr = entry->id, .len = entry->id_bytes}) = *entry;
    }
    assay_slab_free(&admission->slab, admission->entries,
                    admission->capacity * sizeof *admission->entries);
    admission->entries = entries;
    admission->capacity = capacity;
    admission->used = live;
    return true;
}

static enum assay_verdict remember(struct assay_admission *admission,
                                   const struct assay_event *event)
{
    if (2 * (admission->used + 1) > admission->capacity && !rebuild(admission)) {
        return ASSAY_REFUSED_CAPACITY;
    }
    const uint64_t hash = assay_hash64(event->id.ptr, event->id.len, 0) | 1;
    struct entry *entry = find(admission->entries, admission->capacity, hash, event->id);
    if (entry->hash != 0 && !is_late(admission, entry->time_ms)) {
        return ASSAY_DROPPED_DUPLICATE;
    }
    if (entry->hash != 0) {
        entry->time_ms = event->time_ms; /* forgotten since, and seen anew */
        return ASSAY_ACCEPTED;
    }
    char *id = assay_slab_alloc(&admission->slab, (size_t)event->id.len + 1);
    if (id == NULL) {
        return ASSAY_REFUSED_CAPACITY;
    }
    memcpy(id, event->id.ptr, event->id.len);
    *entry = (struct entry){
        .hash = hash, .time_ms = event->time_ms, .id = id, .id_bytes = event->id.len};
    admission->used++;
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
        admission->watermark_ms = event->time_ms;
    }
    return ASSAY_ACCEPTED;
}
