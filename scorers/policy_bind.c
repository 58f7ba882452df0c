#include "scorers/policy_pvt.h"

#include <stdlib.h>

/* What the trigger offers: entities bound to its key fields, and their features by name. */

enum { COLUMN_ERRORS_MAX = 8 }; /* of one policy, shown one by one */

/* --- roles --- */

/* The key fields of the trigger that name @p entity, as text: "payer", "payee". */
static void list_roles(const struct policy_compiler *compiler, uint32_t entity, size_t size,
                       char out[])
{
    size_t used = 0;
    out[0] = '\0';
    for (uint32_t f = 0; f < compiler->trigger->field_count && used < size; f++) {
        const struct assay_field_def *field = &compiler->trigger->fields[f];
        if (field->type == ASSAY_TYPE_KEY && field->entity == entity) {
            const int more = snprintf(out + used, size - used, "%s\"%.*s\"", used == 0 ? "" : ", ",
                                      (int)field->name.len, field->name.ptr);
            used += more > 0 ? (size_t)more : 0;
        }
    }
}

static void add_role(struct policy_compiler *compiler, uint32_t entity, uint32_t field)
{
    struct assay_policy *policy = compiler->policy;
    compiler->entity_roles[entity] = field;
    if (policy->role_count == ASSAY_POLICY_KEYS_MAX) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_LIMIT,
                       assay_policy_place(compiler, compiler->source->trigger_span),
                       "the trigger names more than %d entities", ASSAY_POLICY_KEYS_MAX);
        return;
    }
    policy->roles[policy->role_count++] = field;
}

static bool bound_entity(struct policy_compiler *compiler,
                         const struct assay_binding_source *binding, struct assay_span span,
                         uint32_t *out)
{
    const struct assay_schema *schema = compiler->plan->schema;
    const uint32_t entity = assay_schema_entity(schema, binding->entity);
    if (entity == ASSAY_NONE) {
        struct assay_suggest suggest = {.word = binding->entity};
        for (uint32_t i = 0; i < schema->entity_count; i++) {
            assay_suggest_offer(&suggest, schema->entities[i].name);
        }
        assay_diag_add(compiler->diags, ASSAY_DIAG_UNKNOWN_ENTITY, span, "unknown entity \"%.*s\"",
                       (int)binding->entity.len, binding->entity.ptr);
        assay_policy_hint(compiler->diags, &suggest);
        return false;
    }
    if (compiler->entity_roles[entity] != ASSAY_NONE) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_DUPLICATE, span,
                       "entity \"%.*s\" is bound twice", (int)binding->entity.len,
                       binding->entity.ptr);
        return false;
    }
    *out = entity;
    return true;
}

static void bind_one(struct policy_compiler *compiler, const struct assay_binding_source *binding)
{
    const struct assay_span span = assay_policy_place(compiler, binding->span);
    uint32_t entity = ASSAY_NONE;
    if (!bound_entity(compiler, binding, span, &entity)) {
        return;
    }
    const uint32_t field = assay_event_field(compiler->trigger, binding->role);
    if (field != ASSAY_NONE && compiler->trigger->fields[field].entity == entity &&
        compiler->trigger->fields[field].type == ASSAY_TYPE_KEY) {
        add_role(compiler, entity, field);
        return;
    }
    char roles[256];
    list_roles(compiler, entity, sizeof roles, roles);
    assay_diag_add(compiler->diags, ASSAY_DIAG_ROLE_CHOICE, span,
                   "\"%.*s\" is no key of entity \"%.*s\" in event \"%.*s\"",
                   (int)binding->role.len, binding->role.ptr, (int)binding->entity.len,
                   binding->entity.ptr, (int)compiler->trigger->name.len,
                   compiler->trigger->name.ptr);
    assay_diag_hint(compiler->diags, "its keys of that entity: %s",
                    roles[0] == '\0' ? "none" : roles);
    compiler->entity_open[entity] = true; /* reported: stay silent about what rests on it */
}

