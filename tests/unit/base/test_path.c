#include "engine/base/path.h"
#include "tests/support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void make(const char *path)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

static void names_are_the_same_when_the_file_is(void **state)
{
    (void)state;
    char folder[] = "/tmp/assay-path-XXXXXX";
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    make("a");
    make("b");
    assert_int_equal(symlink("a", "soft"), 0);
    assert_int_equal(link("a", "hard"), 0);
    static const struct {
        const char *a;
        const char *b;
        bool same;
    } cases[] = {
        {"a", "a", true},
        {"a", "./a", true},
        {"a", "soft", true},
        {"hard", "a", true},
        {"a", "b", false},
        {"new", "new", true},
        {"new", "newer", false},
        {"new", "a", false},
        {"-", "-", true},
        {"-", "a", false},
        {"a", "-", false},
        {".", ".", false},
        {"/dev/null", "/dev/null", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(assay_path_same(cases[i].a, cases[i].b), cases[i].same);
        assert_int_equal(assay_path_same(cases[i].b, cases[i].a), cases[i].same);
    }
    static const char *const names[] = {"a", "b", "soft", "hard"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(unlink(names[i]), 0);
    }
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_the_same_when_the_file_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
