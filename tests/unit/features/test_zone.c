#include "features/zone.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/zone_file.h"

enum { HOUR = 3600000, DAY = 86400000 };

static const int64_t year_2100 = INT64_C(4102444800000);

static int open_arena(void **state)
{
    *state = assay_arena_create((size_t)1 << 24);
    return *state == NULL ? -1 : 0;
}

static int close_arena(void **state)
{
    assay_arena_destroy(*state);
    return 0;
}

static const struct assay_zone *made(struct assay_arena *arena, char version,
                                     const struct zone_turn turns[], size_t count,
                                     const char *footer)
{
    static const int32_t offsets[] = {3600, 7200, -1800};
    struct zone_text text;
    zone_make(&text, version, turns, count, offsets, 3, footer);
    const struct assay_zone *zone = NULL;
    const enum assay_status status = assay_zone_parse(arena, text.bytes, text.size, &zone);
    assert_true((status == ASSAY_OK) == (zone != NULL));
    return zone;
}

static void a_day_of_the_turn_has_23_or_25_hours(void **state)
{
    /* 2021-03-28T01:00Z ahead, 2021-10-31T01:00Z back, then by the rule */
    static const struct zone_turn turns[] = {{1616893200, 1}, {1635642000, 0}};
    const struct assay_zone *zone = made(*state, '2', turns, 2, "CET-1CEST,M3.5.0,M10.5.0/3");
    static const struct {
        int64_t at_s;
        int hours;
    } days[] = {{1616893200, 23}, {1616893199, 23}, {1635642000, 25},
                {1635641999, 25}, {1635728400, 24}, {1648342800, 23} /* 2022-03-27, by the rule */};
    for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
        const struct assay_bucket day =
            assay_zone_bucket(zone, ASSAY_UNIT_DAY, 0, days[i].at_s * 1000);
        assert_int_equal(day.end_ms - day.begin_ms, days[i].hours * (int64_t)HOUR);
        assert_int_equal(assay_zone_local(zone, day.begin_ms) % DAY, 0);
    }
}

static void a_skipped_hour_is_no_bucket_and_a_repeated_one_is_two_hours_long(void **state)
{
    static const struct zone_turn turns[] = {{1616893200, 1}, {1635642000, 0}};
    const struct assay_zone *zone = made(*state, '2', turns, 2, "CET-1CEST,M3.5.0,M10.5.0/3");
    const int64_t ahead_ms = INT64_C(1616893200000);
    const struct assay_bucket three = assay_zone_bucket(zone, ASSAY_UNIT_HOUR, 0, ahead_ms);
    const struct assay_bucket one = assay_zone_bucket(zone, ASSAY_UNIT_HOUR, 1, ahead_ms);
    assert_true(three.begin_ms == ahead_ms && one.end_ms == ahead_ms);
    assert_int_equal(one.end_ms - one.begin_ms, HOUR);
    const int64_t back_ms = INT64_C(1635642000000);
    const struct assay_bucket two = assay_zone_bucket(zone, ASSAY_UNIT_HOUR, 0, back_ms);
    assert_int_equal(two.begin_ms, back_ms - HOUR);
    assert_int_equal(two.end_ms, back_ms + HOUR);
}

static void the_rule_of_the_footer_goes_on_in_cycles(void **state)
{
    static const struct zone_turn turns[] = {{1616893200, 1}, {1635642000, 0}};
    const struct assay_zone *zone = made(*state, '3', turns, 2, "CET-1CEST,M3.5.0,M10.5.0/3");
    const int64_t cycle_ms = INT64_C(146097) * DAY;
    for (int64_t at_ms = year_2100; at_ms < year_2100 + 2 * cycle_ms; at_ms += 37 * (int64_t)DAY) {
        const int64_t offset_ms = assay_zone_local(zone, at_ms) - at_ms;
        assert_true(offset_ms == HOUR || offset_ms == 2 * HOUR);
        assert_int_equal(assay_zone_local(zone, at_ms + cycle_ms) - at_ms - cycle_ms, offset_ms);
        const struct assay_bucket month = assay_zone_bucket(zone, ASSAY_UNIT_MONTH, 2, at_ms);
        const struct assay_bucket later =
            assay_zone_bucket(zone, ASSAY_UNIT_MONTH, 2, at_ms + cycle_ms);
        assert_int_equal(later.begin_ms - month.begin_ms, cycle_ms);
        assert_int_equal(later.end_ms - month.end_ms, cycle_ms);
    }
}

static void the_first_version_ends_with_its_table(void **state)
{
    static const struct zone_turn turns[] = {{-1000000, 1}, {1000000, 2}};
    const struct assay_zone *zone = made(*state, 0, turns, 2, "");
    assert_int_equal(assay_zone_local(zone, -1000000001), -1000000001 + HOUR);
    assert_int_equal(assay_zone_local(zone, -1000000000), -1000000000 + 2 * HOUR);
    assert_int_equal(assay_zone_local(zone, 999999999), 999999999 + 2 * HOUR);
    assert_int_equal(assay_zone_local(zone, 1000000000), 1000000000 - HOUR / 2);
    assert_int_equal(assay_zone_local(zone, year_2100), year_2100 - HOUR / 2);
}

