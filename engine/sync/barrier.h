/*
 * engine/sync/barrier.h - N threads meet; nobody goes on before all have come.
 *
 * A waiter spins briefly, then parks on a futex, so that an idle process uses no CPU.
 *
 * Memory order: the last arrival advances `turn` with a release store after it has acquired every
 * earlier arrival through `arrived` (acq_rel read-modify-writes form one release sequence); waiters
 * acquire `turn`. So everything written before a wait by any thread is visible after it to all.
 */
#ifndef ASSAY_SYNC_BARRIER_H
#define ASSAY_SYNC_BARRIER_H

#include <stdatomic.h>
#include <stdint.h>

struct assay_barrier {
    _Atomic uint32_t arrived;
    _Atomic uint32_t turn;   /* futex word; counts meetings */
    _Atomic uint32_t parked; /* waiters in the kernel, or about to be */
    uint32_t parties;
};

/** Prepare for @p parties threads, at least 1. Owner: caller; no fini. Thread: one. */
void assay_barrier_init(struct assay_barrier *barrier, uint32_t parties);
/** Wait for all parties. Thread: each of the parties once a turn. */
void assay_barrier_wait(struct assay_barrier *barrier);

#endif
