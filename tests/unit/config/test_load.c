#include "engine/config/config.h"

#include "tests/support/cmocka_all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a folder says, read back from the configuration; and files that no editor would write. */

struct bench {
    char folder[64];
    struct assay_arena *arena;
    struct assay_diags *diags;
    char *printed;
};

static int open_bench(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    (void)snprintf(bench->folder, sizeof bench->folder, "/tmp/assay-config-XXXXXX");
    assert_non_null(mkdtemp(bench->folder));
    *state = bench;
    return 0;
}

static const char *const file_names[] = {"features.yaml", "decisions.yaml", "assay.yaml", "m.json"};

static void path_of(const struct bench *bench, const char *name, size_t size, char out[])
{
    (void)snprintf(out, size, "%s/%s", bench->folder, name);
}

static int close_bench(void **state)
{
    struct bench *bench = *state;
    char path[128];
    for (size_t i = 0; i < sizeof file_names / sizeof file_names[0]; i++) {
        path_of(bench, file_names[i], sizeof path, path);
        (void)unlink(path);
    }
    (void)rmdir(bench->folder);
    assay_arena_destroy(bench->arena);
    free(bench->printed);
    free(bench);
    return 0;
}

static void write_bytes(const struct bench *bench, const char *name, const char *bytes, size_t size)
{
    char path[128];
    path_of(bench, name, sizeof path, path);
    (void)unlink(path); /* a file written over is flushed to disk by some file systems */
    FILE *file = fopen(path, "wbe");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void write_text(const struct bench *bench, const char *name, const char *text)
{
    write_bytes(bench, name, text, strlen(text));
}

static const struct assay_config *load(struct bench *bench)
{
    size_t size = 0;
    assay_arena_destroy(bench->arena);
    free(bench->printed);
    bench->arena = assay_arena_create((size_t)256 << 20);
    assert_non_null(bench->arena);
    bench->diags = assay_diags_create(bench->arena, 50);
    assert_non_null(bench->diags);
    const struct assay_config *config =
        assay_config_load(bench->arena, bench->folder, bench->diags);
    FILE *out = open_memstream(&bench->printed, &size);
    assert_non_null(out);
    assay_diags_print(bench->diags, out);
    (void)fclose(out);
    return config;
}

/* The first line printed, after the folder, begins with this. */
static void expect_first(const struct bench *bench, const char *begin)
{
    const size_t skip = strlen(bench->folder) + 1;
    if (strlen(bench->printed) < skip ||
        strncmp(bench->printed + skip, begin, strlen(begin)) != 0) {
        print_error("expected %s\ngot %.400s\n", begin, bench->printed);
        fail();
    }
}

static void refuses(struct bench *bench, const char *features, const char *begin)
{
    write_text(bench, "features.yaml", features);
    assert_null(load(bench));
    expect_first(bench, begin);
}

#define HEAD                                                                                       \
    "lateness: 2h\nahead: 0\nentities: {user: {expire: 2w, capacity: 50_000_000}, "                \
    "shop: {capacity: 3, at_capacity: evict}}\n"                                                   \
    "events:\n"                                                                                    \
    "  pay:\n"                                                                                     \
    "    fields:\n"                                                                                \
    "      user: {type: key, entity: user}\n"                                                      \
    "      shop: {type: key, entity: shop, optional: true}\n"                                      \
    "      amount: decimal(2)\n"                                                                   \
    "      print: vector(64)\n"                                                                    \
    "      note: {type: text, pii: true}\n"                                                        \
    "      channel: category\n"

static void definitions_arrive_as_written(void **state)
{
    struct bench *bench = *state;
    write_text(bench, "features.yaml",
               HEAD
               "features:\n  user:\n    n: count(pay) over [1h, 7d last 10]\n    m: n_1h + 1\n");
    const struct assay_config *config = load(bench);
    assert_non_null(config);
    const struct assay_schema *schema = config->schema;
    assert_int_equal(schema->lateness_ms, 7200000);
    assert_int_equal(schema->ahead_ms, 0);
    assert_int_equal(schema->entities[0].expire_ms, 2 * 604800000);
    assert_int_equal(schema->entities[0].capacity, 50000000);
    assert_false(schema->entities[0].evicts);
    assert_int_equal(schema->entities[1].expire_ms, 0);
    assert_true(schema->entities[1].evicts);
    const struct assay_event_def *pay = &schema->events[0];
    assert_int_equal(pay->field_count, 6);
    assert_int_equal(pay->fields[0].type, ASSAY_TYPE_KEY);
    assert_int_equal(pay->fields[0].entity, 0);
    assert_false(pay->fields[0].optional);
    assert_int_equal(pay->fields[1].entity, 1);
    assert_true(pay->fields[1].optional);
    assert_int_equal(pay->fields[2].scale, 2);
    assert_int_equal(pay->fields[2].entity, ASSAY_NONE);
    assert_int_equal(pay->fields[3].dims, 64);
    assert_true(pay->fields[4].pii);
    const struct assay_plan *plan = config->plan;
    assert_int_equal(plan->feature_count, 3);
    static const char *const names[] = {"user.n_1h", "user.n_7d_last10", "user.m"};
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(plan->features[plan->file_order[i]].full_name.ptr, names[i]);
    }
    assert_null(config->policies);
    assert_false(config->has_settings);
}

