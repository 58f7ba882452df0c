/*
 * bench/features/batch.h - events of the stream as updates, laid out a batch at a time.
 */
#ifndef ASSAY_BENCH_FEATURES_BATCH_H
#define ASSAY_BENCH_FEATURES_BATCH_H

#include "bench/features/bench.h"

struct batch {
    struct assay_event events[BENCH_BATCH];
    struct assay_update updates[BENCH_BATCH];
    struct stream_event raw[BENCH_BATCH];
    char keys[BENCH_BATCH][BENCH_KEY_BYTES];
    char devices[STREAM_DEVICES][BENCH_KEY_BYTES];
    size_t count;
};

/** Ready an empty batch. */
void batch_open(struct batch *batch);
/** The next events of the stream: as many as fit, or as there are. */
void batch_fill(struct batch *batch, struct stream *stream);
/** Prefetch the group that begins at @p at, of @p group updates at most. */
void batch_prefetch(const struct batch *batch, const struct assay_store *store, size_t at,
                    size_t group);

#endif
