#include "tests/support/cmocka_all.h"

#include "engine/base/option.h"

#include <string.h>

struct values {
    bool strict;
    const char *folder;
    uint64_t shards;
    double share;
    struct assay_words input;
};

static const struct assay_option table[] = {
    {"strict", 0, ASSAY_OPTION_FLAG, offsetof(struct values, strict), NULL, "stop", 0, 0, false},
    {"config", 'c', ASSAY_OPTION_TEXT, offsetof(struct values, folder), "DIR", "folder", 0, 0,
     false},
    {"shards", 0, ASSAY_OPTION_COUNT, offsetof(struct values, shards), "N", "shards", 1, 64, false},
    {"share", 0, ASSAY_OPTION_REAL, offsetof(struct values, share), "X", "share", 0, 1, false},
    {"input", 'i', ASSAY_OPTION_WORDS, offsetof(struct values, input), "FILE", "files", 0, 0,
     false},
};
enum { ROWS = sizeof table / sizeof table[0], WORDS_MAX = 16 };

struct read {
    struct values values;
    struct assay_words operands;
    const char *operand_room[WORDS_MAX];
    const char *argv[WORDS_MAX];
    struct assay_err err;
};

static enum assay_status read_line(struct read *read, const char *line)
{
    static char copy[256];
    int argc = 0;
    memset(read, 0, sizeof *read);
    read->operands.items = read->operand_room;
    (void)snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        read->argv[argc++] = word;
    }
    return assay_options_read(table, ROWS, argc, read->argv, &read->values, &read->operands,
                              &read->err);
}

static void every_form_of_an_option_is_read(void **state)
{
    (void)state;
    struct read read;
    assert_int_equal(read_line(&read, "-c dir --strict --shards=1_6 --share 0.5"), ASSAY_OK);
    assert_string_equal(read.values.folder, "dir");
    assert_true(read.values.strict);
    assert_int_equal(read.values.shards, 16);
    assert_true(read.values.share == 0.5);
    assert_int_equal(read.operands.count, 0);
}

static void words_and_operands_keep_apart(void **state)
{
    (void)state;
    struct read read;
    assert_int_equal(read_line(&read, "one --input a - b --strict two -- --three"), ASSAY_OK);
    assert_int_equal(read.values.input.count, 3);
    assert_string_equal(read.values.input.items[0], "a");
    assert_string_equal(read.values.input.items[1], "-");
    assert_string_equal(read.values.input.items[2], "b");
    assert_int_equal(read.operands.count, 3);
    assert_string_equal(read.operands.items[0], "one");
    assert_string_equal(read.operands.items[1], "two");
    assert_string_equal(read.operands.items[2], "--three");
    assert_int_equal(read_line(&read, "--input=-x y"), ASSAY_OK);
    assert_int_equal(read.values.input.count, 2);
    assert_string_equal(read.values.input.items[0], "-x");
}

static void wrong_usage_names_option_value_and_remedy(void **state)
{
    (void)state;
    static const struct {
        const char *line, *told;
    } cases[] = {
        {"--shard 3", "did you mean --shards?"},
        {"--nothing-like-it", "--help lists the options"},
        {"--shards 65", "--shards: out of range: \"65\" (allowed: 1 to 64)"},
        {"--shards 3x", "--shards: not a whole number: \"3x\""},
        {"--shards -1", "--shards: not a whole number: \"-1\""},
        {"--share nan", "--share: not a number: \"nan\""},
        {"--config", "--config: needs a value"},
        {"--input --strict", "--input: needs a value"},
        {"--strict=yes", "--strict: takes no value"},
        {"--input a --strict --input b", "--input: given twice"},
        {"-z", "-z: no such option"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct read read;
        char text[512];
        assert_int_equal(read_line(&read, cases[i].line), ASSAY_E_USAGE);
        assay_err_format(&read.err, sizeof text, text);
        if (strstr(text, cases[i].told) == NULL) {
            fail_msg("%s gave: %s", cases[i].line, text);
        }
    }
}

static void an_option_says_how_it_is_typed_and_what_holds_without_it(void **state)
{
    (void)state;
    const struct values defaults = {.folder = "here", .shards = 2};
    const struct assay_option needed = {.name = "model",
                                        .letter = 'm',
                                        .kind = ASSAY_OPTION_TEXT,
                                        .value = "FILE",
                                        .text = "it",
                                        .required = true};
    const struct {
        const struct assay_option *option;
        const void *defaults;
        const char *name, *meaning;
    } cases[] = {{&table[0], &defaults, "--strict", "stop"},
                 {&table[1], &defaults, "-c, --config DIR", "folder (default here)"},
                 {&table[1], NULL, "-c, --config DIR", "folder"},
                 {&table[2], &defaults, "--shards N", "shards (1 to 64; default 2)"},
                 {&table[3], &defaults, "--share X", "share (0 to 1)"},
                 {&table[4], &defaults, "-i, --input FILE...", "files"},
                 {&needed, NULL, "-m, --model FILE", "it (required)"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[ASSAY_OPTION_MEANING_BYTES];
        assert_int_equal(assay_option_format_name(cases[i].option, sizeof text, text),
                         strlen(cases[i].name));
        assert_string_equal(text, cases[i].name);
        assert_int_equal(
            assay_option_format_meaning(cases[i].option, cases[i].defaults, sizeof text, text),
            strlen(cases[i].meaning));
        assert_string_equal(text, cases[i].meaning);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_an_option_is_read),
        cmocka_unit_test(words_and_operands_keep_apart),
        cmocka_unit_test(wrong_usage_names_option_value_and_remedy),
        cmocka_unit_test(an_option_says_how_it_is_typed_and_what_holds_without_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
