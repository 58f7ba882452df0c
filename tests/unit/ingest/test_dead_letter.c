#include "ingest/dead_letter.h"
#include "tests/support/cmocka_all.h"

#include <jansson.h>

static const struct assay_partition partition = {
    .source = {"kafka", 5}, .topic = {"assay.events", 12}, .number = 3};

static void a_letter_names_reason_place_and_offset(void **state)
{
    (void)state;
    const struct assay_dead_letter letter = {.reason = ASSAY_DEAD_WRONG_TYPE,
                                             .partition = &partition,
                                             .offset = UINT64_MAX,
                                             .field = {"amount", 6},
                                             .byte = 17,
                                             .message_bytes = 120};
    static const char expected[] =
        "{\"reason\":\"wrong_type\",\"text\":\"a member is not of the declared type\","
        "\"source\":\"kafka\",\"topic\":\"assay.events\",\"partition\":3,"
        "\"offset\":18446744073709551615,\"field\":\"amount\",\"byte\":17,\"bytes\":120}";
    char out[512];
    const size_t length = assay_dead_letter_json(&letter, sizeof out, out);
    assert_int_equal(length, sizeof expected - 1);
    assert_memory_equal(out, expected, length);
}

static void a_letter_without_field_says_null(void **state)
{
    (void)state;
    const struct assay_dead_letter letter = {.reason = ASSAY_DEAD_LATE, .partition = &partition};
    char out[512];
    out[assay_dead_letter_json(&letter, sizeof out, out)] = '\0';
    assert_non_null(strstr(out, "\"field\":null,\"byte\":0,\"bytes\":0}"));
}

static void every_reason_gives_valid_json(void **state)
{
    (void)state;
    for (int reason = 0; reason < ASSAY_DEAD_END; reason++) {
        const struct assay_dead_letter letter = {.reason = (enum assay_dead)reason,
                                                 .partition = &partition};
        char out[512];
        const size_t length = assay_dead_letter_json(&letter, sizeof out, out);
        json_t *root = json_loadb(out, length, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(root);
        assert_string_equal(json_string_value(json_object_get(root, "reason")),
                            assay_dead_name(letter.reason));
        json_decref(root);
    }
}

/* A file's path may hold any byte but NUL. */
static void any_path_gives_valid_json(void **state)
{
    (void)state;
    uint64_t random = 4711;
    for (int round = 0; round < 20000; round++) {
        char path[12];
        const uint32_t length = (uint32_t)(test_random(&random) % sizeof path);
        for (uint32_t i = 0; i < length; i++) {
            static const unsigned char likely[] = {0xE0, 0xED, 0xF0, 0xF4, 0x80, 0xBF, 0xC2, '"'};
            const uint64_t draw = test_random(&random);
            path[i] = (char)(draw % 2 == 0 ? likely[draw / 2 % sizeof likely]
                                           : (unsigned char)(draw >> 8) | 1U);
        }
        const struct assay_partition place = {.source = {"file", 4}, .topic = {path, length}};
        const struct assay_dead_letter letter = {.reason = ASSAY_DEAD_SYNTAX, .partition = &place};
        char out[512];
        const size_t bytes = assay_dead_letter_json(&letter, sizeof out, out);
        json_error_t why;
        json_t *root = json_loadb(out, bytes, JSON_REJECT_DUPLICATES, &why);
        if (root == NULL) {
            print_message("%.*s: %s\n", (int)bytes, out, why.text);
            fail();
        }
        json_decref(root);
    }
}

static void good_text_comes_back_unchanged(void **state)
{
    (void)state;
    static const char path[] = "a\"b\\c\n\x01\xC3\xA9\xE4\xBA\xBA\xF0\x9F\x98\x80";
    const struct assay_partition place = {.source = {"file", 4}, .topic = {path, sizeof path - 1}};
    const struct assay_dead_letter letter = {.reason = ASSAY_DEAD_SYNTAX, .partition = &place};
    char out[512];
    const size_t length = assay_dead_letter_json(&letter, sizeof out, out);
    json_t *root = json_loadb(out, length, 0, NULL);
    assert_non_null(root);
    assert_string_equal(json_string_value(json_object_get(root, "topic")), path);
    json_decref(root);
}

static void a_short_buffer_is_never_overrun_and_the_need_is_told(void **state)
{
    (void)state;
    const struct assay_dead_letter letter = {.reason = ASSAY_DEAD_SYNTAX, .partition = &partition};
    char whole[512];
    const size_t need = assay_dead_letter_json(&letter, sizeof whole, whole);
    for (size_t size = 0; size <= need; size++) {
        char out[512];
        memset(out, 'x', sizeof out);
        assert_int_equal(assay_dead_letter_json(&letter, size, out), need);
        for (size_t i = size; i < sizeof out; i++) {
            assert_int_equal(out[i], 'x');
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_letter_names_reason_place_and_offset),
        cmocka_unit_test(a_letter_without_field_says_null),
        cmocka_unit_test(every_reason_gives_valid_json),
        cmocka_unit_test(any_path_gives_valid_json),
        cmocka_unit_test(good_text_comes_back_unchanged),
        cmocka_unit_test(a_short_buffer_is_never_overrun_and_the_need_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
