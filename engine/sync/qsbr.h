/*
 * engine/sync/qsbr.h - when has every reader let go of what was unlinked? (quiescent states)
 *
 * A reader is online while it holds pointers into shared memory and says when it holds none. The
 * writer unlinks something, takes a token, and frees it once every reader that is online has been
 * quiescent since: none can have come by the pointer after it was unlinked. Readers write to a line
 * of their own and never wait; the writer never waits either, it only asks again later.
 *
 * After DPDK's lib/rcu; here places are taken by the writer, so that it knows without a fence
 * whether there are any readers at all.
 *
 * Orders:
 *   online     place := token (relaxed), full fence: the pointers that are loaded next are loaded
 *              after the writer can see that the reader is there. Pairs with the full fence of
 *              assay_qsbr_retire(): either the writer sees the reader online, or the reader sees
 *              what was unlinked.
 *   quiescent  token (acquire) pairs with the writer's store of it (release): the reader sees all
 *              that was unlinked before. place := token (release) pairs with the acquire of
 *              assay_qsbr_passed(): the reader's last loads are done before anything is freed.
 *   offline    place := 0 (release), likewise.
 */
#ifndef ASSAY_SYNC_QSBR_H
#define ASSAY_SYNC_QSBR_H

#include "engine/sync/fence.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    ASSAY_QSBR_READERS_MAX = 64,
    ASSAY_QSBR_NO_PLACE = ASSAY_QSBR_READERS_MAX,
};

struct assay_qsbr_place {
    _Alignas(64) atomic_uint_fast64_t seen; /* newest token seen; 0: offline */
};

struct assay_qsbr {
    _Alignas(64) atomic_uint_fast64_t token; /* of what was retired last; from 1. The writer's. */
    uint64_t taken;                          /* bit a place. The writer's. */
    struct assay_qsbr_place places[ASSAY_QSBR_READERS_MAX];
};

/** Nobody reads. */
void assay_qsbr_init(struct assay_qsbr *qsbr);
/** A place for one reader, offline; ASSAY_QSBR_NO_PLACE: all are taken. Thread: the writer. */
uint32_t assay_qsbr_register(struct assay_qsbr *qsbr);
/** Give it back, offline. Thread: the writer. */
void assay_qsbr_unregister(struct assay_qsbr *qsbr, uint32_t place);

/** From here on the reader may hold pointers. Thread: the reader. Cost: a full fence. */
static inline void assay_qsbr_online(struct assay_qsbr *qsbr, uint32_t place)
{
    /* Relaxed: an older token only makes the writer wait longer. */
    const uint64_t token = atomic_load_explicit(&qsbr->token, memory_order_relaxed);
    atomic_store_explicit(&qsbr->places[place].seen, token, memory_order_relaxed);
    assay_fence_full();
}

/** Online, and holding none just now. Thread: the reader. Cost: a load; a store at news. */
static inline void assay_qsbr_quiescent(struct assay_qsbr *qsbr, uint32_t place)
{
    const uint64_t token = atomic_load_explicit(&qsbr->token, memory_order_acquire);
    if (token != atomic_load_explicit(&qsbr->places[place].seen, memory_order_relaxed)) {
        /* No fence: whatever this token stands for can no longer be come by. */
        atomic_store_explicit(&qsbr->places[place].seen, token, memory_order_release);
    }
}

/** The reader holds none any more. Thread: the reader. */
static inline void assay_qsbr_offline(struct assay_qsbr *qsbr, uint32_t place)
{
    atomic_store_explicit(&qsbr->places[place].seen, 0, memory_order_release);
}

/** Are there readers? Thread: the writer. */
static inline bool assay_qsbr_has_readers(const struct assay_qsbr *qsbr)
{
    return qsbr->taken != 0;
}

/** A token for everything unlinked so far. Thread: the writer. Cost: a full fence. */
uint64_t assay_qsbr_retire(struct assay_qsbr *qsbr);
/** May what the token stands for be freed? Thread: the writer. Cost: a line a reader. */
bool assay_qsbr_passed(const struct assay_qsbr *qsbr, uint64_t token);

#endif
