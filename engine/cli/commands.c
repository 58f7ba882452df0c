#include "engine/cli/command_pvt.h"

#include <string.h>

static const struct assay_command *const commands[] = {
    &assay_command_completion, &assay_command_config,   &assay_command_demo, &assay_command_explain,
    &assay_command_features,   &assay_command_generate, &assay_command_help, &assay_command_man,
    &assay_command_predict,    &assay_command_replay,   &assay_command_run,  &assay_command_version,
};

const struct assay_command *const *assay_commands(size_t *count)
{
    *count = sizeof commands / sizeof commands[0];
    return commands;
}

const struct assay_exit_row *assay_exit_rows(size_t *count)
{
    static const struct assay_exit_row rows[] = {
        {ASSAY_EXIT_OK, "success"},
        {ASSAY_EXIT_USAGE, "wrong usage"},
        {ASSAY_EXIT_DATA, "bad data"},
        {ASSAY_EXIT_NO_INPUT, "an input does not exist"},
        {ASSAY_EXIT_UNAVAILABLE, "a service is not available"},
        {ASSAY_EXIT_BUG, "a bug"},
        {ASSAY_EXIT_IO, "input or output failed"},
        {ASSAY_EXIT_CAPACITY, "out of memory, or another limit is reached"},
        {ASSAY_EXIT_CONFIG, "configuration refused"},
    };
    *count = sizeof rows / sizeof rows[0];
    return rows;
}

void assay_print_usage(const struct assay_command *command, const char *indent, FILE *out)
{
    for (const char *line = command->usage; line != NULL;) {
        const char *end = strchr(line, '\n');
        const int length = end == NULL ? (int)strlen(line) : (int)(end - line);
        (void)fprintf(out, "%sassay %s%s%.*s\n", indent, command->name, length == 0 ? "" : " ",
                      length, line);
        line = end == NULL ? NULL : end + 1;
    }
}

const struct assay_command *assay_command_find(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}
