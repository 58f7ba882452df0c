#include "features/admission.h"

#include "tests/support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

static enum assay_verdict judge(struct assay_admission *admission, int64_t time_ms, const char *id,
                                int64_t clock_ms)
{
    struct assay_event event = {.time_ms = time_ms};
    if (id != NULL) {
        event.id = assay_str_of(id);
    }
    return assay_admission_judge(admission, &event, clock_ms);
}

static enum assay_verdict replay(struct assay_admission *admission, int64_t time_ms, const char *id)
{
    return judge(admission, time_ms, id, INT64_MAX);
}

static void late_is_strictly_older_than_the_watermark_before_the_event(void **state)
{
    (void)state;
    struct assay_admission *admission = assay_admission_create(100, 0, 10);
    assert_int_equal(assay_admission_watermark(admission), INT64_MIN);
    assert_int_equal(replay(admission, -5000, NULL), ASSAY_ACCEPTED);
    assert_int_equal(replay(admission, 1000, NULL), ASSAY_ACCEPTED);
    assert_int_equal(replay(admission, 900, NULL), ASSAY_ACCEPTED);
    assert_int_equal(replay(admission, 899, NULL), ASSAY_SET_ASIDE_LATE);
    assert_int_equal(assay_admission_watermark(admission), 1000);
    assay_admission_destroy(admission);
}

static void ahead_is_strictly_further_than_the_limit_and_moves_nothing(void **state)
{
    (void)state;
    struct assay_admission *admission = assay_admission_create(100, 50, 10);
    assert_int_equal(judge(admission, 1051, "x", 1000), ASSAY_SET_ASIDE_AHEAD);
    assert_int_equal(assay_admission_watermark(admission), INT64_MIN);
    assert_int_equal(judge(admission, 1050, "x", 1000), ASSAY_ACCEPTED);
    assert_int_equal(judge(admission, INT64_C(1) << 52, NULL, INT64_MAX), ASSAY_ACCEPTED);
    assay_admission_destroy(admission);
}

static void checks_run_ahead_then_late_then_duplicate(void **state)
{
    (void)state;
    struct assay_admission *admission = assay_admission_create(10, 0, 10);
    assert_int_equal(replay(admission, 100, "x"), ASSAY_ACCEPTED);
    /* late and a copy: late; ahead and a copy: ahead; late and ahead of a clock far back: ahead */
    assert_int_equal(judge(admission, 50, "x", 1000), ASSAY_SET_ASIDE_LATE);
    assert_int_equal(judge(admission, 2000, "x", 1000), ASSAY_SET_ASIDE_AHEAD);
    assert_int_equal(judge(admission, 50, "y", 20), ASSAY_SET_ASIDE_AHEAD);
    assert_int_equal(judge(admission, 100, "x", 1000), ASSAY_DROPPED_DUPLICATE);
    assay_admission_destroy(admission);
}

static void the_first_copy_wins_and_a_duplicate_moves_nothing(void **state)
{
    (void)state;
    struct assay_admission *admission = assay_admission_create(1000, 0, 10);
    assert_int_equal(replay(admission, 100, "x"), ASSAY_ACCEPTED);
    assert_int_equal(replay(admission, 500, "x"), ASSAY_DROPPED_DUPLICATE);
    assert_int_equal(assay_admission_watermark(admission), 100);
    assert_int_equal(replay(admission, 100, "xx"), ASSAY_ACCEPTED);
    assert_int_equal(replay(admission, 100, ""), ASSAY_ACCEPTED);
    assert_int_equal(replay(admission, 100, ""), ASSAY_DROPPED_DUPLICATE);
    assert_int_equal(replay(admission, 100, NULL), ASSAY_ACCEPTED);
    assert_int_equal(replay(admission, 100, NULL), ASSAY_ACCEPTED);
    assay_admission_destroy(admission);
}

static void an_id_set_aside_is_not_remembered(void **state)
{
    (void)state;
    struct assay_admission *admission = assay_admission_create(10, 5, 10);
    assert_int_equal(judge(admission, 100, "a", 100), ASSAY_ACCEPTED);
    assert_int_equal(judge(admission, 50, "late", 100), ASSAY_SET_ASIDE_LATE);
    assert_int_equal(judge(admission, 106, "ahead", 100), ASSAY_SET_ASIDE_AHEAD);
    assert_int_equal(judge(admission, 100, "late", 100), ASSAY_ACCEPTED);
    assert_int_equal(judge(admission, 105, "ahead", 100), ASSAY_ACCEPTED);
    assay_admission_destroy(admission);
}

