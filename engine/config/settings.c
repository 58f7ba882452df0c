#include "engine/base/temp_file.h"
#include "engine/config/reader_pvt.h"

#include <unistd.h>

/* assay.yaml. These tables are also what docs/configuration.md is printed from. */

enum {
    SET_STATE,
    SET_SHARDS,
    SET_MEMORY,
    SET_IDS_MAX,
    SET_SYNC,
    SET_SPILL,
    SET_SOURCES,
    SET_SINKS,
    SET_DEAD_LETTERS,
    SET_KEYS
};

static const struct key_row file_rows[SET_KEYS] = {
    [SET_STATE] = {.name = "state",
                   .type = "folder",
                   .fallback = "state",
                   .text = "Folder of the epoch log and the audit log, relative to the folder of "
                           "definitions. It is made when it is missing."},
    [SET_SHARDS] = {.name = "shards",
                    .type = "count, 1 to 64",
                    .fallback = "1",
                    .text =
                        "Worker threads, each the only writer of its part of the state. Results "
                        "do not depend on it."},
    [SET_MEMORY] = {.name = "memory",
                    .type = "bytes (MiB, GiB, TiB)",
                    .fallback = "4GiB",
                    .text = "Most memory of all shards' feature state together. It is reserved at "
                            "the start and touched as needed."},
    [SET_IDS_MAX] = {.name = "ids_max",
                     .type = "count of ids",
                     .fallback = "1_000_000",
                     .text =
                         "Event ids remembered per partition to drop duplicates. An id is "
                         "forgotten once its event would be late anyway; when the table is full "
                         "further events are set aside."},
    [SET_SYNC] = {.name = "sync",
                  .type = "duration",
                  .fallback = "10ms",
                  .text =
                      "How often the epoch log is synced to disk, one sync for all epochs since "
                      "the last. 0 syncs every epoch."},
    [SET_SPILL] = {.name = "spill",
                   .type = "a folder or a map",
                   .text = "Where old events of hot keys may go, so that a key with very many "
                           "events stays exact in bounded memory. Without it they stay in memory. "
                           "`spill: FOLDER` is short for `spill: {folder: FOLDER}`."},
    [SET_SOURCES] = {.name = "sources",
                     .type = "list of sources",
                     .text = "Where events come from: entries with one key, kafka or file."},
    [SET_SINKS] = {.name = "sinks",
                   .type = "list of sinks",
                   .text = "Where decisions go: entries with one key, kafka or file."},
    [SET_DEAD_LETTERS] = {.name = "dead_letters",
                          .type = "one sink",
                          .text = "Where refused and late events are reported. Without it they are "
                                  "counted and logged only."},
};

enum { SPILL_FOLDER, SPILL_BYTES_MAX, SPILL_AFTER, SPILL_KEYS };

static const struct key_row spill_rows[SPILL_KEYS] = {
    [SPILL_FOLDER] = {.name = "folder",
                      .type = "path of a folder",
                      .required = true,
                      .text = "A folder on a local disk, relative to the folder of definitions. It "
                              "must be there and be writable; nothing is to be seen in it, and "
                              "nothing is left when the process ends."},
    [SPILL_BYTES_MAX] = {.name = "bytes_max",
                         .type = "bytes (MiB, GiB, TiB)",
                         .fallback = "16GiB",
                         .text = "Most room on the disk, of all shards together. It is taken as it "
                                 "is needed. Where a shard's part of it and of `memory` together "
                                 "are more than 64 GiB, memory is handed out in larger pieces."},
    [SPILL_AFTER] = {.name = "after",
                     .type = "bytes (KiB, MiB, GiB)",
                     .fallback = "1MiB",
                     .text = "The newest events of a key that stay in memory, a stream; a number "
                             "takes 4 or 8 bytes. What is older moves."},
};

enum { KAFKA_BROKERS, KAFKA_TOPICS, KAFKA_FORMAT, KAFKA_PROPERTIES, KAFKA_PEAK, KAFKA_KEYS };

static const struct key_row kafka_source_rows[KAFKA_KEYS] = {
    [KAFKA_BROKERS] = {.name = "brokers",
                       .type = "host:port, ...",
                       .required = true,
                       .text = "Brokers to ask for the cluster."},
    [KAFKA_TOPICS] = {.name = "topics",
                      .type = "list of topics",
                      .required = true,
                      .text = "Topics to read, all partitions of each."},
    [KAFKA_FORMAT] = {.name = "format",
                      .type = "json",
                      .fallback = "json",
                      .text = "Encoding of the messages."},
    [KAFKA_PROPERTIES] = {.name = "properties",
                          .type = "map of texts",
                          .text = "Properties of librdkafka, by its own names; checked when the "
                                  "source opens."},
    [KAFKA_PEAK] = {.name = "peak_events",
                    .type = "events a second",
                    .fallback = "20_000",
                    .text = "Most events a second of one partition; sizes the prefetch queue."},
};

