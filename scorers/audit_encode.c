#include "scorers/decision_pvt.h"

#include "scorers/writer_pvt.h"

/* The layout is told in decision.h; audit_decode.c reads it in the same order. */

static void put_header(struct assay_writer *writer, const struct assay_policies *policies)
{
    writer_u16(writer, ASSAY_AUDIT_VERSION);
    writer_u64(writer, policies->hash[0]);
    writer_u64(writer, policies->hash[1]);
}

static void put_model(struct assay_writer *writer, const struct assay_policies *policies,
                      const struct assay_policy *policy)
{
    uint64_t hash[2] = {0};
    struct assay_str name = {0};
    if (policy->model != NULL) {
        assay_model_hash(policy->model, hash);
        name = policies->model_names[policy->model_index];
    }
    writer_text(writer, name);
    writer_u64(writer, hash[0]);
    writer_u64(writer, hash[1]);
}

static void put_value_names(struct assay_writer *writer, const struct assay_policy *policy)
{
    const struct assay_event_def *trigger = &policy->plan->schema->events[policy->trigger];
    writer_u32(writer, policy->need_count);
    for (uint32_t i = 0; i < policy->need_count; i++) {
        writer_text(writer, policy->need_names[i]);
    }
    writer_u32(writer, policy->field_count);
    for (uint32_t i = 0; i < policy->field_count; i++) {
        const struct assay_str field = trigger->fields[policy->fields[i]].name;
        writer_u32(writer, trigger->name.len + 1 + field.len);
        assay_write_bytes(writer, trigger->name.ptr, trigger->name.len);
        assay_write_plain(writer, ".");
        assay_write_bytes(writer, field.ptr, field.len);
    }
    writer_u32(writer, policy->column_count);
    for (uint32_t c = 0; c < policy->column_count; c++) {
        writer_u32(writer, policy->column_needs[c]);
    }
}

static void put_rules(struct assay_writer *writer, const struct assay_policy *policy)
{
    writer_u32(writer, policy->rule_count);
    for (uint32_t r = 0; r < policy->rule_count; r++) {
        writer_text(writer, policy->rules[r].when);
        writer_text(writer, policy->rules[r].then);
    }
}

/* A code's first line: the others say the same. */
static bool is_first_line(const struct policy_catalogue *catalogue, uint32_t index)
{
    return assay_policy_reason_of(catalogue, catalogue->items[index].code) ==
           &catalogue->items[index];
}

static void put_reason_texts(struct assay_writer *writer, const struct policy_catalogue *catalogue)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < catalogue->count; i++) {
        count += is_first_line(catalogue, i) ? 1 : 0;
    }
    writer_u32(writer, count);
    for (uint32_t i = 0; i < catalogue->count; i++) {
        if (is_first_line(catalogue, i)) {
            writer_text(writer, catalogue->items[i].code);
            writer_text(writer, catalogue->items[i].en);
            writer_text(writer, catalogue->items[i].zh);
        }
    }
}

static void put_policy(struct assay_writer *writer, const struct assay_policies *policies,
                       const struct assay_policy *policy)
{
    writer_text(writer, policy->name);
    writer_text(writer, policy->plan->schema->events[policy->trigger].name);
    writer_text(writer, policy->event);
    writer_text(writer, policy->otherwise);
    put_model(writer, policies, policy);
    writer_u32(writer, policy->role_count);
    for (uint32_t i = 0; i < policy->role_count; i++) {
        writer_text(writer, assay_policy_role_entity(policy, i));
    }
    put_value_names(writer, policy);
    put_rules(writer, policy);
    put_reason_texts(writer, &policy->catalogue);
}

size_t assay_audit_plan_encode(const struct assay_policies *policies, size_t size, uint8_t out[])
{
    ASSAY_ASSERT(policies != NULL);
    struct assay_writer writer = {.out = (char *)out, .size = size};
    put_header(&writer, policies);
    writer_u64(&writer, policies->plan->hash[0]);
    writer_u64(&writer, policies->plan->hash[1]);
    writer_u32(&writer, policies->count);
    for (uint32_t i = 0; i < policies->count; i++) {
        put_policy(&writer, policies, policies->items[i]);
    }
    return writer.used;
}

