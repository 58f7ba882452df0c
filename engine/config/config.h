/*
 * engine/config/config.h - a folder of YAML to one checked, immutable configuration.
 *
 * features.yaml is required; decisions.yaml and assay.yaml are optional for commands that can do
 * without. All errors of all files are found in one run. Nothing here starts anything.
 */
#ifndef ASSAY_CONFIG_CONFIG_H
#define ASSAY_CONFIG_CONFIG_H

#include "features/plan.h"
#include "scorers/policy.h"

/** Most worker threads: what one process is laid out for. */
enum { ASSAY_SHARDS_MAX = 64 };

enum assay_format { ASSAY_FORMAT_JSON };

/** A librdkafka property as given under `properties:`. */
struct assay_property {
    struct assay_str key;
    struct assay_str value;
};

struct assay_kafka_source {
    struct assay_str brokers;
    const struct assay_str *topics;
    size_t topic_count;
    enum assay_format format;
    const struct assay_property *properties;
    size_t property_count;
    uint64_t peak_events_per_s; /* per partition; sizes the prefetch queues by formula */
    struct assay_span span;
};

struct assay_file_source {
    struct assay_str path; /* as to be opened; "-" is standard input; *.zst is decompressed */
    enum assay_format format;
    struct assay_span span;
};

struct assay_sink {
    enum { ASSAY_SINK_KAFKA, ASSAY_SINK_FILE } kind;
    struct assay_str brokers, topic; /* kafka */
    struct assay_str path;           /* file: JSON lines; as to be opened; "-" is standard output */
    const struct assay_property *properties;
    size_t property_count;
    struct assay_span span;
};

/** Old events of hot keys may go to disk. */
struct assay_spill_settings {
    struct assay_str folder; /* as to be opened; ptr NULL: they stay in memory */
    uint64_t bytes_max;      /* of all shards together */
    uint64_t after_bytes;    /* the newest rows of a log that stay in memory */
    struct assay_span span;
};

/** assay.yaml */
struct assay_settings {
    struct assay_str state; /* folder of epoch records and audit, as to be opened */
    uint32_t shards;
    uint64_t memory_bytes; /* of all stores together */
    uint64_t ids_max;      /* ids remembered per partition */
    uint32_t sync_ms;      /* group sync of the epoch log */
    struct assay_spill_settings spill;
    const struct assay_kafka_source *kafka_sources;
    size_t kafka_source_count;
    const struct assay_file_source *file_sources;
    size_t file_source_count;
    const struct assay_sink *sinks;
    size_t sink_count;
    const struct assay_sink *dead_letters; /* NULL: counted and logged only */
};

struct assay_config {
    const char *folder;
    const struct assay_schema *schema;
    const struct assay_plan *plan;
    const struct assay_policies *policies; /* NULL: no decisions.yaml */
    const struct assay_settings *settings; /* defaults when there is no assay.yaml */
    bool has_settings;
};

/**
 * Load and check a folder.
 *
 * @param arena receives everything, texts included.
 * @return NULL after adding at least one diagnostic (a missing features.yaml is one too).
 * Owner: the arena. Thread: one at a time. Reads files; starts nothing, contacts no one.
 */
const struct assay_config *assay_config_load(struct assay_arena *arena, const char *folder,
                                             struct assay_diags *diags);

#endif