static void defaults_hold_without_assay_yaml(void **state)
{
    struct bench *bench = *state;
    write_text(bench, "features.yaml", "events: {}\n");
    const struct assay_config *config = load(bench);
    assert_non_null(config);
    assert_int_equal(config->schema->lateness_ms, 3600000);
    assert_int_equal(config->schema->ahead_ms, 300000);
    char path[128];
    path_of(bench, "state", sizeof path, path);
    assert_string_equal(config->settings->state.ptr, path);
    assert_int_equal(config->settings->shards, 1);
    assert_int_equal(config->settings->memory_bytes, UINT64_C(4) << 30);
    assert_int_equal(config->settings->ids_max, 1000000);
    assert_int_equal(config->settings->sync_ms, 10);
    assert_null(config->settings->spill.folder.ptr);
    assert_null(config->settings->dead_letters);
}

static void a_folder_is_enough_to_spill(void **state)
{
    struct bench *bench = *state;
    write_text(bench, "features.yaml", "events: {}\n");
    write_text(bench, "assay.yaml", "spill: .\n");
    const struct assay_config *config = load(bench);
    assert_non_null(config);
    assert_non_null(config->settings->spill.folder.ptr);
    assert_int_equal(config->settings->spill.bytes_max, UINT64_C(16) << 30);
    assert_int_equal(config->settings->spill.after_bytes, 1 << 20);
}

static void a_folder_that_nothing_can_be_written_to_is_refused_at_load(void **state)
{
    struct bench *bench = *state;
    write_text(bench, "features.yaml", "events: {}\n");
    write_text(bench, "assay.yaml", "shards: 2\nspill: {folder: /proc/self, after: 1MiB}\n");
    assert_null(load(bench));
    assert_non_null(strstr(bench->printed, "assay.yaml:2:17: error[AS0501]: /proc/self: cannot "
                                           "make a file in this folder"));
    assert_non_null(strstr(bench->printed, "give this user the right to write there"));
}

static void settings_arrive_as_written(void **state)
{
    struct bench *bench = *state;
    write_text(bench, "features.yaml", "events: {}\n");
    write_text(bench, "assay.yaml",
               "state: /s\nshards: 16\nmemory: 512 MiB\nids_max: 10_000\nsync: 1s\n"
               "spill: {folder: /tmp, bytes_max: 64GiB, after: 256KiB}\n"
               "sources:\n"
               "  - kafka: {brokers: 'a:1', topics: [t, u], properties: {client.id: \"x\\ty\"}, "
               "peak_events: 7}\n"
               "  - file: '-'\n"
               "sinks: [{file: {path: out}}, {kafka: {topic: d}}]\n"
               "dead_letters: {kafka: {topic: dead, brokers: 'b:2'}}\n");
    const struct assay_config *config = load(bench);
    assert_non_null(config);
    const struct assay_settings *settings = config->settings;
    assert_true(config->has_settings);
    assert_string_equal(settings->state.ptr, "/s");
    assert_int_equal(settings->shards, 16);
    assert_int_equal(settings->memory_bytes, UINT64_C(512) << 20);
    assert_int_equal(settings->ids_max, 10000);
    assert_int_equal(settings->sync_ms, 1000);
    assert_string_equal(settings->spill.folder.ptr, "/tmp");
    assert_int_equal(settings->spill.bytes_max, UINT64_C(64) << 30);
    assert_int_equal(settings->spill.after_bytes, 256 << 10);
    assert_int_equal(settings->kafka_source_count, 1);
    const struct assay_kafka_source *kafka = &settings->kafka_sources[0];
    assert_int_equal(kafka->topic_count, 2);
    assert_string_equal(kafka->topics[1].ptr, "u");
    assert_string_equal(kafka->properties[0].key.ptr, "client.id");
    assert_string_equal(kafka->properties[0].value.ptr, "x\ty");
    assert_int_equal(kafka->peak_events_per_s, 7);
    assert_int_equal(settings->file_source_count, 1);
    assert_string_equal(settings->file_sources[0].path.ptr, "-");
    assert_int_equal(settings->sink_count, 2);
    assert_int_equal(settings->sinks[0].kind, ASSAY_SINK_FILE);
    char path[128];
    path_of(bench, "out", sizeof path, path); /* relative to the folder */
    assert_string_equal(settings->sinks[0].path.ptr, path);
    assert_string_equal(settings->sinks[1].brokers.ptr, "a:1"); /* those of the source */
    assert_string_equal(settings->dead_letters->brokers.ptr, "b:2");
}

