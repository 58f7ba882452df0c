#include "tests/unit/scorers/audit_kit.h"

/* What is written today is read in years: everything comes back, nothing damaged is believed. */

struct bench {
    struct kit kit;
    struct assay_arena *arena; /* of what is decoded */
    uint8_t *plan_record;
    size_t plan_bytes;
    const struct assay_audit_plan *plan;
    uint8_t record[AUDIT_RECORD_MAX];
    size_t bytes;
};

static int open_bench(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    struct assay_err err;
    assert_non_null(bench);
    audit_open(&bench->kit);
    bench->arena = assay_arena_create((size_t)16 << 20);
    assert_non_null(bench->arena);
    bench->plan_record = audit_plan_record(&bench->kit, &bench->plan_bytes);
    assert_int_equal(assay_audit_plan_decode(&bench->plan, bench->kit.arena, bench->plan_record,
                                             bench->plan_bytes, &err),
                     ASSAY_OK);
    *state = bench;
    return 0;
}

static int close_bench(void **state)
{
    struct bench *bench = *state;
    assay_arena_destroy(bench->arena);
    kit_close(&bench->kit);
    free(bench);
    return 0;
}

static void encode(struct bench *bench, const struct audit_case *made)
{
    bench->bytes = assay_audit_decision_encode(&made->decision, bench->kit.policies,
                                               AUDIT_RECORD_MAX, bench->record);
    assert_true(bench->bytes <= AUDIT_RECORD_MAX);
}

static void same_bits(double a, double b)
{
    assert_memory_equal(&a, &b, sizeof a);
}

static void same_text(struct assay_str a, struct assay_str b)
{
    assert_true(assay_str_equal(a, b));
}

static void same_value(const struct assay_value *a, const struct assay_value *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->state, b->state);
    if (a->kind == ASSAY_KIND_TEXT) {
        same_text(a->cell.text, b->cell.text);
    } else {
        same_bits(a->cell.number, b->cell.number);
    }
}

/* The trigger's fields that the rules read, as the tests know them. */
static void same_fields(const struct audit_case *made, const struct assay_audit_view *view,
                        uint32_t first)
{
    static const char *const pay[] = {"pay.amount", "pay.ok", "pay.channel", "pay.rate"};
    static const uint32_t fields[] = {PAY_AMOUNT, PAY_OK, PAY_CHANNEL, PAY_RATE};
    static const uint8_t kinds[] = {ASSAY_KIND_NUMBER, ASSAY_KIND_BOOL, ASSAY_KIND_TEXT,
                                    ASSAY_KIND_NUMBER};
    const uint32_t count = made->decision.policy == 0 ? 4 : made->decision.policy == 1 ? 0 : 1;
    assert_int_equal(view->value_count, first + count);
    for (uint32_t i = 0; i < count && made->decision.policy == 0; i++) {
        const struct assay_value *value = &view->values[first + i];
        const bool present = (made->event.present >> fields[i] & 1) != 0;
        same_text(view->value_names[first + i], assay_str_of(pay[i]));
        assert_int_equal(value->kind, kinds[i]);
        assert_int_equal(value->state, ASSAY_STATE_OK);
        if (!present) {
            assert_true(assay_value_is_null(value));
        } else if (kinds[i] == ASSAY_KIND_TEXT) {
            same_text(value->cell.text, made->event.fields[PAY_CHANNEL].text);
        } else {
            same_bits(value->cell.number,
                      assay_event_number(&made->event, &case_events[CASE_PAY], fields[i]));
        }
    }
}

