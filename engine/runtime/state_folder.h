/*
 * engine/runtime/state_folder.h - the folder that belongs to one running engine.
 *
 * It holds `lock`, `epochs.log` and `audit.log`. One process at a time: a second one would write
 * the same epochs with other contents.
 */
#ifndef ASSAY_RUNTIME_STATE_FOLDER_H
#define ASSAY_RUNTIME_STATE_FOLDER_H

#include "engine/base/arena.h"
#include "engine/base/status.h"
#include "engine/base/str.h"

struct assay_state_folder {
    const char *path;
    const char *epochs; /* path of the epoch log */
    const char *audit;  /* path of the audit log */
    int lock_fd;        /* -1: not locked */
};

/**
 * Name the files of a state folder; touches nothing.
 *
 * @retval ASSAY_E_NO_MEMORY the arena is full. Owner: the arena. Thread: one at a time.
 */
ASSAY_MUST_CHECK enum assay_status assay_state_folder_name(struct assay_state_folder *out,
                                                           struct assay_arena *arena,
                                                           const char *path, struct assay_err *err);
/**
 * Make the folder if it is not there and take its lock.
 *
 * @retval ASSAY_E_BUSY another process has it: @p err names its process id.
 * @retval ASSAY_E_IO, ASSAY_E_NOT_FOUND it cannot be made or written.
 * Owner: assay_state_folder_unlock(); the kernel does it when the process dies. Thread: one.
 */
ASSAY_MUST_CHECK enum assay_status assay_state_folder_lock(struct assay_state_folder *folder,
                                                           struct assay_err *err);
/** Give the lock back; no-op when it was not taken. */
void assay_state_folder_unlock(struct assay_state_folder *folder);

#endif