static void a_policy_is_compiled_with_its_model(void **state)
{
    struct bench *bench = *state;
    write_text(bench, "features.yaml", HEAD "features:\n  user:\n    n: count(pay) over 1h\n");
    write_text(bench, "decisions.yaml",
               "policies:\n  p:\n    trigger: pay\n    rules:\n"
               "      - when: user.n > 5\n        then: review\n        reason: R07\n"
               "    else: approve\n");
    const struct assay_config *config = load(bench);
    if (config == NULL) {
        print_error("%s", bench->printed);
    }
    assert_non_null(config);
    assert_non_null(config->policies);
    assert_int_equal(config->policies->count, 1);
}

static void places_are_right_whatever_the_bytes(void **state)
{
    struct bench *bench = *state;
    /* CRLF line ends, and a carriage return is not shown */
    refuses(bench, "lateness: 1h\r\nahead: x\r\nevents: {}\r\n",
            "features.yaml:2:8: error[AS0106]: \"ahead\" must be a duration (250ms, 5m, 1h, 400d, "
            "2w), not \"x\"\n    ahead: x\n           ^\n");
    /* CRLF inside a folded expression */
    refuses(bench,
            "entities: {user: }\r\nevents: {pay: {fields: {user: {type: key, entity: user}}}}\r\n"
            "features:\r\n  user:\r\n    n: >\r\n      count(pay)\r\n      where amuont > 1\r\n",
            "features.yaml:7:13: error[AS0211]");
    /* a byte order mark is no column */
    refuses(bench, "\xEF\xBB\xBFlatenes: 1h\nevents: {}\n", "features.yaml:1:1: error[AS0104]");
    /* columns count characters, not bytes */
    refuses(bench, "events: {}\n\"\xC3\xA9\xE2\x82\xAC\": {a: 1, a: 2}\n",
            "features.yaml:2:2: error[AS0104]");
    refuses(bench, "events: {\xE5\xAE\xA2\xE6\x88\xB7: 1, b: 2}\n",
            "features.yaml:1:10: error[AS0109]");
    refuses(bench, "events: {a: {fields: {\xE5\xAE\xA2: int, b: x}}}\n",
            "features.yaml:1:23: error[AS0109]");
    /* the last line without a line feed */
    refuses(bench, "events: {}\nfoo", "features.yaml:2:1: error[AS0101]");
}

static void broken_files_are_refused_at_their_place(void **state)
{
    struct bench *bench = *state;
    refuses(bench, "events: {}\n\tahead: 1h\n", "features.yaml:");
    refuses(bench, "events: \x01\n", "features.yaml:1:9: error[AS0101]: a control character");
    refuses(bench, "events: {}\n# \xC3\x28\n", "features.yaml:2:3: error[AS0101]: the text is not");
    refuses(bench, "events: \xED\xA0\x80\n", "features.yaml:1:9: error[AS0101]: the text is not");
    refuses(bench, "events: \xE2\x82", "features.yaml:1:9: error[AS0101]: the text is not");
    refuses(bench, "%YAML 9.9\n---\nevents: {}\n", "features.yaml:1:1: error[AS0101]");
    refuses(bench, "just text\n", "features.yaml:1:1: error[AS0105]");
    refuses(bench, "- a\n", "features.yaml:1:1: error[AS0105]");
    refuses(bench, "~\n", "features.yaml:1:1: error[AS0105]");
    refuses(bench, "? {a: b}\n: c\nevents: {}\n", "features.yaml:1:3: error[AS0105]");
    refuses(bench, "*a : 1\nevents: {}\n", "features.yaml:1:1: error[AS0107]");
    write_bytes(bench, "features.yaml", "events: {}\n\0", 12);
    assert_null(load(bench));
    expect_first(bench, "features.yaml:2:1: error[AS0101]: a control character");
}

