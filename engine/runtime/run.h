/*
 * engine/runtime/run.h - a live run: sources to sinks, recorded so that it can be repeated.
 *
 * What is guaranteed. Every epoch is in the epoch log before anything of it leaves. A restart
 * repeats the recorded epochs (state and decisions come out bit for bit), then goes on where they
 * end: each message is applied exactly once. Each decision reaches every sink at least once, under
 * one id, and once exactly if the process is not killed; after a kill, those that had been sent
 * since the last audit mark (engine/emit/audit.h: at most AUDIT_MS of them) are sent again, equal.
 * Power loss may take back the last sync_ms of epochs; what had been decided in them is decided
 * anew, and may then differ from what the sinks hold if the messages fall into other epochs.
 */
#ifndef ASSAY_RUNTIME_RUN_H
#define ASSAY_RUNTIME_RUN_H

#include "engine/config/config.h"
#include "engine/runtime/summary.h"

#include <stdatomic.h>

struct assay_run_options {
    const struct assay_config *config; /* with settings */
    const char *state;                 /* state folder; NULL: as assay.yaml says */
    uint32_t shards;                   /* 0: as assay.yaml says */
    bool until_end;           /* stop at the end offsets found at the start (files always do) */
    uint64_t decisions_max;   /* stop after the epoch with the n-th decision sent; 0: never */
    const _Atomic bool *stop; /* set by a signal: finish the epoch, flush, return; NULL: never */
    /** Called about once a second from the calling thread with the summary so far. NULL: never. */
    void (*progress)(void *context, const struct assay_run_summary *summary, bool recovering);
    /** Asked before each live epoch with the messages taken so far; true: end. NULL: never. */
    bool (*is_enough)(void *context, uint64_t messages);
    void *context;
};

/**
 * Run until stopped, or to the end.
 *
 * @param[out] summary filled also after a failure, as far as the run came.
 * @retval ASSAY_OK            stopped as asked; everything is delivered and recorded.
 * @retval ASSAY_E_CONFIG      no source; other definitions or partitions than recorded.
 * @retval ASSAY_E_UNSUPPORTED a mixture of sources, named in @p err.
 * @retval ASSAY_E_BUSY        another process uses the state folder.
 * @retval ASSAY_E_UNAVAILABLE stopped while a broker was away; or the source no longer holds what
 *                             was recorded.
 * @retval ASSAY_E_IO, ASSAY_E_NOT_FOUND, ASSAY_E_FORMAT, ASSAY_E_CHECKSUM a file or log.
 * @retval ASSAY_E_NO_MEMORY
 * Thread: one; it becomes shard 0 and starts the other shards' threads until it returns.
 */
ASSAY_MUST_CHECK enum assay_status assay_run(const struct assay_run_options *options,
                                             struct assay_run_summary *summary,
                                             struct assay_err *err);

#endif
