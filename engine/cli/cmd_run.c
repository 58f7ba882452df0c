#include "engine/cli/command.h"
#include "engine/cli/progress.h"

#include "engine/base/log.h"
#include "engine/runtime/run.h"

#include <inttypes.h>
#include <unistd.h>

struct run_options {
    const char *folder;
    const char *state;
    uint64_t shards;
    bool until_end;
    uint64_t exit_after;
    bool json;
};

/* A line that a person watches, or a log line now and then for whoever reads the log. */
static void show_progress(void *context, const struct assay_run_summary *summary, bool recovering)
{
    enum { LOG_EVERY_S = 10 };
    static uint64_t calls;
    const struct assay_pipeline_stats *stats = &summary->stats;
    (void)context;
    if (isatty(STDERR_FILENO) != 0) {
        assay_cli_progress_live(summary, recovering);
    } else if (calls++ % LOG_EVERY_S == 0) {
        ASSAY_LOG(INFO, recovering ? "recovering" : "running",
                  "%" PRIu64 " events, %" PRIu64 " decisions, %.0f events/s", stats->events,
                  stats->decisions, summary->events_per_s);
    }
}

static int run_engine(struct assay_arena *arena, const void *read)
{
    const struct run_options *given = read;
    const struct assay_config *config = assay_cli_load(arena, given->folder);
    if (config == NULL) {
        return ASSAY_EXIT_CONFIG;
    }
    const struct assay_run_options options = {
        .config = config,
        .state = given->state,
        .shards = (uint32_t)given->shards,
        .until_end = given->until_end,
        .decisions_max = given->exit_after,
        .stop = assay_cli_stop_flag(),
        .progress = show_progress,
    };
    static struct assay_run_summary summary;
    struct assay_err err;
    const enum assay_status status = assay_run(&options, &summary, &err);
    return assay_cli_finish(status, status == ASSAY_OK, given->json, &summary, &err);
}

static int run(const void *options, const struct assay_words *operands)
{
    (void)operands;
    return assay_cli_with_arena(run_engine, options);
}

static const struct run_options run_defaults = {.folder = "config"};

#define AT(member) offsetof(struct run_options, member)

static const struct assay_option run_table[] = {
    ASSAY_CLI_OPTION_CONFIG(struct run_options),
    {.name = "state",
     .kind = ASSAY_OPTION_TEXT,
     .offset = AT(state),
     .value = "DIR",
     .text = "folder of the epoch and audit logs, in place of the one in assay.yaml"},
    ASSAY_CLI_OPTION_SHARDS(struct run_options, "threads, in place of the number in assay.yaml"),
    {.name = "until-end",
     .kind = ASSAY_OPTION_FLAG,
     .offset = AT(until_end),
     .text = "stop where the topics ended when the run began"},
    {.name = "exit-after",
     .kind = ASSAY_OPTION_COUNT,
     .offset = AT(exit_after),
     .value = "N",
     .text = "stop after N decisions"},
    ASSAY_CLI_OPTION_JSON(struct run_options, "print the summary as JSON on standard output"),
};

const struct assay_command assay_command_run = {
    .name = "run",
    .summary = "consume events and emit decisions until stopped",
    .usage = "[-c DIR] [--state DIR] [--shards N] [--until-end] [--exit-after N]",
    .text =
        "Sources, sinks and the state folder are those of assay.yaml. The first SIGINT or SIGTERM\n"
        "finishes the epoch at hand, delivers everything and ends with a summary. A run that died\n"
        "goes on where it was: it repeats the recorded epochs first.",
    .examples = "assay run -c config\n"
                "assay run -c config --until-end --json\n",
    .options = run_table,
    .option_count = sizeof run_table / sizeof run_table[0],
    .options_bytes = sizeof(struct run_options),
    .defaults = &run_defaults,
    .serves = true,
    .run = run,
};
