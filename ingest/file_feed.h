/*
 * ingest/file_feed.h - one or several files of JSON lines as a feed.
 *
 * Each file is one partition, in line order. Several files are merged by the smallest next event
 * time, the earlier file first among equals; a line that does not decode has no time and goes out
 * at once. This is the order of plain replay (docs/design.md).
 */
#ifndef ASSAY_INGEST_FILE_FEED_H
#define ASSAY_INGEST_FILE_FEED_H

#include "engine/base/arena.h"
#include "features/schema.h"
#include "ingest/source.h"

enum { ASSAY_FILES_MAX = 1024 };

/**
 * Open files as one feed; partition i is paths[i].
 *
 * @retval ASSAY_E_NOT_FOUND, ASSAY_E_IO, ASSAY_E_NO_MEMORY: @p err names the file.
 * Owner: caller, feed->ops->close(). Thread: one.
 */
ASSAY_MUST_CHECK enum assay_status assay_file_feed_open(struct assay_feed **out,
                                                        struct assay_arena *arena,
                                                        const struct assay_schema *schema,
                                                        const char *const paths[], size_t count,
                                                        struct assay_err *err);
/** Bytes read of all files and their sizes together (0: unknown), for progress. */
void assay_file_feed_progress(const struct assay_feed *feed, uint64_t *done, uint64_t *total);

#endif
