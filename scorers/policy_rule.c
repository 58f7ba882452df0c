#include "scorers/policy_pvt.h"

/* Rules: the expression language over scores, features of the trigger's keys, and its fields. */

/* --- names --- */

struct score_name {
    const char *name;
    enum rule_slot slot;
};
static const struct score_name score_names[] = {
    {"raw", SLOT_RAW}, {"probability", SLOT_PROBABILITY}, {"score", SLOT_SCORE}};
enum { SCORE_NAMES = sizeof score_names / sizeof score_names[0] };

/* Is there such a number? A model that was refused is reported already, so it passes. */
static bool check_score_name(struct policy_compiler *compiler, enum rule_slot slot,
                             struct assay_span span)
{
    const struct assay_policy *policy = compiler->policy;
    const struct assay_str model = compiler->source->model;
    if (model.ptr == NULL) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_MODEL_OUTPUT, span,
                       "the policy names no model, so there is no score");
        return false;
    }
    if (policy->model == NULL || slot == SLOT_RAW) {
        return true;
    }
    if (slot == SLOT_PROBABILITY && !policy->is_probability) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_MODEL_OUTPUT, span,
                       "model \"%.*s\" gives no probability", (int)model.len, model.ptr);
        return false;
    }
    if (slot == SLOT_SCORE && !compiler->source->has_scaling && !policy->is_scorecard) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_MODEL_OUTPUT, span,
                       "the policy does not scale its model to a score");
        assay_diag_hint(compiler->diags, "add score: {pdo: 20, points: 600, odds: 50}, or use "
                                         "probability or raw");
        return false;
    }
    return true;
}

static bool resolve_score(struct policy_compiler *compiler, struct assay_str name,
                          struct assay_span span, struct assay_symbol *out)
{
    struct assay_suggest suggest = {.word = name};
    for (size_t i = 0; i < SCORE_NAMES; i++) {
        const struct assay_str known = assay_str_of(score_names[i].name);
        if (assay_str_equal(known, name)) {
            *out = (struct assay_symbol){.where = ASSAY_SYMBOL_SLOT,
                                         .index = score_names[i].slot,
                                         .kind = ASSAY_KIND_NUMBER};
            return check_score_name(compiler, score_names[i].slot, span);
        }
        assay_suggest_offer(&suggest, known);
    }
    assay_diag_add(compiler->diags, ASSAY_DIAG_UNKNOWN_NAME, span, "unknown name \"%.*s\"",
                   (int)name.len, name.ptr);
    for (uint32_t i = 0; i < compiler->plan->feature_count; i++) {
        const struct assay_feature *feature = &compiler->plan->features[i];
        if (assay_str_equal(feature->name, name)) {
            assay_diag_hint(compiler->diags, "a rule writes it with its entity: %.*s",
                            (int)feature->full_name.len, feature->full_name.ptr);
            return false;
        }
    }
    if (assay_event_field(compiler->trigger, name) != ASSAY_NONE) {
        assay_diag_hint(compiler->diags, "a rule writes it with its event: %.*s.%.*s",
                        (int)compiler->trigger->name.len, compiler->trigger->name.ptr,
                        (int)name.len, name.ptr);
        return false;
    }
    assay_policy_hint(compiler->diags, &suggest);
    return false;
}

static bool resolve_field(struct policy_compiler *compiler, struct assay_str name,
                          struct assay_span span, struct assay_symbol *out)
{
    const struct assay_event_def *trigger = compiler->trigger;
    const uint32_t field = assay_event_field(trigger, name);
    if (field == ASSAY_NONE) {
        struct assay_suggest suggest = {.word = name};
        for (uint32_t f = 0; f < trigger->field_count; f++) {
            assay_suggest_offer(&suggest, trigger->fields[f].name);
        }
        assay_diag_add(compiler->diags, ASSAY_DIAG_UNKNOWN_FIELD, span,
                       "unknown field \"%.*s\" of event \"%.*s\"", (int)name.len, name.ptr,
                       (int)trigger->name.len, trigger->name.ptr);
        assay_policy_hint(compiler->diags, &suggest);
        return false;
    }
    const enum assay_type type = trigger->fields[field].type;
    if (type == ASSAY_TYPE_VECTOR) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_TYPE, span, "a vector cannot stand alone");
        return false;
    }
    *out = (struct assay_symbol){
        .where = ASSAY_SYMBOL_FIELD,
        .event = compiler->policy->trigger,
        .index = field,
        .kind = assay_type_is_text(type)  ? ASSAY_KIND_TEXT
                : type == ASSAY_TYPE_BOOL ? ASSAY_KIND_BOOL
                                          : ASSAY_KIND_NUMBER,
    };
    compiler->field_mask |= UINT64_C(1) << field;
    if (compiler->rule->shown == SHOWN_NOTHING) {
        compiler->rule->shown = SHOWN_FIELD;
        compiler->rule->shown_index = field;
    }
    return true;
}

