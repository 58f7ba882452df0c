#include "features/record_pvt.h"
#include "store_kit.h"

enum { MEMORY = 1 << 26 };

static const int64_t hour_ms = 3600000;
static const int64_t day_ms = 86400000;

static struct assay_event pay(int64_t time_ms, int64_t cents)
{
    struct assay_event event = kit_event(KIT_PAY, time_ms, "u", NULL);
    kit_set_integer(&event, KIT_AMOUNT, cents);
    return event;
}

static void apply_pay(struct kit *kit, int64_t time_ms, int64_t cents)
{
    const struct assay_event event = pay(time_ms, cents);
    kit_apply(kit, &event, "u");
}

static void a_session_ends_when_a_gap_is_longer_and_not_when_it_is_equal(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 1000, 0);
    kit_feature(&kit, KIT_USER, "n", "count(pay) over session 10ms");
    kit_feature(&kit, KIT_USER, "large", "count(pay) where amount > 1 over session 10ms");
    kit_feature(&kit, KIT_USER, "others", "count(pay) exclude current over session 10ms");
    kit_feature(&kit, KIT_USER, "earlier", "sum(pay.amount) over session 10ms delay 5ms");
    kit_feature(&kit, KIT_USER, "least", "min(pay.amount) over session 10ms");
    kit_open(&kit, MEMORY);
    assert_number(kit_read(&kit, "u", 0, "user.n"), 0);
    apply_pay(&kit, 100, 100);
    apply_pay(&kit, 110, 500);
    assert_number(kit_slice(&kit, "user.n"), 2);
    assert_number(kit_slice(&kit, "user.large"), 1);
    assert_number(kit_slice(&kit, "user.others"), 1);
    assert_number(kit_slice(&kit, "user.least"), 1);
    apply_pay(&kit, 121, 500);
    assert_number(kit_slice(&kit, "user.n"), 1);
    assert_number(kit_slice(&kit, "user.large"), 1); /* 11 ms since the one that counts */
    /* without the current event the last one is 11 ms ago: over by now */
    assert_number(kit_slice(&kit, "user.others"), 0);
    assert_number(kit_slice(&kit, "user.least"), 5);
    assert_number(kit_slice(&kit, "user.earlier"), 6); /* as it was at 116 */
    /* a late event joins the two */
    apply_pay(&kit, 112, 100);
    assert_number(kit_slice(&kit, "user.n"), 3);
    assert_number(kit_read(&kit, "u", 121, "user.n"), 4);
    assert_number(kit_read(&kit, "u", 131, "user.n"), 4);
    assert_number(kit_read(&kit, "u", 132, "user.n"), 0);
    assert_number(kit_read(&kit, "u", 132, "user.least"), NAN);
    kit_close(&kit);
}

/* Sessions of n events, a pause, and again: over many chunks, all of which stay. */
static void long_sessions_are_counted_whole(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 0, 0);
    kit_feature(&kit, KIT_USER, "n", "count(pay) over session 1s");
    kit_feature(&kit, KIT_USER, "rare", "count(pay) where amount > 1 over session 1s");
    kit_feature(&kit, KIT_USER, "spread", "var_pop(pay.amount) over session 1s");
    kit_open(&kit, MEMORY);
    int64_t time_ms = 0;
    for (int round = 0; round < 4; round++) {
        for (int i = 1; i <= 1500; i++) {
            time_ms++;
            apply_pay(&kit, time_ms, i % 500 == 0 ? 300 : 100);
            assert_number(kit_slice(&kit, "user.n"), i);
            assert_number(kit_slice(&kit, "user.rare"), i / 500);
        }
        assert_number(kit_slice(&kit, "user.spread"), 4.0 * 3 * 1497 / (1500.0 * 1500));
        time_ms += 1001;
    }
    kit_close(&kit);
}

static void what_comes_after_the_last_landmark_counts(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 1000, 0);
    kit_feature(&kit, KIT_USER, "n", "count(pay) over since last transfer@payer");
    kit_feature(&kit, KIT_USER, "big",
                "sum(pay.amount) over since last transfer@payer where amount > 5");
    kit_feature(&kit, KIT_USER, "own", "count(pay) over since last pay where amount > 3");
    kit_feature(&kit, KIT_USER, "before", "count(pay) over since last transfer@payer delay 10ms");
    kit_open(&kit, MEMORY);
    apply_pay(&kit, 10, 100);
    apply_pay(&kit, 20, 100);
    assert_number(kit_slice(&kit, "user.n"), 2); /* no landmark yet: all */
    struct assay_event mark = kit_event(KIT_TRANSFER, 20, "u", "v");
    kit_set_integer(&mark, KIT_AMOUNT, 600);
    kit_apply(&kit, &mark, "u");
    assert_number(kit_slice(&kit, "user.n"), 0); /* of equal times and ids the event order counts */
    struct assay_event named = pay(20, 100);
    named.id = assay_str_of("a"); /* a missing id comes first */
    kit_apply(&kit, &named, "u");
    assert_number(kit_slice(&kit, "user.n"), 1);
    struct assay_event small = kit_event(KIT_TRANSFER, 25, "u", "v");
    kit_set_integer(&small, KIT_AMOUNT, 400);
    kit_apply(&kit, &small, "u");
    apply_pay(&kit, 30, 400);
    assert_number(kit_slice(&kit, "user.n"), 1);
    assert_number(kit_slice(&kit, "user.big"), 5);
    assert_number(kit_slice(&kit, "user.own"), 0);    /* the landmark itself is not after it */
    assert_number(kit_slice(&kit, "user.before"), 1); /* as of 20 */
    struct assay_event received = kit_event(KIT_TRANSFER, 31, "v", "u");
    kit_apply(&kit, &received, "u"); /* not as the payer */
    assert_number(kit_slice(&kit, "user.n"), 1);
    apply_pay(&kit, 40, 100);
    assert_number(kit_slice(&kit, "user.own"), 1);
    /* a late landmark takes from later reads, not from earlier ones */
    struct assay_event late = kit_event(KIT_TRANSFER, 35, "u", "v");
    kit_apply(&kit, &late, "u");
    assert_number(kit_read(&kit, "u", 40, "user.n"), 1);
    assert_number(kit_read(&kit, "u", 34, "user.n"), 1);
    kit_close(&kit);
}

