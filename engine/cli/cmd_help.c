#include "engine/cli/command_pvt.h"

#include <stdlib.h>
#include <unistd.h>

/* A bold heading where a person looks, plain text where a program reads. */
static void print_heading(const char *text, FILE *out)
{
    const bool styled = isatty(fileno(out)) != 0 && getenv("NO_COLOR") == NULL;
    (void)fprintf(out, styled ? "\033[1m%s\033[0m\n" : "%s\n", text);
}

void assay_print_overview(FILE *out)
{
    size_t count = 0;
    const struct assay_command *const *commands = assay_commands(&count);
    (void)fputs("assay - real-time risk and marketing feature scoring\n\n", out);
    print_heading("Usage", out);
    (void)fputs("  assay COMMAND [OPTIONS]\n\n", out);
    print_heading("Commands", out);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(out, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
    }
    (void)fputs("\n`assay COMMAND --help` explains one. Data goes to standard output, talk to "
                "standard error.\n",
                out);
}

static void print_lines(const char *lines, FILE *out)
{
    bool at_start = true;
    for (const char *at = lines; *at != '\0'; at++) {
        if (at_start) {
            (void)fputs("  ", out);
        }
        (void)fputc(*at, out);
        at_start = *at == '\n';
    }
}

void assay_print_help(const struct assay_command *command, FILE *out)
{
    (void)fprintf(out, "assay %s - %s\n\n", command->name, command->summary);
    print_heading("Usage", out);
    (void)fprintf(out, "  assay %s %s\n", command->name, command->usage);
    if (command->text[0] != '\0') {
        (void)fprintf(out, "\n%s\n", command->text);
    }
    if (command->option_count > 0) {
        (void)fputc('\n', out);
        print_heading("Options", out);
        assay_options_print(command->options, command->option_count, out);
    }
    if (command->examples[0] != '\0') {
        (void)fputc('\n', out);
        print_heading("Examples", out);
        print_lines(command->examples, out);
    }
}

static int run_help(const void *options, const struct assay_words *operands)
{
    (void)options;
    if (operands->count == 0) {
        assay_print_overview(stdout);
        return ASSAY_EXIT_OK;
    }
    const struct assay_command *command = assay_command_find(operands->items[0]);
    if (command == NULL) {
        struct assay_err err;
        (void)assay_err_set(&err, ASSAY_E_USAGE, operands->items[0], "no such command");
        assay_err_remedy(&err, "`assay help` lists them");
        return assay_cli_fail(&err);
    }
    assay_print_help(command, stdout);
    return ASSAY_EXIT_OK;
}

const struct assay_command assay_command_help = {
    .name = "help",
    .summary = "list the commands, or explain one",
    .usage = "[COMMAND]",
    .text = "",
    .examples = "assay help replay\n",
    .operands = "COMMAND",
    .run = run_help,
};
