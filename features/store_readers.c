#include "features/reader_pvt.h"

#include <stdlib.h>

/* The owner's side of its readers: places, what they hand over, and how far the store has come. */

static struct store_readers *readers_create(uint64_t mark)
{
    struct store_readers *readers = aligned_alloc(_Alignof(struct store_readers), sizeof *readers);
    if (readers != NULL) {
        assay_qsbr_init(&readers->qsbr);
        atomic_init(&readers->are_handed, false);
        atomic_init(&readers->mark, mark);
        for (uint32_t place = 0; place < ASSAY_QSBR_READERS_MAX; place++) {
            atomic_init(&readers->handed[place].state, NOT_HANDED);
        }
    }
    return readers;
}

enum assay_status assay_readers_add(struct assay_store *store, uint32_t *place)
{
    if (store->readers == NULL) {
        store->readers = readers_create(store->mark);
    }
    if (store->readers == NULL) {
        return ASSAY_E_NO_MEMORY;
    }
    struct assay_qsbr *qsbr = &store->readers->qsbr;
    if (!assay_slab_is_shared(&store->slab) && !assay_slab_share(&store->slab, qsbr)) {
        return ASSAY_E_NO_MEMORY;
    }
    *place = assay_qsbr_register(qsbr);
    return *place == ASSAY_QSBR_NO_PLACE ? ASSAY_E_FULL : ASSAY_OK;
}

void assay_readers_remove(struct assay_store *store, uint32_t place)
{
    struct store_readers *readers = store->readers;
    ASSAY_ASSERT(atomic_load_explicit(&readers->handed[place].state, memory_order_acquire) ==
                 NOT_HANDED);
    assay_qsbr_unregister(&readers->qsbr, place);
    if (!assay_qsbr_has_readers(&readers->qsbr)) {
        assay_slab_unshare(&store->slab);
    }
}

void assay_readers_free(struct assay_store *store)
{
    ASSAY_ASSERT(store->readers == NULL || !assay_qsbr_has_readers(&store->readers->qsbr));
    free(store->readers);
    store->readers = NULL;
}

static void serve(struct assay_store *store, struct handed_read *handed)
{
    struct assay_read *read = handed->read;
    assay_store_read(store, read->entity, read->key, read->at_ms, read->features, read->count,
                     handed->texts, read->out);
    read->mark = store->mark;
    read->status = ASSAY_OK;
    atomic_store_explicit(&handed->state, SERVED, memory_order_release);
}

size_t assay_store_serve(struct assay_store *store)
{
    struct store_readers *readers = store->readers;
    size_t served = 0;
    /* Relaxed: a read that is not seen now is seen next time. */
    if (readers == NULL || !atomic_load_explicit(&readers->are_handed, memory_order_relaxed)) {
        return 0;
    }
    /* Cleared before the places are looked at; acquire, so that their states are seen. */
    (void)atomic_exchange_explicit(&readers->are_handed, false, memory_order_acq_rel);
    for (uint32_t place = 0; place < ASSAY_QSBR_READERS_MAX; place++) {
        struct handed_read *handed = &readers->handed[place];
        if (atomic_load_explicit(&handed->state, memory_order_acquire) == HANDED) {
            serve(store, handed);
            served++;
        }
    }
    return served;
}

void assay_store_mark(struct assay_store *store, uint64_t mark)
{
    store->mark = mark;
    if (store->readers != NULL) {
        /* Release pairs with the reader's acquire: what was applied before is seen by whoever sees
         * the mark. */
        atomic_store_explicit(&store->readers->mark, mark, memory_order_release);
    }
}
