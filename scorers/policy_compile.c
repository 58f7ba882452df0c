#include "scorers/policy_pvt.h"

#include "engine/base/hash.h"

#include <inttypes.h>
#include <stdlib.h>

/*
 * Models are read first, then policies one by one. A policy with a mistake is compiled as far as
 * its parts stand on their own, so that one run shows everything; what rests on a part that was
 * already reported stays silent.
 */

static const double ln_2 = 0.693147180559945309417232121458;

struct assay_span assay_policy_place(const struct policy_compiler *compiler, struct assay_span span)
{
    return span.text != NULL ? span : compiler->source->name_span;
}

void assay_policy_hint(struct assay_diags *diags, const struct assay_suggest *suggest)
{
    if (suggest->best.ptr != NULL) {
        assay_diag_hint(diags, "did you mean \"%.*s\"?", (int)suggest->best.len, suggest->best.ptr);
    }
}

static void out_of_memory(struct assay_diags *diags, struct assay_span span)
{
    assay_diag_add(diags, ASSAY_DIAG_LIMIT, span, "out of memory");
}

/* --- models --- */

struct models {
    size_t count;
    const struct assay_model_source *sources;
    const struct assay_model **items; /* NULL: refused, and reported */
    struct assay_str *names;
};

static void read_model(struct assay_arena *arena, struct models *models, size_t index,
                       struct assay_diags *diags)
{
    const struct assay_model_source *source = &models->sources[index];
    for (size_t i = 0; i < index; i++) {
        if (assay_str_equal(models->sources[i].name, source->name)) {
            assay_diag_add(diags, ASSAY_DIAG_DUPLICATE, source->name_span,
                           "model \"%.*s\" is given twice", (int)source->name.len,
                           source->name.ptr);
        }
    }
    const struct assay_str where = assay_arena_copy(arena, source->file);
    struct assay_err err = {0};
    models->names[index] = source->name;
    if (where.ptr == NULL) {
        out_of_memory(diags, source->name_span);
        return;
    }
    if (assay_model_read(&models->items[index], arena, source->kind, where.ptr, source->bytes,
                         &err) != ASSAY_OK) {
        char text[480];
        assay_err_format(&err, sizeof text, text);
        models->items[index] = NULL;
        assay_diag_add(diags, ASSAY_DIAG_MODEL,
                       source->file_span.text != NULL ? source->file_span : source->name_span, "%s",
                       text);
    }
}

static bool read_models(struct assay_arena *arena, struct models *models, struct assay_diags *diags)
{
    models->items = assay_arena_array(arena, models->count + 1, sizeof *models->items);
    models->names = assay_arena_array(arena, models->count + 1, sizeof *models->names);
    if (models->items == NULL || models->names == NULL) {
        out_of_memory(diags, (struct assay_span){0});
        return false;
    }
    for (size_t i = 0; i < models->count; i++) {
        read_model(arena, models, i, diags);
    }
    return true;
}

/* --- parts of one policy --- */

static void set_trigger(struct policy_compiler *compiler)
{
    const struct assay_schema *schema = compiler->plan->schema;
    const struct assay_policy_source *source = compiler->source;
    const struct assay_span span = assay_policy_place(compiler, source->trigger_span);
    if (source->trigger.ptr == NULL) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_MISSING, span,
                       "policy \"%.*s\" names no trigger", (int)source->name.len, source->name.ptr);
        return;
    }
    const uint32_t event = assay_schema_event(schema, source->trigger);
    if (event != ASSAY_NONE) {
        compiler->policy->trigger = event;
        compiler->trigger = &schema->events[event];
        return;
    }
    struct assay_suggest suggest = {.word = source->trigger};
    for (uint32_t i = 0; i < schema->event_count; i++) {
        assay_suggest_offer(&suggest, schema->events[i].name);
    }
    assay_diag_add(compiler->diags, ASSAY_DIAG_UNKNOWN_EVENT, span, "unknown event \"%.*s\"",
                   (int)source->trigger.len, source->trigger.ptr);
    assay_policy_hint(compiler->diags, &suggest);
}