static void same_decision(const struct bench *bench, const struct audit_case *made,
                          const struct assay_audit_view *view)
{
    const struct assay_verdict_of_policy *verdict = &made->decision.verdict;
    const struct assay_policy *policy = bench->kit.policies->items[made->decision.policy];
    char id[ASSAY_DECISION_ID_BYTES_MAX];
    size_t count = 0;
    (void)assay_decision_id(&made->decision, bench->kit.policies, id);
    same_text(view->decision_id, assay_str_of(id));
    same_text(view->policy, assay_policy_name(policy));
    same_text(view->event, case_events[made->event.type].name);
    assert_int_equal(view->time_ms, made->decision.time_ms);
    assert_int_equal(view->epoch, made->decision.epoch);
    assert_int_equal(view->rule, verdict->rule);
    same_bits(view->raw, verdict->raw);
    same_bits(view->probability, verdict->probability);
    same_bits(view->score, verdict->score);
    same_bits(view->baseline, verdict->baseline);
    assert_int_equal(view->unexplained, verdict->unexplained);
    assert_int_equal(view->reason_count, verdict->reason_count);
    for (uint32_t i = 0; i < verdict->reason_count; i++) {
        same_text(view->reasons[i].code, verdict->reasons[i].code);
        same_text(view->reasons[i].feature, verdict->reasons[i].feature);
        same_bits(view->reasons[i].value, verdict->reasons[i].value);
        same_bits(view->reasons[i].points, verdict->reasons[i].points);
    }
    assert_int_equal(view->contribution_count, verdict->contribution_count);
    for (uint32_t i = 0; i < verdict->contribution_count; i++) {
        same_bits(view->contributions[i], verdict->contributions[i]);
    }
    (void)assay_policy_needs(policy, &count);
    for (uint32_t i = 0; i < count; i++) {
        same_value(&view->values[i], &made->values[i]);
    }
    same_fields(made, view, (uint32_t)count);
    const uint32_t *roles = assay_policy_roles(policy, &count);
    assert_int_equal(view->key_count, count);
    for (uint32_t i = 0; i < count; i++) {
        same_text(view->key_values[i], (made->event.present >> roles[i] & 1) != 0
                                           ? made->event.fields[roles[i]].text
                                           : (struct assay_str){0});
    }
}

static void random_decisions_come_back_as_they_were(void **state)
{
    struct bench *bench = *state;
    uint64_t random = 21;
    for (int round = 0; round < 3000; round++) {
        struct audit_case made;
        struct assay_audit_view view;
        struct assay_err err;
        char id[ASSAY_DECISION_ID_BYTES_MAX];
        audit_random(&made, &bench->kit, &random);
        encode(bench, &made);
        const struct assay_arena_mark mark = assay_arena_mark(bench->arena);
        assert_int_equal(assay_audit_decision_decode(&view, bench->arena, bench->plan,
                                                     bench->record, bench->bytes, &err),
                         ASSAY_OK);
        same_decision(bench, &made, &view);
        assert_int_equal(
            assay_audit_decision_id(bench->plan, bench->record, bench->bytes, id, &err), ASSAY_OK);
        same_text(view.decision_id, assay_str_of(id));
        assay_arena_rewind(bench->arena, mark);
    }
}

/* One decision with everything by name, from a real evaluation. */
static void names_texts_and_versions_come_from_the_plan_record(void **state)
{
    struct bench *bench = *state;
    struct audit_case made = {.event = kit_pay()};
    struct assay_audit_view view;
    struct assay_err err;
    const struct assay_policy *policy = bench->kit.policies->items[0];
    kit_nulls(&bench->kit, policy, made.values);
    kit_set(&bench->kit, policy, made.values, PAY_USER, "user.sum", kit_number(1));
    kit_set(&bench->kit, policy, made.values, PAY_USER, "user.channel", kit_text("atm"));
    kit_set(&bench->kit, policy, made.values, PAY_USER, "user.many", kit_number(1));
    made.decision = (struct assay_decision){
        .origin = {.source = assay_str_of("file"), .topic = assay_str_of("e.jsonl")},
        .event = &made.event,
        .values = made.values};
    assay_policy_evaluate(policy, &made.event, made.values, bench->kit.arena,
                          &made.decision.verdict);
    encode(bench, &made);
    assert_int_equal(assay_audit_decision_decode(&view, bench->arena, bench->plan, bench->record,
                                                 bench->bytes, &err),
                     ASSAY_OK);
    char hash[40];
    (void)snprintf(hash, sizeof hash, "%016llx%016llx",
                   (unsigned long long)bench->kit.policies->hash[1],
                   (unsigned long long)bench->kit.policies->hash[0]);
    same_text(view.decision_id, assay_str_of("file:e.jsonl:0:0:credit"));
    same_text(view.plan_hash, assay_str_of(hash));
    (void)snprintf(hash, sizeof hash, "%016llx%016llx",
                   (unsigned long long)bench->kit.plan->hash[1],
                   (unsigned long long)bench->kit.plan->hash[0]);
    same_text(view.features_hash, assay_str_of(hash));
    same_text(view.model, assay_str_of("card"));
    assert_int_equal(view.model_hash.len, 32);
    same_text(view.predicted, assay_str_of("bad"));
    same_text(view.outcome, assay_str_of("decline"));
    same_text(view.rule_when, assay_str_of("user.channel = \"atm\" and user.many"));
    same_text(view.key_entities[0], assay_str_of("user"));
    same_text(view.key_entities[1], assay_str_of("shop"));
    same_text(view.value_names[view.contribution_values[0]], assay_str_of("user.sum"));
    same_text(view.value_names[view.contribution_values[1]], assay_str_of("shop.users"));
    assert_int_equal(view.reason_count, 2);
    same_text(view.reasons[0].code, assay_str_of("R07"));
    same_text(view.reason_texts[0].en, assay_str_of(""));
    same_text(view.reason_texts[0].zh,
              assay_str_of("\xE5\x85\xB1\xE7\x94\xA8\xE8\xAE\xBE\xE5\xA4\x87"));
    same_text(view.reasons[1].code, assay_str_of("R01"));
    same_text(view.reason_texts[1].en, assay_str_of("Little, \"so\" far"));
    assert_true(view.reasons[1].points == -30 - 60);
}

