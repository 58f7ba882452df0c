#include "scorers/policy_pvt.h"

#include "scorers/math.h"

/* The order of things: row, raw, probability, score, rules, reasons. Rows and slots stand on the
 * stack, so only explaining can meet its limit of memory. */

static const double probability_min = 0x1p-53;

/* A truth value enters a row as 1 or 0, as in training rows; null is NaN in both. */
static double row_number(const struct assay_value *value)
{
    ASSAY_DASSERT(value->kind != ASSAY_KIND_TEXT);
    return value->cell.number;
}

/* Half away from zero; a score of -0 is 0. */
static double nearest(double score)
{
    return round(score) + 0.0;
}

double assay_policy_score(const struct assay_policy *policy, double raw, double probability)
{
    const struct policy_scaling *scaling = &policy->scaling;
    if (!scaling->on) {
        return policy->is_scorecard ? nearest(raw) : ASSAY_NULL_NUMBER;
    }
    if (isnan(probability)) {
        return ASSAY_NULL_NUMBER;
    }
    const double p = fmin(fmax(probability, probability_min), 1 - probability_min);
    const double odds = scaling->rises ? p / (1 - p) : (1 - p) / p;
    return nearest(scaling->points + scaling->factor * assay_log(odds / scaling->odds));
}

static void run_model(const struct assay_policy *policy, const struct assay_value values[],
                      double row[], struct assay_verdict_of_policy *out)
{
    double raw[ASSAY_MODEL_OUTPUTS_MAX];
    double predicted[ASSAY_MODEL_OUTPUTS_MAX];
    for (uint32_t c = 0; c < policy->column_count; c++) {
        row[c] = row_number(&values[policy->column_needs[c]]);
    }
    assay_model_score(policy->model, row, raw, predicted);
    out->raw = raw[0];
    out->probability = policy->is_probability ? predicted[0] : ASSAY_NULL_NUMBER;
    out->score = assay_policy_score(policy, out->raw, out->probability);
}

static struct assay_value number_value(double number)
{
    return (struct assay_value){.cell = {.number = number}, .kind = ASSAY_KIND_NUMBER};
}

static void run_rules(const struct assay_policy *policy, const struct assay_event *event,
                      const struct assay_value values[], struct assay_verdict_of_policy *out)
{
    struct assay_value slots[SLOT_FEATURES + ASSAY_POLICY_FEATURES_MAX];
    const struct assay_env env = {
        .schema = policy->plan->schema, .event = event, .slots = slots, .at_ms = event->time_ms};
    slots[SLOT_RAW] = number_value(out->raw);
    slots[SLOT_PROBABILITY] = number_value(out->probability);
    slots[SLOT_SCORE] = number_value(out->score);
    for (uint32_t i = 0; i < policy->rule_need_count; i++) {
        slots[SLOT_FEATURES + i] = values[policy->rule_needs[i]];
    }
    for (uint32_t r = 0; r < policy->rule_count; r++) {
        /* Exactly true: false and unknown both go on to the next rule. */
        if (assay_program_eval(policy->rules[r].program, &env).cell.number == 1) {
            out->rule = r;
            out->outcome = policy->rules[r].then;
            return;
        }
    }
    out->outcome = policy->otherwise;
}

void assay_policy_evaluate(const struct assay_policy *policy, const struct assay_event *event,
                           const struct assay_value values[], struct assay_arena *scratch,
                           struct assay_verdict_of_policy *out)
{
    ASSAY_ASSERT(policy != NULL && event != NULL && scratch != NULL && out != NULL);
    ASSAY_ASSERT(event->type == policy->trigger);
    ASSAY_ASSERT(values != NULL || policy->need_count == 0);
    double row[ASSAY_MODEL_FEATURES_MAX];
    out->rule = ASSAY_NONE;
    out->raw = ASSAY_NULL_NUMBER;
    out->probability = ASSAY_NULL_NUMBER;
    out->score = ASSAY_NULL_NUMBER;
    out->baseline = ASSAY_NULL_NUMBER;
    out->contribution_count = 0;
    out->contributions = NULL;
    out->unexplained = false;
    out->reason_count = 0;
    if (policy->model != NULL) {
        run_model(policy, values, row, out);
    }
    run_rules(policy, event, values, out);
    assay_policy_explain(policy, event, values, policy->model != NULL ? row : NULL, scratch, out);
}
