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
    assay_print_usage(command, "  ", out);
    if (command->text[0] != '\0') {
        (void)fprintf(out, "\n%s\n", command->text);
    }
    if (command->option_count > 0) {
        (void)fputc('\n', out);
        print_heading("Options", out);
        assay_options_print(command->options, command->option_count, command->defaults, out);
    }
    if (command->examples[0] != '\0') {
        (void)fputc('\n', out);
        print_heading("Examples", out);
        print_lines(command->examples, out);
    }
}

struct help_options {
    bool markdown;
};

static int run_help(const void *options, const struct assay_words *operands)
{
    const struct help_options *given = options;
    if (operands->count > (given->markdown ? 0U : 1U)) {
        struct assay_err err;
        (void)assay_err_set(&err, ASSAY_E_USAGE, operands->items[operands->count - 1],
                            given->markdown ? "--markdown is about all commands"
                                            : "one command is explained at a time");
        return assay_cli_fail(&err);
    }
    if (given->markdown) {
        assay_print_markdown(stdout);
        return ASSAY_EXIT_OK;
    }
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

static const struct assay_option help_table[] = {
    {.name = "markdown",
     .kind = ASSAY_OPTION_FLAG,
     .offset = offsetof(struct help_options, markdown),
     .text = "print the reference page of all commands"},
};

const struct assay_command assay_command_help = {
    .name = "help",
    .summary = "list the commands, or explain one",
    .usage = "[COMMAND | --markdown]",
    .text = "",
    .examples = "assay help replay\n"
                "assay help --markdown > docs/commands.md\n",
    .options = help_table,
    .option_count = sizeof help_table / sizeof help_table[0],
    .options_bytes = sizeof(struct help_options),
    .operands = "COMMAND",
    .run = run_help,
};
