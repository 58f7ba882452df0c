#include "engine/config/config.h"

#include "tests/support/cmocka_all.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * Every folder of cases/ is loaded as a person would load it, from inside; what is printed must be
 * its expected.txt to the byte, and nothing for good folders. Together the folders must bring out
 * every code that definitions can bring out.
 */

enum { CASES_MAX = 256, CODES_MAX = 1000, DIAGNOSTICS_MAX = 200 };

static const char cases_folder[] = "tests/unit/config/cases";

struct cases {
    char *names[CASES_MAX];
    size_t count;
    bool seen[CODES_MAX];
};

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int open_cases(void **state)
{
    struct cases *cases = calloc(1, sizeof *cases);
    assert_non_null(cases);
    DIR *folder = opendir(cases_folder);
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] != '.') {
            assert_true(cases->count < CASES_MAX);
            cases->names[cases->count++] = strdup(entry->d_name);
        }
    }
    (void)closedir(folder);
    qsort(cases->names, cases->count, sizeof cases->names[0], by_name);
    *state = cases;
    return 0;
}

static int close_cases(void **state)
{
    struct cases *cases = *state;
    for (size_t i = 0; i < cases->count; i++) {
        free(cases->names[i]);
    }
    free(cases);
    return 0;
}

/* What a person would see; to be freed. */
static char *load(struct cases *cases, bool *good)
{
    char *text = NULL;
    size_t size = 0;
    struct assay_arena *arena = assay_arena_create((size_t)256 << 20);
    assert_non_null(arena);
    struct assay_diags *diags = assay_diags_create(arena, DIAGNOSTICS_MAX);
    assert_non_null(diags);
    const struct assay_config *config = assay_config_load(arena, ".", diags);
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assay_diags_print(diags, out);
    (void)fclose(out);
    for (size_t i = 0; i < assay_diags_kept(diags); i++) {
        cases->seen[assay_diags_at(diags, i)->code] = true;
    }
    *good = config != NULL;
    assert_int_equal(config != NULL, assay_diags_count(diags) == 0);
    assay_arena_destroy(arena);
    return text;
}

static char *read_expected(void)
{
    FILE *file = fopen("expected.txt", "rbe");
    assert_non_null(file);
    static const size_t room = 1 << 20;
    char *text = calloc(1, room);
    assert_non_null(text);
    const size_t size = fread(text, 1, room - 1, file);
    assert_true(size < room - 1);
    (void)fclose(file);
    return text;
}

static void every_folder_prints_what_it_expects(void **state)
{
    struct cases *cases = *state;
    char home[4096];
    size_t failures = 0;
    assert_non_null(getcwd(home, sizeof home));
    assert_true(cases->count > 30);
    for (size_t i = 0; i < cases->count; i++) {
        bool good = false;
        assert_int_equal(chdir(cases_folder), 0);
        assert_int_equal(chdir(cases->names[i]), 0);
        char *text = load(cases, &good);
        char *expected = read_expected();
        if (strcmp(text, expected) != 0) {
            print_error("case %s:\n--- expected\n%s--- got\n%s---\n", cases->names[i], expected,
                        text);
            failures++;
        }
        free(expected);
        free(text);
        assert_int_equal(chdir(home), 0);
    }
    assert_int_equal(failures, 0);
}

static void every_code_appears(void **state)
{
    const struct cases *cases = *state;
    static const struct {
        int number;
        const char *name;
    } codes[] = {
#define X(number, name, summary, help) {number, #name},
#include "engine/base/diag_codes.def"
#undef X
    };
    size_t missing = 0;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        /* The reader asks for every outcome itself: only other callers can leave one out. */
        const bool guarded = codes[i].number == ASSAY_DIAG_OUTCOME;
        if (!guarded && !cases->seen[codes[i].number]) {
            print_error("no case brings out AS%04d %s\n", codes[i].number, codes[i].name);
            missing++;
        }
    }
    assert_int_equal(missing, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_folder_prints_what_it_expects),
        cmocka_unit_test(every_code_appears), /* after the one above, whose codes it looks at */
    };
    return cmocka_run_group_tests(tests, open_cases, close_cases);
}
