#include "engine/base/suggest.h"
#include "tests/support/cmocka_all.h"

static const char *nearest(const char *word)
{
    static const char *const names[] = {"amount", "merchant", "device", "channel", "ok"};
    struct assay_suggest suggest = {.word = assay_str_of(word)};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assay_suggest_offer(&suggest, assay_str_of(names[i]));
    }
    return suggest.best.ptr;
}

static void near_names_are_found_and_far_ones_are_not(void **state)
{
    (void)state;
    assert_string_equal(nearest("amout"), "amount");
    assert_string_equal(nearest("amuont"), "amount");
    assert_string_equal(nearest("merchnat"), "merchant");
    assert_string_equal(nearest("ko"), "ok");
    assert_null(nearest("balance"));
    assert_null(nearest("x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(near_names_are_found_and_far_ones_are_not)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
