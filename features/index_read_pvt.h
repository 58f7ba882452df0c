/*
 * features/index_read_pvt.h - looking a key up beside the writer; features/index_pvt.h says why
 * that may be done.
 *
 * A reader takes a glance of the tables, goes through candidates like the writer does, and compares
 * their keys. What it finds is there, or was until just now. That it finds nothing only counts when
 * the tables are still the same then.
 *
 * Orders: the tag's release store pairs with the fence behind the words of a bucket, so that the
 * reference is that tag's or a later one; the reference's release store pairs with its acquire
 * load, so that the record it names is seen as it was when it was admitted.
 */
#ifndef ASSAY_FEATURES_INDEX_READ_PVT_H
#define ASSAY_FEATURES_INDEX_READ_PVT_H

#include "features/index_pvt.h"

/** The tables as they were; the rest of the index is not in it. */
struct index_glance {
    struct index index;
    unsigned count; /* of index.moves */
};

/** Take a glance. @return false: a home is on the move. Thread: any. */
static inline bool index_glance(const struct index *index, struct index_glance *out)
{
    static_assert(offsetof(struct index, apart) % sizeof(uint64_t) == 0, "it is copied in words");
    if (!assay_seqlock_begin(&index->moves, &out->count)) {
        return false;
    }
    assay_seqlock_copy(&out->index, index, offsetof(struct index, apart));
    return assay_seqlock_same(&index->moves, out->count);
}

/** Is the glance still true? */
static inline bool index_glance_holds(const struct index *index, const struct index_glance *glance)
{
    return assay_seqlock_same(&index->moves, glance->count);
}

/** Look at a bucket. @return may a key of that tag have passed by? */
static inline bool index_read_bucket(struct index_cursor *cursor)
{
    _Alignas(ASSAY_SLAB_LINE_BYTES) struct index_bucket head; /* its references are not copied */
    assay_seqlock_copy(&head, &cursor->buckets[cursor->at], offsetof(struct index_bucket, refs));
    assay_fence_light();
    cursor->hits = index_match(&head, cursor->tag);
    return index_goes_on(&head, cursor->tag);
}

/** Begin to look for a hash. */
static inline struct index_cursor index_read_seek(const struct index_glance *glance, uint64_t hash)
{
    const struct index_table *table = index_table_of(&glance->index, index_place(hash));
    struct index_cursor cursor = {
        .slab = glance->index.slab,
        .buckets = table->buckets,
        .mask = (uint32_t)((UINT64_C(1) << table->bits) - 1),
        .at = index_home(table, index_place(hash)),
        .tag = index_tag(hash),
    };
    cursor.goes_on = index_read_bucket(&cursor);
    return cursor;
}

/** The next item whose tag agreed, or NULL; the caller sees whether it is the right one. */
static inline const void *index_read_next(struct index_cursor *cursor)
{
    while (cursor->hits == 0) {
        if (!cursor->goes_on || cursor->steps == cursor->mask) {
            return NULL;
        }
        cursor->at = (cursor->at + ++cursor->steps) & cursor->mask;
        cursor->goes_on = index_read_bucket(cursor);
    }
    cursor->slot = (uint32_t)__builtin_ctz(cursor->hits);
    cursor->hits &= cursor->hits - 1;
    const uint32_t *ref = &cursor->buckets[cursor->at].refs[cursor->slot];
    return assay_slab_at(cursor->slab, __atomic_load_n(ref, __ATOMIC_ACQUIRE));
}

/** Fetch the bucket that index_read_seek() will read. */
static inline void index_read_prefetch(const struct index_glance *glance, uint64_t hash)
{
    index_prefetch(&glance->index, hash);
}

#endif
