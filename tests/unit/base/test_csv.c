#include "engine/base/csv.h"
#include "tests/support/cmocka_all.h"

/* A record as one line: fields between bars, so that a mistake shows. */
static void flatten(const struct assay_csv_record *record, size_t size, char out[])
{
    size_t used = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < record->count; i++) {
        const struct assay_str text = record->fields[i].text;
        used += (size_t)snprintf(out + used, size - used, "|%.*s", (int)text.len, text.ptr);
        assert_true(used < size);
    }
}

static enum assay_status read_all(const char *text, size_t max, char out[4096],
                                  struct assay_err *err)
{
    struct assay_arena *arena = assay_arena_create(1 << 20);
    struct assay_csv *csv = assay_csv_create(arena, "x.csv", assay_str_of(text), max);
    assert_non_null(csv);
    struct assay_csv_record record;
    enum assay_status status = ASSAY_OK;
    size_t used = 0;
    out[0] = '\0';
    while ((status = assay_csv_next(csv, &record, err)) == ASSAY_OK) {
        flatten(&record, 4096 - used, out + used);
        used += strlen(out + used);
        out[used++] = ';';
        out[used] = '\0';
    }
    assay_arena_destroy(arena);
    return status;
}

static void fields_are_what_rfc_4180_says(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a,b\n1,2\n", "|a|b;|1|2;"},
        {"a,b\r\n1,2\r\n", "|a|b;|1|2;"},
        {"a,b\n1,2", "|a|b;|1|2;"},
        {"a,b\n,\n", "|a|b;||;"},
        {"a\n\n1\n", "|a;|;|1;"},
        {"\"a\",\"b,c\"\n", "|a|b,c;"},
        {"\"say \"\"hi\"\"\"\n", "|say \"hi\";"},
        {"\"two\nlines\",x\r\n", "|two\nlines|x;"},
        {"\"\",\"\"\n", "||;"},
        {"\"\"\"\"\n", "|\";"},
        {"\xEF\xBB\xBF"
         "a,b\n",
         "|a|b;"},
        {" a , b \n", "| a | b ;"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[4096];
        struct assay_err err = {0};
        assert_int_equal(read_all(cases[i][0], 100, out, &err), ASSAY_E_END);
        assert_string_equal(out, cases[i][1]);
    }
}

static void malformed_text_names_line_column_and_remedy(void **state)
{
    (void)state;
    static const struct {
        const char *text, *where;
        enum assay_status status;
    } cases[] = {
        {"a,b\n1,x\"y\n", "x.csv:2:4", ASSAY_E_FORMAT},
        {"a,b\n1,\"xy\nz", "x.csv:2:3", ASSAY_E_FORMAT},
        {"a,\"b\"c\n", "x.csv:1:6", ASSAY_E_FORMAT},
        {"a,b\n1\n", "x.csv:2:1", ASSAY_E_FORMAT},
        {"a,b\n1,2,3\n", "x.csv:2:1", ASSAY_E_FORMAT},
        {"a,b\n\"1\n2\",2\n1,2,3\n", "x.csv:4:1", ASSAY_E_FORMAT},
        {"a\rb\n", "x.csv:1:2", ASSAY_E_FORMAT},
        {"a,b\n123456789,0123\n", "x.csv:2:13", ASSAY_E_FULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[4096];
        struct assay_err err = {0};
        assert_int_equal(read_all(cases[i].text, 11, out, &err), cases[i].status);
        assert_int_equal(err.status, cases[i].status);
        assert_string_equal(err.where, cases[i].where);
        assert_true(err.remedy[0] != '\0');
    }
}

static void a_nul_byte_is_refused(void **state)
{
    (void)state;
    struct assay_arena *arena = assay_arena_create(1 << 20);
    struct assay_csv *csv =
        assay_csv_create(arena, "x.csv", (struct assay_str){.ptr = "a,\0b\n", .len = 5}, 10);
    struct assay_csv_record record;
    struct assay_err err = {0};
    assert_int_equal(assay_csv_next(csv, &record, &err), ASSAY_E_FORMAT);
    assert_string_equal(err.where, "x.csv:1:3");
    assay_arena_destroy(arena);
}

/* Random tables: printing and reading give the same fields, from memory and across the blocks of a
 * stream, with the place of each. */
static void written_fields_read_back_from_memory_and_from_a_stream(void **state)
{
    (void)state;
    enum { WIDTH = 97, RECORDS = 400, TEXT_MAX = 40 };
    static char texts[RECORDS][WIDTH][TEXT_MAX];
    static uint32_t lengths[RECORDS][WIDTH];
    uint64_t random = 7;
    static const char alphabet[] = "ab,\"\n\r 0";
    FILE *file = tmpfile();
    assert_non_null(file);
    for (int r = 0; r < RECORDS; r++) {
        for (int f = 0; f < WIDTH; f++) {
            lengths[r][f] = (uint32_t)(test_random(&random) % TEXT_MAX);
            for (uint32_t i = 0; i < lengths[r][f]; i++) {
                texts[r][f][i] = alphabet[test_random(&random) % (sizeof alphabet - 1)];
            }
            assay_csv_write(file, (struct assay_str){texts[r][f], lengths[r][f]}, f == 0);
        }
        (void)fputs(r % 2 == 0 ? "\n" : "\r\n", file);
    }
    assert_int_equal(fflush(file), 0);
    rewind(file);
    struct assay_arena *arena = assay_arena_create(8 << 20);
    char *all = assay_arena_alloc(arena, 4 << 20);
    const size_t size = fread(all, 1, 4 << 20, file);
    assert_true(size > (1 << 17) && size < (4 << 20)); /* several blocks */
    rewind(file);
    struct assay_csv *csvs[2] = {
        assay_csv_create(arena, "m", (struct assay_str){all, (uint32_t)size}, 1 << 14),
        assay_csv_create_file(arena, "f", file, 1 << 14)};
    for (int c = 0; c < 2; c++) {
        struct assay_csv_record record;
        struct assay_err err = {0};
        for (int r = 0; r < RECORDS; r++) {
            assert_int_equal(assay_csv_next(csvs[c], &record, &err), ASSAY_OK);
            assert_int_equal(record.count, WIDTH);
            for (uint32_t f = 0; f < WIDTH; f++) {
                assert_int_equal(record.fields[f].text.len, lengths[r][f]);
                assert_memory_equal(record.fields[f].text.ptr, texts[r][f], lengths[r][f]);
            }
        }
        assert_int_equal(assay_csv_next(csvs[c], &record, &err), ASSAY_E_END);
        assert_int_equal(assay_csv_next(csvs[c], &record, &err), ASSAY_E_END);
    }
    (void)fclose(file);
    assay_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_what_rfc_4180_says),
        cmocka_unit_test(malformed_text_names_line_column_and_remedy),
        cmocka_unit_test(a_nul_byte_is_refused),
        cmocka_unit_test(written_fields_read_back_from_memory_and_from_a_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
