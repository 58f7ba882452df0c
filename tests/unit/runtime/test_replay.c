#include "tests/unit/runtime/world.h"

#include "engine/runtime/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A folder of its own for each test, with the history's partitions as files. */
struct folder {
    char path[64];
    char inputs[WORLD_PARTITIONS_MAX][96];
    const char *list[WORLD_PARTITIONS_MAX];
    size_t count;
};

static void folder_init(struct folder *folder, const struct history *history)
{
    (void)snprintf(folder->path, sizeof folder->path, "/tmp/assay-replay-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    folder->count = history->partition_count;
    for (size_t p = 0; p < folder->count; p++) {
        (void)snprintf(folder->inputs[p], sizeof folder->inputs[p], "%s/in%zu.jsonl", folder->path,
                       p);
        folder->list[p] = folder->inputs[p];
        FILE *file = fopen(folder->inputs[p], "w");
        assert_non_null(file);
        for (size_t i = 0; i < history->counts[p]; i++) {
            (void)fprintf(file, "%.*s\n", (int)history->lines[p][i].len, history->lines[p][i].ptr);
        }
        assert_int_equal(fclose(file), 0);
    }
}

static char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *bytes = malloc((size_t)16 << 20);
    assert_non_null(bytes);
    *size = fread(bytes, 1, ((size_t)16 << 20) - 1, file);
    bytes[*size] = '\0';
    (void)fclose(file);
    return bytes;
}

static void folder_fini(struct folder *folder)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -r %s", folder->path);
    assert_int_equal(system(command), 0);
}

static void rows_and_decisions_are_the_same_bytes_for_any_shard_count(void **state)
{
    (void)state;
    struct world world;
    struct history history;
    struct folder folder;
    struct assay_run_summary first;
    char *first_bytes[2] = {NULL, NULL};
    size_t first_sizes[2] = {0, 0};
    world_init(&world, true);
    history_init(&history, 3, 3, 3000);
    folder_init(&folder, &history);
    for (uint32_t shards = 1; shards <= 4; shards++) {
        char paths[2][96];
        struct assay_run_summary summary;
        struct assay_err err;
        (void)snprintf(paths[0], sizeof paths[0], "%s/rows%u.csv", folder.path, shards);
        (void)snprintf(paths[1], sizeof paths[1], "%s/decisions%u.jsonl", folder.path, shards);
        const struct assay_replay_options options = {
            .config = &world.config,
            .inputs = folder.list,
            .input_count = folder.count,
            .rows = paths[0],
            .rows_on = "transfer",
            .decisions = paths[1],
            .shards = shards,
        };
        assert_int_equal(assay_replay(&options, &summary, &err), ASSAY_OK);
        assert_int_equal(summary.shards, shards);
        for (size_t i = 0; i < 2; i++) {
            size_t size = 0;
            char *bytes = read_file(paths[i], &size);
            if (shards == 1) {
                first_bytes[i] = bytes;
                first_sizes[i] = size;
                continue;
            }
            assert_int_equal(size, first_sizes[i]);
            assert_memory_equal(bytes, first_bytes[i], size);
            free(bytes);
        }
        if (shards == 1) {
            first = summary;
            assert_true(first.stats.rows > 300 && first.stats.decisions > 300);
            assert_int_equal(strlen(first.state_hash), 32);
        }
        assert_string_equal(first.state_hash, summary.state_hash);
        assert_int_equal(first.stats.decisions, summary.stats.decisions);
    }
    free(first_bytes[0]);
    free(first_bytes[1]);
    folder_fini(&folder);
    history_fini(&history);
    world_fini(&world);
}

static void replay_lines(const char *lines, const char *on, bool strict, char **rows,
                         enum assay_status expected, struct assay_err *err)
{
    struct world world;
    struct history history = {.partition_count = 1};
    struct folder folder;
    struct assay_run_summary summary;
    char path[96];
    size_t size = 0;
    struct assay_str all = {.ptr = lines, .len = (uint32_t)strlen(lines) - 1};
    history.lines[0] = &all;
    history.counts[0] = 1;
    world_init(&world, false);
    folder_init(&folder, &history);
    (void)snprintf(path, sizeof path, "%s/rows.csv", folder.path);
    const struct assay_replay_options options = {
        .config = &world.config,
        .inputs = folder.list,
        .input_count = 1,
        .rows = path,
        .rows_on = on,
        .strict = strict,
    };
    assert_int_equal(assay_replay(&options, &summary, err), expected);
    if (rows != NULL) {
        *rows = read_file(path, &size);
    }
    folder_fini(&folder);
    world_fini(&world);
}

static void a_row_lists_features_in_file_order_with_nulls_empty_and_text_quoted(void **state)
{
    (void)state;
    struct assay_err err;
    char *rows = NULL;
    replay_lines("{\"type\":\"payment\",\"id\":\"e,1\",\"time\":1000000,\"user\":\"u1\","
                 "\"device\":\"d1\",\"amount\":12.5,\"channel\":\"a\\\"b\"}\n"
                 "{\"type\":\"application\",\"id\":\"e,2\",\"time\":1030000,\"user\":\"u1\","
                 "\"wanted\":25}\n"
                 "{\"type\":\"application\",\"time\":1090000,\"user\":\"u1\",\"device\":\"d1\"}\n",
                 "application", true, &rows, ASSAY_OK, &err);
    assert_string_equal(
        rows, "event_id,time,user.pay_count_1m,user.pay_count_1h,user.pay_count_1d,user.pay_sum_1m,"
              "user.pay_sum_1h,user.channel,user.received,user.paid,user.net,user.since_payment,"
              "user.applications,user.ask_ratio,device.users,device.pay_max\n"
              "\"e,2\",1030000,1,1,1,12.5,12.5,\"a\"\"b\",0,0,0,30000,0,2,,\n"
              ",1090000,0,1,1,0,12.5,\"a\"\"b\",0,0,0,90000,1,,1,12.5\n");
    free(rows);
}