/* Take the model's facts; a policy reads exactly one number from it. */
static void use_model(struct policy_compiler *compiler, const struct assay_model *model)
{
    struct assay_policy *policy = compiler->policy;
    const struct assay_policy_source *source = compiler->source;
    const uint32_t outputs = assay_model_output_count(model);
    policy->model = model;
    policy->is_probability = assay_model_is_probability(model);
    policy->is_scorecard = assay_model_kind_get(model) == ASSAY_MODEL_SCORECARD;
    policy->column_count = assay_model_feature_count(model);
    ASSAY_ASSERT(policy->column_count <= ASSAY_MODEL_FEATURES_MAX);
    const struct assay_str predicted = assay_model_event(model);
    if (policy->event.ptr == NULL) {
        policy->event = predicted;
    } else if (predicted.ptr != NULL && !assay_str_equal(policy->event, predicted)) {
        /* A label that is not the model's would turn every probability into its opposite. */
        assay_diag_add(compiler->diags, ASSAY_DIAG_MODEL_OUTPUT,
                       assay_policy_place(compiler, source->event_span),
                       "model \"%.*s\" predicts \"%.*s\", not \"%.*s\"", (int)source->model.len,
                       source->model.ptr, (int)predicted.len, predicted.ptr, (int)policy->event.len,
                       policy->event.ptr);
        assay_diag_hint(compiler->diags,
                        "name the event as the model's file does, or leave it out");
    }
    if (outputs != 1) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_NOT_BUILT,
                       assay_policy_place(compiler, source->model_span),
                       "model \"%.*s\" has %u outputs; a policy on a multi-class model is not "
                       "built yet",
                       (int)source->model.len, source->model.ptr, outputs);
    }
}

static void set_model(struct policy_compiler *compiler, const struct models *models)
{
    const struct assay_policy_source *source = compiler->source;
    compiler->policy->model_index = ASSAY_NONE;
    if (source->model.ptr == NULL) {
        return;
    }
    struct assay_suggest suggest = {.word = source->model};
    for (size_t i = 0; i < models->count; i++) {
        if (assay_str_equal(models->names[i], source->model)) {
            compiler->policy->model_index = (uint32_t)i;
            if (models->items[i] != NULL) {
                use_model(compiler, models->items[i]);
            }
            return;
        }
        assay_suggest_offer(&suggest, models->names[i]);
    }
    assay_diag_add(compiler->diags, ASSAY_DIAG_UNKNOWN_MODEL,
                   assay_policy_place(compiler, source->model_span), "unknown model \"%.*s\"",
                   (int)source->model.len, source->model.ptr);
    assay_policy_hint(compiler->diags, &suggest);
}

static void check_scale_number(struct policy_compiler *compiler, const char *name, double value)
{
    if (!isfinite(value) || value <= 0) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_SCALING,
                       assay_policy_place(compiler, compiler->source->scaling_span),
                       "score: %s is %g, it must be above 0", name, value);
    }
}

static void set_scaling(struct policy_compiler *compiler)
{
    const struct assay_policy_source *source = compiler->source;
    struct assay_policy *policy = compiler->policy;
    const struct assay_span span = assay_policy_place(compiler, source->scaling_span);
    policy->scaling.rises = source->higher_is_likelier;
    if (!source->has_scaling) {
        return;
    }
    check_scale_number(compiler, "pdo", source->pdo);
    check_scale_number(compiler, "odds", source->odds);
    if (!isfinite(source->points)) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_SCALING, span,
                       "score: points must be a finite number");
    }
    if (source->model.ptr == NULL) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_SCALING, span,
                       "score: scales a model's probability, but the policy names no model");
    } else if (policy->model != NULL && !policy->is_probability) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_MODEL_OUTPUT, span,
                       "score: scales a probability, but model \"%.*s\" gives none",
                       (int)source->model.len, source->model.ptr);
    }
    policy->scaling.on = true;
    policy->scaling.factor = source->pdo / ln_2;
    policy->scaling.points = source->points;
    policy->scaling.odds = source->odds;
}

/*
 * What harms: the event, or its absence where the score rises with it (people who answer an offer
 * are wished for). A scorecard's reasons are in its own points; a model's in points of the score,
 * or in raw when there is no score.
 */
static void set_reason_points(struct policy_compiler *compiler)
{
    struct assay_policy *policy = compiler->policy;
    if (policy->model == NULL) {
        return;
    }
    policy->raw_is_good = assay_model_raw_rises(policy->model) == policy->scaling.rises;
    const double points =
        policy->is_scorecard || !policy->scaling.on
            ? 1
            : policy->scaling.factor * fabs(assay_model_logit_slope(policy->model));
    policy->points_per_raw = policy->raw_is_good ? points : -points;
}

