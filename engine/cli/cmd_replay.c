#include "engine/cli/command.h"
#include "engine/cli/progress.h"

#include "engine/runtime/replay.h"

struct replay_options {
    const char *folder;
    struct assay_words inputs;
    const char *recorded;
    const char *rows;
    const char *rows_on;
    const char *decisions;
    const char *dead_letters;
    bool strict;
    uint64_t shards;
    bool json;
};

static void show_progress(void *context, const struct assay_replay_progress *progress)
{
    (void)context;
    const bool by_epochs = progress->epochs_total != 0;
    assay_cli_progress(by_epochs ? progress->epochs_done : progress->bytes_done,
                       by_epochs ? progress->epochs_total : progress->bytes_total, progress->events,
                       progress->seconds);
}

static bool is_standard(const char *path)
{
    return path != NULL && strcmp(path, "-") == 0;
}

static int replay(struct assay_arena *arena, const void *read)
{
    const struct replay_options *given = read;
    if (given->json && (is_standard(given->rows) || is_standard(given->decisions) ||
                        is_standard(given->dead_letters))) {
        struct assay_err err;
        (void)assay_err_set(&err, ASSAY_E_USAGE, "--json", "standard output is taken already");
        assay_err_remedy(&err, "write the other output to a file");
        return assay_cli_fail(&err);
    }
    const struct assay_config *config = assay_cli_load(arena, given->folder);
    if (config == NULL) {
        return ASSAY_EXIT_CONFIG;
    }
    const struct assay_replay_options options = {
        .config = config,
        .inputs = given->inputs.items,
        .input_count = given->inputs.count,
        .recorded = given->recorded,
        .rows = given->rows,
        .rows_on = given->rows_on,
        .decisions = given->decisions,
        .dead_letters = given->dead_letters,
        .strict = given->strict,
        .shards = (uint32_t)given->shards,
        .stop = assay_cli_stop_flag(),
        .progress = show_progress,
    };
    static struct assay_run_summary summary;
    struct assay_err err;
    const enum assay_status status = assay_replay(&options, &summary, &err);
    const bool ran = status == ASSAY_OK || (status == ASSAY_E_FORMAT && given->strict);
    return assay_cli_finish(status, ran, given->json, &summary, &err);
}

static int run(const void *options, const struct assay_words *operands)
{
    (void)operands;
    return assay_cli_with_arena(replay, options);
}

static const struct replay_options replay_defaults = {.folder = "config"};

#define AT(member) offsetof(struct replay_options, member)

static const struct assay_option replay_table[] = {
    ASSAY_CLI_OPTION_CONFIG(struct replay_options),
    {.name = "input",
     .letter = 'i',
     .kind = ASSAY_OPTION_WORDS,
     .offset = AT(inputs),
     .value = "FILE",
     .text = "JSON lines, plain or zstd; - is standard input"},
    {.name = "recorded",
     .kind = ASSAY_OPTION_TEXT,
     .offset = AT(recorded),
     .value = "STATE",
     .text = "replay the epochs that a run recorded in this folder"},
    {.name = "rows",
     .kind = ASSAY_OPTION_TEXT,
     .offset = AT(rows),
     .value = "FILE",
     .text = "write feature rows as CSV"},
    {.name = "on",
     .kind = ASSAY_OPTION_TEXT,
     .offset = AT(rows_on),
     .value = "EVENT",
     .text = "the event that rows are written for"},
    {.name = "decisions",
     .kind = ASSAY_OPTION_TEXT,
     .offset = AT(decisions),
     .value = "FILE",
     .text = "write decisions as JSON lines"},
    {.name = "dead-letters",
     .kind = ASSAY_OPTION_TEXT,
     .offset = AT(dead_letters),
     .value = "FILE",
     .text = "write what was set aside, and why, as JSON lines"},
    {.name = "strict",
     .kind = ASSAY_OPTION_FLAG,
     .offset = AT(strict),
     .text = "exit 65 when there was any dead letter"},
    ASSAY_CLI_OPTION_SHARDS(struct replay_options, "threads; the results do not depend on it"),
    ASSAY_CLI_OPTION_JSON(struct replay_options, "print the summary as JSON on standard output"),
};

const struct assay_command assay_command_replay = {
    .name = "replay",
    .summary = "run files, or a recorded run, through features and policies",
    .usage = "[-c DIR] --input FILE... [--rows FILE --on EVENT] [--decisions FILE] [--strict]\n"
             "[-c DIR] --recorded STATE [--decisions FILE]",
    .text =
        "Every input is one partition in line order; several are merged by event time. Messages\n"
        "that cannot be used are counted and named on standard error.",
    .examples = "assay generate --users 1000 --days 30 --output events.jsonl\n"
                "assay replay -c config --input events.jsonl --decisions decisions.jsonl\n"
                "assay replay -c config --input events.jsonl --rows rows.csv --on application\n",
    .options = replay_table,
    .option_count = sizeof replay_table / sizeof replay_table[0],
    .options_bytes = sizeof(struct replay_options),
    .defaults = &replay_defaults,
    .run = run,
};