enum { FILE_PATH, FILE_FORMAT, FILE_KEYS };

static const struct key_row file_source_rows[FILE_KEYS] = {
    [FILE_PATH] =
        {.name = "path",
         .type = "file",
         .required = true,
         .text = "JSON lines, relative to the folder of definitions; - is standard input, *.zst is "
                 "decompressed. "
                 "`file: PATH` is short for `file: {path: PATH}`."},
    [FILE_FORMAT] = {.name = "format",
                     .type = "json",
                     .fallback = "json",
                     .text = "Encoding of the lines."},
};

enum { SINK_BROKERS, SINK_TOPIC, SINK_PROPERTIES, SINK_KEYS };

static const struct key_row kafka_sink_rows[SINK_KEYS] = {
    [SINK_BROKERS] = {.name = "brokers",
                      .type = "host:port, ...",
                      .text = "Brokers to ask for the cluster; without it those of the first "
                              "kafka source."},
    [SINK_TOPIC] = {.name = "topic",
                    .type = "topic",
                    .required = true,
                    .text = "Topic to write to."},
    [SINK_PROPERTIES] = {.name = "properties",
                         .type = "map of texts",
                         .text =
                             "Properties of librdkafka, by its own names; checked when the sink "
                             "opens."},
};

static const struct key_row file_sink_rows[] = {
    {.name = "path",
     .type = "file",
     .required = true,
     .text = "JSON lines are appended; relative to the folder of definitions; - is standard "
             "output. `file: PATH` is short for "
             "`file: {path: PATH}`."},
};

static const struct key_table file_table = {"", file_rows, SET_KEYS};
static const struct key_table spill_table = {"spill", spill_rows, SPILL_KEYS};
static const struct key_table kafka_source_table = {"sources[].kafka", kafka_source_rows,
                                                    KAFKA_KEYS};
static const struct key_table file_source_table = {"sources[].file", file_source_rows, FILE_KEYS};
static const struct key_table kafka_sink_table = {"sinks[].kafka, dead_letters.kafka",
                                                  kafka_sink_rows, SINK_KEYS};
static const struct key_table file_sink_table = {"sinks[].file, dead_letters.file", file_sink_rows,
                                                 1};

const struct key_table *const config_settings_tables[] = {&file_table,         &spill_table,
                                                          &kafka_source_table, &file_source_table,
                                                          &kafka_sink_table,   &file_sink_table};
const size_t config_settings_table_count =
    sizeof config_settings_tables / sizeof config_settings_tables[0];

/* The kinds of an entry; what stands behind the built ones is refused by name. */
enum { KIND_KAFKA, KIND_FILE, KINDS };

static const struct key_row source_rows[] = {
    {.name = "kafka", .type = "a map"}, {.name = "file", .type = "a path or a map"},
    {.name = "udp", .not_built = true}, {.name = "dpdk", .not_built = true},
    {.name = "log", .not_built = true}, {.name = "http", .not_built = true},
};
static const struct key_table source_table = {"sources[]", source_rows, 6};
static const struct key_table sink_table = {"sinks[]", source_rows, 2};

/* One key, its value beside it. @return KINDS: reported. */
static size_t read_kind(struct reader *reader, const struct yaml_node *node, const char *what,
                        const struct key_table *table, const struct yaml_node **value)
{
    const struct yaml_node *found[CONFIG_KEYS_MAX];
    const size_t before = assay_diags_count(reader->diags);
    if (!config_map(reader, node, what, node->span, table, found) ||
        assay_diags_count(reader->diags) > before) {
        return KINDS;
    }
    if ((found[KIND_KAFKA] != NULL) == (found[KIND_FILE] != NULL)) {
        assay_diag_add(reader->diags, ASSAY_DIAG_SHAPE, node->span,
                       "%s must have exactly one key, kafka or file", what);
        return KINDS;
    }
    const size_t kind = found[KIND_KAFKA] != NULL ? KIND_KAFKA : KIND_FILE;
    *value = found[kind];
    return kind;
}

