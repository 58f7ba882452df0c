#include "engine/cli/command_pvt.h"

/* A man page in man(7) macros, printed from the command table. */

/* A line that begins with . or ' would be a macro; a backslash begins an escape. */
static void print_text(const char *text)
{
    bool at_start = true;
    for (const char *at = text; *at != '\0'; at++) {
        if (at_start && (*at == '.' || *at == '\'')) {
            (void)fputs("\\&", stdout);
        }
        if (*at == '\\') {
            (void)fputs("\\e", stdout);
        } else if (*at == '-') {
            (void)fputs("\\-", stdout);
        } else {
            (void)fputc(*at, stdout);
        }
        at_start = *at == '\n';
    }
}

static void print_option(const struct assay_option *option, const void *defaults)
{
    char text[ASSAY_OPTION_MEANING_BYTES];
    (void)assay_option_format_name(option, sizeof text, text);
    (void)fputs(".TP\n\\fB", stdout);
    print_text(text);
    (void)fputs("\\fR\n", stdout);
    (void)assay_option_format_meaning(option, defaults, sizeof text, text);
    print_text(text);
    (void)fputc('\n', stdout);
}

static void print_command(const struct assay_command *command)
{
    (void)fprintf(stdout, ".SS \"assay %s\"\n", command->name);
    print_text(command->summary);
    (void)fputs(".\n.PP\n.nf\n", stdout);
    assay_print_usage(command, "", stdout);
    (void)fputs(".fi\n", stdout);
    if (command->text[0] != '\0') {
        (void)fputs(".PP\n", stdout);
        print_text(command->text);
        (void)fputc('\n', stdout);
    }
    for (size_t i = 0; i < command->option_count; i++) {
        print_option(&command->options[i], command->defaults);
    }
    if (command->examples[0] != '\0') {
        (void)fputs(".PP\nExamples:\n.PP\n.nf\n", stdout);
        print_text(command->examples);
        (void)fputs(".fi\n", stdout);
    }
}

static int run_man(const void *options, const struct assay_words *operands)
{
    size_t count = 0;
    const struct assay_command *const *commands = assay_commands(&count);
    (void)options;
    (void)operands;
    (void)printf(".TH ASSAY 1 \"\" \"assay %s\"\n", ASSAY_VERSION);
    (void)fputs(".SH NAME\nassay \\- real\\-time risk and marketing feature scoring\n"
                ".SH SYNOPSIS\n\\fBassay\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n"
                ".SH COMMANDS\n",
                stdout);
    for (size_t i = 0; i < count; i++) {
        print_command(commands[i]);
    }
    (void)fputs(".SH EXIT STATUS\n", stdout);
    const struct assay_exit_row *rows = assay_exit_rows(&count);
    for (size_t i = 0; i < count; i++) {
        (void)printf(".TP\n%d\n%s\n", rows[i].code, rows[i].text);
    }
    return ASSAY_EXIT_OK;
}

const struct assay_command assay_command_man = {
    .name = "man",
    .summary = "print the manual page",
    .usage = "",
    .text = "",
    .examples = "assay man | man -l -\n",
    .run = run_man,
};
