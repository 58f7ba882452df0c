#include "engine/cli/command_pvt.h"

#include <string.h>

/* Completion scripts printed from the command table, so they never lag behind --help. */

static void print_bash_options(const struct assay_command *command)
{
    (void)printf("        %s) words=\"--help", command->name);
    for (size_t i = 0; i < command->option_count; i++) {
        (void)printf(" --%s", command->options[i].name);
    }
    (void)fputs("\" ;;\n", stdout);
}

static void print_bash(void)
{
    size_t count = 0;
    const struct assay_command *const *commands = assay_commands(&count);
    (void)fputs("_assay() {\n"
                "    local word=\"${COMP_WORDS[COMP_CWORD]}\" words=\"\"\n"
                "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                "        COMPREPLY=($(compgen -W \"",
                stdout);
    for (size_t i = 0; i < count; i++) {
        (void)printf("%s%s", i == 0 ? "" : " ", commands[i]->name);
    }
    (void)fputs("\" -- \"$word\"))\n"
                "        return\n"
                "    fi\n"
                "    case \"${COMP_WORDS[1]}\" in\n",
                stdout);
    for (size_t i = 0; i < count; i++) {
        print_bash_options(commands[i]);
    }
    (void)fputs("    esac\n"
                "    if [[ \"$word\" == -* ]]; then\n"
                "        COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
                "    else\n"
                "        COMPREPLY=($(compgen -f -- \"$word\"))\n"
                "    fi\n"
                "}\n"
                "complete -o filenames -F _assay assay\n",
                stdout);
}

static void print_zsh(void)
{
    (void)fputs("#compdef assay\nautoload -U +X bashcompinit && bashcompinit\n", stdout);
    print_bash();
}

/* A fish string in single quotes. */
static void print_fish_text(const char *text)
{
    (void)putchar('\'');
    for (const char *at = text; *at != '\0'; at++) {
        (void)printf(*at == '\'' || *at == '\\' ? "\\%c" : "%c", *at);
    }
    (void)putchar('\'');
}

static void print_fish(void)
{
    size_t count = 0;
    const struct assay_command *const *commands = assay_commands(&count);
    for (size_t i = 0; i < count; i++) {
        const struct assay_command *command = commands[i];
        (void)printf("complete -c assay -n __fish_use_subcommand -f -a %s -d ", command->name);
        print_fish_text(command->summary);
        (void)putchar('\n');
        for (size_t o = 0; o < command->option_count; o++) {
            const struct assay_option *option = &command->options[o];
            (void)printf("complete -c assay -n '__fish_seen_subcommand_from %s' -l %s%s -d ",
                         command->name, option->name,
                         option->kind == ASSAY_OPTION_FLAG ? "" : " -r");
            print_fish_text(option->text);
            (void)putchar('\n');
        }
    }
}

static int run_completion(const void *options, const struct assay_words *operands)
{
    static const struct {
        const char *shell;
        void (*print)(void);
    } shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
    (void)options;
    const char *wanted = operands->count == 1 ? operands->items[0] : "";
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        if (strcmp(shells[i].shell, wanted) == 0) {
            shells[i].print();
            return ASSAY_EXIT_OK;
        }
    }
    struct assay_err err;
    (void)assay_err_set(&err, ASSAY_E_USAGE, "completion", "names one shell");
    assay_err_value(&err, "\"%s\"", wanted);
    assay_err_allowed(&err, "bash, zsh, fish");
    return assay_cli_fail(&err);
}

const struct assay_command assay_command_completion = {
    .name = "completion",
    .summary = "print a completion script for a shell",
    .usage = "bash|zsh|fish",
    .text = "",
    .examples = "source <(assay completion bash)\n"
                "assay completion fish > ~/.config/fish/completions/assay.fish\n",
    .operands = "SHELL",
    .run = run_completion,
};
