#include "engine/base/wide.h"
#include "features/record_pvt.h"
#include "store_kit.h"

enum { MEMORY = 1 << 26 };

static const int64_t large = (INT64_C(1) << 53) - 1;

/* 2^32 values of x, as totals. */
static struct tally many(int64_t x, int64_t sign_of_half)
{
    const assay_uint128 square = (assay_uint128)((assay_int128)x * x);
    const struct assay_wide squares = assay_wide_scale(assay_wide_of(square), UINT64_C(1) << 32);
    const assay_int128 half = (assay_int128)x * (INT64_C(1) << 31);
    return (struct tally){.found = UINT64_C(1) << 32,
                          .squares = (assay_uint128)squares.word[1] << 64 | squares.word[0],
                          .squares_high = squares.word[2],
                          .sum = half + half * sign_of_half};
}

static void four_billion_values_at_the_end_of_their_type_neither_overflow_nor_round(void **state)
{
    (void)state;
    const struct tally equal = many(large, 1);
    assert_true(equal.squares_high > 0);
    assert_true(assay_moment_value(ASSAY_AGG_VAR_POP, 0, &equal) == 0.0);
    assert_true(assay_moment_value(ASSAY_AGG_CV, 15, &equal) == 0.0);
    /* half of them negative: the variance is (2^53 - 1)^2, which rounds down by 1 */
    const struct tally opposed = many(large, -1);
    assert_true(assay_moment_value(ASSAY_AGG_VAR_POP, 0, &opposed) == 0x1p106 - 0x1p54);
    assert_true(assay_moment_value(ASSAY_AGG_STDDEV_POP, 0, &opposed) == (double)large);
    assert_true(isnan(assay_moment_value(ASSAY_AGG_CV, 0, &opposed)));
}

static void squares_carry_from_summaries_and_totals(void **state)
{
    (void)state;
    const struct pair pair = {.value = PAIR_INTEGER};
    const struct summary block = {.found = 2048, .squares = (assay_uint128)1 << 117};
    struct tally tally = {0};
    for (int i = 0; i < 4096; i++) {
        assay_tally_summary(&tally, &pair, WANT_SQUARES, &block);
    }
    assert_true(tally.squares_high == 2 && tally.squares == 0);
    const struct tally copy = tally;
    assay_tally_merge(NULL, &tally, &pair, WANT_SQUARES, &copy);
    assert_true(tally.squares_high == 4 && tally.squares == 0);
    tally.squares = ~(assay_uint128)0;
    const struct tally one = {.found = 1, .squares = 1};
    assay_tally_merge(NULL, &tally, &pair, WANT_SQUARES, &one);
    assert_true(tally.squares_high == 5 && tally.squares == 0);
}

/* Through open, sealed, summed-up and folded chunks alike. */
static void spread_is_exact_at_the_ends_of_the_type_however_it_is_kept(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 10, 0);
    kit_feature(&kit, KIT_USER, "lifetime", "var_pop(pay.n)");
    kit_feature(&kit, KIT_USER, "deviation", "stddev_pop(pay.n)");
    kit_feature(&kit, KIT_USER, "range", "range(pay.n)");
    kit_feature(&kit, KIT_USER, "cv", "cv(pay.n)");
    kit_feature(&kit, KIT_USER, "window", "var_pop(pay.n) over 1s");
    kit_feature(&kit, KIT_USER, "sample", "var_samp(pay.n) over last 2");
    kit_open(&kit, MEMORY);
    for (int64_t i = 1; i <= 8000; i++) {
        struct assay_event event = kit_event(KIT_PAY, i, "u", NULL);
        kit_set_integer(&event, KIT_N, i % 2 == 0 ? large : -large);
        kit_apply(&kit, &event, "u");
        if (i % 2 == 0) {
            assert_number(kit_slice(&kit, "user.lifetime"), 0x1p106 - 0x1p54);
            assert_number(kit_slice(&kit, "user.window"), 0x1p106 - 0x1p54);
            assert_number(kit_slice(&kit, "user.sample"), 0x1p107 - 0x1p55);
            assert_number(kit_slice(&kit, "user.deviation"), (double)large);
            assert_number(kit_slice(&kit, "user.range"), 2 * (double)large);
            assert_number(kit_slice(&kit, "user.cv"), NAN);
        }
    }
    kit_close(&kit);
}

static void spread_of_few_values_is_null_or_zero(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 0, 0);
    static const char *const names[] = {"range",    "var_pop",     "stddev_pop",
                                        "var_samp", "stddev_samp", "cv"};
    static const char *const definitions[] = {
        "range(pay.amount) over 9ms",       "var_pop(pay.amount) over 9ms",
        "stddev_pop(pay.amount) over 9ms",  "var_samp(pay.amount) over 9ms",
        "stddev_samp(pay.amount) over 9ms", "cv(pay.amount) over 9ms"};
    for (int i = 0; i < 6; i++) {
        kit_feature(&kit, KIT_USER, names[i], definitions[i]);
    }
    kit_open(&kit, MEMORY);
    struct assay_event event = kit_event(KIT_PAY, 5, "u", NULL);
    kit_apply(&kit, &event, "u"); /* a null */
    for (int i = 0; i < 6; i++) {
        char full[32];
        (void)snprintf(full, sizeof full, "user.%s", names[i]);
        assert_number(kit_slice(&kit, full), NAN);
    }
    kit_set_integer(&event, KIT_AMOUNT, 150);
    kit_apply(&kit, &event, "u");
    assert_number(kit_slice(&kit, "user.range"), 0);
    assert_number(kit_slice(&kit, "user.var_pop"), 0);
    assert_number(kit_slice(&kit, "user.var_samp"), NAN);
    assert_number(kit_slice(&kit, "user.stddev_samp"), NAN);
    assert_number(kit_slice(&kit, "user.cv"), 0);
    kit_set_integer(&event, KIT_AMOUNT, 450);
    kit_apply(&kit, &event, "u");
    assert_number(kit_slice(&kit, "user.range"), 3);
    assert_number(kit_slice(&kit, "user.var_pop"), 2.25);
    assert_number(kit_slice(&kit, "user.stddev_pop"), 1.5);
    assert_number(kit_slice(&kit, "user.var_samp"), 4.5);
    assert_number(kit_slice(&kit, "user.cv"), 0.5);
    kit_close(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_billion_values_at_the_end_of_their_type_neither_overflow_nor_round),
        cmocka_unit_test(squares_carry_from_summaries_and_totals),
        cmocka_unit_test(spread_is_exact_at_the_ends_of_the_type_however_it_is_kept),
        cmocka_unit_test(spread_of_few_values_is_null_or_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
