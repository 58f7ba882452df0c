#include "tests/unit/scorers/policy_kit.h"

static const char card[] =
    "{\"kind\":\"scorecard\",\"event\":\"bad\",\"points_for\":\"non-event\",\"points\":600,"
    "\"odds\":50,\"pdo\":20,\"base\":500,\"base_split\":\"apart\",\"features\":["
    "{\"name\":\"user.count\",\"missing\":1,\"bins\":[{\"to\":3,\"points\":10},"
    "{\"from\":3,\"points\":40}]},"
    "{\"name\":\"shop.users\",\"missing\":0,\"bins\":[{\"to\":5,\"points\":60},"
    "{\"from\":5,\"points\":5}]}]}";
/* raw is user.count: a probability for every logit. */
static const char logit[] =
    "{\"kind\":\"logistic\",\"event\":\"bad\",\"intercept\":0,\"features\":["
    "{\"name\":\"user.count\",\"coefficient\":1,\"mean\":0,\"missing\":0}]}";
static const char catalogue[] = "feature,family,code,en,zh\n"
                                "user.count,history,R01,Few payments,付款少\n"
                                "shop.users,network,R02,Crowded shop,店铺人多\n"
                                ",network,R07,Shared device,共用设备\n";

static struct assay_verdict_of_policy evaluate(const struct kit *kit, size_t index,
                                               const struct assay_event *event,
                                               const struct assay_value values[])
{
    struct assay_verdict_of_policy verdict;
    memset(&verdict, 0xA5, sizeof verdict); /* nothing may be left as it was */
    assay_policy_evaluate(kit->policies->items[index], event, values, kit->arena, &verdict);
    return verdict;
}

static void assert_text(struct assay_str found, const char *expected)
{
    char text[128];
    assert_true(found.ptr != NULL && found.len < sizeof text);
    memcpy(text, found.ptr, found.len);
    text[found.len] = '\0';
    assert_string_equal(text, expected);
}

/* --- compiling --- */

struct mistake {
    enum assay_diag_code code;
    const char *place;   /* the text that is underlined */
    const char *message; /* part of it */
    void (*make)(struct kit *kit, struct assay_policy_source *source);
};

