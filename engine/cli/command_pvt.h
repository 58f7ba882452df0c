/*
 * engine/cli/command_pvt.h - the table of commands and what is printed from it.
 */
#ifndef ASSAY_CLI_COMMAND_PVT_H
#define ASSAY_CLI_COMMAND_PVT_H

#include "engine/cli/command.h"

/** All commands in alphabetical order. Thread: any. */
const struct assay_command *const *assay_commands(size_t *count);
/** The command of that name, or NULL. Thread: any. */
const struct assay_command *assay_command_find(const char *name);

/** What exit codes mean, one clause each, `; ` between them. */
extern const char assay_exit_codes[];

/** What `assay help` shows. */
void assay_print_overview(FILE *out);
/** What `assay COMMAND --help` shows. */
void assay_print_help(const struct assay_command *command, FILE *out);

extern const struct assay_command assay_command_completion;
extern const struct assay_command assay_command_help;
extern const struct assay_command assay_command_man;

#endif
