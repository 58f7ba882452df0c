#include "engine/sync/ring_spsc.h"

#include "engine/base/assert.h"

bool assay_ring_spsc_init(struct assay_ring_spsc *ring, struct assay_arena *arena,
                          uint64_t capacity)
{
    ASSAY_ASSERT(ring != NULL && arena != NULL);
    ASSAY_ASSERT(capacity >= 2 && (capacity & (capacity - 1)) == 0);
    void **slots = assay_arena_array(arena, capacity, sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    atomic_init(&ring->tail, 0);
    atomic_init(&ring->head, 0);
    ring->head_seen = 0;
    ring->tail_seen = 0;
    ring->mask = capacity - 1;
    ring->slots = slots;
    return true;
}

size_t assay_ring_spsc_push_burst(struct assay_ring_spsc *ring, void *const items[], size_t count)
{
    /* Relaxed: only this thread writes tail. */
    const uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    uint64_t room = ring->mask + 1 - (tail - ring->head_seen);
    if (room < count) {
        /* Acquire pairs with the consumer's release of head: its reads of the slots are over. */
        ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire);
        room = ring->mask + 1 - (tail - ring->head_seen);
    }
    const size_t pushed = count < room ? count : (size_t)room;
    for (size_t i = 0; i < pushed; i++) {
        ring->slots[(tail + i) & ring->mask] = items[i];
    }
    /* Release pairs with the consumer's acquire of tail: the slots are visible before it. */
    atomic_store_explicit(&ring->tail, tail + pushed, memory_order_release);
    return pushed;
}

size_t assay_ring_spsc_pop_burst(struct assay_ring_spsc *ring, void *items[], size_t count)
{
    /* Relaxed: only this thread writes head. */
    const uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    uint64_t waiting = ring->tail_seen - head;
    if (waiting < count) {
        /* Acquire pairs with the producer's release of tail. */
        ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
        waiting = ring->tail_seen - head;
    }
    const size_t popped = count < waiting ? count : (size_t)waiting;
    for (size_t i = 0; i < popped; i++) {
        items[i] = ring->slots[(head + i) & ring->mask];
    }
    /* Release pairs with the producer's acquire of head: the slots may be written again. */
    atomic_store_explicit(&ring->head, head + popped, memory_order_release);
    return popped;
}
