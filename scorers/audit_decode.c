#include "scorers/decision_pvt.h"

#include "engine/base/hash.h"

/*
 * Records may be damaged or foreign, so nothing is believed: every length is held against what is
 * left, every count against the least bytes its items take, every index against its list. A reader
 * that fails once stays failed and gives zeroes, so one check at the end is enough.
 */

struct reader {
    const uint8_t *bytes;
    size_t size;
    size_t at;
    bool failed;
};

struct plan_rule {
    struct assay_str when;
    struct assay_str then;
};

struct plan_text {
    struct assay_str code;
    struct assay_reason_text text;
};

struct plan_policy {
    struct assay_str name, event, predicted, otherwise, model;
    struct assay_str model_hash;
    uint32_t role_count, need_count, field_count, column_count, rule_count, text_count;
    struct assay_str *entities;
    struct assay_str *value_names; /* needs, then fields */
    uint32_t *column_needs;
    struct plan_rule *rules;
    struct plan_text *texts;
};

struct assay_audit_plan {
    uint64_t hash[2];
    struct assay_str plan_hash, features_hash;
    uint32_t policy_count;
    struct plan_policy *policies;
};

/* --- reading --- */

static uint64_t get_unsigned(struct reader *reader, size_t bytes)
{
    uint64_t value = 0;
    if (reader->failed || bytes > reader->size - reader->at) {
        reader->failed = true;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++) {
        value |= (uint64_t)reader->bytes[reader->at + i] << (8 * i);
    }
    reader->at += bytes;
    return value;
}

static uint32_t get_u32(struct reader *reader)
{
    return (uint32_t)get_unsigned(reader, 4);
}

static uint64_t get_u64(struct reader *reader)
{
    return get_unsigned(reader, 8);
}

