#include "engine/cli/command_pvt.h"

#include <string.h>

static const struct assay_command *const commands[] = {
    &assay_command_completion, &assay_command_config,   &assay_command_demo,
    &assay_command_explain,    &assay_command_generate, &assay_command_help,
    &assay_command_man,        &assay_command_predict,  &assay_command_replay,
    &assay_command_run,        &assay_command_version,
};

const char assay_exit_codes[] =
    "0 success; 64 wrong usage; 65 bad data; 66 no input; 69 a service is not available; 70 a bug; "
    "74 input/output failed; 75 a stated limit or memory is used up; 78 configuration refused";

const struct assay_command *const *assay_commands(size_t *count)
{
    *count = sizeof commands / sizeof commands[0];
    return commands;
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
