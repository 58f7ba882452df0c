#include "engine/sync/barrier.h"

#include "engine/base/assert.h"

#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SPINS_MAX = 2000 }; /* about 10 us: shorter than a sleep and a wake-up */

static void futex_wait(_Atomic uint32_t *word, uint32_t expected)
{
    (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
}

static void futex_wake_all(_Atomic uint32_t *word)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

void assay_barrier_init(struct assay_barrier *barrier, uint32_t parties)
{
    ASSAY_ASSERT(barrier != NULL);
    ASSAY_ASSERT(parties >= 1);
    atomic_init(&barrier->arrived, 0);
    atomic_init(&barrier->turn, 0);
    atomic_init(&barrier->parked, 0);
    barrier->parties = parties;
}

void assay_barrier_wait(struct assay_barrier *barrier)
{
    if (barrier->parties == 1) {
        return;
    }
    /* Relaxed: turn cannot advance before this thread has arrived. */
    const uint32_t turn = atomic_load_explicit(&barrier->turn, memory_order_relaxed);
    /* acq_rel: publishes this thread's writes, and (for the last) acquires everyone else's. */
    const uint32_t before = atomic_fetch_add_explicit(&barrier->arrived, 1, memory_order_acq_rel);
    if (before + 1 == barrier->parties) {
        /* Relaxed: nobody reads `arrived` again before acquiring the new turn. */
        atomic_store_explicit(&barrier->arrived, 0, memory_order_relaxed);
        /* seq_cst here and at `parked`: either this thread sees the sleeper, or the sleeper's
         * futex_wait sees the new turn and returns at once. */
        atomic_store_explicit(&barrier->turn, turn + 1, memory_order_seq_cst);
        if (atomic_load_explicit(&barrier->parked, memory_order_seq_cst) != 0) {
            futex_wake_all(&barrier->turn);
        }
        return;
    }
    for (uint32_t spin = 0; spin < SPINS_MAX; spin++) {
        /* Acquire pairs with the release (seq_cst) store of turn above. */
        if (atomic_load_explicit(&barrier->turn, memory_order_acquire) != turn) {
            return;
        }
        pause_briefly();
    }
    (void)atomic_fetch_add_explicit(&barrier->parked, 1, memory_order_seq_cst);
    while (atomic_load_explicit(&barrier->turn, memory_order_seq_cst) == turn) {
        futex_wait(&barrier->turn, turn);
    }
    /* Relaxed: only a hint to the last arrival; a stale count costs one needless wake. */
    (void)atomic_fetch_sub_explicit(&barrier->parked, 1, memory_order_relaxed);
}
