#include "scorers/policy_pvt.h"

/*
 * Reasons: contributions to raw become points of the score, points of one code add up, and the
 * groups that cost the most are listed. Everything is ordered by (points, code, feature), so equal
 * inputs give equal lists.
 */

/* Points that a column moved the score by; below 0 is harm. */
static double points_of(const struct assay_policy *policy, double contribution)
{
    return policy->points_per_raw * contribution;
}

/* What a group cost, and the column that cost most of it. */
struct group_cost {
    double points;
    double worst;
    uint32_t column;
};

static struct assay_str column_name(const struct assay_policy *policy, uint32_t column)
{
    return assay_model_feature_name(policy->model, column);
}

static void sum_groups(const struct assay_policy *policy, const double contributions[],
                       struct group_cost groups[])
{
    for (uint32_t g = 0; g < policy->group_count; g++) {
        groups[g] = (struct group_cost){.column = ASSAY_NONE};
    }
    for (uint32_t c = 0; c < policy->column_count; c++) {
        struct group_cost *group = &groups[policy->column_groups[c]];
        const double points = points_of(policy, contributions[c]);
        group->points += points;
        const bool worse =
            group->column == ASSAY_NONE || points < group->worst ||
            (points == group->worst &&
             assay_str_compare(column_name(policy, c), column_name(policy, group->column)) < 0);
        if (worse) {
            group->worst = points;
            group->column = c;
        }
    }
}

static double shown_number(const struct assay_value *value)
{
    return value->kind == ASSAY_KIND_TEXT ? ASSAY_NULL_NUMBER : value->cell.number;
}

static int order_reasons(const struct assay_reason *a, const struct assay_reason *b)
{
    if (a->points != b->points) {
        return a->points < b->points ? -1 : 1;
    }
    const int codes = assay_str_compare(a->code, b->code);
    return codes != 0 ? codes : assay_str_compare(a->feature, b->feature);
}

/* Insert in order behind the first @p fixed reasons; what falls off the end is the mildest. */
static void insert(struct assay_verdict_of_policy *out, uint32_t fixed, uint32_t reasons_max,
                   const struct assay_reason *reason)
{
    uint32_t at = out->reason_count;
    while (at > fixed && order_reasons(reason, &out->reasons[at - 1]) < 0) {
        at--;
    }
    if (at >= reasons_max) {
        return;
    }
    const uint32_t last = out->reason_count < reasons_max ? out->reason_count : reasons_max - 1;
    for (uint32_t i = last; i > at; i--) {
        out->reasons[i] = out->reasons[i - 1];
    }
    out->reasons[at] = *reason;
    out->reason_count = last + 1;
}

static void rank_groups(const struct assay_policy *policy, const struct assay_value values[],
                        const struct group_cost groups[], uint32_t skipped,
                        struct assay_verdict_of_policy *out)
{
    const uint32_t fixed = out->reason_count;
    for (uint32_t g = 0; g < policy->group_count; g++) {
        if (g == skipped || !(groups[g].points < 0)) {
            continue;
        }
        const uint32_t column = groups[g].column;
        const struct assay_reason reason = {
            .code = policy->group_codes[g],
            .feature = column_name(policy, column),
            .value = shown_number(&values[policy->column_needs[column]]),
            .points = groups[g].points,
        };
        insert(out, fixed, policy->reasons_max, &reason);
    }
}

/* The reason of the rule that held stands first. @return the group it speaks for, or none. */
static uint32_t add_rule_reason(const struct assay_policy *policy, const struct assay_event *event,
                                const struct assay_value values[],
                                struct assay_verdict_of_policy *out)
{
    if (out->rule == ASSAY_NONE || policy->rules[out->rule].reason.ptr == NULL) {
        return ASSAY_NONE;
    }
    const struct policy_rule *rule = &policy->rules[out->rule];
    const struct assay_event_def *trigger = &policy->plan->schema->events[policy->trigger];
    struct assay_reason reason = {.code = rule->reason,
                                  .feature = rule->shown_name,
                                  .value = ASSAY_NULL_NUMBER,
                                  .points = ASSAY_NULL_NUMBER};
    if (rule->shown == SHOWN_FEATURE) {
        reason.value = shown_number(&values[policy->rule_needs[rule->shown_index]]);
    } else if (rule->shown == SHOWN_FIELD &&
               !assay_type_is_text(trigger->fields[rule->shown_index].type)) {
        reason.value = assay_event_number(event, trigger, rule->shown_index);
    }
    out->reasons[out->reason_count++] = reason;
    return rule->group;
}

/* Contributions, which stay in scratch, and the groups' costs, which the caller rewinds. */
static bool explain_row(const struct assay_policy *policy, const double row[],
                        struct assay_arena *scratch, struct assay_verdict_of_policy *verdict,
                        struct assay_arena_mark *kept, struct group_cost **groups)
{
    double *contributions =
        assay_arena_array(scratch, policy->column_count + 1U, sizeof *contributions);
    if (contributions == NULL) {
        return false;
    }
    *kept = assay_arena_mark(scratch);
    *groups = assay_arena_array(scratch, policy->group_count + 1U, sizeof **groups);
    if (*groups == NULL) {
        return false;
    }
    const double baseline =
        assay_model_explain_toward(policy->model, row, policy->raw_is_good, scratch, contributions);
    if (isnan(baseline)) {
        return false;
    }
    verdict->baseline = baseline;
    verdict->contributions = contributions;
    verdict->contribution_count = policy->column_count;
    return true;
}

void assay_policy_explain(const struct assay_policy *policy, const struct assay_event *event,
                          const struct assay_value values[], const double row[],
                          struct assay_arena *scratch, struct assay_verdict_of_policy *verdict)
{
    const uint32_t shared = add_rule_reason(policy, event, values, verdict);
    if (row == NULL || policy->reasons_max == 0) {
        return;
    }
    const struct assay_arena_mark mark = assay_arena_mark(scratch);
    struct assay_arena_mark kept = mark;
    struct group_cost *groups = NULL;
    if (!explain_row(policy, row, scratch, verdict, &kept, &groups)) {
        assay_arena_rewind(scratch, mark);
        verdict->unexplained = true;
        return;
    }
    sum_groups(policy, verdict->contributions, groups);
    if (shared != ASSAY_NONE && groups[shared].points < 0) {
        verdict->reasons[0].points = groups[shared].points;
    }
    rank_groups(policy, values, groups, shared, verdict);
    assay_arena_rewind(scratch, kept);
}