/* The slot of a feature among those that the policy's rules read. */
static bool feature_slot(struct policy_compiler *compiler, const struct policy_wish *wish,
                         struct assay_span span, uint32_t *out)
{
    uint32_t i = 0;
    while (i < compiler->rule_wish_count &&
           (compiler->rule_wishes[i].need.role != wish->need.role ||
            compiler->rule_wishes[i].need.feature != wish->need.feature)) {
        i++;
    }
    if (i == ASSAY_POLICY_FEATURES_MAX) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_LIMIT, span,
                       "the rules of a policy read more than %d features",
                       ASSAY_POLICY_FEATURES_MAX);
        return false;
    }
    if (i == compiler->rule_wish_count) {
        compiler->rule_wishes[compiler->rule_wish_count++] = *wish;
    }
    *out = i;
    return true;
}

static bool resolve_feature(struct policy_compiler *compiler, struct assay_str prefix,
                            struct assay_str name, struct assay_span span, struct assay_symbol *out)
{
    struct policy_wish wish = {0};
    uint32_t slot = 0;
    if (!assay_policy_find_feature(compiler, prefix, name, ASSAY_DIAG_UNKNOWN_NAME, span,
                                   "the rule reads", &wish) ||
        !feature_slot(compiler, &wish, span, &slot)) {
        return false;
    }
    *out = (struct assay_symbol){.where = ASSAY_SYMBOL_SLOT,
                                 .index = SLOT_FEATURES + slot,
                                 .kind = compiler->plan->features[wish.need.feature].kind};
    if (compiler->rule->shown != SHOWN_FEATURE) {
        compiler->rule->shown = SHOWN_FEATURE;
        compiler->rule->shown_index = slot;
        compiler->rule->shown_name = wish.name;
    }
    return true;
}

static bool resolve(void *context, const struct assay_str names[], size_t count,
                    struct assay_span span, struct assay_diags *diags, struct assay_symbol *out)
{
    struct policy_compiler *compiler = context;
    const struct assay_schema *schema = compiler->plan->schema;
    if (count == 1) {
        return resolve_score(compiler, names[0], span, out);
    }
    if (count != 2) {
        assay_diag_add(diags, ASSAY_DIAG_UNKNOWN_NAME, span,
                       "a rule reads entity.feature, event.field, score, probability or raw");
        return false;
    }
    const uint32_t event = assay_schema_event(schema, names[0]);
    const bool other = assay_schema_entity(schema, names[0]) != ASSAY_NONE ||
                       assay_event_field(compiler->trigger, names[0]) != ASSAY_NONE;
    if (event == compiler->policy->trigger &&
        (!other || assay_event_field(compiler->trigger, names[1]) != ASSAY_NONE)) {
        return resolve_field(compiler, names[1], span, out);
    }
    if (event != ASSAY_NONE && !other) {
        assay_diag_add(diags, ASSAY_DIAG_UNKNOWN_NAME, span,
                       "event \"%.*s\" does not trigger this policy", (int)names[0].len,
                       names[0].ptr);
        assay_diag_hint(diags, "only fields of the trigger \"%.*s\" are there when it decides",
                        (int)compiler->trigger->name.len, compiler->trigger->name.ptr);
        return false;
    }
    return resolve_feature(compiler, names[0], names[1], span, out);
}

/* --- one rule --- */

static void check_outcome(struct policy_compiler *compiler, const struct assay_rule_source *source,
                          struct assay_span span)
{
    if (source->then.ptr == NULL || source->then.len == 0) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_OUTCOME, span, "the rule has no outcome");
    } else if (source->then.len > ASSAY_OUTCOME_BYTES_MAX) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_LIMIT, span, "an outcome has more than %d bytes",
                       ASSAY_OUTCOME_BYTES_MAX);
    }
}