static void bind_implied(struct policy_compiler *compiler, uint32_t field)
{
    const uint32_t entity = compiler->trigger->fields[field].entity;
    if (compiler->entity_roles[entity] != ASSAY_NONE || compiler->entity_open[entity]) {
        return;
    }
    uint32_t roles = 0;
    for (uint32_t f = field; f < compiler->trigger->field_count; f++) {
        const struct assay_field_def *other = &compiler->trigger->fields[f];
        roles += other->type == ASSAY_TYPE_KEY && other->entity == entity ? 1 : 0;
    }
    if (roles == 1) {
        add_role(compiler, entity, field);
        return;
    }
    char names[256];
    const struct assay_str name = compiler->plan->schema->entities[entity].name;
    const struct assay_str first = compiler->trigger->fields[field].name;
    list_roles(compiler, entity, sizeof names, names);
    compiler->entity_open[entity] = true;
    assay_diag_add(compiler->diags, ASSAY_DIAG_ROLE_CHOICE,
                   assay_policy_place(compiler, compiler->source->trigger_span),
                   "event \"%.*s\" names entity \"%.*s\" by several keys: %s",
                   (int)compiler->trigger->name.len, compiler->trigger->name.ptr, (int)name.len,
                   name.ptr, names);
    assay_diag_hint(compiler->diags, "bind one, e.g. keys: {%.*s: %.*s}", (int)name.len, name.ptr,
                    (int)first.len, first.ptr);
}

void assay_policy_bind_roles(struct policy_compiler *compiler)
{
    for (uint32_t e = 0; e < ASSAY_ENTITIES_MAX; e++) {
        compiler->entity_roles[e] = ASSAY_NONE;
    }
    for (size_t i = 0; i < compiler->source->binding_count; i++) {
        bind_one(compiler, &compiler->source->bindings[i]);
    }
    for (uint32_t f = 0; f < compiler->trigger->field_count; f++) {
        if (compiler->trigger->fields[f].type == ASSAY_TYPE_KEY) {
            bind_implied(compiler, f);
        }
    }
}

/* --- features --- */

/* The key field a prefix stands for. One that reads two ways is refused: a guess would score
 * another person's features. */
static bool find_role(struct policy_compiler *compiler, struct assay_str prefix,
                      struct assay_span span, enum assay_diag_code code, const char *who,
                      uint32_t *out)
{
    const struct assay_event_def *trigger = compiler->trigger;
    const uint32_t entity = assay_schema_entity(compiler->plan->schema, prefix);
    uint32_t field = assay_event_field(trigger, prefix);
    if (field != ASSAY_NONE && trigger->fields[field].type != ASSAY_TYPE_KEY) {
        field = ASSAY_NONE;
    }
    const uint32_t bound = entity == ASSAY_NONE ? ASSAY_NONE : compiler->entity_roles[entity];
    if (entity != ASSAY_NONE && compiler->entity_open[entity]) {
        return false; /* reported */
    }
    if (bound != ASSAY_NONE && field != ASSAY_NONE && bound != field) {
        const struct assay_str other = trigger->fields[bound].name;
        assay_diag_add(compiler->diags, ASSAY_DIAG_ROLE_CHOICE, span,
                       "%s \"%.*s\", which is both the entity, bound to \"%.*s\", and a key of "
                       "event \"%.*s\"",
                       who, (int)prefix.len, prefix.ptr, (int)other.len, other.ptr,
                       (int)trigger->name.len, trigger->name.ptr);
        return false;
    }
    *out = bound != ASSAY_NONE ? bound : field;
    if (*out != ASSAY_NONE) {
        return true;
    }
    struct assay_suggest suggest = {.word = prefix};
    for (uint32_t f = 0; f < trigger->field_count; f++) {
        if (trigger->fields[f].type == ASSAY_TYPE_KEY) {
            assay_suggest_offer(&suggest,
                                compiler->plan->schema->entities[trigger->fields[f].entity].name);
            assay_suggest_offer(&suggest, trigger->fields[f].name);
        }
    }
    assay_diag_add(compiler->diags, entity == ASSAY_NONE ? code : ASSAY_DIAG_UNKNOWN_ENTITY, span,
                   entity == ASSAY_NONE ? "%s \"%.*s\", which is no entity of event \"%.*s\""
                                        : "%s entity \"%.*s\", which event \"%.*s\" does not name",
                   who, (int)prefix.len, prefix.ptr, (int)trigger->name.len, trigger->name.ptr);
    assay_policy_hint(compiler->diags, &suggest);
    return false;
}

