/*
 * tests/unit/scorers/audit_kit.h - a plan of three policies, and random decisions of them.
 */
#ifndef ASSAY_TESTS_AUDIT_KIT_H
#define ASSAY_TESTS_AUDIT_KIT_H

#include "tests/unit/scorers/policy_kit.h"

enum { AUDIT_POLICIES = 3, AUDIT_RECORD_MAX = 1 << 16 };

/* One decision and everything it borrows. */
struct audit_case {
    struct assay_event event;
    struct assay_value values[KIT_VALUES_MAX];
    double contributions[KIT_VALUES_MAX];
    struct assay_decision decision;
};

static inline void audit_open(struct kit *kit)
{
    static const char card[] =
        "{\"kind\":\"scorecard\",\"event\":\"bad\",\"points_for\":\"non-event\",\"points\":600,"
        "\"odds\":50,\"pdo\":20,\"base\":500,\"base_split\":\"apart\",\"features\":["
        "{\"name\":\"user.sum\",\"missing\":1,\"bins\":[{\"to\":3,\"points\":10},"
        "{\"from\":3,\"points\":40}]},"
        "{\"name\":\"shop.users\",\"missing\":0,\"bins\":[{\"to\":5,\"points\":60},"
        "{\"from\":5,\"points\":5}]}]}";
    static const char catalogue[] = "feature,family,code,en,zh\n"
                                    "user.sum,history,R01,\"Little, \"\"so\"\" far\",付款少\n"
                                    "shop.users,history,R01,\"Little, \"\"so\"\" far\",付款少\n"
                                    ",network,R07,,共用设备\n";
    kit_open(kit);
    kit_model(kit, "card", ASSAY_MODEL_SCORECARD, card);
    struct assay_policy_source *credit = kit_policy(kit, "credit");
    credit->model = assay_str_of("card");
    credit->catalogue = assay_str_of(catalogue);
    credit->catalogue_path = "reasons.csv";
    const struct kit_rule rules[] = {
        {"user.channel = \"atm\" and user.many", "decline", "R07"},
        {"pay.channel = \"app\" or pay.rate > 1 or pay.ok or pay.amount > 3", "review", NULL},
    };
    kit_rules(kit, credit, rules, 2);
    struct assay_policy_source *empty = kit_policy(kit, "\xE8\xB4\xB7\xE6\xAC\xBE");
    empty->otherwise = assay_str_of("\xE5\x90\x8C\xE6\x84\x8F");
    struct assay_policy_source *move = kit_policy(kit, "move");
    const struct assay_binding_source binding = {.entity = assay_str_of("user"),
                                                 .role = assay_str_of("payee")};
    struct assay_binding_source *bound = assay_arena_alloc(kit->arena, sizeof *bound);
    assert_non_null(bound);
    *bound = binding;
    move->trigger = assay_str_of("move");
    move->bindings = bound;
    move->binding_count = 1;
    const struct kit_rule risky = {"payer.sum > user.sum and move.amount > 5", "review", "M1"};
    kit_rules(kit, move, &risky, 1);
    (void)kit_compile(kit);
}

static inline double audit_number(uint64_t *random)
{
    static const double special[] = {0.0, -0.0, 0.1, -1e300, 5e-324, 9007199254740991.0};
    const uint64_t draw = test_random(random);
    double value = 0;
    switch (draw >> 60 & 3) {
    case 0:
        return (double)NAN;
    case 1:
        return special[(draw >> 8) % (sizeof special / sizeof special[0])];
    case 2:
        return (draw & 1) != 0 ? HUGE_VAL : -HUGE_VAL;
    default:
        memcpy(&value, &draw, sizeof value); /* any bits */
        return value;
    }
}

static inline struct assay_str audit_text(uint64_t *random, bool null_too)
{
    static const char *const texts[] = {
        "",         "u7",       "\xE6\x9F\x9C\xE5\x8F\xB0",
        "a\"b\\\n", "\xFF\x01", "a text that is somewhat longer than the others are"};
    const uint64_t draw = test_random(random) >> 20;
    return null_too && draw % 4 == 0
               ? (struct assay_str){0}
               : assay_str_of(texts[(draw >> 4) % (sizeof texts / sizeof texts[0])]);
}