static void rule_on(struct kit *kit, struct assay_policy_source *source, const char *when)
{
    kit_rules(kit, source, &(struct kit_rule){when, "decline", NULL}, 1);
}
#define MISTAKE(name) static void name(struct kit *kit, struct assay_policy_source *source)
MISTAKE(no_trigger)
{
    (void)kit;
    source->trigger = (struct assay_str){0};
}
MISTAKE(wrong_trigger)
{
    source->trigger = assay_str_of("pya");
    source->trigger_span = case_span(kit->arena, "pya");
}
MISTAKE(wrong_model)
{
    source->model = assay_str_of("crad");
    source->model_span = case_span(kit->arena, "crad");
}
MISTAKE(wrong_event)
{
    source->model = assay_str_of("card");
    source->event = assay_str_of("good");
    source->event_span = case_span(kit->arena, "good");
}
MISTAKE(scale_without_model)
{
    kit_scale(source, 20, 600, 50, false);
    source->scaling_span = case_span(kit->arena, "{pdo}");
}
MISTAKE(scale_of_zero)
{
    source->model = assay_str_of("card");
    kit_scale(source, 0, 600, 50, false);
    source->scaling_span = case_span(kit->arena, "{pdo}");
}
MISTAKE(no_else)
{
    (void)kit;
    source->otherwise = (struct assay_str){0};
}
MISTAKE(rule_of_text)
{
    rule_on(kit, source, "user.channel");
}
MISTAKE(rule_of_number)
{
    rule_on(kit, source, "user.count + 1");
}
MISTAKE(rule_of_no_score)
{
    rule_on(kit, source, "score < 500");
}
MISTAKE(rule_of_unscaled_score)
{
    source->model = assay_str_of("logit");
    rule_on(kit, source, "score < 500");
}
MISTAKE(rule_of_unknown_feature)
{
    rule_on(kit, source, "user.cuont > 1");
}
MISTAKE(rule_of_unknown_field)
{
    rule_on(kit, source, "pay.amuont > 1");
}
MISTAKE(rule_of_other_event)
{
    rule_on(kit, source, "move.amount > 1");
}
MISTAKE(rule_without_entity)
{
    rule_on(kit, source, "count > 1");
}
MISTAKE(rule_without_outcome)
{
    kit_rules(kit, source, &(struct kit_rule){"user.count > 1", NULL, NULL}, 1);
}
MISTAKE(rule_with_aggregate)
{
    rule_on(kit, source, "count(pay) over 1d > 1");
}
MISTAKE(reason_not_in_catalogue)
{
    source->catalogue = assay_str_of(catalogue);
    source->catalogue_path = "reasons.csv";
    kit_rules(kit, source, &(struct kit_rule){"user.count > 1", "review", "R08"}, 1);
}
MISTAKE(two_roles)
{
    source->trigger = assay_str_of("move");
    source->trigger_span = case_span(kit->arena, "move");
}
MISTAKE(role_of_nobody)
{
    static struct assay_binding_source binding;
    binding = (struct assay_binding_source){.entity = assay_str_of("user"),
                                            .role = assay_str_of("shop"),
                                            .span = case_span(kit->arena, "user: shop")};
    source->bindings = &binding;
    source->binding_count = 1;
}
MISTAKE(code_with_two_meanings)
{
    (void)kit;
    source->catalogue = assay_str_of("feature,family,code,en,zh\nuser.count,a,R01,x,y\n"
                                     "user.sum,a,R01,z,y\n");
    source->catalogue_path = "reasons.csv";
}
MISTAKE(catalogue_without_column)
{
    kit_rules(kit, source, &(struct kit_rule){"user.count > 1", "review", "R08"}, 1);
    source->catalogue = assay_str_of("feature,family,code,en\nuser.count,a,R01,x\n");
    source->catalogue_path = "reasons.csv";
}
MISTAKE(too_many_reasons)
{
    source->reasons_max = ASSAY_POLICY_REASONS_MAX + 1;
    source->reasons_span = case_span(kit->arena, "max: 17");
}
MISTAKE(column_of_nothing)
{
    kit_model(kit, "odd", ASSAY_MODEL_LOGISTIC,
              "{\"kind\":\"logistic\",\"event\":\"bad\",\"intercept\":0,\"features\":["
              "{\"name\":\"user.cuont\",\"coefficient\":1,\"mean\":0,\"missing\":0}]}");
    source->model = assay_str_of("odd");
    source->model_span = case_span(kit->arena, "odd");
}
MISTAKE(column_of_text)
{
    kit_model(kit, "odd", ASSAY_MODEL_LOGISTIC,
              "{\"kind\":\"logistic\",\"event\":\"bad\",\"intercept\":0,\"features\":["
              "{\"name\":\"user.channel\",\"coefficient\":1,\"mean\":0,\"missing\":0}]}");
    source->model = assay_str_of("odd");
    source->model_span = case_span(kit->arena, "odd");
}
MISTAKE(torn_model)
{
    (void)source;
    kit_model(kit, "odd", ASSAY_MODEL_LOGISTIC, "{\"kind\":");
}

static const struct mistake mistakes[] = {
    {ASSAY_DIAG_MISSING, "credit", "names no trigger", no_trigger},
    {ASSAY_DIAG_UNKNOWN_EVENT, "pya", "unknown event \"pya\"", wrong_trigger},
    {ASSAY_DIAG_UNKNOWN_MODEL, "crad", "unknown model \"crad\"", wrong_model},
    {ASSAY_DIAG_MODEL_OUTPUT, "good", "predicts \"bad\", not \"good\"", wrong_event},
    {ASSAY_DIAG_SCALING, "{pdo}", "names no model", scale_without_model},
    {ASSAY_DIAG_SCALING, "{pdo}", "pdo is 0", scale_of_zero},
    {ASSAY_DIAG_OUTCOME, "credit", "no `else` outcome", no_else},
    {ASSAY_DIAG_TYPE, "user.channel", "this is text", rule_of_text},
    {ASSAY_DIAG_TYPE, "user.count + 1", "this is a number", rule_of_number},
    {ASSAY_DIAG_MODEL_OUTPUT, "score", "names no model", rule_of_no_score},
    {ASSAY_DIAG_MODEL_OUTPUT, "score", "does not scale", rule_of_unscaled_score},
    {ASSAY_DIAG_UNKNOWN_NAME, "user.cuont", "no feature defines", rule_of_unknown_feature},
    {ASSAY_DIAG_UNKNOWN_FIELD, "pay.amuont", "unknown field \"amuont\"", rule_of_unknown_field},
    {ASSAY_DIAG_UNKNOWN_NAME, "move.amount", "does not trigger", rule_of_other_event},
    {ASSAY_DIAG_UNKNOWN_NAME, "count", "unknown name \"count\"", rule_without_entity},
    {ASSAY_DIAG_OUTCOME, "credit", "no outcome", rule_without_outcome},
    {ASSAY_DIAG_NO_AGGREGATE, "count(pay)", "a rule", rule_with_aggregate},
    {ASSAY_DIAG_REASON, "credit", "\"R08\" is not in the catalogue", reason_not_in_catalogue},
    {ASSAY_DIAG_ROLE_CHOICE, "move", "several keys: \"payer\", \"payee\"", two_roles},
    {ASSAY_DIAG_ROLE_CHOICE, "user: shop", "is no key of entity \"user\"", role_of_nobody},
    {ASSAY_DIAG_CATALOGUE, "R01", "another family or text than on line 2", code_with_two_meanings},
    {ASSAY_DIAG_CATALOGUE, "feature", "column \"zh\" is missing", catalogue_without_column},
    {ASSAY_DIAG_LIMIT, "max: 17", "at most 16", too_many_reasons},
    {ASSAY_DIAG_MODEL_FEATURE, "odd", "\"user.cuont\", which no feature", column_of_nothing},
    {ASSAY_DIAG_TYPE, "odd", "which is text", column_of_text},
    {ASSAY_DIAG_MODEL, "odd", "model.file:1:9: not JSON", torn_model},
};

