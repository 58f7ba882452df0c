/*
 * tests/unit/scorers/policy_kit.h - policies compiled from a few lines, and events to decide on.
 *
 * The schema is that of tests/support/definitions_case.h: `pay` names a user and perhaps a shop,
 * `move` names two users.
 */
#ifndef ASSAY_TESTS_POLICY_KIT_H
#define ASSAY_TESTS_POLICY_KIT_H

#include "scorers/decision.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/definitions_case.h"
#include "tests/support/lightgbm_text.h"

#include <stdio.h>
#include <stdlib.h>

enum { KIT_RULES_MAX = 8, KIT_VALUES_MAX = 64, KIT_MODELS_MAX = 4, KIT_POLICIES_MAX = 4 };

struct kit_rule {
    const char *when, *then, *reason;
};

struct kit {
    struct assay_arena *arena;
    struct assay_diags *diags;
    const struct assay_plan *plan;
    const struct assay_policies *policies;
    struct assay_model_source models[KIT_MODELS_MAX];
    size_t model_count;
    struct assay_policy_source sources[KIT_POLICIES_MAX];
    size_t source_count;
};

struct kit_feature {
    uint32_t entity;
    const char *name, *definition;
};

static const struct kit_feature kit_features[] = {
    {CASE_USER, "count", "count(pay) over 1d"},
    {CASE_USER, "sum", "sum(pay.amount) over 1d"},
    {CASE_USER, "mean", "avg(pay.amount) over 1d"},
    {CASE_USER, "many", "count > 3"},
    {CASE_USER, "channel", "last(pay.channel)"},
    {CASE_USER, "f0", "count(pay) over 1h"},
    {CASE_USER, "f1", "count(pay) over 2h"},
    {CASE_USER, "f2", "count(pay) over 3h"},
    {CASE_USER, "f3", "count(pay) over 4h"},
    {CASE_USER, "f4", "count(pay) over 5h"},
    {CASE_USER, "f5", "count(pay) over 6h"},
    {CASE_SHOP, "count", "count(pay) over 1d"},
    {CASE_SHOP, "users", "count_distinct(pay.user) over 1d"},
};

static inline struct assay_str kit_str(const char *text)
{
    return text == NULL ? (struct assay_str){0} : assay_str_of(text);
}

static inline void kit_open(struct kit *kit)
{
    enum { COUNT = sizeof kit_features / sizeof kit_features[0] };
    struct assay_feature_source sources[COUNT];
    *kit = (struct kit){.arena = assay_arena_create((size_t)64 << 20)};
    assert_non_null(kit->arena);
    kit->diags = assay_diags_create(kit->arena, 40);
    for (size_t i = 0; i < COUNT; i++) {
        sources[i] = (struct assay_feature_source){
            .entity = kit_features[i].entity,
            .name = assay_str_of(kit_features[i].name),
            .name_span = case_span(kit->arena, kit_features[i].name),
            .expression = case_span(kit->arena, kit_features[i].definition),
        };
    }
    kit->plan = assay_plan_compile(kit->arena, &case_schema, sources, COUNT, kit->diags);
    if (kit->plan == NULL) {
        assay_diags_print(kit->diags, stderr);
    }
    assert_non_null(kit->plan);
}

static inline void kit_close(struct kit *kit)
{
    assay_arena_destroy(kit->arena);
}

static inline void kit_model(struct kit *kit, const char *name, enum assay_model_kind kind,
                             const char *text)
{
    assert_true(kit->model_count < KIT_MODELS_MAX);
    kit->models[kit->model_count++] = (struct assay_model_source){
        .name = assay_str_of(name),
        .name_span = case_span(kit->arena, name),
        .kind = kind,
        .file = assay_str_of("model.file"),
        .bytes = assay_arena_copy(kit->arena, assay_str_of(text)),
    };
}

/* A policy on `pay` with an else; the caller sets what it wants otherwise. */
static inline struct assay_policy_source *kit_policy(struct kit *kit, const char *name)
{
    assert_true(kit->source_count < KIT_POLICIES_MAX);
    struct assay_policy_source *source = &kit->sources[kit->source_count++];
    *source = (struct assay_policy_source){
        .name = assay_str_of(name),
        .name_span = case_span(kit->arena, name),
        .trigger = assay_str_of("pay"),
        .reasons_max = 4,
        .otherwise = assay_str_of("approve"),
    };
    return source;
}

static inline void kit_rules(struct kit *kit, struct assay_policy_source *source,
                             const struct kit_rule rules[], size_t count)
{
    struct assay_rule_source *list =
        assay_arena_array(kit->arena, count + 1, sizeof(struct assay_rule_source));
    assert_non_null(list);
    for (size_t i = 0; i < count; i++) {
        list[i] = (struct assay_rule_source){
            .when = case_span(kit->arena, rules[i].when),
            .then = kit_str(rules[i].then),
            .reason = kit_str(rules[i].reason),
        };
    }
    source->rules = list;
    source->rule_count = count;
}

static inline void kit_scale(struct assay_policy_source *source, double pdo, double points,
                             double odds, bool likelier)
{
    source->has_scaling = true;
    source->pdo = pdo;
    source->points = points;
    source->odds = odds;
    source->higher_is_likelier = likelier;
}

static inline const struct assay_policies *kit_try(struct kit *kit)
{
    kit->policies = assay_policies_compile(kit->arena, kit->plan, kit->models, kit->model_count,
                                           kit->sources, kit->source_count, kit->diags);
    return kit->policies;
}

