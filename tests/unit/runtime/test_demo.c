#include "tests/support/cmocka_all.h"

#include "engine/runtime/demo.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char definitions[] = "/tmp/assay-demo-definitions";

/* The example's features, and a policy without a model: models are trained when they are wanted. */
static const struct assay_config *load(struct assay_arena *arena)
{
    char command[512];
    (void)snprintf(command, sizeof command,
                   "mkdir -p %s && cp config/features.yaml %s/ && printf '%s' > %s/decisions.yaml",
                   definitions, definitions,
                   "policies:\n"
                   "  credit:\n"
                   "    trigger: application\n"
                   "    rules:\n"
                   "      - when: application.amount > 5000\n"
                   "        then: review\n"
                   "    else: approve\n",
                   definitions);
    assert_int_equal(system(command), 0);
    struct assay_diags *diags = assay_diags_create(arena, 16);
    const struct assay_config *config = assay_config_load(arena, definitions, diags);
    assay_diags_print(diags, stderr);
    assert_non_null(config);
    (void)snprintf(command, sizeof command, "rm -r %s", definitions);
    assert_int_equal(system(command), 0);
    return config;
}

static void fail_with(const struct assay_err *err)
{
    char text[1024];
    assay_err_format(err, sizeof text, text);
    fail_msg("%s", text);
}

static void everything_produced_is_taken_and_every_decision_is_delivered(void **state)
{
    (void)state;
    struct assay_arena *arena = assay_arena_create((size_t)256 << 20);
    struct assay_run_summary summary;
    struct assay_err err;
    uint64_t produced = 0;
    const struct assay_demo_options options = {
        .config = load(arena),
        .generate = {.users = 300,
                     .days = 20,
                     .seed = 7,
                     .late_share = 0.01,
                     .duplicate_share = 0.01,
                     .malformed_share = 0.01},
        .events_max = 20000,
        .shards = 2,
    };
    if (assay_demo(&options, &summary, &produced, &err) != ASSAY_OK) {
        fail_with(&err);
    }
    print_message("  %.0f events/s, %.0f events per CPU second\n", summary.events_per_s,
                  summary.events_per_cpu_s);
    assert_true(produced > 5000);
    assert_int_equal(summary.stats.messages, produced);
    assert_int_equal(summary.decisions_sent, summary.stats.decisions);
    assert_true(summary.stats.decisions > 0);
    assert_true(summary.stats.duplicates > 0);
    assert_true(summary.dead_letters_sent > 0);
    assay_arena_destroy(arena);
}

struct stopper {
    _Atomic bool stop;
    uint64_t produced;
};

/* As soon as something has come through. */
static void stop_now(void *context, const struct assay_run_summary *summary, uint64_t produced)
{
    struct stopper *stopper = context;
    stopper->produced = produced;
    atomic_store(&stopper->stop, summary->stats.messages > 0);
}

static void a_stop_ends_producer_and_run_cleanly_and_the_state_is_kept_where_asked(void **state)
{
    (void)state;
    struct assay_arena *arena = assay_arena_create((size_t)256 << 20);
    struct stopper stopper = {.stop = false};
    struct assay_run_summary summary;
    struct assay_err err;
    struct stat info;
    uint64_t produced = 0;
    char folder[] = "/tmp/assay-demotest-XXXXXX";
    char path[64];
    assert_non_null(mkdtemp(folder));
    const struct assay_demo_options options = {
        .config = load(arena),
        .generate = {.users = 100, .days = 30, .seed = 8},
        .events_per_s = 500, /* so that it would take long */
        .shards = 2,
        .state = folder,
        .stop = &stopper.stop,
        .progress = stop_now,
        .context = &stopper,
    };
    if (assay_demo(&options, &summary, &produced, &err) != ASSAY_OK) {
        fail_with(&err);
    }
    assert_true(produced >= stopper.produced && produced < 10000);
    assert_true(summary.stats.messages > 0 && summary.stats.messages <= produced);
    (void)snprintf(path, sizeof path, "%s/epochs.log", folder);
    assert_int_equal(stat(path, &info), 0);
    (void)snprintf(path, sizeof path, "rm -r %s", folder);
    assert_int_equal(system(path), 0);
    assay_arena_destroy(arena);
}

static void options_out_of_range_are_told(void **state)
{
    (void)state;
    struct assay_arena *arena = assay_arena_create((size_t)256 << 20);
    struct assay_run_summary summary;
    struct assay_err err;
    uint64_t produced = 0;
    const struct assay_demo_options options = {.config = load(arena)}; /* no user at all */
    assert_int_equal(assay_demo(&options, &summary, &produced, &err), ASSAY_E_RANGE);
    assay_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_produced_is_taken_and_every_decision_is_delivered),
        cmocka_unit_test(a_stop_ends_producer_and_run_cleanly_and_the_state_is_kept_where_asked),
        cmocka_unit_test(options_out_of_range_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
