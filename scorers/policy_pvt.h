/*
 * scorers/policy_pvt.h - a policy as compiled.
 */
#ifndef ASSAY_SCORERS_POLICY_PVT_H
#define ASSAY_SCORERS_POLICY_PVT_H

#include "engine/base/suggest.h"
#include "scorers/policy.h"

/* Slots of a rule's program: three numbers, then the features that the policy's rules read. */
enum rule_slot { SLOT_RAW, SLOT_PROBABILITY, SLOT_SCORE, SLOT_FEATURES };

/* What a reason of a rule shows: the first feature of its condition, or else the first field. */
enum rule_shown { SHOWN_NOTHING, SHOWN_FEATURE, SHOWN_FIELD };

struct policy_rule {
    const struct assay_program *program;
    struct assay_str when; /* as written */
    struct assay_str then;
    struct assay_str reason; /* ptr NULL: none */
    enum rule_shown shown;
    uint32_t shown_index; /* into rule_needs, or a field of the trigger */
    struct assay_str shown_name;
    uint32_t group; /* of the model's columns with the same code, or ASSAY_NONE */
};

/* One line of the reason catalogue. */
struct policy_reason {
    struct assay_str feature; /* "": for rules */
    struct assay_str family;
    struct assay_str code;
    struct assay_str en;
    struct assay_str zh;
    uint64_t line;
};

struct policy_catalogue {
    uint32_t count;
    const struct policy_reason *items;
};

/* Score scaling, ready to use. */
struct policy_scaling {
    bool on;
    bool rises;    /* with the event's probability */
    double factor; /* pdo / ln 2 */
    double points;
    double odds;
};

struct assay_policy {
    const struct assay_plan *plan;
    struct assay_str name;
    struct assay_str event; /* the predicted class's name; ptr NULL: not given */
    uint32_t trigger;
    uint32_t role_count;
    uint32_t roles[ASSAY_POLICY_KEYS_MAX]; /* key fields of the trigger, binding order */
    uint32_t need_count;
    const struct assay_need *needs;
    const struct assay_str *need_names; /* as models, rules and people name them */

    uint32_t model_index; /* ASSAY_NONE: no model */
    const struct assay_model *model;
    bool is_probability;
    bool is_scorecard;
    bool raw_is_good;      /* a higher raw score is better for whom the decision is about */
    double points_per_raw; /* of a reason; below 0 where raw is not good */
    uint32_t column_count;
    const uint32_t *column_needs;  /* per column: index into needs */
    const uint32_t *column_groups; /* per column: columns of one reason code are one group */
    uint32_t group_count;
    const struct assay_str *group_codes; /* "" when the catalogue has none */

    struct policy_scaling scaling;
    uint32_t reasons_max;
    struct policy_catalogue catalogue;

    uint32_t rule_count;
    const struct policy_rule *rules;
    uint32_t rule_need_count;
    const uint32_t *rule_needs; /* per feature slot: index into needs */
    uint32_t field_count;
    uint32_t fields[ASSAY_FIELDS_MAX]; /* of the trigger that rules read, ascending */
    struct assay_str otherwise;
};

/* --- compiling (policy_compile.c, policy_bind.c, policy_rule.c, policy_catalogue.c) --- */

/* A feature that something names, before the needs are sorted. */
struct policy_wish {
    struct assay_need need;
    struct assay_str name;
};

struct policy_compiler {
    struct assay_arena *arena;
    const struct assay_plan *plan;
    struct assay_diags *diags;
    const struct assay_policy_source *source;
    struct assay_policy *policy;
    const struct assay_event_def *trigger;
    uint32_t entity_roles[ASSAY_ENTITIES_MAX]; /* ASSAY_NONE: the trigger does not name it, */
    bool entity_open[ASSAY_ENTITIES_MAX];      /* or by several roles, none of them bound */
    struct policy_wish *columns;               /* one per model column */
    uint32_t rule_wish_count;
    struct policy_wish rule_wishes[ASSAY_POLICY_FEATURES_MAX];
    uint64_t field_mask;      /* fields that rules read */
    struct policy_rule *rule; /* being compiled */
};

/* Where a diagnostic about a part of the policy points: @p span, or the policy's name. */
struct assay_span assay_policy_place(const struct policy_compiler *compiler,
                                     struct assay_span span);

/* Hint at the nearest name, if there is one. */
void assay_policy_hint(struct assay_diags *diags, const struct assay_suggest *suggest);

/* Bind each entity that the trigger names to one of its key fields. */
void assay_policy_bind_roles(struct policy_compiler *compiler);
/*
 * Find `prefix.feature`, where prefix is an entity or a key field of the trigger. Adds one
 * diagnostic with @p code and returns false when there is none; @p who begins its message, e.g.
 * `model "credit" reads`.
 */
bool assay_policy_find_feature(struct policy_compiler *compiler, struct assay_str prefix,
                               struct assay_str feature, enum assay_diag_code code,
                               struct assay_span span, const char *who, struct policy_wish *out);
/* Bind the columns of the policy's model. */
void assay_policy_bind_columns(struct policy_compiler *compiler, struct assay_str model_name);
/* Sort all wishes into needs and point columns and rules at them. */
bool assay_policy_settle_needs(struct policy_compiler *compiler);

/* Compile all rules. */
void assay_policy_compile_rules(struct policy_compiler *compiler);

/* Read the reason catalogue, if there is one. */
void assay_policy_read_catalogue(struct policy_compiler *compiler);
/* The line for a code; NULL: none. */
const struct policy_reason *assay_policy_reason_of(const struct policy_catalogue *catalogue,
                                                   struct assay_str code);
/* Put the model's columns in groups of one reason code, and name the groups that rules share. */
bool assay_policy_group_columns(struct policy_compiler *compiler);

/* --- evaluating (policy_evaluate.c, reasons.c) --- */

/* The score of a row: scaled, or a scorecard's points; NaN: none. */
double assay_policy_score(const struct assay_policy *policy, double raw, double probability);
/*
 * Compute contributions and fill the verdict's reasons, from raw, rule and the row.
 *
 * @param row the model's row; NULL when there is no model.
 */
void assay_policy_explain(const struct assay_policy *policy, const struct assay_event *event,
                          const struct assay_value values[], const double row[],
                          struct assay_arena *scratch, struct assay_verdict_of_policy *verdict);

#endif