/* A path as to be opened: what is relative is relative to the folder; "-" is a stream. */
static void read_path(struct reader *reader, const struct yaml_node *node, const char *what,
                      struct assay_str *out)
{
    struct assay_str given;
    if (!config_text(reader, node, what, &given)) {
        return;
    }
    const char *path =
        assay_str_equal(given, assay_str_of("-")) ? "-" : config_path(reader, given, node->span);
    *out = path == NULL ? given : assay_str_of(path);
}

static void read_format(struct reader *reader, const struct yaml_node *node, const char *what,
                        enum assay_format *out)
{
    static const char *const words[] = {"json", "msgpack", "avro", "protobuf", "csv"};
    char of[CONFIG_OF_BYTES];
    size_t word = 0;
    *out = ASSAY_FORMAT_JSON;
    if (node != NULL) {
        (void)snprintf(of, sizeof of, "\"format\" of %s", what);
        (void)config_word(reader, node, of, words, 1, sizeof words / sizeof words[0], &word);
    }
}

static void read_properties(struct reader *reader, const struct yaml_node *map, const char *what,
                            const struct assay_property **out, size_t *out_count)
{
    char of[CONFIG_OF_BYTES];
    if (map == NULL || map->kind == YAML_NULL) {
        return;
    }
    (void)snprintf(of, sizeof of, "\"properties\" of %s", what);
    const struct yaml_node *key = config_names(reader, map, of);
    struct assay_property *list = config_array(reader, map->span, map->count, sizeof *list);
    size_t count = 0;
    for (; list != NULL && key != NULL; key = key->next->next) {
        char value[CONFIG_WHAT_BYTES];
        if (!config_key_good(map, key)) {
            continue;
        }
        if (assay_str_equal(key->text, assay_str_of("bootstrap.servers")) ||
            assay_str_equal(key->text, assay_str_of("metadata.broker.list"))) {
            assay_diag_add(reader->diags, ASSAY_DIAG_VALUE, key->span,
                           "\"%.*s\" is given by \"brokers\"", (int)key->text.len, key->text.ptr);
            continue;
        }
        (void)snprintf(value, sizeof value, "property \"%.*s\"",
                       (int)(key->text.len < 64 ? key->text.len : 64), key->text.ptr);
        list[count].key = key->text;
        count += config_text(reader, key->next, value, &list[count].value) ? 1 : 0;
    }
    *out = list;
    *out_count = count;
}

static void read_topics(struct reader *reader, const struct yaml_node *node, const char *what,
                        struct assay_kafka_source *out)
{
    char of[CONFIG_OF_BYTES];
    (void)snprintf(of, sizeof of, "\"topics\" of %s", what);
    if (!config_list(reader, node, of)) {
        return;
    }
    if (node->count == 0) {
        assay_diag_add(reader->diags, ASSAY_DIAG_VALUE, node->span, "%s must name a topic", of);
        return;
    }
    struct assay_str *topics = config_array(reader, node->span, node->count, sizeof *topics);
    const struct yaml_node *item = node->first;
    for (; topics != NULL && item != NULL; item = item->next) {
        struct assay_str topic;
        if (!config_text(reader, item, "a topic", &topic)) {
            continue;
        }
        for (size_t i = 0; i < out->topic_count; i++) {
            if (assay_str_equal(topics[i], topic)) {
                assay_diag_add(reader->diags, ASSAY_DIAG_DUPLICATE, item->span,
                               "topic \"%.*s\" is given twice", (int)topic.len, topic.ptr);
            }
        }
        topics[out->topic_count++] = topic;
    }
    out->topics = topics;
}

static void read_kafka_source(struct reader *reader, const struct yaml_node *node,
                              struct assay_kafka_source *out)
{
    static const char what[] = "a kafka source";
    const struct yaml_node *found[KAFKA_KEYS];
    *out = (struct assay_kafka_source){.peak_events_per_s = 20000, .span = node->span};
    if (!config_map(reader, node, what, node->span, &kafka_source_table, found)) {
        return;
    }
    if (found[KAFKA_BROKERS] != NULL) {
        (void)config_text(reader, found[KAFKA_BROKERS], "\"brokers\" of a kafka source",
                          &out->brokers);
    }
    if (found[KAFKA_TOPICS] != NULL) {
        read_topics(reader, found[KAFKA_TOPICS], what, out);
    }
    read_format(reader, found[KAFKA_FORMAT], what, &out->format);
    read_properties(reader, found[KAFKA_PROPERTIES], what, &out->properties, &out->property_count);
    if (found[KAFKA_PEAK] != NULL) {
        (void)config_count(reader, found[KAFKA_PEAK], "\"peak_events\" of a kafka source", 1,
                           100000000, &out->peak_events_per_s);
    }
}

