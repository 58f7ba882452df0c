#include "features/decode.h"
#include "ingest/file.h"
#include "tests/support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

/* More than the reader's buffer holds, so that lines are moved and the buffer is filled anew. */
enum { CONTENT_BYTES = 20 << 20, LINE_BYTES_MAX = ASSAY_DECODE_BYTES_MAX + 1, HELD_MAX = 4096 };

static char path[] = "/tmp/assay-lines-XXXXXX";
static char *content;
static size_t content_bytes;

static void write_file(const char *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

/* Lines of all lengths: empty ones, some with a carriage return, some longer than a message. */
static int make_content(void **state)
{
    (void)state;
    uint64_t random = 99;
    const int fd = mkstemp(path);
    content = malloc(CONTENT_BYTES + 2 * LINE_BYTES_MAX);
    if (fd < 0 || content == NULL) {
        return -1;
    }
    (void)close(fd);
    while (content_bytes < CONTENT_BYTES) {
        const uint64_t draw = test_random(&random);
        size_t length = draw % 300;
        length = draw >> 32 & 511 ? length : LINE_BYTES_MAX - 2 + length % 5; /* at the limit */
        length = draw >> 41 & 8191 ? length : LINE_BYTES_MAX + draw % 500000;
        memset(content + content_bytes, 'a' + (int)(draw >> 16 & 15), length);
        if (length > LINE_BYTES_MAX) {
            content[content_bytes + LINE_BYTES_MAX - 1] = '\r'; /* where such a line is cut */
        }
        content_bytes += length;
        if ((draw >> 24 & 7) == 0) {
            content[content_bytes++] = '\r';
        }
        content[content_bytes++] = '\n';
    }
    content_bytes--; /* the last line has no line feed, and counts */
    return 0;
}

static int drop_content(void **state)
{
    (void)state;
    free(content);
    return unlink(path);
}

/* What the contract says of the line at @p at; the place of the next one is returned. */
static size_t expected_line(size_t at, struct assay_str *line)
{
    const char *from = content + at;
    const char *feed = memchr(from, '\n', content_bytes - at);
    const size_t whole = feed == NULL ? content_bytes - at : (size_t)(feed - from);
    size_t shown = whole > LINE_BYTES_MAX ? LINE_BYTES_MAX : whole;
    if (shown == whole && shown > 0 && from[shown - 1] == '\r') {
        shown--;
    }
    *line = (struct assay_str){.ptr = from, .len = (uint32_t)shown};
    return at + whole + 1;
}

struct held {
    struct assay_str given, expected;
};

/* Read all with releases at random moments; what is borrowed must not change until then. */
static void read_all(uint64_t seed)
{
    static struct held held[HELD_MAX];
    struct assay_line_reader *reader = NULL;
    struct assay_err err = {0};
    uint64_t random = seed;
    size_t held_count = 0;
    size_t full = 0;
    size_t at = 0;
    assert_int_equal(assay_line_reader_open(&reader, path, &err), ASSAY_OK);
    for (;;) {
        struct assay_str line = {0};
        const enum assay_status status = assay_line_reader_peek(reader, &line, &err);
        full += status == ASSAY_E_FULL ? 1 : 0;
        if (status == ASSAY_OK) {
            assert_true(at < content_bytes);
            struct assay_str expected;
            at = expected_line(at, &expected);
            assert_true(assay_str_equal(line, expected));
            held[held_count++] = (struct held){.given = line, .expected = expected};
            assay_line_reader_advance(reader);
        } else {
            assert_true(status == ASSAY_E_FULL || status == ASSAY_E_END);
        }
        if (status != ASSAY_OK || held_count == HELD_MAX || test_random(&random) % 2000 == 0) {
            for (size_t i = 0; i < held_count; i++) {
                assert_true(assay_str_equal(held[i].given, held[i].expected));
            }
            held_count = 0;
            assay_line_reader_release(reader);
        }
        if (status == ASSAY_E_END) {
            break;
        }
    }
    assert_int_equal(at, content_bytes + 1);
    assert_true(full > 0);
    uint64_t done = 0;
    uint64_t total = 0;
    assay_line_reader_progress(reader, &done, &total);
    assert_int_equal(done, total);
    assay_line_reader_close(reader);
}

static void lines_come_out_as_they_stand_and_stay_until_released(void **state)
{
    (void)state;
    write_file(content, content_bytes);
    for (uint64_t seed = 1; seed <= 3; seed++) {
        read_all(seed);
    }
}

/* Two frames, as `cat a.zst b.zst` makes them. */
static void packed_lines_come_out_the_same(void **state)
{
    (void)state;
    const size_t parts[] = {content_bytes / 3, content_bytes - content_bytes / 3};
    const size_t room = 2 * ZSTD_compressBound(content_bytes);
    char *packed = malloc(room);
    assert_non_null(packed);
    size_t from = 0;
    size_t used = 0;
    for (int i = 0; i < 2; i++) {
        const size_t bytes = ZSTD_compress(packed + used, room - used, content + from, parts[i], 1);
        assert_false(ZSTD_isError(bytes));
        used += bytes;
        from += parts[i];
    }
    write_file(packed, used);
    read_all(7);

    /* A frame that is cut off is a broken file, never a shorter one. */
    struct assay_line_reader *reader = NULL;
    struct assay_err err = {0};
    struct assay_str line;
    write_file(packed, used - 5);
    free(packed);
    assert_int_equal(assay_line_reader_open(&reader, path, &err), ASSAY_OK);
    enum assay_status status = ASSAY_OK;
    while ((status = assay_line_reader_peek(reader, &line, &err)) == ASSAY_OK ||
           status == ASSAY_E_FULL) {
        if (status == ASSAY_OK) {
            assay_line_reader_advance(reader);
        }
        assay_line_reader_release(reader);
    }
    assert_int_equal(status, ASSAY_E_FORMAT);
    assert_non_null(strstr(err.what, "ends in the middle of a frame"));
    assay_line_reader_close(reader);
}

static void what_cannot_be_read_is_named(void **state)
{
    (void)state;
    struct assay_line_reader *reader = NULL;
    struct assay_err err = {0};
    assert_int_equal(assay_line_reader_open(&reader, "/nonexistent", &err), ASSAY_E_NOT_FOUND);
    assert_string_equal(err.where, "/nonexistent");
    assert_int_equal(assay_line_reader_open(&reader, "/tmp", &err), ASSAY_E_NOT_FOUND);
    assert_non_null(strstr(err.what, "folder"));
    assert_null(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_out_as_they_stand_and_stay_until_released),
        cmocka_unit_test(packed_lines_come_out_the_same),
        cmocka_unit_test(what_cannot_be_read_is_named),
    };
    return cmocka_run_group_tests(tests, make_content, drop_content);
}