static void an_entity_named_twice_has_columns_by_role(void **state)
{
    (void)state;
    struct assay_err err;
    char *rows = NULL;
    replay_lines("{\"type\":\"transfer\",\"time\":1000,\"payer\":\"u1\",\"payee\":\"u2\","
                 "\"amount\":3}\n"
                 "{\"type\":\"transfer\",\"time\":2000,\"payer\":\"u2\",\"payee\":\"u2\","
                 "\"amount\":4}\n",
                 "transfer", false, &rows, ASSAY_OK, &err);
    const char *names = strchr(rows, ',');
    assert_non_null(names);
    assert_non_null(strstr(rows, "payer.received,payer.paid,payer.net,"));
    assert_non_null(strstr(rows, "payee.received,payee.paid,payee.net,"));
    assert_non_null(strstr(rows, "\n,1000,0,0,0,0,0,,0,3,-3,,0,,0,0,0,0,0,,3,0,3,,0,\n"));
    assert_non_null(strstr(rows, "\n,2000,0,0,0,0,0,,7,4,3,,0,,0,0,0,0,0,,7,4,3,,0,\n"));
    free(rows);
}

static void strict_names_the_first_dead_letter_after_the_whole_run(void **state)
{
    (void)state;
    struct assay_err err;
    char *rows = NULL;
    replay_lines("{\"type\":\"payment\",\"time\":1000,\"user\":\"u1\"}\n"
                 "{\"type\":\"payment\",\"time\":1000}\n"
                 "{oops\n"
                 "{\"type\":\"application\",\"time\":1500,\"user\":\"u1\"}\n",
                 "application", true, &rows, ASSAY_E_FORMAT, &err);
    assert_non_null(strstr(rows, "\n,1500,1,1,1,"));
    assert_non_null(strstr(err.where, "in0.jsonl:2"));
    assert_non_null(strstr(err.what, "missing_key"));
    assert_string_equal(err.value, "member \"user\"");
    assert_non_null(strstr(err.remedy, "2 dead letters"));
    free(rows);
}

static void an_unknown_event_is_refused_with_the_nearest_name(void **state)
{
    (void)state;
    struct assay_err err;
    replay_lines("\n", "aplication", false, NULL, ASSAY_E_UNKNOWN, &err);
    assert_string_equal(err.value, "aplication");
    assert_string_equal(err.allowed, "payment, transfer, application");
    assert_string_equal(err.remedy, "did you mean \"application\"?");
}

static void options_that_do_not_go_together_are_refused(void **state)
{
    (void)state;
    struct world world;
    struct assay_run_summary summary;
    struct assay_err err;
    const char *const none[] = {"/nonexistent/in.jsonl"};
    world_init(&world, false);
    struct assay_replay_options options = {.config = &world.config, .inputs = none};
    assert_int_equal(assay_replay(&options, &summary, &err), ASSAY_E_USAGE);
    options.input_count = 1;
    assert_int_equal(assay_replay(&options, &summary, &err), ASSAY_E_NOT_FOUND);
    const char *const empty[] = {"/dev/null"};
    options.inputs = empty;
    options.rows = "/dev/null";
    assert_int_equal(assay_replay(&options, &summary, &err), ASSAY_E_USAGE);
    options.rows = NULL;
    options.decisions = "/dev/null";
    assert_int_equal(assay_replay(&options, &summary, &err), ASSAY_E_USAGE);
    options.decisions = NULL;
    assert_int_equal(assay_replay(&options, &summary, &err), ASSAY_OK);
    world_fini(&world);
}

static void a_full_disk_is_an_error(void **state)
{
    (void)state;
    struct world world;
    struct history history;
    struct folder folder;
    struct assay_run_summary summary;
    struct assay_err err;
    world_init(&world, false);
    history_init(&history, 3, 1, 500);
    folder_init(&folder, &history);
    const struct assay_replay_options options = {.config = &world.config,
                                                 .inputs = folder.list,
                                                 .input_count = 1,
                                                 .rows = "/dev/full",
                                                 .rows_on = "payment"};
    assert_int_equal(assay_replay(&options, &summary, &err), ASSAY_E_IO);
    assert_string_equal(err.where, "/dev/full");
    folder_fini(&folder);
    history_fini(&history);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_and_decisions_are_the_same_bytes_for_any_shard_count),
        cmocka_unit_test(a_row_lists_features_in_file_order_with_nulls_empty_and_text_quoted),
        cmocka_unit_test(an_entity_named_twice_has_columns_by_role),
        cmocka_unit_test(strict_names_the_first_dead_letter_after_the_whole_run),
        cmocka_unit_test(an_unknown_event_is_refused_with_the_nearest_name),
        cmocka_unit_test(options_that_do_not_go_together_are_refused),
        cmocka_unit_test(a_full_disk_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
