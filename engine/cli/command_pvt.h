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

/** What an exit status means. */
struct assay_exit_row {
    int code;
    const char *text;
};
/** All of them, ascending. Thread: any. */
const struct assay_exit_row *assay_exit_rows(size_t *count);
/** Print each way to call the command, a line `assay NAME USAGE` each, after @p indent. */
void assay_print_usage(const struct assay_command *command, const char *indent, FILE *out);

/** What `assay help` shows. */
void assay_print_overview(FILE *out);
/** What `assay COMMAND --help` shows. */
void assay_print_help(const struct assay_command *command, FILE *out);
/** What `assay help --markdown` prints: docs/commands.md. */
void assay_print_markdown(FILE *out);

extern const struct assay_command assay_command_completion;
extern const struct assay_command assay_command_help;
extern const struct assay_command assay_command_man;

#endif
