#include "features/slab.h"

#include "tests/support/cmocka_all.h"

#include <string.h>

static void pieces_are_aligned_and_apart(void **state)
{
    (void)state;
    struct assay_slab slab;
    unsigned char *pieces[300];
    assert_true(assay_slab_init(&slab, 1 << 20));
    for (size_t i = 0; i < 300; i++) {
        pieces[i] = assay_slab_alloc(&slab, i + 1);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], (int)(i % 251), assay_slab_fit(i + 1));
    }
    for (size_t i = 0; i < 300; i++) {
        for (size_t b = 0; b < assay_slab_fit(i + 1); b++) {
            assert_int_equal(pieces[i][b], i % 251);
        }
    }
    assay_slab_fini(&slab);
}

static void a_fit_is_never_smaller_and_fits_itself(void **state)
{
    (void)state;
    for (size_t bytes = 1; bytes < 100000; bytes++) {
        const size_t fit = assay_slab_fit(bytes);
        assert_true(fit >= bytes);
        assert_int_equal(assay_slab_fit(fit), fit);
        assert_true(bytes <= 32 || fit < 2 * bytes);
    }
}

static void what_is_freed_is_used_again_and_the_limit_holds(void **state)
{
    (void)state;
    enum { PIECE = 96, LIMIT = PIECE * 100 };
    struct assay_slab slab;
    void *pieces[100];
    assert_true(assay_slab_init(&slab, LIMIT));
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 100; i++) {
            pieces[i] = assay_slab_alloc(&slab, PIECE - (size_t)(i % 3));
            assert_non_null(pieces[i]);
        }
        assert_int_equal(slab.live, LIMIT);
        assert_null(assay_slab_alloc(&slab, 1));
        assert_null(assay_slab_alloc(&slab, PIECE));
        assert_null(assay_slab_alloc(&slab, SIZE_MAX));
        assert_int_equal(slab.live, LIMIT);
        for (int i = 0; i < 100; i++) {
            assay_slab_free(&slab, pieces[i], PIECE - (size_t)(i % 3));
        }
        assert_int_equal(slab.live, 0);
    }
    assay_slab_free(&slab, NULL, 5);
    assay_slab_fini(&slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_apart),
        cmocka_unit_test(a_fit_is_never_smaller_and_fits_itself),
        cmocka_unit_test(what_is_freed_is_used_again_and_the_limit_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
