#include "engine/config/reader_pvt.h"

/*
 * decisions.yaml to model and policy sources; scorers/ compiles them. A policy with a mistake that
 * its other parts rest on (trigger, model, keys) is left out of the compilation, so that nothing is
 * reported twice; a rule with one is left out alone.
 */

enum { KEY_MODELS, KEY_POLICIES, KEYS };

static const struct key_row file_rows[KEYS] = {
    [KEY_MODELS] = {.name = "models", .type = "a map of models"},
    [KEY_POLICIES] = {.name = "policies", .type = "a map of policies", .required = true},
};
static const struct key_table file_table = {.rows = file_rows, .count = KEYS};

enum { MODEL_FILE, MODEL_KIND, MODEL_KEYS };

static const struct key_row model_rows[MODEL_KEYS] = {
    [MODEL_FILE] = {.name = "file", .type = "a path", .required = true},
    [MODEL_KIND] = {.name = "kind", .type = "lightgbm, scorecard or logistic", .required = true},
};
static const struct key_table model_table = {.rows = model_rows, .count = MODEL_KEYS};

enum {
    POLICY_TRIGGER,
    POLICY_MODEL,
    POLICY_EVENT,
    POLICY_SCORE,
    POLICY_REASONS,
    POLICY_KEYS,
    POLICY_RULES,
    POLICY_ELSE,
    POLICY_CHALLENGERS,
    POLICY_SHADOW,
    POLICY_SPLIT,
    POLICY_ROWS
};

static const struct key_row policy_rows[POLICY_ROWS] = {
    [POLICY_TRIGGER] = {.name = "trigger", .type = "an event", .required = true},
    [POLICY_MODEL] = {.name = "model", .type = "a model"},
    [POLICY_EVENT] = {.name = "event", .type = "what the probability is of"},
    [POLICY_SCORE] = {.name = "score", .type = "{pdo, points, odds}"},
    [POLICY_REASONS] = {.name = "reasons", .type = "{max, catalogue}"},
    [POLICY_KEYS] = {.name = "keys", .type = "a map of entities to roles"},
    [POLICY_RULES] = {.name = "rules", .type = "a list of rules"},
    [POLICY_ELSE] = {.name = "else", .type = "the outcome when no rule holds", .required = true},
    [POLICY_CHALLENGERS] = {.name = "challengers", .not_built = true},
    [POLICY_SHADOW] = {.name = "shadow", .not_built = true},
    [POLICY_SPLIT] = {.name = "split", .not_built = true},
};
static const struct key_table policy_table = {.rows = policy_rows, .count = POLICY_ROWS};

enum { SCORE_PDO, SCORE_POINTS, SCORE_ODDS, SCORE_HIGHER, SCORE_KEYS };

static const struct key_row score_rows[SCORE_KEYS] = {
    [SCORE_PDO] = {.name = "pdo", .type = "points that double the odds", .required = true},
    [SCORE_POINTS] = {.name = "points", .type = "points at the odds", .required = true},
    [SCORE_ODDS] = {.name = "odds", .type = "odds, non-event to event", .required = true},
    [SCORE_HIGHER] = {.name = "higher_is", .type = "safer or likelier"},
};
static const struct key_table score_table = {.rows = score_rows, .count = SCORE_KEYS};

enum { REASONS_MAX, REASONS_CATALOGUE, REASONS_KEYS };

static const struct key_row reasons_rows[REASONS_KEYS] = {
    [REASONS_MAX] = {.name = "max", .type = "a count"},
    [REASONS_CATALOGUE] = {.name = "catalogue", .type = "a path"},
};
static const struct key_table reasons_table = {.rows = reasons_rows, .count = REASONS_KEYS};

enum { RULE_WHEN, RULE_THEN, RULE_REASON, RULE_TABLE, RULE_KEYS };

static const struct key_row rule_rows[RULE_KEYS] = {
    [RULE_WHEN] = {.name = "when", .type = "an expression"},
    [RULE_THEN] = {.name = "then", .type = "an outcome"},
    [RULE_REASON] = {.name = "reason", .type = "a reason code"},
    [RULE_TABLE] = {.name = "table", .not_built = true},
};
static const struct key_table rule_table = {.rows = rule_rows, .count = RULE_KEYS};

enum {
    MODELS_MAX = 64,
    MODEL_FILE_BYTES_MAX = 1 << 29,
    CATALOGUE_BYTES_MAX = 1 << 24,
    DEFAULT_REASONS = 4,
};

