#include "features/record_pvt.h"
#include "store_kit.h"

enum { MEMORY = 1 << 26, KEPT = 1000 };

static struct assay_event pay(int64_t time_ms, int64_t cents)
{
    struct assay_event event = kit_event(KIT_PAY, time_ms, "u", NULL);
    kit_set_integer(&event, KIT_AMOUNT, cents);
    return event;
}

static void gaps_are_of_events_that_follow_each_other(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 1000, 0);
    kit_feature(&kit, KIT_USER, "mean", "interarrival_mean(pay) over 1h");
    kit_feature(&kit, KIT_USER, "std", "interarrival_std(pay) over 1h");
    kit_feature(&kit, KIT_USER, "longest", "longest_gap(pay) over 1h");
    kit_feature(&kit, KIT_USER, "before", "longest_gap(pay) exclude current over 1h");
    kit_open(&kit, MEMORY);
    static const int64_t times[] = {100, 110, 140, 130};
    /* gaps: none; 10; 10 30; 10 20 10 */
    static const double means[] = {NAN, 10, 20, 40.0 / 3};
    static const double longest[] = {NAN, 10, 30, 20};
    static const double before[] = {NAN, NAN, 10, 10}; /* the late one sees nothing after it */
    for (size_t i = 0; i < 4; i++) {
        const struct assay_event event = pay(times[i], 1);
        kit_apply(&kit, &event, "u");
        assert_number(kit_read(&kit, "u", 200, "user.mean"), means[i]);
        assert_number(kit_read(&kit, "u", 200, "user.longest"), longest[i]);
        assert_number(kit_slice(&kit, "user.before"), before[i]);
        if (i < 2) {
            assert_number(kit_read(&kit, "u", 200, "user.std"), NAN);
        }
    }
    assert_number(kit_read(&kit, "u", 200, "user.std"), sqrt(100.0 / 3));
    assert_number(kit_read(&kit, "u", 140 + 3600000, "user.longest"), NAN);
    kit_close(&kit);
}

/* Gaps of 1, 2, ..., n ms: what is summed up by chunk and block must join without a seam. */
static void long_runs_of_gaps_are_summed_up_without_a_seam(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 0, 0);
    kit_feature(&kit, KIT_USER, "mean", "interarrival_mean(pay)");
    kit_feature(&kit, KIT_USER, "std", "interarrival_std(pay)");
    kit_feature(&kit, KIT_USER, "longest", "longest_gap(pay)");
    kit_open(&kit, MEMORY);
    int64_t time_ms = 0;
    for (int64_t n = 1; n <= 3000; n++) {
        const struct assay_event event = pay(time_ms, n % 7 == 0 ? 400 : 100);
        kit_apply(&kit, &event, "u");
        time_ms += n;
        if (n < 3 || n % 97 != 0) {
            continue;
        }
        const double gaps = (double)(n - 1);
        assert_number(kit_slice(&kit, "user.mean"), (gaps + 1) / 2);
        assert_number(kit_slice(&kit, "user.longest"), gaps);
        /* the sample variance of 1 ... m is m (m + 1) / 12 */
        assert_number(kit_slice(&kit, "user.std"), sqrt(gaps * (gaps + 1) / 12));
    }
    kit_close(&kit);
}

static void a_value_is_new_until_another_event_of_the_window_has_it(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 1000, 0);
    kit_feature(&kit, KIT_USER, "new", "is_new(pay.channel) over 100ms");
    kit_feature(&kit, KIT_USER, "ever", "is_new(pay.channel)");
    kit_feature(&kit, KIT_USER, "good", "is_new(pay.channel) where ok");
    kit_feature(&kit, KIT_USER, "paid", "is_new(transfer@payer.amount)");
    kit_open(&kit, MEMORY);
    static const struct {
        int64_t time_ms;
        const char *channel;
        double is_new, ever;
    } steps[] = {{0, "app", 1, 1},      {10, "app", 0, 0}, {20, "web", 1, 1}, {110, "app", 1, 0},
                 {111, NULL, NAN, NAN}, {15, "web", 1, 1}, {16, "web", 0, 0}, {112, "web", 0, 0}};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct assay_event event = kit_event(KIT_PAY, steps[i].time_ms, "u", NULL);
        if (steps[i].channel != NULL) {
            kit_set_text(&event, KIT_CHANNEL, steps[i].channel);
        }
        kit_apply(&kit, &event, "u");
        assert_number(kit_slice(&kit, "user.new"), steps[i].is_new);
        assert_number(kit_slice(&kit, "user.ever"), steps[i].ever);
        assert_number(kit_slice(&kit, "user.paid"), NAN); /* another event */
        /* no event is ok, so none of them makes a value known */
        assert_number(kit_slice(&kit, "user.good"), isnan(steps[i].ever) ? NAN : 1);
    }
    assert_number(kit_read(&kit, "u", 112, "user.new"), NAN); /* nobody asks as an event */
    struct assay_event received = kit_event(KIT_TRANSFER, 120, "v", "u");
    kit_set_integer(&received, KIT_AMOUNT, 5);
    kit_apply(&kit, &received, "u"); /* not as the payer */
    assert_number(kit_slice(&kit, "user.paid"), NAN);
    kit_close(&kit);
}