static void every_mistake_is_told_once_with_code_and_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        struct kit kit;
        kit_open(&kit);
        kit_model(&kit, "card", ASSAY_MODEL_SCORECARD, card);
        kit_model(&kit, "logit", ASSAY_MODEL_LOGISTIC, logit);
        mistakes[i].make(&kit, kit_policy(&kit, "credit"));
        assert_null(kit_try(&kit));
        const struct assay_diag *diag =
            assay_diags_kept(kit.diags) > 0 ? assay_diags_at(kit.diags, 0) : NULL;
        const struct assay_span span = diag == NULL ? (struct assay_span){0} : diag->span;
        const bool good =
            diag != NULL && assay_diags_count(kit.diags) == 1 && diag->code == mistakes[i].code &&
            strstr(diag->message.ptr, mistakes[i].message) != NULL && span.text != NULL &&
            span.end - span.begin == strlen(mistakes[i].place) &&
            memcmp(span.text->data + span.begin, mistakes[i].place, span.end - span.begin) == 0;
        if (!good) {
            print_error("mistake %zu, \"%s\":\n", i, mistakes[i].message);
            assay_diags_print(kit.diags, stderr);
        }
        assert_true(good);
        kit_close(&kit);
    }
}

static void two_of_one_name_are_refused(void **state)
{
    (void)state;
    struct kit kit;
    kit_open(&kit);
    (void)kit_policy(&kit, "credit");
    (void)kit_policy(&kit, "credit");
    kit_model(&kit, "card", ASSAY_MODEL_SCORECARD, card);
    kit_model(&kit, "card", ASSAY_MODEL_SCORECARD, card);
    assert_null(kit_try(&kit));
    assert_int_equal(assay_diags_count(kit.diags), 2);
    assert_int_equal(assay_diags_at(kit.diags, 0)->code, ASSAY_DIAG_DUPLICATE);
    assert_int_equal(assay_diags_at(kit.diags, 1)->code, ASSAY_DIAG_DUPLICATE);
    kit_close(&kit);
}

static void one_run_tells_the_mistakes_of_all_policies(void **state)
{
    (void)state;
    struct kit kit;
    kit_open(&kit);
    rule_of_number(&kit, kit_policy(&kit, "a"));
    no_else(&kit, kit_policy(&kit, "b"));
    struct assay_policy_source *both = kit_policy(&kit, "c");
    rule_of_unknown_field(&kit, both);
    wrong_model(&kit, both);
    assert_null(kit_try(&kit));
    assert_int_equal(assay_diags_count(kit.diags), 4);
    kit_close(&kit);
}