/* --- a decision --- */

static void put_value(struct assay_writer *writer, const struct assay_value *value)
{
    writer_u8(writer, value->kind);
    writer_u8(writer, value->state);
    if (value->kind == ASSAY_KIND_TEXT) {
        writer_text(writer, value->cell.text);
    } else {
        writer_f64(writer, value->cell.number);
    }
}

/* A field of the trigger as the rules saw it. */
static struct assay_value field_value(const struct assay_event *event,
                                      const struct assay_event_def *def, uint32_t field)
{
    const enum assay_type type = def->fields[field].type;
    struct assay_value value = {.kind = ASSAY_KIND_NUMBER};
    if (assay_type_is_text(type)) {
        value.kind = ASSAY_KIND_TEXT;
        value.cell.text =
            assay_event_has(event, field) ? event->fields[field].text : (struct assay_str){0};
        return value;
    }
    value.kind = type == ASSAY_TYPE_BOOL ? ASSAY_KIND_BOOL : ASSAY_KIND_NUMBER;
    value.cell.number = assay_event_number(event, def, field);
    return value;
}

static void put_values(struct assay_writer *writer, const struct assay_decision *decision,
                       const struct assay_policy *policy)
{
    const struct assay_event_def *trigger = &policy->plan->schema->events[policy->trigger];
    for (uint32_t i = 0; i < policy->need_count; i++) {
        put_value(writer, &decision->values[i]);
    }
    for (uint32_t i = 0; i < policy->field_count; i++) {
        const struct assay_value value = field_value(decision->event, trigger, policy->fields[i]);
        put_value(writer, &value);
    }
}

static void put_verdict(struct assay_writer *writer, const struct assay_verdict_of_policy *verdict)
{
    ASSAY_ASSERT(verdict->reason_count <= ASSAY_POLICY_REASONS_MAX);
    writer_u32(writer, verdict->rule);
    writer_u8(writer, verdict->unexplained ? 1 : 0);
    writer_f64(writer, verdict->raw);
    writer_f64(writer, verdict->probability);
    writer_f64(writer, verdict->score);
    writer_f64(writer, verdict->baseline);
    writer_u32(writer, verdict->reason_count);
    for (uint32_t i = 0; i < verdict->reason_count; i++) {
        writer_text(writer, verdict->reasons[i].code);
        writer_text(writer, verdict->reasons[i].feature);
        writer_f64(writer, verdict->reasons[i].value);
        writer_f64(writer, verdict->reasons[i].points);
    }
    writer_u32(writer, verdict->contribution_count);
    for (uint32_t i = 0; i < verdict->contribution_count; i++) {
        writer_f64(writer, verdict->contributions[i]);
    }
}

size_t assay_audit_decision_encode(const struct assay_decision *decision,
                                   const struct assay_policies *policies, size_t size,
                                   uint8_t out[])
{
    ASSAY_ASSERT(decision->policy < policies->count);
    const struct assay_policy *policy = policies->items[decision->policy];
    struct assay_writer writer = {.out = (char *)out, .size = size};
    put_header(&writer, policies);
    writer_u32(&writer, decision->policy);
    writer_text(&writer, decision->origin.source);
    writer_text(&writer, decision->origin.topic);
    writer_u32(&writer, decision->origin.partition);
    writer_u64(&writer, decision->origin.offset);
    writer_u64(&writer, (uint64_t)decision->time_ms);
    writer_u64(&writer, decision->epoch);
    put_verdict(&writer, &decision->verdict);
    for (uint32_t i = 0; i < policy->role_count; i++) {
        writer_text(&writer, assay_decision_role_key(decision, policy, i));
    }
    put_values(&writer, decision, policy);
    return writer.used;
}
