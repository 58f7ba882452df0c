/*
 * bench/features/bench.h - what the modes of bench_features share.
 *
 * The definitions come from a folder through the real loader, and everything goes through the
 * store's public functions, as in the engine.
 */
#ifndef ASSAY_BENCH_FEATURES_BENCH_H
#define ASSAY_BENCH_FEATURES_BENCH_H

#include "bench/features/stream.h"
#include "engine/base/clock.h"
#include "engine/config/config.h"
#include "engine/runtime/spill_files.h"
#include "features/store.h"

#include <stdio.h>

enum { BENCH_FEATURES_MAX = 4096, BENCH_BATCH = 256, BENCH_KEY_BYTES = 16 };

struct bench_options {
    const char *folder;
    const char *events_file; /* write the stream there */
    const char *values_file; /* write every value after every event there, as f64 */
    enum stream_mix mix;
    uint64_t keys;
    uint64_t events;
    uint64_t warm_percent; /* of the events come before the clock starts */
    uint64_t memory_bytes;
    uint64_t state_bytes; /* row: fill the store up to this; lines: bytes of all records */
    uint64_t lines;       /* of a record that an event touches */
    uint64_t group;       /* updates prefetched together */
    uint64_t rounds;      /* beside: each once without and once with a reader */
    uint64_t limit_s;     /* rate: of CPU time, then the stream ends where it is; 0: none */
};

struct bench {
    struct assay_arena *arena;
    struct assay_arena *scratch;
    struct assay_arena_mark scratch_start;
    const struct assay_plan *plan;
    struct assay_store *store;
    struct assay_spill_files *spill; /* NULL: the folder's assay.yaml says nothing of it */
    uint64_t rss_before_bytes;
    uint32_t features[BENCH_FEATURES_MAX];
    struct assay_value values[BENCH_FEATURES_MAX];
};

/** Load the folder and make a store. @return false after saying why on stderr. */
bool bench_open(struct bench *bench, const struct bench_options *options);
void bench_close(struct bench *bench);
/** Bytes of this process that lie in memory now. */
uint64_t bench_rss_bytes(void);
/** Lay "<letter><number>" at @p text (BENCH_KEY_BYTES of room). */
struct assay_str bench_key(char *text, char letter, uint32_t number);

/** Events a second, values after each of them; the mode `rate`. @return an exit code. */
int bench_rate(const struct bench_options *options);
/** Time to read all features of one key of every entity; the mode `row`. */
int bench_row(const struct bench_options *options);
/** The writer's time an event without and with a reader thread; the mode `beside`. */
int bench_beside(const struct bench_options *options);
/** What the machine takes to read lines of random records; the mode `lines`. */
int bench_lines(const struct bench_options *options);

#endif
