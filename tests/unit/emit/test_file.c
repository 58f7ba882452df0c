#include "engine/emit/output.h"
#include "tests/support/cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[64];

static int make_path(void **state)
{
    (void)state;
    (void)strcpy(path, "/tmp/assay-output-XXXXXX");
    const int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int drop_path(void **state)
{
    (void)state;
    return unlink(path);
}

static struct assay_output *open_file(const char *name, bool truncate)
{
    struct assay_output *output = NULL;
    struct assay_err err = {0};
    assert_int_equal(assay_output_file_open(&output, name, truncate, &err), ASSAY_OK);
    return output;
}

static enum assay_status send_text(struct assay_output *output, const char *text, size_t length,
                                   struct assay_err *err)
{
    const struct assay_outgoing record = {.value = {.ptr = text, .len = (uint32_t)length}};
    return output->ops->send(output, &record, err);
}

static char *read_back(size_t *length)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *length = (size_t)ftell(file);
    rewind(file);
    char *text = malloc(*length + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, *length, file), *length);
    text[*length] = '\0';
    assert_int_equal(fclose(file), 0);
    return text;
}

static void lines_of_all_lengths_come_out_whole_and_in_order(void **state)
{
    (void)state;
    static char big[3 << 20];
    memset(big, 'b', sizeof big);
    static const size_t lengths[] = {0, 1,       1000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1,
                                     5, 3 << 20, 7,    (1 << 20) - 9};
    struct assay_output *output = open_file(path, true);
    struct assay_err err = {0};
    size_t total = 0;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        assert_int_equal(send_text(output, big, lengths[i], &err), ASSAY_OK);
        total += lengths[i] + 1;
    }
    assert_int_equal(output->ops->flush(output, &err), ASSAY_OK);
    size_t length = 0;
    char *text = read_back(&length);
    assert_int_equal(length, total);
    const char *at = text;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        assert_int_equal(strspn(at, "b"), lengths[i]);
        assert_int_equal(at[lengths[i]], '\n');
        at += lengths[i] + 1;
    }
    free(text);
    output->ops->close(output);
}

static void flush_and_poke_leave_nothing_behind_but_send_alone_may(void **state)
{
    (void)state;
    struct assay_output *output = open_file(path, true);
    struct assay_err err = {0};
    size_t length = 0;
    assert_int_equal(send_text(output, "one", 3, &err), ASSAY_OK);
    assert_int_equal(output->ops->poke(output, &err), ASSAY_OK);
    char *text = read_back(&length);
    assert_string_equal(text, "one\n");
    free(text);
    assert_int_equal(send_text(output, "two", 3, &err), ASSAY_OK);
    assert_int_equal(output->ops->flush(output, &err), ASSAY_OK);
    text = read_back(&length);
    assert_string_equal(text, "one\ntwo\n");
    free(text);
    output->ops->close(output);
}

static void opening_again_appends_and_ends_a_torn_line(void **state)
{
    (void)state;
    struct assay_err err = {0};
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs("whole\n{\"torn", file);
    assert_int_equal(fclose(file), 0);
    for (int i = 0; i < 2; i++) {
        struct assay_output *output = open_file(path, false);
        assert_int_equal(send_text(output, "next", 4, &err), ASSAY_OK);
        assert_int_equal(output->ops->flush(output, &err), ASSAY_OK);
        output->ops->close(output);
    }
    size_t length = 0;
    char *text = read_back(&length);
    assert_string_equal(text, "whole\n{\"torn\nnext\nnext\n");
    free(text);
}

static void a_full_disk_is_an_error_that_stays(void **state)
{
    (void)state;
    struct assay_output *output = open_file("/dev/full", false);
    struct assay_err err = {0};
    assert_int_equal(send_text(output, "x", 1, &err), ASSAY_OK);
    assert_int_equal(output->ops->flush(output, &err), ASSAY_E_IO);
    assert_non_null(strstr(err.where, "/dev/full"));
    assert_true(strlen(err.remedy) > 0);
    assert_int_equal(send_text(output, "x", 1, &err), ASSAY_E_IO);
    output->ops->close(output);
}

static void a_closed_pipe_on_standard_output_is_an_error_and_no_signal(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const int kept = dup(STDOUT_FILENO);
    assert_true(kept >= 0);
    (void)fflush(stdout);
    assert_int_equal(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
    struct assay_output *output = open_file("-", false);
    struct assay_err err = {0};
    enum assay_status first = send_text(output, "one", 3, &err);
    if (first == ASSAY_OK) {
        first = output->ops->flush(output, &err);
    }
    char got[16] = {0};
    const ssize_t length = read(ends[0], got, sizeof got);
    (void)close(ends[0]);
    enum assay_status second = send_text(output, "two", 3, &err);
    if (second == ASSAY_OK) {
        second = output->ops->flush(output, &err);
    }
    output->ops->close(output);
    (void)dup2(kept, STDOUT_FILENO);
    (void)close(kept);
    (void)close(ends[1]);
    assert_int_equal(first, ASSAY_OK);
    assert_int_equal(length, 4);
    assert_memory_equal(got, "one\n", 4);
    assert_int_equal(second, ASSAY_E_IO);
    assert_string_equal(err.where, "standard output");
}

static void a_path_that_cannot_be_written_is_refused_at_open(void **state)
{
    (void)state;
    struct assay_output *output = NULL;
    struct assay_err err = {0};
    assert_int_not_equal(assay_output_file_open(&output, "/nowhere/x.jsonl", false, &err),
                         ASSAY_OK);
    assert_null(output);
    assert_non_null(strstr(err.where, "/nowhere/x.jsonl"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_of_all_lengths_come_out_whole_and_in_order, make_path,
                                        drop_path),
        cmocka_unit_test_setup_teardown(flush_and_poke_leave_nothing_behind_but_send_alone_may,
                                        make_path, drop_path),
        cmocka_unit_test_setup_teardown(opening_again_appends_and_ends_a_torn_line, make_path,
                                        drop_path),
        cmocka_unit_test(a_full_disk_is_an_error_that_stays),
        cmocka_unit_test(a_closed_pipe_on_standard_output_is_an_error_and_no_signal),
        cmocka_unit_test(a_path_that_cannot_be_written_is_refused_at_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