struct decisions {
    struct assay_model_source *models;
    size_t model_count;
    struct assay_str *bad_models; /* named, but not fit to be read */
    size_t bad_model_count;
    struct assay_policy_source *policies;
    size_t policy_count;
};

static void name_what(size_t size, char out[], const char *noun, const struct yaml_node *key)
{
    (void)snprintf(out, size, "%s \"%.*s\"", noun, (int)(key->text.len < 64 ? key->text.len : 64),
                   key->text.ptr);
}

/* --- models ----------------------------------------------------------------------------------- */

static bool read_model(struct reader *reader, const struct yaml_node *key,
                       struct assay_model_source *out)
{
    static const char *const kinds[] = {"lightgbm", "scorecard", "logistic", "xgboost",
                                        "linear",   "mlp",       "onnx",     "catboost"};
    const struct yaml_node *found[MODEL_KEYS];
    char what[CONFIG_WHAT_BYTES];
    char of[CONFIG_OF_BYTES];
    size_t kind = 0;
    name_what(sizeof what, what, "model", key);
    *out = (struct assay_model_source){.name = key->text, .name_span = key->span};
    bool good = config_name(reader, key, "a model", &out->name);
    if (!config_map(reader, key->next, what, key->span, &model_table, found) ||
        found[MODEL_FILE] == NULL || found[MODEL_KIND] == NULL) {
        return false;
    }
    (void)snprintf(of, sizeof of, "\"kind\" of %s", what);
    good = config_word(reader, found[MODEL_KIND], of, kinds, 3, sizeof kinds / sizeof kinds[0],
                       &kind) &&
           good;
    (void)snprintf(of, sizeof of, "\"file\" of %s", what);
    struct assay_str file;
    if (!config_text(reader, found[MODEL_FILE], of, &file)) {
        return false;
    }
    out->file_span = found[MODEL_FILE]->span;
    const char *path = config_path(reader, file, out->file_span);
    if (path == NULL ||
        !config_file(reader, path, MODEL_FILE_BYTES_MAX, out->file_span, &out->bytes)) {
        return false;
    }
    out->file = assay_str_of(path);
    out->kind = assay_model_kind_of(assay_str_of(kinds[kind]));
    return good;
}

static void read_models(struct reader *reader, const struct yaml_node *map, struct decisions *out)
{
    if (map == NULL || map->kind == YAML_NULL) {
        return;
    }
    const struct yaml_node *key = config_names(reader, map, "\"models\"");
    if (map->count > MODELS_MAX) {
        assay_diag_add(reader->diags, ASSAY_DIAG_LIMIT, map->span, "more than %d models",
                       MODELS_MAX);
        return;
    }
    out->models = config_array(reader, map->span, map->count, sizeof *out->models);
    out->bad_models = config_array(reader, map->span, map->count, sizeof *out->bad_models);
    if (out->models == NULL || out->bad_models == NULL) {
        return;
    }
    for (; key != NULL; key = key->next->next) {
        if (!config_key_good(map, key)) {
            continue;
        }
        if (read_model(reader, key, &out->models[out->model_count])) {
            out->model_count++;
        } else {
            out->bad_models[out->bad_model_count++] = key->text;
        }
    }
}

/* --- parts of a policy ------------------------------------------------------------------------ */

static void read_score(struct reader *reader, const struct yaml_node *node, const char *what,
                       struct assay_policy_source *out)
{
    static const char *const directions[] = {"safer", "likelier"};
    const struct yaml_node *found[SCORE_KEYS];
    char of[CONFIG_OF_BYTES];
    size_t direction = 0;
    (void)snprintf(of, sizeof of, "\"score\" of %s", what);
    if (!config_map(reader, node, of, node->span, &score_table, found)) {
        return;
    }
    const bool good = found[SCORE_PDO] != NULL && found[SCORE_POINTS] != NULL &&
                      found[SCORE_ODDS] != NULL &&
                      config_real(reader, found[SCORE_PDO], "\"pdo\"", &out->pdo) &&
                      config_real(reader, found[SCORE_POINTS], "\"points\"", &out->points) &&
                      config_real(reader, found[SCORE_ODDS], "\"odds\"", &out->odds);
    if (good && out->pdo <= 0) {
        assay_diag_add(reader->diags, ASSAY_DIAG_VALUE, found[SCORE_PDO]->span,
                       "\"pdo\" must be greater than 0");
        assay_diag_hint(reader->diags, "higher_is: likelier turns the score round");
        out->pdo = 1; /* so that nobody says it again, and the rest is looked at */
    }
    if (good && out->odds <= 0) {
        assay_diag_add(reader->diags, ASSAY_DIAG_VALUE, found[SCORE_ODDS]->span,
                       "\"odds\" must be greater than 0");
        out->odds = 1;
    }
    if (found[SCORE_HIGHER] != NULL) {
        (void)config_word(reader, found[SCORE_HIGHER], "\"higher_is\"", directions, 2, 2,
                          &direction);
    }
    out->has_scaling = good;
    out->scaling_span = node->span;
    out->higher_is_likelier = direction == 1;
}