static void set_outcome(struct policy_compiler *compiler)
{
    const struct assay_policy_source *source = compiler->source;
    const struct assay_str otherwise = source->otherwise;
    compiler->policy->otherwise = otherwise;
    if (otherwise.ptr == NULL || otherwise.len == 0) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_OUTCOME,
                       assay_policy_place(compiler, source->otherwise_span),
                       "policy \"%.*s\" has no `else` outcome for when no rule holds",
                       (int)source->name.len, source->name.ptr);
    } else if (otherwise.len > ASSAY_OUTCOME_BYTES_MAX) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_LIMIT,
                       assay_policy_place(compiler, source->otherwise_span),
                       "an outcome has more than %d bytes", ASSAY_OUTCOME_BYTES_MAX);
    }
}

static void set_limits(struct policy_compiler *compiler)
{
    const struct assay_policy_source *source = compiler->source;
    if (source->name.len == 0 || source->name.len > ASSAY_POLICY_NAME_BYTES_MAX) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_LIMIT, source->name_span,
                       "a policy's name has 1 to %d bytes", ASSAY_POLICY_NAME_BYTES_MAX);
    }
    if (source->reasons_max > ASSAY_POLICY_REASONS_MAX) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_LIMIT,
                       assay_policy_place(compiler, source->reasons_span),
                       "reasons: max is %u, at most %d are given", source->reasons_max,
                       ASSAY_POLICY_REASONS_MAX);
        return;
    }
    compiler->policy->reasons_max = source->reasons_max;
}

/* --- one policy --- */

static void compile_parts(struct policy_compiler *compiler, const struct models *models)
{
    set_limits(compiler);
    set_outcome(compiler);
    set_trigger(compiler);
    set_model(compiler, models);
    set_scaling(compiler);
    set_reason_points(compiler);
    if (compiler->trigger == NULL) {
        return;
    }
    assay_policy_bind_roles(compiler);
    if (compiler->policy->model != NULL) {
        assay_policy_bind_columns(compiler, compiler->source->model);
    }
    assay_policy_read_catalogue(compiler);
    assay_policy_compile_rules(compiler);
}

static const struct assay_policy *compile_policy(struct assay_arena *arena,
                                                 const struct assay_plan *plan,
                                                 const struct models *models,
                                                 const struct assay_policy_source *source,
                                                 struct assay_diags *diags)
{
    const size_t before = assay_diags_count(diags);
    struct assay_policy *policy = assay_arena_alloc(arena, sizeof *policy);
    struct policy_compiler *compiler = calloc(1, sizeof *compiler);
    if (policy != NULL && compiler != NULL) {
        *policy = (struct assay_policy){
            .plan = plan, .name = source->name, .event = source->event, .trigger = ASSAY_NONE};
        compiler->arena = arena;
        compiler->plan = plan;
        compiler->diags = diags;
        compiler->source = source;
        compiler->policy = policy;
        compile_parts(compiler, models);
    }
    const bool clean = assay_diags_count(diags) == before;
    bool good = policy != NULL && compiler != NULL;
    if (good && clean) {
        good = assay_policy_settle_needs(compiler) && assay_policy_group_columns(compiler);
    }
    if (!good) {
        out_of_memory(diags, source->name_span);
    }
    free(compiler);
    return good && clean ? policy : NULL;
}

static void check_duplicates(const struct assay_policy_source sources[], size_t index,
                             struct assay_diags *diags)
{
    for (size_t i = 0; i < index; i++) {
        if (assay_str_equal(sources[i].name, sources[index].name)) {
            assay_diag_add(diags, ASSAY_DIAG_DUPLICATE, sources[index].name_span,
                           "policy \"%.*s\" is given twice", (int)sources[index].name.len,
                           sources[index].name.ptr);
            return;
        }
    }
}

/* --- the hash of everything a decision rests on --- */

static void print_text(FILE *out, struct assay_str text)
{
    if (text.ptr == NULL) {
        (void)fputs("null\n", out);
        return;
    }
    (void)fprintf(out, "%u:", text.len);
    (void)fwrite(text.ptr, 1, text.len, out);
    (void)fputc('\n', out);
}

static void print_bits(FILE *out, double value)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    (void)fprintf(out, "%016" PRIx64 "\n", bits);
}