/* Two kits that differ in one thing have two hashes; equal ones have one. */
static void the_hash_covers_everything_a_decision_rests_on(void **state)
{
    (void)state;
    enum { WAYS = 9 };
    uint64_t hashes[WAYS + 1][2];
    for (int way = 0; way <= WAYS; way++) {
        struct kit kit;
        kit_open(&kit);
        kit_model(&kit, "card", way == 1 ? ASSAY_MODEL_LOGISTIC : ASSAY_MODEL_SCORECARD,
                  way == 1 ? logit : card);
        struct assay_policy_source *source = kit_policy(&kit, way == 2 ? "loan" : "credit");
        source->model = assay_str_of("card");
        source->reasons_max = way == 3 ? 3 : 4;
        source->otherwise = assay_str_of(way == 4 ? "review" : "approve");
        kit_scale(source, 20, way == 5 ? 601 : 600, 50, way == 6);
        source->catalogue = assay_str_of(way == 7 ? "feature,family,code,en,zh\n" : catalogue);
        source->catalogue_path = "reasons.csv";
        const char *when = way == 8 ? "score < 561" : "score < 560";
        kit_rules(&kit, source, &(struct kit_rule){when, "decline", NULL}, 1);
        const struct assay_policies *policies = kit_compile(&kit);
        hashes[way][0] = policies->hash[0];
        hashes[way][1] = policies->hash[1];
        kit_close(&kit);
    }
    for (int a = 0; a < WAYS; a++) {
        for (int b = a + 1; b < WAYS; b++) {
            assert_true(hashes[a][0] != hashes[b][0] && hashes[a][1] != hashes[b][1]);
        }
    }
    assert_memory_equal(hashes[0], hashes[WAYS], sizeof hashes[0]); /* way 9 changes nothing */
}

/* --- rules --- */

