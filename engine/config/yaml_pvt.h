/*
 * engine/config/yaml_pvt.h - one YAML file as a tree whose every node knows its bytes.
 *
 * Why not the library's own documents: they stop at the first duplicate key and forget where empty
 * values stand. The tree here is built from the parser's events, is bounded in depth and size, and
 * keeps for each scalar both its value and the bytes of the source it was written with, so that an
 * expression is read where it stands and an error inside it has its true line and column.
 */
#ifndef ASSAY_CONFIG_YAML_PVT_H
#define ASSAY_CONFIG_YAML_PVT_H

#include "engine/base/diag.h"

enum {
    YAML_BYTES_MAX = 8 << 20, /* of one file */
    YAML_DEPTH_MAX = 32,
    YAML_NODES_MAX = 400000, /* of one file */
};

enum yaml_kind {
    YAML_NULL, /* nothing, ~ or null, unquoted */
    YAML_SCALAR,
    YAML_LIST,
    YAML_MAP,
    YAML_BAD, /* reported already: readers stay silent about it */
};

enum yaml_style { YAML_PLAIN, YAML_SINGLE_QUOTED, YAML_DOUBLE_QUOTED, YAML_BLOCK };

struct yaml_node {
    enum yaml_kind kind;
    enum yaml_style style;   /* SCALAR */
    struct assay_span span;  /* SCALAR: its bytes, without quotes; NULL: those of its key */
    struct assay_str text;   /* SCALAR: its value, NUL-terminated */
    struct yaml_node *first; /* LIST: items; MAP: key, value, key, value, ... */
    struct yaml_node *next;
    size_t count; /* LIST: items; MAP: pairs */
};

/**
 * Read a file's text into a tree.
 *
 * @return NULL after adding one diagnostic: not YAML, or beyond the limits above. Anchors, aliases
 * and tags are reported and reading goes on. An empty file is a node of kind YAML_NULL.
 * Owner: the arena. Thread: one at a time.
 */
const struct yaml_node *assay_yaml_read(struct assay_arena *arena, const struct assay_text *text,
                                        struct assay_diags *diags);

/** What a node is, with its article: "a list". Thread: any. */
const char *assay_yaml_kind_text(const struct yaml_node *node);

#endif
