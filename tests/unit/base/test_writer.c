#include "engine/base/writer.h"
#include "tests/support/cmocka_all.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

/* Oracle: jansson, which refuses what is not JSON or not UTF-8. */

enum { TEXT_BYTES_MAX = 64, ROOM = 6 * TEXT_BYTES_MAX + 2 };

static struct assay_str str(const char *bytes, size_t len)
{
    return (struct assay_str){.ptr = bytes, .len = (uint32_t)len};
}

static size_t written(struct assay_str text, size_t size, char out[])
{
    struct assay_writer writer = {.out = out, .size = size};
    assay_write_json_text(&writer, text);
    return writer.used;
}

static void expect_read_back(struct assay_str text, const char *wanted, size_t wanted_len)
{
    char json[ROOM];
    const size_t used = written(text, sizeof json, json);
    assert_true(used <= sizeof json);
    json_t *read = json_loadb(json, used, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    assert_non_null(read);
    assert_int_equal(json_string_length(read), wanted_len);
    assert_memory_equal(json_string_value(read), wanted, wanted_len);
    json_decref(read);
}

/* UTF-8 of one character, by the arithmetic of RFC 3629. */
static size_t put_character(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    const size_t more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned char heads[] = {0, 0xC0, 0xE0, 0xF0};
    for (size_t i = more; i > 0; i--) {
        out[i] = (char)(0x80 | (c & 0x3F));
        c >>= 6;
    }
    out[0] = (char)(heads[more] | c);
    return more + 1;
}

static void every_character_reads_back_the_same(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x110000; c++) {
        if (c >= 0xD800 && c < 0xE000) {
            continue;
        }
        char text[6] = "a";
        const size_t len = 1 + put_character(c, text + 1);
        text[len] = 'z';
        expect_read_back(str(text, len + 1), text, len + 1);
    }
}

static void bytes_that_are_no_character_become_the_replacement_character(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        const char *wanted;
    } cases[] = {
        {"\xFF", "\xEF\xBF\xBD"},
        {"a\x80z", "a\xEF\xBF\xBDz"},
        {"\xC0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD"}, /* overlong NUL */
        {"\xE0\x9F\xBF", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xF0\x8F\xBF\xBF", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},                 /* a surrogate */
        {"\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"}, /* too high */
        {"\xE4\xB8", "\xEF\xBF\xBD\xEF\xBF\xBD"},                                 /* cut short */
        {"\xE4\xB8\"", "\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {"\xE4\xB8\xAD", "\xE4\xB8\xAD"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        /* A copy without a NUL behind it, so that a sanitizer sees a look too far. */
        const size_t len = strlen(cases[i].bytes);
        char *copy = malloc(len);
        assert_non_null(copy);
        memcpy(copy, cases[i].bytes, len);
        expect_read_back(str(copy, len), cases[i].wanted, strlen(cases[i].wanted));
        free(copy);
    }
}

/* Random bytes, quotes and controls among them. */
static struct assay_str random_text(uint64_t *random, char out[TEXT_BYTES_MAX])
{
    static const char odd[] = "\"\\\n\r\t\x01\x7F\xE4\xB8\xAD\xF0\x9F\x98\x80\xC3\xA9";
    const size_t len = test_random(random) % TEXT_BYTES_MAX;
    for (size_t i = 0; i < len; i++) {
        const uint64_t drawn = test_random(random) >> 8;
        out[i] = drawn % 3 == 0   ? (char)(drawn >> 8)
                 : drawn % 3 == 1 ? odd[(drawn >> 8) % (sizeof odd - 1)]
                                  : (char)('a' + (drawn >> 8) % 26);
    }
    return str(out, len);
}

static void print_and_write_give_the_same_json(void **state)
{
    (void)state;
    uint64_t random = 7;
    for (int i = 0; i < 2000; i++) {
        char bytes[TEXT_BYTES_MAX];
        char wanted[ROOM];
        char *printed = NULL;
        size_t printed_bytes = 0;
        const struct assay_str text = random_text(&random, bytes);
        const size_t used = written(text, sizeof wanted, wanted);
        FILE *out = open_memstream(&printed, &printed_bytes);
        assert_non_null(out);
        assay_print_json_text(text, out);
        (void)fclose(out);
        assert_int_equal(printed_bytes, used);
        assert_memory_equal(printed, wanted, used);
        json_t *read = json_loadb(printed, used, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_non_null(read);
        json_decref(read);
        free(printed);
    }
}

static void what_does_not_fit_is_counted_and_not_written(void **state)
{
    (void)state;
    uint64_t random = 11;
    for (int i = 0; i < 200; i++) {
        char bytes[TEXT_BYTES_MAX];
        char out[ROOM];
        const struct assay_str text = random_text(&random, bytes);
        const size_t needed = written(text, 0, NULL);
        for (size_t size = 0; size <= needed; size++) {
            memset(out, '#', sizeof out);
            assert_int_equal(written(text, size, out), needed);
            assert_int_equal(out[size], '#');
        }
    }
}

static void a_bounded_line_is_cut_between_characters(void **state)
{
    (void)state;
    uint64_t random = 13;
    for (int i = 0; i < 200; i++) {
        char bytes[TEXT_BYTES_MAX];
        char whole[ROOM];
        const struct assay_str text = random_text(&random, bytes);
        const size_t needed = written(text, sizeof whole, whole) - 2;
        for (size_t size = 0; size <= needed; size++) {
            char line[ROOM + 1];
            memset(line, '#', sizeof line);
            line[0] = '"';
            const size_t used = assay_escape_json_text(text, size, line + 1);
            assert_true(used <= size && size - used < 6);
            assert_int_equal(line[1 + used], '#');
            assert_memory_equal(line, whole, 1 + used);
            line[1 + used] = '"';
            json_t *read = json_loadb(line, used + 2, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
            assert_non_null(read);
            json_decref(read);
        }
        assert_int_equal(assay_escape_json_text(text, needed, whole), needed);
    }
}

static void null_is_not_the_empty_text_and_numbers_are_json(void **state)
{
    (void)state;
    char out[200];
    struct assay_writer writer = {.out = out, .size = sizeof out};
    assay_write_json_text(&writer, str(NULL, 0));
    assay_write_json_text(&writer, str("", 0));
    assay_write_plain(&writer, ",");
    assay_write_json_number(&writer, 0.1);
    assay_write_json_number(&writer, NAN);
    assay_write_json_number(&writer, -INFINITY);
    assay_write_json_integer(&writer, INT64_MIN);
    assay_write_json_unsigned(&writer, UINT64_MAX);
    static const char wanted[] = "null\"\",0.1nullnull-922337203685477580818446744073709551615";
    assert_int_equal(writer.used, sizeof wanted - 1);
    assert_memory_equal(out, wanted, writer.used);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_reads_back_the_same),
        cmocka_unit_test(bytes_that_are_no_character_become_the_replacement_character),
        cmocka_unit_test(print_and_write_give_the_same_json),
        cmocka_unit_test(what_does_not_fit_is_counted_and_not_written),
        cmocka_unit_test(a_bounded_line_is_cut_between_characters),
        cmocka_unit_test(null_is_not_the_empty_text_and_numbers_are_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
