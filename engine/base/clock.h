/*
 * engine/base/clock.h - the clocks: for people, for intervals, for CPU bills.
 */
#ifndef ASSAY_BASE_CLOCK_H
#define ASSAY_BASE_CLOCK_H

#include <stdint.h>

/** Wall clock, ms since the Unix epoch, UTC. Thread: any. */
int64_t assay_clock_wall_ms(void);
/** Monotonic clock, ns since some start. Thread: any. */
uint64_t assay_clock_monotonic_ns(void);
/** CPU time of the calling thread, ns. Thread: any. Cost: a system call, so once a batch. */
uint64_t assay_clock_thread_cpu_ns(void);
/** CPU time of all threads of the process since its start, ns. Thread: any. Cost: a system call. */
uint64_t assay_clock_process_cpu_ns(void);

#endif