static void read_file_source(struct reader *reader, const struct yaml_node *node,
                             struct assay_file_source *out)
{
    static const char what[] = "a file source";
    const struct yaml_node *found[FILE_KEYS];
    *out = (struct assay_file_source){.span = node->span};
    if (node->kind == YAML_SCALAR) {
        read_path(reader, node, what, &out->path);
        return;
    }
    if (config_map(reader, node, what, node->span, &file_source_table, found)) {
        if (found[FILE_PATH] != NULL) {
            read_path(reader, found[FILE_PATH], "\"path\" of a file source", &out->path);
        }
        read_format(reader, found[FILE_FORMAT], what, &out->format);
    }
}

static void read_kafka_sink(struct reader *reader, const struct yaml_node *node, const char *what,
                            const struct assay_settings *settings, struct assay_sink *out)
{
    const struct yaml_node *found[SINK_KEYS];
    if (!config_map(reader, node, what, node->span, &kafka_sink_table, found)) {
        return;
    }
    if (found[SINK_BROKERS] != NULL) {
        (void)config_text(reader, found[SINK_BROKERS], "\"brokers\"", &out->brokers);
    } else if (settings->kafka_source_count > 0) {
        out->brokers = settings->kafka_sources[0].brokers;
    } else {
        assay_diag_add(reader->diags, ASSAY_DIAG_MISSING, node->span, "%s lacks \"brokers\"", what);
        assay_diag_hint(reader->diags, "only with a kafka source can they be left out");
    }
    if (found[SINK_TOPIC] != NULL) {
        (void)config_text(reader, found[SINK_TOPIC], "\"topic\"", &out->topic);
    }
    read_properties(reader, found[SINK_PROPERTIES], what, &out->properties, &out->property_count);
}

static bool read_sink(struct reader *reader, const struct yaml_node *node, const char *what,
                      const struct assay_settings *settings, struct assay_sink *out)
{
    const struct yaml_node *value = NULL;
    const struct yaml_node *found[1];
    const size_t kind = read_kind(reader, node, what, &sink_table, &value);
    if (kind == KINDS) {
        return false;
    }
    *out = (struct assay_sink){.kind = kind == KIND_KAFKA ? ASSAY_SINK_KAFKA : ASSAY_SINK_FILE,
                               .span = value->span};
    if (kind == KIND_KAFKA) {
        read_kafka_sink(reader, value, what, settings, out);
    } else if (value->kind == YAML_SCALAR) {
        read_path(reader, value, what, &out->path);
    } else if (config_map(reader, value, what, value->span, &file_sink_table, found) &&
               found[0] != NULL) {
        read_path(reader, found[0], "\"path\"", &out->path);
    }
    return true;
}

static void read_sources(struct reader *reader, const struct yaml_node *list,
                         struct assay_settings *settings)
{
    if (list == NULL || !config_list(reader, list, "\"sources\"")) {
        return;
    }
    struct assay_kafka_source *kafka = config_array(reader, list->span, list->count, sizeof *kafka);
    struct assay_file_source *files = config_array(reader, list->span, list->count, sizeof *files);
    if (kafka == NULL || files == NULL) {
        return;
    }
    for (const struct yaml_node *item = list->first; item != NULL; item = item->next) {
        const struct yaml_node *value = NULL;
        const size_t kind = read_kind(reader, item, "a source", &source_table, &value);
        if (kind == KIND_KAFKA) {
            read_kafka_source(reader, value, &kafka[settings->kafka_source_count++]);
        } else if (kind == KIND_FILE) {
            read_file_source(reader, value, &files[settings->file_source_count++]);
        }
    }
    settings->kafka_sources = kafka;
    settings->file_sources = files;
}

static void read_sinks(struct reader *reader, const struct yaml_node *list,
                       const struct yaml_node *dead, struct assay_settings *settings)
{
    if (list != NULL && config_list(reader, list, "\"sinks\"")) {
        struct assay_sink *sinks = config_array(reader, list->span, list->count, sizeof *sinks);
        const struct yaml_node *item = list->first;
        for (; sinks != NULL && item != NULL; item = item->next) {
            struct assay_sink *sink = &sinks[settings->sink_count];
            settings->sink_count += read_sink(reader, item, "a sink", settings, sink) ? 1 : 0;
        }
        settings->sinks = sinks;
    }
    if (dead != NULL) {
        struct assay_sink *sink = config_array(reader, dead->span, 1, sizeof *sink);
        if (sink != NULL && read_sink(reader, dead, "\"dead_letters\"", settings, sink)) {
            settings->dead_letters = sink;
        }
    }
}