static void the_view_as_json_is_bounded_and_holds_no_nan(void **state)
{
    struct bench *bench = *state;
    uint64_t random = 22;
    for (int round = 0; round < 300; round++) {
        struct audit_case made;
        struct assay_audit_view view;
        struct assay_err err;
        audit_random(&made, &bench->kit, &random);
        encode(bench, &made);
        const struct assay_arena_mark mark = assay_arena_mark(bench->arena);
        assert_int_equal(assay_audit_decision_decode(&view, bench->arena, bench->plan,
                                                     bench->record, bench->bytes, &err),
                         ASSAY_OK);
        const size_t bytes = assay_audit_view_json(&view, 0, NULL);
        char *text = malloc(bytes + 1);
        assert_non_null(text);
        text[bytes] = 'x';
        assert_int_equal(assay_audit_view_json(&view, bytes, text), bytes);
        assert_int_equal(text[bytes], 'x');
        text[bytes] = '\0';
        assert_null(strstr(text, "nan"));
        assert_null(strstr(text, "inf"));
        assert_int_equal(text[0], '{');
        assert_int_equal(text[bytes - 1], '}');
        free(text);
        assay_arena_rewind(bench->arena, mark);
    }
}

static void every_shorter_or_longer_record_is_refused(void **state)
{
    struct bench *bench = *state;
    uint64_t random = 23;
    for (int round = 0; round < 20; round++) {
        struct audit_case made;
        audit_random(&made, &bench->kit, &random);
        encode(bench, &made);
        for (size_t size = 0; size <= bench->bytes + 1; size++) {
            struct assay_audit_view view;
            struct assay_err err = {0};
            uint8_t *exact = malloc(size + 1); /* ends where the record ends */
            assert_non_null(exact);
            exact[0] = 0;
            memcpy(exact + 1, bench->record, size);
            const struct assay_arena_mark mark = assay_arena_mark(bench->arena);
            const enum assay_status status = assay_audit_decision_decode(
                &view, bench->arena, bench->plan, exact + 1, size, &err);
            assert_int_equal(status, size == bench->bytes ? ASSAY_OK : ASSAY_E_FORMAT);
            assert_true(status == ASSAY_OK || err.what[0] != '\0');
            assay_arena_rewind(bench->arena, mark);
            free(exact);
        }
    }
}

static void every_shorter_or_longer_plan_is_refused(void **state)
{
    struct bench *bench = *state;
    for (size_t size = 0; size <= bench->plan_bytes; size++) {
        const struct assay_audit_plan *plan = NULL;
        struct assay_err err = {0};
        uint8_t *exact = malloc(size + 2);
        assert_non_null(exact);
        exact[0] = 0;
        memcpy(exact + 1, bench->plan_record, size);
        exact[size + 1] = 0;
        const size_t given = size == bench->plan_bytes ? size + 1 : size;
        const struct assay_arena_mark mark = assay_arena_mark(bench->arena);
        assert_int_equal(assay_audit_plan_decode(&plan, bench->arena, exact + 1, given, &err),
                         ASSAY_E_FORMAT);
        assert_null(plan);
        assay_arena_rewind(bench->arena, mark);
        free(exact);
    }
}

