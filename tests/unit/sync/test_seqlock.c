#include "engine/sync/seqlock.h"
#include "tests/support/cmocka_all.h"

#include <string.h>

static void a_change_before_during_or_after_the_copy_is_told(void **state)
{
    (void)state;
    struct assay_seqlock lock = {0};
    unsigned count = 0;
    assert_true(assay_seqlock_begin(&lock, &count));
    assert_true(assay_seqlock_same(&lock, count));
    assay_seqlock_open(&lock);
    assert_false(assay_seqlock_same(&lock, count));
    unsigned odd = 0;
    assert_false(assay_seqlock_begin(&lock, &odd));
    assay_seqlock_close(&lock);
    assert_false(assay_seqlock_same(&lock, count));
    assert_true(assay_seqlock_begin(&lock, &count));
    assert_true(assay_seqlock_same(&lock, count));
}

static void a_copy_is_of_all_words_and_no_more(void **state)
{
    (void)state;
    uint64_t from[9];
    uint64_t to[9];
    for (size_t words = 0; words <= 8; words++) {
        for (uint64_t i = 0; i < 9; i++) {
            from[i] = i * UINT64_C(0x0123456789ABCDEF) + words;
            to[i] = ~UINT64_C(0);
        }
        assay_seqlock_copy(to, from, words * sizeof *to);
        assert_memory_equal(to, from, words * sizeof *to);
        assert_true(to[words] == ~UINT64_C(0));
        assert_true(assay_seqlock_word(&from[words]) == from[words]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_before_during_or_after_the_copy_is_told),
        cmocka_unit_test(a_copy_is_of_all_words_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
