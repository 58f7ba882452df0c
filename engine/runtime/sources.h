/*
 * engine/runtime/sources.h - the sources of assay.yaml as one partition table and its feeds.
 */
#ifndef ASSAY_RUNTIME_SOURCES_H
#define ASSAY_RUNTIME_SOURCES_H

#include "engine/config/config.h"
#include "engine/runtime/pipeline.h"

#include <stdatomic.h>

struct assay_kafka;

/** Open sources. Plain data; zero-initialised before open. */
struct assay_sources {
    const struct assay_config *config;
    struct assay_arena *arena;
    const _Atomic bool *stop;
    const struct assay_partition *partitions;
    size_t partition_count;
    struct assay_kafka *kafka; /* NULL: files */
    const char *const *paths;  /* files */
    uint32_t homes;            /* feeds that were started */
    struct assay_feed *feeds[ASSAY_SHARDS_MAX];
};

/**
 * Learn the partitions of the configured sources: one Kafka cluster, or files.
 *
 * @param arena must outlive the sources. @param stop may be NULL; once set, waiting ends.
 * @retval ASSAY_E_CONFIG      no source; a topic does not exist; a property is refused.
 * @retval ASSAY_E_UNSUPPORTED several Kafka sources, or Kafka and files together.
 * @retval ASSAY_E_UNAVAILABLE stopped while waiting for a broker. @retval ASSAY_E_NO_MEMORY
 * Owner: caller, assay_sources_close(), also after a failure. Thread: control.
 */
ASSAY_MUST_CHECK enum assay_status assay_sources_open(struct assay_sources *sources,
                                                      struct assay_arena *arena,
                                                      const struct assay_config *config,
                                                      bool until_end, const _Atomic bool *stop,
                                                      struct assay_err *err);
/**
 * The same for files alone, as partitions of their own: plain replay, and a record without a
 * configuration. @retval ASSAY_E_RANGE too many. @retval ASSAY_E_USAGE the same file twice.
 * @retval ASSAY_E_NO_MEMORY
 */
ASSAY_MUST_CHECK enum assay_status assay_sources_of_files(struct assay_sources *sources,
                                                          struct assay_arena *arena,
                                                          const struct assay_config *config,
                                                          const char *const paths[], size_t count,
                                                          struct assay_err *err);
/**
 * Open the feeds.
 *
 * @param first per partition the first offset wanted; UINT64_MAX: the earliest there is.
 * @retval ASSAY_E_NOT_FOUND, ASSAY_E_IO a file; ASSAY_E_UNAVAILABLE an offset is no longer held.
 */
ASSAY_MUST_CHECK enum assay_status assay_sources_start(struct assay_sources *sources,
                                                       const uint64_t first[], uint32_t shards,
                                                       struct assay_err *err);
/** Is this output one of the files that are read? ("-" is not: it means another stream here.) */
bool assay_sources_read(const struct assay_sources *sources, const char *path);
/** Block until a message may wait, or about @p timeout_ms. Thread: one. */
void assay_sources_wait(struct assay_sources *sources, int timeout_ms);
/** Bytes done and in all of files; zero for Kafka. */
void assay_sources_progress(const struct assay_sources *sources, uint64_t *done, uint64_t *total);
/** Close everything; what was never opened is skipped. */
void assay_sources_close(struct assay_sources *sources);

#endif