static void print_policy(FILE *out, const struct assay_policy *policy)
{
    const struct assay_event_def *trigger = &policy->plan->schema->events[policy->trigger];
    print_text(out, policy->name);
    print_text(out, trigger->name);
    print_text(out, policy->event);
    print_text(out, policy->otherwise);
    for (uint32_t i = 0; i < policy->role_count; i++) {
        print_text(out, trigger->fields[policy->roles[i]].name);
    }
    (void)fprintf(out, "model %u scaling %d %d reasons %u rules %u\n", policy->model_index,
                  policy->scaling.on ? 1 : 0, policy->scaling.rises ? 1 : 0, policy->reasons_max,
                  policy->rule_count);
    print_bits(out, policy->scaling.factor);
    print_bits(out, policy->scaling.points);
    print_bits(out, policy->scaling.odds);
    for (uint32_t i = 0; i < policy->rule_count; i++) {
        print_text(out, policy->rules[i].when);
        print_text(out, policy->rules[i].then);
        print_text(out, policy->rules[i].reason);
    }
    for (uint32_t i = 0; i < policy->catalogue.count; i++) {
        const struct policy_reason *reason = &policy->catalogue.items[i];
        print_text(out, reason->feature);
        print_text(out, reason->family);
        print_text(out, reason->code);
        print_text(out, reason->en);
        print_text(out, reason->zh);
    }
}

static bool hash_policies(struct assay_policies *policies)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        return false;
    }
    (void)fprintf(out, "features %016" PRIx64 "%016" PRIx64 "\n", policies->plan->hash[1],
                  policies->plan->hash[0]);
    for (uint32_t i = 0; i < policies->model_count; i++) {
        uint64_t hash[2] = {0};
        assay_model_hash(policies->models[i], hash);
        print_text(out, policies->model_names[i]);
        (void)fprintf(out, "%s %016" PRIx64 "%016" PRIx64 "\n",
                      assay_model_kind_name(assay_model_kind_get(policies->models[i])), hash[1],
                      hash[0]);
    }
    for (uint32_t i = 0; i < policies->count; i++) {
        print_policy(out, policies->items[i]);
    }
    const bool good = ferror(out) == 0;
    if (fclose(out) != 0 || !good) {
        free(text);
        return false;
    }
    const struct assay_hash128 hash = assay_hash128(text, size, 0);
    policies->hash[0] = hash.low;
    policies->hash[1] = hash.high;
    free(text);
    return true;
}

const struct assay_policies *assay_policies_compile(struct assay_arena *arena,
                                                    const struct assay_plan *plan,
                                                    const struct assay_model_source models[],
                                                    size_t model_count,
                                                    const struct assay_policy_source sources[],
                                                    size_t source_count, struct assay_diags *diags)
{
    ASSAY_ASSERT(arena != NULL && plan != NULL && diags != NULL);
    ASSAY_ASSERT(model_count < UINT32_MAX);
    const size_t before = assay_diags_count(diags);
    struct models read = {.count = model_count, .sources = models};
    struct assay_policies *policies = assay_arena_alloc(arena, sizeof *policies);
    const struct assay_policy **items = assay_arena_array(arena, ASSAY_POLICIES_MAX, sizeof *items);
    if (policies == NULL || items == NULL) {
        out_of_memory(diags, (struct assay_span){0});
        return NULL;
    }
    if (!read_models(arena, &read, diags)) {
        return NULL;
    }
    uint32_t count = 0;
    for (size_t i = 0; i < source_count; i++) {
        check_duplicates(sources, i, diags);
        if (i >= ASSAY_POLICIES_MAX) {
            assay_diag_add(diags, ASSAY_DIAG_LIMIT, sources[i].name_span, "more than %d policies",
                           ASSAY_POLICIES_MAX);
            break;
        }
        items[count++] = compile_policy(arena, plan, &read, &sources[i], diags);
    }
    if (assay_diags_count(diags) > before) {
        return NULL;
    }
    *policies = (struct assay_policies){.plan = plan,
                                        .count = count,
                                        .items = items,
                                        .model_count = (uint32_t)model_count,
                                        .models = read.items,
                                        .model_names = read.names};
    if (!hash_policies(policies)) {
        out_of_memory(diags, (struct assay_span){0});
        return NULL;
    }
    return policies;
}

struct assay_str assay_policy_name(const struct assay_policy *policy)
{
    return policy->name;
}

uint32_t assay_policy_trigger(const struct assay_policy *policy)
{
    return policy->trigger;
}

const struct assay_need *assay_policy_needs(const struct assay_policy *policy, size_t *count)
{
    *count = policy->need_count;
    return policy->needs;
}

uint32_t assay_policy_model(const struct assay_policy *policy)
{
    return policy->model_index;
}

const uint32_t *assay_policy_roles(const struct assay_policy *policy, size_t *count)
{
    *count = policy->role_count;
    return policy->roles;
}
