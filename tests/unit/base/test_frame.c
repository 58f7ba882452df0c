#include "tests/support/temp_path.h"

#include "engine/base/crc32c_pvt.h"
#include "engine/base/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char MAGIC[] = "ASSAYTST";

static void both_ways_to_a_checksum_agree_with_each_other_and_with_rfc_3720(void **state)
{
    (void)state;
    uint8_t bytes[512];
    uint64_t random = 7;
    memset(bytes, 0, 32);
    assert_int_equal(assay_crc32c(0, bytes, 32), 0x8A9136AA);
    memset(bytes, 0xFF, 32);
    assert_int_equal(assay_crc32c(0, bytes, 32), 0x62A8AB43);
    assert_int_equal(assay_crc32c(0, "123456789", 9), 0xE3069283);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)test_random(&random);
    }
    for (size_t begin = 0; begin < 9; begin++) {
        for (size_t len = 0; len < 100; len++) {
            const uint32_t whole = assay_crc32c(0, bytes + begin, len);
            assert_int_equal(whole, assay_crc32c_portable(0, bytes + begin, len));
            const size_t cut = len / 3;
            assert_int_equal(whole, assay_crc32c(assay_crc32c(0, bytes + begin, cut),
                                                 bytes + begin + cut, len - cut));
        }
    }
}

/* Record i: type 1 + i % 3, i * 37 % 200 bytes of value i. */
static size_t record_of(size_t i, uint8_t out[200])
{
    const size_t bytes = i * 37 % 200;
    memset(out, (int)i, bytes);
    return bytes;
}

static void append_records(size_t from, size_t to)
{
    struct assay_frame_writer *writer = NULL;
    struct assay_err err;
    assert_int_equal(assay_frame_writer_open(&writer, path, MAGIC, &err), ASSAY_OK);
    for (size_t i = from; i < to; i++) {
        uint8_t payload[200];
        const size_t bytes = record_of(i, payload);
        assert_int_equal(assay_frame_append(writer, (uint16_t)(1 + i % 3), 2, payload, bytes, &err),
                         ASSAY_OK);
    }
    assert_int_equal(assay_frame_flush(writer, &err), ASSAY_OK);
    assay_frame_writer_close(writer);
}

/* The first @p count records as a file holds them, made once: making files syncs folders. */
static size_t image_of(size_t count, char out[8192])
{
    append_records(0, count);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    const size_t size = fread(out, 1, 8192, file);
    (void)fclose(file);
    return size;
}

static void write_image(const char bytes[], size_t size)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* @return records read; *status what ended it. */
static size_t count_records(enum assay_status *status, uint64_t *torn, struct assay_err *err)
{
    struct assay_frame_reader *reader = NULL;
    struct assay_frame frame;
    size_t count = 0;
    assert_int_equal(assay_frame_reader_open(&reader, path, MAGIC, err), ASSAY_OK);
    while ((*status = assay_frame_next(reader, &frame, err)) == ASSAY_OK) {
        uint8_t expected[200];
        assert_int_equal(frame.bytes, record_of(count, expected));
        assert_memory_equal(frame.payload, expected, frame.bytes);
        assert_int_equal(frame.type, 1 + count % 3);
        assert_int_equal(frame.version, 2);
        count++;
    }
    *torn = assay_frame_reader_torn(reader);
    assay_frame_reader_close(reader);
    return count;
}

static void what_is_appended_is_read_back_over_several_openings(void **state)
{
    (void)state;
    enum assay_status status = ASSAY_OK;
    uint64_t torn = 0;
    struct assay_err err;
    append_records(0, 10);
    append_records(10, 10);
    append_records(10, 500);
    assert_int_equal(count_records(&status, &torn, &err), 500);
    assert_int_equal(status, ASSAY_E_END);
    assert_int_equal(torn, 0);
}

static void records_made_in_place_are_those_that_append_makes(void **state)
{
    (void)state;
    enum { FIRST = 40, COUNT = 4000 }; /* more than the writer's buffer, and less */
    static uint8_t made[COUNT * (200 + ASSAY_FRAME_HEADER_BYTES)];
    struct assay_frame_writer *writer = NULL;
    enum assay_status status = ASSAY_OK;
    size_t used = 0;
    size_t first = 0;
    uint64_t torn = 0;
    struct assay_err err;
    append_records(0, 3);
    for (size_t i = 3; i < COUNT; i++) {
        const size_t bytes = record_of(i, made + used + ASSAY_FRAME_HEADER_BYTES);
        assay_frame_make(made + used, (uint16_t)(1 + i % 3), 2, bytes);
        used += ASSAY_FRAME_HEADER_BYTES + bytes;
        first = i == FIRST ? used : first;
    }
    assert_int_equal(assay_frame_writer_open(&writer, path, MAGIC, &err), ASSAY_OK);
    assert_int_equal(assay_frame_append_made(writer, made, first, &err), ASSAY_OK);
    assert_int_equal(assay_frame_append_made(writer, made + first, used - first, &err), ASSAY_OK);
    assay_frame_writer_close(writer);
    assert_int_equal(count_records(&status, &torn, &err), COUNT);
    assert_int_equal(status, ASSAY_E_END);
    assert_int_equal(torn, 0);
}

