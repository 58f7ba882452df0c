/*
 * engine/runtime/epoch_log.h - what every epoch took: the recipe that makes a run repeatable.
 *
 * Frames of magic "ASSAYEPO" (engine/base/frame.h). A header record names the plan, the policies
 * and the partition table; a record an epoch holds its number, clock and ranges. A restart under a
 * grown partition table writes a new header; ranges are always by the header before them, and a
 * reader translates them to the table of today. Shards are no part of it: any number repeats the
 * run.
 *
 * Durability: append() hands the record to the kernel, so a killed process loses nothing; within
 * sync_ms a thread has it on the disk too, so power loss takes back at most that much.
 */
#ifndef ASSAY_RUNTIME_EPOCH_LOG_H
#define ASSAY_RUNTIME_EPOCH_LOG_H

#include "engine/runtime/pipeline.h"

#define ASSAY_EPOCH_LOG_MAGIC "ASSAYEPO"

/** Frame types. */
enum { ASSAY_EPOCH_HEADER = 1, ASSAY_EPOCH_RECORD = 2, ASSAY_EPOCH_VERSION = 1 };

/** What a log must have been written under to be repeated. Borrowed. */
struct assay_epoch_identity {
    uint64_t plan[2];     /* hash of the features' definitions */
    uint64_t policies[2]; /* hash of policies, models and catalogues; zero: none */
    const struct assay_partition *partitions;
    size_t partition_count;
};

struct assay_epoch_writer;

/**
 * Open for appending and write a header. A torn tail is cut.
 *
 * @param identity must outlive the writer. @param sync_ms 0: every epoch is synced.
 * @retval ASSAY_E_FORMAT, ASSAY_E_CHECKSUM, ASSAY_E_IO, ASSAY_E_NO_MEMORY.
 * Owner: caller, assay_epoch_writer_close(). Thread: one.
 */
ASSAY_MUST_CHECK enum assay_status assay_epoch_writer_open(
    struct assay_epoch_writer **out, const char *path, const struct assay_epoch_identity *identity,
    uint32_t sync_ms, struct assay_err *err);
/** Record an epoch; it survives the process once this returns. @retval ASSAY_E_IO */
ASSAY_MUST_CHECK enum assay_status assay_epoch_append(struct assay_epoch_writer *writer,
                                                      const struct assay_epoch *epoch,
                                                      struct assay_err *err);
/** Put everything recorded on the disk now. @retval ASSAY_E_IO. Cost: waits for the disk. */
ASSAY_MUST_CHECK enum assay_status assay_epoch_sync(struct assay_epoch_writer *writer,
                                                    struct assay_err *err);
/** Free; NULL is allowed. */
void assay_epoch_writer_close(struct assay_epoch_writer *writer);

struct assay_epoch_reader;

/** The partitions that a log's last header names: read before there is a table of today. */
struct assay_epoch_table {
    uint64_t plan[2];
    uint64_t policies[2];
    const struct assay_partition *partitions; /* in the arena */
    size_t partition_count;
    uint64_t epoch_count;
};

/**
 * Read the whole log once for its table and length.
 *
 * @retval ASSAY_E_NOT_FOUND no such file. @retval ASSAY_E_FORMAT, ASSAY_E_CHECKSUM damaged.
 * @retval ASSAY_E_IO, ASSAY_E_NO_MEMORY. Owner: the arena. Thread: one at a time.
 */
ASSAY_MUST_CHECK enum assay_status assay_epoch_table_read(struct assay_epoch_table *out,
                                                          struct assay_arena *arena,
                                                          const char *path, struct assay_err *err);

/**
 * Open for repeating under @p identity (which must outlive the reader).
 *
 * @retval ASSAY_E_NOT_FOUND no such file: nothing to repeat.
 * @retval ASSAY_E_FORMAT, ASSAY_E_CHECKSUM, ASSAY_E_IO, ASSAY_E_NO_MEMORY.
 * Owner: caller, assay_epoch_reader_close(). Thread: one.
 */
ASSAY_MUST_CHECK enum assay_status assay_epoch_reader_open(
    struct assay_epoch_reader **out, const char *path, const struct assay_epoch_identity *identity,
    struct assay_err *err);
/**
 * The next epoch, its ranges by the partition table of today; borrowed until the next call.
 *
 * @retval ASSAY_E_END    no more.
 * @retval ASSAY_E_CONFIG another plan, other policies, or a partition that is gone: @p err says
 *                        which and what to do.
 * @retval ASSAY_E_FORMAT, ASSAY_E_CHECKSUM damaged. @retval ASSAY_E_IO
 */
ASSAY_MUST_CHECK enum assay_status assay_epoch_reader_next(struct assay_epoch_reader *reader,
                                                           struct assay_epoch *epoch,
                                                           struct assay_err *err);
/** Free; NULL is allowed. */
void assay_epoch_reader_close(struct assay_epoch_reader *reader);

/**
 * Read the whole log once, checking it, for where each partition begins and ends in it.
 *
 * @param[out] first per partition of @p identity the first offset taken; UINT64_MAX: none.
 * @param[out] count epochs.
 * @retval as assay_epoch_reader_open() and assay_epoch_reader_next(); a missing file is an empty
 *         log: ASSAY_OK.
 */
ASSAY_MUST_CHECK enum assay_status assay_epoch_log_scan(const char *path,
                                                        const struct assay_epoch_identity *identity,
                                                        uint64_t first[], uint64_t *count,
                                                        struct assay_err *err);

#endif