static void read_reasons(struct reader *reader, const struct yaml_node *node, const char *what,
                         struct assay_policy_source *out)
{
    const struct yaml_node *found[REASONS_KEYS];
    char of[CONFIG_OF_BYTES];
    uint64_t max = DEFAULT_REASONS;
    struct assay_str file;
    (void)snprintf(of, sizeof of, "\"reasons\" of %s", what);
    if (!config_map(reader, node, of, node->span, &reasons_table, found)) {
        return;
    }
    if (found[REASONS_MAX] != NULL) {
        (void)config_count(reader, found[REASONS_MAX], "\"max\" of \"reasons\"", 0,
                           ASSAY_POLICY_REASONS_MAX, &max);
    }
    out->reasons_max = (uint32_t)max;
    out->reasons_span = node->span;
    const struct yaml_node *catalogue = found[REASONS_CATALOGUE];
    if (catalogue != NULL &&
        config_text(reader, catalogue, "\"catalogue\" of \"reasons\"", &file)) {
        out->catalogue_span = catalogue->span;
        out->catalogue_path = config_path(reader, file, catalogue->span);
        if (out->catalogue_path == NULL ||
            !config_file(reader, out->catalogue_path, CATALOGUE_BYTES_MAX, catalogue->span,
                         &out->catalogue)) {
            out->catalogue = (struct assay_str){0};
        }
    }
}

static bool read_bindings(struct reader *reader, const struct yaml_node *map, const char *what,
                          struct assay_policy_source *out)
{
    char of[CONFIG_OF_BYTES];
    (void)snprintf(of, sizeof of, "\"keys\" of %s", what);
    const size_t before = assay_diags_count(reader->diags);
    const struct yaml_node *key = config_names(reader, map, of);
    if (map->kind == YAML_MAP && map->count > ASSAY_POLICY_KEYS_MAX) {
        assay_diag_add(reader->diags, ASSAY_DIAG_LIMIT, map->span, "%s has more than %d entries",
                       of, ASSAY_POLICY_KEYS_MAX);
        return false;
    }
    struct assay_binding_source *list = config_array(reader, map->span, map->count, sizeof *list);
    for (; list != NULL && key != NULL; key = key->next->next) {
        if (!config_key_good(map, key)) {
            continue;
        }
        struct assay_binding_source *binding = &list[out->binding_count];
        binding->entity = key->text;
        binding->span = key->span;
        binding->span.end =
            key->next->span.end > key->span.end ? key->next->span.end : key->span.end;
        out->binding_count += config_text(reader, key->next, "a role", &binding->role) ? 1 : 0;
    }
    out->bindings = list;
    return assay_diags_count(reader->diags) == before;
}

static bool read_rule(struct reader *reader, const struct yaml_node *node,
                      struct assay_rule_source *out)
{
    const struct yaml_node *found[RULE_KEYS];
    const size_t before = assay_diags_count(reader->diags);
    *out = (struct assay_rule_source){.span = node->span};
    if (!config_map(reader, node, "a rule", node->span, &rule_table, found)) {
        return false;
    }
    if (assay_diags_count(reader->diags) == before) {
        /* not for a table rule, which has been refused by name */
        for (size_t i = RULE_WHEN; i <= RULE_THEN; i++) {
            if (found[i] == NULL) {
                assay_diag_add(reader->diags, ASSAY_DIAG_MISSING, node->span, "a rule lacks \"%s\"",
                               rule_rows[i].name);
            }
        }
    }
    if (found[RULE_WHEN] != NULL) {
        (void)config_expression(reader, found[RULE_WHEN], "\"when\" of a rule", &out->when);
    }
    if (found[RULE_THEN] != NULL) {
        (void)config_text(reader, found[RULE_THEN], "\"then\" of a rule", &out->then);
    }
    if (found[RULE_REASON] != NULL) {
        (void)config_text(reader, found[RULE_REASON], "\"reason\" of a rule", &out->reason);
        out->reason_span = found[RULE_REASON]->span;
    }
    return assay_diags_count(reader->diags) == before;
}

