/*
 * engine/sync/ring_spsc.h - a bounded queue of pointers between exactly two threads.
 *
 * Bursts move several items for one pair of index updates and never block: they return how many
 * went through. Head and tail lie on cache lines of their own, and each side keeps a private copy
 * of the other's index, so that a side touches the other's line only when its copy runs out.
 *
 * Memory order: `tail` is written by the producer alone, with release after the slots; the consumer
 * acquires it, so it sees the slots (and all that the producer wrote before pushing). `head` is
 * written by the consumer alone, with release after it has read the slots; the producer acquires
 * it, so it does not overwrite what is still being read. Each side reads its own index relaxed:
 * nobody else writes it. Indices run freely in 64 bits and never wrap.
 */
#ifndef ASSAY_SYNC_RING_SPSC_H
#define ASSAY_SYNC_RING_SPSC_H

#include "engine/base/arena.h"

#include <stdatomic.h>

enum { ASSAY_CACHE_LINE_BYTES = 64 };

/** Discipline: SPSC; the first group is the producer's, the second the consumer's. */
struct assay_ring_spsc {
    _Alignas(ASSAY_CACHE_LINE_BYTES) _Atomic uint64_t tail;
    uint64_t head_seen; /* producer's copy of head */
    _Alignas(ASSAY_CACHE_LINE_BYTES) _Atomic uint64_t head;
    uint64_t tail_seen;                             /* consumer's copy of tail */
    _Alignas(ASSAY_CACHE_LINE_BYTES) uint64_t mask; /* capacity - 1; immutable, as is slots */
    void **slots;
};

/**
 * Prepare an empty ring.
 *
 * @param capacity a power of two, at least 2; all of it can be used.
 * @return false when the arena is full. Owner: the arena. Thread: before either side starts.
 */
bool assay_ring_spsc_init(struct assay_ring_spsc *ring, struct assay_arena *arena,
                          uint64_t capacity);
/** Push up to @p count items. @return how many. Thread: the producer. Cost: no system call. */
size_t assay_ring_spsc_push_burst(struct assay_ring_spsc *ring, void *const items[], size_t count);
/** Pop up to @p count items. @return how many. Thread: the consumer. Cost: no system call. */
size_t assay_ring_spsc_pop_burst(struct assay_ring_spsc *ring, void *items[], size_t count);

#endif
