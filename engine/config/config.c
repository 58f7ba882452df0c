#include "engine/config/config.h"

#include "engine/config/reader_pvt.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * All three files are read whatever the others hold, so that one run reports everything; rules and
 * features are compiled as far as what they rest on is good.
 */

static const struct yaml_node *read_yaml(struct reader *reader, const char *name)
{
    const struct assay_span nowhere = {0};
    const char *path = config_path(reader, assay_str_of(name), nowhere);
    struct assay_text *text = config_array(reader, nowhere, 1, sizeof *text);
    struct assay_str bytes = {0};
    if (path == NULL || text == NULL) {
        return NULL;
    }
    text->path = path;
    text->data = "";
    const struct assay_span place = {.text = text};
    if (!config_file(reader, path, YAML_BYTES_MAX, place, &bytes)) {
        return NULL;
    }
    const bool marked = bytes.len >= 3 && memcmp(bytes.ptr, "\xEF\xBB\xBF", 3) == 0;
    text->data = bytes.ptr + (marked ? 3 : 0); /* a byte order mark is no part of line 1 */
    text->len = bytes.len - (marked ? 3U : 0U);
    return assay_yaml_read(reader->arena, text, reader->diags);
}

static bool is_there(struct reader *reader, const char *name)
{
    const char *path = config_path(reader, assay_str_of(name), (struct assay_span){0});
    return path != NULL && access(path, F_OK) == 0;
}

static void load_features(struct reader *reader, struct assay_config *config,
                          struct config_features *features)
{
    const struct yaml_node *root = read_yaml(reader, "features.yaml");
    if (root == NULL || !config_read_features(reader, root, features)) {
        *features = (struct config_features){0};
        return;
    }
    config->schema = features->schema;
    config->plan = assay_plan_compile(reader->arena, features->schema, features->sources,
                                      features->source_count, reader->diags);
}

static void load_decisions(struct reader *reader, struct assay_config *config,
                           const struct config_features *features)
{
    if (!is_there(reader, "decisions.yaml")) {
        return;
    }
    const struct yaml_node *root = read_yaml(reader, "decisions.yaml");
    if (root != NULL) {
        config->policies = config_read_decisions(reader, root, config->plan, features);
    }
}

static void load_settings(struct reader *reader, struct assay_config *config)
{
    struct assay_settings *settings = config_default_settings(reader);
    config->settings = settings;
    if (settings == NULL || !is_there(reader, "assay.yaml")) {
        return;
    }
    config->has_settings = true;
    const struct yaml_node *root = read_yaml(reader, "assay.yaml");
    if (root != NULL) {
        config_read_settings(reader, root, settings);
    }
}

const struct assay_config *assay_config_load(struct assay_arena *arena, const char *folder,
                                             struct assay_diags *diags)
{
    ASSAY_ASSERT(arena != NULL && folder != NULL && diags != NULL);
    const size_t before = assay_diags_count(diags);
    const struct assay_str copy =
        assay_arena_copy(arena, assay_str_of(folder[0] == '\0' ? "." : folder));
    struct assay_config *config = assay_arena_alloc(arena, sizeof *config);
    if (copy.ptr == NULL || config == NULL) {
        assay_diag_add(diags, ASSAY_DIAG_LIMIT, (struct assay_span){0}, "out of memory");
        return NULL;
    }
    struct reader reader = {.arena = arena, .diags = diags, .folder = copy.ptr};
    config->folder = copy.ptr;
    struct config_features features = {0};
    load_features(&reader, config, &features);
    load_decisions(&reader, config, &features);
    load_settings(&reader, config);
    if (assay_diags_count(diags) > before) {
        return NULL;
    }
    ASSAY_ASSERT(config->plan != NULL && config->settings != NULL);
    return config;
}
