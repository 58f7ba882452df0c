/*
 * engine/sync/seqlock.h - one writer changes plain memory, readers take a copy or try again.
 *
 * The writer makes a count odd, changes the memory, and makes it even again. A reader notes the
 * count, copies, and looks whether it is still what it was and even: nothing has changed then.
 * The writer never waits and never knows of readers; it pays two stores to a line that it changes
 * anyway.
 *
 * The memory is the writer's own, and plain: it is read and written with the code that would be
 * there without readers. Readers go to it through assay_seqlock_copy() and assay_seqlock_word()
 * alone, word by word, each word in one load that no compiler splits, and believe nothing of it
 * before assay_seqlock_same(). In C11's words the writer's plain stores race with these loads;
 * that is what the count is for, so the two functions are not instrumented by ThreadSanitizer, and
 * nothing else is excused.
 *
 * Orders:
 *   writer  count odd (relaxed)  -> light fence, pairs with the reader's: whoever has copied a word
 *                                   that was written after it finds the count changed
 *           count even (release) -> pairs with the reader's acquire: whoever begins with this count
 *                                   sees all that was written before, also behind pointers
 *   reader  count (acquire), copy, light fence, count (relaxed)
 */
#ifndef ASSAY_SYNC_SEQLOCK_H
#define ASSAY_SYNC_SEQLOCK_H

#include "engine/sync/fence.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Zero is a good beginning. */
struct assay_seqlock {
    atomic_uint count; /* odd: a change is under way. Written by the writer alone. */
};

/** Begin to change what the lock covers. Thread: the writer. */
static inline void assay_seqlock_open(struct assay_seqlock *lock)
{
    /* Relaxed: only this thread writes it. */
    const unsigned count = atomic_load_explicit(&lock->count, memory_order_relaxed);
    atomic_store_explicit(&lock->count, count + 1, memory_order_relaxed);
    assay_fence_light();
}

/** The change is whole. Thread: the writer. */
static inline void assay_seqlock_close(struct assay_seqlock *lock)
{
    const unsigned count = atomic_load_explicit(&lock->count, memory_order_relaxed);
    atomic_store_explicit(&lock->count, count + 1, memory_order_release);
}

/**
 * Begin to copy.
 *
 * @return false: a change is under way. Thread: any. Cost: a load.
 */
static inline bool assay_seqlock_begin(const struct assay_seqlock *lock, unsigned *count)
{
    *count = atomic_load_explicit(&lock->count, memory_order_acquire);
    return (*count & 1) == 0;
}

/** Is all that was copied since assay_seqlock_begin() of one state? Thread: any. */
static inline bool assay_seqlock_same(const struct assay_seqlock *lock, unsigned count)
{
    assay_fence_light();
    /* Relaxed: the fence keeps it behind the copying. */
    return atomic_load_explicit(&lock->count, memory_order_relaxed) == count;
}

/**
 * Copy @p bytes, a multiple of 8, between places that are multiples of 8. Thread: any; the result
 * means nothing before assay_seqlock_same().
 */
void assay_seqlock_copy(void *to, const void *from, size_t bytes);
/** One word of memory that the writer may be changing. */
uint64_t assay_seqlock_word(const void *from);

#endif
