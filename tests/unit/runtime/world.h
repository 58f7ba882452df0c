/*
 * tests/unit/runtime/world.h - a small lender for the runtime's tests: definitions, seeded events,
 * and a feed that gives messages from memory in whatever pieces the test's seed says.
 */
#ifndef ASSAY_TESTS_RUNTIME_WORLD_H
#define ASSAY_TESTS_RUNTIME_WORLD_H

#include "tests/support/cmocka_all.h"

#include "engine/config/config.h"
#include "engine/runtime/pipeline.h"

enum { WORLD_PARTITIONS_MAX = 8 };

/** Definitions, compiled. */
struct world {
    struct assay_arena *arena;
    struct assay_schema schema;
    struct assay_settings settings;
    struct assay_config config; /* plan, policies, settings */
};

/** Build the definitions. @p policies: with them. */
void world_init(struct world *world, bool policies);
void world_fini(struct world *world);
/** Policies over the plan that is already there. */
const struct assay_policies *world_policies(struct world *world);

/** Messages of all partitions, as a broker would hold them. */
struct history {
    size_t partition_count;
    struct assay_partition partitions[WORLD_PARTITIONS_MAX];
    size_t counts[WORLD_PARTITIONS_MAX];
    struct assay_str *lines[WORLD_PARTITIONS_MAX];
    struct assay_arena *arena;
};

/** @p events events, spread over partitions, with late, duplicate, malformed and two-role ones. */
void history_init(struct history *history, uint64_t seed, size_t partitions, size_t events);
void history_fini(struct history *history);

/** A feed of the partitions p with p mod homes = home. */
struct memory_feed {
    struct assay_feed base;
    const struct history *history;
    uint32_t home;
    uint32_t homes;
    uint64_t random; /* sizes of the pieces; 0: as much as there is room for */
    uint64_t next[WORLD_PARTITIONS_MAX];
    uint64_t fail_after; /* messages; then failure() says so; 0: never */
    uint64_t given;
};

void memory_feed_init(struct memory_feed *feed, const struct history *history, uint32_t home,
                      uint32_t homes, uint64_t seed);

/** Text that grows: what an emitter wrote. */
struct tape {
    char *text;
    size_t used;
    size_t size;
};

void tape_add(struct tape *tape, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Everything of a row or decision that must be equal, as text; numbers by their bits. */
void tape_add_values(struct tape *tape, const struct assay_value values[], size_t count);
void tape_add_decision(struct tape *tape, const struct assay_decision *decision,
                       const struct assay_policies *policies);

#endif
