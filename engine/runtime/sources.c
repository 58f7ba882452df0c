#include "engine/runtime/sources.h"

#include "engine/base/same_file.h"
#include "engine/runtime/state_folder.h"
#include "ingest/file_feed.h"
#include "ingest/kafka.h"

#include <time.h>

static enum assay_status refuse_mixture(const struct assay_settings *settings,
                                        struct assay_err *err)
{
    (void)assay_err_set(err, ASSAY_E_UNSUPPORTED, "sources", "this mixture of sources");
    assay_err_value(err, "%zu kafka and %zu file sources", settings->kafka_source_count,
                    settings->file_source_count);
    assay_err_allowed(err, "one kafka source with any number of topics, or files");
    return ASSAY_E_UNSUPPORTED;
}

static enum assay_status open_kafka(struct assay_sources *sources, bool until_end,
                                    struct assay_err *err)
{
    const struct assay_kafka_source *source = sources->config->settings->kafka_sources;
    struct assay_kafka_property *properties =
        assay_arena_array(sources->arena, source->property_count + 1, sizeof *properties);
    if (properties == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "kafka source", "no memory for properties");
    }
    for (size_t p = 0; p < source->property_count; p++) {
        properties[p] = (struct assay_kafka_property){.key = source->properties[p].key,
                                                      .value = source->properties[p].value};
    }
    const struct assay_kafka_options options = {
        .brokers = source->brokers,
        .topics = source->topics,
        .topic_count = source->topic_count,
        .properties = properties,
        .property_count = source->property_count,
        .peak_events_per_s = source->peak_events_per_s,
        .until_end = until_end,
        .stop = sources->stop,
    };
    const enum assay_status status = assay_kafka_open(&sources->kafka, &options, err);
    if (status == ASSAY_OK) {
        sources->partitions = assay_kafka_partitions(sources->kafka, &sources->partition_count);
    }
    return status;
}

/* One file as two inputs would count every event twice, under the same decision ids. */
static enum assay_status refuse_twice(const char *const paths[], size_t count,
                                      enum assay_status status, struct assay_err *err)
{
    for (size_t i = 1; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (assay_same_file(paths[i], paths[j])) {
                (void)assay_err_set(err, status, "inputs", "the same file is given twice");
                assay_err_value(err, "%s", paths[i]);
                assay_err_remedy(err, "name each input once");
                return status;
            }
        }
    }
    return ASSAY_OK;
}

static enum assay_status open_files(struct assay_sources *sources, struct assay_err *err)
{
    const struct assay_settings *settings = sources->config->settings;
    const char **paths =
        assay_arena_array(sources->arena, settings->file_source_count, sizeof *paths);
    if (paths == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "sources", "no memory for their names");
    }
    for (size_t i = 0; i < settings->file_source_count; i++) {
        paths[i] = assay_arena_copy(sources->arena, settings->file_sources[i].path).ptr;
        if (paths[i] == NULL) {
            return assay_err_set(err, ASSAY_E_NO_MEMORY, "sources", "no memory for their names");
        }
    }
    const enum assay_status status =
        refuse_twice(paths, settings->file_source_count, ASSAY_E_CONFIG, err);
    return status == ASSAY_OK ? assay_sources_of_files(sources, sources->arena, sources->config,
                                                       paths, settings->file_source_count, err)
                              : status;
}

enum assay_status assay_sources_open(struct assay_sources *sources, struct assay_arena *arena,
                                     const struct assay_config *config, bool until_end,
                                     const _Atomic bool *stop, struct assay_err *err)
{
    ASSAY_ASSERT(sources != NULL && arena != NULL && config != NULL);
    const struct assay_settings *settings = config->settings;
    *sources = (struct assay_sources){.config = config, .arena = arena, .stop = stop};
    if (settings->kafka_source_count + settings->file_source_count == 0) {
        (void)assay_err_set(err, ASSAY_E_CONFIG, "sources", "there is none");
        assay_err_remedy(err, "name a kafka topic or a file under `sources:` of assay.yaml");
        return ASSAY_E_CONFIG;
    }
    if (settings->kafka_source_count > 1 ||
        (settings->kafka_source_count > 0 && settings->file_source_count > 0)) {
        return refuse_mixture(settings, err);
    }
    return settings->kafka_source_count > 0 ? open_kafka(sources, until_end, err)
                                            : open_files(sources, err);
}

