/*
 * features/reader_pvt.h - what a store knows of its readers, and how one read is copied.
 */
#ifndef ASSAY_FEATURES_READER_PVT_H
#define ASSAY_FEATURES_READER_PVT_H

#include "engine/sync/qsbr.h"
#include "features/index_read_pvt.h"
#include "features/reader.h"
#include "features/record_pvt.h"

/** A read that is handed over. One a place of the qsbr. */
struct handed_read {
    /* The reader's until it stores HANDED (release), then the owner's until it stores SERVED
     * (release): either's load is an acquire. */
    _Alignas(ASSAY_SLAB_LINE_BYTES) atomic_uint state;
    struct assay_read *read;
    struct assay_arena *texts;
};

enum { NOT_HANDED, HANDED, SERVED };

/** Of a store with readers; made with the first one. */
struct store_readers {
    struct assay_qsbr qsbr;
    _Alignas(ASSAY_SLAB_LINE_BYTES) atomic_bool are_handed;    /* some may be HANDED */
    _Alignas(ASSAY_SLAB_LINE_BYTES) atomic_uint_fast64_t mark; /* a copy of the store's */
    struct handed_read handed[ASSAY_QSBR_READERS_MAX];
};

/* store_readers.c */

/** A place for one more reader. @retval as assay_reader_create(). */
enum assay_status assay_readers_add(struct assay_store *store, uint32_t *place);
/** Give it back. */
void assay_readers_remove(struct assay_store *store, uint32_t place);
/** Give back what the store keeps for readers. */
void assay_readers_free(struct assay_store *store);

/* reader_copy.c */

/** How a copy came out. */
enum copied {
    COPIED,
    CHANGED, /* the key changed meanwhile: try again */
    BEYOND,  /* it is more than a copy takes */
};

/** Room for copies, taken from its beginning on. */
struct copy_room {
    unsigned char *bytes;
    size_t used;
    size_t max;
};

/** A record on its way into a copy. */
struct record_copy {
    const struct assay_record *record; /* the store's; read through the seqlock only */
    const struct entity_layout *layout;
    const struct selection *selection;
    struct assay_record *copy;
    size_t head_bytes; /* of the copy, with what lies in the record */
    unsigned lock_count;
    bool remembers; /* something at the time asked for: its logs are copied */
    int64_t at_ms;
    int64_t expire_ms;
};

/** Bytes that the copy of one record takes at most. */
size_t assay_copy_bytes_max(const struct assay_store *store);
/** First step: the head; what it leads to is the store's still. */
enum copied assay_copy_head(struct record_copy *copy, struct copy_room *room, uint32_t key_bytes);
/** Fetch what the second step will copy: the beginning of each piece, then all of them. */
void assay_copy_fetch(const struct record_copy *copy);
void assay_copy_fetch_rows(const struct record_copy *copy);
/** Second step: what else the owner changes in place. */
enum copied assay_copy_rest(struct record_copy *copy, struct copy_room *room);

#endif