static void a_file_cut_at_any_byte_loses_only_the_torn_record_and_goes_on(void **state)
{
    (void)state;
    enum { COUNT = 12 };
    uint64_t ends[COUNT + 1] = {8};
    for (size_t i = 0; i < COUNT; i++) {
        uint8_t payload[200];
        ends[i + 1] = ends[i] + ASSAY_FRAME_HEADER_BYTES + record_of(i, payload);
    }
    char image[8192];
    assert_int_equal(image_of(COUNT, image), ends[COUNT]);
    for (uint64_t cut = 0; cut <= ends[COUNT]; cut += cut < 40 ? 1 : 7) {
        enum assay_status status = ASSAY_OK;
        uint64_t torn = 0;
        struct assay_err err;
        write_image(image, cut);
        size_t whole = 0;
        while (whole < COUNT && ends[whole + 1] <= cut) {
            whole++;
        }
        assert_int_equal(count_records(&status, &torn, &err), whole);
        assert_int_equal(status, ASSAY_E_END);
        assert_int_equal(torn, cut < 8 ? cut : cut - ends[whole]);
        append_records(whole, COUNT + 1);
        assert_int_equal(count_records(&status, &torn, &err), COUNT + 1);
        assert_int_equal(torn, 0);
    }
}

static void a_flipped_byte_before_the_tail_is_damage_and_never_a_tail(void **state)
{
    (void)state;
    enum { COUNT = 8 };
    uint64_t size = 8;
    uint64_t last = 8;
    for (size_t i = 0; i < COUNT; i++) {
        uint8_t payload[200];
        last = size;
        size += ASSAY_FRAME_HEADER_BYTES + record_of(i, payload);
    }
    char image[8192];
    assert_int_equal(image_of(COUNT, image), size);
    for (uint64_t at = 8; at < size; at++) {
        enum assay_status status = ASSAY_OK;
        uint64_t torn = 0;
        struct assay_err err;
        image[at] ^= 0x40;
        write_image(image, size);
        image[at] ^= 0x40;
        const size_t count = count_records(&status, &torn, &err);
        assert_true(count < COUNT);
        assert_int_equal(status, at < last ? ASSAY_E_CHECKSUM : ASSAY_E_END);
        struct assay_frame_writer *writer = NULL;
        if (at < last) {
            assert_int_equal(assay_frame_writer_open(&writer, path, MAGIC, &err), ASSAY_E_CHECKSUM);
        }
    }
}

static void a_tail_of_zeroes_is_torn(void **state)
{
    (void)state;
    enum assay_status status = ASSAY_OK;
    uint64_t torn = 0;
    struct assay_err err;
    append_records(0, 5);
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    for (size_t i = 0; i < 5000; i++) {
        (void)fputc(0, file);
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(count_records(&status, &torn, &err), 5);
    assert_int_equal(status, ASSAY_E_END);
    assert_int_equal(torn, 5000);
}

static void another_kind_of_file_is_refused_untouched(void **state)
{
    (void)state;
    struct assay_frame_writer *writer = NULL;
    struct assay_frame_reader *reader = NULL;
    struct assay_err err;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs("precious", file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(assay_frame_writer_open(&writer, path, MAGIC, &err), ASSAY_E_FORMAT);
    assert_int_equal(assay_frame_reader_open(&reader, path, MAGIC, &err), ASSAY_E_FORMAT);
    assert_int_equal(assay_frame_reader_open(&reader, "/nonexistent/x", MAGIC, &err),
                     ASSAY_E_NOT_FOUND);
    file = fopen(path, "r");
    char text[16] = "";
    assert_non_null(fgets(text, sizeof text, file));
    (void)fclose(file);
    assert_string_equal(text, "precious");
}

static void a_record_larger_than_the_buffer_and_a_full_disk(void **state)
{
    (void)state;
    enum { LARGE = 3 << 20 };
    struct assay_frame_writer *writer = NULL;
    struct assay_frame_reader *reader = NULL;
    struct assay_frame frame;
    struct assay_err err;
    uint8_t *payload = malloc(LARGE);
    assert_non_null(payload);
    memset(payload, 5, LARGE);
    assert_int_equal(assay_frame_writer_open(&writer, path, MAGIC, &err), ASSAY_OK);
    assert_int_equal(assay_frame_append(writer, 1, 1, "ab", 2, &err), ASSAY_OK);
    assert_int_equal(assay_frame_append(writer, 1, 1, payload, LARGE, &err), ASSAY_OK);
    assay_frame_writer_close(writer);
    assert_int_equal(assay_frame_reader_open(&reader, path, MAGIC, &err), ASSAY_OK);
    assert_int_equal(assay_frame_next(reader, &frame, &err), ASSAY_OK);
    assert_int_equal(assay_frame_next(reader, &frame, &err), ASSAY_OK);
    assert_int_equal(frame.bytes, LARGE);
    assert_memory_equal(frame.payload, payload, LARGE);
    assert_int_equal(assay_frame_next(reader, &frame, &err), ASSAY_E_END);
    assay_frame_reader_close(reader);
    free(payload);
    assert_int_equal(assay_frame_writer_open(&writer, "/dev/full", MAGIC, &err), ASSAY_E_IO);
}

int main(void)
{
#define ON_FILE(test) cmocka_unit_test_setup_teardown(test, make_path, drop_path)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways_to_a_checksum_agree_with_each_other_and_with_rfc_3720),
        ON_FILE(what_is_appended_is_read_back_over_several_openings),
        ON_FILE(records_made_in_place_are_those_that_append_makes),
        ON_FILE(a_file_cut_at_any_byte_loses_only_the_torn_record_and_goes_on),
        ON_FILE(a_flipped_byte_before_the_tail_is_damage_and_never_a_tail),
        ON_FILE(a_tail_of_zeroes_is_torn),
        ON_FILE(another_kind_of_file_is_refused_untouched),
        ON_FILE(a_record_larger_than_the_buffer_and_a_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
