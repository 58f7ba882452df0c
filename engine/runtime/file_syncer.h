/*
 * engine/runtime/file_syncer.h - fdatasync on a thread of its own, so that nobody waits for a disk.
 *
 * The writer says that there is something new; within the delay it is on the disk, together with
 * all that was written meanwhile (group sync). An idle file costs nothing: the thread sleeps.
 */
#ifndef ASSAY_RUNTIME_FILE_SYNCER_H
#define ASSAY_RUNTIME_FILE_SYNCER_H

#include "engine/base/status.h"

#include <stdint.h>

struct assay_file_syncer;

/**
 * Start syncing a file.
 *
 * @param fd stays the caller's and must outlive the syncer.
 * @param delay_ms longest time that something written stays unsynced, but for the sync itself.
 * @retval ASSAY_E_NO_MEMORY, ASSAY_E_IO the thread cannot be started.
 * Owner: caller, assay_file_syncer_stop(). Thread: one at a time, here and below.
 */
ASSAY_MUST_CHECK enum assay_status assay_file_syncer_start(struct assay_file_syncer **out, int fd,
                                                           uint32_t delay_ms,
                                                           struct assay_err *err);
/** Something was written. @return 0, or the errno of a sync that failed: what was written may be
 * lost. Cost: an atomic exchange; a futex wake when the thread slept. */
int assay_file_syncer_touch(struct assay_file_syncer *syncer);
/** Sync now, after any sync that goes on. @return as assay_file_syncer_touch(), of all syncs.
 * Cost: waits for the disk. */
int assay_file_syncer_sync(struct assay_file_syncer *syncer);
/** End the thread, without a last sync, and free; NULL is allowed. */
void assay_file_syncer_stop(struct assay_file_syncer *syncer);

#endif