/* A file is made and taken away: no other question tells whether one can be. */
static void check_spill_folder(struct reader *reader, const struct yaml_node *node,
                               struct assay_str folder)
{
    struct assay_err err;
    int fd = -1;
    if (assay_temp_file_open(&fd, folder.ptr, &err) == ASSAY_OK) {
        (void)close(fd);
        return;
    }
    assay_diag_add(reader->diags, ASSAY_DIAG_SPILL_FOLDER, node->span, "%s: %s", err.where,
                   err.what);
    assay_diag_hint(reader->diags, "make the folder, give this user the right to write there, or "
                                   "name another one");
}

static void read_spill(struct reader *reader, const struct yaml_node *node,
                       struct assay_settings *settings)
{
    struct assay_spill_settings *spill = &settings->spill;
    const struct yaml_node *found[SPILL_KEYS] = {[SPILL_FOLDER] = node};
    const size_t before = assay_diags_count(reader->diags);
    spill->span = node->span;
    if (node->kind != YAML_SCALAR &&
        !config_map(reader, node, "\"spill\"", node->span, &spill_table, found)) {
        return;
    }
    if (found[SPILL_FOLDER] != NULL) {
        read_path(reader, found[SPILL_FOLDER], "\"folder\" of \"spill\"", &spill->folder);
    }
    if (found[SPILL_BYTES_MAX] != NULL) {
        (void)config_size(reader, found[SPILL_BYTES_MAX], "\"bytes_max\" of \"spill\"",
                          UINT64_C(1) << 20, UINT64_C(64) << 40, &spill->bytes_max);
    }
    if (found[SPILL_AFTER] != NULL) {
        (void)config_size(reader, found[SPILL_AFTER], "\"after\" of \"spill\"", 0,
                          UINT64_C(1) << 30, &spill->after_bytes);
    }
    if (spill->folder.ptr != NULL && assay_diags_count(reader->diags) == before) {
        check_spill_folder(reader, found[SPILL_FOLDER], spill->folder);
    }
}

struct assay_settings *config_default_settings(struct reader *reader)
{
    const struct assay_span nowhere = {0};
    struct assay_settings *settings = config_array(reader, nowhere, 1, sizeof *settings);
    const char *state = config_path(reader, assay_str_of("state"), nowhere);
    if (settings != NULL && state != NULL) {
        *settings = (struct assay_settings){
            .state = assay_str_of(state),
            .shards = 1,
            .memory_bytes = UINT64_C(4) << 30,
            .ids_max = 1000000,
            .sync_ms = 10,
            .spill = {.bytes_max = UINT64_C(16) << 30, .after_bytes = UINT64_C(1) << 20},
        };
    }
    return state == NULL ? NULL : settings;
}

void config_read_settings(struct reader *reader, const struct yaml_node *root,
                          struct assay_settings *settings)
{
    const struct yaml_node *found[SET_KEYS];
    uint64_t shards = settings->shards;
    int64_t sync_ms = settings->sync_ms;
    if (root->kind == YAML_NULL ||
        !config_map(reader, root, "assay.yaml", root->span, &file_table, found)) {
        return; /* an empty file says nothing: the defaults hold */
    }
    if (found[SET_STATE] != NULL) {
        read_path(reader, found[SET_STATE], "\"state\"", &settings->state);
    }
    if (found[SET_SHARDS] != NULL) {
        (void)config_count(reader, found[SET_SHARDS], "\"shards\"", 1, ASSAY_SHARDS_MAX, &shards);
    }
    if (found[SET_MEMORY] != NULL) {
        (void)config_size(reader, found[SET_MEMORY], "\"memory\"", UINT64_C(16) << 20,
                          UINT64_C(64) << 40, &settings->memory_bytes);
    }
    if (found[SET_IDS_MAX] != NULL) {
        (void)config_count(reader, found[SET_IDS_MAX], "\"ids_max\"", 1, UINT64_C(4000000000),
                           &settings->ids_max);
    }
    if (found[SET_SYNC] != NULL) {
        (void)config_duration(reader, found[SET_SYNC], "\"sync\"", 0, 60000, &sync_ms);
    }
    if (found[SET_SPILL] != NULL) {
        read_spill(reader, found[SET_SPILL], settings);
    }
    settings->shards = (uint32_t)shards;
    settings->sync_ms = (uint32_t)sync_ms;
    read_sources(reader, found[SET_SOURCES], settings);
    read_sinks(reader, found[SET_SINKS], found[SET_DEAD_LETTERS], settings);
}
