/*
 * engine/cli/command.h - one command of the command line: a row, an options struct, a function.
 *
 * Data goes to stdout, talk to stderr; exit codes are those of sysexits, see assay_exit_rows() in
 * commands.c. Every command has a file cmd_NAME.c here, which defines
 * `const struct assay_command assay_command_NAME`; the table of commands is in commands.c.
 */
#ifndef ASSAY_CLI_COMMAND_H
#define ASSAY_CLI_COMMAND_H

#include "engine/base/arena.h"
#include "engine/base/option.h"
#include "engine/config/config.h"

enum {
    ASSAY_EXIT_OK = 0,
    ASSAY_EXIT_USAGE = 64,
    ASSAY_EXIT_DATA = 65,
    ASSAY_EXIT_NO_INPUT = 66,
    ASSAY_EXIT_UNAVAILABLE = 69,
    ASSAY_EXIT_BUG = 70,
    ASSAY_EXIT_IO = 74,
    ASSAY_EXIT_CAPACITY = 75,
    ASSAY_EXIT_CONFIG = 78,
};

/** Room for the definitions, models and tables of one folder. */
#define ASSAY_CLI_ARENA_BYTES_MAX ((size_t)4 << 30)

struct assay_command {
    const char *name;
    const char *summary;  /* one clause, as in `assay help` */
    const char *usage;    /* what follows the name, e.g. "-c DIR --input FILE..."; one way a line */
    const char *text;     /* a paragraph; may be "" */
    const char *examples; /* lines a person can paste, each ending in \n */
    const struct assay_option *options;
    size_t option_count;
    size_t options_bytes; /* size of the options struct */
    const void *defaults; /* of that size; NULL: zeroes */
    bool
        serves; /* it has state to bring home: a closed pipe is reported and ends nothing at once */
    const char *operands; /* name of the operands for help; NULL: none are allowed */
    /** Run with options read. @return the exit code. */
    int (*run)(const void *options, const struct assay_words *operands);
};

/* Options that mean the same wherever they stand. TYPE is the command's options struct. */
#define ASSAY_CLI_OPTION_CONFIG(TYPE)                                                              \
    {                                                                                              \
        .name = "config", .letter = 'c', .kind = ASSAY_OPTION_TEXT,                                \
        .offset = offsetof(TYPE, folder), .value = "DIR",                                          \
        .text = "folder of features.yaml, decisions.yaml, assay.yaml"                              \
    }
#define ASSAY_CLI_OPTION_SHARDS(TYPE, TEXT)                                                        \
    {                                                                                              \
        .name = "shards", .kind = ASSAY_OPTION_COUNT, .offset = offsetof(TYPE, shards),            \
        .value = "N", .text = TEXT, .min = 1, .max = ASSAY_SHARDS_MAX                              \
    }
#define ASSAY_CLI_OPTION_JSON(TYPE, TEXT)                                                          \
    {                                                                                              \
        .name = "json", .kind = ASSAY_OPTION_FLAG, .offset = offsetof(TYPE, json), .text = TEXT    \
    }

/** Print an error on stderr as `assay: where: what: ...` and give the exit code of its class. */
int assay_cli_fail(const struct assay_err *err);
/**
 * Load a folder of definitions, printing all diagnostics on stderr.
 *
 * @return NULL after printing: exit with ASSAY_EXIT_CONFIG.
 */
const struct assay_config *assay_cli_load(struct assay_arena *arena, const char *folder);

extern const struct assay_command assay_command_config;
extern const struct assay_command assay_command_demo;
extern const struct assay_command assay_command_explain;
extern const struct assay_command assay_command_features;
extern const struct assay_command assay_command_generate;
extern const struct assay_command assay_command_predict;
extern const struct assay_command assay_command_replay;
extern const struct assay_command assay_command_run;
extern const struct assay_command assay_command_version;

#endif