static void read_rules(struct reader *reader, const struct yaml_node *list, const char *what,
                       struct assay_policy_source *out)
{
    char of[CONFIG_OF_BYTES];
    (void)snprintf(of, sizeof of, "\"rules\" of %s", what);
    if (list->kind == YAML_NULL || !config_list(reader, list, of)) {
        return;
    }
    if (list->count > ASSAY_POLICY_RULES_MAX) {
        assay_diag_add(reader->diags, ASSAY_DIAG_LIMIT, list->span, "%s has more than %d rules",
                       what, ASSAY_POLICY_RULES_MAX);
        return;
    }
    struct assay_rule_source *rules = config_array(reader, list->span, list->count, sizeof *rules);
    for (const struct yaml_node *item = list->first; rules != NULL && item != NULL;
         item = item->next) {
        out->rule_count += read_rule(reader, item, &rules[out->rule_count]) ? 1 : 0;
    }
    out->rules = rules;
}

/* --- policies --------------------------------------------------------------------------------- */

static bool read_named(struct reader *reader, const struct yaml_node *node, const char *key,
                       const char *what, struct assay_str *out, struct assay_span *span)
{
    char of[CONFIG_OF_BYTES];
    if (node == NULL) {
        return true;
    }
    (void)snprintf(of, sizeof of, "\"%s\" of %s", key, what);
    *span = node->span;
    return config_text(reader, node, of, out);
}

static bool is_bad_model(const struct decisions *decisions, struct assay_str name)
{
    for (size_t i = 0; i < decisions->bad_model_count; i++) {
        if (assay_str_equal(decisions->bad_models[i], name)) {
            return true;
        }
    }
    return false;
}

/* @return false: not fit to be compiled. */
static bool read_policy(struct reader *reader, const struct yaml_node *key,
                        const struct decisions *decisions, struct assay_policy_source *out)
{
    const struct yaml_node *found[POLICY_ROWS];
    char what[CONFIG_WHAT_BYTES];
    name_what(sizeof what, what, "policy", key);
    *out = (struct assay_policy_source){
        .name = key->text, .name_span = key->span, .reasons_max = DEFAULT_REASONS};
    bool good = config_name(reader, key, "a policy", &out->name);
    if (!config_map(reader, key->next, what, key->span, &policy_table, found)) {
        return false;
    }
    good = read_named(reader, found[POLICY_TRIGGER], "trigger", what, &out->trigger,
                      &out->trigger_span) &&
           good;
    good = read_named(reader, found[POLICY_MODEL], "model", what, &out->model, &out->model_span) &&
           good;
    good = read_named(reader, found[POLICY_EVENT], "event", what, &out->event, &out->event_span) &&
           good;
    good = read_named(reader, found[POLICY_ELSE], "else", what, &out->otherwise,
                      &out->otherwise_span) &&
           good;
    if (found[POLICY_SCORE] != NULL) {
        read_score(reader, found[POLICY_SCORE], what, out);
        good = good && out->has_scaling;
    }
    if (found[POLICY_REASONS] != NULL) {
        read_reasons(reader, found[POLICY_REASONS], what, out);
    }
    if (found[POLICY_KEYS] != NULL) {
        good = read_bindings(reader, found[POLICY_KEYS], what, out) && good;
    }
    if (found[POLICY_RULES] != NULL) {
        read_rules(reader, found[POLICY_RULES], what, out);
    }
    return good && out->trigger.ptr != NULL && out->otherwise.ptr != NULL &&
           (out->model.ptr == NULL || !is_bad_model(decisions, out->model));
}

static void read_policies(struct reader *reader, const struct yaml_node *map, struct decisions *out)
{
    const struct yaml_node *key = config_names(reader, map, "\"policies\"");
    if (map->count > ASSAY_POLICIES_MAX) {
        assay_diag_add(reader->diags, ASSAY_DIAG_LIMIT, map->span, "more than %d policies",
                       ASSAY_POLICIES_MAX);
        return;
    }
    out->policies = config_array(reader, map->span, map->count, sizeof *out->policies);
    for (; out->policies != NULL && key != NULL; key = key->next->next) {
        if (config_key_good(map, key)) {
            struct assay_policy_source *policy = &out->policies[out->policy_count];
            out->policy_count += read_policy(reader, key, out, policy) ? 1 : 0;
        }
    }
}