static inline const struct assay_policies *kit_compile(struct kit *kit)
{
    if (kit_try(kit) == NULL) {
        assay_diags_print(kit->diags, stderr);
    }
    assert_non_null(kit->policies);
    assert_int_equal(assay_diags_count(kit->diags), 0);
    return kit->policies;
}

static inline struct assay_value kit_number(double number)
{
    return (struct assay_value){.cell = {.number = number}, .kind = ASSAY_KIND_NUMBER};
}

static inline struct assay_value kit_text(const char *text)
{
    return (struct assay_value){.cell = {.text = kit_str(text)}, .kind = ASSAY_KIND_TEXT};
}

/* All needs null, in their kinds. */
static inline void kit_nulls(const struct kit *kit, const struct assay_policy *policy,
                             struct assay_value values[KIT_VALUES_MAX])
{
    size_t count = 0;
    const struct assay_need *needs = assay_policy_needs(policy, &count);
    assert_true(count <= KIT_VALUES_MAX);
    for (size_t i = 0; i < count; i++) {
        values[i] = kit->plan->features[needs[i].feature].kind == ASSAY_KIND_TEXT
                        ? kit_text(NULL)
                        : kit_number(ASSAY_NULL_NUMBER);
        values[i].kind = (uint8_t)kit->plan->features[needs[i].feature].kind;
    }
}

/* Set a feature of a key field of the trigger; it must be among the needs. */
static inline void kit_set(const struct kit *kit, const struct assay_policy *policy,
                           struct assay_value values[], uint32_t role, const char *full_name,
                           struct assay_value value)
{
    size_t count = 0;
    const struct assay_need *needs = assay_policy_needs(policy, &count);
    for (size_t i = 0; i < count; i++) {
        if (needs[i].role == role &&
            assay_str_equal(kit->plan->features[needs[i].feature].full_name,
                            assay_str_of(full_name))) {
            value.kind = values[i].kind;
            values[i] = value;
            return;
        }
    }
    fail_msg("%s is no need", full_name);
}

/* A payment of u7 in shop s1: 12.50, ok, by app; rate is null. */
static inline struct assay_event kit_pay(void)
{
    struct assay_event event = {.type = CASE_PAY, .time_ms = 1000, .present = 0x5F};
    event.fields[PAY_USER].text = assay_str_of("u7");
    event.fields[PAY_SHOP].text = assay_str_of("s1");
    event.fields[PAY_AMOUNT].integer = 1250;
    event.fields[PAY_OK].integer = 1;
    event.fields[PAY_CHANNEL].text = assay_str_of("app");
    event.fields[PAY_COUNT].integer = 3;
    return event;
}

/* A random card over user.f0 .. f(count - 1), whole points. */
static inline void kit_random_card(char *out, size_t size, int features, const char *points_for,
                                   uint64_t *random)
{
    size_t used = (size_t)snprintf(
        out, size,
        "{\"kind\":\"scorecard\",\"event\":\"bad\",\"points_for\":\"%s\",\"points\":600,"
        "\"odds\":50,\"pdo\":20,\"base\":500,\"base_split\":\"apart\",\"features\":[",
        points_for);
    for (int f = 0; f < features; f++) {
        const int bins = 1 + (int)(test_random(random) % 4);
        used += (size_t)snprintf(out + used, size - used,
                                 "%s{\"name\":\"user.f%d\",\"missing\":%d,\"bins\":[",
                                 f == 0 ? "" : ",", f, (int)(test_random(random) % 60) - 20);
        for (int b = 0; b < bins; b++) {
            used += (size_t)snprintf(out + used, size - used, "%s{", b == 0 ? "" : ",");
            if (b > 0) {
                used += (size_t)snprintf(out + used, size - used, "\"from\":%d,", 2 * b);
            }
            if (b + 1 < bins) {
                used += (size_t)snprintf(out + used, size - used, "\"to\":%d,", 2 * b + 2);
            }
            used += (size_t)snprintf(out + used, size - used, "\"points\":%d}",
                                     (int)(test_random(random) % 60) - 20);
        }
        used += (size_t)snprintf(out + used, size - used, "]}");
    }
    used += (size_t)snprintf(out + used, size - used, "]}");
    assert_true(used < size);
}

/* A random forest over user.f0 ..: the text that the library writes, with our names. */
static inline void kit_random_forest(char *out, size_t size, int features, int trees,
                                     const char *objective, bool average, uint64_t *random)
{
    static struct text_model made;
    static char text[1 << 20];
    made = (struct text_model){.features = features,
                               .classes = 1,
                               .trees = trees,
                               .version = "v4",
                               .objective = objective,
                               .average = average};
    for (int i = 0; i < trees; i++) {
        text_grow(&made.tree[i], 2 + (int)(test_random(random) % 7), features, 500, random);
    }
    const size_t bytes = text_print(text, &made);
    assert_true(bytes < sizeof text);
    text[bytes] = '\0';
    char *names = strstr(text, "feature_names=");
    assert_non_null(names);
    char *end = strchr(names, '\n');
    size_t used = (size_t)snprintf(out, size, "%.*s", (int)(names - text), text);
    for (int f = 0; f < features; f++) {
        used += (size_t)snprintf(out + used, size - used, "%suser.f%d",
                                 f == 0 ? "feature_names=" : " ", f);
    }
    used += (size_t)snprintf(out + used, size - used, "%s", end);
    assert_true(used < size);
}

#endif
