#include "engine/sync/qsbr.h"
#include "tests/support/cmocka_all.h"

static struct assay_qsbr qsbr;

static void what_is_retired_waits_for_each_reader_that_was_online(void **state)
{
    (void)state;
    assay_qsbr_init(&qsbr);
    const uint32_t a = assay_qsbr_register(&qsbr);
    const uint32_t b = assay_qsbr_register(&qsbr);
    assert_int_not_equal(a, b);
    assay_qsbr_online(&qsbr, a);
    assay_qsbr_online(&qsbr, b);
    const uint64_t token = assay_qsbr_retire(&qsbr);
    assert_false(assay_qsbr_passed(&qsbr, token));
    assay_qsbr_quiescent(&qsbr, a);
    assert_false(assay_qsbr_passed(&qsbr, token));
    assay_qsbr_offline(&qsbr, b);
    assert_true(assay_qsbr_passed(&qsbr, token));
    const uint64_t next = assay_qsbr_retire(&qsbr);
    assert_true(next > token);
    assert_true(assay_qsbr_passed(&qsbr, token));
    assert_false(assay_qsbr_passed(&qsbr, next)); /* a holds what it has come by since */
    assay_qsbr_offline(&qsbr, a);
    assert_true(assay_qsbr_passed(&qsbr, next));
}

static void who_comes_online_later_does_not_hold_up_what_was_retired_before(void **state)
{
    (void)state;
    assay_qsbr_init(&qsbr);
    const uint32_t a = assay_qsbr_register(&qsbr);
    const uint64_t token = assay_qsbr_retire(&qsbr);
    assert_true(assay_qsbr_passed(&qsbr, token));
    assay_qsbr_online(&qsbr, a);
    assert_true(assay_qsbr_passed(&qsbr, token));
}

static void places_are_as_many_as_stated_and_are_given_back(void **state)
{
    (void)state;
    assay_qsbr_init(&qsbr);
    assert_false(assay_qsbr_has_readers(&qsbr));
    for (uint32_t i = 0; i < ASSAY_QSBR_READERS_MAX; i++) {
        assert_int_equal(assay_qsbr_register(&qsbr), i);
    }
    assert_int_equal(assay_qsbr_register(&qsbr), ASSAY_QSBR_NO_PLACE);
    assay_qsbr_unregister(&qsbr, 7);
    assert_int_equal(assay_qsbr_register(&qsbr), 7);
    for (uint32_t i = 0; i < ASSAY_QSBR_READERS_MAX; i++) {
        assay_qsbr_unregister(&qsbr, i);
    }
    assert_false(assay_qsbr_has_readers(&qsbr));
    assert_true(assay_qsbr_passed(&qsbr, assay_qsbr_retire(&qsbr)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_retired_waits_for_each_reader_that_was_online),
        cmocka_unit_test(who_comes_online_later_does_not_hold_up_what_was_retired_before),
        cmocka_unit_test(places_are_as_many_as_stated_and_are_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
