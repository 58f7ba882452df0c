#include "tests/unit/runtime/world.h"

#include "engine/runtime/epoch_log.h"
#include "tests/support/temp_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PART(t, n)                                                                                 \
    {                                                                                              \
        .source = {"kafka", 5}, .topic = {t, sizeof(t) - 1}, .number = n                           \
    }
static const struct assay_partition small[] = {PART("a", 0), PART("a", 1), PART("b", 0)};
static const struct assay_partition grown[] = {PART("a", 0), PART("a", 1), PART("a", 2),
                                               PART("b", 0), PART("b", 1)};
static const struct assay_epoch_identity before = {
    .plan = {1, 2}, .policies = {3, 4}, .partitions = small, .partition_count = 3};
static const struct assay_epoch_identity after = {
    .plan = {1, 2}, .policies = {3, 4}, .partitions = grown, .partition_count = 5};

/* Epoch n takes [10 n, 10 n + 3) of every partition whose bit of n is set, and of the last. */
static size_t ranges_of(uint64_t number, size_t partitions, struct assay_range out[])
{
    size_t count = 0;
    for (size_t p = 0; p < partitions; p++) {
        if ((number >> p & 1U) != 0 || p + 1 == partitions) {
            out[count++] = (struct assay_range){
                .partition = (uint32_t)p, .next = 10 * number, .end = 10 * number + 3};
        }
    }
    return count;
}

static void append(const struct assay_epoch_identity *identity, uint64_t from, uint64_t to)
{
    struct assay_epoch_writer *writer = NULL;
    struct assay_err err;
    assert_int_equal(assay_epoch_writer_open(&writer, path, identity, 10, &err), ASSAY_OK);
    for (uint64_t n = from; n < to; n++) {
        struct assay_range ranges[8];
        const struct assay_epoch epoch = {
            .number = n,
            .clock_ms = (int64_t)(1000 * n),
            .ranges = ranges,
            .range_count = ranges_of(n, identity->partition_count, ranges),
        };
        assert_int_equal(assay_epoch_append(writer, &epoch, &err), ASSAY_OK);
    }
    assay_epoch_writer_close(writer);
}

static void epochs_are_read_back_over_a_grown_partition_table(void **state)
{
    (void)state;
    static const uint32_t place[] = {0, 1, 3}; /* of the small table in the grown one */
    struct assay_epoch_reader *reader = NULL;
    struct assay_epoch epoch;
    struct assay_err err;
    append(&before, 1, 20);
    append(&after, 20, 40);
    assert_int_equal(assay_epoch_reader_open(&reader, path, &after, &err), ASSAY_OK);
    for (uint64_t n = 1; n < 40; n++) {
        struct assay_range ranges[8];
        const size_t count = ranges_of(n, n < 20 ? 3 : 5, ranges);
        assert_int_equal(assay_epoch_reader_next(reader, &epoch, &err), ASSAY_OK);
        assert_int_equal(epoch.number, n);
        assert_int_equal(epoch.clock_ms, 1000 * n);
        assert_int_equal(epoch.range_count, count);
        for (size_t r = 0; r < count; r++) {
            const uint32_t partition = n < 20 ? place[ranges[r].partition] : ranges[r].partition;
            assert_int_equal(epoch.ranges[r].partition, partition);
            assert_int_equal(epoch.ranges[r].next, ranges[r].next);
            assert_int_equal(epoch.ranges[r].end, ranges[r].end);
        }
    }
    assert_int_equal(assay_epoch_reader_next(reader, &epoch, &err), ASSAY_E_END);
    assay_epoch_reader_close(reader);
    uint64_t first[5];
    uint64_t count = 0;
    assert_int_equal(assay_epoch_log_scan(path, &after, first, &count, &err), ASSAY_OK);
    assert_int_equal(count, 39);
    assert_int_equal(first[0], 10);
    assert_int_equal(first[1], 20);
    assert_int_equal(first[2], 200); /* 20 has bit 2 */
    assert_int_equal(first[3], 10);
    assert_int_equal(first[4], 200);
}

