/*
 * engine/runtime/spill_files.h - where old chunks of hot keys go: a file without a name a shard,
 * and one thread that writes them all and waits for the disk.
 */
#ifndef ASSAY_RUNTIME_SPILL_FILES_H
#define ASSAY_RUNTIME_SPILL_FILES_H

#include "engine/base/status.h"
#include "engine/config/config.h"
#include "features/spill.h"

struct assay_spill_files;

/**
 * Make the files and start the thread. What is read from them and cannot be, or is not what was
 * written, ends the process with exit code 74: it never becomes a number.
 *
 * @retval ASSAY_E_NOT_FOUND, ASSAY_E_IO the folder cannot be used. @retval ASSAY_E_NO_MEMORY
 * Owner: caller, assay_spill_files_close() after the stores are gone. Thread: control. One at a
 * time in a process, since it answers SIGBUS.
 */
ASSAY_MUST_CHECK enum assay_status assay_spill_files_open(struct assay_spill_files **out,
                                                          const struct assay_spill_settings *spill,
                                                          uint32_t shards, struct assay_err *err);
/** What a shard's store is made with; valid until the files are closed. */
const struct assay_spill_options *assay_spill_files_of(const struct assay_spill_files *files,
                                                       uint32_t shard);
/** End the thread, free the files; NULL is allowed. */
void assay_spill_files_close(struct assay_spill_files *files);

#endif