static void check_reason(struct policy_compiler *compiler, const struct assay_rule_source *source,
                         struct assay_span rule_span)
{
    const struct policy_catalogue *catalogue = &compiler->policy->catalogue;
    const struct assay_str code = source->reason;
    const struct assay_span span =
        source->reason_span.text != NULL ? source->reason_span : rule_span;
    if (code.ptr == NULL) {
        return;
    }
    if (code.len == 0 || code.len > ASSAY_REASON_CODE_BYTES_MAX) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_REASON, span, "a reason code has 1 to %d bytes",
                       ASSAY_REASON_CODE_BYTES_MAX);
        return;
    }
    if (catalogue->items == NULL || assay_policy_reason_of(catalogue, code) != NULL) {
        return;
    }
    struct assay_suggest suggest = {.word = code};
    for (uint32_t i = 0; i < catalogue->count; i++) {
        assay_suggest_offer(&suggest, catalogue->items[i].code);
    }
    assay_diag_add(compiler->diags, ASSAY_DIAG_REASON, span,
                   "reason code \"%.*s\" is not in the catalogue", (int)code.len, code.ptr);
    assay_policy_hint(compiler->diags, &suggest);
}

static void compile_condition(struct policy_compiler *compiler,
                              const struct assay_rule_source *source, struct assay_span span)
{
    if (source->when.text == NULL || source->when.begin >= source->when.end) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_MISSING, span, "the rule has no condition");
        return;
    }
    const struct assay_expr *expr =
        assay_expr_parse(compiler->arena, source->when, compiler->diags);
    if (expr == NULL) {
        return;
    }
    const struct assay_scope scope = {.context = compiler, .resolve = resolve, .what = "a rule"};
    enum assay_kind kind = ASSAY_KIND_NUMBER;
    compiler->rule->program = assay_expr_compile(compiler->arena, compiler->plan->schema, expr,
                                                 &scope, compiler->diags, &kind);
    if (compiler->rule->program != NULL && kind != ASSAY_KIND_BOOL) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_TYPE, source->when,
                       "a rule is true or false, this is %s",
                       kind == ASSAY_KIND_TEXT ? "text" : "a number");
    }
}

/* The name a rule's reason shows: a field is named like a feature, by where it comes from. */
static void name_shown(struct policy_compiler *compiler)
{
    struct policy_rule *rule = compiler->rule;
    if (rule->shown != SHOWN_FIELD) {
        return;
    }
    const struct assay_str event = compiler->trigger->name;
    const struct assay_str field = compiler->trigger->fields[rule->shown_index].name;
    char *text = assay_arena_alloc(compiler->arena, (size_t)event.len + field.len + 2);
    if (text == NULL) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_LIMIT, compiler->source->name_span,
                       "out of memory");
        return;
    }
    memcpy(text, event.ptr, event.len);
    text[event.len] = '.';
    memcpy(text + event.len + 1, field.ptr, field.len);
    rule->shown_name = (struct assay_str){.ptr = text, .len = event.len + 1 + field.len};
}

static void compile_rule(struct policy_compiler *compiler, const struct assay_rule_source *source,
                         struct policy_rule *rule)
{
    const struct assay_span span = assay_policy_place(compiler, source->span);
    *rule =
        (struct policy_rule){.then = source->then, .reason = source->reason, .group = ASSAY_NONE};
    compiler->rule = rule;
    if (source->when.text != NULL && source->when.begin < source->when.end) {
        rule->when = (struct assay_str){.ptr = source->when.text->data + source->when.begin,
                                        .len = (uint32_t)(source->when.end - source->when.begin)};
    }
    check_outcome(compiler, source, span);
    check_reason(compiler, source, span);
    compile_condition(compiler, source, span);
    name_shown(compiler);
}

void assay_policy_compile_rules(struct policy_compiler *compiler)
{
    const struct assay_policy_source *source = compiler->source;
    if (source->rule_count > ASSAY_POLICY_RULES_MAX) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_LIMIT, source->name_span,
                       "policy \"%.*s\" has more than %d rules", (int)source->name.len,
                       source->name.ptr, ASSAY_POLICY_RULES_MAX);
        return;
    }
    struct policy_rule *rules =
        assay_arena_array(compiler->arena, source->rule_count + 1, sizeof *rules);
    if (rules == NULL) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_LIMIT, source->name_span, "out of memory");
        return;
    }
    for (size_t i = 0; i < source->rule_count; i++) {
        compile_rule(compiler, &source->rules[i], &rules[i]);
    }
    struct assay_policy *policy = compiler->policy;
    policy->rules = rules;
    policy->rule_count = (uint32_t)source->rule_count;
    for (uint32_t f = 0; f < ASSAY_FIELDS_MAX; f++) {
        if ((compiler->field_mask >> f & 1U) != 0) {
            policy->fields[policy->field_count++] = f;
        }
    }
}