static void days_with_events_are_counted_in_their_zone(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 0, 0);
    kit_feature(&kit, KIT_USER, "utc", "active_days(pay) over 400d");
    kit_feature(&kit, KIT_USER, "shanghai", "active_days(pay, zone = 'Asia/Shanghai') over 400d");
    kit_feature(&kit, KIT_USER, "newest", "active_days(pay, 'UTC') over last 3");
    kit_feature(&kit, KIT_USER, "before", "active_days(pay) exclude current");
    kit_open(&kit, MEMORY);
    assert_number(kit_read(&kit, "u", 0, "user.utc"), NAN);
    const int64_t hour_ms = 3600000;
    for (int64_t hour = 0; hour < 2400; hour++) { /* Shanghai is 8 hours ahead */
        const struct assay_event event = pay(hour * hour_ms, 1);
        kit_apply(&kit, &event, "u");
        assert_number(kit_slice(&kit, "user.utc"), (double)(hour / 24 + 1));
        assert_number(kit_slice(&kit, "user.shanghai"), (double)((hour + 8) / 24 + 1));
        assert_number(kit_slice(&kit, "user.newest"), hour % 24 < 2 && hour > 2 ? 2 : 1);
        assert_number(kit_slice(&kit, "user.before"),
                      hour == 0 ? (double)NAN : (double)((hour - 1) / 24 + 1));
    }
    kit_close(&kit);
}

/* Long texts and many values: by the list of a chunk, of a block, and one by one. */
static void a_value_is_found_however_its_chunk_is_kept(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 0, 0);
    kit_feature(&kit, KIT_USER, "number", "is_new(pay.amount)");
    kit_feature(&kit, KIT_USER, "text", "is_new(pay.tag)");
    kit_feature(&kit, KIT_USER, "few", "is_new(pay.ok)");
    kit_open(&kit, MEMORY);
    char tags[KEPT][40];
    for (int i = 0; i < 3 * KEPT; i++) {
        const int value = i % KEPT;
        (void)snprintf(tags[value], sizeof tags[value], "a text that is quite long, %d", value);
        struct assay_event event = pay(i, value);
        kit_set_text(&event, KIT_TAG, tags[value]);
        kit_set_integer(&event, KIT_OK, i < 2 * KEPT ? 0 : 1);
        kit_apply(&kit, &event, "u");
        assert_number(kit_slice(&kit, "user.number"), i < KEPT ? 1 : 0);
        assert_number(kit_slice(&kit, "user.text"), i < KEPT ? 1 : 0);
        assert_number(kit_slice(&kit, "user.few"), i == 0 || i == 2 * KEPT ? 1 : 0);
    }
    kit_close(&kit);
}

static void the_kth_value_is_counted_from_its_end(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 0, 0);
    kit_feature(&kit, KIT_USER, "newest", "last_k(pay.n, 700) over 1h");
    kit_feature(&kit, KIT_USER, "oldest", "first_k(pay.n, 700) over 1h");
    kit_feature(&kit, KIT_USER, "n1", "newest[1]");
    kit_feature(&kit, KIT_USER, "n700", "newest[700]");
    kit_feature(&kit, KIT_USER, "o1", "oldest[1]");
    kit_feature(&kit, KIT_USER, "o700", "user.oldest[700]");
    kit_feature(&kit, KIT_USER, "lag0", "lag(pay.n, 0) over 1h");
    kit_feature(&kit, KIT_USER, "lag699", "lag(pay.n, k = 699) over 1h");
    kit_feature(&kit, KIT_USER, "tag", "lag(pay.tag, 1)");
    kit_open(&kit, MEMORY);
    assert_int_equal(kit.plan->feature_count, 7); /* lists are no features */
    for (int64_t i = 1; i <= 4000; i++) {
        struct assay_event event = pay(i, 0);
        kit_apply(&kit, &event, "u"); /* a null is no value */
        kit_set_integer(&event, KIT_N, i);
        kit_set_text(&event, KIT_TAG, i % 2 == 0 ? "even" : "odd");
        kit_apply(&kit, &event, "u");
        const double full = i < 700 ? NAN : 1;
        assert_number(kit_slice(&kit, "user.n1"), (double)i);
        assert_number(kit_slice(&kit, "user.lag0"), (double)i);
        assert_number(kit_slice(&kit, "user.o1"), 1);
        assert_number(kit_slice(&kit, "user.n700"), full * (double)(i - 699));
        assert_number(kit_slice(&kit, "user.lag699"), full * (double)(i - 699));
        assert_number(kit_slice(&kit, "user.o700"), full * 700);
        const struct assay_str tag = kit_slice(&kit, "user.tag").cell.text;
        assert_true(i == 1 ? tag.ptr == NULL : tag.len == (i % 2 == 0 ? 3U : 4U));
    }
    kit_close(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaps_are_of_events_that_follow_each_other),
        cmocka_unit_test(long_runs_of_gaps_are_summed_up_without_a_seam),
        cmocka_unit_test(a_value_is_new_until_another_event_of_the_window_has_it),
        cmocka_unit_test(days_with_events_are_counted_in_their_zone),
        cmocka_unit_test(a_value_is_found_however_its_chunk_is_kept),
        cmocka_unit_test(the_kth_value_is_counted_from_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