static inline void audit_random_event(struct audit_case *made, const struct kit *kit,
                                      uint32_t policy, uint64_t *random)
{
    const uint32_t type = assay_policy_trigger(kit->policies->items[policy]);
    const struct assay_event_def *def = &case_events[type];
    made->event = (struct assay_event){.type = type, .time_ms = (int64_t)test_random(random)};
    made->event.present = test_random(random) >> 8;
    for (uint32_t f = 0; f < def->field_count; f++) {
        if (assay_type_is_text(def->fields[f].type)) {
            made->event.fields[f].text = audit_text(random, false);
        } else if (def->fields[f].type == ASSAY_TYPE_REAL) {
            made->event.fields[f].real = audit_number(random);
        } else {
            made->event.fields[f].integer = (int64_t)(test_random(random) >> 12) - (1 << 20);
        }
    }
}

/* The verdict is made up: the record must carry whatever it says. */
static inline void audit_random_verdict(struct audit_case *made, const struct kit *kit,
                                        uint32_t policy, uint64_t *random)
{
    static const uint32_t rules[AUDIT_POLICIES] = {2, 0, 1};
    struct assay_verdict_of_policy *verdict = &made->decision.verdict;
    const uint64_t rule = test_random(random) >> 20;
    memset(verdict, 0, sizeof *verdict);
    verdict->rule =
        rules[policy] == 0 || rule % 3 == 0 ? ASSAY_NONE : (uint32_t)(rule / 3 % rules[policy]);
    verdict->raw = audit_number(random);
    verdict->probability = audit_number(random);
    verdict->score = audit_number(random);
    verdict->baseline = audit_number(random);
    verdict->unexplained = (test_random(random) >> 40 & 1) != 0;
    verdict->reason_count = (uint32_t)(test_random(random) >> 30) % (ASSAY_POLICY_REASONS_MAX + 1);
    for (uint32_t i = 0; i < verdict->reason_count; i++) {
        verdict->reasons[i] = (struct assay_reason){.code = audit_text(random, false),
                                                    .feature = audit_text(random, true),
                                                    .value = audit_number(random),
                                                    .points = audit_number(random)};
        if ((test_random(random) >> 40) % 3 == 0) {
            verdict->reasons[i].code = assay_str_of("R01");
        }
    }
    if (assay_policy_model(kit->policies->items[policy]) != ASSAY_NONE && !verdict->unexplained) {
        verdict->contribution_count = 2;
        made->contributions[0] = audit_number(random);
        made->contributions[1] = audit_number(random);
        verdict->contributions = made->contributions;
    }
}

static inline void audit_random(struct audit_case *made, const struct kit *kit, uint64_t *random)
{
    const uint32_t policy = (uint32_t)(test_random(random) >> 33) % AUDIT_POLICIES;
    size_t needs = 0;
    *made = (struct audit_case){0};
    audit_random_event(made, kit, policy, random);
    (void)assay_policy_needs(kit->policies->items[policy], &needs);
    kit_nulls(kit, kit->policies->items[policy], made->values);
    for (size_t i = 0; i < needs; i++) {
        made->values[i].state = (uint8_t)((test_random(random) >> 30) % 3);
        if (made->values[i].kind == ASSAY_KIND_TEXT) {
            made->values[i].cell.text = audit_text(random, true);
        } else {
            made->values[i].cell.number = audit_number(random);
        }
    }
    made->decision = (struct assay_decision){
        .origin = {.source = assay_str_of((test_random(random) >> 30 & 1) != 0 ? "kafka" : ""),
                   .topic = audit_text(random, false),
                   .partition = (uint32_t)test_random(random),
                   .offset = test_random(random)},
        .policy = policy,
        .time_ms = made->event.time_ms,
        .epoch = test_random(random),
        .event = &made->event,
        .values = made->values,
    };
    audit_random_verdict(made, kit, policy, random);
}

/* The plan record, encoded; @p bytes is its size. In the kit's arena. */
static inline uint8_t *audit_plan_record(const struct kit *kit, size_t *bytes)
{
    *bytes = assay_audit_plan_encode(kit->policies, 0, NULL);
    uint8_t *record = assay_arena_alloc(kit->arena, *bytes);
    assert_non_null(record);
    assert_int_equal(assay_audit_plan_encode(kit->policies, *bytes, record), *bytes);
    return record;
}

#endif
