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

static void print_option(const struct assay_option *option)
{
    (void)fputs(".TP\n\\fB", stdout);
    if (option->letter != 0) {
        (void)printf("\\-%c, ", option->letter);
    }
    (void)fputs("\\-\\-", stdout);
    print_text(option->name);
    (void)fputs("\\fR", stdout);
    if (option->value != NULL) {
        (void)printf(" \\fI%s\\fR", option->value);
    }
    (void)fputc('\n', stdout);
    print_text(option->text);
    (void)fputc('\n', stdout);
}

static void print_command(const struct assay_command *command)
{
    (void)fputs(".SS \"assay ", stdout);
    print_text(command->name);
    (void)fputc(' ', stdout);
    print_text(command->usage);
    (void)fputs("\"\n", stdout);
    print_text(command->summary);
    (void)fputs(".\n", stdout);
    if (command->text[0] != '\0') {
        (void)fputs(".PP\n", stdout);
        print_text(command->text);
        (void)fputc('\n', stdout);
    }
    for (size_t i = 0; i < command->option_count; i++) {
        print_option(&command->options[i]);
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
    (void)printf(".SH EXIT STATUS\n%s.\n", assay_exit_codes);
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