static void repeated(struct bench *bench, const char *before, const char *piece, size_t count,
                     const char *after, const char *begin)
{
    const size_t size = strlen(before) + count * strlen(piece) + strlen(after) + 1;
    char *text = malloc(size);
    assert_non_null(text);
    size_t used = (size_t)snprintf(text, size, "%s", before);
    for (size_t i = 0; i < count; i++) {
        memcpy(text + used, piece, strlen(piece));
        used += strlen(piece);
    }
    (void)snprintf(text + used, size - used, "%s", after);
    refuses(bench, text, begin);
    free(text);
}

static void size_and_depth_are_bounded(void **state)
{
    struct bench *bench = *state;
    repeated(bench, "events: ", "[", 100000, "", "features.yaml:1:40: error[AS0307]: nested more");
    repeated(bench, "events: ", "{a: ", 100000, "", "features.yaml:1:");
    repeated(bench, "events: {}\nfeatures:\n", "- ", 100000, "x",
             "features.yaml:3:63: error[AS0307]: nested more");
    repeated(bench, "events: {}\nahead: ", "x", 2000000, "\n",
             "features.yaml:2:8: error[AS0106]: \"ahead\" must be a duration (250ms, 5m, 1h, 400d, "
             "2w), not \"xxxxxxxx");
    assert_true(strlen(bench->printed) < 1000); /* the line is shown in part */
    repeated(bench, "events: [", "a, ", 500000, "]", "features.yaml:1:");
    repeated(bench, "# ", "x", 9000000, "\n", "features.yaml:1:1: error[AS0102]");
    repeated(bench, "entities: {user: }\nevents: {}\nfeatures:\n  user:\n    n: ", "(", 100000,
             "\n", "features.yaml:5:72: error[AS0206]");
    repeated(bench, "entities: {user: }\nevents: {}\nfeatures:\n  user:\n    n: ", "-", 100000,
             "\n", "features.yaml:5:");
    repeated(bench, "entities: {user: }\nevents: {}\nfeatures:\n  user:\n    n: ", "x", 2000000,
             "\n", "features.yaml:5:8: error[AS0203]");
}

static void running_out_of_memory_is_said(void **state)
{
    struct bench *bench = *state;
    write_text(bench, "features.yaml",
               HEAD "features:\n  user:\n    n: count(pay) where amount > 3 over [1h, 7d]\n"
                    "    m: if(n_1h > 1, \"a\", \"b\")\n");
    write_text(
        bench, "decisions.yaml",
        "policies: {p: {trigger: pay, rules: [{when: user.n_1h > 1, then: no}], else: x}}\n");
    write_text(bench, "assay.yaml", "sources: [{file: '-'}]\n");
    bool succeeded = false;
    for (size_t limit = 2048; !succeeded; limit += 1024) {
        struct assay_arena *arena = assay_arena_create(limit);
        assert_non_null(arena);
        struct assay_arena *spare = assay_arena_create(1 << 20);
        struct assay_diags *diags = assay_diags_create(spare, 50);
        assert_non_null(diags);
        succeeded = assay_config_load(arena, bench->folder, diags) != NULL;
        assert_int_equal(succeeded, assay_diags_count(diags) == 0);
        assay_arena_destroy(spare);
        assay_arena_destroy(arena);
        assert_true(limit < 4 << 20);
    }
}

static void unreadable_files_are_named(void **state)
{
    struct bench *bench = *state;
    assert_null(load(bench));
    expect_first(bench, "features.yaml:1:1: error[AS0102]: cannot read");
    char path[128];
    path_of(bench, "features.yaml", sizeof path, path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_null(load(bench));
    expect_first(bench, "features.yaml:1:1: error[AS0102]: cannot read");
    assert_int_equal(rmdir(path), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(definitions_arrive_as_written),
        TEST(defaults_hold_without_assay_yaml),
        TEST(settings_arrive_as_written),
        TEST(a_policy_is_compiled_with_its_model),
        TEST(a_folder_is_enough_to_spill),
        TEST(a_policy_is_compiled_with_its_model),
        TEST(a_folder_that_nothing_can_be_written_to_is_refused_at_load),
        TEST(a_policy_is_compiled_with_its_model),
        TEST(places_are_right_whatever_the_bytes),
        TEST(broken_files_are_refused_at_their_place),
        TEST(size_and_depth_are_bounded),
        TEST(running_out_of_memory_is_said),
        TEST(unreadable_files_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
