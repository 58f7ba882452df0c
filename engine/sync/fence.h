/*
 * engine/sync/fence.h - a fence that ThreadSanitizer builds can have too.
 *
 * gcc's ThreadSanitizer does not model fences and refuses them. Those builds run on x86, where
 * stores stay in order with stores and loads with loads, so that there it is enough to hold the
 * compiler; a full fence becomes a locked exchange of a word of the caller's stack.
 */
#ifndef ASSAY_SYNC_FENCE_H
#define ASSAY_SYNC_FENCE_H

#include <stdatomic.h>

/** What came before is done before what comes after, as an acquire or a release fence orders it. */
static inline void assay_fence_light(void)
{
#if defined(__SANITIZE_THREAD__)
    atomic_signal_fence(memory_order_acq_rel);
#else
    atomic_thread_fence(memory_order_acq_rel);
#endif
}

/** The same for a store that a load follows: nothing less than a full fence orders the two. */
static inline void assay_fence_full(void)
{
#if defined(__SANITIZE_THREAD__)
    atomic_int word = 0;
    (void)atomic_exchange(&word, 1);
#else
    atomic_thread_fence(memory_order_seq_cst);
#endif
}

#endif