static void an_id_is_remembered_exactly_until_it_would_be_late(void **state)
{
    (void)state;
    struct assay_admission *admission = assay_admission_create(10, 0, 10);
    assert_int_equal(replay(admission, 100, "x"), ASSAY_ACCEPTED);
    assert_int_equal(replay(admission, 110, NULL), ASSAY_ACCEPTED);
    assert_int_equal(replay(admission, 110, "x"), ASSAY_DROPPED_DUPLICATE);
    assert_int_equal(replay(admission, 111, NULL), ASSAY_ACCEPTED);
    assert_int_equal(replay(admission, 111, "x"), ASSAY_ACCEPTED);
    assert_int_equal(replay(admission, 121, "x"), ASSAY_DROPPED_DUPLICATE);
    assay_admission_destroy(admission);
}

static void a_full_table_refuses_new_ids_only_and_has_room_again_later(void **state)
{
    (void)state;
    enum { IDS = 3000 };
    struct assay_admission *admission = assay_admission_create(10, 0, IDS);
    char id[32];
    int accepted = 0;
    do {
        (void)snprintf(id, sizeof id, "id-%d", accepted++);
    } while (replay(admission, 100, id) == ASSAY_ACCEPTED);
    accepted--;
    assert_true(accepted >= IDS && accepted <= 2 * IDS);
    assert_int_equal(replay(admission, 105, "one more"), ASSAY_REFUSED_CAPACITY);
    assert_int_equal(assay_admission_watermark(admission), 100);
    assert_int_equal(replay(admission, 100, "id-77"), ASSAY_DROPPED_DUPLICATE);
    assert_int_equal(replay(admission, 105, NULL), ASSAY_ACCEPTED);
    assay_admission_destroy(admission);
}

static void no_id_is_refused_while_as_many_as_promised_matter(void **state)
{
    (void)state;
    enum { IDS = 1500 }; /* of one per ms, those of 1499 ms matter */
    struct assay_admission *admission = assay_admission_create(IDS - 1, 0, IDS);
    char id[32];
    for (int i = 0; i < 30 * IDS; i++) {
        (void)snprintf(id, sizeof id, "id-%d", i);
        assert_int_equal(replay(admission, i, id), ASSAY_ACCEPTED);
        (void)snprintf(id, sizeof id, "id-%d", i < IDS ? i / 2 : i - IDS + 1);
        assert_int_equal(replay(admission, i, id), ASSAY_DROPPED_DUPLICATE);
    }
    assay_admission_destroy(admission);
}

/* The definition with a list of all that was ever accepted. */
static void a_long_run_judges_as_a_plain_list_would(void **state)
{
    (void)state;
    enum { EVENTS = 20000, NAMES = 3000, LATENESS = 400 };
    struct assay_admission *admission = assay_admission_create(LATENESS, 0, NAMES);
    int64_t *accepted_ms = malloc(NAMES * sizeof *accepted_ms);
    assert_non_null(accepted_ms);
    for (int i = 0; i < NAMES; i++) {
        accepted_ms[i] = INT64_MIN;
    }
    uint64_t seed = 5;
    int64_t watermark = INT64_MIN;
    int duplicates = 0;
    for (int i = 0; i < EVENTS; i++) {
        char id[32];
        const uint64_t name = test_random(&seed) % NAMES;
        const int64_t time_ms = i - (int64_t)(test_random(&seed) % 600);
        (void)snprintf(id, sizeof id, "%llx", (unsigned long long)(name * 7919));
        const int64_t edge = watermark == INT64_MIN ? INT64_MIN : watermark - LATENESS;
        enum assay_verdict expected = ASSAY_ACCEPTED;
        if (time_ms < edge) {
            expected = ASSAY_SET_ASIDE_LATE;
        } else if (accepted_ms[name] != INT64_MIN && accepted_ms[name] >= edge) {
            expected = ASSAY_DROPPED_DUPLICATE;
            duplicates++;
        }
        assert_int_equal(replay(admission, time_ms, id), expected);
        if (expected == ASSAY_ACCEPTED) {
            accepted_ms[name] = time_ms;
            watermark = time_ms > watermark ? time_ms : watermark;
        }
        assert_int_equal(assay_admission_watermark(admission), watermark);
    }
    assert_true(duplicates > 500);
    free(accepted_ms);
    assay_admission_destroy(admission);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(late_is_strictly_older_than_the_watermark_before_the_event),
        cmocka_unit_test(ahead_is_strictly_further_than_the_limit_and_moves_nothing),
        cmocka_unit_test(checks_run_ahead_then_late_then_duplicate),
        cmocka_unit_test(the_first_copy_wins_and_a_duplicate_moves_nothing),
        cmocka_unit_test(an_id_set_aside_is_not_remembered),
        cmocka_unit_test(an_id_is_remembered_exactly_until_it_would_be_late),
        cmocka_unit_test(a_full_table_refuses_new_ids_only_and_has_room_again_later),
        cmocka_unit_test(no_id_is_refused_while_as_many_as_promised_matter),
        cmocka_unit_test(a_long_run_judges_as_a_plain_list_would),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