static void other_versions_and_other_plans_are_told_apart_from_damage(void **state)
{
    struct bench *bench = *state;
    struct audit_case made;
    struct assay_audit_view view;
    struct assay_err err;
    const struct assay_audit_plan *plan = NULL;
    char id[ASSAY_DECISION_ID_BYTES_MAX];
    uint64_t random = 24;
    audit_random(&made, &bench->kit, &random);
    encode(bench, &made);
    for (unsigned version = 0; version < 70000; version += version == 1 ? 1 : 257) {
        const uint8_t bytes[2] = {(uint8_t)(version & 0xFF), (uint8_t)(version >> 8 & 0xFF)};
        const enum assay_status expected =
            bytes[0] == 1 && bytes[1] == 0 ? ASSAY_OK : ASSAY_E_VERSION;
        memcpy(bench->record, bytes, 2);
        memcpy(bench->plan_record, bytes, 2);
        assert_int_equal(assay_audit_decision_decode(&view, bench->arena, bench->plan,
                                                     bench->record, bench->bytes, &err),
                         expected);
        assert_int_equal(
            assay_audit_decision_id(bench->plan, bench->record, bench->bytes, id, &err), expected);
        assert_int_equal(assay_audit_plan_decode(&plan, bench->arena, bench->plan_record,
                                                 bench->plan_bytes, &err),
                         expected);
    }
    bench->record[0] = ASSAY_AUDIT_VERSION;
    bench->record[1] = 0;
    for (size_t byte = 2; byte < 18; byte++) {
        bench->record[byte] ^= 1;
        assert_int_equal(assay_audit_decision_decode(&view, bench->arena, bench->plan,
                                                     bench->record, bench->bytes, &err),
                         ASSAY_E_UNKNOWN);
        bench->record[byte] ^= 1;
    }
}

static void equal_decisions_are_equal_bytes_and_too_little_room_tells_the_size(void **state)
{
    struct bench *bench = *state;
    uint64_t random = 25;
    for (int round = 0; round < 50; round++) {
        struct audit_case made;
        audit_random(&made, &bench->kit, &random);
        encode(bench, &made);
        for (size_t size = 0; size <= bench->bytes; size += 13) {
            uint8_t *out = malloc(size + 1);
            assert_non_null(out);
            out[size] = 0x5A;
            assert_int_equal(
                assay_audit_decision_encode(&made.decision, bench->kit.policies, size, out),
                bench->bytes);
            assert_int_equal(out[size], 0x5A);
            free(out);
        }
        uint8_t *again = malloc(bench->bytes);
        assert_non_null(again);
        (void)assay_audit_decision_encode(&made.decision, bench->kit.policies, bench->bytes, again);
        assert_memory_equal(again, bench->record, bench->bytes);
        free(again);
    }
}

static void a_full_arena_is_a_status(void **state)
{
    struct bench *bench = *state;
    struct audit_case made;
    uint64_t random = 26;
    audit_random(&made, &bench->kit, &random);
    encode(bench, &made);
    bool done = false;
    for (size_t bytes = 1; !done; bytes += 64) {
        struct assay_arena *arena = assay_arena_create(bytes);
        const struct assay_audit_plan *plan = NULL;
        struct assay_audit_view view;
        struct assay_err err;
        assert_non_null(arena);
        enum assay_status status =
            assay_audit_plan_decode(&plan, arena, bench->plan_record, bench->plan_bytes, &err);
        if (status == ASSAY_OK) {
            status =
                assay_audit_decision_decode(&view, arena, plan, bench->record, bench->bytes, &err);
            done = status == ASSAY_OK;
        }
        assert_true(status == ASSAY_OK || status == ASSAY_E_NO_MEMORY);
        assay_arena_destroy(arena);
        assert_true(bytes < 1 << 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(random_decisions_come_back_as_they_were, open_bench,
                                        close_bench),
        cmocka_unit_test_setup_teardown(names_texts_and_versions_come_from_the_plan_record,
                                        open_bench, close_bench),
        cmocka_unit_test_setup_teardown(the_view_as_json_is_bounded_and_holds_no_nan, open_bench,
                                        close_bench),
        cmocka_unit_test_setup_teardown(every_shorter_or_longer_record_is_refused, open_bench,
                                        close_bench),
        cmocka_unit_test_setup_teardown(every_shorter_or_longer_plan_is_refused, open_bench,
                                        close_bench),
        cmocka_unit_test_setup_teardown(other_versions_and_other_plans_are_told_apart_from_damage,
                                        open_bench, close_bench),
        cmocka_unit_test_setup_teardown(
            equal_decisions_are_equal_bytes_and_too_little_room_tells_the_size, open_bench,
            close_bench),
        cmocka_unit_test_setup_teardown(a_full_arena_is_a_status, open_bench, close_bench),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
