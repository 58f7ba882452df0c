/*
 * engine/cli/inspect_pvt.h - what `assay features` found out, told to people and programs.
 */
#ifndef ASSAY_CLI_INSPECT_PVT_H
#define ASSAY_CLI_INSPECT_PVT_H

#include "features/inspect.h"
#include "features/plan_view.h"

#include <stdio.h>

/* A key looked into. */
struct inspect_key_report {
    const struct assay_plan *plan;
    const struct assay_plan_views *views;
    uint32_t entity;
    struct assay_str key;
    uint32_t shard;
    bool at_newest; /* no time was asked for */
    bool definitions;
    struct assay_key_facts facts;
    struct assay_inspection seen;
};

/* The stores of all shards looked into. */
struct inspect_store_report {
    const struct assay_plan *plan;
    uint32_t shards;
    struct assay_store_stats stats; /* sums */
    struct assay_memory_facts memory;
    const struct assay_entity_facts *entities;
    /* per entity: hot_max places, hot_counts of them in use, the hottest first */
    size_t hot_max;
    const size_t *hot_counts;
    const struct assay_hot_key *hot;
    const uint64_t *hot_totals;   /* events counted */
    const uint64_t *hot_unlisted; /* the most that a key without a counter can have */
};

/* As a table, grouped by event. */
void assay_inspect_print_key(const struct inspect_key_report *report, FILE *out);
/* As one JSON object. */
void assay_inspect_print_key_json(const struct inspect_key_report *report, FILE *out);
void assay_inspect_print_store(const struct inspect_store_report *report, FILE *out);
void assay_inspect_print_store_json(const struct inspect_store_report *report, FILE *out);

#endif