static double get_f64(struct reader *reader)
{
    const uint64_t bits = get_unsigned(reader, 8);
    double value = 0;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static struct assay_str get_text(struct reader *reader)
{
    const uint32_t len = get_u32(reader);
    if (reader->failed || len == UINT32_MAX) {
        return (struct assay_str){0};
    }
    if (len > reader->size - reader->at) {
        reader->failed = true;
        return (struct assay_str){0};
    }
    const struct assay_str text = {.ptr = (const char *)reader->bytes + reader->at, .len = len};
    reader->at += len;
    return text;
}

/* A text that must be there. */
static struct assay_str get_name(struct reader *reader)
{
    const struct assay_str text = get_text(reader);
    reader->failed = reader->failed || text.ptr == NULL;
    return text;
}

/* A count of items of at least @p bytes each, so that no allocation exceeds the record's size. */
static uint32_t get_count(struct reader *reader, size_t bytes)
{
    const uint32_t count = get_u32(reader);
    if (reader->failed || count > (reader->size - reader->at) / bytes) {
        reader->failed = true;
        return 0;
    }
    return count;
}

static enum assay_status malformed(struct assay_err *err, const char *what)
{
    return assay_err_set(err, ASSAY_E_FORMAT, "audit record", "%s is malformed", what);
}

static enum assay_status no_memory(struct assay_err *err)
{
    return assay_err_set(err, ASSAY_E_NO_MEMORY, "audit record", "out of memory");
}

static enum assay_status get_header(struct reader *reader, uint64_t hash[2], const char *what,
                                    struct assay_err *err)
{
    const uint64_t version = get_unsigned(reader, 2);
    hash[0] = get_u64(reader);
    hash[1] = get_u64(reader);
    if (reader->failed) {
        return malformed(err, what);
    }
    if (version != ASSAY_AUDIT_VERSION) {
        (void)assay_err_set(err, ASSAY_E_VERSION, "audit record", "%s has an unknown version",
                            what);
        assay_err_value(err, "%llu", (unsigned long long)version);
        assay_err_allowed(err, "%d", ASSAY_AUDIT_VERSION);
        return ASSAY_E_VERSION;
    }
    return ASSAY_OK;
}

static struct assay_str hash_text(struct assay_arena *arena, uint64_t low, uint64_t high)
{
    char text[ASSAY_HASH_TEXT_BYTES];
    assay_hash128_print((struct assay_hash128){.low = low, .high = high}, text);
    return assay_arena_copy(arena, assay_str_of(text));
}

/* --- the plan record --- */

/* The values' names: needs and fields in one list. */
static bool get_value_names(struct reader *reader, struct assay_arena *arena,
                            struct plan_policy *policy)
{
    policy->need_count = get_count(reader, 4);
    /* The fields' count stands behind the needs' names, so room is made for as many as exist. */
    policy->value_names = assay_arena_array(arena, (size_t)policy->need_count + ASSAY_FIELDS_MAX,
                                            sizeof *policy->value_names);
    if (policy->value_names == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < policy->need_count; i++) {
        policy->value_names[i] = get_name(reader);
    }
    policy->field_count = get_count(reader, 4);
    if (policy->field_count > ASSAY_FIELDS_MAX) {
        reader->failed = true;
        policy->field_count = 0;
    }
    for (uint32_t i = 0; i < policy->field_count; i++) {
        policy->value_names[policy->need_count + i] = get_name(reader);
    }
    policy->column_count = get_count(reader, 4);
    policy->column_needs =
        assay_arena_array(arena, (size_t)policy->column_count + 1, sizeof *policy->column_needs);
    for (uint32_t i = 0; policy->column_needs != NULL && i < policy->column_count; i++) {
        policy->column_needs[i] = get_u32(reader);
        reader->failed = reader->failed || policy->column_needs[i] >= policy->need_count;
    }
    return policy->column_needs != NULL;
}

static bool get_rules(struct reader *reader, struct assay_arena *arena, struct plan_policy *policy)
{
    policy->rule_count = get_count(reader, 8);
    policy->rules = assay_arena_array(arena, (size_t)policy->rule_count + 1, sizeof *policy->rules);
    for (uint32_t i = 0; policy->rules != NULL && i < policy->rule_count; i++) {
        policy->rules[i].when = get_name(reader);
        policy->rules[i].then = get_name(reader);
    }
    policy->text_count = policy->rules == NULL ? 0 : get_count(reader, 12);
    policy->texts = assay_arena_array(arena, (size_t)policy->text_count + 1, sizeof *policy->texts);
    for (uint32_t i = 0; policy->texts != NULL && i < policy->text_count; i++) {
        policy->texts[i].code = get_name(reader);
        policy->texts[i].text.en = get_name(reader);
        policy->texts[i].text.zh = get_name(reader);
    }
    return policy->rules != NULL && policy->texts != NULL;
}

static bool get_policy(struct reader *reader, struct assay_arena *arena, struct plan_policy *policy)
{
    policy->name = get_name(reader);
    policy->event = get_name(reader);
    policy->predicted = get_text(reader);
    policy->otherwise = get_name(reader);
    policy->model = get_text(reader);
    const uint64_t low = get_u64(reader);
    const uint64_t high = get_u64(reader);
    policy->model_hash = policy->model.ptr == NULL ? assay_str_of("") : hash_text(arena, low, high);
    policy->role_count = get_count(reader, 4);
    policy->entities =
        assay_arena_array(arena, (size_t)policy->role_count + 1, sizeof *policy->entities);
    if (policy->entities == NULL || policy->model_hash.ptr == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < policy->role_count; i++) {
        policy->entities[i] = get_name(reader);
    }
    reader->failed = reader->failed || policy->name.len > ASSAY_POLICY_NAME_BYTES_MAX;
    return get_value_names(reader, arena, policy) && get_rules(reader, arena, policy);
}

enum assay_status assay_audit_plan_decode(const struct assay_audit_plan **out,
                                          struct assay_arena *arena, const uint8_t payload[],
                                          size_t size, struct assay_err *err)
{
    struct reader reader = {.bytes = payload, .size = size};
    struct assay_audit_plan *plan = assay_arena_alloc(arena, sizeof *plan);
    *out = NULL;
    if (plan == NULL) {
        return no_memory(err);
    }
    const enum assay_status status = get_header(&reader, plan->hash, "the plan", err);
    if (status != ASSAY_OK) {
        return status;
    }
    const uint64_t low = get_u64(&reader);
    const uint64_t high = get_u64(&reader);
    plan->plan_hash = hash_text(arena, plan->hash[0], plan->hash[1]);
    plan->features_hash = hash_text(arena, low, high);
    plan->policy_count = get_count(&reader, 16);
    if (plan->policy_count > ASSAY_POLICIES_MAX) {
        return malformed(err, "the plan");
    }
    plan->policies =
        assay_arena_array(arena, (size_t)plan->policy_count + 1, sizeof *plan->policies);
    if (plan->plan_hash.ptr == NULL || plan->features_hash.ptr == NULL || plan->policies == NULL) {
        return no_memory(err);
    }
    for (uint32_t i = 0; i < plan->policy_count && !reader.failed; i++) {
        if (!get_policy(&reader, arena, &plan->policies[i])) {
            return no_memory(err);
        }
    }
    if (reader.failed || reader.at != reader.size) {
        return malformed(err, "the plan");
    }
    *out = plan;
    return ASSAY_OK;
}

/* --- a decision record --- */

/* Everything up to and including the origin: what an id is made of. */
static enum assay_status get_origin(struct reader *reader, const struct assay_audit_plan *plan,
                                    const struct plan_policy **policy,
                                    char id[ASSAY_DECISION_ID_BYTES_MAX], struct assay_err *err)
{
    uint64_t hash[2] = {0};
    const enum assay_status status = get_header(reader, hash, "the decision", err);
    if (status != ASSAY_OK) {
        return status;
    }
    if (hash[0] != plan->hash[0] || hash[1] != plan->hash[1]) {
        return assay_err_set(err, ASSAY_E_UNKNOWN, "audit record",
                             "the decision was made under another plan");
    }
    const uint32_t index = get_u32(reader);
    const struct assay_origin origin = {
        .source = get_name(reader),
        .topic = get_name(reader),
        .partition = get_u32(reader),
        .offset = get_u64(reader),
    };
    if (reader->failed || index >= plan->policy_count ||
        origin.source.len > ASSAY_SOURCE_BYTES_MAX) {
        return malformed(err, "the decision");
    }
    *policy = &plan->policies[index];
    (void)assay_decision_id_print(&origin, (*policy)->name, id);
    return ASSAY_OK;
}

enum assay_status assay_audit_decision_id(const struct assay_audit_plan *plan,
                                          const uint8_t payload[], size_t size,
                                          char out[ASSAY_DECISION_ID_BYTES_MAX],
                                          struct assay_err *err)
{
    struct reader reader = {.bytes = payload, .size = size};
    const struct plan_policy *policy = NULL;
    return get_origin(&reader, plan, &policy, out, err);
}

static struct assay_reason_text text_of(const struct plan_policy *policy, struct assay_str code)
{
    for (uint32_t i = 0; i < policy->text_count; i++) {
        if (assay_str_equal(policy->texts[i].code, code)) {
            return policy->texts[i].text;
        }
    }
    return (struct assay_reason_text){.en = assay_str_of(""), .zh = assay_str_of("")};
}

static bool get_reasons(struct reader *reader, struct assay_arena *arena,
                        const struct plan_policy *policy, struct assay_audit_view *view)
{
    view->reason_count = get_count(reader, 24);
    struct assay_reason *reasons =
        assay_arena_array(arena, (size_t)view->reason_count + 1, sizeof *reasons);
    struct assay_reason_text *texts =
        assay_arena_array(arena, (size_t)view->reason_count + 1, sizeof *texts);
    if (reasons == NULL || texts == NULL) {
        return false;
    }
    reader->failed = reader->failed || view->reason_count > ASSAY_POLICY_REASONS_MAX;
    for (uint32_t i = 0; i < view->reason_count && !reader->failed; i++) {
        reasons[i].code = get_name(reader);
        reasons[i].feature = get_text(reader);
        reasons[i].value = get_f64(reader);
        reasons[i].points = get_f64(reader);
        texts[i] = text_of(policy, reasons[i].code);
    }
    view->reasons = reasons;
    view->reason_texts = texts;
    return true;
}

static bool get_contributions(struct reader *reader, struct assay_arena *arena,
                              const struct plan_policy *policy, struct assay_audit_view *view)
{
    view->contribution_count = get_count(reader, 8);
    double *contributions =
        assay_arena_array(arena, (size_t)view->contribution_count + 1, sizeof *contributions);
    if (contributions == NULL) {
        return false;
    }
    reader->failed = reader->failed || (view->contribution_count != 0 &&
                                        view->contribution_count != policy->column_count);
    for (uint32_t i = 0; i < view->contribution_count && !reader->failed; i++) {
        contributions[i] = get_f64(reader);
    }
    view->contributions = contributions;
    view->contribution_values = policy->column_needs;
    return true;
}

static bool get_keys(struct reader *reader, struct assay_arena *arena,
                     const struct plan_policy *policy, struct assay_audit_view *view)
{
    struct assay_str *keys = assay_arena_array(arena, (size_t)policy->role_count + 1, sizeof *keys);
    if (keys == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < policy->role_count; i++) {
        keys[i] = get_text(reader);
    }
    view->key_count = policy->role_count;
    view->key_entities = policy->entities;
    view->key_values = keys;
    return true;
}

static bool get_values(struct reader *reader, struct assay_arena *arena,
                       const struct plan_policy *policy, struct assay_audit_view *view)
{
    view->value_count = policy->need_count + policy->field_count;
    struct assay_value *values =
        assay_arena_array(arena, (size_t)view->value_count + 1, sizeof *values);
    if (values == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < view->value_count && !reader->failed; i++) {
        values[i].kind = (uint8_t)get_unsigned(reader, 1);
        values[i].state = (uint8_t)get_unsigned(reader, 1);
        if (values[i].kind == ASSAY_KIND_TEXT) {
            values[i].cell.text = get_text(reader);
        } else {
            values[i].cell.number = get_f64(reader);
        }
        reader->failed = reader->failed || values[i].kind > ASSAY_KIND_TEXT ||
                         values[i].state > ASSAY_STATE_EXPIRED;
    }
    view->value_names = policy->value_names;
    view->values = values;
    return true;
}

static void get_numbers(struct reader *reader, const struct plan_policy *policy,
                        struct assay_audit_view *view)
{
    view->time_ms = (int64_t)get_u64(reader);
    view->epoch = get_u64(reader);
    view->rule = get_u32(reader);
    const uint64_t unexplained = get_unsigned(reader, 1);
    view->unexplained = unexplained != 0;
    view->raw = get_f64(reader);
    view->probability = get_f64(reader);
    view->score = get_f64(reader);
    view->baseline = get_f64(reader);
    if (unexplained > 1 || (view->rule != ASSAY_NONE && view->rule >= policy->rule_count)) {
        reader->failed = true;
        return;
    }
    view->outcome = policy->otherwise;
    if (view->rule != ASSAY_NONE) {
        view->outcome = policy->rules[view->rule].then;
        view->rule_when = policy->rules[view->rule].when;
    }
}

enum assay_status assay_audit_decision_decode(struct assay_audit_view *out,
                                              struct assay_arena *arena,
                                              const struct assay_audit_plan *plan,
                                              const uint8_t payload[], size_t size,
                                              struct assay_err *err)
{
    struct reader reader = {.bytes = payload, .size = size};
    const struct plan_policy *policy = NULL;
    char id[ASSAY_DECISION_ID_BYTES_MAX];
    const enum assay_status status = get_origin(&reader, plan, &policy, id, err);
    if (status != ASSAY_OK) {
        return status;
    }
    ASSAY_ASSERT(policy != NULL);
    struct assay_audit_view view = {.decision_id = assay_arena_copy(arena, assay_str_of(id)),
                                    .policy = policy->name,
                                    .event = policy->event,
                                    .predicted = policy->predicted,
                                    .model = policy->model,
                                    .plan_hash = plan->plan_hash,
                                    .features_hash = plan->features_hash,
                                    .model_hash = policy->model_hash};
    get_numbers(&reader, policy, &view);
    if (view.decision_id.ptr == NULL || !get_reasons(&reader, arena, policy, &view) ||
        !get_contributions(&reader, arena, policy, &view) ||
        !get_keys(&reader, arena, policy, &view) || !get_values(&reader, arena, policy, &view)) {
        return no_memory(err);
    }
    if (reader.failed || reader.at != reader.size) {
        return malformed(err, "the decision");
    }
    *out = view;
    return ASSAY_OK;
}
