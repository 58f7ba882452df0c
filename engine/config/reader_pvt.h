/*
 * engine/config/reader_pvt.h - from YAML nodes to checked values, by tables of keys.
 *
 * Every map of the three files has a table of the keys it may hold. The reading, the messages and
 * the generated docs come from the same rows, so they cannot say different things.
 */
#ifndef ASSAY_CONFIG_READER_PVT_H
#define ASSAY_CONFIG_READER_PVT_H

#include "engine/config/config.h"
#include "engine/config/yaml_pvt.h"

enum {
    CONFIG_NAME_BYTES_MAX = 64,
    CONFIG_KEYS_MAX = 16,    /* rows of one table */
    CONFIG_WHAT_BYTES = 128, /* `policy "credit"` */
    CONFIG_OF_BYTES = 256,   /* `"score" of policy "credit"` */
};

/** One key of a map. */
struct key_row {
    const char *name;
    const char *type;     /* what is written there, for people: "duration", "list of maps" */
    const char *fallback; /* what holds without it, as one would write it; NULL: none */
    bool required;
    bool not_built; /* part of the design; refused by name */
    const char *text;
};

/** The rows of one map and what the map is called in messages. */
struct key_table {
    const char *path; /* for docs: "sources[].kafka"; "" for the file itself */
    const struct key_row *rows;
    size_t count;
};

struct reader {
    struct assay_arena *arena;
    struct assay_diags *diags;
    const char *folder;
};

/** Zeroed memory for @p count items; NULL after a diagnostic at @p span. */
void *config_array(struct reader *reader, struct assay_span span, size_t count, size_t size);

/**
 * Match a map against its table.
 *
 * @param what  the map in messages, e.g. `policy "credit"`.
 * @param place where a missing key is reported.
 * @param[out] found one value per row, NULL when absent.
 * @return true when the node is a map; whatever else is wrong has been reported.
 */
bool config_map(struct reader *reader, const struct yaml_node *node, const char *what,
                struct assay_span place, const struct key_table *table,
                const struct yaml_node *found[]);
/**
 * Check a map whose keys are free names: a map, text keys, no key twice, no merge keys.
 *
 * @return the first key, or NULL. Skip keys for which config_key_good() is false.
 */
const struct yaml_node *config_names(struct reader *reader, const struct yaml_node *node,
                                     const char *what);
/** Is this key of a checked map usable, i.e. text and not a repetition? */
bool config_key_good(const struct yaml_node *map, const struct yaml_node *key);

/** Is it a list? Reports what stands there instead. */
bool config_list(struct reader *reader, const struct yaml_node *node, const char *what);
/** Report that @p node should have been @p wanted. @return false. */
bool config_shape(struct reader *reader, const struct yaml_node *node, const char *what,
                  const char *wanted);
/** A definition's name: letters, digits, _; not a word of the language. */
bool config_name(struct reader *reader, const struct yaml_node *node, const char *what,
                 struct assay_str *out);
/** Text that is not empty. */
bool config_text(struct reader *reader, const struct yaml_node *node, const char *what,
                 struct assay_str *out);
/** A whole number; _ may group digits. */
bool config_count(struct reader *reader, const struct yaml_node *node, const char *what,
                  uint64_t min, uint64_t max, uint64_t *out);
/** A finite number. */
bool config_real(struct reader *reader, const struct yaml_node *node, const char *what,
                 double *out);
/** true or false. */
bool config_bool(struct reader *reader, const struct yaml_node *node, const char *what, bool *out);
/** A whole number with ms, s, m, h, d or w; 0 needs no unit. */
bool config_duration(struct reader *reader, const struct yaml_node *node, const char *what,
                     int64_t min_ms, int64_t max_ms, int64_t *out_ms);
/** A whole number of bytes, or with KiB, MiB, GiB, TiB. */
bool config_size(struct reader *reader, const struct yaml_node *node, const char *what,
                 uint64_t min_bytes, uint64_t max_bytes, uint64_t *out_bytes);
/** One of @p count words; words from @p built on are refused as not built. */
bool config_word(struct reader *reader, const struct yaml_node *node, const char *what,
                 const char *const words[], size_t built, size_t count, size_t *out);
/** The bytes of an expression; refuses escapes and text that a comment cuts off. */
bool config_expression(struct reader *reader, const struct yaml_node *node, const char *what,
                       struct assay_span *out);
/** Add the hint `did you mean "..."?` for the nearest of the names. @return false: none is near. */
bool config_suggest(struct reader *reader, struct assay_str word, const char *const names[],
                    size_t count);

/**
 * Read a whole file of at most @p bytes_max bytes.
 *
 * @param path as opened.
 * @param[out] out NUL-terminated bytes.
 * @param place where to report that it cannot be read.
 */
bool config_file(struct reader *reader, const char *path, size_t bytes_max, struct assay_span place,
                 struct assay_str *out);
/** @p name relative to the folder; NULL after a diagnostic. */
const char *config_path(struct reader *reader, struct assay_str name, struct assay_span place);

/** What features.yaml gives. */
struct config_features {
    struct assay_schema *schema;
    struct assay_feature_source *sources;
    size_t source_count;
};
/** features.yaml. @return false: nothing can be compiled. */
bool config_read_features(struct reader *reader, const struct yaml_node *root,
                          struct config_features *out);
/**
 * decisions.yaml, compiled against @p plan. When that is NULL because features.yaml has mistakes,
 * what does not depend on them is reported all the same; @p features has no schema when it could
 * not be read at all.
 */
const struct assay_policies *config_read_decisions(struct reader *reader,
                                                   const struct yaml_node *root,
                                                   const struct assay_plan *plan,
                                                   const struct config_features *features);
/** The defaults of assay.yaml. NULL after a diagnostic. */
struct assay_settings *config_default_settings(struct reader *reader);
/** assay.yaml over the defaults. */
void config_read_settings(struct reader *reader, const struct yaml_node *root,
                          struct assay_settings *settings);
/** The tables of assay.yaml, for docs. */
extern const struct key_table *const config_settings_tables[];
extern const size_t config_settings_table_count;

#endif