static void another_plan_other_policies_or_a_lost_partition_are_refused_by_name(void **state)
{
    (void)state;
    uint64_t first[5];
    uint64_t count = 0;
    struct assay_err err;
    append(&after, 1, 3);
    struct assay_epoch_identity other = after;
    other.plan[1] = 9;
    assert_int_equal(assay_epoch_log_scan(path, &other, first, &count, &err), ASSAY_E_CONFIG);
    assert_non_null(strstr(err.what, "features"));
    other = after;
    other.policies[0] = 9;
    assert_int_equal(assay_epoch_log_scan(path, &other, first, &count, &err), ASSAY_E_CONFIG);
    assert_non_null(strstr(err.what, "policies"));
    assert_int_equal(assay_epoch_log_scan(path, &before, first, &count, &err), ASSAY_E_CONFIG);
    assert_string_equal(err.value, "kafka:a:2");
    assert_true(strlen(err.remedy) > 0);
}

static void a_log_cut_at_any_byte_gives_a_prefix_and_can_be_continued(void **state)
{
    (void)state;
    uint64_t first[3];
    append(&before, 1, 6);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    (void)fseek(file, 0, SEEK_END);
    const long size = ftell(file);
    (void)fclose(file);
    uint64_t last = 6;
    for (long cut = size; cut >= 0; cut--) {
        uint64_t count = 0;
        struct assay_err err;
        (void)unlink(path);
        append(&before, 1, 6);
        assert_int_equal(truncate(path, cut), 0);
        assert_int_equal(assay_epoch_log_scan(path, &before, first, &count, &err), ASSAY_OK);
        assert_true(count <= last);
        last = count;
        append(&before, count + 1, count + 3);
        assert_int_equal(assay_epoch_log_scan(path, &before, first, &count, &err), ASSAY_OK);
        assert_int_equal(count, last + 2);
    }
    assert_int_equal(last, 0);
}

static void the_table_of_a_log_is_that_of_its_last_header(void **state)
{
    (void)state;
    struct assay_arena *arena = assay_arena_create(1 << 20);
    struct assay_epoch_table table;
    struct assay_err err;
    assert_int_equal(assay_epoch_table_read(&table, arena, path, &err), ASSAY_E_NOT_FOUND);
    append(&before, 1, 4);
    append(&after, 4, 5);
    assert_int_equal(assay_epoch_table_read(&table, arena, path, &err), ASSAY_OK);
    assert_int_equal(table.partition_count, 5);
    assert_int_equal(table.epoch_count, 4);
    assert_int_equal(table.plan[1], 2);
    assert_true(assay_str_equal(table.partitions[3].topic, assay_str_of("b")));
    assay_arena_destroy(arena);
}

static void a_log_with_a_gap_in_its_numbers_is_refused(void **state)
{
    (void)state;
    uint64_t first[3];
    uint64_t count = 0;
    struct assay_err err;
    append(&before, 1, 3);
    append(&before, 4, 5);
    assert_int_equal(assay_epoch_log_scan(path, &before, first, &count, &err), ASSAY_E_FORMAT);
    assert_non_null(strstr(err.what, "not the next epoch"));
}

int main(void)
{
#define ON_FILE(test) cmocka_unit_test_setup_teardown(test, make_path, drop_path)
    const struct CMUnitTest tests[] = {
        ON_FILE(epochs_are_read_back_over_a_grown_partition_table),
        ON_FILE(another_plan_other_policies_or_a_lost_partition_are_refused_by_name),
        ON_FILE(a_log_cut_at_any_byte_gives_a_prefix_and_can_be_continued),
        ON_FILE(the_table_of_a_log_is_that_of_its_last_header),
        ON_FILE(a_log_with_a_gap_in_its_numbers_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
