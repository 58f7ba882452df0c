#include "engine/cli/command.h"
#include "engine/cli/plan_show.h"
#include "engine/cli/progress.h"
#include "engine/config/describe.h"

#include <string.h>

enum { DIAGNOSTICS_MAX = 200, MEASURE_MS = 700, MEASURE_MS_MAX = 60000 };

struct config_options {
    const char *folder;
    bool json;
    uint64_t measure_ms; /* 0: as long as is usual */
    bool no_measure;
};

static const struct config_options defaults = {.folder = "."};

static const struct assay_option config_table[] = {
    ASSAY_CLI_OPTION_CONFIG(struct config_options),
    ASSAY_CLI_OPTION_JSON(struct config_options, "print JSON instead of text"),
    {.name = "measure",
     .kind = ASSAY_OPTION_COUNT,
     .offset = offsetof(struct config_options, measure_ms),
     .value = "MS",
     .text = "plan: measure costs for so long, after filling logs; without it for 700 ms",
     .min = 1,
     .max = MEASURE_MS_MAX},
    {.name = "no-measure",
     .kind = ASSAY_OPTION_FLAG,
     .offset = offsetof(struct config_options, no_measure),
     .text = "plan: leave costs out"},
};

enum verb { VERB_CHECK, VERB_SHOW, VERB_PLAN, VERB_SCHEMA, VERB_ERRORS, VERB_SETTINGS, VERB_END };

static const char *const verbs[VERB_END] = {
    [VERB_CHECK] = "check",   [VERB_SHOW] = "show",     [VERB_PLAN] = "plan",
    [VERB_SCHEMA] = "schema", [VERB_ERRORS] = "errors", [VERB_SETTINGS] = "settings",
};

struct task {
    enum verb verb;
    const struct config_options *given;
};

static int print_plan(struct assay_arena *arena, const struct assay_config *config,
                      const struct config_options *given)
{
    struct assay_err err;
    struct assay_plan_costs costs;
    const uint64_t ms = given->measure_ms == 0 ? (uint64_t)MEASURE_MS : given->measure_ms;
    struct assay_plan_report report = {.plan = config->plan,
                                       .views = assay_plan_views_create(arena, config->plan)};
    if (report.views == NULL) {
        (void)assay_err_set(&err, ASSAY_E_NO_MEMORY, given->folder, "out of memory");
        return assay_cli_fail(&err);
    }
    if (!given->no_measure) {
        if (assay_plan_costs_measure(&costs, arena, config->plan, report.views, (uint32_t)ms,
                                     &err) != ASSAY_OK) {
            return assay_cli_fail(&err);
        }
        report.costs = &costs;
    }
    if (given->json) {
        assay_plan_show_json(&report, stdout);
    } else {
        assay_plan_show(&report, stdout);
    }
    return ASSAY_EXIT_OK;
}

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
    } else if (verb == VERB_PLAN) {
        return print_plan(arena, config, given);
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
        assay_err_allowed(&err, "check, show, plan, schema, errors, settings");
        (void)assay_cli_fail(&err);
        return ASSAY_EXIT_USAGE;
    }
    if ((config->measure_ms != 0 || config->no_measure) &&
        (verb != VERB_PLAN || (config->measure_ms != 0 && config->no_measure))) {
        struct assay_err err;
        (void)assay_err_set(&err, ASSAY_E_USAGE, config->no_measure ? "--no-measure" : "--measure",
                            verb != VERB_PLAN ? "goes with `assay config plan` alone"
                                              : "does not go with --measure");
        return assay_cli_fail(&err);
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
    .usage = "check|show|schema|errors|settings [-c DIR] [--json]\n"
             "plan [-c DIR] [--measure MS | --no-measure] [--json]",
    .text = "check reports every mistake of all files and exits with 78, or sums up what is\n"
            "defined; show prints each feature and policy as it was understood, with its hash;\n"
            "plan prints what features share, how far back logs reach and for whose sake, bytes,\n"
            "and what features cost on this machine, measured on made-up events; schema prints a\n"
            "JSON Schema of the events; errors and settings print the reference pages of error\n"
            "codes and of assay.yaml.",
    .examples = "assay config check -c config\n"
                "assay config show -c config --json\n"
                "assay config plan -c config\n"
                "assay config schema -c config > events.schema.json\n",
    .options = config_table,
    .option_count = sizeof config_table / sizeof config_table[0],
    .options_bytes = sizeof(struct config_options),
    .defaults = &defaults,
    .operands = "check|show|plan|schema|errors|settings",
    .run = run_config,
};
