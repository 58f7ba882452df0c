/*
 * scorers/policy.h - scores and features to an explained outcome.
 *
 * A policy is decided when its trigger event arrives (or by call). It binds each entity it reads to
 * one key role of the trigger, reads features of those entities, runs at most one model, scales the
 * score, and takes the first rule that holds; `else` when none does. Three-valued: unknown is not
 * true. Evaluation is pure; the ordered emit with counters is the runtime's.
 */
#ifndef ASSAY_SCORERS_POLICY_H
#define ASSAY_SCORERS_POLICY_H

#include "features/plan.h"
#include "scorers/model.h"

enum {
    ASSAY_POLICIES_MAX = 64,
    ASSAY_POLICY_RULES_MAX = 1024,
    ASSAY_POLICY_REASONS_MAX = 16,
    ASSAY_POLICY_KEYS_MAX = 16,
    ASSAY_POLICY_FEATURES_MAX = 512, /* distinct features that the rules of one policy read */
    ASSAY_POLICY_NAME_BYTES_MAX = 128,
    ASSAY_OUTCOME_BYTES_MAX = 128,
    ASSAY_REASON_CODE_BYTES_MAX = 64,
};

/** A model of decisions.yaml with its file's bytes, before it is read. */
struct assay_model_source {
    struct assay_str name;
    struct assay_span name_span;
    enum assay_model_kind kind;
    struct assay_str file; /* path as opened, for messages */
    struct assay_span file_span;
    struct assay_str bytes;
};

/** One `- when: .. then: .. reason: ..` before it is compiled. */
struct assay_rule_source {
    struct assay_span when;
    struct assay_str then;
    struct assay_str reason; /* ptr NULL: none */
    struct assay_span reason_span;
    struct assay_span span;
};

/** `keys: {user: payer}`: bind an entity to a role of the trigger. */
struct assay_binding_source {
    struct assay_str entity;
    struct assay_str role;
    struct assay_span span;
};

/** One entry of `policies:` before it is compiled. Absent scalars have ptr NULL. */
struct assay_policy_source {
    struct assay_str name;
    struct assay_span name_span;
    struct assay_str trigger;
    struct assay_span trigger_span;
    struct assay_str model;
    struct assay_span model_span;
    struct assay_str event; /* the predicted class: bad, churned, ...; as the model's file says */
    struct assay_span event_span;
    bool has_scaling;
    bool higher_is_likelier;  /* score rises with the event's probability; default: falls */
    double pdo, points, odds; /* points at odds (non-event : event), points to double the odds */
    struct assay_span scaling_span; /* of `score:`; no place: the policy's name is shown instead */
    uint32_t reasons_max;
    struct assay_span reasons_span; /* of `reasons:`; as scaling_span */
    struct assay_str catalogue;     /* bytes of the reason catalogue CSV; ptr NULL: none */
    const char *catalogue_path;
    struct assay_span catalogue_span;
    const struct assay_binding_source *bindings;
    size_t binding_count;
    const struct assay_rule_source *rules;
    size_t rule_count;
    struct assay_str otherwise; /* `else` */
    struct assay_span otherwise_span;
};

/** One feature a policy reads: of the entity that the trigger's key field @p role names. */
struct assay_need {
    uint32_t role;    /* key field of the trigger event */
    uint32_t feature; /* index into plan->features */
};

struct assay_policy; /* compiled, immutable */

struct assay_policies {
    const struct assay_plan *plan;
    uint32_t count;
    const struct assay_policy *const *items; /* file order */
    uint32_t model_count;
    const struct assay_model *const *models;
    const struct assay_str *model_names;
    uint64_t hash[2]; /* of all definitions, models and catalogues */
};

/**
 * Read all models, bind them by name, compile all policies; one diagnostic for everything wrong.
 *
 * A model's columns and a rule's paths are `entity.feature`, of the key that the trigger names or
 * that `keys:` binds, or `role.feature`, as in the rows of `replay --rows`. A rule also reads
 * `event.field` of the trigger, `score`, `probability` and `raw`. The reason catalogue is CSV with
 * the columns feature, family, code, en, zh: one line a feature; a line without a feature gives
 * the code of a rule its text.
 *
 * @return NULL after adding at least one diagnostic. Owner: the arena; plan and bytes must live as
 * long. Thread: one at a time.
 */
const struct assay_policies *assay_policies_compile(struct assay_arena *arena,
                                                    const struct assay_plan *plan,
                                                    const struct assay_model_source models[],
                                                    size_t model_count,
                                                    const struct assay_policy_source sources[],
                                                    size_t source_count, struct assay_diags *diags);

/** Name of a policy. Thread: any. */
struct assay_str assay_policy_name(const struct assay_policy *policy);
/** Event type that triggers it. Thread: any. */
uint32_t assay_policy_trigger(const struct assay_policy *policy);
/** The features it reads, ascending by (role, feature), no duplicates. Thread: any. */
const struct assay_need *assay_policy_needs(const struct assay_policy *policy, size_t *count);
/** Index into policies->models, or ASSAY_NONE. Thread: any. */
uint32_t assay_policy_model(const struct assay_policy *policy);
/** The trigger's key fields that name the decision's keys, in binding order. Thread: any. */
const uint32_t *assay_policy_roles(const struct assay_policy *policy, size_t *count);

/**
 * One adverse reason, most important first: the reason of the rule that held, then what cost the
 * score most. Features of one code are one reason: their points add up, the one that cost most is
 * shown. Order: points, code, feature.
 */
struct assay_reason {
    struct assay_str code;    /* "" when the catalogue has none for the feature */
    struct assay_str feature; /* full name; ptr NULL for a rule without one */
    double value;             /* of the feature; NaN: null, or text */
    /* Points lost (< 0): in units of the score; of raw when it is not scaled; a scorecard's own
     * points always. What harms is the event; its absence where the score rises with it. NaN: a
     * rule's reason that no column of the model shares. */
    double points;
};

/** What evaluation finds. Text is borrowed from the policy. */
struct assay_verdict_of_policy {
    struct assay_str outcome;
    uint32_t rule;      /* index of the rule that held; ASSAY_NONE: else */
    double raw;         /* NaN: no model */
    double probability; /* of the named event; NaN: none */
    double score;       /* scaled, rounded to the nearest integer, half away from zero; NaN: none */
    double baseline;    /* what the contributions add up from; NaN: none were computed */
    uint32_t contribution_count;
    const double *contributions; /* of the model's columns to raw; in the caller's scratch */
    bool unexplained; /* reasons were asked for, but scratch was full: only a rule's is given */
    uint32_t reason_count;
    struct assay_reason reasons[ASSAY_POLICY_REASONS_MAX];
};

/**
 * Evaluate a policy on an event.
 *
 * score = points + pdo / ln 2 * ln(o / odds), where o is (1 - p) / p, or p / (1 - p) when the score
 * rises with the event; p is kept within [2^-53, 1 - 2^-53], so that a score is always finite. A
 * scorecard without scaling gives its total points.
 *
 * @param event   the trigger.
 * @param values  one per need, in the order of assay_policy_needs().
 * @param scratch memory for contributions. What the verdict points to stays there, 8 bytes a
 *                column, until the caller rewinds: after the decision's audit record is encoded.
 * Thread: any; pure: same inputs, same bits. Cost: model, rules, and contributions when reasons
 * are asked for.
 */
void assay_policy_evaluate(const struct assay_policy *policy, const struct assay_event *event,
                           const struct assay_value values[], struct assay_arena *scratch,
                           struct assay_verdict_of_policy *out);

#endif