/* The log of landmarks is folded; the last of them is still known. */
static void a_landmark_is_known_however_long_ago(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 0, 0);
    kit_feature(&kit, KIT_USER, "n", "count(pay) over since last transfer@payer where ok");
    kit_open(&kit, MEMORY);
    apply_pay(&kit, 1, 100);
    struct assay_event mark = kit_event(KIT_TRANSFER, 2, "u", NULL);
    kit_set_integer(&mark, KIT_OK, 1);
    kit_apply(&kit, &mark, "u");
    for (int i = 0; i < 500; i++) {
        const struct assay_event other = kit_event(KIT_TRANSFER, 3 + i, "u", NULL);
        kit_apply(&kit, &other, "u");
        apply_pay(&kit, 3 + i, 100);
        assert_number(kit_slice(&kit, "user.n"), i + 1);
    }
    kit_close(&kit);
}

static void buckets_follow_the_clock_of_their_zone(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 0, 0);
    kit_feature(&kit, KIT_USER, "today", "count(pay) over cumulate day in 'Europe/Berlin'");
    kit_feature(&kit, KIT_USER, "yesterday", "count(pay) over tumbling day in 'Europe/Berlin'");
    kit_feature(&kit, KIT_USER, "third", "count(pay) over previous 3 day in 'Europe/Berlin'");
    kit_feature(&kit, KIT_USER, "month", "count(pay) over previous 1 month in 'UTC'");
    kit_feature(&kit, KIT_USER, "others",
                "count(pay) exclude current over cumulate day in 'Europe/Berlin'");
    kit_open(&kit, MEMORY);
    /* an event every hour from 2024-03-29T00:00 in Berlin, over the turn of 31 March at 01:00Z */
    const int64_t start_ms = INT64_C(1711666800000);
    const int64_t turn_ms = INT64_C(1711846800000);
    for (int64_t hour = 0; hour < 24 * 60; hour++) {
        const int64_t at_ms = start_ms + hour * hour_ms;
        apply_pay(&kit, at_ms, 100);
        const int64_t civil_hour = hour + (at_ms >= turn_ms ? 1 : 0);
        const bool turned = civil_hour / 24 == 2;
        const int64_t today = civil_hour % 24 + (turned && at_ms >= turn_ms ? 0 : 1);
        assert_number(kit_slice(&kit, "user.today"), (double)today);
        assert_number(kit_slice(&kit, "user.others"), (double)(today - 1));
        const double full = civil_hour / 24 == 3 ? 23 : 24;
        assert_number(kit_slice(&kit, "user.yesterday"), hour < 24 ? 0 : full);
        const double third = civil_hour / 24 == 5 ? 23 : 24;
        assert_number(kit_slice(&kit, "user.third"), civil_hour < 72 ? 0 : third);
    }
    /* April has 720 hours; the last days of March began in Berlin */
    assert_number(kit_slice(&kit, "user.month"), 720);
    const int64_t april_ms = INT64_C(1711929600000);
    assert_number(kit_read(&kit, "u", april_ms + 61 * day_ms, "user.month"), 1440 - 73 - 720);
    kit_close(&kit);
}

static void a_bucket_ends_where_the_key_started_anew(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 0, hour_ms);
    kit_feature(&kit, KIT_USER, "today", "count(pay) over cumulate day in 'UTC'");
    kit_feature(&kit, KIT_USER, "since", "count(pay) over since last transfer@payer");
    kit_open(&kit, MEMORY);
    apply_pay(&kit, 1, 100);
    apply_pay(&kit, hour_ms, 100);
    assert_number(kit_slice(&kit, "user.today"), 2);
    apply_pay(&kit, 3 * hour_ms, 100);
    assert_number(kit_slice(&kit, "user.today"), 1);
    assert_number(kit_slice(&kit, "user.since"), 1);
    kit_close(&kit);
}

static void a_bucket_is_kept_as_long_as_it_may_be_asked_for(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 0, 0);
    kit_feature(&kit, KIT_USER, "back", "sum(pay.amount) over previous 2 week in 'UTC'");
    kit_open(&kit, MEMORY);
    /* from a Monday: every week has its own amount, read at its every hour */
    for (int64_t hour = 0; hour < 24 * 7 * 8; hour++) {
        const int64_t week = hour / (24 * 7);
        apply_pay(&kit, 4 * day_ms + hour * hour_ms, 100 * (week + 1));
        assert_number(kit_slice(&kit, "user.back"), week < 2 ? 0 : 168.0 * (double)(week - 1));
    }
    kit_close(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_ends_when_a_gap_is_longer_and_not_when_it_is_equal),
        cmocka_unit_test(long_sessions_are_counted_whole),
        cmocka_unit_test(what_comes_after_the_last_landmark_counts),
        cmocka_unit_test(a_landmark_is_known_however_long_ago),
        cmocka_unit_test(buckets_follow_the_clock_of_their_zone),
        cmocka_unit_test(a_bucket_ends_where_the_key_started_anew),
        cmocka_unit_test(a_bucket_is_kept_as_long_as_it_may_be_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