/* Without a schema, rules can still be read for their grammar. */
static void parse_rules(struct reader *reader, const struct decisions *decisions)
{
    for (size_t p = 0; p < decisions->policy_count; p++) {
        const struct assay_policy_source *policy = &decisions->policies[p];
        for (size_t r = 0; r < policy->rule_count; r++) {
            (void)assay_expr_parse(reader->arena, policy->rules[r].when, reader->diags);
        }
    }
}

/* Is the name, after its last dot, one that features.yaml defines or would define as a list? */
static bool is_defined(const struct config_features *features, struct assay_span path)
{
    size_t begin = path.end;
    while (begin > path.begin && path.text->data[begin - 1] != '.') {
        begin--;
    }
    const struct assay_str name = {.ptr = path.text->data + begin,
                                   .len = (uint32_t)(path.end - begin)};
    for (size_t i = 0; i < features->source_count; i++) {
        const struct assay_str stem = features->sources[i].name;
        if (name.len >= stem.len && memcmp(name.ptr, stem.ptr, stem.len) == 0 &&
            (name.len == stem.len || name.ptr[stem.len] == '_')) {
            return true;
        }
    }
    return false;
}

/* Would this be said of good features too? */
static bool holds_anyway(const struct config_features *features, const struct assay_diag *diag)
{
    switch ((int)diag->code) {
    case ASSAY_DIAG_MODEL_FEATURE:
    case ASSAY_DIAG_CATALOGUE:
        return false;
    case ASSAY_DIAG_UNKNOWN_NAME:
        return diag->span.text == NULL || !is_defined(features, diag->span);
    default:
        return true;
    }
}

static bool has_broken_event(const struct assay_schema *schema)
{
    for (uint32_t e = 0; e < schema->event_count; e++) {
        const struct assay_event_def *event = &schema->events[e];
        bool broken = event->broken;
        for (uint32_t f = 0; f < event->field_count; f++) {
            broken = broken || event->fields[f].broken;
        }
        if (broken) {
            return true;
        }
    }
    return false;
}

/* Compile against a plan of no features and pass on what does not come from their absence. */
static void check_without_features(struct reader *reader, const struct decisions *decisions,
                                   const struct config_features *features)
{
    enum { TRIAL_MAX = 100 };
    struct assay_diags *trial = assay_diags_create(reader->arena, TRIAL_MAX);
    const struct assay_plan *plan =
        trial == NULL ? NULL : assay_plan_compile(reader->arena, features->schema, NULL, 0, trial);
    if (plan == NULL) {
        return;
    }
    (void)assay_policies_compile(reader->arena, plan, decisions->models, decisions->model_count,
                                 decisions->policies, decisions->policy_count, trial);
    for (size_t i = 0; i < assay_diags_kept(trial); i++) {
        const struct assay_diag *diag = assay_diags_at(trial, i);
        if (!holds_anyway(features, diag)) {
            continue;
        }
        assay_diag_add(reader->diags, diag->code, diag->span, "%s", diag->message.ptr);
        if (diag->hint.ptr != NULL) {
            assay_diag_hint(reader->diags, "%s", diag->hint.ptr);
        }
    }
}

const struct assay_policies *config_read_decisions(struct reader *reader,
                                                   const struct yaml_node *root,
                                                   const struct assay_plan *plan,
                                                   const struct config_features *features)
{
    const struct yaml_node *found[KEYS];
    struct decisions decisions = {0};
    if (!config_map(reader, root, "decisions.yaml", root->span, &file_table, found)) {
        return NULL;
    }
    read_models(reader, found[KEY_MODELS], &decisions);
    if (found[KEY_POLICIES] != NULL) {
        read_policies(reader, found[KEY_POLICIES], &decisions);
    }
    if (plan != NULL) {
        return assay_policies_compile(reader->arena, plan, decisions.models, decisions.model_count,
                                      decisions.policies, decisions.policy_count, reader->diags);
    }
    if (features->schema == NULL || has_broken_event(features->schema)) {
        parse_rules(reader, &decisions);
    } else {
        check_without_features(reader, &decisions, features);
    }
    return NULL;
}
