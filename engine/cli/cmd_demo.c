#include "engine/cli/command.h"
#include "engine/cli/progress.h"

#include "engine/base/log.h"
#include "engine/runtime/demo.h"

#include <inttypes.h>

struct demo_options {
    const char *folder;
    const char *state;
    uint64_t exit_after;
    uint64_t users;
    uint64_t days;
    uint64_t seed;
    uint64_t rate;
    uint64_t shards;
    bool json;
};

static void show_progress(void *context, const struct assay_run_summary *summary, uint64_t produced)
{
    (void)context;
    (void)produced;
    assay_cli_progress_table(summary);
}

static void print_next_steps(const struct demo_options *given)
{
    if (given->state != NULL) {
        (void)fprintf(stderr,
                      "\nEvery decision is in the audit log. Ask why:\n"
                      "  assay explain --state %s --last 5\n",
                      given->state);
    }
}

static int run_demo(struct assay_arena *arena, const void *read)
{
    const struct demo_options *given = read;
    const struct assay_config *config = assay_cli_load(arena, given->folder);
    if (config == NULL) {
        return ASSAY_EXIT_CONFIG;
    }
    const struct assay_demo_options options = {
        .config = config,
        .generate = {.users = given->users,
                     .days = (uint32_t)given->days,
                     .seed = given->seed,
                     .late_share = 0.01,
                     .duplicate_share = 0.005,
                     .malformed_share = 0.001},
        .decisions_max = given->exit_after,
        .events_per_s = given->rate,
        .shards = (uint32_t)given->shards,
        .state = given->state,
        .stop = assay_cli_stop_flag(),
        .progress = show_progress,
    };
    /* The mock cluster chatters and single dead letters scroll the table away; the summary counts
     * them. */
    assay_log_set_level(ASSAY_LOG_ERROR);
    static struct assay_run_summary summary;
    struct assay_err err;
    uint64_t produced = 0;
    const enum assay_status status = assay_demo(&options, &summary, &produced, &err);
    const int code = assay_cli_finish(status, status == ASSAY_OK, given->json, &summary, &err);
    if (code == ASSAY_EXIT_OK) {
        print_next_steps(given);
    }
    return code;
}

static int run(const void *options, const struct assay_words *operands)
{
    (void)operands;
    return assay_cli_with_arena(run_demo, options);
}

static const struct demo_options demo_defaults = {
    .folder = "config", .users = 600, .days = 365, .seed = 1, .rate = 20000};

#define AT(member) offsetof(struct demo_options, member)

static const struct assay_option demo_table[] = {
    ASSAY_CLI_OPTION_CONFIG(struct demo_options),
    {.name = "exit-after",
     .kind = ASSAY_OPTION_COUNT,
     .offset = AT(exit_after),
     .value = "N",
     .text = "stop after N decisions"},
    {.name = "users",
     .kind = ASSAY_OPTION_COUNT,
     .offset = AT(users),
     .value = "N",
     .text = "people who live in the demo",
     .min = 1,
     .max = 1e7},
    {.name = "days",
     .kind = ASSAY_OPTION_COUNT,
     .offset = AT(days),
     .value = "D",
     .text = "days of their lives, up to today",
     .min = 1,
     .max = 3650},
    {.name = "seed",
     .kind = ASSAY_OPTION_COUNT,
     .offset = AT(seed),
     .value = "S",
     .text = "same seed, same people"},
    {.name = "rate",
     .kind = ASSAY_OPTION_COUNT,
     .offset = AT(rate),
     .value = "N",
     .text = "events a second; 0 is as fast as they are taken"},
    ASSAY_CLI_OPTION_SHARDS(struct demo_options, "threads, in place of the number in assay.yaml"),
    {.name = "state",
     .kind = ASSAY_OPTION_TEXT,
     .offset = AT(state),
     .value = "DIR",
     .text = "keep the audit log here, to ask `assay explain`; a new folder"},
    ASSAY_CLI_OPTION_JSON(struct demo_options, "print the summary as JSON on standard output"),
};

const struct assay_command assay_command_demo = {
    .name = "demo",
    .summary = "score a synthetic lender through an in-process Kafka",
    .usage = "[-c DIR] [--exit-after N] [--users N] [--days D] [--rate N]",
    .text =
        "Events of a made-up lender go through librdkafka's mock cluster inside this process into\n"
        "features and policies, and explained decisions come out in a topic; nothing else needs\n"
        "to run. Ctrl-C ends it with a summary.",
    .examples = "assay demo -c config\n"
                "assay demo -c config --exit-after 10000 --state build/demo-state\n",
    .options = demo_table,
    .option_count = sizeof demo_table / sizeof demo_table[0],
    .options_bytes = sizeof(struct demo_options),
    .defaults = &demo_defaults,
    .serves = true,
    .run = run,
};
