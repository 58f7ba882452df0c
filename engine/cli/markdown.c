#include "engine/cli/command_pvt.h"

#include <ctype.h>

/* The reference page of the commands, printed from their table. */

static const char head[] =
    "# Commands\n"
    "\n"
    "`assay COMMAND [OPTIONS]`. Data goes to standard output, talk to standard error. "
    "`--name value` and\n"
    "`--name=value` mean the same, `--` ends the options, and `-` as a file is standard input or "
    "output.\n"
    "This page is printed by `assay help --markdown`.\n"
    "\n"
    "| exit status | meaning |\n"
    "|---|---|\n";

/* Inside a table a bar would begin a new cell, even in code. */
static void print_cell(const char *text, FILE *out)
{
    for (const char *at = text; *at != '\0'; at++) {
        (void)fputs(*at == '|' ? "\\" : "", out);
        (void)fputc(*at, out);
    }
}

static void print_options(const struct assay_command *command, FILE *out)
{
    (void)fputs("\n| option | meaning |\n|---|---|\n", out);
    for (size_t i = 0; i < command->option_count; i++) {
        const struct assay_option *option = &command->options[i];
        char text[ASSAY_OPTION_MEANING_BYTES];
        (void)assay_option_format_name(option, sizeof text, text);
        (void)fputs("| `", out);
        print_cell(text, out);
        (void)fputs("` | ", out);
        (void)assay_option_format_meaning(option, command->defaults, sizeof text, text);
        print_cell(text, out);
        (void)fputs(" |\n", out);
    }
}

static void print_command(const struct assay_command *command, FILE *out)
{
    (void)fprintf(out, "\n## assay %s\n\n%c%s.\n\n```\n", command->name,
                  toupper((unsigned char)command->summary[0]), command->summary + 1);
    assay_print_usage(command, "", out);
    (void)fputs("```\n", out);
    if (command->text[0] != '\0') {
        (void)fprintf(out, "\n%s\n", command->text);
    }
    if (command->option_count > 0) {
        print_options(command, out);
    }
    if (command->examples[0] != '\0') {
        (void)fprintf(out, "\n```sh\n%s```\n", command->examples);
    }
}

void assay_print_markdown(FILE *out)
{
    size_t count = 0;
    const struct assay_exit_row *rows = assay_exit_rows(&count);
    (void)fputs(head, out);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(out, "| %d | %s |\n", rows[i].code, rows[i].text);
    }
    const struct assay_command *const *commands = assay_commands(&count);
    for (size_t i = 0; i < count; i++) {
        print_command(commands[i], out);
    }
}