static struct assay_str join(struct assay_arena *arena, struct assay_str a, struct assay_str b)
{
    char *text = assay_arena_alloc(arena, (size_t)a.len + b.len + 2);
    if (text == NULL) {
        return (struct assay_str){0};
    }
    memcpy(text, a.ptr, a.len);
    text[a.len] = '.';
    memcpy(text + a.len + 1, b.ptr, b.len);
    return (struct assay_str){.ptr = text, .len = a.len + 1 + b.len};
}

bool assay_policy_find_feature(struct policy_compiler *compiler, struct assay_str prefix,
                               struct assay_str feature, enum assay_diag_code code,
                               struct assay_span span, const char *who, struct policy_wish *out)
{
    uint32_t role = ASSAY_NONE;
    if (!find_role(compiler, prefix, span, code, who, &role)) {
        return false;
    }
    const uint32_t entity = compiler->trigger->fields[role].entity;
    const struct assay_plan_entity *part = &compiler->plan->entities[entity];
    struct assay_suggest suggest = {.word = feature};
    for (uint32_t i = 0; i < part->feature_count; i++) {
        const struct assay_feature *candidate = &compiler->plan->features[part->feature_first + i];
        if (assay_str_equal(candidate->name, feature)) {
            *out = (struct policy_wish){
                .need = {.role = role, .feature = part->feature_first + i},
                .name = join(compiler->arena, prefix, feature),
            };
            if (out->name.ptr == NULL) {
                assay_diag_add(compiler->diags, ASSAY_DIAG_LIMIT, span, "out of memory");
            }
            return out->name.ptr != NULL;
        }
        assay_suggest_offer(&suggest, candidate->name);
    }
    assay_diag_add(compiler->diags, code, span, "%s \"%.*s.%.*s\", which no feature defines", who,
                   (int)prefix.len, prefix.ptr, (int)feature.len, feature.ptr);
    if (suggest.best.ptr != NULL) {
        assay_diag_hint(compiler->diags, "did you mean \"%.*s.%.*s\"?", (int)prefix.len, prefix.ptr,
                        (int)suggest.best.len, suggest.best.ptr);
    }
    return false;
}

/* --- model columns --- */

static bool bind_column(struct policy_compiler *compiler, uint32_t column, const char *who,
                        struct assay_span span)
{
    const struct assay_str name = assay_model_feature_name(compiler->policy->model, column);
    const char *dot = name.len == 0 ? NULL : memchr(name.ptr, '.', name.len);
    if (dot == NULL) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_MODEL_FEATURE, span,
                       "%s \"%.*s\", which is not entity.feature", who, (int)name.len,
                       name.len == 0 ? "" : name.ptr);
        assay_diag_hint(compiler->diags, "train on the rows of `assay replay --rows`, whose "
                                         "columns have full names");
        return false;
    }
    const struct assay_str prefix = {.ptr = name.ptr, .len = (uint32_t)(dot - name.ptr)};
    const struct assay_str feature = {.ptr = dot + 1, .len = name.len - prefix.len - 1};
    struct policy_wish *wish = &compiler->columns[column];
    if (!assay_policy_find_feature(compiler, prefix, feature, ASSAY_DIAG_MODEL_FEATURE, span, who,
                                   wish)) {
        return false;
    }
    if (compiler->plan->features[wish->need.feature].kind == ASSAY_KIND_TEXT) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_TYPE, span,
                       "%s \"%.*s\", which is text; a model reads numbers", who, (int)name.len,
                       name.ptr);
        return false;
    }
    return true;
}