enum assay_status assay_sources_of_files(struct assay_sources *sources, struct assay_arena *arena,
                                         const struct assay_config *config,
                                         const char *const paths[], size_t count,
                                         struct assay_err *err)
{
    ASSAY_ASSERT(sources != NULL && arena != NULL && config != NULL);
    if (count == 0 || count > ASSAY_FILES_MAX) {
        (void)assay_err_set(err, ASSAY_E_RANGE, "inputs", "number of files");
        assay_err_value(err, "%zu", count);
        assay_err_allowed(err, "1 to %d", ASSAY_FILES_MAX);
        return ASSAY_E_RANGE;
    }
    struct assay_partition *partitions = assay_arena_array(arena, count, sizeof *partitions);
    if (partitions == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "inputs", "no memory for their names");
    }
    const enum assay_status status = refuse_twice(paths, count, ASSAY_E_USAGE, err);
    if (status != ASSAY_OK) {
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        partitions[i] = (struct assay_partition){.source = assay_str_of("file"),
                                                 .topic = assay_str_of(paths[i])};
    }
    sources->config = config;
    sources->arena = arena;
    sources->paths = paths;
    sources->partitions = partitions;
    sources->partition_count = count;
    return ASSAY_OK;
}

enum assay_status assay_sources_start(struct assay_sources *sources, const uint64_t first[],
                                      uint32_t shards, struct assay_err *err)
{
    ASSAY_ASSERT(sources->homes == 0 && sources->partition_count > 0);
    if (sources->kafka == NULL) {
        const enum assay_status status =
            assay_file_feed_open(&sources->feeds[0], sources->arena, sources->config->schema,
                                 sources->paths, sources->partition_count, err);
        sources->homes = status == ASSAY_OK ? 1 : 0;
        return status;
    }
    const uint32_t homes =
        sources->partition_count < shards ? (uint32_t)sources->partition_count : shards;
    enum assay_status status = ASSAY_OK;
    while (sources->homes < homes && status == ASSAY_OK) {
        status = assay_kafka_feed_open(&sources->feeds[sources->homes], sources->kafka,
                                       sources->homes, homes, first, err);
        sources->homes += status == ASSAY_OK ? 1 : 0;
    }
    return status;
}

bool assay_sources_read(const struct assay_sources *sources, const char *path)
{
    bool read = false;
    for (size_t i = 0; sources->paths != NULL && i < sources->partition_count && !read; i++) {
        read = strcmp(path, "-") != 0 && assay_same_file(path, sources->paths[i]);
    }
    return read;
}

void assay_sources_wait(struct assay_sources *sources, int timeout_ms)
{
    if (sources->kafka != NULL) {
        assay_kafka_wait(sources->kafka, timeout_ms);
        return;
    }
    const struct timespec pause = {.tv_nsec = 1000000L * (timeout_ms < 20 ? timeout_ms : 20)};
    (void)nanosleep(&pause, NULL);
}

void assay_sources_progress(const struct assay_sources *sources, uint64_t *done, uint64_t *total)
{
    *done = 0;
    *total = 0;
    if (sources->kafka == NULL && sources->homes > 0) {
        assay_file_feed_progress(sources->feeds[0], done, total);
    }
}

void assay_sources_close(struct assay_sources *sources)
{
    for (uint32_t h = 0; h < sources->homes; h++) {
        sources->feeds[h]->ops->close(sources->feeds[h]);
    }
    assay_kafka_close(sources->kafka);
    sources->homes = 0;
    sources->kafka = NULL;
}
