#include "engine/cli/command.h"
#include "engine/cli/progress.h"
#include "engine/config/describe.h"

#include <string.h>

enum { DIAGNOSTICS_MAX = 200 };

struct config_options {
    const char *folder;
    bool json;
};

static const struct config_options defaults = {.folder = "."};

static const struct assay_option config_table[] = {
    ASSAY_CLI_OPTION_CONFIG(struct config_options),
    ASSAY_CLI_OPTION_JSON(struct config_options, "print JSON instead of text"),
};

enum verb { VERB_CHECK, VERB_SHOW, VERB_SCHEMA, VERB_ERRORS, VERB_SETTINGS, VERB_END };

static const char *const verbs[VERB_END] = {
    [VERB_CHECK] = "check",   [VERB_SHOW] = "show",         [VERB_SCHEMA] = "schema",
    [VERB_ERRORS] = "errors", [VERB_SETTINGS] = "settings",
};

struct task {
    enum verb verb;
    const struct config_options *given;
};

static int print_loaded(struct assay_arena *arena, const void *options)
{
    const struct task *task = options;
    const enum verb verb = task->verb;
    const struct config_options *given = task->given;
    struct assay_diags *diags = assay_diags_create(arena, DIAGNOSTICS_MAX);
    if (diags == NULL) {
        struct assay_err err;
        (void)assay_err_set(&err, ASSAY_E_NO_MEMORY, given->folder, "out of memory");
        return assay_cli_fail(&err);
    }
    const struct assay_config *config = assay_config_load(arena, given->folder, diags);
    if (config == NULL) {
        if (given->json && verb == VERB_CHECK) {
            assay_config_print_diags(diags, stdout);
        } else {
            assay_diags_print(diags, stderr);
        }
        return ASSAY_EXIT_CONFIG;
    }
    if (verb == VERB_CHECK) {
        assay_config_print_summary(config, stdout, given->json);
    } else if (verb == VERB_SHOW) {
        assay_config_print_definitions(config, stdout, given->json);
    } else {
        assay_config_print_schema(config, stdout);
    }
    return ASSAY_EXIT_OK;
}

static int run_config(const void *given, const struct assay_words *operands)
{
    const struct config_options *config = given;
    const char *word = operands->count > 0 ? operands->items[0] : "";
    enum verb verb = VERB_CHECK;
    while (verb < VERB_END && strcmp(verbs[verb], word) != 0) {
        verb++;
    }
    if (verb == VERB_END || operands->count > 1) {
        struct assay_err err;
        (void)assay_err_set(&err, ASSAY_E_USAGE, "config", "it takes one word of what to do");
        assay_err_value(&err, "%s", operands->count > 1 ? operands->items[1] : word);
        assay_err_allowed(&err, "check, show, schema, errors, settings");
        (void)assay_cli_fail(&err);
        return ASSAY_EXIT_USAGE;
    }
    int code = ASSAY_EXIT_OK;
    if (verb == VERB_ERRORS) {
        assay_config_print_errors(stdout, config->json);
    } else if (verb == VERB_SETTINGS) {
        assay_config_print_settings(stdout, config->json);
    } else {
        code = assay_cli_with_arena(print_loaded, &(struct task){.verb = verb, .given = config});
    }
    return fflush(stdout) == 0 || code != ASSAY_EXIT_OK ? code : ASSAY_EXIT_IO;
}

const struct assay_command assay_command_config = {
    .name = "config",
    .summary = "check and show definitions",
    .usage = "check|show|schema|errors|settings [-c DIR] [--json]",
    .text = "check reports every mistake of all files and exits with 78, or sums up what is\n"
            "defined; show prints each feature and policy as it was understood, with its hash;\n"
            "schema prints a JSON Schema of the events; errors and settings print the reference\n"
            "pages of error codes and of assay.yaml.",
    .examples = "assay config check -c config\n"
                "assay config show -c config --json\n"
                "assay config schema -c config > events.schema.json\n",
    .options = config_table,
    .option_count = sizeof config_table / sizeof config_table[0],
    .options_bytes = sizeof(struct config_options),
    .defaults = &defaults,
    .operands = "check|show|schema|errors|settings",
    .run = run_config,
};