static void summer_time_all_year_has_no_winter(void **state)
{
    static const struct zone_turn turns[] = {{1000, 1}};
    const struct assay_zone *zone = made(*state, '3', turns, 1, "XXX-1YYY-2,0/0,J365/25");
    for (int64_t at_ms = year_2100; at_ms < 2 * year_2100; at_ms += 91 * (int64_t)DAY + HOUR) {
        assert_int_equal(assay_zone_local(zone, at_ms), at_ms + 2 * HOUR);
    }
}

static void malformed_files_are_refused(void **state)
{
    struct assay_arena *arena = *state;
    static const struct zone_turn good[] = {{1000, 1}, {2000, 0}};
    static const struct zone_turn unordered[] = {{2000, 1}, {1000, 0}};
    static const struct zone_turn twice[] = {{1000, 1}, {1000, 0}};
    static const struct zone_turn unknown[] = {{1000, 3}};
    assert_non_null(made(arena, '2', good, 2, ""));
    assert_null(made(arena, '2', unordered, 2, ""));
    assert_null(made(arena, '2', twice, 2, ""));
    assert_null(made(arena, '2', unknown, 1, ""));
    static const char *const footers[] = {"CET",
                                          "CE-1",
                                          "CET-25",
                                          "CET-1CEST",
                                          "CET-1CEST,M3.5.0",
                                          "CET-1CEST,M13.5.0,M10.5.0",
                                          "CET-1CEST,M3.6.0,M10.5.0",
                                          "CET-1CEST,M3.5.7,M10.5.0",
                                          "CET-1CEST,M3.5.0/168,M10.5.0",
                                          "CET-1CEST,J0,J365",
                                          "CET-1CEST,366,1",
                                          "<CET-1",
                                          "CET-1CEST,M3.5.0,M10.5.0x",
                                          "CET-1:60"};
    for (size_t i = 0; i < sizeof footers / sizeof footers[0]; i++) {
        if (made(arena, '2', good, 2, footers[i]) != NULL) {
            fail_msg("%s is accepted", footers[i]);
        }
    }
    struct zone_text text;
    static const int32_t far[] = {3600, 94000};
    const struct assay_zone *zone = NULL;
    zone_make(&text, '2', good, 2, far, 2, "");
    assert_int_equal(assay_zone_parse(arena, text.bytes, text.size, &zone), ASSAY_E_FORMAT);
    static const int32_t near[] = {3600, 7200};
    zone_make(&text, '2', good, 2, near, 2, "UTC0");
    for (size_t size = 0; size < text.size; size++) {
        assert_int_equal(assay_zone_parse(arena, text.bytes, size, &zone), ASSAY_E_FORMAT);
    }
    assert_int_equal(assay_zone_parse(arena, text.bytes, text.size, &zone), ASSAY_OK);
}

static void utc_needs_no_file_and_misspelt_zones_get_advice(void **state)
{
    struct assay_arena *arena = *state;
    const struct assay_zone *zone = NULL;
    assert_int_equal(assay_zone_load(arena, assay_str_of("UTC"), &zone), ASSAY_OK);
    assert_int_equal(assay_zone_local(zone, year_2100), year_2100);
    assert_int_equal(assay_zone_bucket(zone, ASSAY_UNIT_WEEK, 0, 0).begin_ms, -3 * (int64_t)DAY);
    assert_int_equal(assay_zone_bucket(zone, ASSAY_UNIT_WEEK, 0, 4 * (int64_t)DAY - 1).begin_ms,
                     -3 * (int64_t)DAY); /* a Sunday */
    assert_int_equal(assay_zone_bucket(zone, ASSAY_UNIT_WEEK, 0, 4 * (int64_t)DAY).begin_ms,
                     4 * (int64_t)DAY);
    assert_int_equal(assay_zone_load(arena, assay_str_of("Europe/Berln"), &zone), ASSAY_E_UNKNOWN);
    assert_null(zone);
    assert_true(assay_str_equal(assay_zone_suggest(arena, assay_str_of("Europe/Berln")),
                                assay_str_of("Europe/Berlin")));
    assert_null(assay_zone_suggest(arena, assay_str_of("Nowhere/Near/Anything")).ptr);
    static const char *const outside[] = {
        "", "/", "../UTC", "a/../UTC", "/etc/localtime", "a//b", "localtime", "Europe/"};
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        assert_int_equal(assay_zone_load(arena, assay_str_of(outside[i]), &zone), ASSAY_E_UNKNOWN);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_day_of_the_turn_has_23_or_25_hours),
        TEST(a_skipped_hour_is_no_bucket_and_a_repeated_one_is_two_hours_long),
        TEST(the_rule_of_the_footer_goes_on_in_cycles),
        TEST(the_first_version_ends_with_its_table),
        TEST(summer_time_all_year_has_no_winter),
        TEST(malformed_files_are_refused),
        TEST(utc_needs_no_file_and_misspelt_zones_get_advice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
