#include "engine/cli/command_pvt.h"

#include "engine/base/suggest.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* assay COMMAND [OPTIONS]: find the command's row, read its options, run it. */

int assay_cli_fail(const struct assay_err *err)
{
    char text[1200];
    assay_err_format(err, sizeof text, text);
    (void)fprintf(stderr, "assay: %s\n", text);
    if (err->status == ASSAY_E_USAGE) {
        return ASSAY_EXIT_USAGE;
    }
    if (err->status == ASSAY_E_NOT_FOUND) {
        return ASSAY_EXIT_NO_INPUT;
    }
    if (err->status == ASSAY_E_UNAVAILABLE) {
        return ASSAY_EXIT_UNAVAILABLE;
    }
    return assay_class_exit_code(assay_status_class(err->status));
}

static int unknown_command(const char *name)
{
    struct assay_err err;
    struct assay_suggest suggest = {.word = assay_str_of(name)};
    size_t count = 0;
    const struct assay_command *const *commands = assay_commands(&count);
    for (size_t i = 0; i < count; i++) {
        assay_suggest_offer(&suggest, assay_str_of(commands[i]->name));
    }
    (void)assay_err_set(&err, ASSAY_E_USAGE, name, "no such command");
    if (suggest.best.ptr != NULL) {
        assay_err_remedy(&err, "did you mean \"%.*s\"?", (int)suggest.best.len, suggest.best.ptr);
    } else {
        assay_err_remedy(&err, "`assay help` lists them");
    }
    return assay_cli_fail(&err);
}

static bool wants_help(int argc, const char *argv[])
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}

static int run_command(const struct assay_command *command, int argc, const char *argv[])
{
    if (wants_help(argc, argv)) {
        assay_print_help(command, stdout);
        return ASSAY_EXIT_OK;
    }
    struct assay_err err;
    void *options = calloc(1, command->options_bytes + 1);
    struct assay_words operands = {.items = calloc((size_t)argc + 1, sizeof *operands.items)};
    if (options == NULL || operands.items == NULL) {
        free(options);
        free(operands.items);
        (void)assay_err_set(&err, ASSAY_E_NO_MEMORY, command->name, "out of memory");
        return assay_cli_fail(&err);
    }
    if (command->defaults != NULL) {
        memcpy(options, command->defaults, command->options_bytes);
    }
    enum assay_status status = assay_options_read(command->options, command->option_count, argc,
                                                  argv, options, &operands, &err);
    if (status == ASSAY_OK && operands.count > 0 && command->operands == NULL) {
        status = assay_err_set(&err, ASSAY_E_USAGE, operands.items[0],
                               "`assay %s` takes no such word", command->name);
        assay_err_remedy(&err, "`assay %s --help` shows the usage", command->name);
    }
    const int code = status == ASSAY_OK ? command->run(options, &operands) : assay_cli_fail(&err);
    free(options);
    free(operands.items);
    return code;
}

/* A full disk must not pass for success. */
static int close_output(int code)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0) {
        return code;
    }
    if (code != ASSAY_EXIT_OK) {
        return code; /* the command has said what went wrong */
    }
    (void)fputs("assay: standard output: cannot be written\n", stderr);
    return ASSAY_EXIT_IO;
}

int main(int argc, const char *argv[])
{
    if (argc < 2) {
        assay_print_overview(stderr);
        return ASSAY_EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        name = "help";
    } else if (strcmp(name, "--version") == 0) {
        name = "version";
    }
    const struct assay_command *command = assay_command_find(name);
    if (command == NULL) {
        return unknown_command(name);
    }
    /* `assay replay ... | head` ends as quietly as any filter does. */
    (void)signal(SIGPIPE, command->serves ? SIG_IGN : SIG_DFL);
    return close_output(run_command(command, argc - 2, argv + 2));
}