static void the_first_rule_that_holds_wins_and_else_when_none_does(void **state)
{
    (void)state;
    struct kit kit;
    kit_open(&kit);
    const struct kit_rule rules[] = {{"user.count > 10", "decline", NULL},
                                     {"user.count > 5", "review", NULL},
                                     {"user.count > 7", "never", NULL},
                                     {"user.channel = \"atm\"", "ask", NULL}};
    kit_rules(&kit, kit_policy(&kit, "credit"), rules, 4);
    const struct assay_policy *policy = kit_compile(&kit)->items[0];
    const struct assay_event event = kit_pay();
    struct assay_value values[KIT_VALUES_MAX];
    static const struct {
        double count;
        const char *channel, *outcome;
        uint32_t rule;
    } cases[] = {{11, "atm", "decline", 0},
                 {10, "atm", "review", 1},
                 {8, NULL, "review", 1},
                 {5, "atm", "ask", 3},
                 {5, "app", "approve", ASSAY_NONE},
                 {NAN, "atm", "ask", 3},
                 {NAN, NULL, "approve", ASSAY_NONE},
                 {HUGE_VAL, NULL, "decline", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        kit_nulls(&kit, policy, values);
        kit_set(&kit, policy, values, PAY_USER, "user.count", kit_number(cases[i].count));
        kit_set(&kit, policy, values, PAY_USER, "user.channel", kit_text(cases[i].channel));
        const struct assay_verdict_of_policy verdict = evaluate(&kit, 0, &event, values);
        assert_text(verdict.outcome, cases[i].outcome);
        assert_int_equal(verdict.rule, cases[i].rule);
        assert_true(isnan(verdict.score) && isnan(verdict.raw) && isnan(verdict.probability));
        assert_int_equal(verdict.reason_count, 0);
        assert_int_equal(verdict.contribution_count, 0);
        assert_false(verdict.unexplained);
    }
    kit_close(&kit);
}

static void unknown_is_not_true_and_its_opposite_is_not_either(void **state)
{
    (void)state;
    static const struct {
        const char *when;
        bool holds; /* with user.count null, user.many unknown, channel "app" */
    } cases[] = {
        {"user.count > 1", false},
        {"not user.count > 1", false},
        {"user.count > 1 or user.channel = \"app\"", true},
        {"user.count > 1 and user.channel = \"app\"", false},
        {"not (user.count > 1 and user.channel = \"atm\")", true},
        {"user.count is null", true},
        {"user.many", false},
        {"not user.many", false},
        {"user.count = user.count", false},
        {"pay.rate >= 0", false},
        {"pay.rate is null and pay.amount = 12.5 and pay.ok", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kit kit;
        kit_open(&kit);
        struct assay_policy_source *source = kit_policy(&kit, "credit");
        rule_on(&kit, source, cases[i].when);
        const struct assay_policy *policy = kit_compile(&kit)->items[0];
        const struct assay_event event = kit_pay();
        struct assay_value values[KIT_VALUES_MAX];
        size_t count = 0;
        kit_nulls(&kit, policy, values);
        (void)assay_policy_needs(policy, &count);
        for (size_t v = 0; v < count; v++) {
            if (values[v].kind == ASSAY_KIND_TEXT) {
                values[v] = kit_text("app");
            }
        }
        const struct assay_verdict_of_policy verdict = evaluate(&kit, 0, &event, values);
        if ((verdict.rule == 0) != cases[i].holds) {
            print_error("%s\n", cases[i].when);
        }
        assert_int_equal(verdict.rule == 0, cases[i].holds);
        kit_close(&kit);
    }
}

static void roles_bind_each_entity_to_one_key_and_name_any_other(void **state)
{
    (void)state;
    struct kit kit;
    kit_open(&kit);
    struct assay_policy_source *source = kit_policy(&kit, "credit");
    const struct assay_binding_source binding = {.entity = assay_str_of("user"),
                                                 .role = assay_str_of("payee")};
    source->trigger = assay_str_of("move");
    source->bindings = &binding;
    source->binding_count = 1;
    const struct kit_rule rules[] = {{"user.count > 5 and payee.count > 5", "payee", NULL},
                                     {"payer.count > 5", "payer", NULL}};
    kit_rules(&kit, source, rules, 2);
    const struct assay_policy *policy = kit_compile(&kit)->items[0];
    size_t count = 0;
    const uint32_t *roles = assay_policy_roles(policy, &count);
    assert_int_equal(count, 1);
    assert_int_equal(roles[0], 1);
    const struct assay_need *needs = assay_policy_needs(policy, &count);
    assert_int_equal(count, 2); /* user. and payee. are one need */
    assert_int_equal(needs[0].role, 0);
    assert_int_equal(needs[1].role, 1);
    assert_int_equal(needs[0].feature, needs[1].feature);
    struct assay_event event = {.type = CASE_MOVE, .present = 3};
    const struct assay_value payer[2] = {kit_number(9), kit_number(1)};
    const struct assay_value payee[2] = {kit_number(1), kit_number(9)};
    assert_text(evaluate(&kit, 0, &event, payer).outcome, "payer");
    assert_text(evaluate(&kit, 0, &event, payee).outcome, "payee");
    kit_close(&kit);
}

static void needs_ascend_and_are_asked_for_once(void **state)
{
    (void)state;
    struct kit kit;
    kit_open(&kit);
    kit_model(&kit, "card", ASSAY_MODEL_SCORECARD, card);
    struct assay_policy_source *source = kit_policy(&kit, "credit");
    source->model = assay_str_of("card");
    rule_on(&kit, source, "shop.users > 1 and user.count > 1 and user.f3 > 1 and shop.count > 0");
    size_t count = 0;
    const struct assay_need *needs = assay_policy_needs(kit_compile(&kit)->items[0], &count);
    assert_int_equal(count, 4);
    for (size_t i = 1; i < count; i++) {
        assert_true(needs[i - 1].role < needs[i].role || (needs[i - 1].role == needs[i].role &&
                                                          needs[i - 1].feature < needs[i].feature));
    }
    assert_int_equal(assay_policy_model(kit.policies->items[0]), 0);
    assert_int_equal(assay_policy_trigger(kit.policies->items[0]), CASE_PAY);
    kit_close(&kit);
}

/* --- scores --- */

static struct assay_verdict_of_policy score_at(struct kit *kit, double raw)
{
    const struct assay_policy *policy = kit->policies->items[0];
    const struct assay_event event = kit_pay();
    struct assay_value values[KIT_VALUES_MAX];
    kit_nulls(kit, policy, values);
    kit_set(kit, policy, values, PAY_USER, "user.count", kit_number(raw));
    return evaluate(kit, 0, &event, values);
}

static void open_logit(struct kit *kit, double pdo, double points, double odds, bool likelier)
{
    kit_open(kit);
    kit_model(kit, "logit", ASSAY_MODEL_LOGISTIC, logit);
    struct assay_policy_source *source = kit_policy(kit, "credit");
    source->model = assay_str_of("logit");
    kit_scale(source, pdo, points, odds, likelier);
    (void)kit_compile(kit);
}

static void points_stand_at_the_odds_and_pdo_doubles_them_both_ways(void **state)
{
    (void)state;
    static const double pdos[] = {1, 15, 20, 40.5, 300};
    static const double odds[] = {0.02, 1, 19, 50, 4096};
    for (size_t p = 0; p < 5; p++) {
        for (size_t o = 0; o < 5; o++) {
            for (int likelier = 0; likelier < 2; likelier++) {
                struct kit kit;
                open_logit(&kit, pdos[p], 600, odds[o], likelier == 1);
                for (int doublings = -12; doublings <= 12; doublings++) {
                    /* logit of the event at odds * 2^doublings in favour of the good class */
                    const double good = log(odds[o]) + doublings * log(2);
                    const double raw = likelier == 1 ? good : -good;
                    const double exact = 600 + pdos[p] * doublings;
                    const double score = score_at(&kit, raw).score;
                    assert_true(fabs(score - exact) <= 0.5 + 1e-6);
                    assert_true(score == round(score));
                }
                kit_close(&kit);
            }
        }
    }
}

static void a_score_falls_or_rises_with_the_event_and_is_always_finite(void **state)
{
    (void)state;
    for (int likelier = 0; likelier < 2; likelier++) {
        struct kit kit;
        open_logit(&kit, 20, 600, 50, likelier == 1);
        double last = likelier == 1 ? -HUGE_VAL : HUGE_VAL;
        for (double raw = -800; raw <= 800; raw += 12.5) {
            const double score = score_at(&kit, raw).score;
            assert_true(isfinite(score));
            assert_true(likelier == 1 ? score >= last : score <= last);
            last = score;
        }
        kit_close(&kit);
    }
}

static void a_card_without_scaling_gives_its_points_and_minus_zero_is_zero(void **state)
{
    (void)state;
    struct kit kit;
    kit_open(&kit);
    kit_model(&kit, "card", ASSAY_MODEL_SCORECARD,
              "{\"kind\":\"scorecard\",\"event\":\"bad\",\"points_for\":\"non-event\","
              "\"points\":600,\"odds\":50,\"pdo\":20,\"base\":0,\"base_split\":\"included\","
              "\"features\":[{\"name\":\"user.count\",\"missing\":-0.4,\"bins\":["
              "{\"to\":3,\"points\":2.5},{\"from\":3,\"points\":-2.5}]}]}");
    struct assay_policy_source *source = kit_policy(&kit, "credit");
    source->model = assay_str_of("card");
    (void)kit_compile(&kit);
    assert_true(score_at(&kit, 1).score == 3); /* half away from zero */
    assert_true(score_at(&kit, 5).score == -3);
    assert_true(score_at(&kit, NAN).raw == -0.4);
    const double zero = score_at(&kit, NAN).score;
    assert_true(zero == 0 && !signbit(zero));
    kit_close(&kit);
}

static void rules_see_the_score_the_probability_and_raw(void **state)
{
    (void)state;
    struct kit kit;
    kit_open(&kit);
    kit_model(&kit, "logit", ASSAY_MODEL_LOGISTIC, logit);
    struct assay_policy_source *source = kit_policy(&kit, "credit");
    source->model = assay_str_of("logit");
    kit_scale(source, 20, 600, 1, false);
    const struct kit_rule rules[] = {{"score < 500", "low", NULL},
                                     {"probability = 0.5", "even", NULL},
                                     {"raw < -2", "safe", NULL}};
    kit_rules(&kit, source, rules, 3);
    (void)kit_compile(&kit);
    assert_text(score_at(&kit, 5).outcome, "low");
    assert_text(score_at(&kit, 0).outcome, "even");
    assert_text(score_at(&kit, -3).outcome, "safe");
    assert_text(score_at(&kit, -1).outcome, "approve");
    kit_close(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mistake_is_told_once_with_code_and_place),
        cmocka_unit_test(two_of_one_name_are_refused),
        cmocka_unit_test(one_run_tells_the_mistakes_of_all_policies),
        cmocka_unit_test(the_hash_covers_everything_a_decision_rests_on),
        cmocka_unit_test(the_first_rule_that_holds_wins_and_else_when_none_does),
        cmocka_unit_test(unknown_is_not_true_and_its_opposite_is_not_either),
        cmocka_unit_test(roles_bind_each_entity_to_one_key_and_name_any_other),
        cmocka_unit_test(needs_ascend_and_are_asked_for_once),
        cmocka_unit_test(points_stand_at_the_odds_and_pdo_doubles_them_both_ways),
        cmocka_unit_test(a_score_falls_or_rises_with_the_event_and_is_always_finite),
        cmocka_unit_test(a_card_without_scaling_gives_its_points_and_minus_zero_is_zero),
        cmocka_unit_test(rules_see_the_score_the_probability_and_raw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