void assay_policy_bind_columns(struct policy_compiler *compiler, struct assay_str model_name)
{
    const struct assay_policy *policy = compiler->policy;
    const struct assay_span span = assay_policy_place(compiler, compiler->source->model_span);
    char who[192];
    (void)snprintf(who, sizeof who, "model \"%.*s\" reads", (int)model_name.len, model_name.ptr);
    compiler->columns =
        assay_arena_array(compiler->arena, policy->column_count + 1U, sizeof *compiler->columns);
    if (compiler->columns == NULL) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_LIMIT, span, "out of memory");
        return;
    }
    uint32_t errors = 0;
    for (uint32_t c = 0; c < policy->column_count; c++) {
        errors += bind_column(compiler, c, who, span) ? 0 : 1;
        if (errors == COLUMN_ERRORS_MAX && c + 1 < policy->column_count) {
            assay_diag_add(compiler->diags, ASSAY_DIAG_MODEL_FEATURE, span,
                           "%u more columns of model \"%.*s\" were not looked at",
                           policy->column_count - c - 1, (int)model_name.len, model_name.ptr);
            return;
        }
    }
}

/* --- needs --- */

static int order_wishes(const void *a, const void *b)
{
    const struct assay_need *x = &((const struct policy_wish *)a)->need;
    const struct assay_need *y = &((const struct policy_wish *)b)->need;
    if (x->role != y->role) {
        return x->role < y->role ? -1 : 1;
    }
    return (x->feature > y->feature) - (x->feature < y->feature);
}

static uint32_t need_of(const struct assay_policy *policy, struct assay_need need)
{
    uint32_t low = 0;
    uint32_t high = policy->need_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const struct assay_need *at = &policy->needs[middle];
        if (at->role < need.role || (at->role == need.role && at->feature < need.feature)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    ASSAY_ASSERT(low < policy->need_count);
    ASSAY_ASSERT(policy->needs[low].role == need.role &&
                 policy->needs[low].feature == need.feature);
    return low;
}

/* Wishes of one need may name it by entity or by role; the first by bytes names it for people. */
static uint32_t unite(const struct policy_wish wishes[], uint32_t count, struct assay_need needs[],
                      struct assay_str names[])
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 || order_wishes(&wishes[i - 1], &wishes[i]) != 0) {
            needs[kept] = wishes[i].need;
            names[kept++] = wishes[i].name;
        } else if (assay_str_compare(wishes[i].name, names[kept - 1]) < 0) {
            names[kept - 1] = wishes[i].name;
        }
    }
    return kept;
}

bool assay_policy_settle_needs(struct policy_compiler *compiler)
{
    struct assay_policy *policy = compiler->policy;
    const uint32_t count = policy->column_count + compiler->rule_wish_count;
    struct policy_wish *wishes = assay_arena_array(compiler->arena, count + 1U, sizeof *wishes);
    struct assay_need *needs = assay_arena_array(compiler->arena, count + 1U, sizeof *needs);
    struct assay_str *names = assay_arena_array(compiler->arena, count + 1U, sizeof *names);
    uint32_t *indices = assay_arena_array(compiler->arena, count + 1U, sizeof *indices);
    if (wishes == NULL || needs == NULL || names == NULL || indices == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        wishes[i] = i < policy->column_count ? compiler->columns[i]
                                             : compiler->rule_wishes[i - policy->column_count];
    }
    qsort(wishes, count, sizeof *wishes, order_wishes);
    policy->need_count = unite(wishes, count, needs, names);
    policy->needs = needs;
    policy->need_names = names;
    for (uint32_t c = 0; c < policy->column_count; c++) {
        indices[c] = need_of(policy, compiler->columns[c].need);
    }
    for (uint32_t i = 0; i < compiler->rule_wish_count; i++) {
        indices[policy->column_count + i] = need_of(policy, compiler->rule_wishes[i].need);
    }
    policy->column_needs = indices;
    policy->rule_needs = indices + policy->column_count;
    policy->rule_need_count = compiler->rule_wish_count;
    return true;
}
